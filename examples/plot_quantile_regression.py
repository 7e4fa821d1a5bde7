"""
Quantile bands, gross errors, and how time grows
================================================

Regression on conditional quantiles shows what a regression on the mean cannot: how the spread of the target changes.
The one on the median does not care about gross errors. Both are linear programs, and slow as such; an interior point
solves them in the time of ten or twenty least-squares fits, and proves how far from the optimum it stopped.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression, QuantileRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer

from sparsesci.datasets import make_robust_regression
from sparsesci.sampling import LpRegression, QuantileRegression

# %%
# Progression of diabetes over the body mass index
# ------------------------------------------------
#
# The 442 patients that scikit-learn ships. Five quantiles, each a quadratic spline with four knots: the upper half
# of the distribution rises with the body mass index, and the lower tail hardly does before it is large.

X, y = load_diabetes(return_X_y=True, scaled=False)
index = X[:, [2]]
grid = np.linspace(*np.quantile(index, [0.01, 0.99]), 200).reshape(-1, 1)
quantiles = (0.05, 0.25, 0.5, 0.75, 0.95)
spline = SplineTransformer(n_knots=4, degree=2, knots="quantile", include_bias=False)
curves, gaps = {}, {}
for quantile in quantiles:
    model = make_pipeline(spline, QuantileRegression(quantile)).fit(index, y)
    curves[quantile] = model.predict(grid)
    gaps[quantile] = model[-1].dual_gap_
    below = np.mean(y < model.predict(index) - 1e-9)
    print(f"quantile {quantile}: {below:.3f} of the patients below, relative duality gap {gaps[quantile]:.0e}")

figure, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
ax.scatter(index, y, s=9, color="0.55", linewidths=0)
x = grid[:, 0]
ax.fill_between(x, curves[0.05], curves[0.95], color="tab:blue", alpha=0.15, linewidth=0, label="5 % to 95 %")
ax.fill_between(x, curves[0.25], curves[0.75], color="tab:blue", alpha=0.3, linewidth=0, label="25 % to 75 %")
ax.plot(x, curves[0.5], color="tab:blue", linewidth=2, label="median")
ax.plot(x, make_pipeline(spline, LinearRegression()).fit(index, y).predict(grid), "k--", linewidth=1, label="mean")
ax.set(xlabel="body mass index", ylabel="progression after one year", xlim=(x[0], x[-1]))
ax.legend(frameon=False, loc="upper left")

# %%
# Gross errors
# ------------
#
# A growing share of the targets gets a factor of ten, as when a decimal point is lost. All ten measurements are used;
# shown is how far the predictions move from those of the clean data, in the root mean square.

rng = np.random.default_rng(0)
order = rng.permutation(len(y))
shares = np.linspace(0, 0.2, 11)
methods = {
    "p = 2, least squares": (2, "tab:red"),
    "p = 1.5": (1.5, "tab:orange"),
    "p = 1.1": (1.1, "tab:green"),
    "p = 1, median": (1, "tab:blue"),
}
figure, ax = plt.subplots(figsize=(7, 3.8), layout="constrained")
for name, (p, color) in methods.items():
    clean = LpRegression(p).fit(X, y).predict(X)
    moved = []
    for share in shares:
        spoiled = y.copy()
        spoiled[order[: round(share * len(y))]] *= 10
        moved.append(np.sqrt(np.mean((LpRegression(p).fit(X, spoiled).predict(X) - clean) ** 2)) / y.std())
    ax.plot(100 * shares, moved, "o-", markersize=4, color=color, label=name)
ax.set(xlabel="targets multiplied by ten [%]", ylabel="shift of the predictions / std(y)", ylim=(0, 3))
ax.legend(frameon=False)

# %%
# How time grows
# --------------
#
# Five features of heavy tails, one thread, the shortest of a few runs; the linear program is run once, up to sizes
# where it takes seconds. From
# some ten thousand rows on a coreset tells most of the residuals' signs, and the exact problem that is left is small.


def seconds(model, n):
    X, y, _ = make_robust_regression(n, 5, random_state=0)
    begin = time.perf_counter()
    model.fit(X, y)
    return time.perf_counter() - begin


contenders = {
    "linear program (QuantileRegressor, HiGHS)": (QuantileRegressor(alpha=0, solver="highs"), 2_000, 1, "tab:red"),
    "interior point": (QuantileRegression(solver="ipm"), 128_000, 3, "tab:blue"),
    "through a coreset": (QuantileRegression(solver="preprocess"), 128_000, 3, "tab:green"),
    "least squares (LinearRegression)": (LinearRegression(), 128_000, 3, "0.4"),
}
figure, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
for name, (model, largest, runs, color) in contenders.items():
    sizes = [n for n in (500, 1_000, 2_000, 8_000, 32_000, 128_000) if n <= largest]
    seconds(model, sizes[0])  # compilation
    times = [min(seconds(model, n) for _ in range(runs)) for n in sizes]
    ax.loglog(sizes, times, "o-", markersize=4, color=color, label=name)
ax.set(xlabel="rows", ylabel="seconds")
ax.grid(alpha=0.3)
ax.legend(frameon=False)

plt.show()
