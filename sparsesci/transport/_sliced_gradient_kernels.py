"""CPU side of derivatives of sliced costs, with respect to the points of the clouds and to the directions.

The derivative of the cost of one direction t with respect to a point is a slope times t; the slopes of a tile of
directions form a matrix, whose products with the directions, or with the points, are the gradients.
"""

from contextlib import nullcontext

import numpy as np
from numba import njit

from sparsesci._core.threads import effective_n_jobs, run_chunks, single_threaded_blas
from sparsesci.transport._generalised import distances
from sparsesci.transport._one_dimensional_kernels import (
    FAST,
    equal_costs,
    merged_costs,
    merged_ranks,
    powered,
    sort_rows,
)
from sparsesci.transport._projections import _STRIP, BLAS_DIMENSION, for_tiles, project, tile_rows

# Directions whose sum is formed by one thread: fewer would make adding up the parts noticeable.
_GROUP_ROWS = 16
_PARTS_PER_THREAD = 2
_SMALLER_TILES = 8


@njit(cache=True)
def slope(difference, p):
    """Return the derivative of |difference|**p, 0 at 0."""
    if p == 2.0:
        return 2.0 * difference
    if difference == 0.0:
        return 0.0
    size = p * powered(difference, p - 1.0)
    return size if difference > 0.0 else -size


@njit(nogil=True, cache=True)
def _equal_slopes(u, v, order_u, order_v, factors, p, slopes_x, slopes_y):
    """Write factors[r] times the derivatives by every u and v of the costs of rows of the same length."""
    n = u.shape[1]
    for r in range(u.shape[0]):
        factor = factors[r] / n
        for i in range(n):
            value = factor * slope(np.float64(u[r, i]) - np.float64(v[r, i]), p)
            slopes_x[r, order_u[r, i]] = value
            if slopes_y.size:
                slopes_y[r, order_v[r, i]] = -value


@njit(nogil=True, cache=True)
def _merged_slopes(u, v, order_u, order_v, i, j, mass, factors, p, slopes_x, slopes_y):
    """The same for rows of different lengths and equal masses, with the plan of ``merged_ranks``."""
    scale = 1.0 / (np.float64(u.shape[1]) * np.float64(v.shape[1]))
    slopes_x[:] = 0.0
    slopes_y[:] = 0.0
    for r in range(u.shape[0]):
        factor = factors[r] * scale
        for k in range(i.size):
            value = factor * mass[k] * slope(np.float64(u[r, i[k]]) - np.float64(v[r, j[k]]), p)
            slopes_x[r, order_u[r, i[k]]] += value
            if slopes_y.size:
                slopes_y[r, order_v[r, j[k]]] -= value


@njit(nogil=True, cache=True)
def _weighted_slopes(u, v, order_u, order_v, a, b, factors, p, costs, slopes_x, slopes_y):
    """The same for positive masses of the unsorted points; writes the costs as well."""
    slopes_x[:] = 0.0
    slopes_y[:] = 0.0
    n, m = u.shape[1], v.shape[1]
    for r in range(u.shape[0]):
        i, j, total = 0, 0, 0.0
        place_u, place_v = order_u[r, 0], order_v[r, 0]
        left_i, left_j = a[place_u], b[place_v]
        while True:
            step = min(left_i, left_j)
            difference = np.float64(u[r, i]) - np.float64(v[r, j])
            total += step * powered(difference, p)
            value = factors[r] * step * slope(difference, p)
            slopes_x[r, place_u] += value
            if slopes_y.size:
                slopes_y[r, place_v] -= value
            left_i -= step
            left_j -= step
            if left_i <= 0.0:
                i += 1
                if i == n:
                    break
                place_u = order_u[r, i]
                left_i = a[place_u]
            if left_j <= 0.0:
                j += 1
                if j == m:
                    break
                place_v = order_v[r, j]
                left_j = b[place_v]
        costs[r] = total


@njit(nogil=True, cache=True, fastmath=FAST)
def _accumulate(slopes, directions, out):
    """out[k, i] += sum over r of directions[r, k] * slopes[r, i], four rows at a time."""
    rows, n = slopes.shape
    whole = rows - rows % 4
    for begin in range(0, n, _STRIP):
        end = min(n, begin + _STRIP)
        for k in range(directions.shape[1]):
            total = out[k, begin:end]
            for r in range(0, whole, 4):
                a, b = slopes[r, begin:end], slopes[r + 1, begin:end]
                c, e = slopes[r + 2, begin:end], slopes[r + 3, begin:end]
                s, t, u, v = directions[r, k], directions[r + 1, k], directions[r + 2, k], directions[r + 3, k]
                for i in range(total.size):
                    total[i] += s * a[i] + t * b[i] + u * c[i] + v * e[i]
            for r in range(whole, rows):
                t, a = directions[r, k], slopes[r, begin:end]
                for i in range(total.size):
                    total[i] += t * a[i]


def accumulate(slopes, directions, out):
    """Add the gradients of a tile of directions to ``out`` (n_features, n)."""
    if directions.shape[1] < BLAS_DIMENSION:
        _accumulate(slopes, directions, out)
    else:
        out += directions.T @ slopes


def _sorted_values(values):
    values.sort(axis=1)
    return values


