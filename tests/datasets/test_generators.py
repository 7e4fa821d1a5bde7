"""Generators: the properties that their docstrings promise."""

import numpy as np
import pytest
import scipy.linalg
from numpy.testing import assert_allclose, assert_array_equal

from sparsesci.datasets import (
    make_gaussian_regression,
    make_high_leverage_regression,
    make_hilbert,
    make_kronecker_regression,
    make_least_squares,
    make_linf_hard_instance,
    make_sparse_regression,
    make_vandermonde,
)

RANDOM = {
    make_gaussian_regression: {"n_samples": 60, "n_features": 4},
    make_high_leverage_regression: {"n_samples": 60, "n_features": 4},
    make_hilbert: {"n_samples": 60, "n_features": 4},
    make_least_squares: {"n_samples": 60, "n_features": 4},
    make_sparse_regression: {"n_samples": 60, "n_features": 4},
    make_vandermonde: {"n_samples": 60, "degree": 3},
}


def dense(A):
    return A.toarray() if hasattr(A, "toarray") else A


@pytest.mark.parametrize("make", RANDOM, ids=lambda make: make.__name__)
class TestEveryGenerator:
    def test_shapes_and_names(self, make):
        returned = make(**RANDOM[make], random_state=0)
        assert returned._fields == ("A", "b")
        assert returned.A.shape == (60, 4)
        assert returned.b.shape == (60,)
        assert returned.b.dtype == np.float64
        solved = make(**RANDOM[make], random_state=0, return_coef=True)
        assert solved._fields == ("A", "b", "coef")
        assert solved.coef.shape == (4,)
        assert_array_equal(dense(solved.A), dense(returned.A))
        assert_array_equal(solved.b, returned.b)

    def test_random_state(self, make):
        first, again, other = (make(**RANDOM[make], random_state=seed) for seed in (3, 3, 4))
        assert_array_equal(first.b, again.b)
        assert np.abs(first.b - other.b).max() > 1e-9
        from_generator = make(**RANDOM[make], random_state=np.random.default_rng(0))
        assert np.isfinite(from_generator.b).all()

    @pytest.mark.parametrize("n_samples", [0, 4, -1])
    def test_not_tall(self, make, n_samples):
        with pytest.raises(ValueError, match="n_samples"):
            make(**{**RANDOM[make], "n_samples": n_samples})

    @pytest.mark.parametrize("n_samples", [60.0, "60", None, True])
    def test_not_an_integer(self, make, n_samples):
        with pytest.raises(TypeError, match="n_samples"):
            make(**{**RANDOM[make], "n_samples": n_samples})

    def test_flag(self, make):
        with pytest.raises(TypeError, match="return_coef"):
            make(**RANDOM[make], return_coef="yes")


class TestLeastSquares:
    @pytest.mark.parametrize("cond", [1.0, 1e3, 1e10])
    @pytest.mark.parametrize("residual_norm", [0.0, 1e-6, 10.0])
    def test_spectrum_and_residual(self, cond, residual_norm):
        A, b, coef = make_least_squares(
            300, 12, cond=cond, residual_norm=residual_norm, random_state=1, return_coef=True
        )
        singular_values = np.linalg.svd(A, compute_uv=False)
        assert_allclose(singular_values, np.logspace(0, -np.log10(cond), 12), rtol=1e-4, atol=1e-15)
        residual = b - A @ coef
        assert_allclose(np.linalg.norm(residual), residual_norm, rtol=1e-9, atol=1e-14)
        assert np.abs(A.T @ residual).max() < 1e-14 * max(1.0, residual_norm)
        assert_allclose(np.linalg.norm(coef), 1.0, rtol=1e-14)

    def test_coef_is_the_minimiser(self):
        A, b, coef = make_least_squares(400, 8, cond=100.0, residual_norm=3.0, random_state=0, return_coef=True)
        assert_allclose(scipy.linalg.lstsq(A, b)[0], coef, rtol=0, atol=1e-12)

    def test_left_factor_is_haar(self):
        # For Haar-distributed u, sqrt(n) u_11 is nearly standard normal: without the sign correction
        # LAPACK's Q has a one-sided first entry. 400 signs: P(|sum| > 110) < 1e-7.
        corner = [
            np.sign(make_least_squares(30, 1, cond=1.0, random_state=i, return_coef=True).A[0, 0]) for i in range(400)
        ]
        assert abs(np.sum(corner)) <= 110

    def test_one_column(self):
        A, b, coef = make_least_squares(10, 1, cond=1e5, random_state=0, return_coef=True)
        assert_allclose(np.linalg.norm(A), 1.0)
        assert abs(coef[0]) == 1.0

    @pytest.mark.parametrize(("name", "value"), [("cond", 0.5), ("residual_norm", -1.0)])
    def test_out_of_range(self, name, value):
        with pytest.raises(ValueError, match=name):
            make_least_squares(20, 3, **{name: value})

    @pytest.mark.parametrize("cond", [np.nan, np.inf])
    def test_not_finite(self, cond):
        with pytest.raises(ValueError, match="cond"):
            make_least_squares(20, 3, cond=cond)


