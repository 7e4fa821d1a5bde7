"""The gradient of the sliced Wasserstein distance with respect to the points of the clouds."""

import numpy as np

from sparsesci._core.threads import single_threaded_blas
from sparsesci._core.validation import check_flag
from sparsesci.transport import _control_variates as cv
from sparsesci.transport import _generalised, _variate_gradients
from sparsesci.transport._clouds import check_cloud
from sparsesci.transport._sliced_gradient_kernels import sliced_gradients
from sparsesci.transport._sliced_wasserstein import _REGRESSED, _estimate, _rule, checked_request

_NOTHING = 1e-300


def evaluate_gradient(request, index=0, with_y=False):
    """Return the estimate of the cost and its gradients, of shape (n_features, n_points), on the scale of the pair.

    ``index`` chooses among independent sets of directions; the gradient of the second cloud is None without ``with_y``.
    """
    pair, scheme, n, replicates, key, given, n_jobs, batch_size, *_ = request
    d = pair.x.shape[1]
    numbers = range(index * replicates, (index + 1) * replicates)
    rules = [_rule(scheme, n, d, key, number, given) for number in numbers]
    nodes = np.concatenate([nodes for nodes, _ in rules])
    factors = np.concatenate([weights for _, weights in rules]) / replicates
    costs = np.empty(len(nodes))
    of_x = np.zeros((d, len(pair.x)))
    of_y = np.zeros((d, len(pair.y))) if with_y else None
    points = np.ascontiguousarray(pair.x.T), np.ascontiguousarray(pair.y.T)
    masses = pair.x_weights, pair.y_weights
    sliced_gradients(*points, *masses, nodes, factors, scheme.p, scheme.radius, costs, of_x, of_y, batch_size, n_jobs)
    with single_threaded_blas():
        moments = None if scheme.variate is None else cv.moments(pair)
        n_points = len(pair.x) + len(pair.y)
        parts = [
            _estimate(costs[r * n : (r + 1) * n], *rules[r], scheme, moments, n_points, key, number)
            for r, number in enumerate(numbers)
        ]
        if scheme.variate is not None:
            total = _variate_gradients.zero_gradient(d)
            for rule, part, number in zip(rules, parts, numbers):
                correction = _correction(rule, part, scheme, moments, n_points, key, number)
                total = total.plus(correction, 1 / replicates)
            x_correction, y_correction = _variate_gradients.at_points(total, pair)
            of_x += x_correction
            if with_y:
                of_y += y_correction
    return float(np.mean([part[0] for part in parts])), of_x, of_y


def _correction(rule, part, scheme, moments, n_points, key, number):
    """Return the gradient of what the control variate adds to the weighted costs."""
    nodes, weights = rule
    if scheme.variate in _REGRESSED:
        return _variate_gradients.of_regressed(scheme.variate, moments, nodes, -weights, part[2])
    quasi = cv.is_quasi(scheme.method, scheme.weights)
    mean = _variate_gradients.of_gaussian_mean(moments, scheme.p, len(nodes), n_points, key, number, quasi)
    return mean.plus(_variate_gradients.of_gaussian(moments, nodes, weights, scheme.p), -1.0)


def rooted(cost, p):
    """Return SW_p and the derivative of SW_p by its p-th power; 0 and 0 where there is nothing left."""
    root = max(cost, 0.0) ** (1 / p)
    return root, 0.0 if root < _NOTHING else root ** (1 - p) / p


def with_all_points(gradient, kept, dtype):
    """Return the gradient (n, n_features) with rows of zeros for points of no mass."""
    if kept is None:
        return np.ascontiguousarray(gradient.T, dtype=dtype)
    out = np.zeros((len(kept), len(gradient)), dtype=dtype)
    out[kept] = gradient.T
    return out


