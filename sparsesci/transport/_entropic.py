"""Entropic optimal transport between histograms and between clouds of points."""

from sparsesci._core.device import resolve_device
from sparsesci._core.threads import effective_n_jobs
from sparsesci._core.validation import check_option
from sparsesci.transport._entropic_input import (
    METRIC_NAMES,
    check_costs,
    check_init,
    check_masses,
    check_options,
    check_points,
    check_reg,
)
from sparsesci.transport._entropic_solve import Costs, solve


def entropic_transport(
    C,
    a=None,
    b=None,
    *,
    reg,
    method="auto",
    tol=1e-9,
    max_iter=1000,
    init=None,
    n_sinkhorn=5,
    density=None,
    linear_solver="auto",
    eta_factor=4.0,
    return_plan=True,
    round=False,
    n_jobs=None,
    device="cpu",
    verbose=0,
):
    """Solve an entropically regularised transport problem to high accuracy.

    Minimises ``sum(C * P) + reg * sum(P * log(P))`` over plans P >= 0 with row sums ``a`` and
    column sums ``b``. The answer is ``P = exp((u[:, None] + v - C) / reg)`` for potentials u, v.

    Parameters
    ----------
    C : array-like of shape (n, m)
        Costs. Infinity forbids a pair. float32 is not converted, but all sums are in float64.
    a, b : array-like of shape (n,), (m,), or None, default=None
        Masses of rows and columns, not negative, with the same sum; they are normalised to sum
        one. None is uniform. Rows and columns without mass stay empty.
    reg : float
        Strength of the regularisation, in units of the costs; positive.
    method : {"auto", "newton", "sns", "sinkhorn", "sinkhorn_log"}, default="auto"
        * "auto": sparse Newton steps on the semi-dual, in which the row potentials are eliminated,
          with continuation in ``reg``. Tens of evaluations for any ``reg``.
        * "newton": the same with the full matrix, factorised.
        * "sns": scaling, then sparse Newton steps on both potentials with a fixed density.
        * "sinkhorn": scaling by matrix-vector products, stabilised.
        * "sinkhorn_log": scaling in the log domain.
    tol : float, default=1e-9
        The largest 1-norm of the errors of the marginals.
    max_iter : int, default=1000
        The most evaluations of the plan or of its marginals. One step of scaling is one.
    init : pair of arrays of shapes (n,), (m,), or None, default=None
        Potentials (u, v) to begin with, as in the ``potentials`` of a result.
    n_sinkhorn : int, default=5
        Steps of scaling before Newton's: at each regularisation of the continuation, or for "sns".
    density : float or None, default=None
        Only for "sns": share of the n m entries of P that its matrix keeps, in (0, 1]. None is
        6 / min(n, m).
    linear_solver : {"auto", "pcg", "cholesky"}, default="auto"
        For "auto": conjugate gradients or a dense factorisation, or whichever is less work.
    eta_factor : float, default=4.0
        By how much the regularisation falls between stages of the continuation; above 1.
    return_plan : bool, default=True
        Whether to return the plan.
    round : bool, default=False
        Whether to correct the plan so that its marginals are exact up to rounding.
    n_jobs : int or None, default=None
        Number of threads, in joblib's meaning. The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where the semi-dual is evaluated. The matrix is copied there once.
    verbose : int, default=0
        1 shows a progress bar with the marginal error.

    Returns
    -------
    result : TransportResult
        A dictionary with attribute access, as :class:`scipy.optimize.OptimizeResult`, with

        * plan: ndarray of shape (n, m), or None;
        * cost: transport cost ``sum(C * plan)``, without the entropy;
        * regularized_cost: with it; dual_value: ``a @ u + b @ v``, equal to it at the optimum;
        * potentials: pair (u, v), v with mean zero over columns with mass. Entries without mass,
          which the plan does not determine, get the c-transform ``min_j(C_ij - v_j)``;
        * n_iter: steps of scaling and of Newton; n_newton, n_cg, n_evaluations;
        * marginal_error: 1-norm of the errors of the marginals of the plan;
        * history: array of rows (evaluation, 1 / reg at that stage, error);
        * converged, message; nnz: entries of P that are not negligible for a Newton step.

    Raises
    ------
    ValueError
        If C is not 2-d or holds NaN or -inf; if ``a`` or ``b`` has the wrong length, a negative
        entry or no mass; if their sums differ by more than 1e-8; if ``reg`` is not positive and
        finite; if infinite costs leave no plan for a row, a column or a separate group of them;
        for options out of range.
    TypeError
        For arrays or options of the wrong type.

    Warns
    -----
    ConvergenceWarning
        If the error is above ``tol`` at the end; the result says what was reached.
    SparseSciWarning
        If ``reg`` is less than 1e-8 times the range of the costs.

    See Also
    --------
    entropic_transport_points : The same without a matrix of costs.
    EntropicTransport : Estimator that maps points.

    Notes
    -----
    An evaluation costs O(n m) time, a Newton step besides O(nnz) for each step of conjugate
    gradients, nnz being the number of entries that matter at the regularisation, or O(m^3) for a
    factorisation; m is the smaller side. Memory: O(nnz) beside C and the plan. If m > n, or C is
    not C-ordered, C is copied once. "sns", "sinkhorn" hold one or two more matrices.

    "sns" follows X. Tang, M. Shavlovsky, H. Rahmanian, E. Tardini, K. K. Thekumparampil, T. Xiao,
    L. Ying, "Accelerating Sinkhorn algorithm with sparse Newton iterations", ICLR 2024,
    arXiv:2401.12253; its stopping rules are ours, as are the semi-dual form, adaptive
    sparsification and continuation of "auto". Rounding is that of J. Altschuler, J. Weed,
    P. Rigollet, NeurIPS 2017, arXiv:1705.09634.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.transport import entropic_transport
    >>> C = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> result = entropic_transport(C, reg=0.5)
    >>> result.converged
    True
    >>> bool(np.isclose(result.plan[0, 0], 0.5 / (1 + np.exp(-1 / 0.5))))
    True
    """
    C, has_infinite = check_costs(C)
    a, b = check_masses(a, b, *C.shape)
    init = check_init(init, *C.shape)
    reg = check_reg(reg)
    options = check_options(
        method=method,
        tol=tol,
        max_iter=max_iter,
        n_sinkhorn=n_sinkhorn,
        density=density,
        linear_solver=linear_solver,
        eta_factor=eta_factor,
        return_plan=return_plan,
        round=round,
        verbose=verbose,
    )
    n_jobs = effective_n_jobs(n_jobs)
    resolve_device(device)
    return solve(Costs(C, has_infinite=has_infinite), a, b, reg, options, init, n_jobs, device)