class TestStructured:
    def test_vandermonde_powers(self):
        A, b = make_vandermonde(11, 3, noise=0.0)
        t = np.arange(11) / 10
        assert_allclose(A, np.column_stack([t**0, t, t**2, t**3]), atol=1e-15)
        assert_allclose(b, np.exp(np.sin(4 * t)))

    def test_vandermonde_coefficients_fit(self):
        A, b, coef = make_vandermonde(500, 15, noise=0.0, return_coef=True)
        assert np.abs(A @ coef - b).max() < 1e-5

    def test_vandermonde_condition_number(self):
        assert 1e11 < np.linalg.cond(make_vandermonde(5000).A) < 2e11

    def test_hilbert(self):
        A, b, coef = make_hilbert(40, 6, noise=0.0, random_state=0, return_coef=True)
        assert_allclose(A[:6], scipy.linalg.hilbert(6), rtol=1e-15)
        assert_allclose(A @ coef, b)

    def test_high_leverage_rows(self):
        A, _ = make_high_leverage_regression(5000, 10, random_state=0)
        assert_array_equal(A[:10], 50 * np.eye(10))
        q = np.linalg.qr(A)[0]
        assert (np.sum(q[:10] ** 2, axis=1) > 0.97).all()
        assert_allclose(A[10:].std(), 0.1, rtol=0.05)


class TestHardInstances:
    @pytest.mark.parametrize("kind", ["spread", "spike", "pairs"])
    @pytest.mark.parametrize(("n", "d", "m"), [(4096, 64, 1024), (256, 8, 64), (100, 10, 20)])
    def test_normalisation(self, kind, n, d, m):
        A, b, coef = make_linf_hard_instance(kind, n, d, m, return_coef=True)
        assert A.shape == (n, d)
        assert_allclose(A.T @ A, np.eye(d), atol=1e-14)
        assert_allclose(np.linalg.norm(b), 1.0, rtol=1e-14)
        # Fused multiply-adds leave rounding errors in the sums.
        assert_allclose(A.T @ b, np.zeros(d), atol=1e-16)
        assert_array_equal(coef, np.zeros(d))

    @pytest.mark.parametrize(("kind", "nonzeros"), [("spread", 16), ("spike", 1), ("pairs", 8)])
    def test_nonzeros_of_the_paper_sizes(self, kind, nonzeros):
        assert np.count_nonzero(make_linf_hard_instance(kind, 4096, 64, 1024).b) == nonzeros

    def test_pairs_within_a_block(self):
        A, b = make_linf_hard_instance("pairs", 4096, 64, 64)
        assert np.count_nonzero(b) == 128
        assert_array_equal(b.reshape(64, 64).sum(axis=1), np.zeros(64))

    @pytest.mark.parametrize(("n", "d", "m"), [(10, 1, 1), (9, 3, 3), (512, 4, 4)])
    def test_pairs_stay_apart_in_small_sketches(self, n, d, m):
        A, b = make_linf_hard_instance("pairs", n, d, m)
        assert_allclose(A.T @ b, np.zeros(d), atol=1e-16)
        assert_allclose(np.linalg.norm(b), 1.0)

    def test_uniform_leverage(self):
        A, _ = make_linf_hard_instance("pairs", 128, 8, 16)
        assert_allclose((A**2).sum(axis=1), 8 / 128)

    def test_unknown_kind(self):
        with pytest.raises(ValueError, match="kind"):
            make_linf_hard_instance("other")

    @pytest.mark.parametrize("n", [129, 8, 15])
    def test_pairs_need_a_multiple(self, n):
        with pytest.raises(ValueError, match="n_samples"):
            make_linf_hard_instance("pairs", n, 8, 16)

    def test_no_room_for_the_residual(self):
        with pytest.raises(ValueError, match="n_samples"):
            make_linf_hard_instance("spread", 20, 8, 800)


