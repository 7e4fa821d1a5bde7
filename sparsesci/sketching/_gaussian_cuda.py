"""CUDA twin of the Gaussian sketch: columns are generated on the device, a piece at a time, and multiplied there.

This is the one place of the package with a matrix product of its own. A vendor library (cuBLAS, through CuPy) would
be faster in double precision, by its tensor cores, but is no dependency. The random numbers have the bits of the CPU;
the product agrees to rounding, being summed in another order and with fused multiply-add.
"""

import scipy.sparse
from numba import cuda, uint64

from sparsesci._core import cuda as device
from sparsesci._core.rng import normal_from_word, random_words, stream_of
from sparsesci.sketching._gaussian_kernels import NORMAL_PURPOSE

# A block of 16 x 16 threads makes 64 x 64 elements of the product, each thread 4 x 4 of them, 16 rows at a time.
_SIDE = 64
_DEPTH = 16
_THREADS = 16
_PER_THREAD = 4
_COLUMNS_BYTES = 1 << 26


@cuda.jit
def gaussian_blocks(key, first, out):
    """Write columns first + i of the sketch to out[i], one thread for each four entries."""
    n_columns, n_components = out.shape
    per_column = (n_components + 3) >> 2
    i = cuda.grid(1)
    if i < n_columns * per_column:
        column, block = i // per_column, i % per_column
        words = random_words(key, stream_of(NORMAL_PURPOSE, first + column), uint64(block))
        for q in range(4):
            t = 4 * block + q
            if t < n_components:
                out[column, t] = normal_from_word(words[q])


@cuda.jit
def add_products(columns, x, partial):
    """partial[slot] += columns[rows].T @ x[rows], over the share of the rows that a slot has.

    ``columns`` is (n, m), ``x`` (n, d), ``partial`` (slots, m, d). The grid is (column tiles of the result, row tiles,
    slots), a block 16 x 16 threads.
    """
    left = cuda.shared.array((_DEPTH, _SIDE), columns.dtype)
    right = cuda.shared.array((_DEPTH, _SIDE), columns.dtype)
    sums = cuda.local.array((_PER_THREAD, _PER_THREAD), columns.dtype)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    slot, n_slots = cuda.blockIdx.z, cuda.gridDim.z
    first_row, first_column = cuda.blockIdx.y * _SIDE, cuda.blockIdx.x * _SIDE
    n, m, d = columns.shape[0], columns.shape[1], x.shape[1]
    for a in range(_PER_THREAD):
        for b in range(_PER_THREAD):
            sums[a, b] = 0
    begin, end = slot * n // n_slots, (slot + 1) * n // n_slots
    for depth in range(begin, end, _DEPTH):
        # Thread (tx, ty) brings row ty, columns tx, tx + 16, ..., of both factors.
        for b in range(_PER_THREAD):
            c = tx + b * _THREADS
            left[ty, c] = 0
            right[ty, c] = 0
            if depth + ty < end and first_row + c < m:
                left[ty, c] = columns[depth + ty, first_row + c]
            if depth + ty < end and first_column + c < d:
                right[ty, c] = x[depth + ty, first_column + c]
        cuda.syncthreads()
        for k in range(_DEPTH):
            for a in range(_PER_THREAD):
                for b in range(_PER_THREAD):
                    sums[a, b] += left[k, ty + a * _THREADS] * right[k, tx + b * _THREADS]
        cuda.syncthreads()
    for a in range(_PER_THREAD):
        for b in range(_PER_THREAD):
            row, column = first_row + ty + a * _THREADS, first_column + tx + b * _THREADS
            if row < m and column < d:
                partial[slot, row, column] += sums[a, b]


def _fill_columns(key, first, out):
    n_columns, n_components = out.shape
    device.for_each(gaussian_blocks, n_columns * -(-n_components // 4))(key, first, out)


def gaussian_columns(key, start, stop, out, n_jobs):
    """Write columns start ... stop - 1 of the sketch, iid N(0, 1), to the rows of ``out`` (stop - start, m).

    ``out`` is a host or device array; ``n_jobs`` is not used.
    """
    if stop > start:
        with device.on_device(out) as held:
            _fill_columns(key, start, held)


def gaussian_accumulate(A, key, row_offset, out, n_jobs):
    """out += G[:, row_offset : row_offset + len(A)] @ A with G iid N(0, 1).

    Parameters
    ----------
    A : host or device array or CSR matrix of shape (n, d), float32 or float64, n > 0
    key : numpy.uint64
    row_offset : int
        Global index of the first row of ``A``.
    out : host or device array of shape (m, d), of the dtype of ``A``
    n_jobs : int or None
        Not used: the parameter of the CPU twin.
    """
    n_rows, (n_components, d) = A.shape[0], out.shape
    itemsize = out.dtype.itemsize
    at_most = max(1, min(_COLUMNS_BYTES, device.PIECE_BYTES) // (max(n_components, d) * itemsize))
    piece_rows = min(n_rows, at_most)
    if scipy.sparse.issparse(A):
        pieces = device.dense_pieces(A.data, A.indices, A.indptr, d, piece_rows)
    else:
        pieces = device.row_pieces(A, piece_rows)
    grid = -(-d // _SIDE), -(-n_components // _SIDE)
    n_slots = device.slot_count(-(-piece_rows // _DEPTH), grid[0] * grid[1], n_components * d * itemsize)
    buffer = cuda.device_array((piece_rows, n_components), out.dtype)
    kernel = device.configured(add_products, (*grid, n_slots), (_THREADS, _THREADS))
    with device.slots_of(n_slots, out) as partial:
        for start, x in pieces:
            columns = buffer[: x.shape[0]]
            _fill_columns(key, row_offset + start, columns)
            kernel(columns, x, partial)
