"""QuantileRegression and LpRegression with p = 1: equal to linear programs, certified, and whole in odd cases."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import QuantileRegressor

from sparsesci._core.exceptions import SparseSciWarning
from sparsesci.sampling import LpRegression, QuantileRegression
from tests.reference import lp_regression as reference


def heavy(n, d, seed=0):
    """Return rows of Student's t with three degrees of freedom, and a target with gross outliers."""
    rng = np.random.default_rng(seed)
    X = rng.standard_t(3, (n, d))
    y = X @ np.arange(1.0, d + 1) + rng.laplace(size=n)
    wrong = rng.choice(n, n // 50, replace=False)
    y[wrong] += 50 * rng.standard_normal(len(wrong))
    return X, y


def degenerate(n=120, d=4, seed=0):
    """Return small integers, with many ties and many vertices in one place."""
    rng = np.random.default_rng(seed)
    return rng.integers(-2, 3, (n, d)).astype(float), rng.integers(-3, 4, n).astype(float)


def rounded(seed=0):
    X, y = heavy(300, 4, seed)
    return X, np.round(y / 4)


PROBLEMS = {
    "diabetes": load_diabetes(return_X_y=True),
    "heavy tails": heavy(400, 5),
    "ties": rounded(),
    "degenerate": degenerate(),
    "one feature": heavy(50, 1),
    "far from zero": (heavy(200, 3)[0] * [1e-6, 1.0, 1e6] + 1e3, heavy(200, 3)[1] + 1e6),
    "badly scaled target": (heavy(200, 3)[0], 1e-12 * heavy(200, 3)[1]),
}
SOLVERS = ("ipm", "highs", "preprocess")


def check(model, X, y, tau, weights=None):
    """Check the objective against a linear program, the certificate, and that it is the loss of the coefficients."""
    A = reference.with_ones(X) if model.fit_intercept else X
    unit = np.abs(y).max()  # HiGHS has absolute tolerances
    best = unit * reference.linear_program(A, y / unit, tau, weights)
    assert_allclose(model.objective_, best, rtol=1e-9)
    assert_allclose(reference.pinball(y - model.predict(X), tau, weights), best, rtol=1e-9)
    assert 0 <= model.dual_gap_ <= 1e-9


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("tau", [0.05, 0.5, 0.9])
@pytest.mark.parametrize("name", PROBLEMS)
def test_equal_to_the_linear_program(name, tau, solver):
    X, y = PROBLEMS[name]
    if name == "far from zero":  # HiGHS wants it centred and scaled
        X, y = (X - X.mean(axis=0)) / X.std(axis=0), y - 1e6
    model = QuantileRegression(tau, solver=solver, coreset_size=40 if solver == "preprocess" else None).fit(X, y)
    check(model, X, y, tau)


@pytest.mark.parametrize("tau", [0.2, 0.5])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_weights(tau, fit_intercept):
    X, y = PROBLEMS["heavy tails"]
    weights = np.random.default_rng(1).integers(0, 4, len(y)) * 2.5
    model = QuantileRegression(tau, fit_intercept=fit_intercept).fit(X, y, weights)
    check(model, X, y, tau, weights)
    kept = weights > 0
    alone = QuantileRegression(tau, fit_intercept=fit_intercept).fit(X[kept], y[kept], weights[kept])
    assert_array_equal(model.coef_, alone.coef_)
    assert model.intercept_ == alone.intercept_


@pytest.mark.parametrize(("tau", "expected"), [(0.05, 2070.7900564), (0.5, 9512.1716514), (0.9, 4016.8503785)])
def test_figures_of_the_specification(tau, expected):
    model = QuantileRegression(tau).fit(*PROBLEMS["diabetes"])
    assert_allclose(model.objective_, expected, rtol=1e-10)
    assert model.dual_gap_ < 1e-13
    assert model.n_iter_ <= 13


def test_against_scikit_learn():
    X, y = heavy(1000, 5)
    ours = QuantileRegression(0.5).fit(X, y)
    theirs = QuantileRegressor(quantile=0.5, alpha=0, solver="highs").fit(X, y)
    assert_allclose(ours.objective_, reference.pinball(y - theirs.predict(X), 0.5), rtol=1e-9)
    assert_allclose(ours.coef_, theirs.coef_, rtol=1e-6)


def test_subgradient():
    """Zero is a subgradient: the rows that a vertex interpolates make up for the others with weights in range."""
    X, y = PROBLEMS["diabetes"]
    model = QuantileRegression(0.3).fit(X, y)
    A, residual = reference.with_ones(X), y - model.predict(X)
    basic = np.argsort(np.abs(residual))[: A.shape[1]]
    assert np.abs(residual[basic]).max() < 1e-9
    others = np.setdiff1d(np.arange(len(y)), basic)
    psi = np.where(residual > 0, 0.3, -0.7)
    needed = np.linalg.solve(A[basic].T, -A[others].T @ psi[others])
    assert needed.min() > -0.7 - 1e-9
    assert needed.max() < 0.3 + 1e-9


def test_least_absolute_deviations_are_the_median():
    X, y = PROBLEMS["heavy tails"]
    first, second = LpRegression(1).fit(X, y), QuantileRegression(0.5).fit(X, y)
    assert_array_equal(first.coef_, second.coef_)
    assert_allclose(first.objective_, 2 * second.objective_, rtol=1e-15)
    assert_allclose(first.objective_, np.abs(y - first.predict(X)).sum(), rtol=1e-12)


@pytest.mark.parametrize("solver", SOLVERS)
def test_exact_fit(solver):
    X = np.random.default_rng(0).standard_normal((60, 3))
    model = LpRegression(1, solver=solver).fit(X, X @ [1.0, -2.0, 3.0] + 5)
    assert_allclose(model.coef_, [1, -2, 3], rtol=1e-13)
    assert_allclose(model.intercept_, 5, rtol=1e-13)
    assert model.objective_ < 1e-10
    assert model.dual_gap_ == 0


def test_most_rows_fit_exactly():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 3))
    y = X @ [1.0, -2.0, 3.0] + 5
    y[:15] += rng.standard_normal(15) * 100
    model = LpRegression(1).fit(X, y)
    assert_allclose(np.append(model.coef_, model.intercept_), [1, -2, 3, 5], rtol=1e-12)
    assert model.dual_gap_ < 1e-12


