"""CPU kernels of the sparse sign embedding (CountSketch for one nonzero per column).

Column i of the sketch has s distinct rows with random signs. They come from words s*i ... s*i + s - 1 of the stream,
so every piece of the sketch can be made anywhere. Each input row is read once and added to its s samples.
"""

import numpy as np
from numba import njit, uint64

from sparsesci._core.rng import fill_words
from sparsesci._core.simd import lanes, load, splat, store
from sparsesci._core.threads import run_ranges, sum_ranges
from sparsesci.sketching._srht_kernels import add_scaled

PATTERN_STREAM = np.uint64(3)
_MAX_RANGES = 16
_CHUNK_ROWS = 256
_PATTERN_CHUNK = 1 << 14


@njit(inline="always")
def word_row(word, bound):
    """Return the row, below ``bound``, that a random word stands for: its high bits."""
    return np.int64((uint64(word) * uint64(bound)) >> uint64(32))


@njit(inline="always")
def word_sign(word):
    """Return the sign that a random word stands for: its lowest bit."""
    return 1 - 2 * np.int64(uint64(word) & uint64(1))


@njit(nogil=True, cache=True)
def _fill_pattern(key, nnz, n_components, column, n_columns, words, positions, signs):
    """Write entry q of column ``column`` + i to positions[q, i] and signs[q, i].

    Floyd's algorithm: entry q is drawn from the first m - s + q + 1 rows, and is the last of these if an earlier entry
    has it already. Every subset of rows is equally likely, up to m / 2**32. Entry by entry for all columns at once, so
    that the loops over columns are vector code.
    """
    begin = uint64(column) * uint64(nnz)
    skipped = np.int64(begin & uint64(3))
    fill_words(key, PATTERN_STREAM, begin >> uint64(2), words, (skipped + n_columns * nnz + 3) // 4)
    for q in range(nnz):
        bound = n_components - nnz + q + 1
        for i in range(n_columns):
            word = words[skipped + i * nnz + q]
            positions[q, i] = word_row(word, bound)
            signs[q, i] = word_sign(word)
        for earlier in range(q):
            for i in range(n_columns):
                if positions[earlier, i] == positions[q, i]:
                    positions[q, i] = bound - 1


@njit(nogil=True, cache=True)
def _pattern_range(key, nnz, n_components, first, positions, signs, start, stop):
    words = np.empty(_CHUNK_ROWS * nnz + 8, dtype=np.uint32)
    rows = np.empty((nnz, _CHUNK_ROWS), dtype=np.int64)
    row_signs = np.empty((nnz, _CHUNK_ROWS), dtype=np.int8)
    for begin in range(start, stop, _CHUNK_ROWS):
        count = min(_CHUNK_ROWS, stop - begin)
        _fill_pattern(key, nnz, n_components, first + begin, count, words, rows, row_signs)
        for i in range(count):
            for q in range(nnz):
                positions[begin + i, q] = rows[q, i]
                signs[begin + i, q] = row_signs[q, i]


@njit(nogil=True, cache=True)
def _add_to_four(x, i, d, out, positions, signs, q, column):
    """Add x[i : i + d] with signs to the samples of entries q ... q + 3 of a column: one load, four sums."""
    width = lanes(x)
    s0, s1, s2, s3 = signs[q, column], signs[q + 1, column], signs[q + 2, column], signs[q + 3, column]
    p0, p1 = positions[q, column] * d, positions[q + 1, column] * d
    p2, p3 = positions[q + 2, column] * d, positions[q + 3, column] * d
    f0, f1, f2, f3 = splat(x, s0), splat(x, s1), splat(x, s2), splat(x, s3)
    whole = d - d % width
    for c in range(0, whole, width):
        row = load(x, i + c)
        store(out, p0 + c, load(out, p0 + c) + f0 * row)
        store(out, p1 + c, load(out, p1 + c) + f1 * row)
        store(out, p2 + c, load(out, p2 + c) + f2 * row)
        store(out, p3 + c, load(out, p3 + c) + f3 * row)
    for c in range(whole, d):
        out[p0 + c] += s0 * x[i + c]
        out[p1 + c] += s1 * x[i + c]
        out[p2 + c] += s2 * x[i + c]
        out[p3 + c] += s3 * x[i + c]


@njit(nogil=True, cache=True)
def sparse_sign_range(x, d, key, nnz, row_offset, n_components, out, start, stop):
    """Add rows start <= i < stop of the flat (n, d) array ``x`` to the flat (m, d) array ``out``."""
    words = np.empty(_CHUNK_ROWS * nnz + 8, dtype=np.uint32)
    positions = np.empty((nnz, _CHUNK_ROWS), dtype=np.int64)
    signs = np.empty((nnz, _CHUNK_ROWS), dtype=x.dtype)
    in_fours = nnz - nnz % 4
    for first in range(start, stop, _CHUNK_ROWS):
        count = min(_CHUNK_ROWS, stop - first)
        _fill_pattern(key, nnz, n_components, row_offset + first, count, words, positions, signs)
        for i in range(count):
            row = (first + i) * d
            for q in range(0, in_fours, 4):
                _add_to_four(x, row, d, out, positions, signs, q, i)
            for q in range(in_fours, nnz):
                add_scaled(x, row, out, positions[q, i] * d, d, signs[q, i])


@njit(nogil=True, cache=True)
def sparse_sign_range_csr(data, indices, indptr, d, key, nnz, row_offset, n_components, out, start, stop):
    """Add rows start <= i < stop of a CSR matrix to the flat (m, d) array ``out``."""
    words = np.empty(_CHUNK_ROWS * nnz + 8, dtype=np.uint32)
    positions = np.empty((nnz, _CHUNK_ROWS), dtype=np.int64)
    signs = np.empty((nnz, _CHUNK_ROWS), dtype=out.dtype)
    for first in range(start, stop, _CHUNK_ROWS):
        count = min(_CHUNK_ROWS, stop - first)
        _fill_pattern(key, nnz, n_components, row_offset + first, count, words, positions, signs)
        for i in range(count):
            for q in range(nnz):
                target, sign = positions[q, i] * d, signs[q, i]
                for e in range(indptr[first + i], indptr[first + i + 1]):
                    out[target + indices[e]] += sign * data[e]


def _accumulate(row_range, n_rows, n_terms, out, n_jobs):
    """Cut the rows into ranges with private samples and add these up in order.

    A range costs two passes over its samples, so it must be worth many times as many terms.
    """
    n_ranges = 1
    while n_ranges < _MAX_RANGES and n_ranges * 16 * out.size <= n_terms:
        n_ranges *= 2
    edges = np.linspace(0, n_rows, n_ranges + 1).astype(np.int64)
    sum_ranges(row_range, edges, out.reshape(-1), n_jobs)


def sparse_sign_accumulate(A, key, nnz_per_column, row_offset, out, n_jobs):
    """out += S[:, row_offset : row_offset + len(A)] @ A with entries +1 and -1.

    Parameters
    ----------
    A : ndarray of shape (n, d), C-ordered, float32 or float64, n > 0
    key : numpy.uint64
    nnz_per_column : int
    row_offset : int
        Global index of the first row of ``A``.
    out : ndarray of shape (m, d), C-ordered, of the dtype of ``A``
    n_jobs : int or None
        Number of threads. The result does not depend on it.
    """
    n_rows, d = A.shape
    n_components = out.shape[0]
    flat = A.reshape(-1)

    def row_range(partial, start, stop):
        sparse_sign_range(flat, d, key, nnz_per_column, row_offset, n_components, partial, start, stop)

    _accumulate(row_range, n_rows, A.size * nnz_per_column, out, n_jobs)


def sparse_sign_accumulate_csr(data, indices, indptr, key, nnz_per_column, row_offset, out, n_jobs):
    """The same for a CSR matrix given by its three arrays; ``data`` has the dtype of ``out``."""
    n_components, d = out.shape

    def row_range(partial, start, stop):
        sparse_sign_range_csr(
            data,
            indices,
            indptr,
            d,
            key,
            nnz_per_column,
            row_offset,
            n_components,
            partial,
            start,
            stop,
        )

    stored = int(indptr[-1] - indptr[0])
    _accumulate(row_range, indptr.size - 1, stored * nnz_per_column, out, n_jobs)


def sparse_sign_pattern(key, nnz_per_column, n_components, start, stop):
    """Return the rows (int64) and the signs (int8) of columns start ... stop - 1, both (stop - start, nnz)."""
    positions = np.empty((stop - start, nnz_per_column), dtype=np.int64)
    signs = np.empty((stop - start, nnz_per_column), dtype=np.int8)

    def task(first, last):
        _pattern_range(key, nnz_per_column, n_components, start, positions, signs, first, last)

    run_ranges(task, stop - start, _PATTERN_CHUNK)
    return positions, signs
