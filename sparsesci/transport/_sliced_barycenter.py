"""Barycentres of clouds for the sliced Wasserstein distance."""

import numpy as np
from sklearn.utils import Bunch

from sparsesci._core.progress import progress_bar
from sparsesci._core.rng import normals, stream_of
from sparsesci._core.validation import check_integer
from sparsesci.transport._cloud_lists import check_clouds
from sparsesci.transport._clouds import Pair, check_cloud, check_weights, power_of_two
from sparsesci.transport._sliced_flow import check_callback, check_moved, check_rate, default_rate
from sparsesci.transport._sliced_gradient import evaluate_gradient
from sparsesci.transport._sliced_wasserstein import checked_request

_INITIAL = 16  # purpose of random numbers, see _directions.py


def _starting_points(clouds, masses, shares, n_support, key):
    """Return normal points with the mean, and the mean covariance, of the clouds."""
    d = clouds[0].shape[1]
    mean, covariance = np.zeros(d), np.zeros((d, d))
    for cloud, weights, share in zip(clouds, masses, shares):
        points = cloud.astype(np.float64)
        centre = np.average(points, axis=0, weights=weights)
        points -= centre
        mean += share * centre
        covariance += (
            share
            * (points.T @ (points if weights is None else weights[:, np.newaxis] * points))
            * (1 / len(points) if weights is None else 1)
        )
    values, vectors = np.linalg.eigh(covariance)
    drawn = normals(key, stream_of(_INITIAL, 0), n_support * d).reshape(n_support, d)
    return mean + (drawn * np.sqrt(np.maximum(values, 0))) @ vectors.T


def sliced_wasserstein_barycenter(
    clouds,
    cloud_weights=None,
    n_support=None,
    *,
    weights=None,
    init=None,
    n_steps=100,
    lr=None,
    n_projections=100,
    sampling="auto",
    control_variate="auto",
    cv_form="regression",
    degree=None,
    callback=None,
    random_state=None,
    n_jobs=None,
    device="cpu",
    batch_size=None,
    verbose=0,
):
    """Find a cloud of ``n_support`` equal points with a small weighted sum of SW_2^2 to several clouds.

    The points follow the gradient of that sum; all clouds see the same directions, drawn afresh in every step. The
    problem is not convex: another start may lead to another barycentre.

    Parameters
    ----------
    clouds : list of array-like of shape (n_k, d), or ndarray of shape (K, n, d)
        A member of the list may be a tuple (points, masses).
    cloud_weights : array-like of shape (K,) or None, default=None
        Not negative; scaled to sum 1. None for equal ones.
    n_support : int or None, default=None
        Points of the barycentre; None takes the mean size of the clouds.
    weights : list of array-like of shape (n_k,) or None, default=None
        Masses of the points of the clouds, each entry an array or None.
    init : array-like of shape (n_support, d) or None, default=None
        Where the points start; None draws them from a normal law with the mean covariance of the clouds.
    n_steps : int, default=100
    lr : float or None, default=None
        Learning rate; None is min(d, n_projections) / 4, half of a full step.
    n_projections, sampling, control_variate, cv_form, degree, batch_size
        As in :func:`sliced_wasserstein_distance`, for every step.
    callback : callable or None, default=None
        Called after each step as ``callback(step, support, cost)``, with the number of steps done and the cost before
        the step. The flow ends where it returns True.
    random_state : int, RandomState instance, Generator or None, default=None
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        There are no CUDA kernels for this function yet: "cuda" is refused and "auto" is the CPU.
    verbose : int, default=0
        1 shows a progress bar with the cost.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        ``support`` (n_support, d); ``history`` (n_steps,), the weighted sum of SW_2^2 before every step; ``n_steps``,
        how many there were; ``lr``.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As :func:`sliced_wasserstein_distance`, for every cloud by its number.
    FloatingPointError
        If the points run away because ``lr`` is too large.

    Notes
    -----
    A step costs K gradients, see :func:`sliced_wasserstein_gradient`.

    References
    ----------
    N. Bonneel, J. Rabin, G. Peyre, H. Pfister, "Sliced and Radon Wasserstein Barycenters of Measures", JMIV 2015. The
    variance reduction is ours.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.transport import sliced_wasserstein_barycenter
    >>> X = np.random.default_rng(0).random((300, 2))
    >>> result = sliced_wasserstein_barycenter([X - [3, 0], X + [3, 0], X + [0, 6]], random_state=0)
    >>> bool(abs(result.support.mean(axis=0) - X.mean(axis=0) - [0, 2]).max() < 1e-6)
    True
    """
    clouds, masses = check_clouds(clouds, weights)
    shares = check_weights(cloud_weights, len(clouds), "cloud_weights")
    shares = np.full(len(clouds), 1 / len(clouds)) if shares is None else shares
    if n_support is not None:
        n_support = check_integer("n_support", n_support, minimum=1)
    n_steps = check_integer("n_steps", n_steps, minimum=0)
    lr = check_rate(lr)
    callback = check_callback(callback)
    d = clouds[0].shape[1]
    if init is not None:
        init = check_cloud(init, "init")
        if init.shape != (len(init) if n_support is None else n_support, d):
            raise ValueError(f"init must have shape ({n_support or 'n_support'}, {d}); got {init.shape}")
    size = n_support or (len(init) if init is not None else round(np.mean([len(cloud) for cloud in clouds])))
    request = checked_request(
        np.zeros((size, d)),
        clouds[0],
        p=2,
        x_weights=None,
        y_weights=None,
        n_projections=n_projections,
        projections=None,
        sampling=sampling,
        control_variate=control_variate,
        cv_form=cv_form,
        degree=degree,
        n_replicates=1,
        random_state=random_state,
        n_jobs=n_jobs,
        device=device,
        batch_size=batch_size,
    )
    lr = default_rate(d, request.n) if lr is None else lr
    return _descend(clouds, masses, shares, init, size, request, n_steps, lr, callback, verbose)


