"""CPU kernels of the sparse sign embedding (CountSketch for one nonzero per column).

Column i of the sketch has s distinct rows with random signs. They come from words s*i ... s*i + s - 1 of the stream,
so every piece of the sketch can be made anywhere. A chunk of input rows is cached while each sample gathers the rows
that it takes: one load per entry, and a sample is read and written once per chunk.
"""

import numpy as np
from numba import njit, uint64

from sparsesci._core.rng import random_words, select_word
from sparsesci._core.simd import lanes, load, splat, store
from sparsesci._core.threads import run_chunks, run_ranges
from sparsesci.sketching._srht_kernels import add_scaled

PATTERN_STREAM = np.uint64(3)
_CHUNK_BYTES = 1 << 19
_MAX_RANGES = 16
_PATTERN_CHUNK = 1 << 14


@njit(nogil=True, cache=True)
def column_pattern(key, column, nnz, n_components, positions, signs):
    """Write the distinct rows and the signs (+1, -1) of one column of the sketch to two arrays of length ``nnz``.

    Floyd's algorithm for the rows: every subset is equally likely, up to n_components / 2**32.
    """
    first = uint64(column) * uint64(nnz)
    words = random_words(key, PATTERN_STREAM, first >> uint64(2))
    for q in range(nnz):
        number = first + uint64(q)
        if q > 0 and (number & uint64(3)) == uint64(0):
            words = random_words(key, PATTERN_STREAM, number >> uint64(2))
        word = uint64(select_word(words, number & uint64(3)))
        bound = n_components - nnz + q + 1
        drawn = np.int64((word * uint64(bound)) >> uint64(32))
        for earlier in range(q):
            if positions[earlier] == drawn:
                drawn = bound - 1
                break
        positions[q] = drawn
        # The row comes from the high bits of the word, the sign is the lowest one.
        signs[q] = 1 - 2 * np.int64(word & uint64(1))


@njit(nogil=True, cache=True)
def _pattern_range(key, nnz, n_components, first, positions, signs, start, stop):
    for i in range(start, stop):
        column_pattern(key, first + i, nnz, n_components, positions[i], signs[i])


@njit(nogil=True, cache=True)
def _sort_by_sample(positions, signs, n_rows, nnz, pointers, sources):
    """Counting sort of the entries of ``n_rows`` columns by sample: entry e is 2 * row + (sign < 0)."""
    pointers[:] = 0
    for e in range(n_rows * nnz):
        pointers[positions[e] + 1] += 1
    for t in range(pointers.size - 1):
        pointers[t + 1] += pointers[t]
    for i in range(n_rows):
        for e in range(i * nnz, (i + 1) * nnz):
            t = positions[e]
            sources[pointers[t]] = 2 * i + (signs[e] < 0)
            pointers[t] += 1
    # Each pointer now stands where the next sample begins.
    for t in range(pointers.size - 1, 0, -1):
        pointers[t] = pointers[t - 1]
    pointers[0] = 0


@njit(nogil=True, cache=True)
def _gather(x, base, d, sources, start, stop, out, target):
    """out[target : target + d] += the signed rows of x that ``sources[start:stop]`` names."""
    width = lanes(x)
    plus, minus = splat(x, x.dtype.type(1)), splat(x, x.dtype.type(-1))
    whole = d - d % (4 * width)
    for c in range(0, whole, 4 * width):
        a0, a1 = load(out, target + c), load(out, target + c + width)
        a2, a3 = load(out, target + c + 2 * width), load(out, target + c + 3 * width)
        for e in range(start, stop):
            i = base + (sources[e] >> 1) * d + c
            sign = minus if sources[e] & 1 else plus
            a0 = a0 + sign * load(x, i)
            a1 = a1 + sign * load(x, i + width)
            a2 = a2 + sign * load(x, i + 2 * width)
            a3 = a3 + sign * load(x, i + 3 * width)
        store(out, target + c, a0)
        store(out, target + c + width, a1)
        store(out, target + c + 2 * width, a2)
        store(out, target + c + 3 * width, a3)
    for e in range(start, stop):
        sign = x.dtype.type(1 - 2 * (sources[e] & 1))
        add_scaled(x, base + (sources[e] >> 1) * d + whole, out, target + whole, d - whole, sign)


