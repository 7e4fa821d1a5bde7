"""What the GPU twins share: arrays in and out, tiles in shared memory, sums in a fixed order.

A GPU result must not vary from run to run, so nothing is added with floating-point atomics. The rows of the input are
dealt to *slots*, each with samples of its own in which one thread adds to one element in the order of the rows, and
the slots are added up in order. How many slots there are depends on the sizes only, never on the device.

A *tile* is 32 KiB of shared memory: some rows times a panel of neighbouring columns, the columns fastest, so that a
warp reads whole sectors of memory. One unused row after every 16 keeps rows that are a power of two apart in different
banks.
"""

import math
import threading
import warnings
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from numba import cuda, njit

from sparsesci._core.device import is_cuda_array, resolve_device

# Host arrays are copied to the device in pieces of at most this many bytes. Device arrays are taken in the same pieces,
# so that the sums are the same.
PIECE_BYTES = 1 << 28
THREADS = 256
_TILE_BYTES = 1 << 15
_VALUES_PER_THREAD = 16
_LOG2_ROWS_PER_PAD = 4
_ROWS_PER_PAD = 1 << _LOG2_ROWS_PER_PAD
_FEWEST_TILE_ROWS = 256
_MOST_TILE_ROWS = 1024
# Enough blocks to fill the largest devices twice; samples beyond the second bound would fall out of their caches.
_WANTED_BLOCKS = 1024
_PARTIAL_BYTES = 1 << 27
# Python's filters of warnings belong to the process: two threads must not change them at once.
_configuring = threading.Lock()


class Tile(NamedTuple):
    """How a block of threads holds elements of one type in shared memory."""

    log2_size: int
    threads: int
    shared_bytes: int


