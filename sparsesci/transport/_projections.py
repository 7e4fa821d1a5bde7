"""Projections of a cloud on tiles of directions.

Clouds are stored feature by feature, as (n_features, n_points). Directions are taken a tile at a time, so that the
projections stay in cache; how many there are in a tile depends on the sizes only, so neither the number of threads nor
the size of a batch changes a bit of the result.
"""

from contextlib import nullcontext

import numpy as np
from numba import njit

from sparsesci._core.threads import run_ranges, single_threaded_blas
from sparsesci.transport._one_dimensional_kernels import FAST

_TILE_VALUES = 1 << 17
_MOST_TILE_ROWS = 64
# From this dimension on, products by BLAS are faster.
BLAS_DIMENSION = 16
_STRIP = 1024


# Loops run over slices: with a begin and an end of their own, they would not become vector code.
@njit(nogil=True, cache=True, fastmath=FAST)
def _project(points, directions, out):
    """out[l, i] = directions[l] . points[:, i]."""
    d, n = points.shape
    for begin in range(0, n, _STRIP):
        end = min(n, begin + _STRIP)
        first, second, third = points[0, begin:end], points[min(1, d - 1), begin:end], points[min(2, d - 1), begin:end]
        for row in range(directions.shape[0]):
            values = out[row, begin:end]
            if d == 1:
                t = directions[row, 0]
                for i in range(values.size):
                    values[i] = t * first[i]
            elif d == 2:
                t, s = directions[row, 0], directions[row, 1]
                for i in range(values.size):
                    values[i] = t * first[i] + s * second[i]
            else:
                t, s, r = directions[row, 0], directions[row, 1], directions[row, 2]
                for i in range(values.size):
                    values[i] = t * first[i] + s * second[i] + r * third[i]
                for k in range(3, d):
                    t, more = directions[row, k], points[k, begin:end]
                    for i in range(values.size):
                        values[i] += t * more[i]


def project(points, directions):
    """Return the projections of ``points`` (n_features, n) on a tile of directions, as (n_directions, n)."""
    directions = np.ascontiguousarray(directions, dtype=points.dtype)
    out = np.empty((len(directions), points.shape[1]), dtype=points.dtype)
    if points.shape[0] < BLAS_DIMENSION:
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
