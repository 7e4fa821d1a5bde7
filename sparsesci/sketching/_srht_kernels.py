"""CPU kernels of the subsampled randomised Hadamard transform (SRHT), one pass over the rows.

H_N is the Kronecker product of H_{N/k} and H_k. A block of k consecutive rows, number q, is transformed by H_k in
cache; sampled row i of the whole transform then takes row ``i mod k`` of the block with the sign of
``popcount((i // k) & q)``. So the input is read once and nothing of its size is written.
"""

import numpy as np
from numba import njit

from sparsesci._core.rng import fill_signs
from sparsesci._core.simd import lanes, load, prefetch, splat, store
from sparsesci._core.threads import sum_ranges
from sparsesci.sketching._fwht_kernels import butterfly8

SIGN_STREAM = np.uint64(1)

# Level counts are multiples of three, for radix-8 butterflies. The bounds on the number of sampled rows balance one
# more pass over the block against adding it to the samples; measured on a core with 2 MiB of second-level cache.
_BLOCK_LOG2 = (3, 6, 9, 12)
_BLOCK_SAMPLES = (6, 50, 3000)
# A panel of a block and of the samples, together; narrower panels than these cost more in loops than they save.
_CACHE_BYTES = 3 << 19
_FEWEST_COLUMNS = 64
_MAX_RANGES = 16
# Rows that are asked for ahead of their use.
_ROWS_AHEAD = 16
_GROUP_ROWS = 64


@njit(nogil=True, cache=True)
def parity(bits):
    """Return 1.0 for an even and -1.0 for an odd number of ones in ``bits`` (int64, not negative)."""
    bits ^= bits >> 32
    bits ^= bits >> 16
    bits ^= bits >> 8
    bits ^= bits >> 4
    return 1.0 - 2.0 * ((0x6996 >> (bits & 15)) & 1)


@njit(nogil=True, cache=True)
def add_scaled(source, i, target, j, count, scale):
    """target[j : j + count] += scale * source[i : i + count], on flat arrays."""
    width = lanes(source)
    whole = count - count % width
    factor = splat(source, scale)
    for c in range(0, whole, width):
        store(target, j + c, load(target, j + c) + factor * load(source, i + c))
    for c in range(whole, count):
        target[j + c] += scale * source[i + c]


@njit(nogil=True, cache=True)
def _prefetch_row(x, start, count):
    """Ask for x[start : start + count]; what follows would otherwise wait for memory while nothing is computed."""
    line = 2 * lanes(x)
    for c in range(0, count, line):
        prefetch(x, start + c)


@njit(nogil=True, cache=True)
def _copy_scaled(source, i, target, j, count, scale):
    """target[j : j + count] = scale * source[i : i + count], on flat arrays."""
    width = lanes(source)
    whole = count - count % width
    factor = splat(source, scale)
    for c in range(0, whole, width):
        store(target, j + c, factor * load(source, i + c))
    for c in range(whole, count):
        target[j + c] = scale * source[i + c]


@njit(nogil=True, cache=True)
def _middle_levels(buffer, width, k, done):
    """Transform a block up to the last level but one; rows up to ``done`` apart are done. Return how far that is."""
    while 8 * done < k:
        for group in range(0, k, 8 * done):
            for r in range(group, group + done):
                butterfly8(buffer, r * width, done * width, width)
        done *= 8
    return done


@njit(nogil=True, cache=True)
def _last_level(buffer, width, count, k, done, r, rows, starts, block_signs, out, stride):
    """Make the rows r, r + k / 8, ... of a transformed block and add them to the samples that take them.

    These are starts[r] ... starts[r + 1] - 1. The eight rows are in the first-level cache.
    """
    if done < k:
        butterfly8(buffer, r * width, done * width, width)
    for s in range(starts[r], starts[r + 1]):
        add_scaled(buffer, (rows[s] & (k - 1)) * width, out, s * stride, count, block_signs[s])


