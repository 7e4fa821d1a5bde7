"""Control variates of the sliced cost: quadratic bounds with known means, and the cost between Gaussian fits."""

from typing import NamedTuple

import numpy as np
from scipy.special import erf, gamma, hyp1f1

from sparsesci._core.rng import stream_of
from sparsesci.transport import _directions

_FAR = 200.0  # delta^2 / (2 s^2) from which on the asymptotic series is used
_NOTHING = 16 * np.finfo(np.float64).eps
_QUASI_DIRECTIONS = 1024


class Moments(NamedTuple):
    """Difference of the means, traces of the covariances, and factors F with F F^T = C (None for C = 0)."""

    difference: np.ndarray
    traces: tuple
    factors: tuple


def factor(points, weights):
    points = points.astype(np.float64)
    centred = points - np.average(points, axis=0, weights=weights)
    root = np.sqrt(np.full(len(points), 1 / len(points)) if weights is None else weights)
    scaled = root[:, np.newaxis] * centred
    trace = float(np.sum(scaled * scaled))
    if trace <= _NOTHING**2:
        return 0.0, None
    n, d = scaled.shape
    if n < d:
        return trace, scaled.T
    values, vectors = np.linalg.eigh(scaled.T @ scaled)
    return trace, vectors * np.sqrt(np.maximum(values, 0.0))


def moments(pair):
    """Return the moments of two clouds (points by features)."""
    means = [
        np.average(points.astype(np.float64), axis=0, weights=weights)
        for points, weights in ((pair.x, pair.x_weights), (pair.y, pair.y_weights))
    ]
    difference = means[0] - means[1]
    # What is left of rounding after centring is no difference.
    difference[np.abs(difference) <= _NOTHING] = 0.0
    first, second = factor(pair.x, pair.x_weights), factor(pair.y, pair.y_weights)
    return Moments(difference, (first[0], second[0]), (first[1], second[1]))


def deviation(factor, directions):
    """Return the standard deviations of the projections."""
    return np.zeros(len(directions)) if factor is None else np.linalg.norm(directions @ factor, axis=1)


def variates(kind, given, directions):
    """Return the centred control variates of ``kind`` as columns, and their means before centring."""
    d = directions.shape[1]
    shift = (directions @ given.difference) ** 2
    shift_mean = float(given.difference @ given.difference) / d
    spreads = [deviation(factor, directions) ** 2 for factor in given.factors]
    spread_means = [trace / d for trace in given.traces]
    columns, means = {
        "lower": ([shift], [shift_mean]),
        "upper": ([shift + spreads[0] + spreads[1]], [shift_mean + sum(spread_means)]),
        "both": ([shift, spreads[0] + spreads[1]], [shift_mean, sum(spread_means)]),
        "moments": ([shift, *spreads], [shift_mean, *spread_means]),
    }[kind]
    means = np.array(means)
    return np.stack(columns, axis=1) - means, means


def regress(costs, centred):
    """Return the coefficients of the least-squares fit of the costs by 1 and the variates; 0 for a zero variate."""
    scale = np.abs(centred).max(axis=0)
    used = scale > 0
    coefficients = np.zeros(centred.shape[1])
    if used.any():
        design = np.column_stack([np.ones(len(costs)), centred[:, used] / scale[used]])
        coefficients[used] = np.linalg.lstsq(design, costs, rcond=1e-13)[0][1:] / scale[used]
    return coefficients


def ratio_coefficient(costs, centred):
    """Return the coefficient in the form of the paper, for a single variate."""
    k = centred[:, 0]
    norm = np.mean(k * k)
    return np.array([np.mean((costs - costs.mean()) * k) / norm if norm > 0 else 0.0])


