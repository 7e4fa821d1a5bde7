"""The sliced Wasserstein distance between two weighted clouds."""

from typing import NamedTuple

import numpy as np
from sklearn.utils import Bunch

from sparsesci._core.device import resolve_device, twin
from sparsesci._core.rng import key_from_random_state
from sparsesci._core.threads import effective_n_jobs, single_threaded_blas
from sparsesci._core.validation import check_flag, check_integer, check_option, check_real
from sparsesci.transport import _control_variates as cv
from sparsesci.transport import _directions, _generalised, _sliced_costs_kernels
from sparsesci.transport._clouds import bring_together, check_cloud, check_pair

_REGRESSED = {"lower": 1, "upper": 1, "both": 2, "moments": 3}
_CONTROL_VARIATES = (None, "auto", "none", *_REGRESSED, "gaussian", "kernel", "harmonic")
_REPLICATES_FOR_TOL = 8


class _Scheme(NamedTuple):
    """What is drawn, how it is weighted, and which variate is used (None, a regressed one or "gaussian").

    ``radius`` is None where projections are linear; or else they are distances from the points radius * t.
    """

    method: str
    weights: str
    variate: str | None
    form: str
    degree: int | None
    p: float
    radius: float | None = None


class Request(NamedTuple):
    """A checked call: the clouds on a common scale, the scheme, and what is drawn.

    ``kept`` tells for both clouds which points have mass, None for all.
    """

    pair: object
    scheme: _Scheme
    n: int
    replicates: int
    key: object
    given: np.ndarray | None
    n_jobs: int | None
    batch_size: int | None
    kept: tuple
    device: str


def checked_request(
    X,
    Y,
    *,
    p,
    x_weights,
    y_weights,
    n_projections,
    projections,
    sampling,
    control_variate,
    cv_form,
    degree,
    n_replicates,
    random_state,
    n_jobs,
    device,
    batch_size,
    projection="linear",
    radius=1.0,
    has_twin=False,
):
    """Check the parameters that all functions of slices share, and return the call as a Request."""
    X, Y, x_weights, y_weights = check_pair(X, Y, x_weights, y_weights)
    d = X.shape[1]
    p = check_real("p", p, minimum=1)
    n = check_integer("n_projections", n_projections, minimum=1)
    radius = check_real("radius", radius, minimum=0, exclusive=True)
    _generalised.check_projection(projection, sampling, control_variate)
    if projection == "polynomial":
        degree = _generalised.check_odd_degree(degree)
        d = _directions.harmonic_columns(degree, d)
    given = None if projections is None else _check_projections(projections, d)
    n = n if given is None else len(given)
    replicates = check_integer("n_replicates", n_replicates, minimum=1)
    if given is not None and replicates > 1:
        raise ValueError(f"n_replicates must be 1 where projections are given; got {replicates}")
    if batch_size is not None:
        batch_size = check_integer("batch_size", batch_size, minimum=1)
    effective_n_jobs(n_jobs)
    # On the line there are two directions, which differ only for distances.
    line = np.ones((1, 1)) if projection != "circular" else np.array([[1.0], [-1.0]])
    n = len(line) if d == 1 else n
    if projection == "linear":
        scheme = _scheme(sampling, control_variate, cv_form, degree, d, n, p, given is not None)
    else:
        check_option("cv_form", cv_form, ("regression", "ratio"))
        scheme = _generalised_scheme(projection, sampling, d, p, given is not None)
    device = _resolved(device, has_twin and projection != "circular")
    key = key_from_random_state(random_state)
    if projection == "polynomial":
        pair = _generalised.polynomial_pair(X, Y, x_weights, y_weights, degree)
    elif projection == "circular":
        pair = _generalised.uncentred_pair(X, Y, x_weights, y_weights, radius)
        scheme = scheme._replace(radius=radius / pair.scale)
    else:
        pair = bring_together(X, Y, x_weights, y_weights)
    if d == 1:
        given, replicates = line, 1
    kept = tuple(None if weights is None or weights.min() > 0 else weights > 0 for weights in (x_weights, y_weights))
    return Request(pair, scheme, n, replicates, key, given, n_jobs, batch_size, kept, device)


