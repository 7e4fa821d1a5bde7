"""Every memory layout and numeric type gives the same answer; nothing is written to, nothing is printed."""

import numpy as np
import pandas
import polars
import pytest
import scipy.sparse

from tests.common.entries import EstimatorEntry, OperatorEntry
from tests.common.registry import entries, names_of
from tests.common.results import assert_close, assert_identical, digest
from tests.common.test_reproducible import arguments_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

TAKING_ARRAYS = [entry for entry in entries(is_measurement=False) if entry.arrays]
SILENT = entries(is_measurement=False, prints=False)


def strided(array):
    """Return a view of the same numbers with gaps between them."""
    wide = np.full([2 * n for n in array.shape], 99, dtype=array.dtype)
    view = wide[(slice(None, None, 2),) * array.ndim]
    view[...] = array
    return view


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def unaligned(array):
    buffer = np.zeros(array.nbytes + 1, dtype=np.uint8)[1:]
    moved = buffer.view(array.dtype).reshape(array.shape)
    moved[...] = array
    assert not moved.flags.aligned
    return moved


LAYOUTS = {
    "C order": np.ascontiguousarray,
    "Fortran order": np.asfortranarray,
    "strided": strided,
    "reversed": lambda array: array[::-1].copy()[::-1],
    "read-only": read_only,
    "unaligned": unaligned,
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
    "int64": lambda array: array.astype(np.int64),
    "int8": lambda array: array.astype(np.int8),
    "float16": lambda array: array.astype(np.float16),
    "objects": lambda array: array.astype(object),
    "lists": lambda array: array.tolist(),
    "float32": lambda array: array.astype(np.float32),
}


def converted(entry, arguments, convert):
    """Return the arguments with every array converted, and a digest of the arrays."""
    changed = {**arguments, **{name: convert(arguments[name]) for name in entry.arrays if name in arguments}}
    return changed, digest({name: changed[name] for name in entry.arrays if name in arguments})


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("entry", TAKING_ARRAYS, ids=names_of(TAKING_ARRAYS))
def test_layout(entry, layout):
    if layout in entry.refused_layouts:
        pytest.skip(f"{layout} is refused by design")
    arguments = arguments_of(entry)
    expected = entry.compute(arguments)
    changed, before = converted(entry, arguments, LAYOUTS[layout])
    actual = entry.compute(changed)
    tolerance = entry.tolerance_32 if layout == "float32" else entry.tolerance
    assert_close(actual, expected, tolerance, without=entry.about_rounding)
    assert converted(entry, changed, lambda array: array)[1] == before, "the caller's array was written to"


@pytest.mark.parametrize("entry", TAKING_ARRAYS, ids=names_of(TAKING_ARRAYS))
def test_memory_mapped(entry, tmp_path):
    arguments = arguments_of(entry)
    expected = entry.compute(arguments)
    count = iter(range(100))

    def mapped(array):
        path = tmp_path / f"{next(count)}.npy"
        np.save(path, array)
        return np.load(path, mmap_mode="r")

    changed, before = converted(entry, arguments, mapped)
    assert_close(entry.compute(changed), expected, entry.tolerance, without=entry.about_rounding)
    assert converted(entry, changed, lambda array: array)[1] == before


def as_frame(library):
    def convert(array):
        if array.ndim == 1:
            return library.Series(name="target", data=array) if library is pandas else library.Series("target", array)
        names = [f"feature {i}" for i in range(array.shape[1])]
        return library.DataFrame(dict(zip(names, array.T.copy())))

    return convert


FRAMES = [
    entry
    for entry in TAKING_ARRAYS
    if all(np.ndim(value) in (1, 2) for name, value in entry.arguments().items() if name in entry.arrays)
]


@pytest.mark.parametrize("library", [pandas, polars], ids=["pandas", "polars"])
@pytest.mark.parametrize("entry", FRAMES, ids=names_of(FRAMES))
def test_data_frames(entry, library):
    arguments = arguments_of(entry)
    expected = entry.compute(arguments)
    changed, _ = converted(entry, arguments, as_frame(library))
    actual = entry.compute(changed)
    if isinstance(entry, EstimatorEntry) and entry.samples_by_features:
        assert list(actual.pop("feature_names_in_")) == [f"feature {i}" for i in range(arguments["X"].shape[1])]
    assert_close(actual, expected, entry.tolerance, without=entry.about_rounding)


TAKING_SPARSE = [
    entry for entry in TAKING_ARRAYS if any(getattr(entry.parameters[n], "sparse", False) for n in entry.arrays)
]


@pytest.mark.parametrize("format", ["csr", "csc", "coo", "csr with int64 indices"])
@pytest.mark.parametrize("container", [scipy.sparse.csr_array, scipy.sparse.csr_matrix], ids=["array", "matrix"])
@pytest.mark.parametrize("entry", TAKING_SPARSE, ids=names_of(TAKING_SPARSE))
def test_sparse_equals_dense(entry, container, format):
    arguments = arguments_of(entry)
    if isinstance(entry, OperatorEntry):
        expected = entry.make(arguments).sketch(arguments["A"])
    else:
        expected = entry.compute(arguments)
    name = next(name for name in entry.arrays if entry.parameters[name].sparse)
    sparse = container(arguments[name])
    if "int64" in format:
        sparse.indices, sparse.indptr = sparse.indices.astype(np.int64), sparse.indptr.astype(np.int64)
    else:
        sparse = sparse.asformat(format)
    before = digest(sparse)
    changed = {**arguments, name: sparse}
    actual = entry.call(changed) if isinstance(entry, OperatorEntry) else entry.compute(changed)
    assert_close(actual, expected, entry.tolerance, without=entry.about_rounding)
    assert digest(sparse) == before


@pytest.mark.parametrize("entry", SILENT, ids=names_of(SILENT))
def test_nothing_is_printed(entry, capfd):
    arguments = arguments_of(entry)
    entry.compute(arguments)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("entry", TAKING_ARRAYS, ids=names_of(TAKING_ARRAYS))
def test_large_arrays_are_not_written_to(entry):
    arguments = arguments_of(entry, large=True)
    before = digest(arguments)
    result = entry.compute(arguments)
    assert digest(arguments) == before
    writable = {**arguments, **{name: read_only(arguments[name]) for name in entry.arrays}}
    assert_identical(entry.compute(writable), result)
