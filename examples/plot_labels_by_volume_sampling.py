"""
How many labels does a regression need?
=======================================

Labels can be dear: an experiment, a simulation, an expert's hour. Which rows of a table should be labelled, so that
least squares on them is nearly as good on *all* rows as if all were labelled? This example compares four ways of
choosing on two real problems, and asks each for the number of labels at which the loss exceeds the best one by 1 %.
"""

# %%
# The problems: the green channel of a pixel from the pixels around it, in a photograph of a flower, and the digit from
# the pixels of a handwritten one. A few pixels of the flower, at its edges, have very high leverage; those of the
# digits are alike, and there are not many more of them than are needed.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from sparsesci.datasets import load_image_regression
from sparsesci.sampling import volume_sample

X, y = load_image_regression("flower.jpg", radius=1, return_X_y=True)
rows = np.random.default_rng(0).choice(len(y), 8000, replace=False)
digits = load_digits()
varying = digits.data.std(axis=0) > 0
problems = {
    "pixels of a flower": (X[rows], y[rows], 4.0 ** np.append(np.arange(0, 4.1, 0.5), 4.1)),
    "handwritten digits": (
        digits.data[:, varying],
        digits.target.astype(float),
        2.0 ** np.append(np.arange(0, 4.6, 0.5), 4.75),
    ),
}


def least_squares(X, y, rows, weights):
    scale = np.sqrt(weights)
    return np.linalg.lstsq(X[rows] * scale[:, None], y[rows] * scale, rcond=None)[0]


def uniform(X, leverage, size, seed):
    return np.random.default_rng(seed).choice(len(X), size, replace=False), np.ones(size)


def by_leverage(X, leverage, size, seed):
    chosen = np.random.default_rng(seed).choice(len(X), size, p=leverage / leverage.sum())
    return chosen, 1 / leverage[chosen]


samplers = {
    "uniform": uniform,
    "leverage, independent": by_leverage,
    "volume": lambda X, leverage, size, seed: volume_sample(X, size, random_state=seed),
    "volume, rescaled": lambda X, leverage, size, seed: volume_sample(X, size, rescaled=True, random_state=seed),
}

# %%
# With a column of ones for the intercept there are 25 and 62 coefficients. The excess of a fit is by how much its loss
# on all rows exceeds the smallest loss, relative to it. Rows that are drawn twice are labelled once, and count once.

repetitions = 25
results = {}
for problem, (X, y, ratios) in problems.items():
    X = np.column_stack([np.ones(len(X)), X])
    best = np.linalg.lstsq(X, y, rcond=None)[0]
    least = np.sum((X @ best - y) ** 2)
    gram, leverage = X.T @ X, np.sum(np.linalg.qr(X)[0] ** 2, axis=1)
    for name, draw in samplers.items():
        labels, excess = np.empty((2, len(ratios), repetitions))
        for i, ratio in enumerate(ratios):
            for seed in range(repetitions):
                chosen, weights = draw(X, leverage, int(ratio * X.shape[1]), seed)
                error = least_squares(X, y, chosen, weights) - best
                labels[i, seed], excess[i, seed] = len(np.unique(chosen)), error @ gram @ error / least
        results[problem, name] = labels.mean(axis=1), excess

# %%
# Where does the mean excess fall below 1 %? The answer is interpolated between the sizes that were tried, and given
# with a 95 % interval, from a bootstrap over the repetitions.


def labels_needed(labels, excess, target=0.01):
    """Return the number of labels where the mean excess falls below the target; NaN if that was not seen."""
    curve = np.log(excess.mean(axis=1))
    below = np.flatnonzero(curve < np.log(target))
    if below.size == 0:
        return np.nan
    i = max(below[0], 1)
    return np.exp(np.interp(np.log(target), curve[[i, i - 1]], np.log(labels[[i, i - 1]])))


generator = np.random.default_rng(0)
for problem, (X, _, _) in problems.items():
    print(f"{problem}, {len(X)} rows, {X.shape[1] + 1} coefficients: labels for an excess of 1 %")
    for name in samplers:
        labels, excess = results[problem, name]
        drawn = [labels_needed(labels, excess[:, generator.integers(0, repetitions, repetitions)]) for _ in range(200)]
        found = labels_needed(labels, excess)
        if np.isnan(found):
            print(f"  {name:>22}: more than {labels[-1]:.0f}")
        else:
            low, high = np.nanquantile(drawn, [0.025, 0.975])
            print(f"  {name:>22}: {found:5.0f}  ({low:.0f} to {high:.0f})")

# %%
# Means over the repetitions, with bands of two standard errors.

figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained", sharey=True)
colours = dict(zip(samplers, ("0.5", "tab:green", "tab:blue", "tab:orange")))
for ax, (problem, (X, _, _)) in zip(axes, problems.items()):
    for name in samplers:
        labels, excess = results[problem, name]
        mean, error = excess.mean(axis=1), excess.std(axis=1) / np.sqrt(repetitions)
        ax.loglog(labels, mean, ".-", color=colours[name], label=name)
        ax.fill_between(
            labels, np.maximum(mean - 2 * error, mean / 5), mean + 2 * error, color=colours[name], alpha=0.2
        )
    ax.axhline(0.01, color="black", linewidth=0.8, linestyle=":")
    ax.axvline(len(X), color="0.8", linewidth=0.8)
    ax.text(len(X), 0.97, "all rows ", ha="right", va="top", color="0.5", transform=ax.get_xaxis_transform())
    ax.set(xlabel="labels", title=f"{problem}, {X.shape[1] + 1} coefficients", ylim=(2e-3, 100))
axes[0].set_ylabel("excess loss on all rows")
axes[0].legend(loc="lower left")
plt.show()

# %%
# Where some rows have a high leverage, they must not be missed: leverage scores and rescaled volume sampling need a
# fifth of the labels of a uniform choice here, while plain volume sampling, after its first rows, is a uniform choice.
# Where all rows are alike, and many of them are needed, the plain version is a little better: it never repeats a row,
# and has no weights that vary. With as few labels as coefficients the mean excess of uniform and of independent rows is
# beyond the picture, as they may fail to span the space; that of volume sampling is the number of coefficients,
# whatever the data. Both versions of it are unbiased besides: the mean of the fits is the fit to all labels.
