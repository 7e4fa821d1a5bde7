"""CPU kernels of the least-squares solvers: passes over the rows of A that read each row once.

A pass cuts the rows into ranges that depend on the size only; each range has private sums, which are added in order.
Several right-hand sides and layouts other than C order go through BLAS on blocks of rows that stay in cache.
"""

import ctypes

import numpy as np
from numba import njit
from numba.extending import get_cython_function_address

from sparsesci._core.simd import lanes, load, splat, store
from sparsesci._core.threads import run_chunks

_MAX_RANGES = 16
_BLOCK_BYTES = 1 << 19
_PRODUCT_ROWS = 1 << 12
# Beyond this length two rows, x and g do not fit in the first-level cache together.
_NARROW_BYTES = 1 << 12
_CHUNK_ENTRIES = 1 << 15
_NO_RHS = {dtype: np.empty(0, dtype=dtype) for dtype in (np.dtype(np.float64), np.dtype(np.float32))}


@njit(nogil=True, cache=True)
def gradient_range(a, d, x, b, g, start, stop):
    """Add to ``g`` the terms (b_i - a_i x) a_i of rows start <= i < stop; return the sum of (b_i - a_i x)^2.

    ``a`` is a flat (n, d) array; an empty ``b`` stands for zero. The update with row i - 1 runs beside the inner
    product of row i, so that row i comes from memory meanwhile and row i - 1 from the cache.
    """
    width = lanes(a)
    whole = d - d % width
    zero = a.dtype.type(0)
    partial = np.empty(width, dtype=a.dtype)
    total = 0.0
    previous = start * d
    residual = zero
    for i in range(start, stop):
        row = i * d
        factor = splat(a, residual)
        product = splat(a, zero)
        for c in range(0, whole, width):
            product = product + load(x, c) * load(a, row + c)
            store(g, c, load(g, c) + factor * load(a, previous + c))
        store(partial, 0, product)
        value = b[i] if b.size > 0 else zero
        for lane in range(width):
            value -= partial[lane]
        for c in range(whole, d):
            value -= x[c] * a[row + c]
            g[c] += residual * a[previous + c]
        total += np.float64(value) * np.float64(value)
        residual, previous = value, row
    for c in range(d):
        g[c] += residual * a[previous + c]
    return total


@njit(nogil=True, cache=True)
def gradient_range_csr(data, indices, indptr, x, b, g, start, stop):
    """The same for rows of a CSR matrix."""
    zero = data.dtype.type(0)
    total = 0.0
    for i in range(start, stop):
        value = b[i] if b.size > 0 else zero
        for e in range(indptr[i], indptr[i + 1]):
            value -= data[e] * x[indices[e]]
        for e in range(indptr[i], indptr[i + 1]):
            g[indices[e]] += value * data[e]
        total += np.float64(value) * np.float64(value)
    return total