def sliced_wasserstein_gradient(
    X,
    Y,
    *,
    p=2,
    x_weights=None,
    y_weights=None,
    n_projections=100,
    projections=None,
    sampling="auto",
    control_variate="auto",
    cv_form="regression",
    degree=None,
    n_replicates=1,
    root=False,
    return_y_gradient=False,
    random_state=None,
    n_jobs=None,
    device="cpu",
    batch_size=None,
    projection="linear",
    radius=1.0,
):
    """Return the estimate of SW_p^p, or of SW_p, and its gradient with respect to the points.

    The estimate is that of :func:`sliced_wasserstein_distance` with the same options and random state.

    Parameters
    ----------
    X : array-like of shape (n, d)
    Y : array-like of shape (m, d)
    p : float, default=2
        At least 1.
    x_weights : array-like of shape (n,) or None, default=None
        Not negative; scaled to sum 1. None for equal ones.
    y_weights : array-like of shape (m,) or None, default=None
    n_projections, projections, sampling, control_variate, cv_form, degree, n_replicates, batch_size, projection, radius
        As in :func:`sliced_wasserstein_distance`.
    root : bool, default=False
        Return SW_p and its gradient instead of SW_p^p and its gradient. Zeros for SW_p = 0.
    return_y_gradient : bool, default=False
        Return the gradient with respect to ``Y`` as well.
    random_state : int, RandomState instance, Generator or None, default=None
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        There are no CUDA kernels for this function yet: "cuda" is refused and "auto" is the CPU.

    Returns
    -------
    cost : float
    grad_X : ndarray of shape (n, d)
    grad_Y : ndarray of shape (m, d)
        Only with ``return_y_gradient``.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As :func:`sliced_wasserstein_distance`.

    See Also
    --------
    sliced_wasserstein_flow : Follows this gradient.

    Notes
    -----
    For weighted directions, with or without the Gaussian variate, this is the exact gradient of the estimate, and so as
    unbiased as the estimate of SW_p^p is. For "lower", "upper", "both" and "moments" the coefficient is taken as a
    constant, which makes a difference of order 1 / L for L directions. Where projections coincide the cost has no
    derivative; one of the subgradients is returned, for p = 1 with sign(0) = 0.

    Time and memory as for the distance, and O(L (n + m) d) more; the sum over directions takes O((n + m) d) memory for
    each thread.

    References
    ----------
    N. Bonneel, J. Rabin, G. Peyre, H. Pfister, "Sliced and Radon Wasserstein Barycenters of Measures", JMIV 2015;
    K. Nguyen, N. Ho, "Sliced Wasserstein Estimation with Control Variates", ICLR 2024, arXiv:2305.00402. The gradients
    of the control variates are derived by us.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.transport import sliced_wasserstein_gradient
    >>> X = np.random.default_rng(0).standard_normal((100, 3))
    >>> cost, gradient = sliced_wasserstein_gradient(X, X + [0.0, 3.0, 0.0], random_state=0)
    >>> round(cost, 4)  # 9 / 3
    3.0
    >>> bool(np.allclose(100 * gradient, [0.0, -2.0, 0.0], atol=1e-4))  # -2 shift / d for every point
    True
    """
    root, with_y = check_flag("root", root), check_flag("return_y_gradient", return_y_gradient)
    request = checked_request(
        X,
        Y,
        p=p,
        x_weights=x_weights,
        y_weights=y_weights,
        n_projections=n_projections,
        projections=projections,
        sampling=sampling,
        control_variate=control_variate,
        cv_form=cv_form,
        degree=degree,
        n_replicates=n_replicates,
        random_state=random_state,
        n_jobs=n_jobs,
        device=device,
        batch_size=batch_size,
        projection=projection,
        radius=radius,
    )
    cost, *found = evaluate_gradient(request, with_y=with_y)
    value, factor = _units(cost, request.pair.scale, request.scheme.p, root)
    dtype = request.pair.x.dtype
    if projection == "polynomial":
        found, inner = _by_points(found, X, Y, request.kept, 3 if degree is None else degree)
        factor *= inner
    gradients = [
        with_all_points(factor * gradient, kept, dtype)
        for gradient, kept in zip(found, request.kept)
        if gradient is not None
    ]
    return (value, *gradients)


def _by_points(found, X, Y, kept, degree):
    """Return gradients by points instead of monomials, and a factor that belongs to them."""
    X, Y = check_cloud(X, "X"), check_cloud(Y, "Y")
    scale = _generalised.scale_of(X, Y)
    pulled = [
        None if gradient is None else _generalised.pull_back(_some(points, some) / scale, degree, gradient).T
        for gradient, points, some in zip(found, (X, Y), kept)
    ]
    with np.errstate(over="ignore", under="ignore"):
        return pulled, float(np.float64(scale) ** (degree - 1))


def _some(points, kept):
    return points if kept is None else points[kept]


def _units(cost, scale, p, root):
    """Return the value, and the factor of the gradient, in the units of the clouds."""
    if root:
        value, factor = rooted(cost, p)
        return value * scale, factor
    with np.errstate(over="ignore", under="ignore"):
        return float(cost * np.float64(scale) ** p), float(np.float64(scale) ** (p - 1))
