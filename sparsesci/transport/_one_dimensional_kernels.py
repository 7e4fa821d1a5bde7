"""Exact transport on the line: sorting with the permutation, and costs and plans of sorted samples.

Sorting is NumPy's, whose vector code no jitted sort comes near. Where the permutation is needed, a float32 image of the
value and the index are packed in one 64-bit word; words sort 2 to 3 times faster than an argsort runs, and what
float32 cannot tell apart is put right by insertion afterwards.
"""

import numpy as np
from numba import njit

FAST = {"reassoc", "contract", "nsz", "arcp"}
# Insertions per element before a row is left to argsort: many values that agree in single precision.
_PATIENCE = 8


@njit(cache=True)
def powered(difference, p):
    """Return |difference|**p."""
    if p == 2.0:
        return difference * difference
    if p == 1.0:
        return abs(difference)
    if p == 3.0:
        return abs(difference) * difference * difference
    return abs(difference) ** p


@njit(nogil=True, cache=True)
def _pack(images, words):
    """words = order-preserving image of the bits of a float32, then the index."""
    for r in range(images.shape[0]):
        for i in range(images.shape[1]):
            bits = np.uint64(images[r, i])
            flipped = bits ^ np.uint64(0xFFFFFFFF) if bits >> np.uint64(31) else bits | np.uint64(0x80000000)
            words[r, i] = (flipped << np.uint64(32)) | np.uint64(i)


@njit(nogil=True, cache=True)
def _unpack(words, values, ordered, order, settled):
    """Write the values in order, and their places, to ``ordered`` and ``order``; tell which rows are in order."""
    for r in range(values.shape[0]):
        packed, row, sorted_row, places = words[r], values[r], ordered[r], order[r]
        for i in range(row.size):
            places[i] = np.int32(packed[i] & np.uint64(0xFFFFFFFF))
        for i in range(row.size):
            sorted_row[i] = row[places[i]]
        descents = 0
        for i in range(1, row.size):
            descents += sorted_row[i - 1] > sorted_row[i]
        settled[r] = descents == 0


@njit(nogil=True, cache=True)
def _repair(ordered, order):
    """Sort a row that is nearly in order by insertion, with its places; return whether that did not take too long."""
    n = ordered.size
    left = _PATIENCE * n + 64
    for i in range(1, n):
        value, place = ordered[i], order[i]
        k = i
        while k > 0 and ordered[k - 1] > value and left > 0:
            ordered[k], order[k] = ordered[k - 1], order[k - 1]
            k -= 1
            left -= 1
        ordered[k], order[k] = value, place
        if left <= 0:
            return False
    return True


def sort_rows(values):
    """Return the rows of ``values`` sorted, and the permutation (int32) that sorts them.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n), float32 or float64, finite as float32
    """
    words = np.empty(values.shape, dtype=np.uint64)
    _pack(values.astype(np.float32).view(np.uint32), words)
    words.sort(axis=1)
    ordered, order = np.empty_like(values), np.empty(values.shape, dtype=np.int32)
    settled = np.empty(len(values), dtype=np.bool_)
    _unpack(words, values, ordered, order, settled)
    for r in np.flatnonzero(~settled):
        if _repair(ordered[r], order[r]):
            continue
        order[r] = np.argsort(values[r], kind="stable")
        ordered[r] = values[r, order[r]]
    return ordered, order


@njit(nogil=True, cache=True, fastmath=FAST)
def equal_costs(u, v, p, out):
    """out[r] = mean of |u[r] - v[r]|**p of two arrays of sorted rows of the same length."""
    n = u.shape[1]
    for r in range(u.shape[0]):
        total = 0.0
        if p == 2.0:
            for i in range(n):
                difference = np.float64(u[r, i]) - np.float64(v[r, i])
                total += difference * difference
        elif p == 1.0:
            for i in range(n):
                total += abs(np.float64(u[r, i]) - np.float64(v[r, i]))
        else:
            for i in range(n):
                total += powered(np.float64(u[r, i]) - np.float64(v[r, i]), p)
        out[r] = total / n


