"""Registered comparisons: coresets against uniform subsamples, all data, and mini-batches."""

import numpy as np
import scipy.optimize
from sklearn.utils import Bunch

from sparsesci.compare._model import OURS, Case, Comparison, Contender, Metric
from sparsesci.datasets import make_far_clusters, make_robust_regression


def excess_cost(problem, coef):
    """Return the sum of absolute residuals relative to the least possible, minus one."""
    return float(max(np.abs(problem.X @ coef - problem.y).sum() / problem.least - 1.0, 1e-16))


def least_deviation(X, y):
    """Return the least sum of absolute residuals, by HiGHS on the dual linear programme."""
    return -scipy.optimize.linprog(-y, A_eq=X.T, b_eq=np.zeros(X.shape[1]), bounds=(-1, 1), method="highs").fun


def _regression_problem(n, d, m):
    def prepare(seed):
        X, y, _ = make_robust_regression(n, d, random_state=seed)
        return Bunch(X=X, y=y, n_samples=m, least=least_deviation(X, y))

    return prepare


def _quantile_fit(X, y, weights=None):
    from sklearn.linear_model import QuantileRegressor

    return QuantileRegressor(alpha=0, fit_intercept=False).fit(X, y, sample_weight=weights).coef_


def _lp_coreset(score):
    def prepare(problem, n_jobs):
        from sparsesci.sampling import LpCoreset

        def call(seed):
            coreset = LpCoreset(problem.n_samples, 1, score, random_state=seed, n_jobs=n_jobs)
            return _quantile_fit(*coreset.fit_resample(problem.X, problem.y))

        return call

    return prepare


def _uniform_regression(problem, n_jobs):
    def call(seed):
        kept = np.random.default_rng(seed).choice(len(problem.y), problem.n_samples, replace=False)
        return _quantile_fit(problem.X[kept], problem.y[kept])

    return call


def _all_rows(problem, n_jobs):
    return lambda seed: _quantile_fit(problem.X, problem.y)


def _regression_cases(size):
    n, d, m = (3000, 5, 200) if size == "quick" else (20_000, 10, 500)
    metric = Metric("excess cost", "sum of absolute residuals of all rows over the least one, minus one", excess_cost)
    contenders = (
        Contender("LpCoreset, root leverage", "sparsesci", _lp_coreset("root_leverage"), OURS, True),
        Contender("LpCoreset, Lewis weights", "sparsesci", _lp_coreset("lewis"), OURS, True),
        Contender("uniform subsample", "sklearn", _uniform_regression, randomised=True, note="as many rows"),
        Contender("QuantileRegressor, all rows", "sklearn", _all_rows, note="exact"),
    )
    title = f"Least absolute deviations, {n} × {d}, {m} rows kept"
    return (Case(title, _regression_problem(n, d, m), contenders, (metric,)),)


def relative_cost(problem, centres):
    """Return the k-means cost of all points relative to that of a fit on all of them."""
    squares = (problem.X**2).sum(axis=1)[:, np.newaxis] - 2 * problem.X @ centres.T + (centres**2).sum(axis=1)
    return float(squares.min(axis=1).sum() / problem.cost)


def _clustering_problem(n, m):
    def prepare(seed):
        from sklearn.cluster import KMeans

        X = make_far_clusters(n, random_state=seed).X
        return Bunch(X=X, k=8, n_samples=m, cost=KMeans(8, n_init=5, random_state=seed).fit(X).inertia_)

    return prepare


def _kmeans(problem, seed, X, weights=None):
    from sklearn.cluster import KMeans

    return KMeans(problem.k, n_init=5, random_state=seed).fit(X, sample_weight=weights).cluster_centers_


def _kmeans_coreset(method):
    def prepare(problem, n_jobs):
        from sparsesci.sampling import KMeansCoreset

        def call(seed):
            coreset = KMeansCoreset(problem.n_samples, problem.k, method, random_state=seed, n_jobs=n_jobs)
            points, _, weights = coreset.fit_resample(problem.X)
            return _kmeans(problem, seed, points, weights)

        return call

    return prepare


def _uniform_kmeans(problem, n_jobs):
    def call(seed):
        kept = np.random.default_rng(seed).choice(len(problem.X), problem.n_samples, replace=False)
        return _kmeans(problem, seed, problem.X[kept])

    return call


def _mini_batches(problem, n_jobs):
    from sklearn.cluster import MiniBatchKMeans

    return lambda seed: MiniBatchKMeans(problem.k, n_init=5, random_state=seed).fit(problem.X).cluster_centers_


def _all_points(problem, n_jobs):
    return lambda seed: _kmeans(problem, seed, problem.X)


def _clustering_cases(size):
    n, m = (10_000, 300) if size == "quick" else (100_000, 1000)
    metric = Metric(
        "relative cost", "k-means cost of all points over that of a fit on all of them", relative_cost, log=False
    )
    contenders = (
        Contender("KMeansCoreset, sensitivity", "sparsesci", _kmeans_coreset("sensitivity"), OURS, True),
        Contender("KMeansCoreset, lightweight", "sparsesci", _kmeans_coreset("lightweight"), OURS, True),
        Contender("uniform subsample", "sklearn", _uniform_kmeans, randomised=True, note="as many points"),
        Contender("MiniBatchKMeans", "sklearn", _mini_batches, randomised=True),
        Contender("KMeans, all points", "sklearn", _all_points, randomised=True),
    )
    return (Case(f"Far tiny clusters, {n} points, {m} kept", _clustering_problem(n, m), contenders, (metric,)),)


COMPARISONS = (
    Comparison(
        "lp_coreset",
        "coresets for robust regression",
        "How close to the best fit does a regression on a few weighted rows come?",
        "none published",
        _regression_cases,
    ),
    Comparison(
        "kmeans_coreset",
        "coresets for k-means",
        "What does k-means on a few weighted points cost, on all of them?",
        "none on this data",
        _clustering_cases,
    ),
)