def test_constant_target():
    X = np.random.default_rng(0).standard_normal((30, 2))
    model = QuantileRegression(0.2).fit(X, np.full(30, 7.0))
    assert_array_equal(model.coef_, [0, 0])
    assert model.intercept_ == 7.0
    assert model.objective_ == 0


def test_fewer_rows_than_coefficients():
    X = np.random.default_rng(0).standard_normal((4, 9))
    with pytest.warns(SparseSciWarning, match="rank 4"):
        model = QuantileRegression(0.4).fit(X, [1.0, 2.0, 3.0, 4.0])
    assert_allclose(model.predict(X), [1, 2, 3, 4], rtol=1e-10)
    assert model.rank_ == 4


@pytest.mark.parametrize("extra", ["duplicate", "combination", "constant"])
def test_dependent_columns(extra):
    X, y = PROBLEMS["heavy tails"]
    column = {"duplicate": X[:, 0], "combination": X @ np.ones(5), "constant": np.full(len(X), 3.0)}[extra]
    with pytest.warns(SparseSciWarning, match="rank 6"):
        model = QuantileRegression(0.3).fit(np.column_stack([X, column]), y)
    assert_allclose(model.objective_, QuantileRegression(0.3).fit(X, y).objective_, rtol=1e-9)
    assert model.dual_gap_ <= 1e-9
    if extra == "duplicate":
        assert_allclose(model.coef_[0], model.coef_[5], rtol=1e-8)


def test_nearly_dependent_columns():
    X, y = PROBLEMS["heavy tails"]
    wide = np.column_stack([X, X[:, 0] + 1e-6 * np.random.default_rng(3).standard_normal(len(X))])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = QuantileRegression(0.5).fit(wide, y)
    assert model.rank_ == 7
    assert model.dual_gap_ <= 1e-9
    assert_allclose(model.objective_, reference.linear_program(np.linalg.qr(reference.with_ones(wide))[0], y, 0.5))


def test_all_zero_features():
    with pytest.warns(SparseSciWarning, match="rank 0"):
        model = LpRegression(1, fit_intercept=False).fit(np.zeros((5, 2)), np.arange(5.0))
    assert_array_equal(model.coef_, [0, 0])
    assert model.objective_ == 10


def test_weights_of_very_different_size():
    X, y = PROBLEMS["heavy tails"]
    weights = 10.0 ** np.random.default_rng(0).uniform(-4, 4, len(y))
    model = QuantileRegression(0.5).fit(X, y, weights)
    check(model, X, y, 0.5, weights)


@pytest.mark.parametrize("size", [1e6, 1e12])
def test_a_huge_outlier_hides_nothing(size):
    """Its loss is all of the objective, and still the others' are minimised: any size gives the same coefficients."""
    X, y = heavy(300, 3)
    y[5] = 1e3
    expected = LpRegression(1).fit(X, y).coef_
    y[5] = size
    model = LpRegression(1).fit(X, y)
    assert_allclose(model.coef_, expected, rtol=1e-6)
    assert model.dual_gap_ <= 1e-9