class TestSparse:
    @pytest.mark.parametrize("nnz", [1, 3, 6])
    def test_pattern(self, nnz):
        A, b, coef = make_sparse_regression(500, 6, nnz_per_row=nnz, noise=0.0, random_state=0, return_coef=True)
        assert A.format == "csr"
        assert A.has_sorted_indices
        assert_array_equal(np.diff(A.indptr), np.full(500, nnz))
        assert set(np.unique(A.data)) == {-1.0, 1.0}
        assert (np.abs(A.toarray()) <= 1).all()
        assert_allclose(A @ coef, b, atol=1e-14)

    def test_every_subset_equally_likely(self):
        # 6 subsets of size 2 out of 4; chi-squared with 5 degrees of freedom exceeds 40 with p < 2e-7.
        n = 6000
        A, _ = make_sparse_regression(n, 4, nnz_per_row=2, random_state=0)
        columns = A.indices.reshape(n, 2)
        counts = np.unique(columns[:, 0] * 4 + columns[:, 1], return_counts=True)[1]
        assert len(counts) == 6
        assert np.sum((counts - n / 6) ** 2) / (n / 6) < 40

    def test_differences(self):
        plain, _ = make_sparse_regression(200, 12, random_state=0)
        A, _ = make_sparse_regression(200, 12, difference_order=2, random_state=0)
        difference = np.eye(12) - np.eye(12, k=-1)
        assert_allclose(A.toarray(), plain.toarray() @ difference @ difference, atol=1e-14)
        assert np.linalg.cond(A.toarray()) > 20 * np.linalg.cond(plain.toarray())

    @pytest.mark.parametrize("nnz", [0, 7])
    def test_nonzeros_out_of_range(self, nnz):
        with pytest.raises(ValueError, match="nnz_per_row"):
            make_sparse_regression(100, 6, nnz_per_row=nnz)


class TestKronecker:
    @pytest.mark.parametrize("shapes", [((6, 2),), ((6, 2), (5, 3)), ((4, 2), (3, 1), (5, 2))])
    def test_matches_the_explicit_product(self, shapes):
        factors, B, coef = make_kronecker_regression(shapes, noise=0.0, random_state=0, return_coef=True)
        product = np.ones((1, 1))
        for factor in factors:
            product = np.kron(product, factor)
        assert B.shape == tuple(rows for rows, _ in shapes)
        assert B.flags.c_contiguous
        assert_allclose(product @ coef.ravel(), B.ravel(), atol=1e-13)

    def test_noise_and_random_state(self):
        clean = make_kronecker_regression(noise=0.0, random_state=1)
        noisy = make_kronecker_regression(noise=0.5, random_state=1)
        assert noisy._fields == ("factors", "B")
        assert_array_equal(clean.factors[0], noisy.factors[0])
        assert_allclose((noisy.B - clean.B).std(), 0.5, rtol=0.05)

    @pytest.mark.parametrize("shapes", [5, [3, 4], [(3, 2, 1)], [(3.5, 2)], ["ab"]])
    def test_not_pairs(self, shapes):
        with pytest.raises(TypeError, match="shapes"):
            make_kronecker_regression(shapes)

    @pytest.mark.parametrize("shapes", [[], [(2, 3)], [(3, 0)]])
    def test_bad_sizes(self, shapes):
        with pytest.raises(ValueError, match="shapes"):
            make_kronecker_regression(shapes)
