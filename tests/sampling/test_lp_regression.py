"""LpRegression for p > 1: stationary, certified, equal to the oracles."""

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression

from sparsesci._core.exceptions import SparseSciWarning
from sparsesci.sampling import LpRegression
from tests.reference import lp_regression as reference
from tests.sampling.test_quantile_regression import degenerate, heavy

POWERS = (1.1, 1.2, 1.3, 1.5, 1.9, 2, 2.5, 3, 4, 8, 20)


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return 20 * X, y


@pytest.mark.parametrize("p", POWERS)
def test_stationary_on_diabetes(diabetes, p):
    X, y = diabetes
    model = LpRegression(p).fit(X, y)
    residual = y - model.predict(X)
    # At p = 1.1 the smallest residual is 6e-10, and known to 3e-14 where y is 150.
    assert reference.relative_gradient(reference.with_ones(X), residual, p) < (1e-8 if p == 1.1 else 1e-9)
    assert_allclose(model.objective_, reference.power_loss(residual, p), rtol=1e-11)
    assert 0 <= model.dual_gap_ < 1e-12


@pytest.mark.parametrize(("p", "expected"), [(1.5, 149968.6837), (3, 102894237.155), (4, 9426690968.80)])
def test_figures_of_the_specification(diabetes, p, expected):
    assert_allclose(LpRegression(p).fit(*diabetes).objective_, expected, rtol=2e-9)


@pytest.mark.parametrize("p", [1.4, 3, 9])
def test_equal_to_the_oracle(p):
    X, y = heavy(300, 4)
    A = reference.with_ones(X)
    beta = (reference.irls if p < 2 else reference.damped_newton)(A, y, p)
    model = LpRegression(p).fit(X, y)
    assert_allclose(np.append(model.coef_, model.intercept_), beta, rtol=1e-6)
    assert model.objective_ <= reference.power_loss(y - A @ beta, p) * (1 + 1e-13)


@pytest.mark.parametrize("p", [1 + 1e-9, 1 + 1e-6, 1.001, 1.01, 1.05])
def test_near_one(diabetes, p):
    """The gap is certified where residuals of the optimum are below rounding errors."""
    X, y = diabetes
    for data in ((X, y), heavy(500, 4), degenerate()):
        model = LpRegression(p).fit(*data)
        assert 0 <= model.dual_gap_ <= 1e-9
        nearest = LpRegression(1).fit(*data)
        assert model.objective_ <= reference.power_loss(data[1] - nearest.predict(data[0]), p) * (1 + 1e-10)


@pytest.mark.parametrize("p", [1.2, 1.5, 2, 3, 7])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_weights(p, fit_intercept):
    X, y = heavy(200, 3)
    weights = np.random.default_rng(0).integers(0, 5, len(y)).astype(float)
    model = LpRegression(p, fit_intercept=fit_intercept).fit(X, y, weights)
    repeated = LpRegression(p, fit_intercept=fit_intercept).fit(
        np.repeat(X, weights.astype(int), axis=0), np.repeat(y, weights.astype(int))
    )
    assert_allclose(model.coef_, repeated.coef_, rtol=1e-8)
    assert_allclose(model.objective_, repeated.objective_, rtol=1e-12)
    A = reference.with_ones(X) if fit_intercept else X
    assert reference.relative_gradient(A, y - model.predict(X), p, weights) < 1e-9
    assert model.dual_gap_ < 1e-12


def test_bound_is_a_bound():
    """The bound lies below the optimum however early the iteration is stopped, and matches the oracle's nearby."""
    X, y = heavy(300, 4)
    for p in (1.05, 1.5, 3, 12, np.inf):
        best = LpRegression(p).fit(X, y)
        for max_iter in (1, 2, 4):
            with pytest.warns(ConvergenceWarning) if max_iter == 1 else np.errstate():
                early = LpRegression(p, max_iter=max_iter, tol=0.0 if max_iter == 1 else 1.0).fit(X, y)
            assert early.objective_ * (1 - early.dual_gap_) <= best.objective_ * (1 + 1e-12)
            assert early.objective_ >= best.objective_ * (1 - 1e-12)


def test_least_squares(diabetes):
    X, y = diabetes
    ours, theirs = LpRegression(2).fit(X, y), LinearRegression().fit(X, y)
    assert_allclose(ours.coef_, theirs.coef_, rtol=1e-11)
    assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-13)
    assert ours.dual_gap_ < 1e-14