def _descend(clouds, masses, shares, init, n_support, request, n_steps, lr, callback, verbose):
    """Return the result of ``n_steps`` steps of ``lr`` times the gradient of the weighted sum."""
    dtype = clouds[0].dtype
    first = power_of_two(max(np.abs(cloud).max() for cloud in [*clouds, *([] if init is None else [init])]))
    centre = np.mean([cloud.mean(axis=0, dtype=np.float64) / first for cloud in clouds], axis=0)
    near = [cloud.astype(np.float64) / first - centre for cloud in clouds]
    second = power_of_two(max(np.abs(cloud).max() for cloud in near))
    near = [cloud / second for cloud in near]
    if init is None:
        x = _starting_points(near, masses, shares, n_support, request.key)
    else:
        x = (init.astype(np.float64) / first - centre) / second
    scale = first * second
    targets = [_target(cloud.astype(dtype), weights, n_support) for cloud, weights in zip(near, masses)]
    history = []

    def places():
        return (first * (second * x + centre)).astype(dtype)

    with progress_bar(total=n_steps, desc="barycentre", verbose=verbose) as bar:
        for step in range(n_steps):
            total, gradient = 0.0, np.zeros(x.T.shape)
            for target, share in zip(targets, shares):
                if share > 0:
                    pair = target._replace(x=x.astype(dtype))
                    cost, part, _ = evaluate_gradient(request._replace(pair=pair), step)
                    total += share * cost
                    gradient += share * part
            x -= lr * n_support * gradient.T
            check_moved(x, step + 1, lr)
            with np.errstate(over="ignore", under="ignore"):
                history.append(float(total * np.float64(scale) ** 2))
            bar.set_postfix(cost=f"{history[-1]:.6g}", refresh=False)
            bar.update()
            if callback is not None and callback(step + 1, places(), history[-1]):
                break
    return Bunch(support=places(), history=np.array(history), n_steps=len(history), lr=float(lr))


def _target(cloud, weights, n_support):
    """Return a cloud as a Pair whose first cloud is to be filled in."""
    if weights is None:
        return Pair(None, cloud, None, None, 1.0)
    kept = weights > 0
    return Pair(None, cloud[kept], np.full(n_support, 1 / n_support), weights[kept], 1.0)
