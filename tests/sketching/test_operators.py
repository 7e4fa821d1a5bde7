"""All sketching operators, against their entry-by-entry definitions, and the laws that they obey."""

import copy
import pickle

import numpy as np
import pytest
import scipy.sparse
from scipy.sparse.linalg import LinearOperator

from sparsesci.sketching import (
    CountSketch,
    GaussianSketch,
    SparseSignSketch,
    SRHTSketch,
    TensorSketch,
    TensorSRHTSketch,
    make_sketch,
    sketch,
)
from tests.reference import sketching as reference

CLASSES = {
    "srht": SRHTSketch,
    "gaussian": GaussianSketch,
    "sparse_sign": SparseSignSketch,
    "countsketch": CountSketch,
    "tensor_srht": TensorSRHTSketch,
    "tensor_sketch": TensorSketch,
}
PLAIN = ("srht", "gaussian", "sparse_sign", "countsketch")
SIZES = {"tensor_srht": (9, 7), "tensor_sketch": (9, 7)}
N_ROWS = 63


def make(kind, m=12, n=None, **options):
    return make_sketch(kind, m, n or SIZES.get(kind, N_ROWS), random_state=5, **options)


def definition(S):
    """Return the matrix of an operator, entry by entry from its key."""
    key, (m, n) = int(S.key), S.shape
    if S.kind == "srht":
        return reference.srht(key, m, n)
    if S.kind == "gaussian":
        return reference.gaussian(key, m, n)
    if S.kind in ("sparse_sign", "countsketch"):
        return reference.sparse_sign(key, m, n, S.nnz_per_column)
    tensor = {"tensor_srht": reference.tensor_srht, "tensor_sketch": reference.tensor_sketch}[S.kind]
    return tensor(key, m, S.factor_sizes)


