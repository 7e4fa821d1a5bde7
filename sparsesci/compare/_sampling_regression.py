"""Registered comparisons: quantile regression against linear programming and reweighted least squares."""

import numpy as np
from sklearn.utils import Bunch

from sparsesci.compare._model import OURS, Case, Comparison, Contender, Metric
from sparsesci.datasets import make_robust_regression


def _loss(problem, coef, intercept):
    residual = problem.y - problem.X @ coef - intercept
    return float(problem.quantile * residual.sum() - np.minimum(residual, 0).sum())


def objective_excess(problem, output):
    """Return by how much the loss exceeds the lower bound that our dual point proves, relative to it."""
    return (_loss(problem, *output) - problem.bound) / problem.bound


def coefficient_error(problem, output):
    """Return the distance of the coefficients from those of the solution."""
    return float(np.abs(output[0] - problem.coef).max() / np.abs(problem.coef).max())


_EXCESS = Metric("objective excess", "loss above a proved lower bound, relative to it", objective_excess)
_ERROR = Metric("coefficient error", "largest error of a coefficient, relative to the largest", coefficient_error)


def _problem(n_samples, n_features, quantile):
    def make(seed):
        from sparsesci.sampling import QuantileRegression

        X, y, _ = make_robust_regression(n_samples, n_features, random_state=seed)
        model = QuantileRegression(quantile).fit(X, y)
        bound = model.objective_ * (1 - model.dual_gap_)
        return Bunch(X=X, y=y, quantile=quantile, bound=bound, coef=model.coef_)

    return make


def _ours(solver):
    def prepare(problem, n_jobs):
        from sparsesci.sampling import QuantileRegression

        def call(seed):
            model = QuantileRegression(problem.quantile, solver=solver, n_jobs=n_jobs).fit(problem.X, problem.y)
            return model.coef_, model.intercept_

        return call

    return prepare


def _sklearn(problem, n_jobs):
    from sklearn.linear_model import QuantileRegressor

    def call(seed):
        model = QuantileRegressor(quantile=problem.quantile, alpha=0, solver="highs").fit(problem.X, problem.y)
        return model.coef_, model.intercept_

    return call


def _statsmodels(problem, n_jobs):
    from statsmodels.regression.quantile_regression import QuantReg

    rows = np.column_stack([np.ones(len(problem.y)), problem.X])

    def call(seed):
        params = QuantReg(problem.y, rows).fit(q=problem.quantile).params
        return params[1:], params[0]

    return call


_CONTENDERS = (
    Contender("interior point", "sparsesci", _ours("ipm"), OURS),
    Contender("through a coreset", "sparsesci", _ours("preprocess"), OURS),
    Contender("QuantileRegressor", "sklearn", _sklearn, note="linear program, HiGHS"),
    Contender(
        "QuantReg", "statsmodels", _statsmodels, note="reweighted least squares; includes standard errors of its fit"
    ),
)


def _cases(size):
    sizes = ((1000, 5, 0.5), (2000, 8, 0.9)) if size == "quick" else ((2000, 5, 0.5), (2000, 5, 0.9), (20_000, 10, 0.5))
    return tuple(
        Case(
            f"{n} x {d}, quantile {quantile}",
            _problem(n, d, quantile),
            _CONTENDERS,
            (_EXCESS, _ERROR),
            {"samples": n, "features": d, "quantile": quantile},
        )
        for n, d, quantile in sizes
    )


COMPARISONS = (
    Comparison(
        "quantile_regression",
        "linear regression on a conditional quantile",
        "How fast is the exact solution found, and how exact is it?",
        "none for this implementation; interior points and preprocessing for this problem are those of Portnoy and "
        "Koenker, 1997",
        _cases,
    ),
)
