"""CPU kernels of block power iteration: norms of rows, projections on a few vectors, and sums of projected rows.

Rows are float64 and C-ordered. Every inner product is four running sums, one for each lane of a vector, and every
element of a sum over rows is added up in the order of the rows, by fused multiply-adds throughout. So the bits do not
depend on how the rows are divided into calls, tiles, threads or groups of four.

Four rows and two vectors are handled at once: the eight sums fill the pipelines of the arithmetic units, and a row that
is in the first-level cache is read for two vectors at the price of one.
"""

import numpy as np
from numba import njit

from sparsesci._core.simd import lanes, load, splat, store
from sparsesci._core.threads import run_chunks, run_ranges
from sparsesci.streaming._fma import fma, lane_sum

_ROWS = 64
_COLUMNS = 256


@njit(nogil=True, cache=True)
def norms_range(x, d, out, start, stop):
    """out[i] = squared norm of row i of the flat matrix ``x``."""
    width = lanes(x)
    whole = d - d % width
    i = start
    while i < stop:
        at = i * d
        if i + 4 <= stop:
            s0 = s1 = s2 = s3 = splat(x, 0.0)
            for j in range(0, whole, width):
                v0, v1 = load(x, at + j), load(x, at + d + j)
                v2, v3 = load(x, at + 2 * d + j), load(x, at + 3 * d + j)
                s0, s1, s2, s3 = fma(v0, v0, s0), fma(v1, v1, s1), fma(v2, v2, s2), fma(v3, v3, s3)
            t0, t1, t2, t3 = lane_sum(s0), lane_sum(s1), lane_sum(s2), lane_sum(s3)
            for j in range(whole, d):
                t0 = fma(x[at + j], x[at + j], t0)
                t1 = fma(x[at + d + j], x[at + d + j], t1)
                t2 = fma(x[at + 2 * d + j], x[at + 2 * d + j], t2)
                t3 = fma(x[at + 3 * d + j], x[at + 3 * d + j], t3)
            out[i], out[i + 1], out[i + 2], out[i + 3] = t0, t1, t2, t3
            i += 4
        else:
            s0 = splat(x, 0.0)
            for j in range(0, whole, width):
                v0 = load(x, at + j)
                s0 = fma(v0, v0, s0)
            t0 = lane_sum(s0)
            for j in range(whole, d):
                t0 = fma(x[at + j], x[at + j], t0)
            out[i] = t0
            i += 1


@njit(nogil=True, cache=True)
def centre_range(A, scale, shift, out, start, stop):
    """out[i] = scale * A[i] - shift for some rows."""
    for i in range(start, stop):
        for j in range(A.shape[1]):
            out[i, j] = np.float64(A[i, j]) * scale - shift[j]


@njit(nogil=True, cache=True)
def centre_tiles(A, scale, shift, out, x, norms, start, stop):
    """Centre some rows and compute their norms, a few at a time; ``x`` is ``out``, flat."""
    d = A.shape[1]
    for i in range(start, stop, 4):
        last = min(i + 4, stop)
        centre_range(A, scale, shift, out, i, last)
        norms_range(x, d, norms, i, last)


@njit(nogil=True, cache=True)
def _dots_4x2(x, at, d, z, b, projections, i, c):
    """Inner products of four rows from x[at] on with two vectors from z[b] on."""
    width = lanes(x)
    whole = d - d % width
    s00 = s10 = s20 = s30 = s01 = s11 = s21 = s31 = splat(x, 0.0)
    for j in range(0, whole, width):
        z0, z1 = load(z, b + j), load(z, b + d + j)
        v = load(x, at + j)
        s00, s01 = fma(v, z0, s00), fma(v, z1, s01)
        v = load(x, at + d + j)
        s10, s11 = fma(v, z0, s10), fma(v, z1, s11)
        v = load(x, at + 2 * d + j)
        s20, s21 = fma(v, z0, s20), fma(v, z1, s21)
        v = load(x, at + 3 * d + j)
        s30, s31 = fma(v, z0, s30), fma(v, z1, s31)
    projections[i, c], projections[i, c + 1] = lane_sum(s00), lane_sum(s01)
    projections[i + 1, c], projections[i + 1, c + 1] = lane_sum(s10), lane_sum(s11)
    projections[i + 2, c], projections[i + 2, c + 1] = lane_sum(s20), lane_sum(s21)
    projections[i + 3, c], projections[i + 3, c + 1] = lane_sum(s30), lane_sum(s31)
    for r in range(4):
        for j in range(whole, d):
            value = x[at + r * d + j]
            projections[i + r, c] = fma(value, z[b + j], projections[i + r, c])
            projections[i + r, c + 1] = fma(value, z[b + d + j], projections[i + r, c + 1])