@pytest.mark.parametrize("make", [heavy, degenerate])
def test_maximum(make):
    X, y = make(300, 4)
    model = LpRegression(np.inf).fit(X, y)
    assert_allclose(model.objective_, reference.chebyshev(reference.with_ones(X), y), rtol=1e-9)
    assert_allclose(np.abs(y - model.predict(X)).max(), model.objective_, rtol=1e-9)
    assert 0 <= model.dual_gap_ <= 1e-9
    nearby = LpRegression(200).fit(X, y)
    assert model.objective_ <= np.abs(y - nearby.predict(X)).max() < 1.05 * model.objective_


def test_maximum_ignores_the_size_of_weights():
    X, y = heavy(100, 3)
    weights = np.random.default_rng(0).integers(0, 3, len(y))
    weighted, kept = LpRegression(np.inf).fit(X, y, weights), weights > 0
    assert_allclose(weighted.objective_, LpRegression(np.inf).fit(X[kept], y[kept]).objective_, rtol=1e-9)


@pytest.mark.parametrize("p", [1, 1.3, 2, 5, np.inf])
def test_exact_fit_and_constant_target(p):
    X = np.random.default_rng(0).standard_normal((40, 3))
    model = LpRegression(p).fit(X, X @ [1.0, -2.0, 3.0] + 5)
    assert_allclose(np.append(model.coef_, model.intercept_), [1, -2, 3, 5], rtol=1e-12)
    assert model.dual_gap_ == 0
    model = LpRegression(p).fit(X, np.full(40, -3.5))
    assert_array_equal(model.coef_, 0)
    assert model.intercept_ == -3.5


@pytest.mark.parametrize("p", [1.3, 4, np.inf])
def test_dependent_columns(p):
    X, y = heavy(100, 3)
    with pytest.warns(SparseSciWarning, match="rank 4"):
        model = LpRegression(p).fit(np.column_stack([X, X[:, 1]]), y)
    assert_allclose(model.objective_, LpRegression(p).fit(X, y).objective_, rtol=1e-9)


@pytest.mark.parametrize("p", [1.5, 3])
def test_start_from_a_coreset(p):
    X, y = heavy(5000, 4)
    plain, started = LpRegression(p).fit(X, y), LpRegression(p, coreset_size=400).fit(X, y)
    assert_allclose(started.coef_, plain.coef_, rtol=1e-9)
    assert started.dual_gap_ < 1e-12


def test_equivariance(diabetes):
    X, y = diabetes
    for p in (1.2, 6, np.inf):
        base = LpRegression(p).fit(X, y)
        moved = LpRegression(p).fit(1e-3 * X, 1e5 * (y + X @ np.arange(10.0) + 7))
        assert_allclose(moved.coef_, 1e8 * (base.coef_ + np.arange(10.0)), rtol=1e-7)
        assert_allclose(moved.intercept_, 1e5 * (base.intercept_ + 7), rtol=1e-8)


def test_huge_powers_do_not_overflow(diabetes):
    X, y = diabetes
    model = LpRegression(300).fit(X, y)
    assert np.isfinite(model.coef_).all()
    assert model.objective_ == np.inf  # 137**300
    assert 0 <= model.dual_gap_ <= 1e-9


@pytest.mark.parametrize(
    ("p", "wrong"), [(1, "irls"), (1.5, "ipm"), (2, "highs"), (3, "preprocess"), (np.inf, "ipm"), (np.inf, "irls")]
)
def test_solvers_that_do_not_fit_the_power(p, wrong):
    with pytest.raises(ValueError, match="solver"):
        LpRegression(p, solver=wrong).fit(*heavy(30, 2))


def test_refusals():
    X, y = heavy(30, 2)
    for p in (0.5, -np.inf, np.nan, 0):
        with pytest.raises(ValueError, match=r"\bp\b"):
            LpRegression(p).fit(X, y)
    with pytest.raises(TypeError, match=r"\bp\b"):
        LpRegression("1").fit(X, y)
    with pytest.raises(TypeError, match=r"LpRegression.*sparse"):
        LpRegression().fit(scipy.sparse.csr_array(X), y)
    with pytest.raises(ValueError, match="1d"):
        LpRegression().fit(X, np.column_stack([y, y]))
