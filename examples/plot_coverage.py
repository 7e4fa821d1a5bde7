"""
Does the certificate hold?
==========================

:meth:`SketchedRegression.conf_int <sparsesci.sketching.SketchedRegression.conf_int>` gives an
interval for each coefficient of the full least-squares solution, such that *all* of them hold at
once with the stated probability. Here we draw many sketches of the same data and count how often
that is so, at every confidence level, and also for the methods that get no certificate.
"""

# %%
# Four problems of the same size: normally distributed data, and the hard instances of
# :ref:`sphx_glr_auto_examples_plot_linf_hard_instances.py`.

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats

from sparsesci.datasets import make_gaussian_regression, make_linf_hard_instance
from sparsesci.sketching import SketchedRegression

n_rows, n_columns, n_components, n_draws = 2048, 32, 512, 80
sizes = (n_rows, n_columns, n_components)
problems = {
    "normal data": make_gaussian_regression(n_rows, n_columns, random_state=0),
    "residual spread over m / d rows": make_linf_hard_instance("spread", *sizes),
    "residual in one row": make_linf_hard_instance("spike", *sizes),
    "residual in pairs of rows": make_linf_hard_instance("pairs", *sizes),
}

# %%
# The intervals hold simultaneously at level :math:`1-\delta` when every error is below
# :math:`t^{-1}_{m-d}(1-\delta/(2d))` standard errors. So the largest studentised error of a draw
# decides at once which levels it passes: we compute the highest level at which it fails.


def failing_level(error, standard_error, rank):
    """Return the confidence level below which some interval misses the exact coefficient."""
    if rank < n_columns:  # a singular sketch says nothing about some coefficients
        return 1.0
    wrong = np.abs(error) > 1e-12
    if not wrong.any():
        return 0.0
    largest = np.max(np.abs(error[wrong]) / np.maximum(standard_error[wrong], 1e-300))
    tail = stats.t.sf(largest, n_components - n_columns)
    return 1.0 - min(1.0, 2 * n_columns * tail)


def sketched(kind, A, b, draw):
    """Return coefficients, standard errors and rank of a sketched regression."""
    model = SketchedRegression(n_components, sketch=kind, fit_intercept=False, random_state=draw)
    model.fit(A, b)
    return model.coef_, model.coef_stderr_, model.rank_


def sampled_rows(A, b, draw):
    """Return the same of a regression on rows that are drawn uniformly."""
    rows = np.random.default_rng(draw).choice(len(b), n_components)
    coef, _, rank, _ = np.linalg.lstsq(A[rows], b[rows], rcond=None)
    variance = np.sum((b[rows] - A[rows] @ coef) ** 2) / (n_components - n_columns)
    return coef, np.sqrt(variance * np.diag(np.linalg.pinv(A[rows].T @ A[rows]))), rank


methods = {
    "gaussian": ("tab:green", "-"),
    "srht": ("tab:blue", "-"),
    "sparse_sign": ("tab:orange", "--"),
    "countsketch": ("tab:red", "--"),
    "sampled rows": ("0.5", ":"),
}
levels = {}
for title, (A, b) in problems.items():
    exact = np.linalg.lstsq(A, b, rcond=None)[0]
    for name in methods:
        draws = []
        for draw in range(n_draws):
            if name == "sampled rows":
                coef, standard_error, rank = sampled_rows(A, b, draw)
            else:
                coef, standard_error, rank = sketched(name, A, b, draw)
            draws.append(failing_level(coef - exact, standard_error, rank))
        levels[title, name] = np.sort(draws)

# %%
# A method whose intervals are right follows the diagonal, or lies slightly above it, because
# Bonferroni's inequality gives a little away. The grey band is where 95 % of the points fall by
# chance alone.

nominal = np.linspace(0.5, 0.999, 200)
low, high = stats.binom.interval(0.95, n_draws, nominal)

figure, axes = plt.subplots(2, 2, figsize=(9, 8), layout="constrained", sharex=True, sharey=True)
for ax, title in zip(axes.flat, problems):
    ax.fill_between(nominal, low / n_draws, high / n_draws, color="0.93")
    ax.plot(nominal, nominal, color="0.75", linewidth=1)
    for name, (colour, style) in methods.items():
        coverage = np.searchsorted(levels[title, name], nominal, side="right") / n_draws
        ax.plot(nominal, coverage, color=colour, linestyle=style, linewidth=1.8, label=name)
    ax.set(title=title, xlim=(0.5, 1.0), ylim=(-0.03, 1.03))
for ax in axes[1]:
    ax.set_xlabel("stated confidence level")
for ax in axes[:, 0]:
    ax.set_ylabel("draws in which all intervals hold")
axes[0, 0].legend(frameon=False, loc="lower right")
plt.show()
