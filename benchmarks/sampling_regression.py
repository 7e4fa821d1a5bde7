"""Benchmarks of l_p and quantile regression; run as a script, it prints the ratios to other packages."""

import argparse
import time
import warnings

import numpy as np

from sparsesci.datasets import make_robust_regression
from sparsesci.sampling import LpRegression, QuantileRegression


class Median:
    """Time and iterations of least absolute deviations."""

    params = ([(2000, 5), (20_000, 10), (200_000, 10)], ["ipm", "preprocess"])
    param_names = ("shape", "solver")

    def setup(self, shape, solver):
        self.X, self.y, _ = make_robust_regression(*shape, random_state=0)
        self.model = LpRegression(p=1, solver=solver)
        self.model.fit(self.X, self.y)

    def time_fit(self, shape, solver):
        self.model.fit(self.X, self.y)

    def peakmem_fit(self, shape, solver):
        self.model.fit(self.X, self.y)

    def track_iterations(self, shape, solver):
        return self.model.n_iter_

    def track_gap(self, shape, solver):
        return self.model.dual_gap_


class Powers:
    """Time of l_p regression on 20000 rows of ten features."""

    params = ([1.1, 1.5, 3, 8],)
    param_names = ("p",)

    def setup(self, p):
        self.X, self.y, _ = make_robust_regression(20_000, 10, random_state=0)
        self.model = LpRegression(p=p).fit(self.X, self.y)

    def time_fit(self, p):
        self.model.fit(self.X, self.y)

    def track_gap(self, p):
        return self.model.dual_gap_


class Extreme:
    """Iterations for a quantile in the tail, among gross errors."""

    def setup(self):
        X, y, _ = make_robust_regression(20_000, 10, random_state=0)
        self.model = QuantileRegression(0.99).fit(X, y)

    def track_iterations(self):
        return self.model.n_iter_


def loss(X, y, coef, intercept):
    return 0.5 * np.abs(y - X @ coef - intercept).sum()


def scikit_learn(X, y):
    from sklearn.linear_model import QuantileRegressor

    model = QuantileRegressor(quantile=0.5, alpha=0, solver="highs").fit(X, y)
    return model.coef_, model.intercept_


def statsmodels(X, y):
    from statsmodels.regression.quantile_regression import QuantReg

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        params = QuantReg(y, np.column_stack([np.ones(len(y)), X])).fit(q=0.5).params
    return params[1:], params[0]


def ours(solver):
    def fit(X, y):
        model = QuantileRegression(0.5, solver=solver).fit(X, y)
        return model.coef_, model.intercept_

    return fit


CONTENDERS = {
    "interior point": ours("ipm"),
    "through a coreset": ours("preprocess"),
    "scikit-learn": scikit_learn,
    "statsmodels": statsmodels,
}


def ratios(n, d, names, rounds):
    """Print median times relative to the first contender, from interleaved rounds, and objectives relative to its."""
    X, y, _ = make_robust_regression(n, d, random_state=0)
    times, losses = {name: [] for name in names}, {}
    for name in names:
        if name != "scikit-learn" or n <= 5000:
            CONTENDERS[name](X, y)
    for _ in range(rounds):
        for name in names:
            begin = time.perf_counter()
            solution = CONTENDERS[name](X, y)
            times[name].append(time.perf_counter() - begin)
            losses[name] = loss(X, y, *solution)
    first = names[0]
    for name in names[1:]:
        ratio = np.array(times[name]) / np.array(times[first])
        print(
            f"{n} x {d}: {name} / {first}: {np.median(ratio):.4g} [{ratio.min():.4g} ... {ratio.max():.4g}], "
            f"objective {losses[name] / losses[first] - 1:+.1e}",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figure", choices=["small", "large", "coreset"])
    figure = parser.parse_args().figure
    if figure == "small":
        ratios(2000, 5, ["interior point", "through a coreset", "scikit-learn", "statsmodels"], 9)
    elif figure == "large":
        ratios(20_000, 10, ["interior point", "through a coreset", "statsmodels", "scikit-learn"], 3)
    else:
        for shape in ((50_000, 10), (200_000, 10), (200_000, 30)):
            ratios(*shape, ["through a coreset", "interior point"], 7)