def _resolved(device, has_kernels):
    """Return "cpu" or "cuda"; RuntimeError if kernels are asked for that do not exist."""
    resolved = resolve_device(device)
    if resolved == "cuda" and not has_kernels:
        if device == "cuda":
            raise RuntimeError("device='cuda' cannot be used: there are no CUDA kernels for this function yet")
        return "cpu"
    return resolved


def _generalised_scheme(projection, sampling, d, p, given):
    """Return the scheme for polynomial or circular projections: plain averages only."""
    if given:
        method = "given"
    elif projection == "circular" and sampling == "auto":
        method = "orthogonal"  # the costs of t and -t differ, so half a sphere of nodes would not do
    else:
        method = _directions.check_method("sampling", sampling, d)
    return _Scheme(method, "uniform", None, "regression", None, p)


def _check_projections(projections, d):
    """Return the user's directions, normalised."""
    T = check_cloud(projections, "projections").astype(np.float64)
    if T.shape[1] != d:
        hint = "; transpose it, rows are directions" if T.shape[0] == d else ""
        raise ValueError(f"projections must have shape (n_projections, {d}); got {T.shape}{hint}")
    largest = np.abs(T).max(axis=1)
    if largest.min() == 0:
        raise ValueError(f"projections must not hold a zero direction; row {int(np.argmin(largest))} is zero")
    T = T / largest[:, np.newaxis]
    return T / np.linalg.norm(T, axis=1, keepdims=True)


def _scheme(sampling, control_variate, cv_form, degree, d, n, p, given):
    """Return the scheme that the options stand for."""
    method = "given" if given else _directions.check_method("sampling", sampling, d)
    if given:
        check_option("sampling", sampling, _directions.METHODS)
    check_option("control_variate", control_variate, _CONTROL_VARIATES)
    check_option("cv_form", cv_form, ("regression", "ratio"))
    if degree is not None:
        check_integer("degree", degree, minimum=0)
    if d == 1:
        return _Scheme(method, "uniform", None, cv_form, None, p)
    weights, variate = "uniform", control_variate
    enough = 2 * _directions.harmonic_columns(4, d) <= n <= _directions.LARGEST_KERNEL_RULE
    if control_variate == "auto":
        if sampling == "auto" and not given:
            method = "energy" if _directions.takes_energy(n, d) else "sobol" if 4 <= d <= 6 and enough else method
        few = n <= _directions.LARGEST_KERNEL_RULE
        if (method in ("fibonacci", "energy") and few) or (method == "sobol" and enough):
            weights = "kernel"
        variate = "gaussian" if d >= 3 and not given else None
    elif control_variate in ("kernel", "harmonic"):
        weights, variate = control_variate, None
    if variate == "none":
        variate = None
    if weights == "harmonic":
        degree = _directions.check_degree(degree, n, d)
    _check_regression(variate, cv_form, n)
    return _Scheme(method, weights, variate, cv_form, degree, p)


def _check_regression(variate, form, n):
    if variate not in _REGRESSED:
        return
    q = _REGRESSED[variate]
    fewest = 2 if q == 1 else q + 2
    if n < fewest:
        raise ValueError(f"n_projections must be at least {fewest} for control_variate={variate!r}; got {n}")
    if form == "ratio" and q > 1:
        raise ValueError(f"cv_form='ratio' takes one variate ('lower' or 'upper'); got control_variate={variate!r}")


