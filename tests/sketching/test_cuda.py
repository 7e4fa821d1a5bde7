"""What is special to the GPU: arrays that lie there, pieces of bounded size, slots, and the choice of the device.

That the launchers agree with those of the CPU is tested in tests/twins. Entries are small integers throughout: sums of
them are exact in every order, so that results can be compared bit by bit.
"""

import importlib

import numpy as np
import pytest
import scipy.sparse
from numba import cuda

from sparsesci._core import cuda as device
from sparsesci.sketching import SketchedRegression, SketchProjection, fwht, make_sketch, sketch
from tests.twins.calls import KEY, integers

pytestmark = pytest.mark.cuda

KINDS = ("srht", "gaussian", "sparse_sign", "countsketch")
N_ROWS, N_COMPONENTS = 40, 6


def operator(kind, n_rows=N_ROWS):
    return make_sketch(kind, N_COMPONENTS, n_rows, random_state=3)


def assert_sketches_agree(actual, expected):
    """Gaussian entries are no integers: their sums are rounded, in another order on every device."""
    assert actual.dtype == expected.dtype
    tolerance = 500 * np.finfo(expected.dtype).eps
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * np.abs(expected).max())


# Arrays on the device


@pytest.mark.parametrize(
    ("kind", "A"),
    [
        pytest.param("srht", np.asfortranarray(integers((N_ROWS, 3), np.float64)), id="Fortran order"),
        pytest.param("sparse_sign", integers((N_ROWS, 2), np.int32), id="int32"),
        pytest.param("gaussian", integers((N_ROWS, 2), np.float32) + np.complex64(1j), id="complex64"),
        pytest.param("srht", integers((N_ROWS, 2), np.float64) + 1j, id="complex128"),
        pytest.param("countsketch", integers(N_ROWS, np.float64), id="vector"),
    ],
)
def test_sketch_of_an_array_on_the_device(kind, A):
    given = cuda.to_device(A)
    actual = operator(kind).sketch(given, device="cuda")
    assert isinstance(actual, np.ndarray)
    assert_sketches_agree(actual, operator(kind).sketch(A))
    np.testing.assert_array_equal(given.copy_to_host(), A)


@pytest.mark.parametrize("kind", KINDS)
def test_host_and_device_arrays_have_the_same_bits(kind):
    A = np.random.default_rng(0).standard_normal((N_ROWS, 3))
    first = sketch(A, N_COMPONENTS, kind=kind, random_state=0, device="cuda")
    again = sketch(A, N_COMPONENTS, kind=kind, random_state=0, device="cuda")
    on_device = sketch(cuda.to_device(A), N_COMPONENTS, kind=kind, random_state=0, device="cuda")
    np.testing.assert_array_equal(again, first)
    np.testing.assert_array_equal(on_device, first)


def test_strided_array_on_the_device():
    A = integers((2 * N_ROWS, 4), np.float64)
    given = cuda.to_device(A)[::2]
    np.testing.assert_array_equal(operator("srht").sketch(given, device="cuda"), operator("srht").sketch(A[::2]))


def test_foreign_array_on_the_device():
    """Any object with the interface will do: CuPy's and PyTorch's arrays are such."""
    A = integers((N_ROWS, 3), np.float64)
    held = cuda.to_device(A)
    if not hasattr(held, "__cuda_array_interface__"):
        pytest.skip("the simulator's arrays have no __cuda_array_interface__")

    class Foreign:
        ndim, shape, dtype = 2, A.shape, A.dtype
        __cuda_array_interface__ = held.__cuda_array_interface__

    np.testing.assert_array_equal(operator("srht").sketch(Foreign(), device="cuda"), operator("srht").sketch(A))
    transformed = fwht(cuda.to_device(A[:32]), axis=0)
    np.testing.assert_array_equal(transformed.copy_to_host(), fwht(A[:32], axis=0))


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_accumulate_into_an_array_on_the_device(dtype):
    A, before = integers((10, 3), dtype), integers((N_COMPONENTS, 3), dtype, seed=1)
    expected = operator("countsketch").accumulate(A, before.copy(), row_offset=7)
    out = cuda.to_device(before)
    assert operator("countsketch").accumulate(A, out, row_offset=7, device="cuda") is out
    np.testing.assert_array_equal(out.copy_to_host(), expected)


