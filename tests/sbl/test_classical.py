"""Classical sparse Bayesian learning, greedy baselines, and the regressor."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from sparsesci.datasets import make_kronecker_sparse
from sparsesci.sbl import (
    SparseBayesianRegressor,
    cosamp,
    kron_omp,
    mmv_sbl,
    nmse,
    omp,
    sbl,
    sbl_cost,
)
from tests.reference import sbl as reference


def problem(seed=0, M=20, N=50, *, complex_valued=False, L=None, noise=0.05):
    rng = np.random.default_rng(seed)

    def normal(*shape):
        real = rng.standard_normal(shape)
        return real + 1j * rng.standard_normal(shape) if complex_valued else real

    A = normal(M, N)
    x = np.zeros((N, L or 1), dtype=A.dtype)
    support = np.sort(rng.choice(N, 3, replace=False))
    x[support] = 2 * np.sign(normal(3, L or 1).real) + normal(3, L or 1)
    y = A @ x + noise * normal(M, L or 1)
    return (A, y, x, support) if L else (A, y[:, 0], x[:, 0], support)


@pytest.mark.parametrize("method", ["em", "mm", "fixed-point"])
@pytest.mark.parametrize("shape", [(20, 50), (30, 8)], ids=["wide", "tall"])
def test_one_iteration(method, shape):
    """Against the dense formulas, for known and learned noise."""
    A, y, _, _ = problem(M=shape[0], N=shape[1])
    gamma = np.ones(shape[1])
    for noise_var in (0.3, None):
        with pytest.warns(ConvergenceWarning):
            result = sbl(A, y, noise_var=noise_var, method=method, max_iter=1, tol=0.0, prune_tol=0.0)
        start = 0.3 if noise_var else 0.1 * np.mean(y**2)
        mean, Sigma = reference.posterior(y, [A], [gamma], start)
        Phi = reference.covariance([A], [gamma], start)
        s = np.einsum("mi,mi->i", A, np.linalg.solve(Phi, A))
        q = (A.T @ np.linalg.solve(Phi, y)) ** 2
        expected = {"em": np.diagonal(Sigma) + mean**2, "mm": np.sqrt(q / s), "fixed-point": q / s}[method]
        np.testing.assert_allclose(result.gamma, expected, rtol=1e-8)
        if noise_var is None:
            inverse = np.linalg.inv(Phi)
            z = inverse @ y
            residual = start**2 * z @ z
            em = (residual + start * (len(y) - start * np.trace(inverse))) / len(y)
            mm = start * np.sqrt(z @ z / np.trace(inverse))
            mackay = residual / (start * np.trace(inverse))
            expected = {"em": em, "mm": mm, "fixed-point": mackay}[method]
            assert result.noise_var == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("complex_valued", [False, True], ids=["real", "complex"])
@pytest.mark.parametrize("L", [None, 3, 60])
def test_results_are_the_posterior(complex_valued, L):
    A, y, x, support = problem(complex_valued=complex_valued, L=L)
    result = sbl(A, y, noise_var=0.01) if L is None else mmv_sbl(A, y, noise_var=0.01)
    mean, Sigma = reference.posterior(y, [A], [result.gamma], 0.01)
    np.testing.assert_allclose(result.x, mean, atol=1e-9)
    np.testing.assert_allclose(result.variance, np.diagonal(Sigma).real, atol=1e-9)
    assert result.cost == pytest.approx(sbl_cost(y, [A], [result.gamma], 0.01), rel=1e-9)
    assert set(support) <= set(result.support)
    assert nmse(result.x, x) < 0.01
    assert result.to_sparse().shape == (50, L or 1)


@pytest.mark.parametrize("method", ["em", "mm"])
@pytest.mark.parametrize("noise_var", [None, 0.1])
def test_the_cost_never_rises(method, noise_var):
    for seed in range(5):
        A, y, _, _ = problem(seed, complex_valued=bool(seed % 2))
        with pytest.warns(ConvergenceWarning):
            path = sbl(A, y, method=method, noise_var=noise_var, prune_tol=0.0, tol=0.0, max_iter=60).cost_path
        assert (np.diff(path) <= 1e-9 * np.abs(path[1:])).all()


def test_many_snapshots_are_their_covariance():
    A, Y, _, support = problem(L=200)
    result = mmv_sbl(A, Y)
    assert set(support) <= set(result.support)
    assert result.x.shape == (50, 200)
    with pytest.raises(ValueError, match="Y must have two axes"):
        mmv_sbl(A, Y[:, 0])


def test_nothing_measured():
    A = problem()[0]
    result = sbl(A, np.zeros(20))
    assert not result.x.any()
    assert result.support.size == 0
    assert omp(A, np.zeros(20), n_nonzero=3).support.size == 0
    assert cosamp(A, np.zeros(20), 3).support.size == 0
    assert kron_omp(np.zeros((4, 5)), [np.ones((4, 3)), np.ones((5, 3))]).core.size == 0


@pytest.mark.parametrize("complex_valued", [False, True], ids=["real", "complex"])
def test_greedy_methods_find_a_clear_support(complex_valued):
    A, y, x, support = problem(2, M=40, complex_valued=complex_valued, noise=0.01)
    for result in (omp(A, y, n_nonzero=3), omp(A, y, noise_var=4e-4), cosamp(A, y, 3)):
        assert result.support.tolist() == support.tolist()
        expected = np.linalg.lstsq(A[:, support], y, rcond=None)[0]
        np.testing.assert_allclose(result.x[support], expected, atol=1e-10)
        assert result.residual_norm == pytest.approx(np.linalg.norm(y - A @ result.x))
        assert result.to_sparse().nnz == 3


def test_omp_is_that_of_scikit_learn():
    from sklearn.linear_model import OrthogonalMatchingPursuit

    A, y, _, _ = problem(1, noise=1.0)
    A /= np.linalg.norm(A, axis=0)
    for k in (1, 4, 8):
        expected = OrthogonalMatchingPursuit(n_nonzero_coefs=k, fit_intercept=False).fit(A, y).coef_
        np.testing.assert_allclose(omp(A, y, n_nonzero=k).x, expected, atol=1e-9)


def test_kron_omp():
    p = make_kronecker_sparse((10, 11), (14, 12), 2, snr_db=40, core="general", complex_valued=True, random_state=5)
    result = kron_omp(p.Y, p.dictionaries, noise_var=p.noise_var)
    assert all(set(a) <= set(b) for a, b in zip(p.supports, result.supports))
    parts = [H[:, s] for H, s in zip(p.dictionaries, result.supports)]
    expected = np.linalg.lstsq(np.kron(*parts), p.Y.ravel(), rcond=None)[0]
    np.testing.assert_allclose(result.core.ravel(), expected, atol=1e-10)
    assert result.to_dense()[np.ix_(*result.supports)].shape == result.core.shape
    assert max(len(s) for s in kron_omp(p.Y, p.dictionaries, eps=0.0, max_per_mode=3).supports) == 3


# The regressor


@pytest.fixture
def regression_data():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 30)) * 10.0 ** rng.integers(-3, 4, 30) + rng.standard_normal(30)
    coef = np.zeros(30)
    coef[[3, 11, 20]] = np.array([2.0, -1.0, 3.0]) / X.std(axis=0)[[3, 11, 20]]
    return X, X @ coef + 5.0 + 0.1 * rng.standard_normal(80), coef


@pytest.mark.parametrize("method", ["em", "mm", "fixed-point"])
def test_regressor(regression_data, method):
    X, y, coef = regression_data
    model = SparseBayesianRegressor(method=method, max_iter=5000).fit(X, y)
    np.testing.assert_allclose(model.coef_ * X.std(axis=0), coef * X.std(axis=0), atol=0.1)
    assert 0.005 < model.noise_var_ < 0.02
    assert model.score(X, y) > 0.99
    kept = model.gamma_ > 0
    np.testing.assert_allclose(np.diagonal(model.sigma_), model.coef_var_[kept], rtol=1e-6)
    mean, std = model.predict(X, return_std=True)
    rows = X[:, kept]
    np.testing.assert_allclose(std**2, np.sum((rows @ model.sigma_) * rows, axis=1) + model.noise_var_, rtol=1e-8)
    np.testing.assert_array_equal(mean, model.predict(X))


def test_regressor_does_not_depend_on_units(regression_data):
    X, y, _ = regression_data
    scales = 10.0 ** np.random.default_rng(1).integers(-6, 7, 30)
    one, other = SparseBayesianRegressor().fit(X, y), SparseBayesianRegressor().fit(X * scales, 1e4 * y)
    np.testing.assert_allclose(other.coef_ * scales, 1e4 * one.coef_, atol=1e-6 * np.abs(1e4 * one.coef_).max())
    np.testing.assert_allclose(other.predict(X * scales), 1e4 * one.predict(X), rtol=1e-6)


def test_regressor_on_complex_data(regression_data):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 20)) + 1j * rng.standard_normal((60, 20))
    y = (2 - 1j) * X[:, 4] + 3j + 0.05 * (rng.standard_normal(60) + 1j * rng.standard_normal(60))
    with pytest.raises(ValueError, match="Complex data not supported"):
        SparseBayesianRegressor().fit(X, y)
    model = SparseBayesianRegressor(complex_valued=True).fit(X, y)
    assert abs(model.coef_[4] - (2 - 1j)) < 0.05
    assert abs(model.intercept_ - 3j) < 0.05
    assert model.score(X, y) > 0.99
    assert (model.predict(X, return_std=True)[1] > 0).all()
    real = regression_data[:2]
    one, other = SparseBayesianRegressor().fit(*real), SparseBayesianRegressor(complex_valued=True).fit(*real)
    np.testing.assert_allclose(other.coef_, one.coef_, atol=1e-12)


def test_regressor_without_anything_to_learn():
    X = np.random.default_rng(0).standard_normal((20, 3))
    model = SparseBayesianRegressor().fit(X, np.full(20, 7.0))
    assert not model.coef_.any()
    np.testing.assert_allclose(model.predict(X), 7.0)
    constant = SparseBayesianRegressor().fit(np.column_stack([X, np.full(20, 0.1)]), X[:, 0])
    assert constant.coef_[3] == 0.0