def _rule(scheme, n, d, key, index, given):
    """Return the directions and weights of one replicate."""
    if given is None:
        return _directions.rule(scheme.method, n, d, scheme.weights, scheme.degree, key, index)
    if scheme.weights == "kernel":
        return given, _directions.kernel_weights(given)
    if scheme.weights == "harmonic":
        return given, _directions.harmonic_weights(given, scheme.degree)
    return given, np.full(n, 1 / n)


def _error_of_mean(values, scheme, d):
    """Return the standard error of the plain mean of one set of directions, None where nothing is known about it."""
    n = len(values)
    if scheme.weights != "uniform" or n < 2:
        return None
    if scheme.method == "uniform":
        return float(values.std(ddof=1) / np.sqrt(n))
    if scheme.method == "orthogonal" and n >= 2 * d:
        edges = np.arange(0, n, d)
        sums, sizes = np.add.reduceat(values, edges), np.diff(np.append(edges, n))
        blocks = len(edges)
        return float(np.sqrt(np.sum((sums - sizes * values.mean()) ** 2) * blocks / (blocks - 1)) / n)
    return None


def _estimate(costs, nodes, weights, scheme, given_moments, n_points, key, index):
    """Return (cost, standard error or None, coefficients, means) from one replicate."""
    n, d = nodes.shape
    if scheme.variate is None:
        return float(weights @ costs), _error_of_mean(costs, scheme, d), None, None
    if scheme.variate == "gaussian":
        residual = costs - cv.gaussian_variate(given_moments, nodes, scheme.p)
        quasi = cv.is_quasi(scheme.method, scheme.weights)
        mean, mean_error = cv.gaussian_mean(given_moments, scheme.p, n, n_points, key, index, quasi)
        error = _error_of_mean(residual, scheme, d)
        if error is not None and mean_error is not None:
            error = float(np.hypot(error, mean_error))
        return float(weights @ residual) + mean, error, np.ones(1), np.array([mean])
    centred, means = cv.variates(scheme.variate, given_moments, nodes)
    fit = cv.regress if scheme.form == "regression" else cv.ratio_coefficient
    coefficients = fit(costs, centred)
    corrected = costs - centred @ coefficients
    value = float(weights @ corrected)
    left = n - len(means) - 1
    error = None
    if scheme.method == "uniform" and left > 0:
        error = float(np.sqrt(np.sum((corrected - corrected.mean()) ** 2) / left / n))
    return value, error, coefficients, means


def _evaluate(request):
    """Return the result of independent rules of ``n`` directions, on the scale of the pair."""
    pair, scheme, n, replicates, key, given, n_jobs, batch_size, _, device = request
    d = pair.x.shape[1]
    rules = [_rule(scheme, n, d, key, index, given) for index in range(replicates)]
    nodes = np.concatenate([nodes for nodes, _ in rules])
    costs = np.empty(len(nodes))
    points = np.ascontiguousarray(pair.x.T), np.ascontiguousarray(pair.y.T)
    masses = pair.x_weights, pair.y_weights
    if scheme.radius is None:
        twin(_sliced_costs_kernels, device).sliced_costs(*points, *masses, nodes, scheme.p, costs, batch_size, n_jobs)
    else:
        _generalised.circular_costs(*points, *masses, scheme.radius * nodes, scheme.p, costs, batch_size, n_jobs)
    with single_threaded_blas():
        moments = None if scheme.variate is None else cv.moments(pair)
        n_points = len(pair.x) + len(pair.y)
        parts = [
            _estimate(costs[r * n : (r + 1) * n], *rules[r], scheme, moments, n_points, key, r)
            for r in range(replicates)
        ]
    values = np.array([part[0] for part in parts])
    error = parts[0][1] if replicates == 1 else float(values.std(ddof=1) / np.sqrt(replicates))
    return Bunch(
        cost=float(values.mean()),
        stderr=0.0 if d == 1 else error,
        projected_costs=costs,
        projections=nodes,
        weights=np.concatenate([weights for _, weights in rules]) / replicates,
        cv_coef=None if parts[0][2] is None else np.mean([part[2] for part in parts], axis=0),
        cv_mean=None if parts[0][3] is None else np.mean([part[3] for part in parts], axis=0),
        n_projections=len(nodes),
    )


