"""CPU side of sliced costs between many clouds: every cloud is projected and sorted once for a tile of directions.

Where all clouds have as many values (equal sizes, or quantiles) and p = 2, the costs of a tile are squared distances
between rows of numbers and come from one matrix product; otherwise two sorted samples are merged for every pair. What
belongs to a tile, a block of pairs or a row of pairs depends on the sizes only, and every entry is added up in the
order of the directions.
"""

import numpy as np
from numba import njit

from sparsesci._core.threads import run_chunks, run_ranges
from sparsesci.transport._one_dimensional_kernels import (
    FAST,
    equal_costs,
    merged_costs,
    merged_ranks,
    sort_rows,
    weighted_cost,
)
from sparsesci.transport._projections import project

_TILE_VALUES = 1 << 21
_MOST_TILE_ROWS = 64
_TASK_VALUES = 1 << 15
_BLOCK = 64
# Squared distances below this share of the squared norms are computed from differences: the product cancels.
_CLOSE = 1e-4
# What rounding may take from a cumulated mass.
_SLACK = 1e-13


def pairwise_tile_rows(n_values):
    """Return how many directions there are in a tile, if each has ``n_values`` projections of all clouds."""
    return max(1, min(_MOST_TILE_ROWS, _TILE_VALUES // n_values))


@njit(nogil=True, cache=True)
def _weighted_quantiles(ordered, order, masses, out):
    """out[r, k] = quantile at (k + 1/2) / out.shape[1] of row r, whose points have masses with sum one."""
    n, size = ordered.shape[1], out.shape[1]
    for r in range(ordered.shape[0]):
        i, below = 0, masses[order[r, 0]]
        for k in range(size):
            level = (k + 0.5) / size - _SLACK
            while below < level and i < n - 1:
                i += 1
                below += masses[order[r, i]]
            out[r, k] = ordered[r, i]


def quantile_places(n, size):
    """Return the places in a sorted sample of n equal masses of its quantiles at (k + 1/2) / size."""
    return ((2 * np.arange(size) + 1) * n - 1) // (2 * size)


def quantile_values(points, masses, directions, size):
    """Return quantiles (n_directions, size) of the projections of one cloud (n_features, n), in its dtype."""
    values, n = project(points, directions), points.shape[1]
    if masses is not None:
        out = np.empty((len(directions), size), dtype=points.dtype)
        _weighted_quantiles(*sort_rows(values), masses, out)
        return out
    values.sort(axis=1)
    return values if n == size else values[:, quantile_places(n, size)]


def quantile_rows(points, masses, directions, size, out, n_jobs):
    """Write the quantiles of all clouds on a tile of directions to the rows of ``out`` (K, n_directions * size)."""
    largest = max(size, max(cloud.shape[1] for cloud in points))
    chunk = max(1, _TASK_VALUES // (len(directions) * largest))

    def task(start, stop):
        for k in range(start, stop):
            out[k] = quantile_values(points[k], masses[k], directions, size).reshape(-1)

    run_ranges(task, len(points), chunk, n_jobs)


@njit(nogil=True, cache=True, fastmath=FAST)
def _squared_differences(x, y, factors, rows, columns, out):
    """out[i, j] = sum of factors * (x[i] - y[j])**2 for the listed pairs."""
    for pair in range(rows.size):
        i, j = rows[pair], columns[pair]
        total = 0.0
        for k in range(x.shape[1]):
            difference = x[i, k] - y[j, k]
            total += factors[k] * difference * difference
        out[i, j] = total


@njit(nogil=True, cache=True, fastmath=FAST)
def _row_norms(x, factors, out, start, stop):
    for i in range(start, stop):
        total = 0.0
        for k in range(x.shape[1]):
            total += factors[k] * x[i, k] * x[i, k]
        out[i] = total


def _squared_norms(x, factors, n_jobs):
    """Return the sums over every row of factors * x**2."""
    out = np.empty(len(x))
    run_ranges(lambda start, stop: _row_norms(x, factors, out, start, stop), len(x), _BLOCK, n_jobs)
    return out


def add_squares(x, y, factors, out, n_jobs):
    """Add sum of factors * (x[i] - y[j])**2 to out[i, j]; with y None only where i <= j, for pairs of rows of x.

    Parameters
    ----------
    x, y : ndarray of shape (K, n) and (K2, n), or None
    factors : ndarray of shape (n,)
    out : ndarray of shape (K, K2)
    n_jobs : int or None
    """
    other = x if y is None else y
    scaled = x * factors
    norms = [_squared_norms(z, factors, n_jobs) for z in (x, y) if z is not None]
    sizes = norms
    if (factors < 0).any():
        sizes = [_squared_norms(z, np.abs(factors), n_jobs) for z in (x, y) if z is not None]
    blocks = [
        (slice(i, i + _BLOCK), slice(j, j + _BLOCK))
        for i in range(0, len(x), _BLOCK)
        for j in range(0 if y is not None else i, len(other), _BLOCK)
    ]

    def task(number):
        rows, columns = blocks[number]
        squares = norms[0][rows, np.newaxis] + norms[-1][columns]
        squares -= 2 * (scaled[rows] @ other[columns].T)
        close = np.nonzero(squares <= _CLOSE * (sizes[0][rows, np.newaxis] + sizes[-1][columns]))
        if len(close[0]):
            _squared_differences(x[rows], other[columns], factors, *close, squares)
        out[rows, columns] += squares

    run_chunks(task, len(blocks), n_jobs)


def sorted_tile(points, masses, directions, offsets, values, weights, n_jobs):
    """Write the sorted projections of all clouds, and their masses in that order, to flat arrays.

    Parameters
    ----------
    points, masses : lists of arrays (n_features, n_k), and of arrays (n_k,) or None for equal masses
    directions : ndarray of shape (n_directions, n_features)
    offsets : ndarray of shape (K + 1,)
        Sizes of the clouds, cumulated.
    values : ndarray of shape (n_directions * offsets[-1],)
        Those of a cloud are together, direction by direction.
    weights : ndarray like ``values``, or of no elements if all masses are equal
    n_jobs : int or None
    """
    rows = len(directions)
    chunk = max(1, _TASK_VALUES * len(points) // values.size)

    def task(start, stop):
        for k in range(start, stop):
            place = slice(rows * offsets[k], rows * offsets[k + 1])
            projected = project(points[k], directions)
            if masses[k] is None:
                projected.sort(axis=1)
                weights[place] = 1 / points[k].shape[1]
            else:
                projected, order = sort_rows(projected)
                weights[place] = masses[k][order].reshape(-1)
            values[place] = projected.reshape(-1)

    run_ranges(task, len(points), chunk, n_jobs)


@njit(nogil=True, cache=True)
def _row_of_costs(x, x_masses, x_offsets, x_equal, y, y_masses, y_offsets, y_equal, weights, p, row, first, out):
    """Add to out[row, first:] the weighted sums over a tile of directions of the costs to clouds of y."""
    rows, n = weights.size, x_offsets[row + 1] - x_offsets[row]
    begin, end = rows * x_offsets[row], rows * x_offsets[row + 1]
    u = x[begin:end].reshape((rows, n))
    costs = np.empty(rows)
    for column in range(first, y_offsets.size - 1):
        m = y_offsets[column + 1] - y_offsets[column]
        begin_y, end_y = rows * y_offsets[column], rows * y_offsets[column + 1]
        v = y[begin_y:end_y].reshape((rows, m))
        if not (x_equal[row] and y_equal[column]):
            a = x_masses[begin:end].reshape((rows, n))
            b = y_masses[begin_y:end_y].reshape((rows, m))
            for r in range(rows):
                costs[r] = weighted_cost(u[r], v[r], a[r], b[r], p)
        elif n == m:
            equal_costs(u, v, p, costs)
        else:
            i, j, mass = merged_ranks(n, m)
            merged_costs(u, v, i, j, mass, p, costs)
        total = 0.0
        for r in range(rows):
            total += weights[r] * costs[r]
        out[row, column] += total


def add_costs(x, y, weights, p, out, n_jobs):
    """Add the weighted sums over a tile of directions of the costs between all pairs of clouds to ``out``.

    Parameters
    ----------
    x, y : tuples (values, masses, offsets, equal) as in ``sorted_tile``, or y None for pairs i < j within x
        ``equal`` tells which clouds have equal masses.
    weights : ndarray of shape (n_directions,)
    p : float
    out : ndarray of shape (K, K2)
    n_jobs : int or None
    """

    def task(row):
        _row_of_costs(*x, *(x if y is None else y), weights, p, row, row + 1 if y is None else 0, out)

    run_chunks(task, len(x[2]) - 1, n_jobs)
