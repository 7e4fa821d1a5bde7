"""CUDA twin of the fast Walsh-Hadamard transform.

A block takes a tile into shared memory, does up to 12 levels there (13 in single precision), four at a time in
registers, and writes it back. Vectors that are longer take one more pass over memory for every ten levels. Each level
is one addition per element and the levels come in the same order as on the CPU, so the results have the same bits.
"""

import math

import numpy as np
from numba import cuda, njit

from sparsesci._core import cuda as device
from sparsesci._core.cuda import log2_ceil, padded, tile_of
from sparsesci._core.device import is_cuda_array
from sparsesci.sketching._fwht import check_axis, sequency_order
from sparsesci.sketching._fwht_kernels import hadamard4, hadamard8

_SECTOR_BYTES = 32
_CONTIGUOUS_COLUMNS = 8


@njit
def _eight_of(tile, i, step):
    return (
        tile[i],
        tile[i + step],
        tile[i + 2 * step],
        tile[i + 3 * step],
        tile[i + 4 * step],
        tile[i + 5 * step],
        tile[i + 6 * step],
        tile[i + 7 * step],
    )


@njit
def _transform16(tile, i, step):
    low = hadamard8(*_eight_of(tile, i, step))
    high = hadamard8(*_eight_of(tile, i + 8 * step, step))
    for q in range(8):
        tile[i + q * step] = low[q] + high[q]
        tile[i + (q + 8) * step] = low[q] - high[q]


@njit
def _transform8(tile, i, step):
    values = hadamard8(*_eight_of(tile, i, step))
    for q in range(8):
        tile[i + q * step] = values[q]


@njit
def _transform4(tile, i, step):
    i1, i2, i3 = i + step, i + 2 * step, i + 3 * step
    tile[i], tile[i1], tile[i2], tile[i3] = hadamard4(tile[i], tile[i1], tile[i2], tile[i3])


@njit
def _first_of(number, log2_stride, levels, log2_width):
    """Return where the first element of a group of 2**levels elements, 2**log2_stride apart, is stored."""
    low = number & ((1 << log2_stride) - 1)
    return padded(((number >> log2_stride) << (log2_stride + levels)) + low, log2_width)


@njit
def hadamard_step(tile, size, log2_stride, levels, log2_width, thread, n_threads):
    """Do this thread's part of up to four levels on the first ``size`` elements of a tile, at most 16 per thread.

    The first stride is 2**log2_stride, a power of 16 times the width of the tile: then equal distances between
    elements remain equal where they are stored.
    """
    step = padded(1 << log2_stride, log2_width)
    if levels == 4:
        # Not in the loop: the compiler would keep 16 addresses from one iteration to the next.
        if thread < size >> 4:
            _transform16(tile, _first_of(thread, log2_stride, 4, log2_width), step)
        return
    for number in range(thread, size >> levels, n_threads):
        first = _first_of(number, log2_stride, levels, log2_width)
        if levels == 3:
            _transform8(tile, first, step)
        elif levels == 2:
            _transform4(tile, first, step)
        else:
            tile[first], tile[first + step] = tile[first] + tile[first + step], tile[first] - tile[first + step]


@cuda.jit
def fwht_contiguous(x, log2_inner, log2_block, log2_size):
    """Transform the 1-d array x as (x.size >> log2_block, rows, 1 << log2_inner) along its middle axis.

    A block of threads takes 2**log2_size neighbouring elements, of which ``log2_block`` and ``log2_inner`` make whole
    transforms.
    """
    tile = cuda.shared.array(0, x.dtype)
    held = cuda.local.array(4, x.dtype)
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    begin = cuda.blockIdx.x << log2_size
    size = min(1 << log2_size, x.size - begin)
    # Four loads are under way before the first of them is used.
    for e in range(thread, size, 4 * n_threads):
        for j in range(4):
            if e + j * n_threads < size:
                held[j] = x[begin + e + j * n_threads]
        for j in range(4):
            if e + j * n_threads < size:
                tile[padded(e + j * n_threads, log2_inner)] = held[j]
    cuda.syncthreads()
    log2_stride = log2_inner
    while log2_stride < log2_block:
        levels = min(4, log2_block - log2_stride)
        hadamard_step(tile, size, log2_stride, levels, log2_inner, thread, n_threads)
        log2_stride += levels
        cuda.syncthreads()
    for e in range(thread, size, n_threads):
        x[begin + e] = tile[padded(e, log2_inner)]


@cuda.jit
def fwht_strided(x, trailing, log2_rows, log2_width):
    """Transform the 1-d array x as (outer, 1 << log2_rows, trailing) along its middle axis.

    A block of threads takes 2**log2_width of the outer * trailing columns.
    """
    tile = cuda.shared.array(0, x.dtype)
    held = cuda.local.array(4, x.dtype)
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    column = (cuda.blockIdx.x << log2_width) + (thread & ((1 << log2_width) - 1))
    outer = column // trailing
    begin = outer * (trailing << log2_rows) + (column - outer * trailing)
    exists = column < x.size >> log2_rows
    size = 1 << (log2_rows + log2_width)
    for e in range(thread, size, 4 * n_threads):
        for j in range(4):
            if exists and e + j * n_threads < size:
                held[j] = x[begin + ((e + j * n_threads) >> log2_width) * trailing]
        for j in range(4):
            if e + j * n_threads < size:
                tile[padded(e + j * n_threads, log2_width)] = held[j]
    cuda.syncthreads()
    log2_stride = log2_width
    while log2_stride < log2_rows + log2_width:
        levels = min(4, log2_rows + log2_width - log2_stride)
        hadamard_step(tile, size, log2_stride, levels, log2_width, thread, n_threads)
        log2_stride += levels
        cuda.syncthreads()
    if exists:
        for e in range(thread, size, n_threads):
            x[begin + (e >> log2_width) * trailing] = tile[padded(e, log2_width)]