def test_an_array_on_the_device_is_not_used_on_the_cpu():
    given = cuda.to_device(integers((N_ROWS, 3), np.float64))
    with pytest.raises(TypeError, match="A is on a GPU"):
        operator("srht").sketch(given)
    with pytest.raises(TypeError, match="A is on a GPU"):
        sketch(given, N_COMPONENTS)
    out = cuda.to_device(np.zeros((N_COMPONENTS, 3)))
    with pytest.raises(TypeError, match="out is on a GPU"):
        operator("srht").accumulate(given.copy_to_host(), out)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize(
    ("value", "dtype", "kinds"),
    [(np.nan, np.float64, KINDS), (np.inf, np.float32, ["countsketch"]), (np.inf, np.complex128, ["gaussian"])],
)
def test_not_finite_on_the_device(value, dtype, kinds):
    A = integers((N_ROWS, 1), dtype)
    A[17, 0] = value
    for kind in kinds:
        with pytest.raises(ValueError, match="A contains NaN or infinity"):
            operator(kind).sketch(cuda.to_device(A), device="cuda")


@pytest.mark.parametrize(
    ("A", "error", "message"),
    [
        (np.zeros((N_ROWS + 1, 3)), ValueError, "A must have 40 rows"),
        (np.zeros((N_ROWS, 3, 1)), ValueError, "A must be 2-d; got 3"),
        (np.zeros((N_ROWS, 0)), ValueError, "A must not be empty"),
        (np.zeros((N_ROWS, 3), "M8[s]"), TypeError, "A must be numeric"),
    ],
)
def test_bad_arrays_on_the_device(A, error, message):
    with pytest.raises(error, match=message):
        operator("srht").sketch(cuda.to_device(A), device="cuda")


def test_bad_out_on_the_device():
    S, A = operator("srht"), integers((N_ROWS, 3), np.float64)
    with pytest.raises(ValueError, match="out must have shape"):
        S.accumulate(A, cuda.to_device(np.zeros((N_COMPONENTS, 2))), device="cuda")
    with pytest.raises(ValueError, match="out must be C-ordered"):
        S.accumulate(A, cuda.to_device(np.zeros((N_COMPONENTS, 3), order="F")), device="cuda")


# The choice of the device


@pytest.mark.parametrize(
    ("kind", "module", "launcher"),
    [
        ("srht", "_srht_cuda", "srht_accumulate"),
        ("gaussian", "_gaussian_cuda", "gaussian_accumulate"),
        ("countsketch", "_sparse_sign_cuda", "sparse_sign_accumulate"),
    ],
)
def test_auto_takes_the_gpu(monkeypatch, kind, module, launcher):
    twin = importlib.import_module(f"sparsesci.sketching.{module}")
    original, calls = getattr(twin, launcher), []
    monkeypatch.setattr(twin, launcher, lambda *args: calls.append(args) or original(*args))
    A = integers((N_ROWS, 3), np.float64)
    assert_sketches_agree(operator(kind).sketch(A, device="auto"), operator(kind).sketch(A))
    assert len(calls) == 1
    operator(kind).sketch(A, device="cpu")
    assert len(calls) == 1


def test_estimators_on_the_gpu():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 2))
    y = X @ [1.0, 2.0] + rng.standard_normal(60)
    on_cpu, on_gpu = (SketchedRegression(24, random_state=0, device=device).fit(X, y) for device in ("cpu", "cuda"))
    np.testing.assert_allclose(on_gpu.coef_, on_cpu.coef_, rtol=1e-12)
    np.testing.assert_allclose(on_gpu.intercept_, on_cpu.intercept_, rtol=1e-12)

    X = rng.standard_normal((4, 20))
    on_cpu, on_gpu = (SketchProjection(5, random_state=0, device=device).fit(X) for device in ("cpu", "cuda"))
    np.testing.assert_allclose(on_gpu.transform(X), on_cpu.transform(X), rtol=1e-12)


# Pieces and slots


@pytest.fixture
def pieces(monkeypatch):
    """A record of the pieces that were taken."""
    taken = []
    for name in ("row_pieces", "csr_pieces"):
        original = getattr(device, name)

        def recording(*args, original=original):
            for start, *arrays in original(*args):
                taken.append((start, sum(array.nbytes for array in arrays)))
                yield (start, *arrays)

        monkeypatch.setattr(device, name, recording)
    return taken


# Pieces of tiles of 1024 rows of four float64 numbers; the Gaussian sketch has no tiles, and is slow to simulate.
SIZES = [("srht", 1100, 1 << 15), ("sparse_sign", 1100, 1 << 15), ("gaussian", 100, 1 << 11)]