def test_kept_rows_without_a_solution():
    """Rare binary features: the rows near the estimate need not determine the coefficients, and others are taken in."""
    rng = np.random.default_rng(5)
    X = (rng.random((5000, 6)) < 0.02).astype(float)
    y = rng.poisson(2, 5000).astype(float)
    model = QuantileRegression(0.7, solver="preprocess").fit(X, y)
    assert model.dual_gap_ <= 1e-9
    assert_allclose(model.objective_, QuantileRegression(0.7).fit(X, y).objective_, rtol=1e-9)


@pytest.mark.parametrize("tau", [0.001, 0.01, 0.99, 0.999])
def test_extreme_quantiles(tau):
    X, y = heavy(6000, 4)
    for solver in ("ipm", "preprocess"):
        model = QuantileRegression(tau, solver=solver).fit(X, y)
        assert model.dual_gap_ <= 1e-9


def test_weights_are_repetitions():
    X, y = degenerate()
    weights = np.random.default_rng(0).integers(1, 4, len(y))
    weighted = QuantileRegression(0.4).fit(X, y, weights)
    repeated = QuantileRegression(0.4).fit(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    assert_allclose(weighted.objective_, repeated.objective_, rtol=1e-12)


def test_equivariance():
    """Adding a linear function of X to y adds its coefficients; turning the sign exchanges the quantiles."""
    X, y = PROBLEMS["diabetes"]
    base = QuantileRegression(0.25).fit(X, y)
    moved = QuantileRegression(0.25).fit(X, 2 * y + X @ np.arange(10.0) + 7)
    assert_allclose(moved.coef_, 2 * base.coef_ + np.arange(10.0), rtol=1e-9)
    assert_allclose(moved.intercept_, 2 * base.intercept_ + 7, rtol=1e-9)
    mirrored = QuantileRegression(0.75).fit(X, -y)
    assert_allclose(mirrored.coef_, -base.coef_, rtol=1e-9)


def test_share_below():
    """At most a share of quantile lies below, up to the rows that the vertex interpolates."""
    X, y = heavy(2000, 3)
    for tau in (0.1, 0.5, 0.97):
        residual = y - QuantileRegression(tau).fit(X, y).predict(X)
        assert (residual < -1e-9).sum() <= tau * len(y) <= (residual < 1e-9).sum()


def test_too_few_iterations():
    X, y = PROBLEMS["diabetes"]
    with pytest.warns(ConvergenceWarning, match="gap"):
        model = QuantileRegression(0.5, max_iter=3).fit(X, y)
    assert model.n_iter_ == 3
    best = QuantileRegression(0.5).fit(X, y).objective_
    assert model.objective_ * (1 - model.dual_gap_) <= best * (1 + 1e-12), "the bound does not hold"


@pytest.mark.parametrize("n_jobs", [2, 7])
def test_threads(n_jobs):
    X, y = heavy(20_000, 3)
    for solver in ("ipm", "preprocess"):
        alone = QuantileRegression(0.7, solver=solver).fit(X, y)
        together = QuantileRegression(0.7, solver=solver, n_jobs=n_jobs).fit(X, y)
        assert_array_equal(alone.coef_, together.coef_)
        assert alone.objective_ == together.objective_
        assert alone.dual_gap_ == together.dual_gap_


def test_float32():
    X, y = PROBLEMS["diabetes"]
    model = QuantileRegression(0.5).fit(X.astype(np.float32), y.astype(np.float32))
    assert model.coef_.dtype == np.float32
    assert model.predict(X.astype(np.float32)).dtype == np.float32
    assert_allclose(model.objective_, 9512.1716514, rtol=1e-6)


@pytest.mark.parametrize("bad", ["irls", "simplex", None, 3])
def test_unknown_solver(bad):
    with pytest.raises(ValueError, match="solver"):
        QuantileRegression(solver=bad).fit(*PROBLEMS["diabetes"])


def test_refusals():
    X, y = PROBLEMS["diabetes"]
    with pytest.raises(ValueError, match="y should be a 1d array"):
        QuantileRegression().fit(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match="sample_weight"):
        QuantileRegression().fit(X, y, np.zeros(len(y)))
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        QuantileRegression().fit(X, y, -np.ones(len(y)))
    for tau in (0.0, 1.0, -0.1, np.nan):
        with pytest.raises(ValueError, match="quantile"):
            QuantileRegression(tau).fit(X, y)
