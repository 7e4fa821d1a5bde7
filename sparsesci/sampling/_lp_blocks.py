"""Parts of kernels that work on a block of rows of a matrix stored by columns: ``columns[j, i]`` is row i, column j.

A block is short enough to stay in the first-level cache, so that a kernel may read it several times.
"""

from numba import njit

REASSOCIATE = {"reassoc", "contract", "nsz", "arcp"}
_BLOCK_NUMBERS = 4096
_SMALLEST_BLOCK = 128


@njit(nogil=True, cache=True, inline="always")
def block_rows(n_columns):
    """Return the number of rows of a block."""
    rows = _BLOCK_NUMBERS // max(1, n_columns) // 16 * 16
    return min(1024, max(_SMALLEST_BLOCK, rows))


@njit(nogil=True, cache=True, fastmath=REASSOCIATE)
def multiply_block(columns, first, count, coef, out):
    """Set ``out[i]`` to the product of row ``first + i`` and ``coef``."""
    d = columns.shape[0]
    for i in range(count):
        out[i] = 0.0
    whole = d - d % 4
    for j in range(0, whole, 4):
        a0 = columns[j, first : first + count]
        a1 = columns[j + 1, first : first + count]
        a2 = columns[j + 2, first : first + count]
        a3 = columns[j + 3, first : first + count]
        c0, c1, c2, c3 = coef[j], coef[j + 1], coef[j + 2], coef[j + 3]
        for i in range(count):
            out[i] += a0[i] * c0 + a1[i] * c1 + a2[i] * c2 + a3[i] * c3
    for j in range(whole, d):
        a0 = columns[j, first : first + count]
        c0 = coef[j]
        for i in range(count):
            out[i] += a0[i] * c0


@njit(nogil=True, cache=True, fastmath=REASSOCIATE)
def add_moments(columns, first, count, values, out):
    """Add to ``out[j]`` the inner product of column j and ``values`` over the block."""
    for j in range(columns.shape[0]):
        a = columns[j, first : first + count]
        total = 0.0
        for i in range(count):
            total += a[i] * values[i]
        out[j] += total


@njit(nogil=True, cache=True, fastmath=REASSOCIATE)
def add_gram(columns, first, count, weights, scaled, out):
    """Add to the lower triangle of ``out`` the Gram matrix of the block's rows with weights.

    Two weighted columns meet four others at a time, so that what is loaded is used several times. ``scaled`` is room
    for two columns. Entries above the diagonal may be touched, but hold no result.
    """
    d = columns.shape[0]
    x, y = scaled[0], scaled[1]
    for j in range(0, d, 2):
        next_j = min(j + 1, d - 1)
        a0 = columns[j, first : first + count]
        a1 = columns[next_j, first : first + count]
        for i in range(count):
            x[i] = a0[i] * weights[i]
            y[i] = a1[i] * weights[i]
        whole = (next_j + 1) // 4 * 4
        for k in range(0, whole, 4):
            b0 = columns[k, first : first + count]
            b1 = columns[k + 1, first : first + count]
            b2 = columns[k + 2, first : first + count]
            b3 = columns[k + 3, first : first + count]
            s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
            t0, t1, t2, t3 = 0.0, 0.0, 0.0, 0.0
            for i in range(count):
                s0 += x[i] * b0[i]
                s1 += x[i] * b1[i]
                s2 += x[i] * b2[i]
                s3 += x[i] * b3[i]
                t0 += y[i] * b0[i]
                t1 += y[i] * b1[i]
                t2 += y[i] * b2[i]
                t3 += y[i] * b3[i]
            out[j, k] += s0
            out[j, k + 1] += s1
            out[j, k + 2] += s2
            out[j, k + 3] += s3
            if next_j > j:
                out[next_j, k] += t0
                out[next_j, k + 1] += t1
                out[next_j, k + 2] += t2
                out[next_j, k + 3] += t3
        for k in range(whole, next_j + 1):
            b0 = columns[k, first : first + count]
            s0, t0 = 0.0, 0.0
            for i in range(count):
                s0 += x[i] * b0[i]
                t0 += y[i] * b0[i]
            out[j, k] += s0
            if next_j > j:
                out[next_j, k] += t0