def sliced_wasserstein_distance(
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
    tol=None,
    max_projections=100_000,
    random_state=None,
    n_jobs=None,
    device="cpu",
    return_result=False,
    batch_size=None,
    projection="linear",
    radius=1.0,
):
    """Estimate the sliced Wasserstein distance SW_p between two weighted point clouds.

    The p-th power of SW_p is the average over all directions of the exact cost W_p^p between the projections. It is
    estimated from ``n_projections`` directions; where they lie, and what is known about the average, decides on the
    error.

    Parameters
    ----------
    X : array-like of shape (n, d)
    Y : array-like of shape (m, d)
    p : float, default=2
        At least 1.
    x_weights : array-like of shape (n,) or None, default=None
        Not negative; scaled to sum 1. None for equal ones.
    y_weights : array-like of shape (m,) or None, default=None
    n_projections : int, default=100
        Directions of a replicate. Not used for d = 1, where the result is exact.
    projections : array-like of shape (n_projections, d) or None, default=None
        Directions to use instead; they are normalised. Unless ``control_variate`` says otherwise, their costs are
        averaged as they are.
    sampling : {"auto", "uniform", "orthogonal", "sobol", "fibonacci", "equispaced", "energy"}, default="auto"
        As in :func:`sphere_directions`. For 3 <= d <= 6 "auto" is "energy" up to 512 directions; for more, and
        d >= 4, "sobol".
    control_variate : {"auto", "lower", "upper", "both", "moments", "gaussian", "kernel", "harmonic", "none"} or None, \
default="auto"
        "lower" and "upper" regress on one of the bounds of the paper, "both" and "moments" on two or three quadratic
        variates. "gaussian" subtracts the cost between Gaussian fits and adds its mean, which is estimated from many
        more directions. "kernel" and "harmonic" weight the directions, see :func:`sphere_quadrature`. "auto" takes
        kernel weights and "gaussian" for 3 <= d <= 6 (up to 4096 directions), "gaussian" for larger d.
    cv_form : {"regression", "ratio"}, default="regression"
        How the coefficient of "lower" and "upper" is found; "ratio" is the paper's.
    degree : int or None, default=None
        Even degree for "harmonic"; None takes the largest that the number of directions allows. For
        ``projection="polynomial"`` the odd degree of the monomials; None is 3.
    n_replicates : int, default=1
        Independent sets of directions, whose mean is returned. Two or more give every rule a standard error.
    tol : float or None, default=None
        Double the number of directions until the standard error is at most ``tol`` times the cost. Rules without
        a standard error of their own are replicated 8 times.
    max_projections : int, default=100_000
        Where ``tol`` ends.
    random_state : int, RandomState instance, Generator or None, default=None
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where the points are projected, sorted and compared; the rest is done on the CPU. There are no CUDA kernels for
        circular projections.
    return_result : bool, default=False
    batch_size : int or None, default=None
        Directions that a thread takes at a time, rounded up to what fits its cache. The result does not depend on it.
    projection : {"linear", "polynomial", "circular"}, default="linear"
        How a point x is mapped to the line. "polynomial": linear projections of all monomials of x of total degree
        ``degree``; directions then live in their space. "circular": the distance of x from ``radius`` times the
        direction. Neither has control variates or weights.
    radius : float, default=1.0
        For "circular", in the units of the clouds.

    Returns
    -------
    distance : float
        SW_p, the root of the estimated cost (0 if that is negative).
    result : :class:`~sklearn.utils.Bunch`
        With ``return_result``: ``distance``, ``cost`` (the estimate of SW_p^p), ``stderr`` of the cost (None where the
        rule has none), ``projected_costs`` (L,), ``projections`` (L, d), ``weights`` (L,), ``cv_coef``, ``cv_mean``
        and ``n_projections`` L, all directions of all replicates.

    Raises
    ------
    TypeError, ValueError
        For clouds that are not 2-d, empty or not finite or differ in dimension; weights of another length, negative
        or all zero; a zero direction; p below 1; too few directions for a regression; unknown options.
    RuntimeError
        If ``device="cuda"`` and no GPU can be used.

    Notes
    -----
    Time O(L ((n + m) d + (n + m) log(n + m))), memory O((n + m) d + L) and a tile of projections per thread. The root
    of an unbiased estimate of the cost is biased downwards, for p = 2 by about variance / (8 SW^3). The coefficient of
    a regressed variate comes from the same directions, which biases the cost by O(1 / L).

    References
    ----------
    K. Nguyen, N. Ho, "Sliced Wasserstein Estimation with Control Variates", ICLR 2024, arXiv:2305.00402 ("lower",
    "upper"); R. Leluc et al., "Sliced-Wasserstein Estimation with Spherical Harmonics as Control Variates", ICML 2024,
    arXiv:2402.01493; V. Petrovic et al., arXiv:2509.10166 (orthogonal directions). "both", "moments", the two-level
    "gaussian" and kernel weights are our own. "polynomial" and "circular": S. Kolouri, K. Nadjahi, U. Simsekli,
    R. Badeau, G. Rohde, "Generalized Sliced Wasserstein Distances", NeurIPS 2019, arXiv:1902.00434.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.transport import sliced_wasserstein_distance
    >>> X = np.random.default_rng(0).standard_normal((200, 5))
    >>> shifted = X + [0, 1, 2, 3, 4]
    >>> result = sliced_wasserstein_distance(X, shifted, control_variate="lower", return_result=True, random_state=0)
    >>> round(result.cost, 10)  # 30 / 5
    6.0
    """
    tol = None if tol is None else check_real("tol", tol, minimum=0, exclusive=True)
    if projections is not None and tol is not None:
        raise ValueError(f"tol must be None where projections are given; got {tol}")
    most = check_integer("max_projections", max_projections, minimum=1)
    return_result = check_flag("return_result", return_result)
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
        has_twin=True,
    )
    result = _evaluate(request)
    if tol is not None and request.given is None:
        result = _refine(request, result, tol, most)
    return _on_scale(result, request.pair.scale, request.scheme, return_result)


