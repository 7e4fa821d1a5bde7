r"""
Coresets for robust regression
==============================

A median regression on twenty thousand rows, of which thirty have a large leverage and two in a hundred have targets
that are grossly wrong. How many rows does one need, and which?
"""

# %%
# Every row gets a score that bounds its share of the sum of absolute residuals, here the root of the leverage score of
# ``[X y]``. Rows are kept with probabilities in proportion to it, and weighted by the inverse. The rows with large
# scores are kept for certain; the rest of the weight is shared by the many.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import QuantileRegressor

from sparsesci.datasets import make_robust_regression
from sparsesci.sampling import CoresetDisplay, LpCoreset

X, y, coef = make_robust_regression(20_000, 5, random_state=0)
coreset = LpCoreset(300, p=1, random_state=0).fit(X, y)
figure, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
CoresetDisplay.from_estimator(coreset, ax=ax)
ax.set_ylabel("root leverage score")


# %%
# The kept rows go into any regression that takes weights. How much more than the least possible does its solution cost
# on all rows? Medians of 9 samples, with the middle half of them.


def cost(coefficients):
    """Return the sum of absolute residuals of all rows."""
    return np.abs(X @ coefficients - y).sum()


def solution(rows, targets, weights):
    """Return the coefficients of a median regression."""
    model = QuantileRegressor(alpha=0, fit_intercept=False)
    return model.fit(rows, targets, sample_weight=weights).coef_


least = cost(solution(*LpCoreset(2000, p=1, score="lewis", random_state=0).fit_resample(X, y)))
sizes = np.array([50, 100, 200, 400])
names = {"uniform": "uniform", "root_leverage": "root leverage", "lewis": "Lewis weights"}
excess = {score: np.empty((len(sizes), 9)) for score in names}
for score, values in excess.items():
    for i, size in enumerate(sizes):
        for seed in range(values.shape[1]):
            sample = LpCoreset(size, p=1, score=score, random_state=seed).fit_resample(X, y)
            found = cost(solution(*sample))
            least = min(least, found)
            values[i, seed] = found

figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for marker, (score, values) in zip("sov", excess.items()):
    low, middle, high = 100 * (np.quantile(values, (0.25, 0.5, 0.75), axis=1) / least - 1)
    ax.plot(sizes, middle, f"{marker}-", label=names[score])
    ax.fill_between(sizes, low, high, alpha=0.2)
ax.set(xscale="log", yscale="log", xlabel="rows kept, of 20000", ylabel="excess cost (%)")
ax.set_xticks(sizes, sizes)
ax.set_yticks([0.3, 1, 3], ["0.3", "1", "3"])
ax.minorticks_off()
ax.legend(frameon=False)

plt.show()