def data(n, d=5, dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((n, d))
    if np.dtype(dtype).kind == "c":
        A = A + 1j * rng.standard_normal((n, d))
    return A.astype(dtype)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("m", [1, 5, 12, 64])
def test_equals_its_definition(kind, m):
    S = make(kind, m)
    D = definition(S)
    A = data(S.shape[1])
    # The fixed-point normal quantiles are accurate to 1e-11.
    atol = 1e-10 if kind == "gaussian" else 1e-13
    np.testing.assert_allclose(S.todense(), D, rtol=0, atol=atol)
    np.testing.assert_allclose(S.sketch(A), D @ A, rtol=0, atol=30 * atol)
    np.testing.assert_allclose(S @ A[:, 0], D @ A[:, 0], rtol=0, atol=30 * atol)
    np.testing.assert_allclose(S @ A, D @ A, rtol=0, atol=30 * atol)
    y = data(m, 2, seed=1)
    np.testing.assert_allclose(S.T @ y[:, 0], D.T @ y[:, 0], rtol=0, atol=30 * atol)
    np.testing.assert_allclose(S.rmatmat(y), D.T @ y, rtol=0, atol=30 * atol)


@pytest.mark.parametrize("kind", PLAIN)
@pytest.mark.parametrize(("m", "n", "d"), [(64, 900, 3), (200, 2100, 70), (40, 700, 300), (1024, 1024, 2), (7, 1, 3)])
def test_blocks_and_panels(kind, m, n, d):
    """Sizes that take more than one block of rows or panel of columns, dense and CSR."""
    m = min(m, reference.padded_size(n)) if kind == "srht" else m
    S = make(kind, m, n)
    A = data(n, d)
    expected = S.todense() @ A
    scale = np.abs(expected).max()
    np.testing.assert_allclose(S.sketch(A), expected, rtol=0, atol=1e-13 * scale)
    mask = np.random.default_rng(2).random((n, d)) < np.linspace(0, 1, n)[:, np.newaxis]
    np.testing.assert_allclose(
        S.sketch(scipy.sparse.csr_array(A * mask)), S.todense() @ (A * mask), rtol=0, atol=1e-12 * scale
    )


def test_srht_of_padded_rows_equals_its_definition():
    S = SRHTSketch(64, 900, random_state=3)
    np.testing.assert_allclose(S.todense(), reference.srht(int(S.key), 64, 900), rtol=0, atol=1e-14)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_adjoint(kind, dtype):
    S = make(kind)
    x, y = data(S.shape[1], 1, dtype)[:, 0], data(S.shape[0], 1, dtype, seed=1)[:, 0]
    assert abs(np.vdot(y, S.matvec(x)) - np.vdot(S.rmatvec(y), x)) < 1e-12


@pytest.mark.parametrize("kind", CLASSES)
def test_chunks_in_any_order_add_up(kind):
    S = make(kind, 20)
    n = S.shape[1]
    A = data(n)
    expected = S.sketch(A)
    rng = np.random.default_rng(0)
    for csr in (False, True):
        for _ in range(5):
            edges = np.concatenate(([0], np.sort(rng.choice(np.arange(1, n), 6, replace=False)), [n]))
            total = np.zeros_like(expected)
            for piece in rng.permutation(7):
                rows = A[edges[piece] : edges[piece + 1]]
                rows = scipy.sparse.csr_array(rows) if csr else rows
                assert S.accumulate(rows, total, row_offset=int(edges[piece])) is total
            np.testing.assert_allclose(total, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", PLAIN)
def test_chunks_of_a_large_matrix(kind):
    S = make(kind, 100, 5000)
    A = data(5000, 6)
    expected, total = S.sketch(A), np.zeros((100, 6))
    for start, stop in [(3333, 5000), (0, 1), (1, 700), (700, 3333)]:
        S.accumulate(A[start:stop], total, row_offset=start)
    np.testing.assert_allclose(total, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("kind", CLASSES)
def test_every_number_of_threads_gives_the_same_bits(kind):
    sizes = {"tensor_srht": (150, 40), "tensor_sketch": (150, 40)}
    S = make(kind, 50, sizes.get(kind, 6000))
    A = data(6000, 4)
    expected = S.sketch(A, n_jobs=1)
    for n_jobs in (2, 7, -1):
        assert np.array_equal(S.sketch(A, n_jobs=n_jobs), expected)
        assert np.array_equal(S.sketch(scipy.sparse.csr_array(A), n_jobs=n_jobs), S.sketch(scipy.sparse.csr_array(A)))


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128", "int64", "bool"])
def test_types(kind, dtype):
    S = make(kind)
    A = (np.random.default_rng(0).integers(-4, 5, (S.shape[1], 3))).astype(dtype)
    if np.dtype(dtype).kind == "c":
        A = A + 1j * A[::-1]
    out = S.sketch(A)
    assert out.dtype == (A.dtype if A.dtype.kind in "fc" else np.float64)
    np.testing.assert_allclose(
        out, S.todense() @ A, rtol=0, atol=1e-4 if out.itemsize // (1 + (out.dtype.kind == "c")) == 4 else 1e-12
    )


@pytest.mark.parametrize("kind", CLASSES)
def test_layouts(kind):
    S = make(kind)
    A = data(S.shape[1], 6)
    expected = S.sketch(A)
    read_only = A.copy()
    read_only.flags.writeable = False
    for given in (np.asfortranarray(A), np.repeat(A, 2, axis=0)[::2], A[::-1].copy()[::-1], read_only, A.tolist()):
        np.testing.assert_allclose(S.sketch(given), expected, rtol=1e-13, atol=1e-14)
    for given in (scipy.sparse.csc_array(A), scipy.sparse.coo_array(A), scipy.sparse.csr_matrix(A)):
        np.testing.assert_allclose(S.sketch(given), expected, rtol=0, atol=1e-12)
    vector = S.sketch(A[:, 0])
    assert vector.shape == (12,)
    np.testing.assert_allclose(vector, expected[:, 0], rtol=0, atol=1e-13)


@pytest.mark.parametrize("kind", CLASSES)
def test_operators_are_defined_by_their_key(kind):
    S = make(kind)
    assert isinstance(S, LinearOperator)
    assert isinstance(S, CLASSES[kind])
    assert S.kind == kind
    assert S.key.dtype == np.uint64
    A = data(S.shape[1])
    for twin in (make(kind), pickle.loads(pickle.dumps(S)), copy.deepcopy(S)):
        assert twin.shape == S.shape
        assert np.array_equal(twin.sketch(A), S.sketch(A))
    other = make_sketch(kind, 12, SIZES.get(kind, N_ROWS), random_state=6)
    assert not np.allclose(other.sketch(A), S.sketch(A))
    assert repr(S) == f"{CLASSES[kind].__name__}(n_components=12, n_rows=63)"


@pytest.mark.parametrize("kind", CLASSES)
def test_float32_operator(kind):
    S = make(kind, dtype=np.float32)
    assert S.dtype == np.float32
    assert S.todense().dtype == np.float32
    np.testing.assert_allclose(S.todense(), make(kind).todense(), rtol=0, atol=1e-6)


def test_only_dense_sketches_are_certified():
    certified = {kind for kind in CLASSES if make(kind).certified}
    assert certified == {"srht", "gaussian", "tensor_srht"}


# SRHT


def test_srht_rows_are_orthogonal():
    for n, m in [(64, 20), (256, 256), (1, 1)]:
        D = SRHTSketch(m, n, random_state=0).todense()
        np.testing.assert_allclose(D @ D.T, n / m * np.eye(m), rtol=0, atol=1e-13)


@pytest.mark.parametrize("n", [64, 50, 33])
def test_full_srht_is_an_isometry(n):
    S = SRHTSketch(64, n, random_state=0)
    assert S.n_padded == 64
    assert np.array_equal(S.rows, np.arange(64))
    np.testing.assert_allclose(S.todense().T @ S.todense(), np.eye(n), rtol=0, atol=1e-14)


def test_srht_extended_to_more_rows():
    S = SRHTSketch(10, 30, random_state=0)
    same = S._extended(32)
    assert (same.shape, same.n_padded) == ((10, 32), 32)
    longer = S._extended(100)
    D = reference.extended_srht(int(S.key), 10, 32, 100)
    np.testing.assert_allclose(D[:, :30], S.todense(), rtol=0, atol=1e-14)
    A, total = data(100), np.zeros((10, 5))
    longer.accumulate(A[:41], total)
    longer.accumulate(A[41:], total, row_offset=41)
    np.testing.assert_allclose(total, D @ A, rtol=0, atol=1e-13)


# Sparse


@pytest.mark.parametrize(("kind", "options", "s"), [("sparse_sign", {}, 8), ("sparse_sign", {"nnz_per_column": 3}, 3)])
def test_sparse_patterns(kind, options, s):
    S = make(kind, 30, 500, **options)
    dense = S.todense()
    assert (np.count_nonzero(dense, axis=0) == s).all()
    np.testing.assert_allclose(np.abs(dense[dense != 0]), 1 / np.sqrt(s), rtol=1e-15)
    for format in ("csr", "csc"):
        stored = S.to_sparse(format)
        assert stored.format == format
        assert stored.has_sorted_indices
        assert np.array_equal(stored.toarray(), dense)
    with pytest.raises(ValueError, match="format"):
        S.to_sparse("coo")


def test_countsketch_is_a_sparse_sign_sketch_with_one_entry():
    one, count = make("sparse_sign", 30, 500, nnz_per_column=1), make("countsketch", 30, 500)
    assert np.array_equal(one.todense(), count.todense())
    assert isinstance(count, SparseSignSketch)


def test_a_small_sketch_has_no_more_entries_than_rows():
    S = SparseSignSketch(3, 40, random_state=0)
    assert S.nnz_per_column == 3
    assert (np.count_nonzero(S.todense(), axis=0) == 3).all()


# Laws


def unit_pairs(n):
    """Return pairs of unit vectors: orthogonal, nearly parallel, equal, and on few common coordinates."""
    rng = np.random.default_rng(8)
    g, other = np.linalg.qr(rng.standard_normal((n, 2)))[0].T
    spread = np.zeros((2, n))
    spread[:, [0, 5, 9]] = [[0.8, 0.6, 0.0], [0.6, 0.0, 0.8]]
    return {
        "orthogonal": (g, other),
        "oblique": (g, 0.8 * g + 0.6 * other),
        "opposite": (g, -0.95 * g + np.sqrt(1 - 0.95**2) * other),
        "equal": (g, g),
        "few coordinates": (spread[0], spread[1]),
    }


@pytest.mark.parametrize("kind", PLAIN)
def test_first_and_second_moments_of_products(kind):
    """Mean c and m Var = as derived in the reference, each within 5 standard errors.

    False-alarm probability 5.7e-7 for each of the ten comparisons, were the seed not fixed.
    """
    n, m, draws = 60, 16, 4000
    pairs = unit_pairs(n)
    stacked = np.stack([v for pair in pairs.values() for v in pair], axis=1)
    products = np.empty((draws, len(pairs)))
    for draw in range(draws):
        sketched = make_sketch(kind, m, n, random_state=draw).sketch(stacked)
        products[draw] = np.sum(sketched[:, ::2] * sketched[:, 1::2], axis=0)
    for (g, h), sample in zip(pairs.values(), products.T):
        c = g @ h
        deviations = (sample - c) ** 2
        expected = reference.product_moment_variance(kind, g, h, m, 64) / m
        assert abs(sample.mean() - c) <= 5 * sample.std() / np.sqrt(draws)
        assert abs(deviations.mean() - expected) <= 5 * deviations.std() / np.sqrt(draws) + 1e-12


def test_moments_of_a_stream_without_bound():
    """An SRHT over 2**47 rows, of which few exist, has independent rows: the variance without the finite factor."""
    n, m, draws = 60, 16, 4000
    g, h = unit_pairs(n)["oblique"]
    sample = np.empty(draws)
    for draw in range(draws):
        out = SRHTSketch(m, 1 << 47, random_state=draw).accumulate(np.stack((g, h), axis=1), np.zeros((m, 2)))
        sample[draw] = out[:, 0] @ out[:, 1]
    deviations = (sample - g @ h) ** 2
    expected = reference.product_moment_variance("countsketch", g, h, m, None) / m
    assert abs(deviations.mean() - expected) <= 5 * deviations.std() / np.sqrt(draws)


@pytest.mark.parametrize("kind", CLASSES)
def test_error_identity(kind):
    """x' - x = (SA)^+ S r for any sketch for which SA has full rank."""
    sizes = {"tensor_srht": (20, 15), "tensor_sketch": (20, 15)}
    S = make(kind, 80, sizes.get(kind, 300))
    A, b = data(300, 6), data(300, 1, seed=4)[:, 0]
    x = np.linalg.lstsq(A, b, rcond=None)[0]
    SA = S.sketch(A)
    sketched = np.linalg.lstsq(SA, S.sketch(b), rcond=None)[0]
    assert np.abs(sketched - x).max() > 1e-3
    np.testing.assert_allclose(sketched - x, np.linalg.pinv(SA) @ S.sketch(b - A @ x), rtol=0, atol=1e-13)


# Functions


@pytest.mark.parametrize("kind", PLAIN)
def test_sketch_function(kind):
    A = data(300)
    expected = make_sketch(kind, 40, 300, random_state=9).sketch(A)
    assert np.array_equal(sketch(A, 40, kind=kind, random_state=9), expected)
    csr = scipy.sparse.csr_array(A)
    np.testing.assert_allclose(sketch(csr, 40, kind=kind, random_state=9), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: make_sketch("hadamard", 4, 16), ValueError, "kind must be one of"),
        (lambda: make_sketch("srht", 17, 16), ValueError, "n_components must be at most 16"),
        (lambda: make_sketch("gaussian", 0, 16), ValueError, "n_components must be at least 1"),
        (lambda: make_sketch("gaussian", 2.5, 16), TypeError, "n_components must be an integer"),
        (lambda: make_sketch("gaussian", 4, -1), ValueError, "n_rows"),
        (lambda: make_sketch("gaussian", 4, True), TypeError, "n_rows"),
        (lambda: make_sketch("gaussian", 4, 16, dtype=int), ValueError, "dtype"),
        (lambda: make_sketch("gaussian", 4, 16, dtype="real"), TypeError, "dtype"),
        (lambda: make_sketch("gaussian", 4, 16, random_state="seed"), ValueError, "random_state"),
        (lambda: make_sketch("gaussian", 4, 16, nnz_per_column=2), TypeError, "nnz_per_column"),
        (lambda: make_sketch("sparse_sign", 4, 16, nnz_per_column=0), ValueError, "nnz_per_column"),
        (lambda: make("srht").sketch(np.ones((62, 2))), ValueError, "63 rows"),
        (lambda: make("srht").sketch(np.ones((63, 0))), ValueError, "0 feature"),
        (lambda: make("srht").sketch(np.ones((63, 2, 2))), ValueError, "dim"),
        (lambda: make("srht").sketch([["a", "b"]] * 63), ValueError, "convert"),
        (lambda: make("srht").accumulate(np.ones((3, 2)), np.zeros((12, 2)), row_offset=61), ValueError, "beyond"),
        (lambda: make("srht").accumulate(np.ones((3, 2)), np.zeros((12, 2)), row_offset=-1), ValueError, "row_offset"),
        (lambda: make("srht").accumulate(np.ones((3, 2)), np.zeros((12, 3))), ValueError, "out must have shape"),
        (lambda: make("srht").accumulate(np.ones((3, 2)), np.zeros((12, 2), "f4")), ValueError, "dtype"),
        (lambda: make("srht").sketch(np.ones((63, 2)), device="gpu"), ValueError, "device"),
        (lambda: make("srht").sketch(np.ones((63, 2)), n_jobs=0), ValueError, "n_jobs"),
        (lambda: make("srht").matvec(np.ones(62)), ValueError, "dimension"),
        (lambda: sketch(np.ones((16, 2)), 4, kind="tensor_srht"), ValueError, "kind"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("csr", [False, True])
def test_nan_and_infinity_are_refused(kind, value, csr):
    S = make(kind)
    A = data(S.shape[1])
    A[17, 2] = value
    with pytest.raises(ValueError, match=r"contains (NaN|infinity)"):
        S.sketch(scipy.sparse.csr_array(A) if csr else A)


@pytest.mark.parametrize("kind", CLASSES)
def test_accumulate_needs_no_c_ordered_output(kind):
    S = make(kind)
    A, out = data(S.shape[1]), np.zeros((5, 12)).T
    np.testing.assert_allclose(S.accumulate(A, out), S.sketch(A), rtol=0, atol=1e-14)
