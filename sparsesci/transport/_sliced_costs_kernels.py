"""CPU side of slicing: projections of two clouds on many directions, sorted, and the cost of every direction.

Clouds are stored feature by feature, as (n_features, n_points). Directions are taken a tile at a time, so that the
projections stay in cache; how many there are in a tile depends on the sizes only, so neither the number of threads nor
the size of a batch changes a bit of the result.
"""

from contextlib import nullcontext

import numpy as np
from numba import njit

from sparsesci._core.threads import run_ranges, single_threaded_blas
from sparsesci.transport._one_dimensional_kernels import (
    FAST,
    equal_costs,
    merged_costs,
    merged_ranks,
    sort_rows,
    weighted_costs,
)

_TILE_VALUES = 1 << 17
_MOST_TILE_ROWS = 64
# From this dimension on, products by BLAS are faster.
_BLAS_DIMENSION = 16
_STRIP = 1024


@njit(nogil=True, cache=True, fastmath=FAST)
def _project(points, directions, out):
    """out[l, i] = directions[l] . points[:, i]."""
    d, n = points.shape
    for begin in range(0, n, _STRIP):
        end = min(n, begin + _STRIP)
        for row in range(directions.shape[0]):
            if d == 2:
                t, s = directions[row, 0], directions[row, 1]
                for i in range(begin, end):
                    out[row, i] = t * points[0, i] + s * points[1, i]
            elif d >= 3:
                t, s, r = directions[row, 0], directions[row, 1], directions[row, 2]
                for i in range(begin, end):
                    out[row, i] = t * points[0, i] + s * points[1, i] + r * points[2, i]
                for k in range(3, d):
                    t = directions[row, k]
                    for i in range(begin, end):
                        out[row, i] += t * points[k, i]
            else:
                t = directions[row, 0]
                for i in range(begin, end):
                    out[row, i] = t * points[0, i]


def project(points, directions):
    """Return the projections of ``points`` (n_features, n) on a tile of directions, as (n_directions, n)."""
    directions = np.ascontiguousarray(directions, dtype=points.dtype)
    out = np.empty((len(directions), points.shape[1]), dtype=points.dtype)
    if points.shape[0] < _BLAS_DIMENSION:
        _project(points, directions, out)
    else:
        np.dot(directions, points, out=out)
    return out


def tile_rows(n_values):
    """Return how many directions there are in a tile, if each has ``n_values`` projections."""
    return max(1, min(_MOST_TILE_ROWS, _TILE_VALUES // n_values))


def for_tiles(task, n_directions, n_values, batch_size, n_jobs, uses_blas):
    """Call ``task(start, stop)`` for every tile of directions, with batches of tiles spread over the threads."""
    tile = tile_rows(n_values)
    batch = tile if batch_size is None else -(-batch_size // tile) * tile

    def run(start, stop):
        for first in range(start, stop, tile):
            task(first, min(first + tile, stop))

    with single_threaded_blas() if uses_blas else nullcontext():
        run_ranges(run, n_directions, batch, n_jobs)


def sliced_costs(x_points, y_points, x_weights, y_weights, directions, p, out, batch_size, n_jobs):
    """Write the exact one-dimensional cost W_p^p of the projections on every direction to ``out``.

    Parameters
    ----------
    x_points, y_points : ndarray of shape (n_features, n) and (n_features, m), C-ordered, float32 or float64
        Of moderate size: values that overflow as float32 are not for this function.
    x_weights, y_weights : ndarray of shape (n,) and (m,), or both None
        Positive, each with sum 1. None for equal masses.
    directions : ndarray of shape (n_directions, n_features)
    p : float
    out : ndarray of shape (n_directions,), float64
    batch_size : int or None
        Directions that a thread takes at a time, rounded up to whole tiles.
    n_jobs : int or None
        Number of threads. The result does not depend on it.
    """
    n, m = x_points.shape[1], y_points.shape[1]
    ranks = merged_ranks(n, m) if x_weights is None and n != m else None

    def task(start, stop):
        u = project(x_points, directions[start:stop])
        v = project(y_points, directions[start:stop])
        if x_weights is not None:
            (u, order_u), (v, order_v) = sort_rows(u), sort_rows(v)
            weighted_costs(u, v, order_u, order_v, x_weights, y_weights, p, out[start:stop])
            return
        u.sort(axis=1)
        v.sort(axis=1)
        if ranks is None:
            equal_costs(u, v, p, out[start:stop])
        else:
            merged_costs(u, v, *ranks, p, out[start:stop])

    for_tiles(task, len(directions), n + m, batch_size, n_jobs, len(x_points) >= _BLAS_DIMENSION)