def entropic_transport_points(
    X,
    Y,
    a=None,
    b=None,
    *,
    metric="sqeuclidean",
    reg,
    method="auto",
    tol=1e-9,
    max_iter=1000,
    init=None,
    n_sinkhorn=5,
    density=None,
    linear_solver="auto",
    eta_factor=4.0,
    return_plan=True,
    round=False,
    n_jobs=None,
    device="cpu",
    verbose=0,
):
    """Solve an entropically regularised transport problem between clouds of points, without a matrix of costs.

    Costs are computed whenever they are needed. With ``return_plan=False`` the memory needed is
    that of the entries that matter, as long as ``method`` is "auto", "newton" or "sinkhorn_log".

    Parameters
    ----------
    X, Y : array-like of shape (n, d), (m, d)
        Points.
    a, b : array-like of shape (n,), (m,), or None, default=None
        Their masses, as in :func:`entropic_transport`.
    metric : {"sqeuclidean", "euclidean", "cityblock"}, default="sqeuclidean"
        The cost of a pair of points.
    reg : float
        Strength of the regularisation, in units of the costs.
    method, tol, max_iter, init, n_sinkhorn, density, linear_solver, eta_factor : optional
        As in :func:`entropic_transport`.
    return_plan : bool, default=True
        Whether to return the plan, a dense matrix.
    round : bool, default=False
        Whether to make its marginals exact up to rounding.
    n_jobs, device, verbose : optional
        As in :func:`entropic_transport`.

    Returns
    -------
    result : TransportResult
        As in :func:`entropic_transport`.

    Raises
    ------
    ValueError
        If the points are not finite, or of different numbers of features, and as in
        :func:`entropic_transport`.

    Warns
    -----
    ConvergenceWarning
        If the error is above ``tol`` at the end.

    Notes
    -----
    An evaluation costs O(n m d) time. For many features, a matrix of costs made once is faster.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.transport import entropic_transport_points
    >>> X = np.linspace(0, 1, 50)[:, None]
    >>> result = entropic_transport_points(X, X + 2.0, reg=0.01)
    >>> bool(abs(result.cost - 4.0) < 0.01)
    True
    """
    X, Y = check_points(X, Y)
    check_option("metric", metric, METRIC_NAMES)
    a, b = check_masses(a, b, len(X), len(Y))
    init = check_init(init, len(X), len(Y))
    reg = check_reg(reg)
    options = check_options(
        method=method,
        tol=tol,
        max_iter=max_iter,
        n_sinkhorn=n_sinkhorn,
        density=density,
        linear_solver=linear_solver,
        eta_factor=eta_factor,
        return_plan=return_plan,
        round=round,
        verbose=verbose,
    )
    n_jobs = effective_n_jobs(n_jobs)
    resolve_device(device)
    return solve(Costs(X=X, Y=Y, metric=metric), a, b, reg, options, init, n_jobs, device)
