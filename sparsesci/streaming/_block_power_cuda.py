"""CUDA twin of the kernels of block power iteration.

A warp takes one row at a time for inner products, with a tree of additions in shared memory; sums over rows
belong to one thread for each column, which adds in the order of the rows, in slots that are added up at the end.
Additions come in another order than on the CPU: results agree to rounding.
"""

import math

import numpy as np
from numba import cuda, float64

from sparsesci._core import cuda as device
from sparsesci.streaming._block_power_kernels import norms_csr_range

_REDUCING = 32
_SLOT_ROWS = 64


@cuda.jit
def project_kernel(x, z, projections):
    """projections[i, c] = inner product of rows i of ``x`` and c of ``z``. One block of threads for each row."""
    held = cuda.shared.array(_REDUCING, float64)
    i, thread = cuda.blockIdx.x, cuda.threadIdx.x
    for c in range(z.shape[0]):
        total = 0.0
        for j in range(thread, x.shape[1], _REDUCING):
            total += x[i, j] * z[c, j]
        held[thread] = total
        cuda.syncthreads()
        half = _REDUCING // 2
        while half > 0:
            if thread < half:
                held[thread] += held[thread + half]
            cuda.syncthreads()
            half //= 2
        if thread == 0:
            projections[i, c] = held[0]
        cuda.syncthreads()


@cuda.jit
def norms_kernel(x, out):
    """out[i] = squared norm of row i of ``x``. One block of threads for each row."""
    held = cuda.shared.array(_REDUCING, float64)
    i, thread = cuda.blockIdx.x, cuda.threadIdx.x
    total = 0.0
    for j in range(thread, x.shape[1], _REDUCING):
        total += x[i, j] * x[i, j]
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


@cuda.jit
def centre_kernel(A, scale, shift, out):
    """out = scale * A - shift, one thread for each element."""
    e = cuda.grid(1)
    if e < A.shape[0] * A.shape[1]:
        i, j = e // A.shape[1], e % A.shape[1]
        out[i, j] = A[i, j] * scale - shift[j]