def tile_of(dtype):
    """Return the ``Tile`` for elements of ``dtype``, of four or eight bytes."""
    itemsize = np.dtype(dtype).itemsize
    size = _TILE_BYTES // itemsize
    return Tile(
        log2_size=log2_ceil(size),
        threads=size // _VALUES_PER_THREAD,
        shared_bytes=(size + size // _ROWS_PER_PAD) * itemsize,
    )


@njit
def padded(element, log2_width):
    """Return where an element of a tile of 2**log2_width columns is stored."""
    return element + ((element >> (log2_width + _LOG2_ROWS_PER_PAD)) << log2_width)


def log2_ceil(value):
    """Return the logarithm to base two of the smallest power of two that is at least ``value``."""
    return (int(value) - 1).bit_length()


def tile_shape(n_samples, n_columns, dtype):
    """Return log2 of the rows and of the columns of a tile of a matrix, whose rows are added to ``n_samples`` samples.

    As every tile reads and writes all samples once, it should have about as many rows as there are samples; but no
    panel is narrower than a sector of memory unless the matrix is.
    """
    rows = min(max(log2_ceil(n_samples), log2_ceil(_FEWEST_TILE_ROWS)), log2_ceil(_MOST_TILE_ROWS))
    size = tile_of(dtype).log2_size
    width = min(size - rows, log2_ceil(n_columns))
    return size - width, width


def slot_count(n_tiles, n_panels, sample_bytes):
    """Return into how many slots, with samples of ``sample_bytes`` each, to deal ``n_tiles`` tiles of each panel."""
    wanted = -(-_WANTED_BLOCKS // n_panels)
    return max(1, min(n_tiles, wanted, _PARTIAL_BYTES // sample_bytes))


def as_device(array):
    """Return a Numba device array: of a GPU array without a copy, of a host array with one."""
    if getattr(array, "__cuda_ndarray__", False):
        return array
    if is_cuda_array(array):
        return cuda.as_cuda_array(array)
    return cuda.to_device(np.ascontiguousarray(array))


@cuda.jit
def copy_elements(source, target):
    """target[i] = element i of ``source`` in C order, whatever its strides and type."""
    i = cuda.grid(1)
    if i < target.size:
        target[i] = source.flat[i]


@cuda.jit
def fill_zero(target):
    """Set the 1-d array ``target`` to zero."""
    i = cuda.grid(1)
    if i < target.size:
        target[i] = 0


@cuda.jit
def add_slots(partial, out):
    """out += partial[0] + partial[1] + ..., added in this order."""
    i = cuda.grid(1)
    if i < out.size:
        row, column = i // out.shape[1], i % out.shape[1]
        total = out[row, column]
        for slot in range(partial.shape[0]):
            total += partial[slot, row, column]
        out[row, column] = total


def configured(kernel, grid, block, shared_bytes=0):
    """Return ``kernel`` ready to run with this launch configuration.

    Numba warns of grids that are too small to fill the device. Here they come with inputs that are small.
    """
    with _configuring, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Grid size")
        return kernel[grid, block, 0, shared_bytes]


def for_each(kernel, n):
    """Return ``kernel`` ready to run with one thread for each of ``n`` elements, n > 0."""
    return configured(kernel, -(-n // THREADS), THREADS)


def contiguous(array, dtype=None):
    """Return the device array itself if it is C-ordered and of ``dtype`` (by default its own), otherwise a copy."""
    dtype = np.dtype(array.dtype if dtype is None else dtype)
    if array.dtype == dtype and array.is_c_contiguous():
        return array
    return copied(array, dtype)


def copied(array, dtype):
    """Return a C-ordered copy of the device array as ``dtype``."""
    result = cuda.device_array(array.shape, dtype)
    if array.size:
        for_each(copy_elements, array.size)(array, result.reshape(array.size))
    return result


@cuda.jit
def find_not_finite(x, found):
    """Set found[0] to 1 if the 1-d array x holds NaN or infinity."""
    i = cuda.grid(1)
    if i < x.size and not math.isfinite(x[i]):
        found[0] = 1


def check_device_rows(A, name, allow_complex, allow_vector, check_finite):
    """Return a GPU array as a 2-d Numba device array of floats: ``sparsesci._core.arrays.check_rows`` for the GPU."""
    A = as_device(A)
    if A.dtype.kind not in "buifc":
        raise TypeError(f"{name} must be numeric; got dtype {A.dtype}")
    if A.dtype.kind == "c" and not allow_complex:
        raise TypeError(f"{name} must be real; complex data are not supported")
    if A.ndim != 2 and not (allow_vector and A.ndim == 1):
        raise ValueError(f"{name} must be 2-d; got {A.ndim} dimension(s)")
    if A.size == 0:
        raise ValueError(f"{name} must not be empty; got shape {tuple(A.shape)}")
    kept = ("float32", "float64", "complex64", "complex128")
    if A.dtype.name not in kept:
        A = copied(A, np.float64)
    if A.ndim == 1:
        A = contiguous(A).reshape(A.size, 1)
    if check_finite and not all_finite(A):
        raise ValueError(f"Input {name} contains NaN or infinity.")
    return A


def all_finite(A):
    """Return whether the device array holds neither NaN nor infinity."""
    flat = real_view(contiguous(A).reshape(A.size))
    found = device_zeros((1,), np.int8)
    for_each(find_not_finite, flat.size)(flat, found)
    return not found.copy_to_host()[0]


def real_view(A):
    """Return a device array of floats or complex numbers as one of floats, with twice the columns if need be."""
    if A.dtype.kind != "c":
        return A
    return contiguous(A).view(np.float32 if A.dtype.itemsize == 8 else np.float64)


def device_zeros(shape, dtype):
    """Return a device array of zeros, of at least one element."""
    result = cuda.device_array(shape, dtype)
    size = int(np.prod(shape))
    for_each(fill_zero, size)(result.reshape(size))
    return result


@contextmanager
def on_device(out):
    """Give the block a device array that stands for ``out``, and bring its contents back at the end."""
    if is_cuda_array(out):
        yield as_device(out)
        # The caller may go on in a stream of its own.
        cuda.synchronize()
        return
    held = cuda.to_device(out)
    yield held
    held.copy_to_host(out)


def check_device_out(out, device):
    """Return a GPU array that is to be written to as a Numba device array; TypeError if ``device`` is the CPU."""
    if resolve_device(device) == "cpu":
        raise TypeError("out is on a GPU: pass device='cuda', or a host array")
    out = as_device(out)
    if not out.is_c_contiguous():
        raise ValueError("out must be C-ordered where it is on a GPU")
    return out


def add_host_array(total, out):
    """out += total, where ``out`` is a 2-d device array and ``total`` a C-ordered host array of its shape and type."""
    real = cuda.to_device(total.view(total.real.dtype)[np.newaxis])
    with on_device(real_view(out)) as held:
        for_each(add_slots, held.size)(real, held)


@contextmanager
def slots_of(n_slots, out):
    """Give the block ``n_slots`` samples of zeros in the shape of ``out``, and add them to ``out`` at the end."""
    partial = device_zeros((n_slots, *out.shape), out.dtype)
    with on_device(out) as held:
        yield partial
        for_each(add_slots, held.size)(partial, held)


def rows_per_piece(row_bytes, multiple=1, fraction=1):
    """Return how many rows a piece, or a ``fraction``-th of one, has: a multiple of ``multiple``, not zero."""
    return max(1, PIECE_BYTES // (fraction * row_bytes * multiple)) * multiple


def row_pieces(A, max_rows):
    """Yield (start, rows) with C-ordered device arrays of up to ``max_rows`` rows of a host or device array."""
    n = A.shape[0]
    if is_cuda_array(A):
        A = as_device(A)
        for start in range(0, n, max_rows):
            yield start, contiguous(A[start : start + max_rows])
        return
    buffer = cuda.device_array((min(n, max_rows), A.shape[1]), A.dtype)
    for start in range(0, n, max_rows):
        rows = np.ascontiguousarray(A[start : start + max_rows])
        piece = buffer[: rows.shape[0]]
        piece.copy_to_device(rows)
        yield start, piece


def csr_pieces(data, indices, indptr, max_rows):
    """Yield (start, data, indices, indptr) on the device for pieces of up to ``max_rows`` rows of a CSR matrix.

    A row is never divided: one that is larger than a piece may be is a piece by itself.
    """
    n = indptr.size - 1
    max_entries = PIECE_BYTES // (data.itemsize + indices.itemsize)
    start = 0
    while start < n:
        full = int(np.searchsorted(indptr, int(indptr[start]) + max_entries, side="right")) - 1
        stop = min(max(full, start + 1), start + max_rows, n)
        entries = slice(int(indptr[start]), int(indptr[stop]))
        yield (
            start,
            as_device(data[entries]),
            as_device(indices[entries]),
            as_device(indptr[start : stop + 1] - indptr[start]),
        )
        start = stop


@cuda.jit
def scatter_rows(data, indices, indptr, dense):
    """dense[i] += row i of a CSR matrix, one thread for each row, so that repeated entries are added in order."""
    i = cuda.grid(1)
    if i < dense.shape[0]:
        for e in range(indptr[i], indptr[i + 1]):
            dense[i, indices[e]] += data[e]


def dense_pieces(data, indices, indptr, n_columns, max_rows):
    """Yield (start, rows) with the rows of a CSR matrix written out as C-ordered device arrays of ``data``'s dtype."""
    for start, *piece in csr_pieces(data, indices, indptr, max_rows):
        dense = device_zeros((piece[2].size - 1, n_columns), data.dtype)
        for_each(scatter_rows, dense.shape[0])(*piece, dense)
        yield start, dense
