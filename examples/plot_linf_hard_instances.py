r"""
Why dense sketches: errors of single coefficients
=================================================

All common sketches bound the *Euclidean norm* of the error of a sketched regression. Dense ones
do more: they spread the error evenly over the coefficients, so that the largest one is smaller by
about :math:`\sqrt d`. Sparse embeddings and row sampling can put the whole error on a single
coefficient.

Price, Song and Woodruff (ICALP 2017) proved that there are problems for which this happens. The
three below are our own constructions, each aimed at one method. In all of them the exact
coefficients are zero, the residual has norm one and all singular values of A are one.
"""

# %%
# One draw first. The residual sits on a few rows, and CountSketch adds each of them to one row of
# the sketch. If a row of A that determines a coefficient goes to the same place, that coefficient
# takes the whole entry; we show the first draw in which this happens. The SRHT mixes all rows,
# and no coefficient stands out.

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats

from sparsesci.datasets import make_linf_hard_instance
from sparsesci.sketching import make_sketch

n_rows, n_columns, n_components, n_draws = 4096, 64, 1024, 30


def sketched_error(kind, A, b, draw):
    """Return the coefficients of a sketched regression: the exact ones are zero."""
    if kind == "sampled rows":
        rows = np.random.default_rng(draw).choice(n_rows, n_components)
        sketched = np.column_stack([A, b])[rows]
    else:
        operator = make_sketch(kind, n_components, n_rows, random_state=draw)
        sketched = operator.sketch(np.column_stack([A, b]))
    return np.linalg.lstsq(sketched[:, :-1], sketched[:, -1], rcond=None)[0]


A, b = make_linf_hard_instance("spread", n_rows, n_columns, n_components)
first = next(i for i in range(n_draws) if sketched_error("countsketch", A, b, i).any())
figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained", sharey=True)
for ax, kind, colour in zip(axes, ("srht", "countsketch"), ("tab:blue", "tab:red")):
    error = np.abs(sketched_error(kind, A, b, first))
    ax.vlines(np.arange(n_columns), 0, error, color=colour, linewidth=2.5)
    ax.set(title=f"{kind}: norm of the error {np.linalg.norm(error):.2f}", xlabel="coefficient")
axes[0].set_ylabel("absolute error")

# %%
# Now many draws of every sketch on every instance. Errors are multiplied by :math:`\sqrt m`. In
# these units the bound for the Euclidean norm is :math:`\sqrt d`, and for a Gaussian sketch the
# law of the error is known: 95 % of the draws stay below the dashed line.

instances = {
    "spread": "residual spread over m / d rows\n(aimed at CountSketch)",
    "spike": "residual in one row\n(aimed at all sparse sketches)",
    "pairs": "residual in pairs of rows\n(aimed at row sampling)",
}
kinds = ("gaussian", "srht", "sparse_sign", "countsketch", "sampled rows")
colours = ("tab:green", "tab:blue", "tab:orange", "tab:red", "0.5")
degrees_of_freedom = n_components - n_columns + 1
gaussian_bound = stats.t.isf(0.05 / (2 * n_columns), degrees_of_freedom)
gaussian_bound *= np.sqrt(n_components / degrees_of_freedom)

figure, axes = plt.subplots(1, 3, figsize=(11, 4.8), layout="constrained", sharey=True)
jitter = np.random.default_rng(0).uniform(-0.25, 0.25, n_draws)
for ax, (instance, title) in zip(axes, instances.items()):
    A, b = make_linf_hard_instance(instance, n_rows, n_columns, n_components)
    for position, (kind, colour) in enumerate(zip(kinds, colours)):
        largest = [np.abs(sketched_error(kind, A, b, draw)).max() for draw in range(n_draws)]
        scaled = np.maximum(np.sqrt(n_components) * np.array(largest), 0.05)
        ax.scatter(position + jitter, scaled, s=14, color=colour, alpha=0.6, linewidth=0)
    ax.axhline(np.sqrt(n_columns), color="0.7", linewidth=1)
    ax.axhline(gaussian_bound, color="0.7", linewidth=1, linestyle="--")
    ax.set(title=title, yscale="log", xticks=range(len(kinds)))
    ax.set_xticklabels(kinds, rotation=40, ha="right")
axes[0].set_ylabel(r"$\sqrt{m}$ × largest error of a coefficient")
axes[0].text(4.4, 1.06 * np.sqrt(n_columns), r"$\sqrt{d}$", color="0.4", ha="right")
plt.show()

# %%
# Draws at the bottom, at 0.05, are draws without any error: where sparse sketches and samples
# miss, they miss the residual altogether. That is what makes them hard to use with confidence:
# they are mostly very good and sometimes bad, and the sketch does not show which.