@njit(nogil=True, cache=True)
def _dots_4x1(x, at, d, z, b, projections, i, c):
    """Inner products of four rows with one vector."""
    width = lanes(x)
    whole = d - d % width
    s0 = s1 = s2 = s3 = splat(x, 0.0)
    for j in range(0, whole, width):
        z0 = load(z, b + j)
        s0, s1 = fma(load(x, at + j), z0, s0), fma(load(x, at + d + j), z0, s1)
        s2, s3 = fma(load(x, at + 2 * d + j), z0, s2), fma(load(x, at + 3 * d + j), z0, s3)
    projections[i, c], projections[i + 1, c] = lane_sum(s0), lane_sum(s1)
    projections[i + 2, c], projections[i + 3, c] = lane_sum(s2), lane_sum(s3)
    for r in range(4):
        for j in range(whole, d):
            projections[i + r, c] = fma(x[at + r * d + j], z[b + j], projections[i + r, c])


@njit(nogil=True, cache=True)
def _dot(x, at, d, z, b):
    """Inner product of one row with one vector."""
    width = lanes(x)
    whole = d - d % width
    s = splat(x, 0.0)
    for j in range(0, whole, width):
        s = fma(load(x, at + j), load(z, b + j), s)
    total = lane_sum(s)
    for j in range(whole, d):
        total = fma(x[at + j], z[b + j], total)
    return total


@njit(nogil=True, cache=True)
def project_range(x, d, z, n_vectors, projections, start, stop):
    """projections[i, c] = inner product of row i of ``x`` with vector c of ``z`` (both flat)."""
    i = start
    while i + 4 <= stop:
        c = 0
        while c + 2 <= n_vectors:
            _dots_4x2(x, i * d, d, z, c * d, projections, i, c)
            c += 2
        if c < n_vectors:
            _dots_4x1(x, i * d, d, z, c * d, projections, i, c)
        i += 4
    while i < stop:
        for c in range(n_vectors):
            projections[i, c] = _dot(x, i * d, d, z, c * d)
        i += 1


@njit(nogil=True, cache=True)
def _add_4x2(x, at, d, projections, i, c, g, start, stop):
    """Add four rows, times their projections c and c + 1, to rows c and c + 1 of ``g``, in some columns."""
    width = lanes(x)
    whole = start + (stop - start) // width * width
    p00, p01 = splat(x, projections[i, c]), splat(x, projections[i, c + 1])
    p10, p11 = splat(x, projections[i + 1, c]), splat(x, projections[i + 1, c + 1])
    p20, p21 = splat(x, projections[i + 2, c]), splat(x, projections[i + 2, c + 1])
    p30, p31 = splat(x, projections[i + 3, c]), splat(x, projections[i + 3, c + 1])
    to = c * d
    for j in range(start, whole, width):
        g0, g1 = load(g, to + j), load(g, to + d + j)
        v = load(x, at + j)
        g0, g1 = fma(p00, v, g0), fma(p01, v, g1)
        v = load(x, at + d + j)
        g0, g1 = fma(p10, v, g0), fma(p11, v, g1)
        v = load(x, at + 2 * d + j)
        g0, g1 = fma(p20, v, g0), fma(p21, v, g1)
        v = load(x, at + 3 * d + j)
        g0, g1 = fma(p30, v, g0), fma(p31, v, g1)
        store(g, to + j, g0)
        store(g, to + d + j, g1)
    for r in range(4):
        for j in range(whole, stop):
            g[to + j] = fma(projections[i + r, c], x[at + r * d + j], g[to + j])
            g[to + d + j] = fma(projections[i + r, c + 1], x[at + r * d + j], g[to + d + j])


