"""CPU kernels of the subsampled randomised Hadamard transform (SRHT), one pass over the rows.

H_N is the Kronecker product of H_{N/k} and H_k. A block of k consecutive rows, number q, is transformed by H_k in
cache; sampled row i of the whole transform then takes row ``i mod k`` of the block with the sign of
``popcount((i // k) & q)``. So the input is read once and nothing of its size is written.
"""

import numpy as np
from numba import njit

from sparsesci._core.rng import fill_signs
from sparsesci._core.simd import lanes, load, prefetch, splat, store
from sparsesci._core.threads import run_chunks
from sparsesci.sketching._fwht_kernels import butterfly8, hadamard8, store8

SIGN_STREAM = np.uint64(1)

# Level counts are multiples of three, for radix-8 butterflies. The bounds on the number of sampled rows balance one
# more pass over the block against adding it to the samples; measured on a core with 1 MiB of second-level cache.
_BLOCK_LOG2 = (3, 6, 9, 12)
_BLOCK_SAMPLES = (6, 50, 3000)
_BUFFER_BYTES = 3 << 19
_MAX_RANGES = 16
_ROWS_AHEAD = 16


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
def copy_scaled(source, i, target, j, count, scale):
    """target[j : j + count] = scale * source[i : i + count], on flat arrays."""
    width = lanes(source)
    whole = count - count % width
    factor = splat(source, scale)
    for c in range(0, whole, width):
        store(target, j + c, factor * load(source, i + c))
    for c in range(whole, count):
        target[j + c] = scale * source[i + c]


@njit(nogil=True, cache=True)
def _first_level(buffer, row, width, x, ahead):
    """Transform eight rows of the block, and meanwhile fetch the rows of ``x`` from element ``ahead`` on.

    The loads that follow would otherwise wait for memory while nothing is computed.
    """
    vector = lanes(buffer)
    for i in range(row * width, (row + 1) * width, vector):
        line = ahead + 8 * (i - row * width)
        for k in range(0, 8 * vector, 2 * vector):
            prefetch(x, line + k)
        values = hadamard8(
            load(buffer, i),
            load(buffer, i + width),
            load(buffer, i + 2 * width),
            load(buffer, i + 3 * width),
            load(buffer, i + 4 * width),
            load(buffer, i + 5 * width),
            load(buffer, i + 6 * width),
            load(buffer, i + 7 * width),
        )
        store8(buffer, i, width, values)


@njit(nogil=True, cache=True)
def _transform_and_add(buffer, width, count, log2_block, rows, block_signs, out, d, column):
    """Finish the transform of a block whose first level is done, and add it to the samples."""
    k = 1 << log2_block
    h = 8
    while h < k:
        for group in range(0, k, 8 * h):
            for r in range(group, group + h):
                butterfly8(buffer, r * width, h * width, width)
        h *= 8
    for t in range(rows.size):
        add_scaled(buffer, (rows[t] & (k - 1)) * width, out, t * d + column, count, block_signs[t])


@njit(nogil=True, cache=True)
def _block_signs(rows, log2_block, q, signs):
    for t in range(rows.size):
        signs[t] = parity((rows[t] >> log2_block) & q)


@njit(nogil=True, cache=True)
def _add_row(row, first, d, index, sign, rows, out):
    for t in range(rows.size):
        add_scaled(row, first, out, t * d, d, out.dtype.type(sign * parity(rows[t] & index)))


@njit(nogil=True, cache=True)
def srht_block_range(x, d, key, rows, row_offset, log2_block, width, out, q_start, q_stop):
    """Add the blocks q_start <= q < q_stop of the flat (n, d) array ``x`` to the flat (m, d) array ``out``."""
    n = x.size // d
    k = 1 << log2_block
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
                _add_row(x, (base + r) * d, d, q * k + r, row_signs[r], rows, out)
            continue
        _block_signs(rows, log2_block, q, block_signs)
        for column in range(0, d, width):
            count = min(width, d - column)
            for r in range(0, k, 8):
                for s in range(r, r + 8):
                    if low <= s < high:
                        source = (base + s) * d + column
                        copy_scaled(x, source, buffer, s * width, count, row_signs[s])
                    else:
                        buffer[s * width : s * width + count] = 0
                _first_level(buffer, r, width, x, (base + r + _ROWS_AHEAD) * d)
            _transform_and_add(buffer, width, count, log2_block, rows, block_signs, out, d, column)


