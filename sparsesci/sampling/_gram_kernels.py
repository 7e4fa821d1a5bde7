"""Weighted Gram matrices and norms of transformed rows: the two passes of leverage scores, on the CPU.

Where the rows are short, blocks of them are written out column by column into a buffer that stays in cache, and vectors
run along the rows; long rows go to BLAS by blocks. Sums are in float64 whatever the type of the rows, and in an order
that depends on the sizes only.
"""

import math

import numpy as np
import scipy.linalg
from numba import njit

from sparsesci._core.arrays import kernel_view
from sparsesci._core.simd import load, splat, store
from sparsesci._core.threads import run_ranges, single_threaded_blas, sum_ranges

# Rows of at least this length go to BLAS.
_LONG = 32
_BLOCK = 128
_LANES = 4
_RANGE_ROWS = 8192
_RANGE_ELEMENTS = 1 << 18
_REASSOCIATING = {"reassoc", "contract", "nsz", "arcp"}


def _edges(n, d):
    """Return where the ranges of rows begin and end: a function of the sizes only."""
    rows = _RANGE_ROWS if d < _LONG else max(4 * d, _RANGE_ELEMENTS // d)
    return np.append(np.arange(0, n, rows), n)


@njit(nogil=True, cache=True)
def write_columns(A, first, count, out):
    """out[j * _BLOCK + i] = A[first + i, j] for ``count`` rows, and 0 for the others of the block."""
    d = A.shape[1]
    for j in range(d):
        for i in range(count):
            out[j * _BLOCK + i] = A[first + i, j]
        for i in range(count, _BLOCK):
            out[j * _BLOCK + i] = 0.0


@njit(nogil=True, cache=True)
def scale_columns(columns, weights, d, out):
    """Write the products of all columns of a block with the weights of its rows to ``out``."""
    for j in range(d):
        for i in range(0, _BLOCK, _LANES):
            e = j * _BLOCK + i
            store(out, e, load(columns, e) * load(weights, i))


@njit(nogil=True, cache=True, fastmath=_REASSOCIATING)
def add_block_gram(columns, scaled, d, held, partial):
    """Add the inner products of all columns of a block with all scaled ones to the lower triangle of ``partial``.

    Of both arrays there are four and two columns more than d, of zeros. ``held`` is work space of 32 numbers.
    """
    for j in range(0, d, 4):
        a = j * _BLOCK
        for k in range(0, min(j + 4, d), 2):
            b = k * _BLOCK
            s00 = splat(columns, 0.0)
            s01, s10, s11, s20, s21, s30, s31 = s00, s00, s00, s00, s00, s00, s00
            for i in range(0, _BLOCK, _LANES):
                y0, y1 = load(scaled, b + i), load(scaled, b + _BLOCK + i)
                x = load(columns, a + i)
                s00, s01 = s00 + x * y0, s01 + x * y1
                x = load(columns, a + _BLOCK + i)
                s10, s11 = s10 + x * y0, s11 + x * y1
                x = load(columns, a + 2 * _BLOCK + i)
                s20, s21 = s20 + x * y0, s21 + x * y1
                x = load(columns, a + 3 * _BLOCK + i)
                s30, s31 = s30 + x * y0, s31 + x * y1
            store(held, 0, s00)
            store(held, 4, s01)
            store(held, 8, s10)
            store(held, 12, s11)
            store(held, 16, s20)
            store(held, 20, s21)
            store(held, 24, s30)
            store(held, 28, s31)
            for row in range(min(4, d - j)):
                for column in range(min(2, d - k)):
                    e = 8 * row + 4 * column
                    partial[j + row, k + column] += (held[e] + held[e + 1]) + (held[e + 2] + held[e + 3])


@njit(nogil=True, cache=True)
def _gram_range(A, q, partial, start, stop):
    d = A.shape[1]
    columns, scaled = np.zeros((d + 4) * _BLOCK), np.zeros((d + 4) * _BLOCK)
    weights, held = np.zeros(_BLOCK), np.empty(32)
    for first in range(start, stop, _BLOCK):
        count = min(_BLOCK, stop - first)
        write_columns(A, first, count, columns)
        weights[:count] = q[first : first + count]
        scale_columns(columns, weights, d, scaled)
        add_block_gram(columns, scaled, d, held, partial)


@njit(nogil=True, cache=True)
def _gram_csr_range(data, indices, indptr, q, partial, start, stop):
    for i in range(start, stop):
        for e in range(indptr[i], indptr[i + 1]):
            value = q[i] * np.float64(data[e])
            for f in range(indptr[i], e + 1):
                j, k = max(indices[e], indices[f]), min(indices[e], indices[f])
                # Of a repeated index both orders count.
                times = 2.0 if j == k and e != f else 1.0
                partial[j, k] += times * value * data[f]


@njit(nogil=True, cache=True, fastmath=_REASSOCIATING)
def add_block_norms(columns, d, M, squares):
    """squares[i] += sum_c (sum_j columns[j, i] M[j, c])^2 for the rows i of a block; M is upper triangular."""
    r = M.shape[1]
    for c in range(0, r, 2):
        last = min(c + 2, d)
        paired = c + 1 < r
        for i in range(0, _BLOCK, 4 * _LANES):
            s0 = splat(columns, 0.0)
            s1, s2, s3, t0, t1, t2, t3 = s0, s0, s0, s0, s0, s0, s0
            for j in range(last):
                a = j * _BLOCK + i
                x0, x1 = load(columns, a), load(columns, a + _LANES)
                x2, x3 = load(columns, a + 2 * _LANES), load(columns, a + 3 * _LANES)
                m = splat(columns, M[j, c])
                s0, s1, s2, s3 = s0 + x0 * m, s1 + x1 * m, s2 + x2 * m, s3 + x3 * m
                m = splat(columns, M[j, c + 1] if paired else 0.0)
                t0, t1, t2, t3 = t0 + x0 * m, t1 + x1 * m, t2 + x2 * m, t3 + x3 * m
            store(squares, i, load(squares, i) + s0 * s0 + t0 * t0)
            store(squares, i + _LANES, load(squares, i + _LANES) + s1 * s1 + t1 * t1)
            store(squares, i + 2 * _LANES, load(squares, i + 2 * _LANES) + s2 * s2 + t2 * t2)
            store(squares, i + 3 * _LANES, load(squares, i + 3 * _LANES) + s3 * s3 + t3 * t3)


@njit(nogil=True, cache=True)
def _norms_range(A, M, out, start, stop):
    d = A.shape[1]
    columns, squares = np.zeros(d * _BLOCK), np.empty(_BLOCK)
    for first in range(start, stop, _BLOCK):
        count = min(_BLOCK, stop - first)
        write_columns(A, first, count, columns)
        squares[:] = 0.0
        add_block_norms(columns, d, M, squares)
        out[first : first + count] = squares[:count]


@njit(nogil=True, cache=True)
def _norms_csr_range(data, indices, indptr, M, out, start, stop):
    r = M.shape[1]
    image = np.empty(r)
    for i in range(start, stop):
        image[:] = 0.0
        for e in range(indptr[i], indptr[i + 1]):
            for c in range(indices[e], r):
                image[c] += data[e] * M[indices[e], c]
        total = 0.0
        for c in range(r):
            total += image[c] * image[c]
        out[i] = total


def _symmetric(lower):
    return np.tril(lower) + np.tril(lower, -1).T


def weighted_gram(A, q, n_jobs):
    """Return ``sum_i q_i a_i a_i^T``.

    Parameters
    ----------
    A : ndarray of shape (n, d), float32 or float64
    q : ndarray of shape (n,) or None
        Not negative. None: ones.
    n_jobs : int or None

    Returns
    -------
    G : ndarray of shape (d, d), float64

    Notes
    -----
    n d (d + 1) / 2 multiplications in one pass over A; memory d^2 for a few ranges of rows at a time.
    """
    A = kernel_view(A)
    n, d = A.shape
    q = np.ones(n) if q is None else kernel_view(np.ascontiguousarray(q, dtype=np.float64))
    G = np.zeros((d, d))
    with single_threaded_blas():
        sum_ranges(lambda partial, start, stop: _add_gram(A, q, partial, start, stop), _edges(n, d), G, n_jobs)
    return _symmetric(G)


def _add_gram(A, q, partial, start, stop):
    """Add the weighted Gram matrix of a range of rows to the lower triangle of ``partial``."""
    if A.shape[1] < _LONG:
        _gram_range(A, q, partial, start, stop)
    else:
        rows = A[start:stop] * np.sqrt(q[start:stop, np.newaxis])
        partial += rows.T @ rows


def _write_norms(A, M, out, start, stop):
    """out[i] = squared norm of a_i @ M for a range of rows."""
    if A.shape[1] < _LONG:
        _norms_range(A, M, out, start, stop)
    else:
        # BLAS takes the transposes: their memory is that of the C-ordered matrices.
        image = np.array(A[start:stop], dtype=np.float64, order="C")
        image = scipy.linalg.blas.dtrmm(1.0, M.T, image.T, lower=True, overwrite_b=True).T
        np.einsum("ij,ij->i", image, image, out=out[start:stop])


def reweighted_gram(A, M, reweight, n_jobs):
    """Return ``sum_i q_i a_i a_i^T`` for weights that follow from the norms of ``a_i @ M``, in one pass over A.

    Parameters
    ----------
    A : ndarray of shape (n, d), float32 or float64
    M : ndarray of shape (d, d), float64
        Upper triangular.
    reweight : callable
        ``reweight(squares, start, stop)`` takes the squared norms of the rows of a range, which it may overwrite, and
        returns their weights, of shape (stop - start,). Called from several threads at once.
    n_jobs : int or None

    Returns
    -------
    G : ndarray of shape (d, d), float64

    Notes
    -----
    A range of rows is still in cache when it is needed for the second time.
    """
    A, M = kernel_view(A), kernel_view(np.ascontiguousarray(M, dtype=np.float64))
    n, d = A.shape
    G, squares = np.zeros((d, d)), np.empty(n)

    def add_range(partial, start, stop):
        _write_norms(A, M, squares, start, stop)
        q = squares[start:stop]
        weights = reweight(q, start, stop)
        if weights is not q:
            q[:] = weights
        _add_gram(A, squares, partial, start, stop)

    with single_threaded_blas():
        sum_ranges(add_range, _edges(n, d), G, n_jobs)
    return _symmetric(G)


def weighted_gram_csr(data, indices, indptr, q, d, n_jobs):
    """Return ``sum_i q_i a_i a_i^T`` for the rows of a CSR matrix of d columns, given by its three arrays.

    Parameters
    ----------
    data : ndarray of shape (nnz,), float32 or float64
    indices, indptr : ndarray of int32 or int64
    q : ndarray of shape (n,) or None
    d : int
    n_jobs : int or None

    Returns
    -------
    G : ndarray of shape (d, d), float64
    """
    data, indices, indptr = kernel_view(data), kernel_view(indices), kernel_view(indptr)
    n = len(indptr) - 1
    q = np.ones(n) if q is None else kernel_view(np.ascontiguousarray(q, dtype=np.float64))
    G = np.zeros((d, d))
    sum_ranges(
        lambda partial, start, stop: _gram_csr_range(data, indices, indptr, q, partial, start, stop),
        _edges(n, d),
        G,
        n_jobs,
    )
    return _symmetric(G)


def transformed_norms(A, M, out, n_jobs):
    """out[i] = squared norm of ``a_i @ M`` for an upper triangular M.

    With the inverse of a Cholesky factor these are leverage scores.

    Parameters
    ----------
    A : ndarray of shape (n, d), float32 or float64
    M : ndarray of shape (d, d), float64
        What is below the diagonal must be zero.
    out : ndarray of shape (n,), float64
    n_jobs : int or None
    """
    A, M = kernel_view(A), kernel_view(np.ascontiguousarray(M, dtype=np.float64))
    n, d = A.shape
    rows = _RANGE_ROWS if d < _LONG else math.ceil(_RANGE_ELEMENTS / d)
    with single_threaded_blas():
        run_ranges(lambda start, stop: _write_norms(A, M, out, start, stop), n, rows, n_jobs)


def transformed_norms_csr(data, indices, indptr, M, out, n_jobs):
    """The same as ``transformed_norms`` for the rows of a CSR matrix, given by its three arrays."""
    data, indices, indptr = kernel_view(data), kernel_view(indices), kernel_view(indptr)
    M = kernel_view(np.ascontiguousarray(M, dtype=np.float64))
    run_ranges(
        lambda start, stop: _norms_csr_range(data, indices, indptr, M, out, start, stop),
        len(out),
        _RANGE_ROWS,
        n_jobs,
    )