@njit(nogil=True, cache=True)
def _block_signs(rows, log2_block, q, signs):
    for t in range(rows.size):
        signs[t] = parity((rows[t] >> log2_block) & q)


@njit(nogil=True, cache=True)
def _add_row(row, first, count, index, sign, rows, out):
    for t in range(rows.size):
        add_scaled(row, first, out, t * count, count, out.dtype.type(sign * parity(rows[t] & index)))


@njit(nogil=True, cache=True)
def srht_block_range(x, d, key, rows, starts, row_offset, log2_block, column, count, width, out, q_start, q_stop):
    """Add ``count`` columns, from ``column`` on, of the blocks q_start <= q < q_stop to the flat (m, count) ``out``.

    ``x`` is a flat (n, d) array.
    """
    n = x.size // d
    k = 1 << log2_block
    group_rows = min(k, _GROUP_ROWS)
    buffer = np.zeros(k * width, dtype=x.dtype)
    row_signs = np.empty(k, dtype=x.dtype)
    block_signs = np.empty(rows.size, dtype=x.dtype)
    for q in range(q_start, q_stop):
        base = q * k - row_offset
        low, high = max(0, -base), min(k, n - base)
        fill_signs(key, SIGN_STREAM, np.uint64(q * k), row_signs, 0, k)
        if (high - low) * rows.size < k * log2_block + rows.size:
            # A block with few rows present: row by row is cheaper than a transform of zeros.
            for r in range(low, high):
                _add_row(x, (base + r) * d + column, count, q * k + r, row_signs[r], rows, out)
            continue
        _block_signs(rows, log2_block, q, block_signs)
        for group in range(0, k, group_rows):
            for r in range(group, group + group_rows, 8):
                for s in range(r, r + 8):
                    source = (base + s) * d + column
                    _prefetch_row(x, source + _ROWS_AHEAD * d, count)
                    if low <= s < high:
                        _copy_scaled(x, source, buffer, s * width, count, row_signs[s])
                    else:
                        buffer[s * width : s * width + count] = 0
                butterfly8(buffer, r * width, width, width)
            # The second level while the rows are close at hand; there is none if the block is a group.
            if group_rows < k:
                for r in range(group, group + 8):
                    butterfly8(buffer, r * width, 8 * width, width)
        done = _middle_levels(buffer, width, k, group_rows if group_rows < k else 8)
        for r in range(starts.size - 1):
            _last_level(buffer, width, count, k, done, r, rows, starts, block_signs, out, count)


@njit(nogil=True, cache=True)
def _scatter_columns(indices, data, start, stop, sign, buffer, first, column, count):
    for e in range(start, stop):
        c = indices[e] - column
        if 0 <= c < count:
            buffer[first + c] += sign * data[e]


@njit(nogil=True, cache=True)
def srht_block_range_csr(
    data,
    indices,
    indptr,
    key,
    rows,
    starts,
    row_offset,
    log2_block,
    column,
    count,
    width,
    out,
    q_start,
    q_stop,
):
    """The same for a CSR matrix."""
    n = indptr.size - 1
    k = 1 << log2_block
    buffer = np.zeros(k * width, dtype=out.dtype)
    row_signs = np.empty(k, dtype=out.dtype)
    block_signs = np.empty(rows.size, dtype=out.dtype)
    for q in range(q_start, q_stop):
        base = q * k - row_offset
        low, high = max(0, -base), min(k, n - base)
        fill_signs(key, SIGN_STREAM, np.uint64(q * k), row_signs, 0, k)
        stored = indptr[base + high] - indptr[base + low]
        if stored * rows.size < (k * log2_block + rows.size) * count // 4:
            # Few entries: one by one, each into its column of every sample.
            for r in range(low, high):
                for t in range(rows.size):
                    sign = out.dtype.type(row_signs[r] * parity(rows[t] & (q * k + r)))
                    start, stop = indptr[base + r], indptr[base + r + 1]
                    _scatter_columns(indices, data, start, stop, sign, out, t * count, column, count)
            continue
        _block_signs(rows, log2_block, q, block_signs)
        buffer[:] = 0
        for r in range(low, high):
            start, stop = indptr[base + r], indptr[base + r + 1]
            _scatter_columns(indices, data, start, stop, row_signs[r], buffer, r * width, column, count)
        for r in range(0, k, 8):
            butterfly8(buffer, r * width, width, width)
        done = _middle_levels(buffer, width, k, 8)
        for r in range(starts.size - 1):
            _last_level(buffer, width, count, k, done, r, rows, starts, block_signs, out, count)


