"""Leverage scores, Lewis weights, sensitivities and online scores against plain versions and known facts."""

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning

from sparsesci._core.exceptions import SparseSciWarning
from sparsesci.sampling import (
    _gram_kernels,
    leverage_scores,
    lewis_weights,
    lp_sensitivities,
    online_leverage_scores,
    total_sensitivity,
)
from tests.reference import sampling_scores as reference


def matrix(law, n, d, seed=0):
    rng = np.random.default_rng(seed)
    if law == "t2":
        return rng.standard_t(2, (n, d))
    A = rng.standard_normal((n, d))
    if law == "spiked":
        A[: n // 100] *= 100
    return A


def conditioned(n, d, condition, seed=0):
    U, _, V = np.linalg.svd(matrix("normal", n, d, seed), full_matrices=False)
    return (U * np.geomspace(1, 1 / condition, d)) @ V


class TestGram:
    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    @pytest.mark.parametrize(("n", "d"), [(1, 1), (5, 3), (130, 4), (9000, 7), (300, 31), (300, 40)])
    def test_dense_and_sparse(self, n, d, dtype):
        A, q = matrix("t2", n, d).astype(dtype), np.random.default_rng(1).random(n)
        expected = reference.weighted_gram(A, q)
        for layout in (np.ascontiguousarray, np.asfortranarray):
            assert_allclose(_gram_kernels.weighted_gram(layout(A), q, 2), expected, rtol=1e-11, atol=1e-10)
        S = scipy.sparse.csr_array(A)
        csr = (S.data, S.indices, S.indptr)
        assert_allclose(_gram_kernels.weighted_gram_csr(*csr, q, d, 2), expected, rtol=1e-11, atol=1e-10)
        M = np.triu(matrix("normal", d, d))
        norms, from_csr = np.empty(n), np.empty(n)
        _gram_kernels.transformed_norms(A, M, norms, 2)
        _gram_kernels.transformed_norms_csr(*csr, M, from_csr, 2)
        assert_allclose(norms, ((A.astype(float) @ M) ** 2).sum(axis=1), rtol=1e-10)
        assert_allclose(from_csr, norms, rtol=1e-10)

    def test_nan_is_not_lost(self):
        A = np.ones((300, 3))
        A[200, 1] = np.nan
        assert np.isnan(_gram_kernels.weighted_gram(A, None, 1)[1]).all()


class TestLeverage:
    @pytest.mark.parametrize(("condition", "tolerance"), [(1, 1e-14), (1e4, 1e-11), (1e9, 1e-6)])
    @pytest.mark.parametrize(("n", "d"), [(60, 3), (300, 40)])
    def test_against_singular_value_decomposition(self, n, d, condition, tolerance):
        A, v = conditioned(n, d, condition), np.random.default_rng(1).random(n)
        assert_allclose(leverage_scores(A), reference.leverage_scores(A), atol=tolerance)
        assert_allclose(leverage_scores(scipy.sparse.csr_array(A)), reference.leverage_scores(A), atol=tolerance)
        assert_allclose(leverage_scores(A, sample_weight=v), reference.leverage_scores(A, v), atol=tolerance)

    def test_rank_deficient_warns_once(self):
        A = matrix("normal", 100, 5)
        A[:, 3] = A[:, 0] - A[:, 1]
        A[:, 2] = 0
        with pytest.warns(SparseSciWarning, match="rank 3") as caught:
            scores = leverage_scores(A)
        assert len(caught) == 1
        assert caught[0].filename == __file__
        assert_allclose(scores, reference.leverage_scores(A), atol=1e-13)
        with pytest.warns(SparseSciWarning, match="rank 4"):
            assert_allclose(leverage_scores(matrix("normal", 4, 9)), 1.0)

    @pytest.mark.parametrize("scale", [1e200, 1e-220, 1.0])
    def test_extreme_columns(self, scale):
        A = matrix("normal", 50, 3)
        assert_allclose(leverage_scores(A * [1, scale, 1]), reference.leverage_scores(A), atol=1e-13)

    def test_zero_rows_and_weights(self):
        A = matrix("normal", 50, 3)
        A[7] = 0
        v = np.ones(50)
        v[9] = 0
        scores = leverage_scores(A, sample_weight=v)
        assert scores[7] == scores[9] == 0
        with pytest.raises(ValueError, match="X must not be zero everywhere"):
            leverage_scores(np.zeros((5, 2)))

    def test_hadamard(self):
        A = scipy.linalg.hadamard(16)[:, :4].astype(float)
        assert_allclose(leverage_scores(A), 4 / 16)
        assert_allclose(lewis_weights(A, 3.0), 4 / 16)

    @pytest.mark.parametrize(("n", "d"), [(5000, 6), (3000, 100)])
    @pytest.mark.parametrize("sparse", [False, True])
    def test_sketched_to_a_constant(self, n, d, sparse):
        A = matrix("t2", n, d)
        X = scipy.sparse.csr_array(A) if sparse else A
        ratio = leverage_scores(X, method="sketch", random_state=0) / reference.leverage_scores(A)
        assert 0.3 < ratio.min() < ratio.max() < 3


class TestOnline:
    def test_against_solves(self):
        A = matrix("t2", 200, 4)
        assert_allclose(online_leverage_scores(A, reg=1e-3), reference.online_leverage_scores(A, 1e-3), rtol=1e-9)

    @pytest.mark.parametrize("reg", [None, 1e-8])
    def test_at_least_the_scores_of_all_rows(self, reg):
        A = matrix("normal", 4000, 6)
        scores = online_leverage_scores(A, reg=reg)
        assert (scores >= leverage_scores(A) * (1 - 1e-9)).all()
        assert 45 < scores.sum() < 60

    def test_sparse_refused(self):
        with pytest.raises(TypeError, match="online_leverage_scores"):
            online_leverage_scores(scipy.sparse.csr_array(np.eye(3)))


# To a residual of 1e-10. Without momentum, the specification measured 50, 25, 15, 1, 17, 25, 37 and 63.
MOST_ITERATIONS = {0.5: 29, 1: 18, 1.5: 13, 2: 1, 3: 14, 4: 18, 6: 25, 10: 34}


class TestLewis:
    @pytest.mark.parametrize("p", MOST_ITERATIONS)
    @pytest.mark.parametrize("law", ["normal", "t2", "spiked"])
    def test_fixed_point(self, law, p):
        A = matrix(law, 400, 8)
        w, n_iter = lewis_weights(A, p, tol=1e-10, return_n_iter=True)
        tau = reference.leverage_scores(A * (w ** (0.5 - 1 / p))[:, np.newaxis])
        assert np.abs(np.log(tau / w)).max() < 1e-8
        assert_allclose(w.sum(), 8, rtol=1e-8)
        assert n_iter <= MOST_ITERATIONS[p]

    def test_default_tolerance(self):
        """The goal of the specification: at p = 1, 1e-6 in at most 15 iterations."""
        for law in ("normal", "t2", "spiked"):
            w, n_iter = lewis_weights(matrix(law, 400, 8), return_n_iter=True)
            assert n_iter <= 15
            assert_allclose(w, lewis_weights(matrix(law, 400, 8), tol=1e-12), rtol=1e-6)

    @pytest.mark.parametrize("p", [1.0, 3.0])
    def test_against_reference(self, p):
        A = matrix("t2", 100, 4)
        assert_allclose(lewis_weights(A, p, tol=1e-11), reference.lewis_weights(A, p)[0], rtol=1e-9)

    def test_two_is_leverage(self):
        A = matrix("t2", 100, 4)
        assert_allclose(lewis_weights(A, 2), leverage_scores(A), rtol=1e-13)

    @pytest.mark.parametrize("p", [0.5, 1.0, 4.0])
    def test_basis_does_not_matter(self, p):
        A = matrix("t2", 400, 8)
        assert_allclose(lewis_weights(A @ conditioned(8, 8, 1e4), p), lewis_weights(A, p), rtol=1e-6)
        assert_allclose(lewis_weights(scipy.sparse.csr_array(A), p), lewis_weights(A, p), rtol=1e-9)

    def test_weights_are_powers_of_rows(self):
        A, v = matrix("t2", 200, 4), np.random.default_rng(1).integers(0, 3, 200).astype(float)
        expected = lewis_weights(A * (v ** (1 / 3))[:, np.newaxis], 3)
        assert_allclose(lewis_weights(A, 3, sample_weight=v), expected, atol=1e-9)

    def test_deficient_and_zero_rows(self):
        A = matrix("t2", 100, 4)
        A[:, 3] = A[:, 1]
        A[5] = 0
        with pytest.warns(SparseSciWarning, match="rank 3") as caught:
            w = lewis_weights(A, 1)
        assert len(caught) == 1
        assert w[5] == 0
        assert_allclose(w.sum(), 3)

    @pytest.mark.parametrize("p", [0.2, 20, 40])
    def test_extreme_exponents(self, p):
        """Integer rows, of which many are equal, and rows whose sizes differ by orders of magnitude."""
        rng = np.random.default_rng(5)
        sized = rng.standard_t(1, (200, 4)) * 10.0 ** rng.uniform(0, 3, (200, 1))
        for A in (rng.integers(-2, 3, (200, 4)).astype(float), sized):
            w = lewis_weights(A, p)
            assert np.isfinite(w).all()
            assert_allclose(w.sum(), 4)

    def test_not_converged(self):
        with pytest.warns(ConvergenceWarning, match="did not converge"):
            lewis_weights(matrix("t2", 100, 4), 1, max_iter=2)

    def test_single_column(self):
        a = matrix("t2", 50, 1)
        for p in (0.5, 1.0, 3.0):
            assert_allclose(lewis_weights(a, p)[:, None], np.abs(a) ** p / (np.abs(a) ** p).sum(), rtol=1e-6)


class TestSensitivities:
    @pytest.mark.parametrize(("p", "tolerance"), [(1, 5e-6), (1.2, 1e-6), (1.5, 1e-8), (3, 1e-8), (4, 1e-8), (8, 1e-7)])
    def test_against_a_grid(self, p, tolerance):
        A = np.random.default_rng(0).standard_t(3, (40, 2))
        exact, grid = lp_sensitivities(A, p, method="exact"), reference.lp_sensitivities_on_grid(A, p)
        assert (exact >= grid * (1 - 1e-10)).all()
        assert_allclose(exact, grid, rtol=tolerance)

    @pytest.mark.parametrize("kind", ["t3", "integers with ties"])
    def test_linear_programmes(self, kind):
        rng = np.random.default_rng(0)
        A = rng.standard_t(3, (40, 4)) if kind == "t3" else rng.integers(-2, 3, (40, 4)).astype(float)
        assert_allclose(lp_sensitivities(A, 1, method="exact"), reference.lp_sensitivity_1(A), rtol=1e-9)

    @pytest.mark.parametrize("p", [1, 1.5, 3, 4])
    def test_brackets(self, p):
        A = np.random.default_rng(1).standard_t(3, (60, 4))
        exact, w = lp_sensitivities(A, p, method="exact"), lewis_weights(A, p, tol=1e-10)
        low, high = sorted((4.0 ** (p / 2 - 1), 1.0))
        assert (low * w <= exact * (1 + 1e-8)).all()
        assert (exact <= high * w * (1 + 1e-8)).all()
        assert (exact <= 1 + 1e-12).all()
        tau = leverage_scores(A)
        assert (exact <= (tau ** (p / 2) if p <= 2 else 60 ** (p / 2 - 1) * tau ** (p / 2)) * (1 + 1e-9)).all()
        bound = lp_sensitivities(A, p, method="lewis_bound")
        assert_allclose(bound, np.minimum(1, high * w), rtol=1e-5)
        approximate = lp_sensitivities(A, p, coreset_size=40, random_state=0)
        assert (approximate <= np.minimum(1, high * w) * (1 + 1e-5)).all()
        assert (approximate >= low * w * (1 - 1e-5)).all()
        assert np.abs(np.log(approximate / exact)).max() < np.log(2)

    @pytest.mark.parametrize("p", [1, 3])
    def test_identities(self, p):
        A = np.random.default_rng(2).standard_t(3, (30, 3))
        exact = lp_sensitivities(A, p, method="exact")
        moved = lp_sensitivities(A @ conditioned(3, 3, 100), p, method="exact")
        assert_allclose(moved, exact, rtol=1e-8)
        twice = lp_sensitivities(np.repeat(A, 2, axis=0), p, method="exact")
        assert_allclose(twice, np.repeat(exact, 2) / 2, rtol=1e-8)
        assert (lp_sensitivities(A[:20], p, method="exact") >= exact[:20] * (1 - 1e-9)).all()
        assert_allclose(lp_sensitivities(np.eye(4), p), 1)

    @pytest.mark.parametrize(("p", "total"), [(1, 4.0), (1.5, 5.1), (3, 7.6), (4, 8.9)])
    def test_legendre(self, p, total):
        """Totals of the specification, for 1000 rows there; the sum hardly depends on how fine the grid is."""
        A = np.polynomial.legendre.legvander(np.linspace(-1, 1, 300), 5)
        assert_allclose(total_sensitivity(A, p, n_probes=300), total, atol=0.1)
        assert_allclose(total_sensitivity(A, p, n_probes=40, random_state=0), total, rtol=0.1)

    def test_total_is_unbiased(self):
        """Mean of 60 estimates within 6 standard errors: false alarm below 1e-6."""
        A = np.random.default_rng(3).standard_t(3, (80, 3))
        estimates = [total_sensitivity(A, 4, n_probes=8, random_state=seed) for seed in range(60)]
        exact = total_sensitivity(A, 4, n_probes=80)
        assert_allclose(exact, lp_sensitivities(A, 4, method="exact").sum(), rtol=1e-9)
        assert abs(np.mean(estimates) - exact) < 6 * np.std(estimates) / np.sqrt(60)

    def test_sparse(self):
        X = scipy.sparse.csr_array(matrix("t2", 50, 3))
        with pytest.raises(TypeError, match="method='exact'"):
            lp_sensitivities(X, 3, method="exact")
        assert_allclose(lp_sensitivities(X, 3, method="lewis_bound"), np.minimum(1, 3**0.5 * lewis_weights(X, 3)))