@cuda.jit
def accumulate_kernel(x, projections, partial):
    """Add projections[i, c] x[i, j] to partial[slot, c, j] by slots of rows. The grid is (columns, c, slots)."""
    j = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    c, slot = cuda.blockIdx.y, cuda.blockIdx.z
    n, n_slots = x.shape[0], partial.shape[0]
    if j < x.shape[1]:
        total = partial[slot, c, j]
        for i in range(slot * n // n_slots, (slot + 1) * n // n_slots):
            total += projections[i, c] * x[i, j]
        partial[slot, c, j] = total


def _max_rows(d):
    return device.rows_per_piece(8 * d)


def _accumulate(x, projections, partial):
    n_slots, n_sums, d = partial.shape
    grid = (-(-d // device.THREADS), n_sums, n_slots)
    device.configured(accumulate_kernel, grid, device.THREADS)(x, projections, partial)


def _slots(n, out):
    """Return the number of slots for n rows, a function of the sizes only."""
    n_panels = out.shape[0] * -(-out.shape[1] // device.THREADS)
    return device.slot_count(-(-n // _SLOT_ROWS), n_panels, out.shape[0] * out.shape[1] * 8)


def row_norms(A, out, n_jobs):
    """out[i] = squared norm of row i of ``A``.

    Parameters
    ----------
    A : host or device array of shape (n, d), C-ordered, float64
    out : host or device array of shape (n,), float64
    n_jobs : int or None
        Not used, here and below: the parameter of the CPU twin.
    """
    with device.on_device(out) as held:
        for start, x in device.row_pieces(A, _max_rows(A.shape[1])):
            n = x.shape[0]
            device.configured(norms_kernel, n, _REDUCING)(x, held[start : start + n])


def centre_rows(A, scale, shift, out, norms, n_jobs):
    """out = scale * A - shift, and norms[i] = squared norm of row i of it.

    Parameters
    ----------
    A : host or device array of shape (n, d), C-ordered, float32 or float64
    scale : float
    shift : ndarray of shape (d,), float64
    out : host or device array of shape (n, d), C-ordered, float64
    norms : ndarray of shape (n,), float64
    n_jobs : int or None
    """
    moved = cuda.to_device(shift)
    with device.on_device(out) as held, device.on_device(norms) as squares:
        for start, x in device.row_pieces(A, _max_rows(A.shape[1])):
            rows = slice(start, start + x.shape[0])
            device.for_each(centre_kernel, x.shape[0] * x.shape[1])(x, scale, moved, held[rows])
            device.configured(norms_kernel, x.shape[0], _REDUCING)(held[rows], squares[rows])


def project_rows(A, Z, projections, n_jobs):
    """projections[:, :r] = A @ Z.T.

    Parameters
    ----------
    A : host or device array of shape (n, d), C-ordered, float64
    Z : ndarray of shape (r, d), C-ordered, float64
    projections : ndarray of shape (n, at least r), float64
    n_jobs : int or None
    """
    z = cuda.to_device(np.ascontiguousarray(Z))
    with device.on_device(projections) as held:
        for start, x in device.row_pieces(A, _max_rows(A.shape[1])):
            n = x.shape[0]
            device.configured(project_kernel, n, _REDUCING)(x, z, held[start : start + n])


def accumulate_rows(A, projections, G, n_jobs):
    """G += projections.T @ A.

    Parameters
    ----------
    A : host or device array of shape (n, d), C-ordered, float64
    projections : ndarray of shape (n, s), float64
    G : ndarray of shape (s, d), C-ordered, float64
    n_jobs : int or None
    """
    weights = cuda.to_device(np.ascontiguousarray(projections))
    with device.slots_of(_slots(A.shape[0], G), G) as partial:
        for start, x in device.row_pieces(A, _max_rows(A.shape[1])):
            _accumulate(x, weights[start : start + x.shape[0]], partial)


def fold_rows(A, Z, projections, G, n_jobs):
    """projections[:, :r] = A @ Z.T, then G += projections.T @ A.

    Parameters
    ----------
    A : host or device array of shape (n, d), C-ordered, float64
    Z : ndarray of shape (r, d), C-ordered, float64
    projections : ndarray of shape (n, s), C-ordered, float64, s >= r
        Columns beyond the first r are given.
    G : ndarray of shape (s, d), C-ordered, float64
    n_jobs : int or None
    """
    pieces = device.row_pieces(A, _max_rows(A.shape[1]))
    _fold(pieces, A.shape[0], Z, projections, G)


def _fold(pieces, n, Z, projections, G):
    z = cuda.to_device(np.ascontiguousarray(Z))
    with device.on_device(projections) as held, device.slots_of(_slots(n, G), G) as partial:
        for start, x in pieces:
            weights = held[start : start + x.shape[0]]
            device.configured(project_kernel, x.shape[0], _REDUCING)(x, z, weights)
            _accumulate(x, weights, partial)


def _scaled_pieces(data, indices, indptr, scale, d):
    """Yield rows of a CSR matrix, written out and multiplied by ``scale``."""
    zeros = cuda.to_device(np.zeros(d))
    for start, dense in device.dense_pieces(data, indices, indptr, d, _max_rows(d)):
        x = cuda.device_array(dense.shape, np.float64)
        device.for_each(centre_kernel, math.prod(dense.shape))(dense, scale, zeros, x)
        yield start, x


def row_norms_csr(data, indptr, scale, out, n_jobs):
    """out[i] = squared norm of ``scale`` times row i of a CSR matrix without repeated entries.

    Entries are read once and nothing else is done with them: that is left to the CPU.
    """
    norms_csr_range(data, indptr, scale, out, 0, out.size)


def fold_rows_csr(data, indices, indptr, scale, Z, projections, G, n_jobs):
    """The same as ``fold_rows`` for ``scale`` times a CSR matrix, given by its three arrays."""
    pieces = _scaled_pieces(data, indices, indptr, scale, G.shape[1])
    _fold(pieces, len(projections), Z, projections, G)