@njit(nogil=True, cache=True)
def _scatter_columns(indices, data, start, stop, sign, buffer, first, column, count):
    for e in range(start, stop):
        c = indices[e] - column
        if 0 <= c < count:
            buffer[first + c] += sign * data[e]


@njit(nogil=True, cache=True)
def srht_block_range_csr(data, indices, indptr, d, key, rows, row_offset, log2_block, width, out, q_start, q_stop):
    """Add the blocks q_start <= q < q_stop of a CSR matrix to the flat (m, d) array ``out``."""
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
        if stored * rows.size < (k * log2_block + rows.size) * d // 4:
            # Few entries: one by one, each into its column of every sample.
            for r in range(low, high):
                for t in range(rows.size):
                    sign = out.dtype.type(row_signs[r] * parity(rows[t] & (q * k + r)))
                    start, stop = indptr[base + r], indptr[base + r + 1]
                    _scatter_columns(indices, data, start, stop, sign, out, t * d, 0, d)
            continue
        _block_signs(rows, log2_block, q, block_signs)
        for column in range(0, d, width):
            count = min(width, d - column)
            buffer[:] = 0
            for r in range(low, high):
                start, stop = indptr[base + r], indptr[base + r + 1]
                _scatter_columns(indices, data, start, stop, row_signs[r], buffer, r * width, column, count)
            for r in range(0, k, 8):
                butterfly8(buffer, r * width, width, width)
            _transform_and_add(buffer, width, count, log2_block, rows, block_signs, out, d, column)


def _plan(n_rows, d, n_samples, itemsize):
    """Return (log2 of the block, columns of a panel, number of ranges): functions of the sizes only."""
    log2_block = _BLOCK_LOG2[sum(n_samples > bound for bound in _BLOCK_SAMPLES)]
    vector = 32 // itemsize
    panel = max(64, (_BUFFER_BYTES // itemsize) >> log2_block)
    n_panels = -(-d // panel)
    width = -(-d // n_panels)
    width = -(-width // vector) * vector
    n_ranges = 1
    while n_ranges < _MAX_RANGES and n_ranges * 8 * n_samples <= n_rows:
        n_ranges *= 2
    return log2_block, width, n_ranges


def _accumulate(block_range, n_rows, rows, row_offset, out, n_jobs):
    """Cut the blocks into ranges with private samples and add these up in order."""
    n_samples, d = out.shape
    log2_block, width, n_ranges = _plan(n_rows, d, n_samples, out.itemsize)
    first = row_offset >> log2_block
    last = (row_offset + n_rows - 1) >> log2_block
    if n_ranges == 1:
        block_range(log2_block, width, out.reshape(-1), first, last + 1)
        return
    edges = np.linspace(first, last + 1, n_ranges + 1).astype(np.int64)
    partial = np.zeros((n_ranges, n_samples * d), dtype=out.dtype)

    def task(i):
        block_range(log2_block, width, partial[i], edges[i], edges[i + 1])

    run_chunks(task, n_ranges, n_jobs)
    for part in partial:
        out += part.reshape(out.shape)


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

    def block_range(log2_block, width, partial, start, stop):
        srht_block_range(flat, A.shape[1], key, rows, row_offset, log2_block, width, partial, start, stop)

    _accumulate(block_range, A.shape[0], rows, row_offset, out, n_jobs)


def srht_accumulate_csr(data, indices, indptr, key, rows, row_offset, out, n_jobs):
    """The same for a CSR matrix given by its three arrays; ``data`` has the dtype of ``out``."""

    def block_range(log2_block, width, partial, start, stop):
        srht_block_range_csr(
            data,
            indices,
            indptr,
            out.shape[1],
            key,
            rows,
            row_offset,
            log2_block,
            width,
            partial,
            start,
            stop,
        )

    _accumulate(block_range, indptr.size - 1, rows, row_offset, out, n_jobs)
