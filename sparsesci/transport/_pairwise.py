"""Sliced Wasserstein distances between all pairs of many clouds, with one rule for all of them."""

from typing import NamedTuple

import numpy as np

from sparsesci._core.rng import key_from_random_state
from sparsesci._core.threads import effective_n_jobs, run_ranges, single_threaded_blas
from sparsesci._core.validation import check_integer, check_option, check_real
from sparsesci.transport import _control_variates as cv
from sparsesci.transport import _pairwise_kernels as kernels
from sparsesci.transport._cloud_lists import bring_all_together, check_clouds, split
from sparsesci.transport._sliced_wasserstein import _check_projections, _rule, _scheme

CONTROL_VARIATES = (None, "auto", "none", "gaussian", "kernel", "harmonic")


class Rule(NamedTuple):
    """Directions and weights that all pairs share; ``scheme`` says what they are."""

    directions: np.ndarray
    weights: np.ndarray
    scheme: tuple


def check_both(clouds, clouds2, weights, weights2):
    """Return the clouds of both lists in one, their weights, and how many the first list has."""
    points, masses = check_clouds(clouds, weights)
    n_first = len(points)
    if clouds2 is None:
        if weights2 is not None:
            raise ValueError("weights2 must be None where clouds2 is")
        return points, masses, n_first
    others, more = check_clouds(clouds2, weights2, "clouds2", "weights2")
    if others[0].shape[1] != points[0].shape[1]:
        raise ValueError(
            "clouds and clouds2 must have the same number of features; "
            f"got {points[0].shape[1]} (clouds) and {others[0].shape[1]} (clouds2)"
        )
    dtype = np.result_type(points[0], others[0])
    return [cloud.astype(dtype, copy=False) for cloud in points + others], masses + more, n_first


def check_rule(d, p, n_projections, projections, sampling, control_variate, degree):
    """Return (scheme, number of directions, given directions or None) of checked options."""
    n = check_integer("n_projections", n_projections, minimum=1)
    given = None if projections is None else _check_projections(projections, d)
    n = n if given is None else len(given)
    if d == 1:
        n, given = 1, np.ones((1, 1))
    check_option("control_variate", control_variate, CONTROL_VARIATES)
    return _scheme(sampling, control_variate, "regression", degree, d, n, p, given is not None), n, given