@njit(nogil=True, cache=True)
def _add_4x1(x, at, d, projections, i, c, g, start, stop):
    """Add four rows, times their projections c, to row c of ``g``, in some columns."""
    width = lanes(x)
    whole = start + (stop - start) // width * width
    p0, p1 = splat(x, projections[i, c]), splat(x, projections[i + 1, c])
    p2, p3 = splat(x, projections[i + 2, c]), splat(x, projections[i + 3, c])
    to = c * d
    for j in range(start, whole, width):
        g0 = fma(p0, load(x, at + j), load(g, to + j))
        g0 = fma(p1, load(x, at + d + j), g0)
        g0 = fma(p2, load(x, at + 2 * d + j), g0)
        store(g, to + j, fma(p3, load(x, at + 3 * d + j), g0))
    for r in range(4):
        for j in range(whole, stop):
            g[to + j] = fma(projections[i + r, c], x[at + r * d + j], g[to + j])


@njit(nogil=True, cache=True)
def _add(x, at, d, p, g, to, start, stop):
    """Add p times one row to g[to:], in some columns."""
    width = lanes(x)
    whole = start + (stop - start) // width * width
    vector = splat(x, p)
    for j in range(start, whole, width):
        store(g, to + j, fma(vector, load(x, at + j), load(g, to + j)))
    for j in range(whole, stop):
        g[to + j] = fma(p, x[at + j], g[to + j])


@njit(nogil=True, cache=True)
def accumulate_range(x, d, projections, first, last, g, start, stop):
    """Add projections[i, c] x[i] to row c of ``g`` for first <= i < last, in columns start ... stop - 1."""
    n_sums = projections.shape[1]
    i = first
    while i + 4 <= last:
        c = 0
        while c + 2 <= n_sums:
            _add_4x2(x, i * d, d, projections, i, c, g, start, stop)
            c += 2
        if c < n_sums:
            _add_4x1(x, i * d, d, projections, i, c, g, start, stop)
        i += 4
    while i < last:
        for c in range(n_sums):
            _add(x, i * d, d, projections[i, c], g, c * d, start, stop)
        i += 1


@njit(nogil=True, cache=True)
def fold_tiles(x, d, z, n_vectors, projections, g, n_rows):
    """Project and accumulate four rows at a time, while they are in the nearest cache."""
    for i in range(0, n_rows, 4):
        last = min(i + 4, n_rows)
        project_range(x, d, z, n_vectors, projections, i, last)
        accumulate_range(x, d, projections, i, last, g, 0, d)


@njit(nogil=True, cache=True)
def norms_csr_range(data, indptr, scale, out, start, stop):
    """out[i] = squared norm of ``scale`` times row i of a CSR matrix without repeated entries."""
    for i in range(start, stop):
        total = 0.0
        for e in range(indptr[i], indptr[i + 1]):
            value = np.float64(data[e]) * scale
            total = fma(value, value, total)
        out[i] = total


@njit(nogil=True, cache=True)
def fold_csr_range(data, indices, indptr, scale, z, n_vectors, projections, g, d, start, stop):
    """Project the rows of a CSR matrix on vectors start <= c < stop and add them up, times the projection.

    Sums beyond the vectors take the projections that are there already.
    """
    for c in range(start, stop):
        for i in range(indptr.size - 1):
            first, last = indptr[i], indptr[i + 1]
            if c < n_vectors:
                total = 0.0
                for e in range(first, last):
                    total = fma(np.float64(data[e]) * scale, z[c * d + indices[e]], total)
                projections[i, c] = total
            weight = projections[i, c]
            for e in range(first, last):
                at = c * d + indices[e]
                g[at] = fma(weight, np.float64(data[e]) * scale, g[at])


def _range_of(n, n_jobs):
    """Return how many of n rows to take at once: all for one thread, as the bits do not depend on it."""
    return n if n_jobs == 1 else _ROWS


