"""
Channel estimation over a reflecting surface
============================================

A base station wants to know its channel to a mobile over a reflecting surface. The surface shows six patterns, the
mobile sends three pilots in each, the base station has sixteen antennas: 288 numbers for 18 x 18 x 18 coefficients, of
which a box of nine is not zero. We repeat the experiment of He and Joseph (arXiv:2307.14719) and draw our errors beside
those that the authors' own code stored.
"""

# %%
# The bare block solver :func:`~sparsesci.sbl.kron_sbl` starts from a flat prior. With restarts, the evidence chooses
# among several minima, and backward elimination removes columns that are not worth a parameter. Neither is the authors'
# algorithm: the model is theirs, the updates are our own.

import warnings

import matplotlib.pyplot as plt
import numpy as np

from sparsesci.datasets import make_irs_mimo_channel
from sparsesci.sbl import kron_sbl, nmse

warnings.simplefilter("ignore")  # a few runs at low SNR end at max_iter
snrs, n_trials = np.array([4, 8, 12, 16, 20]), 16
recipes = {"flat start": {}, "restarts and elimination": {"n_restarts": 10, "refine": "backward"}}


def channel_error(problem, result):
    """Return the squared error of the channel relative to its squared norm, averaged over the patterns."""
    X = result.core
    for axis, (factor, columns) in enumerate(zip(problem.channel_factors, result.supports)):
        X = np.moveaxis(np.tensordot(factor[:, columns], X, axes=(1, axis)), 0, axis)
    return np.mean([nmse(estimate, truth) for estimate, truth in zip(X.transpose(0, 2, 1), problem.channels)])


errors = {name: np.empty((len(snrs), n_trials)) for name in recipes}
for i, snr in enumerate(snrs):
    for trial in range(n_trials):
        problem = make_irs_mimo_channel(snr, random_state=trial)
        for name, options in recipes.items():
            result = kron_sbl(problem.Y, problem.dictionaries, noise_var=problem.noise_var, random_state=0, **options)
            errors[name][i, trial] = channel_error(problem, result)

# %%
# A pattern under which the channel nearly vanishes has a huge relative error, so that means over trials are set by
# single draws: medians are drawn, and every trial as a dot. The published medians are over the authors' 50 trials, with
# other draws of pilots and patterns than ours.

published = {
    "AM (published)": [0.949, 0.156, 0.0229, 0.0051, 0.0012],
    "SVD (published)": [0.431, 0.0910, 0.0102, 0.0038, 0.0013],
    "pattern-coupled (published)": [0.125, 0.0370, 0.0120, 0.0042, 0.0015],
}
fig, ax = plt.subplots(figsize=(7.5, 4.8), layout="constrained")
for (name, medians), marker in zip(published.items(), "s^D"):
    ax.semilogy(snrs, medians, marker + "--", color="0.45", lw=1, ms=5, label=name)
for shift, (name, values), colour in zip((-0.15, 0.15), errors.items(), ("tab:blue", "tab:red")):
    ax.semilogy(np.repeat(snrs + shift, n_trials), values.ravel(), ".", color=colour, alpha=0.3, ms=5)
    ax.semilogy(snrs, np.median(values, axis=1), "o-", color=colour, lw=2, label=f"kron_sbl, {name}")
ax.set_xticks(snrs)
ax.set_xlabel("signal-to-noise ratio (dB)")
ax.set_ylabel("normalised squared error (median)")
ax.set_title("Error of the channel estimate")
ax.grid(alpha=0.3, which="both", lw=0.4)
ax.legend(frameon=False, fontsize=9)

# %%
# What was found in one of the problems: the true coefficients, summed over the departure angles, and the estimate.

problem = make_irs_mimo_channel(12, random_state=5)
result = kron_sbl(
    problem.Y, problem.dictionaries, noise_var=problem.noise_var, n_restarts=10, refine="backward", random_state=0
)
fig, axes = plt.subplots(1, 2, figsize=(8, 3.8), layout="constrained", sharey=True)
for ax, X, title in zip(axes, (problem.coef, result.to_dense()), ("truth", "estimate")):
    image = ax.imshow(np.sqrt((np.abs(X) ** 2).sum(axis=1)), cmap="magma", origin="lower")
    ax.set_title(title)
    ax.set_xlabel("angle at the base station (grid point)")
axes[0].set_ylabel("difference of angles at the surface (grid point)")
fig.colorbar(image, ax=axes, label="magnitude", shrink=0.9)
plt.show()
