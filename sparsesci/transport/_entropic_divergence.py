"""Sinkhorn divergence between clouds of points, and derivatives of the regularised cost."""

import numpy as np
from sklearn.utils import Bunch

from sparsesci._core.device import resolve_device, twin
from sparsesci._core.threads import effective_n_jobs, single_threaded_blas
from sparsesci._core.validation import check_option
from sparsesci.transport import _semidual_kernels
from sparsesci.transport._entropic_input import METRIC_NAMES, check_masses, check_options, check_points, check_reg
from sparsesci.transport._entropic_kernels import point_gradient
from sparsesci.transport._entropic_problem import Problem
from sparsesci.transport._entropic_solve import Costs, solve

_MOST_AVERAGED_STEPS = 60


def _check(X, Y, a, b, metric, reg, tol, max_iter, n_jobs, device):
    X, Y = check_points(X, Y)
    check_option("metric", metric, METRIC_NAMES)
    a, b = check_masses(a, b, len(X), len(Y))
    options = check_options(
        method="auto",
        tol=tol,
        max_iter=max_iter,
        n_sinkhorn=5,
        density=None,
        linear_solver="auto",
        eta_factor=4.0,
        return_plan=False,
        round=False,
        verbose=0,
    )
    reg, n_jobs = check_reg(reg), effective_n_jobs(n_jobs)
    resolve_device(device)
    return X, Y, a, b, reg, options, n_jobs


def sinkhorn_divergence(
    X, Y, a=None, b=None, *, metric="sqeuclidean", reg, tol=1e-9, max_iter=1000, n_jobs=None, device="cpu"
):
    """Return the Sinkhorn divergence between two clouds of points.

    It is ``OT(X, Y) - (OT(X, X) + OT(Y, Y)) / 2`` with the entropically regularised cost OT:
    without its bias, zero between a cloud and itself, and not negative for these metrics.

    Parameters
    ----------
    X, Y : array-like of shape (n, d), (m, d)
        Points.
    a, b : array-like of shape (n,), (m,), or None, default=None
        Their masses; None is uniform.
    metric : {"sqeuclidean", "euclidean", "cityblock"}, default="sqeuclidean"
        The cost of a pair of points.
    reg : float
        Strength of the regularisation, in units of the costs; positive.
    tol : float, default=1e-9
        The largest error of the marginals of each of the three problems.
    max_iter : int, default=1000
        The most evaluations for each of them.
    n_jobs : int or None, default=None
        Number of threads. The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where the semi-duals are evaluated.

    Returns
    -------
    divergence : float

    Raises
    ------
    ValueError
        As in :func:`entropic_transport_points`.

    Warns
    -----
    ConvergenceWarning
        If one of the problems has not converged.

    Notes
    -----
    Three problems without a matrix of costs. The symmetric ones have a single potential, found by
    averaging it with its own transform, and by Newton steps where that is slow. After J. Feydy,
    T. Séjourné, F.-X. Vialard, S. Amari, A. Trouvé, G. Peyré, "Interpolating between optimal
    transport and MMD using Sinkhorn divergences", AISTATS 2019, arXiv:1810.08278.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.transport import sinkhorn_divergence
    >>> X = np.random.default_rng(0).standard_normal((100, 2))
    >>> bool(abs(sinkhorn_divergence(X, X, reg=0.1)) < 1e-8)
    True
    >>> bool(abs(sinkhorn_divergence(X, X + 2.0, reg=0.1) - 8.0) < 1e-6)
    True
    """
    X, Y, a, b, reg, options, n_jobs = _check(X, Y, a, b, metric, reg, tol, max_iter, n_jobs, device)
    between = solve(Costs(X=X, Y=Y, metric=metric), a, b, reg, options, None, n_jobs, device).dual_value
    within = [_symmetric_value(*cloud, metric, reg, options, n_jobs, device) for cloud in ((X, a), (Y, b))]
    return float(between - (within[0] + within[1]) / 2)


def _symmetric_value(X, a, metric, reg, options, n_jobs, device):
    """Return the regularised cost of transport from a cloud to itself."""
    X, a = X[a > 0], a[a > 0]
    costs = Costs(X=X, Y=X, metric=metric)
    y = reg * np.log(a) / 2
    with single_threaded_blas():
        problem = Problem(costs.for_kernels(), a, a, 1.0 / reg, twin(_semidual_kernels, device), n_jobs)
        for _ in range(min(_MOST_AVERAGED_STEPS, options["max_iter"])):
            point = problem.evaluate(y, problem.eta)
            if point.error <= options["tol"]:
                return point.value
            y = (point.x + y) / 2
    return solve(costs, a, a, reg, options, (y, y), n_jobs, device).dual_value


def transport_cost_gradient(
    X, Y, a=None, b=None, *, metric="sqeuclidean", reg, tol=1e-9, max_iter=1000, n_jobs=None, device="cpu"
):
    """Differentiate the regularised transport cost between clouds by their points and masses.

    The derivative by a matrix of costs needs no function: it is the plan of
    :func:`entropic_transport`.

    Parameters
    ----------
    X, Y : array-like of shape (n, d), (m, d)
        Points.
    a, b : array-like of shape (n,), (m,), or None, default=None
        Their masses; None is uniform.
    metric : {"sqeuclidean", "euclidean", "cityblock"}, default="sqeuclidean"
        The cost of a pair of points. Where it has a kink, the derivative is taken to be zero.
    reg : float
        Strength of the regularisation, in units of the costs; positive.
    tol : float, default=1e-9
        The largest error of the marginals; the derivatives are as accurate.
    max_iter : int, default=1000
        The most evaluations.
    n_jobs : int or None, default=None
        Number of threads. The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where the semi-dual is evaluated.

    Returns
    -------
    gradient : :class:`~sklearn.utils.Bunch`
        * regularized_cost: float, what is differentiated, ``sum(C * P) + reg * sum(P * log(P))``;
        * X, Y: derivatives by the points, of their shapes; for squared distances
          ``2 * sum_j P_ij (X_i - Y_j)``;
        * a, b: derivatives by the masses, up to a constant: potentials with mean zero.

    Raises
    ------
    ValueError
        As in :func:`entropic_transport_points`.

    Warns
    -----
    ConvergenceWarning
        If the problem has not converged.

    Notes
    -----
    By the envelope theorem the plan counts as constant. Two passes of O(n m d) beside the
    solution.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.transport import transport_cost_gradient
    >>> X = np.random.default_rng(0).standard_normal((40, 2))
    >>> gradient = transport_cost_gradient(X, X + 1.0, reg=0.01)
    >>> bool(np.allclose(gradient.X.sum(axis=0), -2.0))  # all points are to move by (1, 1)
    True
    """
    X, Y, a, b, reg, options, n_jobs = _check(X, Y, a, b, metric, reg, tol, max_iter, n_jobs, device)
    result = solve(Costs(X=X, Y=Y, metric=metric), a, b, reg, options, None, n_jobs, device)
    u, v = result.potentials
    by_points = []
    for points, others, weights, masses, potential in ((X, Y, a, b, v), (Y, X, b, a, u)):
        used = masses > 0
        costs = Costs(X=points, Y=others[used], metric=metric).for_kernels()
        by_points.append(point_gradient(*costs[1:], potential[used], 1.0 / reg, weights, n_jobs))
    return Bunch(
        regularized_cost=result.dual_value, X=by_points[0], Y=by_points[1], a=u - u.mean(), b=v - v.mean()
    )  # fmt: skip