def _plan(n_rows, d, n_samples, itemsize, dense):
    """Return (log2 of the block, columns of a panel, number of ranges): functions of the sizes only.

    Narrow panels keep the samples in cache, but every panel of a sparse matrix costs a scan of all its entries.
    """
    log2_block = _BLOCK_LOG2[sum(n_samples > bound for bound in _BLOCK_SAMPLES)]
    rows_in_cache = (1 << log2_block) + (n_samples if dense else 0)
    panel = max(_FEWEST_COLUMNS, _CACHE_BYTES // (itemsize * rows_in_cache))
    columns = -(-d // -(-d // panel))
    n_ranges = 1
    while n_ranges < _MAX_RANGES and n_ranges * 8 * n_samples <= n_rows:
        n_ranges *= 2
    return log2_block, columns, n_ranges


def _accumulate(block_range, n_rows, rows, row_offset, out, n_jobs, dense):
    """Take a panel of columns at a time, so that its block and its samples stay in cache, and a range of blocks."""
    n_samples, d = out.shape
    log2_block, columns, n_ranges = _plan(n_rows, d, n_samples, out.itemsize, dense)
    first = row_offset >> log2_block
    last = (row_offset + n_rows - 1) >> log2_block
    edges = np.linspace(first, last + 1, n_ranges + 1).astype(np.int64)
    # The samples in the order in which the last level of a block's transform, eight rows at once, gets to them.
    residues = rows & ((1 << log2_block) // 8 - 1)
    order = np.argsort(residues, kind="stable")
    starts = np.searchsorted(residues[order], np.arange((1 << log2_block) // 8 + 1))
    vector = 32 // out.itemsize
    for column in range(0, d, columns):
        count = min(columns, d - column)
        width = -(-count // vector) * vector

        def add_blocks(partial, start, stop, column=column, count=count, width=width):
            block_range(rows[order], starts, log2_block, column, count, width, partial.reshape(-1), start, stop)

        total = np.zeros((n_samples, count), dtype=out.dtype)
        sum_ranges(add_blocks, edges, total, n_jobs)
        out[order, column : column + count] += total


def srht_accumulate(A, key, rows, row_offset, out, n_jobs):
    """out += (P H D)[:, row_offset : row_offset + len(A)] @ A, unnormalised.

    Parameters
    ----------
    A : ndarray of shape (n, d), C-ordered, float32 or float64, n > 0
    key : numpy.uint64
    rows : ndarray of shape (m,), int64
        Sampled rows of the Hadamard matrix.
    row_offset : int
        Global index of the first row of ``A``.
    out : ndarray of shape (m, d), C-ordered, of the dtype of ``A``
    n_jobs : int or None
        Number of threads. The result does not depend on it.
    """
    flat = A.reshape(-1)

    def block_range(rows, starts, log2_block, *panel_and_range):
        srht_block_range(flat, A.shape[1], key, rows, starts, row_offset, log2_block, *panel_and_range)

    _accumulate(block_range, A.shape[0], rows, row_offset, out, n_jobs, dense=True)


def srht_accumulate_csr(data, indices, indptr, key, rows, row_offset, out, n_jobs):
    """The same for a CSR matrix given by its three arrays; ``data`` has the dtype of ``out``."""

    def block_range(rows, starts, log2_block, *panel_and_range):
        srht_block_range_csr(data, indices, indptr, key, rows, starts, row_offset, log2_block, *panel_and_range)

    _accumulate(block_range, indptr.size - 1, rows, row_offset, out, n_jobs, dense=False)