def row_norms(A, out, n_jobs):
    """out[i] = squared norm of row i of ``A``.

    Parameters
    ----------
    A : ndarray of shape (n, d), C-ordered, float64
    out : ndarray of shape (n,), float64
    n_jobs : int or None
        Number of threads. The result does not depend on it, here and below.
    """
    n, d = A.shape
    x = A.reshape(-1)
    run_ranges(lambda start, stop: norms_range(x, d, out, start, stop), n, _range_of(n, n_jobs), n_jobs)


def centre_rows(A, scale, shift, out, norms, n_jobs):
    """out = scale * A - shift, and norms[i] = squared norm of row i of it.

    Parameters
    ----------
    A : ndarray of shape (n, d), C-ordered, float32 or float64
    scale : float
    shift : ndarray of shape (d,), float64
    out : ndarray of shape (n, d), C-ordered, float64
    norms : ndarray of shape (n,), float64
    n_jobs : int or None
    """
    n, d = A.shape
    x = out.reshape(-1)

    def task(start, stop):
        centre_tiles(A, scale, shift, out, x, norms, start, stop)

    run_ranges(task, n, _range_of(n, n_jobs), n_jobs)


def project_rows(A, Z, projections, n_jobs):
    """projections[:, :r] = A @ Z.T.

    Parameters
    ----------
    A : ndarray of shape (n, d), C-ordered, float64
    Z : ndarray of shape (r, d), C-ordered, float64
    projections : ndarray of shape (n, at least r), float64
    n_jobs : int or None
    """
    n, d = A.shape
    x, z = A.reshape(-1), Z.reshape(-1)
    run_ranges(lambda start, stop: project_range(x, d, z, len(Z), projections, start, stop), n, _ROWS, n_jobs)


def accumulate_rows(A, projections, G, n_jobs):
    """G += projections.T @ A, added up in the order of the rows.

    Parameters
    ----------
    A : ndarray of shape (n, d), C-ordered, float64
    projections : ndarray of shape (n, s), float64
    G : ndarray of shape (s, d), C-ordered, float64
    n_jobs : int or None
    """
    n, d = A.shape
    x, g = A.reshape(-1), G.reshape(-1)
    run_ranges(lambda start, stop: accumulate_range(x, d, projections, 0, n, g, start, stop), d, _COLUMNS, n_jobs)


def fold_rows(A, Z, projections, G, n_jobs):
    """projections[:, :r] = A @ Z.T, then G += projections.T @ A.

    Parameters
    ----------
    A : ndarray of shape (n, d), C-ordered, float64
    Z : ndarray of shape (r, d), C-ordered, float64
    projections : ndarray of shape (n, s), float64, s >= r
        Columns beyond the first r are given.
    G : ndarray of shape (s, d), C-ordered, float64
    n_jobs : int or None
    """
    n, d = A.shape
    x, z, g = A.reshape(-1), Z.reshape(-1), G.reshape(-1)
    if n_jobs == 1:
        fold_tiles(x, d, z, len(Z), projections, g, n)
        return

    def task(pair):
        first, last = 2 * pair, min(2 * pair + 2, len(G))
        n_vectors = max(0, min(last, len(Z)) - first)
        own = slice(first * d, last * d)
        mine = np.ascontiguousarray(projections[:, first:last])
        fold_tiles(x, d, z[own], n_vectors, mine, g[own], n)
        projections[:, first:last] = mine

    run_chunks(task, -(-len(G) // 2), n_jobs)


def row_norms_csr(data, indptr, scale, out, n_jobs):
    """out[i] = squared norm of ``scale`` times row i of a CSR matrix without repeated entries."""
    run_ranges(lambda start, stop: norms_csr_range(data, indptr, scale, out, start, stop), out.size, 4 * _ROWS, n_jobs)


def fold_rows_csr(data, indices, indptr, scale, Z, projections, G, n_jobs):
    """The same as ``fold_rows`` for ``scale`` times a CSR matrix, given by its three arrays."""
    d = G.shape[1]
    z, g = Z.reshape(-1), G.reshape(-1)

    def task(c):
        fold_csr_range(data, indices, indptr, scale, z, len(Z), projections, g, d, c, c + 1)

    run_chunks(task, len(G), n_jobs)