@njit(nogil=True, cache=True)
def sparse_sign_range(x, d, key, nnz, row_offset, n_components, chunk, out, start, stop):
    """Add rows start <= i < stop of the flat (n, d) array ``x`` to the flat (m, d) array ``out``."""
    positions = np.empty(chunk * nnz, dtype=np.int32)
    signs = np.empty(chunk * nnz, dtype=np.int8)
    sources = np.empty(chunk * nnz, dtype=np.int32)
    pointers = np.empty(n_components + 1, dtype=np.int64)
    for first in range(start, stop, chunk):
        n_rows = min(chunk, stop - first)
        for i in range(n_rows):
            entries = slice(i * nnz, (i + 1) * nnz)
            column_pattern(
                key, row_offset + first + i, nnz, n_components, positions[entries], signs[entries]
            )
        if n_rows * nnz < n_components:
            for e in range(n_rows * nnz):
                source = (first + e // nnz) * d
                add_scaled(x, source, out, positions[e] * d, d, x.dtype.type(signs[e]))
            continue
        _sort_by_sample(positions, signs, n_rows, nnz, pointers, sources)
        for t in range(n_components):
            _gather(x, first * d, d, sources, pointers[t], pointers[t + 1], out, t * d)


@njit(nogil=True, cache=True)
def sparse_sign_range_csr(
    data, indices, indptr, d, key, nnz, row_offset, n_components, out, start, stop
):
    """Add rows start <= i < stop of a CSR matrix to the flat (m, d) array ``out``."""
    positions = np.empty(nnz, dtype=np.int32)
    signs = np.empty(nnz, dtype=np.int8)
    for i in range(start, stop):
        column_pattern(key, row_offset + i, nnz, n_components, positions, signs)
        for q in range(nnz):
            target = positions[q] * d
            for e in range(indptr[i], indptr[i + 1]):
                out[target + indices[e]] += signs[q] * data[e]


def _accumulate(row_range, n_rows, out, n_jobs):
    """Cut the rows into ranges with private samples and add these up in order."""
    n_ranges = 1
    while n_ranges < _MAX_RANGES and n_ranges * 8 * out.shape[0] <= n_rows:
        n_ranges *= 2
    edges = np.linspace(0, n_rows, n_ranges + 1).astype(np.int64)
    partial = np.zeros((n_ranges, out.size), dtype=out.dtype)
    run_chunks(lambda i: row_range(partial[i], edges[i], edges[i + 1]), n_ranges, n_jobs)
    for part in partial:
        out += part.reshape(out.shape)


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
    chunk = max(64, min(n_rows, _CHUNK_BYTES // (d * A.itemsize)))

    def row_range(partial, start, stop):
        sparse_sign_range(
            flat, d, key, nnz_per_column, row_offset, n_components, chunk, partial, start, stop
        )

    _accumulate(row_range, n_rows, out, n_jobs)


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

    _accumulate(row_range, indptr.size - 1, out, n_jobs)


def sparse_sign_pattern(key, nnz_per_column, n_components, start, stop):
    """Return the rows (stop - start, nnz) int64 and the signs (stop - start, nnz) int8 of columns start ... stop - 1."""
    positions = np.empty((stop - start, nnz_per_column), dtype=np.int64)
    signs = np.empty((stop - start, nnz_per_column), dtype=np.int8)

    def task(first, last):
        _pattern_range(key, nnz_per_column, n_components, start, positions, signs, first, last)

    run_ranges(task, stop - start, _PATTERN_CHUNK)
    return positions, signs
