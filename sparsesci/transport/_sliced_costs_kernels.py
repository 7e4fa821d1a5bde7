"""CPU side of slicing: projections of two clouds on many directions, sorted, and the cost of every direction."""

from sparsesci.transport._one_dimensional_kernels import (
    equal_costs,
    merged_costs,
    merged_ranks,
    sort_rows,
    weighted_costs,
)
from sparsesci.transport._projections import BLAS_DIMENSION, for_tiles, project


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

    for_tiles(task, len(directions), n + m, batch_size, n_jobs, len(x_points) >= BLAS_DIMENSION)
