"""Moving the points of a cloud down the gradient of the sliced Wasserstein distance."""

import numpy as np
from sklearn.utils import Bunch

from sparsesci._core.progress import progress_bar
from sparsesci._core.validation import check_integer, check_option, check_real
from sparsesci.transport._sliced_gradient import evaluate_gradient, rooted
from sparsesci.transport._sliced_wasserstein import checked_request

_PAPER_RATE = 0.01
_FAR_AWAY = 1e15


def check_rate(lr):
    """Return the learning rate or None."""
    return None if lr is None else check_real("lr", lr, minimum=0, exclusive=True)


def check_callback(callback):
    """Return what is called after every step, or None."""
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable or None; got {callback!r}")
    return callback


def default_rate(d, n_directions):
    """Return half of the learning rate that would move points all the way on mutually orthogonal directions."""
    return min(d, n_directions) / 4


def check_moved(x, step, lr):
    """Raise FloatingPointError where points have run away, on the scale on which the clouds have size one."""
    if not np.abs(x).max() < _FAR_AWAY:
        raise FloatingPointError(f"the flow diverged in step {step}; lr={lr} is too large")


def _velocities(request, step, objective):
    """Return SW_p and the gradient by each point over its mass, (n, n_features), of SW_p or of its square.

    On the scale of the pair. For SW_p the gradient has no scale.
    """
    p = request.scheme.p
    cost, gradient, _ = evaluate_gradient(request, step)
    distance, factor = rooted(cost, p)
    if objective == "sw2":
        factor = 1.0 if p == 2 else 2 * distance * factor
    weights = request.pair.x_weights
    shares = 1 / gradient.shape[1] if weights is None else weights
    return distance, (factor * gradient / shares).T


def sliced_wasserstein_flow(
    X,
    Y,
    n_steps=100,
    lr=None,
    *,
    objective="sw",
    method="gradient",
    p=2,
    x_weights=None,
    y_weights=None,
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
    """Move the points of ``X`` to those of ``Y`` down the gradient of the sliced Wasserstein distance.

    In every step directions are drawn afresh, and each point moves by ``lr`` times the gradient with respect to it,
    divided by its mass (1 / n for equal weights).

    Parameters
    ----------
    X : array-like of shape (n, d)
        Where the points start; not written to.
    Y : array-like of shape (m, d)
    n_steps : int, default=100
    lr : float or None, default=None
        Learning rate. None: 0.01 for "sw", as in the paper; min(d, n_projections) / 4, half of a full step, for
        "sw2"; and 1 for ``method="transfer"``, where it is the share of a full step.
    objective : {"sw", "sw2"}, default="sw"
        Follow the gradient of SW_p, or of SW_p^2, whose steps become shorter as the clouds come together.
    method : {"gradient", "transfer"}, default="gradient"
        "transfer" is iterative distribution transfer: along each of d orthonormal directions, every point moves to
        where the one-dimensional optimal transport sends it. It takes p = 2 and does not use ``objective``,
        ``n_projections``, ``sampling`` and the options of control variates.
    p : float, default=2
        At least 1.
    x_weights : array-like of shape (n,) or None, default=None
        Not negative; scaled to sum 1. None for equal ones. Points of no mass stay where they are.
    y_weights : array-like of shape (m,) or None, default=None
    n_projections, sampling, control_variate, cv_form, degree, batch_size
        As in :func:`sliced_wasserstein_distance`, for every step.
    callback : callable or None, default=None
        Called after each step as ``callback(step, X, distance)``, with the number of steps done, the points and the
        distance before the step. The flow ends where it returns True.
    random_state : int, RandomState instance, Generator or None, default=None
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        There are no CUDA kernels for this function yet: "cuda" is refused and "auto" is the CPU.
    verbose : int, default=0
        1 shows a progress bar with the distance.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        ``X`` (n, d), where the points arrived; ``history`` (n_steps,), the estimates of SW_p before every step;
        ``n_steps``, how many there were; ``lr``.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As :func:`sliced_wasserstein_distance`.
    FloatingPointError
        If the points run away because ``lr`` is too large.

    Notes
    -----
    A step costs one gradient, see :func:`sliced_wasserstein_gradient`.

    References
    ----------
    N. Bonneel, J. Rabin, G. Peyre, H. Pfister, "Sliced and Radon Wasserstein Barycenters of Measures", JMIV 2015;
    K. Nguyen, N. Ho, "Sliced Wasserstein Estimation with Control Variates", ICLR 2024, arXiv:2305.00402 (the experiment
    with ``objective="sw"``); F. Pitie, A. Kokaram, R. Dahyot, "N-Dimensional Probability Density Function Transfer and
    its Application to Colour Transfer", ICCV 2005 ("transfer"). Other directions than uniform ones, and the
    Gaussian variate, are our own.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.transport import sliced_wasserstein_flow
    >>> rng = np.random.default_rng(0)
    >>> X, Y = rng.standard_normal((200, 2)), rng.random((200, 2))
    >>> result = sliced_wasserstein_flow(X, Y, 30, objective="sw2", random_state=0)
    >>> bool(result.history[-1] < 0.01 * result.history[0])
    True
    """
    n_steps = check_integer("n_steps", n_steps, minimum=0)
    lr = check_rate(lr)
    check_option("objective", objective, ("sw", "sw2"))
    check_option("method", method, ("gradient", "transfer"))
    callback = check_callback(callback)
    transfer = method == "transfer"
    if transfer and check_real("p", p, minimum=1) != 2:
        raise ValueError(f"p must be 2 for method='transfer'; got {p!r}")
    request = checked_request(
        X,
        Y,
        p=p,
        x_weights=x_weights,
        y_weights=y_weights,
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
    d = request.pair.x.shape[1]
    if transfer:
        scheme = request.scheme._replace(method="orthogonal", weights="uniform", variate=None)
        request = request._replace(scheme=scheme, n=d)
        objective, lr = "sw2", 1.0 if lr is None else lr
        rate = lr * d / 2
    else:
        if lr is None:
            lr = _PAPER_RATE if objective == "sw" else default_rate(d, request.n)
        rate = lr if objective == "sw2" else lr / request.pair.scale
    return _follow(X, request, n_steps, lr, rate, objective, callback, verbose)


def _follow(X, request, n_steps, lr, rate, objective, callback, verbose):
    """Return the result of ``n_steps`` steps of ``rate`` times the velocities, on the scale of the pair."""
    pair, kept = request.pair, request.kept[0]
    dtype = pair.x.dtype
    begin = np.array(X, dtype=dtype)
    origin = pair.x.astype(np.float64)
    x, history = origin.copy(), []

    def places():
        moved = begin.copy()
        moved[slice(None) if kept is None else kept] += (pair.scale * (x - origin)).astype(dtype)
        return moved

    with progress_bar(total=n_steps, desc="flow", verbose=verbose) as bar:
        for step in range(n_steps):
            current = request._replace(pair=pair._replace(x=x.astype(dtype)))
            distance, velocities = _velocities(current, step, objective)
            x -= rate * velocities
            check_moved(x, step + 1, lr)
            history.append(distance * pair.scale)
            bar.set_postfix(distance=f"{history[-1]:.6g}", refresh=False)
            bar.update()
            if callback is not None and callback(step + 1, places(), history[-1]):
                break
    return Bunch(X=places(), history=np.array(history), n_steps=len(history), lr=float(lr))