def row_ranges(n_rows, d):
    """Return the edges of the ranges for a pass whose private sums have the size of d rows."""
    n_ranges = max(1, min(_MAX_RANGES, n_rows // (4 * d)))
    return np.linspace(0, n_rows, n_ranges + 1).astype(np.int64)


def row_blocks(A, start, stop, step=None):
    """Yield (first, last, rows) with pieces of A[start:stop] of ``step`` rows that BLAS takes without a copy.

    By default they have the size of a second-level cache.
    """
    step = step or max(32, _BLOCK_BYTES // (A.shape[1] * A.itemsize))
    direct = _fits_blas(A)
    for first in range(start, stop, step):
        last = min(stop, first + step)
        yield first, last, A[first:last] if direct else np.ascontiguousarray(A[first:last])


def _fits_blas(A):
    return any(
        A.strides[axis] == A.itemsize and A.strides[1 - axis] % A.itemsize == 0 and A.strides[1 - axis] > 0
        for axis in (0, 1)
    )


def _sum_ranges(add_range, shape, dtype, edges, n_jobs):
    """Run ``add_range(G, start, stop)``, which adds to G and returns squared norms, on all ranges; add up in order."""
    n_ranges = len(edges) - 1
    sums = np.zeros((n_ranges,) + shape, dtype=dtype)
    squares = np.zeros((n_ranges, shape[1]))

    def task(i):
        squares[i] = add_range(sums[i], edges[i], edges[i + 1])

    run_chunks(task, n_ranges, n_jobs)
    return sums.sum(axis=0), np.sqrt(squares.sum(axis=0))


def residual_gradient(A, X, B, n_jobs):
    """Return A^T (B - A X) and the norms of the columns of B - A X, reading A once.

    Parameters
    ----------
    A : ndarray of shape (n, d), float32 or float64, any layout
    X : ndarray of shape (d, k), of the dtype of ``A``
    B : ndarray of shape (n, k), of the dtype of ``A``, or None for zero
    n_jobs : int or None
        Number of threads. The result does not depend on it.

    Returns
    -------
    G : ndarray of shape (d, k)
    norms : ndarray of shape (k,), float64
    """
    edges = row_ranges(A.shape[0], 1)
    add_range = range_adder(A, X, B)
    return _sum_ranges(add_range, X.shape, A.dtype, edges, n_jobs)


def range_adder(A, X, B):
    """Return the function (G, start, stop) -> squared norms that adds one range's part of A^T (B - A X) to G."""
    d = A.shape[1]
    if X.shape[1] == 1 and A.flags.c_contiguous and d * A.itemsize <= _NARROW_BYTES:
        flat, x = A.reshape(-1), np.ascontiguousarray(X[:, 0])
        b = _NO_RHS[A.dtype] if B is None else np.ascontiguousarray(B[:, 0])
        return lambda G, start, stop: gradient_range(flat, d, x, b, G.reshape(-1), start, stop)

    def add_blocks(G, start, stop):
        squares = 0.0
        for first, last, rows in row_blocks(A, start, stop):
            R = -(rows @ X) if B is None else B[first:last] - rows @ X
            G += rows.T @ R
            squares = squares + np.einsum("ij,ij->j", R, R, dtype=np.float64)
        return squares

    return add_blocks


def residual_gradient_csr(data, indices, indptr, X, B, n_jobs):
    """The same for a CSR matrix given by its three arrays, one right-hand side after the other."""
    n_rows = indptr.size - 1
    n_ranges = max(1, min(_MAX_RANGES, data.size // _CHUNK_ENTRIES))
    # Ranges of rows with about equally many entries.
    edges = np.searchsorted(indptr, np.linspace(0, indptr[-1], n_ranges + 1))
    edges[0], edges[-1] = 0, n_rows
    G = np.empty_like(X)
    norms = np.empty(X.shape[1])
    for j in range(X.shape[1]):
        x = np.ascontiguousarray(X[:, j])
        b = _NO_RHS[data.dtype] if B is None else np.ascontiguousarray(B[:, j])

        def add_range(g, start, stop, x=x, b=b):
            return gradient_range_csr(data, indices, indptr, x, b, g.reshape(-1), start, stop)

        G[:, [j]], norms[[j]] = _sum_ranges(add_range, (X.shape[0], 1), data.dtype, edges, n_jobs)
    return G, norms


def apply_rows(A, X, n_jobs):
    """Return A @ X, (n, k), for a dense A: row blocks are shared out over threads."""
    out = np.empty((A.shape[0], X.shape[1]), dtype=A.dtype)
    edges = row_ranges(A.shape[0], 1)

    def task(i):
        for first, last, rows in row_blocks(A, edges[i], edges[i + 1]):
            np.matmul(rows, X, out=out[first:last])

    run_chunks(task, len(edges) - 1, n_jobs)
    return out


def apply_rows_transpose(A, U, n_jobs):
    """Return A.T @ U, (d, k), for a dense A."""

    def add_range(G, start, stop):
        for first, last, rows in row_blocks(A, start, stop):
            G += rows.T @ U[first:last]
        return 0.0

    edges = row_ranges(A.shape[0], 1)
    return _sum_ranges(add_range, (A.shape[1], U.shape[1]), A.dtype, edges, n_jobs)[0]


def normal_matrix(A, whitener, X, B, n_jobs):
    """Return M = (A W)^T (A W), A^T (B - A X) and the norms of the columns of B - A X, reading A once.

    Parameters
    ----------
    A : ndarray of shape (n, d), float32 or float64, any layout
    whitener : None or ndarray of shape (d, r)
        W; None for the identity. The rows of A W are rounded to float32 before they are multiplied: they come from a
        well-conditioned matrix, and M serves as a preconditioner only. An upper triangular W takes half the time.
    X, B, n_jobs
        As in ``residual_gradient``.

    Notes
    -----
    n d^2 flops without W; with it n d^2 more for a triangular W and 2 n d r for another, and n r^2 in float32.
    """
    rank = A.shape[1] if whitener is None else whitener.shape[1]
    edges = row_ranges(A.shape[0], A.shape[1])
    n_ranges = len(edges) - 1
    add_gradient = range_adder(A, X, B)
    products = np.zeros((n_ranges, rank, rank), dtype=A.dtype)
    gradients = np.zeros((n_ranges,) + X.shape, dtype=A.dtype)
    squares = np.zeros((n_ranges, X.shape[1]))
    step = max(_PRODUCT_ROWS, 4 * rank)
    whiten = (lambda rows: rows) if whitener is None else _whitening(A, whitener)

    def task(i):
        product = np.empty((rank, rank), dtype=A.dtype if whitener is None else np.float32)
        for first, last, rows in row_blocks(A, edges[i], edges[i + 1], step):
            squares[i] += add_gradient(gradients[i], first, last)
            rows = whiten(rows)
            # The product of an array with its own transpose is a symmetric rank update in NumPy.
            np.matmul(rows.T, rows, out=product)
            products[i] += product

    run_chunks(task, n_ranges, n_jobs)
    return products.sum(axis=0, dtype=np.float64), gradients.sum(axis=0), np.sqrt(squares.sum(axis=0))


def _whitening(A, whitener):
    """Return the function that takes a block of rows of A to its product with ``whitener``, in float32."""
    whitener = np.asfortranarray(whitener, dtype=A.dtype)
    if whitener.shape[0] == whitener.shape[1] and not np.tril(whitener, -1).any():

        def whiten(rows):
            rows = np.array(rows, order="C")
            _multiply_triangular(rows, whitener)
            return rows.astype(np.float32, copy=False)

    else:

        def whiten(rows):
            return (rows @ whitener).astype(np.float32, copy=False)

    return whiten


def _blas_function(name, n_arguments):
    """Return a BLAS function of SciPy's as a ctypes function, which gives up the GIL while it runs."""
    address = get_cython_function_address("scipy.linalg.cython_blas", name)
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * n_arguments)(address)


_TRMM = {
    np.dtype(np.float64): (_blas_function("dtrmm", 11), ctypes.c_double(1.0)),
    np.dtype(np.float32): (_blas_function("strmm", 11), ctypes.c_float(1.0)),
}


def _multiply_triangular(rows, triangle):
    """Replace the C-ordered ``rows`` by rows @ triangle, for a Fortran-ordered upper triangle of the same dtype.

    The wrappers in scipy.linalg.blas hold the GIL, and NumPy has no triangular product.
    """
    trmm, one = _TRMM[rows.dtype]
    n_rows, d = ctypes.c_int(rows.shape[0]), ctypes.c_int(rows.shape[1])
    size = ctypes.byref(d)
    trmm(b"L", b"U", b"T", b"N", size, ctypes.byref(n_rows), ctypes.byref(one), triangle.ctypes.data, size,
         rows.ctypes.data, size)  # fmt: skip