@cuda.jit
def scale_elements(x, factor):
    """x *= factor on a 1-d array."""
    i = cuda.grid(1)
    if i < x.size:
        x[i] *= factor


@cuda.jit
def take_rows(source, rows, inner, target):
    """target[:, i, :] = source[:, rows[i], :] for two 1-d arrays that stand for (outer, rows.size, inner)."""
    i = cuda.grid(1)
    if i < target.size:
        row = i // inner
        block = row // rows.size
        target[i] = source[(block * rows.size + rows[row - block * rows.size]) * inner + i % inner]


def _transform(flat, n, inner):
    """Transform the flat device array (outer, n, inner) along its middle axis."""
    tile = tile_of(flat.dtype)
    done = 1
    if inner <= _CONTIGUOUS_COLUMNS and inner & (inner - 1) == 0:
        done = min(n, (1 << tile.log2_size) // inner)
        sizes = log2_ceil(inner), log2_ceil(done * inner), tile.log2_size
        n_tiles = -(-flat.size >> tile.log2_size)
        device.configured(fwht_contiguous, n_tiles, tile.threads, tile.shared_bytes)(flat, *sizes)
    most_levels = tile.log2_size - log2_ceil(_SECTOR_BYTES // flat.dtype.itemsize)
    while done < n:
        remaining = log2_ceil(n // done)
        n_passes = -(-remaining // most_levels)
        levels = -(-remaining // n_passes)
        n_columns = flat.size >> levels
        log2_width = min(tile.log2_size - levels, log2_ceil(tile.threads), log2_ceil(n_columns))
        n_tiles = -(-n_columns >> log2_width)
        sizes = done * inner, levels, log2_width
        device.configured(fwht_strided, n_tiles, tile.threads, tile.shared_bytes)(flat, *sizes)
        done <<= levels


def fwht_inplace(x, n_jobs):
    """Transform ``x`` along its middle axis, in place, unnormalised, in natural order.

    Parameters
    ----------
    x : host or device array of shape (outer, n, inner), C-ordered, float32, float64 or int64
        n must be a power of two. A host array goes to the device and back in pieces, twice if one transform is larger
        than a piece.
    n_jobs : int or None
        Not used: the parameter of the CPU twin.
    """
    outer, n, inner = x.shape
    if x.size == 0 or n == 1:
        return
    if is_cuda_array(x):
        x = device.as_device(x)
        _transform(x.reshape(x.size), n, inner)
        cuda.synchronize()
        return
    at_once = device.PIECE_BYTES // (n * inner * x.itemsize)
    if at_once > 0:
        for start in range(0, outer, at_once):
            _transform_on_host(x[start : start + at_once])
        return
    fitting = device.PIECE_BYTES // (inner * x.itemsize)
    rows = 1 << max(0, fitting.bit_length() - 1)
    fwht_inplace(x.reshape(outer * n // rows, rows, inner), n_jobs)
    panels = x.reshape(outer, n // rows, rows * inner)
    width = max(1, device.PIECE_BYTES // (n // rows * x.itemsize))
    for i in range(outer):
        for column in range(0, rows * inner, width):
            panel = np.ascontiguousarray(panels[i : i + 1, :, column : column + width])
            _transform_on_host(panel)
            panels[i : i + 1, :, column : column + width] = panel


def _transform_on_host(x):
    held = cuda.to_device(x)
    _transform(held.reshape(held.size), *x.shape[1:])
    held.copy_to_host(x)


def fwht_device_array(x, axis, norm, order, overwrite_x):
    """Return the transform of an array on a GPU as a Numba device array: see ``fwht``, which checks the options.

    The result, which CuPy and PyTorch take over without a copy, shares the memory of ``x`` if ``overwrite_x`` allows it
    and ``x`` is C-ordered and of a type that is transformed as it is.
    """
    given = device.as_device(x)
    dtype = _transformed_dtype(given.dtype, norm)
    axis = check_axis(tuple(given.shape), axis)
    n, inner = given.shape[axis], math.prod(given.shape[axis + 1 :])
    y = device.contiguous(given, dtype) if overwrite_x else device.copied(given, dtype)
    if y.size == 0:
        return y
    flat = y.reshape(y.size)
    if dtype.kind == "c":
        # Real and imaginary parts are transformed alike: twice the trailing elements.
        flat, inner = flat.view(np.zeros(0, dtype).real.dtype), 2 * inner
    _transform(flat, n, inner)
    if norm == "ortho":
        device.for_each(scale_elements, flat.size)(flat, flat.dtype.type(1.0 / np.sqrt(n)))
    if order == "sequency":
        target = cuda.device_array(flat.shape, flat.dtype)
        device.for_each(take_rows, flat.size)(flat, device.as_device(sequency_order(n)), inner, target)
        y = target.view(dtype).reshape(y.shape)
    cuda.synchronize()
    return y


def _transformed_dtype(dtype, norm):
    if dtype.kind in "bui":
        return np.dtype(np.float64 if norm == "ortho" else np.int64)
    if dtype.kind == "f":
        return dtype if dtype.itemsize in (4, 8) else np.dtype(np.float64)
    if dtype.kind == "c":
        return dtype
    raise TypeError(f"x must be a numeric array; got dtype {dtype}")
