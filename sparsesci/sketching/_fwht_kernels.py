"""CPU kernels of the fast Walsh-Hadamard transform.

Everything is one primitive: butterflies between runs of ``count`` neighbouring elements that lie ``stride`` apart in a
flat array. A transform along the last axis has stride 1 at its first level, a transform along another axis has the
number of trailing elements there; each level doubles the stride. Three levels go at once, in registers.
"""

import numpy as np
from numba import njit

from sparsesci._core.simd import hadamard_lanes, lanes, load, store
from sparsesci._core.threads import run_ranges

# Sizes in bytes. A block of the first pass stays in the second-level cache, a part of it in the first-level cache;
# the second pass gathers panels of neighbouring columns that are whole cache lines.
_BLOCK_BYTES = 1 << 18
_PART_BYTES = 1 << 14
_PANEL_BYTES = 1 << 9
_TASK_BYTES = 1 << 19


@njit(nogil=True, cache=True)
def hadamard4(a0, a1, a2, a3):
    """Return the transform of four values, scalars or vectors."""
    b0, b1, b2, b3 = a0 + a1, a0 - a1, a2 + a3, a2 - a3
    return b0 + b2, b1 + b3, b0 - b2, b1 - b3


@njit(nogil=True, cache=True)
def hadamard8(a0, a1, a2, a3, a4, a5, a6, a7):
    """Return the transform of eight values, scalars or vectors."""
    b0, b1, b2, b3 = hadamard4(a0, a1, a2, a3)
    b4, b5, b6, b7 = hadamard4(a4, a5, a6, a7)
    return b0 + b4, b1 + b5, b2 + b6, b3 + b7, b0 - b4, b1 - b5, b2 - b6, b3 - b7


@njit(nogil=True, cache=True)
def store8(x, i0, step, values):
    """Write eight vectors to x[i0 + q * step], q = 0 ... 7."""
    store(x, i0, values[0])
    store(x, i0 + step, values[1])
    store(x, i0 + 2 * step, values[2])
    store(x, i0 + 3 * step, values[3])
    store(x, i0 + 4 * step, values[4])
    store(x, i0 + 5 * step, values[5])
    store(x, i0 + 6 * step, values[6])
    store(x, i0 + 7 * step, values[7])


@njit(nogil=True, cache=True)
def butterfly8(x, first, stride, count):
    """Transform x[first + q * stride + j], q = 0 ... 7, over q for each j < ``count``."""
    width = lanes(x)
    whole = count - count % width
    s = stride
    for i in range(first, first + whole, width):
        values = hadamard8(
            load(x, i),
            load(x, i + s),
            load(x, i + 2 * s),
            load(x, i + 3 * s),
            load(x, i + 4 * s),
            load(x, i + 5 * s),
            load(x, i + 6 * s),
            load(x, i + 7 * s),
        )
        store8(x, i, s, values)
    for i in range(first + whole, first + count):
        (
            x[i],
            x[i + s],
            x[i + 2 * s],
            x[i + 3 * s],
            x[i + 4 * s],
            x[i + 5 * s],
            x[i + 6 * s],
            x[i + 7 * s],
        ) = hadamard8(
            x[i],
            x[i + s],
            x[i + 2 * s],
            x[i + 3 * s],
            x[i + 4 * s],
            x[i + 5 * s],
            x[i + 6 * s],
            x[i + 7 * s],
        )


@njit(nogil=True, cache=True)
def _butterfly4(x, first, stride, count):
    width = lanes(x)
    whole = count - count % width
    s = stride
    for i in range(first, first + whole, width):
        a0, a1, a2, a3 = hadamard4(load(x, i), load(x, i + s), load(x, i + 2 * s), load(x, i + 3 * s))
        store(x, i, a0)
        store(x, i + s, a1)
        store(x, i + 2 * s, a2)
        store(x, i + 3 * s, a3)
    for i in range(first + whole, first + count):
        x[i], x[i + s], x[i + 2 * s], x[i + 3 * s] = hadamard4(x[i], x[i + s], x[i + 2 * s], x[i + 3 * s])


@njit(nogil=True, cache=True)
def _butterfly2(x, first, stride, count):
    width = lanes(x)
    whole = count - count % width
    for i in range(first, first + whole, width):
        a, b = load(x, i), load(x, i + stride)
        store(x, i, a + b)
        store(x, i + stride, a - b)
    for i in range(first + whole, first + count):
        x[i], x[i + stride] = x[i] + x[i + stride], x[i] - x[i + stride]