def _refine(request, result, tol, most):
    """Double the number of directions until the standard error is small enough, or ``most`` would be exceeded."""
    n, replicates = request.n, request.replicates
    if result.stderr is None:
        replicates = _REPLICATES_FOR_TOL
        if n * replicates > most:
            return result
        result = _evaluate(request._replace(replicates=replicates))
    while result.stderr > tol * abs(result.cost) and 2 * n * replicates <= most:
        n *= 2
        if request.scheme.weights != "uniform" and n > _directions.LARGEST_KERNEL_RULE:
            replicates, n = 2 * replicates, n // 2
        result = _evaluate(request._replace(n=n, replicates=replicates))
    return result


def _on_scale(result, scale, scheme, return_result):
    """Return the distance, or the whole result, of the clouds as they were given."""
    p = scheme.p
    distance = max(result.cost, 0.0) ** (1 / p) * scale
    if not return_result:
        return float(distance)
    with np.errstate(over="ignore", under="ignore"):
        factor = np.float64(scale) ** p
        result.projected_costs = result.projected_costs * factor
        if scheme.variate is not None:
            unit = factor if scheme.variate == "gaussian" else np.float64(scale) ** 2
            result.cv_mean = result.cv_mean * unit
            result.cv_coef = result.cv_coef * (factor / unit)
        result.cost = float(result.cost * factor)
        result.stderr = None if result.stderr is None else float(result.stderr * factor)
    result.distance = float(distance)
    return result
