"""Gradients of control variates with respect to the points of the clouds.

Every variate is a function of the difference D of the means and of the deviations s of both projections. Its
gradient with respect to point i of the first cloud is therefore a_i (shift + spread (x_i - mean)), with a vector and a
matrix that are sums over directions; the second cloud has -shift and a matrix of its own. No sum runs over directions
and points at once.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import gamma, hyp1f1

from sparsesci.transport import _control_variates as cv

_TINY = 64 * np.finfo(np.float64).eps


class MomentGradient(NamedTuple):
    """The gradient by D, and the matrices of both clouds, symmetric of shape (d, d)."""

    shift: np.ndarray
    spreads: tuple

    def plus(self, other, factor=1.0):
        """Return this gradient plus ``factor`` times another."""
        spreads = tuple(mine + factor * theirs for mine, theirs in zip(self.spreads, other.spreads))
        return MomentGradient(self.shift + factor * other.shift, spreads)


def zero_gradient(d):
    """Return the gradient of a constant."""
    return MomentGradient(np.zeros(d), (np.zeros((d, d)), np.zeros((d, d))))


def _weighted_squares(directions, weights):
    """Return the sum of weights[l] t_l t_l^T."""
    return directions.T @ (weights[:, np.newaxis] * directions)


def gaussian_slopes(delta, s, p):
    """Return the derivatives of E |delta + s Z|**p by delta and by s, elementwise; s >= 0."""
    if p == 2:
        return 2 * delta, 2 * s
    size = np.abs(delta)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        exponent = np.where(s > 0, 0.5 * (size / s) ** 2, np.inf)
    by_delta, by_s = np.zeros(len(delta)), np.zeros(len(delta))
    far = (exponent > cv._FAR) & (size > 0)
    big, spread = size[far], s[far]
    r = (spread / big) ** 2
    by_delta[far] = p * big ** (p - 1) * _series(p - 1, r)
    by_s[far] = p * (p - 1) * spread * big ** (p - 2) * _series(p - 2, r)
    near = exponent <= cv._FAR
    z, spread = exponent[near], s[near]
    scale = p * 2 ** (p / 2) * gamma((p + 1) / 2) / np.sqrt(np.pi)
    by_delta[near] = scale * size[near] * spread ** (p - 2) * hyp1f1(1 - p / 2, 1.5, -z)
    by_s[near] = scale * spread ** (p - 1) * hyp1f1(1 - p / 2, 0.5, -z)
    return np.sign(delta) * by_delta, by_s


def _series(q, r):
    """Return the asymptotic series of E |1 + sqrt(r) Z|**q (times the sign for derivatives) for small r."""
    inner = 1 + (q - 4) * (q - 5) / 6 * r
    return 1 + q * (q - 1) / 2 * r * (1 + (q - 2) * (q - 3) / 4 * r * inner)


def _deviations(given, directions):
    """Return the deviations of both projections, those that are rounding errors set to 0, and their inverses."""
    s = [cv.deviation(factor, directions) for factor in given.factors]
    safe = [np.where(one > _TINY * np.sqrt(trace), one, 0.0) for one, trace in zip(s, given.traces)]
    return safe, [np.divide(1.0, one, out=np.zeros(len(one)), where=one > 0) for one in safe]


def of_gaussian(given, directions, weights, p):
    """Return the gradient of the weighted sum of the cost between Gaussian fits."""
    s, inverse = _deviations(given, directions)
    difference = s[0] - s[1]
    by_delta, by_s = gaussian_slopes(directions @ given.difference, np.abs(difference), p)
    by_s *= weights * np.sign(difference)
    spreads = (
        _weighted_squares(directions, by_s * inverse[0]),
        _weighted_squares(directions, -by_s * inverse[1]),
    )
    return MomentGradient(directions.T @ (weights * by_delta), spreads)


def of_gaussian_mean(given, p, n_directions, n_points, key, index, quasi):
    """Return the gradient of the estimate that ``gaussian_mean`` makes with the same arguments."""
    d = len(given.difference)
    nodes, weights, _ = cv.second_level(d, n_directions, n_points, key, index, quasi)
    if p != 2:
        return of_gaussian(given, nodes, weights, p)
    s, inverse = _deviations(given, nodes)
    r = np.sqrt(given.traces)
    spreads = []
    for k in range(2):
        # By r: of (r1 - r2)^2 / d, and of r1 r2 mean (s1 / r1 - s2 / r2)^2 where there is such a term.
        by_r = 2 * (r[k] - r[1 - k]) / d
        matrix = np.zeros((d, d))
        if r.min() > 0:
            by_r += weights @ (s[1 - k] ** 2 / r[1 - k] - s[k] ** 2 * r[1 - k] / r[k] ** 2)
            matrix = 2 * _weighted_squares(nodes, weights * (r[1 - k] / r[k] - s[1 - k] * inverse[k]))
        spreads.append(matrix + (by_r / r[k] if r[k] > 0 else 0.0) * np.eye(d))
    return MomentGradient((2 / d) * given.difference, tuple(spreads))


def of_regressed(kind, given, directions, weights, coefficients):
    """Return the gradient of the weighted sum of coefficients times centred variates; coefficients are constants."""
    d = len(given.difference)
    delta = directions @ given.difference
    shift = 2 * (directions.T @ (weights * delta) - weights.sum() * given.difference / d)
    square = 2 * (_weighted_squares(directions, weights) - weights.sum() * np.eye(d) / d)
    first = {
        "lower": (coefficients[0], 0.0, 0.0),
        "upper": (coefficients[0],) * 3,
        "both": (coefficients[0], coefficients[-1], coefficients[-1]),
        "moments": tuple(coefficients) if len(coefficients) == 3 else None,
    }[kind]
    return MomentGradient(first[0] * shift, (first[1] * square, first[2] * square))


def at_points(gradient, pair):
    """Return the gradient with respect to the points of both clouds, each of shape (n_features, n_points)."""
    found = []
    for points, weights, shift, spread in (
        (pair.x, pair.x_weights, gradient.shift, gradient.spreads[0]),
        (pair.y, pair.y_weights, -gradient.shift, gradient.spreads[1]),
    ):
        centred = points.astype(np.float64)
        centred -= np.average(centred, axis=0, weights=weights)
        shares = 1 / len(points) if weights is None else weights
        found.append((spread @ centred.T + shift[:, np.newaxis]) * shares)
    return found