def gaussian_costs(delta, s, p):
    """Return E |delta + s Z|**p for a standard normal Z, elementwise."""
    if p == 2:
        return delta**2 + s**2
    delta, out = np.abs(delta), np.abs(delta) ** p
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        exponent = np.where(s > 0, 0.5 * (delta / s) ** 2, np.inf)
    far = (exponent > _FAR) & np.isfinite(exponent)
    ratio = 0.5 / exponent[far]
    out[far] *= 1 + p * (p - 1) / 2 * ratio * (1 + (p - 2) * (p - 3) / 4 * ratio * (1 + (p - 4) * (p - 5) / 6 * ratio))
    near = exponent <= _FAR
    z, spread = exponent[near], s[near]
    if p == 1:
        out[near] = delta[near] * erf(np.sqrt(z)) + spread * np.sqrt(2 / np.pi) * np.exp(-z)
    else:
        factor = spread**p * 2 ** (p / 2) * gamma((p + 1) / 2) / np.sqrt(np.pi)
        out[near] = factor * hyp1f1(-p / 2, 0.5, -z)
    return out


def gaussian_variate(given, directions, p):
    """Return the cost between the Gaussian fits of the projections, for every direction."""
    s = [deviation(factor, directions) for factor in given.factors]
    return gaussian_costs(directions @ given.difference, np.abs(s[0] - s[1]), p)


def second_level_size(n_directions, n_points, d):
    """Return how many directions the mean of the Gaussian cost is estimated from."""
    affordable = 0.25 * n_directions * n_points * (d + np.log2(n_points)) / d**2
    # With fewer than 20 to one, the error of the mean would be the larger part on clouds that differ little.
    return int(max(20 * n_directions, 64, min(64 * n_directions, 2000, affordable)))


def second_level(d, n_directions, n_points, key, index, quasi):
    """Return the directions that the mean of the Gaussian cost is estimated from, their weights, the size of a block.

    ``quasi`` asks for a rule that is too accurate for its error to be seen from blocks.
    """
    stream = stream_of(_directions.SECOND_LEVEL, index)
    if quasi and d <= _directions.LARGEST_ENERGY_DIMENSION:
        method, size = "fibonacci" if d == 3 else "sobol", max(_QUASI_DIRECTIONS, n_directions)
        return *_directions.rotated(method, size, d, "kernel", None, key, stream), size
    size = second_level_size(n_directions, n_points, d)
    per_block = min(d, -(-size // 8))
    n_blocks = -(-size // per_block)
    if per_block == d:
        nodes = _directions.product_blocks(n_blocks, d, key, stream)
    else:
        nodes = _directions.orthogonal_rows(n_blocks * per_block, per_block, d, key, stream)
    return nodes, np.full(len(nodes), 1 / len(nodes)), per_block


def is_quasi(method, weights):
    """Return whether a rule is so accurate that the mean of the Gaussian cost needs one too."""
    return weights == "kernel" and method in ("sobol", "fibonacci", "energy")


def gaussian_mean(given, p, n_directions, n_points, key, index, quasi):
    """Return the mean of the Gaussian cost over the sphere, and its standard error (None for quasi-Monte Carlo).

    For p = 2 it is (D^2 + (r1 - r2)^2) / d + r1 r2 mean (s1 / r1 - s2 / r2)^2, with r^2 the traces of the covariances,
    and only the last mean is sampled: nothing of it is left where one covariance is a multiple of the other.
    """
    d = len(given.difference)
    nodes, weights, per_block = second_level(d, n_directions, n_points, key, index, quasi)
    if p == 2:
        s = [deviation(factor, nodes) for factor in given.factors]
        r = np.sqrt(given.traces)
        exact = (float(given.difference @ given.difference) + (r[0] - r[1]) ** 2) / d
        sampled = r[0] * r[1] * (s[0] / r[0] - s[1] / r[1]) ** 2 if r.min() > 0 else np.zeros(len(nodes))
    else:
        exact, sampled = 0.0, gaussian_variate(given, nodes, p)
    if per_block == len(nodes):
        return float(exact + weights @ sampled), None
    blocks = sampled.reshape(-1, per_block).mean(axis=1)
    return float(exact + blocks.mean()), float(blocks.std(ddof=1) / np.sqrt(len(blocks)))
