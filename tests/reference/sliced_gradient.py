"""Plain versions of gradients, flows and generalised slices of sparsesci.transport: NumPy, loops, obviously right."""

from itertools import combinations_with_replacement

import numpy as np

from tests.reference.sliced_wasserstein import cost_1d


def plan_1d(u, v, a, b):
    """Return the monotone plan (n, m) between two weighted samples: overlaps of the intervals of both quantiles."""
    order_u, order_v = np.argsort(u, kind="stable"), np.argsort(v, kind="stable")
    ends_u, ends_v = np.cumsum(a[order_u]), np.cumsum(b[order_v])
    begins_u, begins_v = ends_u - a[order_u], ends_v - b[order_v]
    overlap = np.minimum.outer(ends_u, ends_v) - np.maximum.outer(begins_u, begins_v)
    plan = np.zeros((len(u), len(v)))
    plan[np.ix_(order_u, order_v)] = np.maximum(overlap, 0)
    return plan


def shares(weights, n):
    """Return masses with sum one."""
    return np.full(n, 1 / n) if weights is None else np.asarray(weights, dtype=float) / np.sum(weights)


def gradients(X, Y, directions, factors, a=None, b=None, p=2):
    """Return the gradients with respect to X, Y and every direction of sum_l factors[l] W_p^p(X t_l, Y t_l)."""
    a, b = shares(a, len(X)), shares(b, len(Y))
    of_x, of_y, of_t = np.zeros(X.shape), np.zeros(Y.shape), np.zeros(directions.shape)
    for factor, t, row in zip(factors, directions, of_t):
        plan = plan_1d(X @ t, Y @ t, a, b)
        difference = np.subtract.outer(X @ t, Y @ t)
        slope = factor * plan * p * np.abs(difference) ** (p - 1) * np.sign(difference)
        of_x += np.outer(slope.sum(axis=1), t)
        of_y -= np.outer(slope.sum(axis=0), t)
        row += slope.sum(axis=1) @ X - slope.sum(axis=0) @ Y
    return of_x, of_y, of_t


def central_differences(function, X, step=1e-5):
    """Return the gradient of a function of an array, by central differences."""
    out = np.zeros(X.shape)
    for place in np.ndindex(X.shape):
        forth, back = X.copy(), X.copy()
        forth[place] += step
        back[place] -= step
        out[place] = (function(forth) - function(back)) / (2 * step)
    return out


def monomials(X, degree):
    """Return all monomials of total degree ``degree`` of the features, as columns."""
    chosen = combinations_with_replacement(range(X.shape[1]), degree)
    return np.stack([np.prod(X[:, list(c)], axis=1) for c in chosen], axis=1)


def circular_costs(X, Y, directions, radius, a=None, b=None, p=2):
    """Return the costs between the distances from the points radius * t."""
    far = [[np.linalg.norm(points - radius * t, axis=1) for points in (X, Y)] for t in directions]
    return np.array([cost_1d(u, v, a, b, p) for u, v in far])


def transfer_step(X, Y, basis):
    """Return the clouds of equal size after one step of iterative distribution transfer along an orthonormal basis."""
    moved = X.astype(float)
    for t in basis:
        u, v = X @ t, np.sort(Y @ t)
        ranks = np.argsort(np.argsort(u))
        moved = moved + np.outer(v[ranks] - u, t)
    return moved