def pairwise_costs(clouds, others, rule, p, n_quantiles, n_jobs, batch_size):
    """Return the weighted sums over the rule of the costs W_p^p between all pairs of ``Clouds``; (K, K2).

    With ``others`` None only pairs i < j within ``clouds`` are computed, and the rest follows.
    """
    sizes = np.concatenate([part.sizes for part in (clouds, others) if part is not None])
    masses = [mass for part in (clouds, others) if part is not None for mass in part.weights]
    if n_quantiles is None and (sizes == sizes[0]).all() and all(mass is None for mass in masses):
        n_quantiles = int(sizes[0])
    total = len(sizes) * n_quantiles if n_quantiles is not None else int(sizes.sum())
    tile = kernels.pairwise_tile_rows(total)
    batch = tile if batch_size is None else -(-batch_size // tile) * tile
    out = np.zeros((len(clouds.points), len((others or clouds).points)))
    add = _add_squares if n_quantiles is not None and p == 2 else _add_costs
    n_directions = len(rule.directions)
    with single_threaded_blas():
        for first in range(0, n_directions, batch):
            last = min(first + batch, n_directions)
            tiles = [slice(start, min(start + tile, last)) for start in range(first, last, tile)]
            add(clouds, others, rule, tiles, p, n_quantiles, out, n_jobs)
    if others is None:
        lower = np.tril_indices(len(out), -1)
        out[lower] = out.T[lower]
    return out


def _add_squares(clouds, others, rule, tiles, p, size, out, n_jobs):
    """Add the costs of some tiles of directions as squared distances between quantiles."""
    prepared = []
    for tile in tiles:
        T = rule.directions[tile]
        rows = []
        for part in (clouds, others):
            values = None if part is None else np.empty((len(part.points), len(T) * size))
            if part is not None:
                kernels.quantile_rows(part.points, part.weights, T, size, values, n_jobs)
            rows.append(values)
        prepared.append((*rows, np.repeat(rule.weights[tile] / size, size)))
    for x, y, factors in prepared:
        kernels.add_squares(x, y, factors, out, n_jobs)


def _add_costs(clouds, others, rule, tiles, p, size, out, n_jobs):
    """Add the costs of some tiles of directions by merging sorted samples, or comparing quantiles, pair by pair."""
    prepared = [
        [None if part is None else _sorted_part(part, rule.directions[tile], size, n_jobs) for part in (clouds, others)]
        for tile in tiles
    ]
    for tile, (x, y) in zip(tiles, prepared):
        kernels.add_costs(x, y, rule.weights[tile], p, out, n_jobs)


def _sorted_part(part, directions, size, n_jobs):
    """Return (values, masses, offsets, equal) of a tile of directions, as ``add_costs`` takes them."""
    n_clouds = len(part.points)
    if size is not None:
        offsets = np.arange(n_clouds + 1, dtype=np.int64) * size
        values = np.empty((n_clouds, len(directions) * size), dtype=part.points[0].dtype)
        kernels.quantile_rows(part.points, part.weights, directions, size, values, n_jobs)
        return values.reshape(-1), np.empty(0), offsets, np.ones(n_clouds, dtype=np.bool_)
    offsets = np.append(0, np.cumsum(part.sizes)).astype(np.int64)
    values, masses = (np.empty(len(directions) * offsets[-1], dtype=t) for t in (part.points[0].dtype, np.float64))
    kernels.sorted_tile(part.points, part.weights, directions, offsets, values, masses, n_jobs)
    return values, masses, offsets, np.array([mass is None for mass in part.weights])


def gaussian_corrections(clouds, others, rule, p, key, n_jobs):
    """Return, for all pairs, the mean of the cost between Gaussian fits minus its weighted sum over the rule."""
    d, n = clouds.n_features, len(rule.directions)
    quasi = cv.is_quasi(rule.scheme.method, rule.scheme.weights)
    largest = 2 * int(max(part.sizes.max() for part in (clouds, others) if part is not None))
    nodes, even, _ = cv.second_level(d, n, largest, key, 0, quasi)
    x = _fits(clouds, rule.directions, nodes, n_jobs)
    y = x if others is None else _fits(others, rule.directions, nodes, n_jobs)
    with single_threaded_blas():
        if p == 2:
            out = _quadratic_corrections(x, y, rule.weights, even, n_jobs)
        else:
            out = _other_corrections(x, y, rule.weights, even, p, n_jobs)
    if others is None:
        out = np.triu(out, 1)
        out += out.T
    return out


def _quadratic_corrections(x, y, weights, even, n_jobs):
    """Return the corrections for p = 2; where y is x, those of pairs i < j."""
    d = x.means.shape[1]
    # The mean of (s1 - s2)^2 in the form in which gaussian_mean has it.
    r1, r2 = np.sqrt(x.traces), np.sqrt(y.traces)
    shapes = [fit.more_spreads / np.where(r > 0, r, 1)[:, np.newaxis] for fit, r in ((x, r1), (y, r2))]
    if y is x:
        shapes[1] = shapes[0]
    out = (r1[:, np.newaxis] - r2) ** 2 / d
    out += r1[:, np.newaxis] * r2 * _squares(*shapes, even, n_jobs)
    out += _squares(x.means, y.means, np.full(d, 1 / d), n_jobs)
    out -= _squares(x.projected, y.projected, weights, n_jobs)
    out -= _squares(x.spreads, y.spreads, weights, n_jobs)
    return out


def _other_corrections(x, y, weights, even, p, n_jobs):
    """Return the corrections for any p; where y is x, those of pairs i < j."""
    out = np.zeros((len(x.means), len(y.means)))

    def task(start, stop):
        for i in range(start, stop):
            first = i + 1 if y is x else 0
            shift, spread = x.projected[i] - y.projected[first:], np.abs(x.spreads[i] - y.spreads[first:])
            out[i, first:] = -cv.gaussian_costs(shift, spread, p) @ weights
            shift = x.more_projected[i] - y.more_projected[first:]
            spread = np.abs(x.more_spreads[i] - y.more_spreads[first:])
            out[i, first:] += cv.gaussian_costs(shift, spread, p) @ even

    run_ranges(task, len(out), 1, n_jobs)
    return out


class _Fits(NamedTuple):
    """Means and traces of the covariances of all clouds, and means and deviations of their projections."""

    means: np.ndarray
    traces: np.ndarray
    projected: np.ndarray
    spreads: np.ndarray
    more_projected: np.ndarray
    more_spreads: np.ndarray


def _fits(clouds, directions, nodes, n_jobs):
    """Return the Gaussian fits of all clouds on the rule's directions and on those of the second level."""
    K, d = len(clouds.points), clouds.n_features
    means, traces = np.empty((K, d)), np.empty(K)
    spreads, more = np.empty((K, len(directions))), np.empty((K, len(nodes)))

    def task(start, stop):
        for k in range(start, stop):
            points = clouds.points[k].T.astype(np.float64)
            means[k] = np.average(points, axis=0, weights=clouds.weights[k])
            traces[k], factor = cv.factor(points, clouds.weights[k])
            spreads[k], more[k] = cv.deviation(factor, directions), cv.deviation(factor, nodes)

    with single_threaded_blas():
        run_ranges(task, K, 1, n_jobs)
        return _Fits(means, traces, means @ directions.T, spreads, means @ nodes.T, more)


def _squares(x, y, factors, n_jobs):
    """Return the sums of factors * (x[i] - y[j])**2; where y is x, only for i <= j."""
    out = np.zeros((len(x), len(y)))
    kernels.add_squares(x, None if y is x else y, factors, out, n_jobs)
    return out


def all_costs(points, masses, n_first, rule_options, p, n_quantiles, key, n_jobs, batch_size):
    """Return (SW_p^p of all pairs on the scale of the scaled clouds, that scale, weights of the rule)."""
    scheme, n, given = rule_options
    d = points[0].shape[1]
    nodes, weights = _rule(scheme, n, d, key, 0, given)
    rule = Rule(nodes, weights, scheme)
    clouds, others = split(bring_all_together(points, masses), n_first)
    costs = pairwise_costs(clouds, others, rule, p, n_quantiles, n_jobs, batch_size)
    if scheme.variate == "gaussian":
        costs += gaussian_corrections(clouds, others, rule, p, key, n_jobs)
    return np.maximum(costs, 0.0), clouds.scale, weights


def pairwise_sliced_wasserstein(
    clouds,
    clouds2=None,
    *,
    weights=None,
    weights2=None,
    p=2,
    n_projections=100,
    projections=None,
    sampling="auto",
    control_variate="auto",
    degree=None,
    n_quantiles=None,
    random_state=None,
    n_jobs=None,
    batch_size=None,
):
    """Estimate the sliced Wasserstein distances SW_p between all pairs of point clouds.

    All pairs share one rule, so that every cloud is projected and sorted once, not once for every pair.

    Parameters
    ----------
    clouds : list of K array-like of shape (n_k, d), or array-like of shape (K, n, d)
        A cloud of the list may be a tuple (points, masses).
    clouds2 : list of K2 array-like of shape (m_k, d), array-like of shape (K2, m, d), or None, default=None
        None for the distances within ``clouds``.
    weights : list of K array-like of shape (n_k,) or None, or None, default=None
        Not negative; scaled to sum 1. None for equal ones.
    weights2 : list of K2 array-like of shape (m_k,) or None, or None, default=None
    p : float, default=2
        At least 1.
    n_projections : int, default=100
    projections : array-like of shape (n_projections, d) or None, default=None
        Directions to use instead; they are normalised.
    sampling : {"auto", "uniform", "orthogonal", "sobol", "fibonacci", "equispaced", "energy"}, default="auto"
        As in :func:`sliced_wasserstein_distance`.
    control_variate : {"auto", "gaussian", "kernel", "harmonic", "none"} or None, default="auto"
        As in :func:`sliced_wasserstein_distance`; variates that are regressed for every pair are not offered. With
        "gaussian" the matrix is closer to the true one, but no longer that of a metric for certain: take None where
        that matters.
    degree : int or None, default=None
        Even degree for "harmonic".
    n_quantiles : int or None, default=None
        Compare the projections by so many quantiles instead of exactly: faster for clouds that differ in size or have
        weights, with an error of O(1 / n_quantiles). For clouds of just so many points of equal weights it is exact.
    random_state : int, RandomState instance, Generator or None, default=None
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    batch_size : int or None, default=None
        Directions for which the projections of all clouds are held at a time, rounded up to whole tiles. The result
        does not depend on it.

    Returns
    -------
    distances : ndarray of shape (K, K) or (K, K2)
        Within ``clouds`` symmetric, with zeros on the diagonal.

    Raises
    ------
    TypeError, ValueError
        For lists without clouds; clouds that are not 2-d, empty or not finite or differ in dimension; weights of
        another length, negative or all zero; a zero direction; p below 1; unknown options.

    See Also
    --------
    sliced_wasserstein_kernel : A kernel matrix for support vector machines and their like.
    SlicedWassersteinEmbedding : Coordinates whose Euclidean distances are these.

    Notes
    -----
    For equal sizes without weights, with L directions: time O(K L n (d + log n) + K^2 L n), the second part one matrix
    product if p = 2. Otherwise two sorted samples are merged for every pair and direction. "gaussian" adds 20 L K^2
    multiplications if p = 2, and as many special functions otherwise. Memory O(K n d + K^2 + 20 L K) and a tile of 2^21
    projections. For clouds of one size the entries are what
    :func:`sliced_wasserstein_distance` returns for the pair with the same ``random_state``, up to rounding.

    References
    ----------
    N. Bonneel, J. Rabin, G. Peyré, H. Pfister, "Sliced and Radon Wasserstein Barycenters of Measures", Journal of
    Mathematical Imaging and Vision, 2015. The Gaussian control variate is our own.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.transport import pairwise_sliced_wasserstein
    >>> X = np.random.default_rng(0).standard_normal((50, 2))
    >>> pairwise_sliced_wasserstein([X, X + [1, 0], X + [0, 3]], random_state=0).round(3)
    array([[0.   , 0.707, 2.121],
           [0.707, 0.   , 2.236],
           [2.121, 2.236, 0.   ]])
    """
    points, masses, n_first = check_both(clouds, clouds2, weights, weights2)
    p = check_real("p", p, minimum=1)
    options = check_rule(points[0].shape[1], p, n_projections, projections, sampling, control_variate, degree)
    n_quantiles, batch_size = check_sizes(n_quantiles, batch_size)
    effective_n_jobs(n_jobs)
    key = key_from_random_state(random_state)
    costs, scale, _ = all_costs(points, masses, n_first, options, p, n_quantiles, key, n_jobs, batch_size)
    return costs ** (1 / p) * scale


def check_sizes(n_quantiles, batch_size):
    """Return both checked, None where they are None."""
    if n_quantiles is not None:
        n_quantiles = check_integer("n_quantiles", n_quantiles, minimum=1)
    if batch_size is not None:
        batch_size = check_integer("batch_size", batch_size, minimum=1)
    return n_quantiles, batch_size