@pytest.mark.parametrize(("kind", "n_rows", "piece_bytes"), SIZES)
def test_tall_array_in_pieces(monkeypatch, kind, n_rows, piece_bytes, pieces):
    monkeypatch.setattr(device, "PIECE_BYTES", piece_bytes)
    A = integers((n_rows, 4), np.float64)
    S = make_sketch(kind, N_COMPONENTS, 2000, random_state=0)
    expected, actual, on_device = (
        S.accumulate(given, np.zeros((N_COMPONENTS, 4)), row_offset=500, device=device)
        for given, device in ((A, "cpu"), (A, "cuda"), (cuda.to_device(A), "cuda"))
    )
    assert_sketches_agree(actual, expected)
    np.testing.assert_array_equal(on_device, actual)
    half = len(pieces) // 2
    assert half > 1
    assert pieces[:half] == pieces[half:]
    assert all(nbytes <= piece_bytes for _, nbytes in pieces)


@pytest.mark.parametrize(("kind", "n_rows", "piece_bytes"), SIZES)
def test_csr_matrix_in_pieces(monkeypatch, kind, n_rows, piece_bytes, pieces):
    monkeypatch.setattr(device, "PIECE_BYTES", piece_bytes // 2)
    dense = integers((n_rows, 4), np.float64) * (integers((n_rows, 4), np.int64, seed=1) > 0)
    dense[n_rows // 3 : n_rows // 2] = 0
    S = make_sketch(kind, N_COMPONENTS, n_rows, random_state=0)
    actual = S.sketch(scipy.sparse.csr_array(dense), device="cuda")
    assert_sketches_agree(actual, S.sketch(dense))
    assert len(pieces) > 1


def test_pieces_of_a_csr_matrix_are_bounded_by_entries(monkeypatch):
    monkeypatch.setattr(device, "PIECE_BYTES", 1 << 15)
    lengths = [3, 0, 5000, 0, 2, 1]
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    data, indices = np.arange(indptr[-1], dtype=np.float64), np.zeros(indptr[-1], dtype=np.int32)
    found = list(device.csr_pieces(data, indices, indptr, max_rows=4))
    # A row of 5000 entries is more than a piece may be; it is taken as a whole.
    assert [(start, piece_indptr.size - 1) for start, _, _, piece_indptr in found] == [(0, 2), (2, 1), (3, 3)]
    np.testing.assert_array_equal(np.concatenate([piece.copy_to_host() for _, piece, _, _ in found]), data)
    assert all(piece_indptr.copy_to_host()[0] == 0 for _, _, _, piece_indptr in found)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_a_csr_matrix_may_repeat_columns(kind):
    data = integers(3 * N_ROWS, np.float64)
    indices = np.tile([1, 0, 1], N_ROWS).astype(np.int32)
    A = scipy.sparse.csr_matrix((data, indices, np.arange(0, 3 * N_ROWS + 1, 3)), shape=(N_ROWS, 2))
    assert_sketches_agree(operator(kind).sketch(A, device="cuda"), operator(kind).sketch(A.toarray()))


@pytest.mark.parametrize("kind", ["srht", "countsketch"])
@pytest.mark.parametrize(("wanted_blocks", "n_slots"), [(1024, 3), (1, 1)])
def test_slots_of_samples(monkeypatch, kind, wanted_blocks, n_slots):
    """Three tiles of 1024 rows, for each a slot or one for all of them."""
    made = []
    original = device.device_zeros
    monkeypatch.setattr(device, "device_zeros", lambda *args: made.append(args[0]) or original(*args))
    monkeypatch.setattr(device, "_WANTED_BLOCKS", wanted_blocks)
    A = integers((3000, 3), np.float64)
    S = make_sketch(kind, N_COMPONENTS, 3000, random_state=0)
    np.testing.assert_array_equal(S.sketch(A, device="cuda"), S.sketch(A))
    assert made == [(n_slots, N_COMPONENTS, 3)]


def test_slots_are_bounded_by_their_memory():
    assert device.slot_count(10**6, 1, 8) == 1024
    assert device.slot_count(10**6, 25, 1 << 20) == 41
    assert device.slot_count(10**6, 25, 1 << 24) == 8
    assert device.slot_count(10**6, 25, 1 << 40) == 1
    assert device.slot_count(3, 1, 8) == 3


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_tiles_fit_into_shared_memory(dtype):
    tile = device.tile_of(dtype)
    itemsize = np.dtype(dtype).itemsize
    assert tile.threads * 16 == 1 << tile.log2_size
    assert tile.shared_bytes <= 47 * 1024
    for n_columns in (1, 2, 3, 100):
        for n_samples in (1, 256, 257, 5000):
            log2_rows, log2_width = device.tile_shape(n_samples, n_columns, dtype)
            assert log2_rows + log2_width == tile.log2_size
            last = device.padded((1 << tile.log2_size) - 1, log2_width)
            assert last * itemsize < tile.shared_bytes
            assert 1 << log2_width >= min(n_columns, 32 // itemsize)


@pytest.mark.parametrize("log2_width", [0, 2, 5])
def test_every_element_of_a_tile_has_its_own_place(log2_width):
    places = [device.padded(e, log2_width) for e in range(1 << 11)]
    assert len(set(places)) == len(places)


# The transform


@pytest.mark.parametrize("piece_bytes", [1 << 9, 1 << 11, 1 << 13])
def test_transform_in_pieces(monkeypatch, piece_bytes):
    """A transform of 1536 bytes, twice: in parts, one at a time, both at once."""
    from sparsesci.sketching import _fwht_cuda, _fwht_kernels

    monkeypatch.setattr(device, "PIECE_BYTES", piece_bytes)
    sizes = []
    original = cuda.to_device
    monkeypatch.setattr(cuda, "to_device", lambda array: sizes.append(array.nbytes) or original(array))
    actual = np.random.default_rng(0).standard_normal((2, 64, 3))
    expected = actual.copy()
    _fwht_kernels.fwht_inplace(expected, None)
    _fwht_cuda.fwht_inplace(actual, None)
    np.testing.assert_array_equal(actual, expected)
    assert max(sizes) <= piece_bytes
    assert sum(sizes) == actual.nbytes * (2 if piece_bytes < 1536 else 1)


@pytest.mark.parametrize(
    ("shape", "axis"), [((8, 16, 2), 0), ((8, 16, 2), 1), ((8, 16, 2), -1), ((2, 4096), 1), ((1024, 3), 0)]
)
def test_transform_has_the_bits_of_the_cpu(shape, axis):
    x = np.random.default_rng(0).standard_normal(shape)
    given = cuda.to_device(x)
    for options in ({}, {"order": "sequency", "norm": "ortho"}):
        np.testing.assert_array_equal(fwht(given, axis, **options).copy_to_host(), fwht(x, axis, **options))
    np.testing.assert_array_equal(given.copy_to_host(), x)


def test_transform_of_a_view():
    x = np.random.default_rng(0).standard_normal((16, 6))
    given = cuda.to_device(x)
    np.testing.assert_array_equal(fwht(given[:, 1:4], axis=0).copy_to_host(), fwht(x[:, 1:4], axis=0))
    np.testing.assert_array_equal(fwht(given.T).copy_to_host(), fwht(x.T))
    np.testing.assert_array_equal(given.copy_to_host(), x)


def test_transform_in_the_memory_of_the_input():
    x = integers((4, 8), np.float64)
    given = cuda.to_device(x)
    result = fwht(given, overwrite_x=True)
    np.testing.assert_array_equal(result.copy_to_host(), fwht(x))
    np.testing.assert_array_equal(given.copy_to_host(), fwht(x))


@pytest.mark.parametrize("dtype", [np.bool_, np.uint16, np.float16])
def test_types_that_are_converted_on_the_device(dtype):
    x = (integers((2, 8), np.int64) & 1).astype(dtype)
    result, expected = fwht(cuda.to_device(x)).copy_to_host(), fwht(x)
    assert result.dtype == expected.dtype
    np.testing.assert_array_equal(result, expected)


def test_empty_transform():
    assert fwht(cuda.to_device(np.zeros((0, 8)))).shape == (0, 8)


@pytest.mark.parametrize(
    ("x", "options", "error", "message"),
    [
        (np.zeros((4, 6)), {}, ValueError, "power of two"),
        (np.zeros((4, 0)), {}, ValueError, "must not be empty"),
        (np.zeros((4, 8)), {"axis": 2}, ValueError, "axis must be between"),
        (np.zeros(8, "M8[s]"), {}, TypeError, "must be a numeric array"),
    ],
)
def test_bad_transforms(x, options, error, message):
    with pytest.raises(error, match=message):
        fwht(cuda.to_device(x), **options)


# The pattern of the sparse sign embedding


def test_pattern_is_sorted_by_sample_in_the_order_of_the_rows():
    from sparsesci.sketching import _sparse_sign_cuda, _sparse_sign_kernels

    nnz, n_samples, n_rows, tile_rows, first = 3, 7, 50, 32, 11
    pointers, sources = (
        array.copy_to_host()
        for array in _sparse_sign_cuda._sorted_pattern(KEY, nnz, n_samples, first, n_rows, tile_rows)
    )
    positions, signs = _sparse_sign_kernels.sparse_sign_pattern(KEY, nnz, n_samples, first, first + n_rows)
    for tile, begin in enumerate(range(0, n_rows, tile_rows)):
        here = slice(begin, begin + tile_rows)
        for sample in range(n_samples):
            rows, entries = np.nonzero(positions[here] == sample)
            expected = 2 * rows + (signs[here][rows, entries] < 0)
            found = sources[tile, pointers[tile, sample] : pointers[tile, sample + 1]]
            np.testing.assert_array_equal(found, expected)
