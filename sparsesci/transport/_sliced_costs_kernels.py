"""CPU side of slicing: projections of two clouds on many directions, sorted, and the cost of every direction."""

from sparsesci.transport._one_dimensional_kernels import cost_of_tiles
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
    costs = cost_of_tiles(n, m, x_weights, y_weights, p)

    def task(start, stop):
        tile = directions[start:stop]
        costs(project(x_points, tile), project(y_points, tile), out[start:stop])

    for_tiles(task, len(directions), n + m, batch_size, n_jobs, len(x_points) >= BLAS_DIMENSION)