def tile_slopes(u, v, masses, ranks, factors, p, costs, with_y):
    """Return the slopes of rows of projections for the points of both clouds; write the costs.

    ``masses`` are None, or those of both clouds; ``ranks`` is None, or the plan of ``merged_ranks``; the slopes of the
    second cloud are an empty array without ``with_y``.
    """
    rows = len(u)
    slopes_x, slopes_y = np.empty(u.shape), np.empty(v.shape if with_y else (rows, 0))
    u, order_u = sort_rows(u)
    nothing = np.empty((rows, 0), dtype=np.int32)
    v, order_v = sort_rows(v) if with_y or masses is not None else (_sorted_values(v), nothing)
    if masses is not None:
        _weighted_slopes(u, v, order_u, order_v, *masses, factors, p, costs, slopes_x, slopes_y)
    elif ranks is not None:
        merged_costs(u, v, *ranks, p, costs)
        _merged_slopes(u, v, order_u, order_v, *ranks, factors, p, slopes_x, slopes_y)
    else:
        equal_costs(u, v, p, costs)
        _equal_slopes(u, v, order_u, order_v, factors, p, slopes_x, slopes_y)
    return slopes_x, slopes_y


def _plan(x_points, y_points, x_weights, y_weights):
    """Return the masses of both clouds or None, and the common plan of all directions or None."""
    n, m = x_points.shape[1], y_points.shape[1]
    if x_weights is not None:
        return (x_weights, y_weights), None
    return None, merged_ranks(n, m) if n != m else None


def _on_the_line(points, T, radius):
    return project(points, T) if radius is None else distances(points, radius * T)


def _accumulate_distances(slopes, values, T, radius, points, out):
    """Add the gradients of distances from the points radius * T; ``values`` are the distances."""
    slopes = np.divide(slopes, values, out=np.zeros(slopes.shape), where=values > 0)
    accumulate(slopes, -radius * T, out)
    out += slopes.sum(axis=0) * points


def sliced_gradients(
    x_points, y_points, x_weights, y_weights, directions, factors, p, radius, costs, x_out, y_out, batch_size, n_jobs
):
    """Add the gradients of the sum of ``factors`` times the costs to ``x_out`` and ``y_out``, and write the costs.

    Parameters
    ----------
    x_points, y_points : ndarray of shape (n_features, n) and (n_features, m), C-ordered, float32 or float64
    x_weights, y_weights : ndarray of shape (n,) and (m,), or both None
    directions : ndarray of shape (n_directions, n_features)
    factors : ndarray of shape (n_directions,), float64
    p : float
    radius : float or None
        None for linear projections; or else points are mapped to their distances from the points radius * t.
    costs : ndarray of shape (n_directions,), float64
    x_out : ndarray of shape (n_features, n), float64
    y_out : ndarray of shape (n_features, m), float64, or None
    batch_size : int or None
        Directions that a thread takes at a time, rounded up to whole groups.
    n_jobs : int or None
        Number of threads. Groups of directions are added in a fixed order, so the result does not depend on it.
    """
    d = len(x_points)
    n, m = x_points.shape[1], y_points.shape[1]
    masses, ranks = _plan(x_points, y_points, x_weights, y_weights)
    tile = tile_rows(n + m)
    group = -(-_GROUP_ROWS // tile) * tile
    n_groups = -(-len(directions) // group)
    per_task = 1 if batch_size is None else min(n_groups, -(-batch_size // group))
    n_tasks = -(-n_groups // per_task)
    n_threads = min(effective_n_jobs(n_jobs), n_tasks)
    at_once = per_task * (1 if n_threads == 1 else min(n_tasks, _PARTS_PER_THREAD * n_threads))
    x_parts = np.empty((at_once, d, n))
    y_parts = np.empty((at_once, d, 0 if y_out is None else m))

    def add_group(part, first):
        x_parts[part] = 0.0
        y_parts[part] = 0.0
        last = min(first + group, len(directions))
        for start in range(first, last, tile):
            stop = min(start + tile, last)
            T = directions[start:stop]
            u, v = (_on_the_line(points, T, radius) for points in (x_points, y_points))
            found = costs[start:stop]
            slopes = tile_slopes(u, v, masses, ranks, factors[start:stop], p, found, y_out is not None)
            sides = ((slopes[0], u, x_points, x_parts[part]), (slopes[1], v, y_points, y_parts[part]))
            for slope_rows, values, points, out in sides if y_out is not None else sides[:1]:
                if radius is None:
                    accumulate(slope_rows, T, out)
                else:
                    _accumulate_distances(slope_rows, values, T, radius, points, out)

    with single_threaded_blas() if d >= BLAS_DIMENSION else nullcontext():
        for begin in range(0, n_groups, at_once):
            count = min(at_once, n_groups - begin)

            def task(number, begin=begin, count=count):
                for part in range(number * per_task, min((number + 1) * per_task, count)):
                    add_group(part, (begin + part) * group)

            run_chunks(task, -(-count // per_task), n_threads)
            for part in range(count):
                x_out += x_parts[part]
                if y_out is not None:
                    y_out += y_parts[part]


def direction_gradients(x_points, y_points, x_weights, y_weights, directions, p, costs, out, n_jobs):
    """Write the cost of every direction, and its gradient with respect to the direction to ``out``.

    Parameters
    ----------
    x_points, y_points, x_weights, y_weights, directions, p, costs, n_jobs
        As for :func:`sliced_gradients`.
    out : ndarray of shape (n_directions, n_features), float64
    """
    masses, ranks = _plan(x_points, y_points, x_weights, y_weights)
    x_wide, y_wide = x_points.astype(np.float64).T, y_points.astype(np.float64).T

    def task(start, stop):
        T = directions[start:stop]
        u, v = project(x_points, T), project(y_points, T)
        ones = np.ones(stop - start)
        slopes_x, slopes_y = tile_slopes(u, v, masses, ranks, ones, p, costs[start:stop], True)
        out[start:stop] = slopes_x @ x_wide + slopes_y @ y_wide

    # There are only a few directions: small tiles, so that threads have something to share.
    n_values = _SMALLER_TILES * (x_points.shape[1] + y_points.shape[1])
    for_tiles(task, len(directions), n_values, None, n_jobs, True)
