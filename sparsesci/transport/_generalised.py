"""Generalised slices: projections that are polynomials, or distances from points of a sphere."""

from itertools import combinations_with_replacement

import numpy as np
from numba import njit

from sparsesci._core.validation import check_integer, check_option
from sparsesci.transport._clouds import Pair, bring_together, power_of_two
from sparsesci.transport._one_dimensional_kernels import FAST, cost_of_tiles
from sparsesci.transport._projections import for_tiles

PROJECTIONS = ("linear", "polynomial", "circular")
_PLAIN = (None, "none", "auto")


def check_projection(projection, sampling, control_variate):
    """Check the kind of projection, and that the other options fit it."""
    check_option("projection", projection, PROJECTIONS)
    if projection == "linear":
        return
    if not isinstance(control_variate, (str, type(None))) or control_variate not in _PLAIN:
        raise ValueError(f"control_variate must be None, 'none' or 'auto' for {projection=}; got {control_variate!r}")
    if projection == "circular" and sampling in ("fibonacci", "equispaced", "energy"):
        raise ValueError(f"sampling={sampling!r} covers half of the sphere, which is too little for {projection=}")


def check_odd_degree(degree):
    """Return the degree of the monomials."""
    degree = 3 if degree is None else check_integer("degree", degree, minimum=1)
    if degree % 2 == 0:
        raise ValueError(f"degree must be odd for projection='polynomial'; got {degree}")
    return degree


def monomials(X, degree):
    """Return all monomials of total degree ``degree`` as columns."""
    chosen = list(combinations_with_replacement(range(X.shape[1]), degree))
    out = np.empty((len(X), len(chosen)), dtype=X.dtype)
    for column, factors in enumerate(chosen):
        out[:, column] = X[:, factors[0]]
        for k in factors[1:]:
            out[:, column] *= X[:, k]
    return out


def scale_of(X, Y):
    """Return the power of two by which points are divided before their monomials are formed."""
    return power_of_two(max(np.abs(X).max(), np.abs(Y).max()))


def pull_back(points, degree, gradient):
    """Return the gradient with respect to the points (n, d), given that by their monomials (n_monomials, n)."""
    points = points.astype(np.float64)
    out = np.zeros(points.shape)
    for by_monomial, factors in zip(gradient, combinations_with_replacement(range(points.shape[1]), degree)):
        for k in sorted(set(factors)):
            others = list(factors)
            others.remove(k)
            out[:, k] += factors.count(k) * by_monomial * np.prod(points[:, others], axis=1)
    return out


def polynomial_pair(X, Y, x_weights, y_weights, degree):
    """Return the clouds of monomials, on a common scale."""
    scale = scale_of(X, Y)
    X, Y = (monomials((points / scale).astype(points.dtype), degree) for points in (X, Y))
    pair = bring_together(X, Y, x_weights, y_weights)
    with np.errstate(over="ignore", under="ignore"):
        return pair._replace(scale=float(np.float64(scale) ** degree * pair.scale))


def uncentred_pair(X, Y, x_weights, y_weights, radius):
    """Return the clouds on a common scale with the radius, where they are, without points of no mass."""
    dtype = np.result_type(X, Y)
    if x_weights is not None or y_weights is not None:
        x_weights = np.full(len(X), 1 / len(X)) if x_weights is None else x_weights
        y_weights = np.full(len(Y), 1 / len(Y)) if y_weights is None else y_weights
        X, Y = X[x_weights > 0], Y[y_weights > 0]
        x_weights, y_weights = x_weights[x_weights > 0], y_weights[y_weights > 0]
    scale = power_of_two(max(np.abs(X).max(), np.abs(Y).max(), radius))
    x, y = (points.astype(np.float64) / scale for points in (X, Y))
    return Pair(x.astype(dtype), y.astype(dtype), x_weights, y_weights, scale)


@njit(nogil=True, cache=True, fastmath=FAST)
def _distances(points, centres, out):
    """out[l, i] = |points[:, i] - centres[l]|."""
    out[:] = 0
    for row in range(len(centres)):
        for k in range(len(points)):
            centre = centres[row, k]
            for i in range(points.shape[1]):
                difference = points[k, i] - centre
                out[row, i] += difference * difference
        for i in range(points.shape[1]):
            out[row, i] = np.sqrt(out[row, i])


def distances(points, centres):
    """Return the distances of ``points`` (n_features, n) from a tile of centres, as (n_centres, n)."""
    out = np.empty((len(centres), points.shape[1]), dtype=points.dtype)
    _distances(points, np.ascontiguousarray(centres, dtype=points.dtype), out)
    return out


def circular_costs(x_points, y_points, x_weights, y_weights, centres, p, out, batch_size, n_jobs):
    """Write the costs between the distances from every centre to ``out``; parameters as for ``sliced_costs``."""
    n, m = x_points.shape[1], y_points.shape[1]
    costs = cost_of_tiles(n, m, x_weights, y_weights, p)

    def task(start, stop):
        tile = centres[start:stop]
        costs(distances(x_points, tile), distances(y_points, tile), out[start:stop])

    for_tiles(task, len(centres), n + m, batch_size, n_jobs, False)