@njit(cache=True)
def merged_ranks(n, m):
    """Return (i, j, mass), the monotone plan between n and m points of equal masses; masses in units of 1 / (n m).

    It is the same for all samples of these sizes, and is computed in integers, so without rounding.
    """
    i, j = np.empty(n + m - 1, dtype=np.int32), np.empty(n + m - 1, dtype=np.int32)
    mass = np.empty(n + m - 1, dtype=np.float64)
    left_i, left_j = np.int64(m), np.int64(n)
    row, column, count = 0, 0, 0
    while row < n and column < m:
        step = min(left_i, left_j)
        i[count], j[count], mass[count] = row, column, step
        count += 1
        left_i -= step
        left_j -= step
        if left_i == 0:
            row += 1
            left_i = np.int64(m)
        if left_j == 0:
            column += 1
            left_j = np.int64(n)
    return i[:count], j[:count], mass[:count]


@njit(nogil=True, cache=True, fastmath=FAST)
def merged_costs(u, v, i, j, mass, p, out):
    """out[r] = sum of mass * |u[r, i] - v[r, j]|**p / (n m) over the plan of ``merged_ranks``."""
    scale = 1.0 / (np.float64(u.shape[1]) * np.float64(v.shape[1]))
    for r in range(u.shape[0]):
        total = 0.0
        if p == 2.0:
            for k in range(i.size):
                difference = np.float64(u[r, i[k]]) - np.float64(v[r, j[k]])
                total += mass[k] * difference * difference
        else:
            for k in range(i.size):
                total += mass[k] * powered(np.float64(u[r, i[k]]) - np.float64(v[r, j[k]]), p)
        out[r] = total * scale


@njit(nogil=True, cache=True)
def weighted_cost(u, v, a, b, p):
    """Return the cost between two sorted samples with positive masses ``a`` and ``b`` in the order of the samples."""
    n, m = u.size, v.size
    i, j, left_i, left_j, total = 0, 0, a[0], b[0], 0.0
    while True:
        step = min(left_i, left_j)
        total += step * powered(np.float64(u[i]) - np.float64(v[j]), p)
        left_i -= step
        left_j -= step
        if left_i <= 0.0:
            i += 1
            if i == n:
                return total
            left_i = a[i]
        if left_j <= 0.0:
            j += 1
            if j == m:
                return total
            left_j = b[j]


@njit(nogil=True, cache=True)
def weighted_costs(u, v, order_u, order_v, a, b, p, out):
    """out[r] = cost of row r, sorted by the permutations, with positive masses of the unsorted points."""
    for r in range(u.shape[0]):
        out[r] = weighted_cost(u[r], v[r], a[order_u[r]], b[order_v[r]], p)


@njit(nogil=True, cache=True)
def sorted_plan(a, b):
    """Return (i, j, mass), the monotone plan between positive masses ``a`` and ``b`` in the order of the samples."""
    n, m = a.size, b.size
    rows, columns = np.empty(n + m - 1, dtype=np.int64), np.empty(n + m - 1, dtype=np.int64)
    mass = np.empty(n + m - 1, dtype=np.float64)
    i, j, left_i, left_j, count = 0, 0, a[0], b[0], 0
    while True:
        step = min(left_i, left_j)
        rows[count], columns[count], mass[count] = i, j, step
        count += 1
        left_i -= step
        left_j -= step
        if left_i <= 0.0:
            i += 1
        if left_j <= 0.0:
            j += 1
        if i == n or j == m:
            return rows[:count], columns[:count], mass[:count]
        if left_i <= 0.0:
            left_i = a[i]
        if left_j <= 0.0:
            left_j = b[j]


def cost_of_tiles(n, m, x_weights, y_weights, p):
    """Return ``costs(u, v, out)``: the costs between rows of values (., n) and (., m), which it may sort in place.

    What depends on the sizes only is prepared once. ``x_weights`` and ``y_weights`` are positive, each with sum 1, or
    both None for equal masses.
    """
    ranks = merged_ranks(n, m) if x_weights is None and n != m else None

    def costs(u, v, out):
        if x_weights is not None:
            (u, order_u), (v, order_v) = sort_rows(u), sort_rows(v)
            weighted_costs(u, v, order_u, order_v, x_weights, y_weights, p, out)
            return
        u.sort(axis=1)
        v.sort(axis=1)
        if ranks is None:
            equal_costs(u, v, p, out)
        else:
            merged_costs(u, v, *ranks, p, out)

    return costs