@njit(nogil=True, cache=True)
def _levels(x, first, total, stride):
    """Apply to x[first : first + total] every level from ``stride`` on up to half of ``total``."""
    while stride < total:
        if total // stride >= 8:
            for i in range(first, first + total, 8 * stride):
                butterfly8(x, i, stride, stride)
            stride *= 8
        elif total // stride == 4:
            for i in range(first, first + total, 4 * stride):
                _butterfly4(x, i, stride, stride)
            stride *= 4
        else:
            for i in range(first, first + total, 2 * stride):
                _butterfly2(x, i, stride, stride)
            stride *= 2


@njit(nogil=True, cache=True)
def _contiguous_levels(x, first, total):
    """Apply the levels below 8 vectors to x[first : first + total], where the stride begins at 1."""
    width = lanes(x)
    for i in range(first, first + total, 8 * width):
        values = hadamard8(
            hadamard_lanes(load(x, i)),
            hadamard_lanes(load(x, i + width)),
            hadamard_lanes(load(x, i + 2 * width)),
            hadamard_lanes(load(x, i + 3 * width)),
            hadamard_lanes(load(x, i + 4 * width)),
            hadamard_lanes(load(x, i + 5 * width)),
            hadamard_lanes(load(x, i + 6 * width)),
            hadamard_lanes(load(x, i + 7 * width)),
        )
        store8(x, i, width, values)


@njit(nogil=True, cache=True)
def transform_block(x, first, total, inner, part):
    """Transform x[first : first + total], a C-ordered (total // inner, inner) array, along its first axis.

    Parts of ``part`` elements (``part // inner`` a power of two) are finished first, while they are in cache.
    """
    part = min(part, total)
    for start in range(first, first + total, part):
        if inner == 1 and part >= 8 * lanes(x):
            _contiguous_levels(x, start, part)
            _levels(x, start, part, 8 * lanes(x))
        else:
            _levels(x, start, part, inner)
    _levels(x, first, total, part)


@njit(nogil=True, cache=True)
def _transform_blocks(x, block, inner, part, start, stop):
    for b in range(start, stop):
        transform_block(x, b * block, block, inner, part)


@njit(nogil=True, cache=True)
def _copy_run(source, i, target, j, count):
    width = lanes(source)
    whole = count - count % width
    for k in range(0, whole, width):
        store(target, j + k, load(source, i + k))
    for k in range(whole, count):
        target[j + k] = source[i + k]


@njit(nogil=True, cache=True)
def _transform_panels(x, n_blocks, block, width, start, stop):
    """Transform along the first axis of (outer, n_blocks, block), panel by panel of ``width`` columns."""
    panels = (block + width - 1) // width
    buffer = np.zeros(n_blocks * width, dtype=x.dtype)
    for number in range(start, stop):
        base = (number // panels) * n_blocks * block + (number % panels) * width
        count = min(width, block - (number % panels) * width)
        if n_blocks == 2:
            _butterfly2(x, base, block, count)
        elif n_blocks == 4:
            _butterfly4(x, base, block, count)
        elif n_blocks == 8:
            butterfly8(x, base, block, count)
        else:
            # More levels than one pass can do: gather, so that memory is still read and written once.
            for b in range(n_blocks):
                _copy_run(x, base + b * block, buffer, b * width, count)
            _levels(buffer, 0, n_blocks * width, width)
            for b in range(n_blocks):
                _copy_run(buffer, b * width, x, base + b * block, count)


def _power_of_two_fit(limit, inner, n):
    """Return the largest power of two p <= n with p * inner <= limit, at least 1."""
    p = 1
    while 2 * p <= n and 2 * p * inner <= limit:
        p *= 2
    return p


def fwht_inplace(x, n_jobs):
    """Transform ``x`` along its middle axis, in place, unnormalised, in natural order.

    Parameters
    ----------
    x : ndarray of shape (outer, n, inner), C-ordered, float32, float64 or int64
        n must be a power of two.
    n_jobs : int or None
        Number of threads. The result does not depend on it.
    """
    outer, n, inner = x.shape
    if x.size == 0 or n == 1:
        return
    flat = x.reshape(-1)
    rows = _power_of_two_fit(_BLOCK_BYTES // x.itemsize, inner, n)
    block = rows * inner
    part = _power_of_two_fit(_PART_BYTES // x.itemsize, inner, n) * inner

    def first_pass(start, stop):
        _transform_blocks(flat, block, inner, part, start, stop)

    blocks_per_task = max(1, _TASK_BYTES // (block * x.itemsize))
    run_ranges(first_pass, outer * n // rows, blocks_per_task, n_jobs)
    if rows == n:
        return
    width = _PANEL_BYTES // x.itemsize

    def second_pass(start, stop):
        _transform_panels(flat, n // rows, block, width, start, stop)

    panels_per_task = max(1, _TASK_BYTES * rows // (n * _PANEL_BYTES))
    run_ranges(second_pass, outer * -(-block // width), panels_per_task, n_jobs)
