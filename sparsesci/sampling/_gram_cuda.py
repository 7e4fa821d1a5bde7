"""CUDA twin of weighted Gram matrices and norms of transformed rows.

A block of 16 x 16 threads adds to a tile of the Gram matrix, from two panels of 16 columns that it reads 16 rows at a
time into shared memory; slots of rows are added up in order at the end. A norm belongs to a warp, which adds up the
squares in a tree. Sums are in float64, in another order than on the CPU: results agree to rounding.
"""

import numpy as np
from numba import cuda, float64

from sparsesci._core import cuda as device

_TILE = 16
_REDUCING = 32
_SLOT_ROWS = 256


@cuda.jit
def gram_kernel(x, q, partial):
    """Add q[i] x[i, j] x[i, k] for the rows i of a slot to partial[slot, j, k]; grid (k tiles, j tiles, slots)."""
    left = cuda.shared.array((_TILE, _TILE), float64)
    right = cuda.shared.array((_TILE, _TILE), float64)
    column, row = cuda.threadIdx.x, cuda.threadIdx.y
    j, k = cuda.blockIdx.y * _TILE + row, cuda.blockIdx.x * _TILE + column
    slot, n, d = cuda.blockIdx.z, x.shape[0], x.shape[1]
    start, stop = slot * n // partial.shape[0], (slot + 1) * n // partial.shape[0]
    own_j = cuda.blockIdx.y * _TILE + column
    total = 0.0
    for first in range(start, stop, _TILE):
        i = first + row
        left[row, column] = q[i] * x[i, own_j] if i < stop and own_j < d else 0.0
        right[row, column] = x[i, k] if i < stop and k < d else 0.0
        cuda.syncthreads()
        for inner in range(_TILE):
            total += left[inner, row] * right[inner, column]
        cuda.syncthreads()
    if j < d and k < d:
        partial[slot, j, k] += total


@cuda.jit
def norms_kernel(x, m, out):
    """out[i] = squared norm of x[i] @ m for an upper triangular m. One block of 32 threads for each row."""
    held = cuda.shared.array(_REDUCING, float64)
    i, thread = cuda.blockIdx.x, cuda.threadIdx.x
    total = 0.0
    for c in range(thread, m.shape[1], _REDUCING):
        image = 0.0
        for j in range(c + 1):
            image += x[i, j] * m[j, c]
        total += image * image
    held[thread] = total
    cuda.syncthreads()
    half = _REDUCING // 2
    while half > 0:
        if thread < half:
            held[thread] += held[thread + half]
        cuda.syncthreads()
        half //= 2
    if thread == 0:
        out[i] = held[0]


def _max_rows(d):
    return device.rows_per_piece(8 * d)


def _gram(pieces, n, q, d):
    """Return the weighted Gram matrix of pieces (start, rows) on the device."""
    G = np.zeros((d, d))
    q = np.ones(n) if q is None else q
    n_tiles = -(-d // _TILE)
    n_slots = device.slot_count(-(-n // _SLOT_ROWS), n_tiles * n_tiles, 8 * d * d)
    weights = cuda.to_device(np.ascontiguousarray(q, dtype=np.float64))
    with device.slots_of(n_slots, G) as partial:
        for start, x in pieces:
            rows = weights[start : start + x.shape[0]]
            device.configured(gram_kernel, (n_tiles, n_tiles, n_slots), (_TILE, _TILE))(x, rows, partial)
    return np.tril(G) + np.tril(G, -1).T


def weighted_gram(A, q, n_jobs):
    """Return ``sum_i q_i a_i a_i^T``.

    Parameters
    ----------
    A : host or device array of shape (n, d), float32 or float64
    q : ndarray of shape (n,) or None
        Not negative. None: ones.
    n_jobs : int or None
        Not used, here and below: the parameter of the CPU twin.

    Returns
    -------
    G : ndarray of shape (d, d), float64
    """
    n, d = A.shape
    return _gram(device.row_pieces(A, _max_rows(d)), n, q, d)


def weighted_gram_csr(data, indices, indptr, q, d, n_jobs):
    """Return ``sum_i q_i a_i a_i^T`` for the rows of a CSR matrix of d columns, given by its three arrays."""
    pieces = device.dense_pieces(data, indices, indptr, d, _max_rows(d))
    return _gram(pieces, len(indptr) - 1, q, d)


def reweighted_gram(A, M, reweight, n_jobs):
    """Return ``sum_i q_i a_i a_i^T`` for weights that follow from the norms of ``a_i @ M``, in two passes over A.

    Parameters
    ----------
    A : host or device array of shape (n, d), float32 or float64
    M : ndarray of shape (d, d), float64
        Upper triangular.
    reweight : callable
        ``reweight(squares, start, stop)`` takes the squared norms of the rows of a range, which it may overwrite, and
        returns their weights. Called once, for all rows.
    n_jobs : int or None

    Returns
    -------
    G : ndarray of shape (d, d), float64
    """
    squares = np.empty(A.shape[0])
    transformed_norms(A, M, squares, n_jobs)
    return weighted_gram(A, reweight(squares, 0, len(squares)), n_jobs)


def _norms(pieces, M, out):
    m = cuda.to_device(np.ascontiguousarray(M, dtype=np.float64))
    with device.on_device(out) as held:
        for start, x in pieces:
            n = x.shape[0]
            device.configured(norms_kernel, n, _REDUCING)(x, m, held[start : start + n])


def transformed_norms(A, M, out, n_jobs):
    """out[i] = squared norm of ``a_i @ M`` for an upper triangular M.

    Parameters
    ----------
    A : host or device array of shape (n, d), float32 or float64
    M : ndarray of shape (d, d), float64
        What is below the diagonal must be zero.
    out : host or device array of shape (n,), float64
    n_jobs : int or None
    """
    _norms(device.row_pieces(A, _max_rows(A.shape[1])), M, out)


def transformed_norms_csr(data, indices, indptr, M, out, n_jobs):
    """The same as ``transformed_norms`` for the rows of a CSR matrix, given by its three arrays."""
    d = M.shape[0]
    _norms(device.dense_pieces(data, indices, indptr, d, _max_rows(d)), M, out)
