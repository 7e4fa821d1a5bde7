"""Sketches of Kronecker and Khatri-Rao products against the explicit products, and the law of TensorSRHT."""

import functools
import tracemalloc

import numpy as np
import pytest
import scipy.sparse
from scipy import stats

from sparsesci.datasets import make_kronecker_regression
from sparsesci.sketching import TensorSketch, TensorSRHTSketch
from tests.reference import philox
from tests.reference import sketching as reference

CLASSES = (TensorSRHTSketch, TensorSketch)
SIZES = [(9, 5), (16, 8), (5, 3, 6), (1, 4), (4, 1), (3, 2, 2, 5), (70, 33)]


def factors_of(sizes, columns, dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    factors = [rng.standard_normal((n, d)) for n, d in zip(sizes, columns)]
    if np.dtype(dtype).kind == "c":
        factors = [A + 1j * rng.standard_normal(A.shape) for A in factors]
    return [A.astype(dtype) for A in factors]


def kronecker(factors):
    return functools.reduce(np.kron, factors)


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("m", [1, 7, 40])
def test_products_without_forming_them(cls, sizes, m):
    S = cls(m, sizes, random_state=1)
    assert S.shape == (m, np.prod(sizes))
    assert S.factor_sizes == sizes
    D = S.todense()
    factors = factors_of(sizes, range(1, len(sizes) + 1))
    expected = D @ kronecker(factors)
    np.testing.assert_allclose(S.sketch_factors(factors), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        S.sketch_factors([scipy.sparse.csr_array(A) for A in factors]), expected, rtol=0, atol=1e-12
    )
    same_columns = factors_of(sizes, [4] * len(sizes))
    np.testing.assert_allclose(
        S.sketch_khatri_rao(same_columns), D @ reference.khatri_rao(same_columns), rtol=0, atol=1e-12
    )
    B = np.random.default_rng(2).standard_normal(sizes)
    np.testing.assert_allclose(S.sketch_tensor(B), D @ B.ravel(), rtol=0, atol=1e-12)
    several = np.stack((B, -2 * B), axis=-1)
    np.testing.assert_allclose(S.sketch_tensor(several), D @ several.reshape(-1, 2), rtol=0, atol=1e-12)


@pytest.mark.parametrize("cls", CLASSES)
def test_the_definition_of_three_factors(cls):
    S = cls(11, (5, 3, 6), random_state=7)
    definition = reference.tensor_srht if cls is TensorSRHTSketch else reference.tensor_sketch
    np.testing.assert_allclose(S.todense(), definition(int(S.key), 11, (5, 3, 6)), rtol=0, atol=1e-14)


def test_formula_of_two_factors():
    """S (A1 x A2) has rows (H D1 A1)[i_t] x (H D2 A2)[j_t] / sqrt(m), and S vec(B) entries (H D1 B D2 H)[i_t, j_t]."""
    S = TensorSRHTSketch(6, (8, 4), random_state=0)
    signs = [
        [philox.sign(int(key), reference.SIGN_STREAM, i) for i in range(n)] for key, n in zip(S.factor_keys, (8, 4))
    ]
    A1, A2 = factors_of((8, 4), (2, 3))
    B = np.random.default_rng(1).standard_normal((8, 4))
    first = reference.hadamard(8) @ np.diag(signs[0])
    second = reference.hadamard(4) @ np.diag(signs[1])
    for t, (i, j) in enumerate(S.rows):
        row = np.kron((first @ A1)[i], (second @ A2)[j]) / np.sqrt(6)
        np.testing.assert_allclose(S.sketch_factors([A1, A2])[t], row, rtol=0, atol=1e-13)
        np.testing.assert_allclose(S.sketch_tensor(B)[t], (first @ B @ second.T)[i, j] / np.sqrt(6), atol=1e-13)


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("dtype", ["float32", "complex64", "complex128"])
def test_types(cls, dtype):
    S = cls(9, (6, 5), random_state=0)
    factors = factors_of((6, 5), (2, 3), dtype)
    out = S.sketch_factors(factors)
    assert out.dtype == dtype
    atol = 1e-12 if dtype == "complex128" else 1e-4
    np.testing.assert_allclose(out, S.todense() @ kronecker(factors), rtol=0, atol=atol)
    assert S.sketch_factors([factors[0], factors[1].real.astype("float64")]).dtype == np.result_type(dtype, "f8")


@pytest.mark.parametrize("cls", CLASSES)
def test_layouts_and_threads(cls):
    sizes = (3000, 500)
    S = cls(64, sizes, random_state=0)
    factors = factors_of(sizes, (3, 2))
    expected = S.sketch_factors(factors)
    for n_jobs in (2, 7):
        assert np.array_equal(S.sketch_factors(factors, n_jobs=n_jobs), expected)
    for change in (np.asfortranarray, lambda A: np.repeat(A, 2, axis=0)[::2]):
        np.testing.assert_allclose(S.sketch_factors([change(A) for A in factors]), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("cls", CLASSES)
def test_the_product_may_be_beyond_all_memory(cls):
    sizes = (10_000,) * 6
    S = cls(50, sizes, random_state=0)
    assert S.shape == (50, 10_000**6)
    factors = factors_of(sizes, (2,) * 6)
    tracemalloc.start()
    assert S.sketch_factors(factors).shape == (50, 64)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000_000


@pytest.mark.parametrize("cls", CLASSES)
def test_unbiased(cls):
    """The entries of the mean of S^T S - I over 4000 sketches, all within 6 standard errors.

    The entries of a pair are bounded; by Bonferroni's inequality over 276 pairs, 6e-7 were the seeds not fixed.
    """
    m, sizes, draws = 4, (6, 4), 4000
    first, second = np.triu_indices(24, 1)
    products = np.empty((draws, first.size))
    for draw in range(draws):
        D = cls(m, sizes, random_state=draw).todense()
        gram = D.T @ D
        np.testing.assert_allclose(np.diag(gram), 1, atol=1e-14)
        products[draw] = gram[first, second]
    error = products.mean(axis=0) / (products.std(axis=0) / np.sqrt(draws))
    assert np.abs(error).max() < 6


@pytest.mark.parametrize("sizes", [(6, 7), (4, 3, 5)])
def test_moments_of_tensor_srht(sizes):
    """Mean and variance of (Sg)^T (Sh), within 5 standard errors: 6e-7 for each, were the seeds not fixed."""
    m, draws = 8, 2000
    rng = np.random.default_rng(3)
    g, other = np.linalg.qr(rng.standard_normal((np.prod(sizes), 2)))[0].T
    simple = kronecker([np.eye(n)[:, :1] for n in sizes])[:, 0]
    pairs = [(g, other), (g, 0.6 * g + 0.8 * other), (simple, 0.6 * simple + 0.8 * g), (g, g)]
    stacked = np.stack([v for pair in pairs for v in pair], axis=1)
    products = np.empty((draws, len(pairs)))
    for draw in range(draws):
        sketched = TensorSRHTSketch(m, sizes, random_state=draw).sketch(stacked)
        products[draw] = np.sum(sketched[:, ::2] * sketched[:, 1::2], axis=0)
    for (v, w), sample in zip(pairs, products.T):
        deviations = (sample - v @ w) ** 2
        expected = reference.tensor_product_moment_variance(v.reshape(sizes), w.reshape(sizes)) / m
        assert abs(sample.mean() - v @ w) <= 5 * sample.std() / np.sqrt(draws)
        assert abs(deviations.mean() - expected) <= 5 * deviations.std() / np.sqrt(draws)


def test_error_of_regression_on_a_kronecker_product():
    """The error of coordinate j has standard deviation ||r|| sd_j sqrt(v_j / (m - d - 1)), v_j near 1.

    v_j is m Var[(Sg)^T (Sh)] for the unit vectors g along A (A^T A)^-1 e_j and h along r, exact to first order in
    d / m.
    """
    m, draws = 512, 400
    (A1, A2), B = make_kronecker_regression(((60, 4), (50, 4)), noise=1.0, random_state=0)
    A, b = np.kron(A1, A2), B.ravel()
    d = A.shape[1]
    directions = A @ np.linalg.inv(A.T @ A)
    exact = directions.T @ b
    residual = b - A @ exact
    variances = [
        reference.tensor_product_moment_variance(
            (g / np.linalg.norm(g)).reshape(60, 50), (residual / np.linalg.norm(residual)).reshape(60, 50)
        )
        for g in directions.T
    ]
    assert 0.9 < min(variances) < max(variances) < 1.2
    scale = np.linalg.norm(residual) * np.linalg.norm(directions, axis=0) * np.sqrt(np.array(variances) / (m - d - 1))
    squares = np.empty(draws)
    for draw in range(draws):
        S = TensorSRHTSketch(m, (60, 50), random_state=draw)
        x = np.linalg.lstsq(S.sketch_factors([A1, A2]), S.sketch_tensor(B), rcond=None)[0]
        squares[draw] = np.mean(((x - exact) / scale) ** 2)
    assert abs(squares.mean() - 1) <= 5 * squares.std() / np.sqrt(draws)


def test_tensor_srht_certificate_is_asymptotic():
    """Studentised errors have about Student's law for generic factors: the share of 95 % intervals that hold.

    Within 5 standard errors of 0.95: 6e-7 for the limiting law, were the seeds not fixed.
    """
    m, draws = 256, 400
    (A1, A2), B = make_kronecker_regression(((40, 3), (30, 2)), noise=1.0, random_state=1)
    exact = np.linalg.lstsq(np.kron(A1, A2), B.ravel(), rcond=None)[0]
    quantile = stats.t.isf(0.025, m - 6)
    inside = np.empty(draws)
    for draw in range(draws):
        S = TensorSRHTSketch(m, (40, 30), random_state=draw)
        SA, Sb = S.sketch_factors([A1, A2]), S.sketch_tensor(B)
        x = np.linalg.lstsq(SA, Sb, rcond=None)[0]
        inside[draw] = np.mean(np.abs(x - exact) <= quantile * reference.standard_errors(SA, Sb))
    assert abs(inside.mean() - 0.95) <= 5 * inside.std() / np.sqrt(draws)


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize(
    ("n_rows", "error", "message"),
    [
        (16, TypeError, "n_rows must be a tuple"),
        ((16,), ValueError, "at least two factors"),
        ((), ValueError, "at least two factors"),
        ((4, 0), ValueError, "n_rows must be at least 1"),
        ((4, 2.5), TypeError, "n_rows must be an integer"),
        ("ab", TypeError, "n_rows must be an integer"),
    ],
)
def test_bad_sizes(cls, n_rows, error, message):
    with pytest.raises(error, match=message):
        cls(4, n_rows)


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda S: S.sketch_factors([np.ones((6, 2))]), "factors must be 2 matrices; got 1"),
        (lambda S: S.sketch_factors([np.ones((5, 2)), np.ones((5, 2))]), r"factors\[0\] must have 6 rows"),
        (lambda S: S.sketch_factors([np.ones((6, 2)), np.ones((6, 2))]), r"factors\[1\] must have 5 rows"),
        (lambda S: S.sketch_factors([np.ones((6, 2)), np.full((5, 2), np.nan)]), "NaN"),
        (lambda S: S.sketch_factors([np.ones(6), np.ones((5, 2))]), "2D array"),
        (lambda S: S.sketch_khatri_rao([np.ones((6, 2)), np.ones((5, 3))]), "same number of columns"),
        (lambda S: S.sketch_tensor(np.ones((5, 6))), "B must have shape"),
        (lambda S: S.sketch_tensor(np.ones(30)), "B must have shape"),
        (lambda S: S.sketch_tensor(np.ones((6, 5, 2, 2))), "B must have shape"),
        (lambda S: S.sketch_tensor(np.full((6, 5), np.inf)), "infinity"),
    ],
)
def test_bad_factors(cls, call, message):
    with pytest.raises(ValueError, match=message):
        call(cls(4, (6, 5), random_state=0))


def test_tensor_sketch_of_an_unstructured_matrix_runs_on_the_cpu_only():
    # Where there is no GPU, that is said first.
    with pytest.raises((ValueError, RuntimeError), match="device"):
        TensorSketch(4, (6, 5)).accumulate(np.ones((30, 1)), np.zeros((4, 1)), device="cuda")
