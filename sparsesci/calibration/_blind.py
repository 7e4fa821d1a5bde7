"""Blind gain calibration: one unknown signal, known random sensing, unknown positive gains."""

import warnings
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sparsesci._core.device import resolve_device
from sparsesci._core.rng import key_from_random_state
from sparsesci._core.threads import effective_n_jobs, single_threaded_blas
from sparsesci._core.validation import check_integer, check_option, check_real
from sparsesci.calibration import _solvers
from sparsesci.calibration._sensing import check_matrix, check_readings, check_sensing, check_vector

SOLVERS = ("auto", "gradient", "linear", "gauss_newton", "als", "bc_iht")
_RANK_TOLERANCE = 1e-10


class BlindCalibrationResult(NamedTuple):
    """What :func:`blind_calibrate` returns.

    Attributes
    ----------
    x : ndarray of shape (n,)
        The signal.
    gains : ndarray of shape (m,)
        The gains, with sum m. Those of dropped sensors are zero.
    n_iter : int
    loss : float
        The objective at the end.
    converged : bool
    message : str
        Why the iteration ended, with the name of the solver that was used.
    loss_curve : list of float
        The objective at every iteration.
    """

    x: np.ndarray
    gains: np.ndarray
    n_iter: int
    loss: float
    converged: bool
    message: str
    loss_curve: list


def blind_calibrate(
    A,
    Y,
    *,
    solver="auto",
    rho=None,
    signal_basis=None,
    gain_basis=None,
    n_nonzero=None,
    dead="raise",
    max_iter=2000,
    tol=1e-8,
    sample_weight=None,
    random_state=None,
    n_jobs=None,
    device="cpu",
    verbose=0,
):
    """Recover one signal and the gains of the sensors that observed it through known random vectors.

    Reading i of snapshot l is ``Y[l, i] = gains[i] * A[l, i] @ x`` plus noise. Minimises the sum over l and i of
    ``(gains[i] * A[l, i] @ x - Y[l, i]) ** 2``, divided by 2 m p, over signals and gains with sum m.

    Parameters
    ----------
    A : array-like of shape (p, m, n), LinearOperator of shape (p m, n), or sequence of p of shape (m, n)
        The sensing vectors: independent, with independent entries of mean zero and variance one. Of an operator,
        products with vectors are all that is needed. float32 stays float32.
    Y : array-like of shape (p, m)
        Readings of m sensors in p snapshots.
    solver : {"auto", "gradient", "linear", "gauss_newton", "als", "bc_iht"}, default="auto"
        "gradient" is projected gradient descent from the back-projection of the readings; "linear" least squares
        in the signal and the inverse gains; "gauss_newton" starts from that (or from some gradient iterations) and
        polishes; "als" alternates least squares; "bc_iht" is the gradient method with hard thresholding for
        sparse signals. "auto" takes "bc_iht" if ``n_nonzero`` is given, "gradient" if ``rho`` is, and "gauss_newton"
        otherwise.
    rho : float in (0, 1) or None, default=None
        If given, gains are kept within rho of one.
    signal_basis : array-like of shape (n, k) or None, default=None
        The signal is known to lie in the span of these columns.
    gain_basis : array-like of shape (m, h) or None, default=None
        The gains are known to lie in the span of these columns; the constant is added if it is not among them.
    n_nonzero : int or None, default=None
        If given, the signal (its coefficients, with ``signal_basis``) has at most so many entries that are not zero.
    dead : {"raise", "drop"}, default="raise"
        What to do with sensors all of whose readings are zero: a positive gain cannot explain them. "drop" leaves them
        out and returns zero as their gain.
    max_iter : int, default=2000
    tol : float, default=1e-8
        The iteration ends when the root mean square of the residual is below ``tol`` times that of the readings, or
        when the objective no longer decreases.
    sample_weight : array-like of shape (p,) or None, default=None
        Weights of the snapshots.
    random_state : int, RandomState instance, Generator or None, default=None
        Validated and otherwise not used: all present solvers are deterministic.
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where products with a stored ``A`` are computed.
    verbose : int, default=0
        Whether to show a progress bar.

    Returns
    -------
    result : BlindCalibrationResult
        A named tuple of ``x``, ``gains``, ``n_iter``, ``loss``, ``converged``, ``message`` and ``loss_curve``.

    Raises
    ------
    ValueError
        If shapes do not agree, values are not finite, a parameter is out of range, a basis is rank-deficient, a sensor
        is dead, or the solver does not apply: "linear" and "als" need a stored ``A``, "linear" also p m >= n and no
        ``gain_basis``, and only "bc_iht" and "gradient" take ``n_nonzero``.
    TypeError
        If a parameter is of the wrong type.

    Warns
    -----
    UserWarning
        If there are fewer readings than m p = n + m - 1 (k + h - 1 with bases), so that the problem cannot have one
        solution; if all readings are zero; if "linear" finds a gain that is not positive and "gradient" takes over.
    ConvergenceWarning
        If ``max_iter`` was reached, or a gain is not positive in the end.

    See Also
    --------
    BlindGainCalibrator : The same as an estimator, with ``partial_fit`` over snapshots.
    cramer_rao_bound : The least variance that an unbiased estimate can have.

    Notes
    -----
    A gradient iteration reads A twice: O(p m n). "linear" takes O(m p n^2 + n^3 + m n^2), a Gauss-Newton step the same;
    above n = 4096, and with operators, steps are found by conjugate gradients. Memory: A and O(n^2) for the stored
    variants, A and O(n + m p) for the others.

    The gradient method, with steps by exact line search in place of the constants of the theory, its subspace
    version and the hard-thresholding version are those of Cambareri and Jacques, as far as we know the details: of
    the papers only the abstracts could be read. "linear" follows Ling and Strohmer. "gauss_newton" is our own addition.

    References
    ----------
    V. Cambareri, L. Jacques, "Through the Haze: a Non-Convex Approach to Blind Gain Calibration for Linear Random
    Sensing Models", 2016, arXiv:1610.09028; V. Cambareri, L. Jacques, "A Greedy Blind Calibration Method for
    Compressed Sensing with Unknown Sensor Gains", 2016; S. Ling, T. Strohmer, "Self-Calibration and Bilinear Inverse
    Problems via Linear Least Squares", 2016, arXiv:1611.04196.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.calibration import blind_calibrate
    >>> from sparsesci.datasets import make_blind_calibration
    >>> A, Y, x, gains = make_blind_calibration(n=64, m=32, p=5, rho=0.5, random_state=0)
    >>> result = blind_calibrate(A, Y)
    >>> bool(np.allclose(result.gains, gains) and np.allclose(result.x, x))
    True
    """
    options = check_options(
        solver=solver, rho=rho, n_nonzero=n_nonzero, dead=dead, max_iter=max_iter, tol=tol,
        random_state=random_state, n_jobs=n_jobs, device=device, verbose=verbose,
    )  # fmt: skip
    Y = check_readings(Y)
    sensing = check_sensing(A, Y.shape, n_jobs=n_jobs, device=device)
    return calibrate(sensing, Y, options, signal_basis, gain_basis, sample_weight)


def check_options(*, solver, rho, n_nonzero, dead, max_iter, tol, random_state, n_jobs, device, verbose):
    """Return the checked options that do not depend on the data, as a dictionary."""
    check_option("solver", solver, SOLVERS)
    check_option("dead", dead, ("raise", "drop"))
    if rho is not None:
        rho = check_real("rho", rho, minimum=0, maximum=1, exclusive=True)
    if n_nonzero is not None:
        n_nonzero = check_integer("n_nonzero", n_nonzero, minimum=1)
    elif solver == "bc_iht":
        raise ValueError("n_nonzero must be given with solver='bc_iht'; got None")
    if n_nonzero is not None and solver not in ("auto", "gradient", "bc_iht"):
        raise ValueError(f"n_nonzero={n_nonzero} needs solver='bc_iht', 'gradient' or 'auto'; got solver={solver!r}")
    key_from_random_state(random_state)
    effective_n_jobs(n_jobs)
    resolve_device(device)
    return {
        "solver": solver,
        "rho": rho,
        "n_nonzero": n_nonzero,
        "dead": dead,
        "max_iter": check_integer("max_iter", max_iter, minimum=1),
        "tol": check_real("tol", tol, minimum=0),
        "verbose": check_integer("verbose", verbose, minimum=0) if not isinstance(verbose, bool) else verbose,
    }


def check_weights(sample_weight, p):
    """Return weights of p snapshots with mean one."""
    if sample_weight is None:
        return np.ones(p)
    weights = check_vector(sample_weight, "sample_weight", p).astype(np.float64)
    if weights.min() < 0 or weights.max() == 0:
        raise ValueError("sample_weight must not be negative and not all zero")
    return weights * (p / weights.sum())


def check_signal_basis(basis, n, n_nonzero):
    """Return orthonormal columns that span the columns of ``basis``, or None."""
    if basis is None:
        size = n
    else:
        basis = check_matrix(basis, "signal_basis", n).astype(np.float64)
        size = basis.shape[1]
        if size > n:
            raise ValueError(f"signal_basis must not have more than n = {n} columns; got {size}")
        orthonormal, triangle = np.linalg.qr(basis)
        pivots = np.abs(np.diagonal(triangle))
        if pivots.min() <= _RANK_TOLERANCE * pivots.max():
            raise ValueError("signal_basis must have linearly independent columns")
        if not np.allclose(basis.T @ basis, np.eye(size), atol=1e-12):
            basis = orthonormal
    if n_nonzero is not None and n_nonzero > size:
        raise ValueError(f"n_nonzero must be at most {size}, the number of unknowns of the signal; got {n_nonzero}")
    return basis


def check_gain_basis(basis, m, live):
    """Return orthonormal columns, orthogonal to ones, that span with ones the columns of ``basis``, or None."""
    if basis is None:
        return None
    basis = check_matrix(basis, "gain_basis", m).astype(np.float64)
    if basis.shape[1] > m:
        raise ValueError(f"gain_basis must not have more than m = {m} columns; got {basis.shape[1]}")
    basis = basis[live]
    centred = basis - basis.mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    return left[:, values > _RANK_TOLERANCE * max(np.linalg.norm(basis), 1e-300)]


def calibrate(sensing, Y, options, signal_basis, gain_basis, sample_weight):
    """Solve a problem whose sensing model, readings and options have been checked."""
    p, m = Y.shape
    n = sensing.n_features
    weights = check_weights(sample_weight, p)
    signal_basis = check_signal_basis(signal_basis, n, options["n_nonzero"])
    check_gain_basis(gain_basis, m, slice(None))
    scale = float(np.abs(Y).max())
    if scale == 0:
        warnings.warn("all readings in Y are zero: so is the signal, and gains are unknown", UserWarning, stacklevel=3)
        message = "all readings are zero"
        return BlindCalibrationResult(np.zeros(n, sensing.dtype), np.ones(m), 0, 0.0, True, message, [0.0])
    live = _live_sensors(Y, weights, options["dead"])
    if len(live) < m:
        sensing, Y = sensing.sensors(live), Y[:, live]
    if signal_basis is not None:
        sensing = sensing.in_basis(signal_basis)
    # Powers of two change no bit of the result, and keep squares from over- and underflowing.
    scale = 2.0 ** np.floor(np.log2(scale))
    problem = _solvers.Problem(
        sensing=sensing,
        Y=Y.astype(np.float64) / scale,
        weights=weights,
        gain_basis=check_gain_basis(gain_basis, m, live),
        rho=options["rho"],
        n_nonzero=options["n_nonzero"],
    )
    solver = _choose(problem, options["solver"])
    _warn_if_not_identifiable(problem)
    with single_threaded_blas():
        solution, solver = _solve(problem, solver, options)
    _warn_of(solution)
    x = solution.x if signal_basis is None else signal_basis @ solution.x
    gains = np.zeros(m)
    gains[live] = solution.gains * (len(live) / solution.gains.sum())
    losses = [loss * scale**2 for loss in solution.losses]
    x = (x * scale).astype(sensing.dtype)
    return BlindCalibrationResult(
        x, gains, solution.n_iter, losses[-1], bool(solution.converged), f"{solver}: {solution.message}", losses
    )


def _live_sensors(Y, weights, dead):
    live = (Y[weights > 0] != 0).any(axis=0)
    if not live.all() and dead == "raise":
        named = ", ".join(str(i) for i in np.flatnonzero(~live)[:10])
        raise ValueError(
            f"Y must not be zero in all snapshots of a sensor, as no positive gain explains that; "
            f"sensors {named} are dead: pass dead='drop' to leave them out"
        )
    return np.flatnonzero(live)


def _choose(problem, solver):
    """Return the solver that "auto" stands for; ValueError where the one asked for does not apply."""
    stored = problem.sensing.matrix is not None
    if problem.n_nonzero is not None:
        return "bc_iht"
    if solver == "auto":
        return "gradient" if problem.rho is not None else "gauss_newton"
    if solver in ("linear", "als") and not stored:
        raise ValueError(f"solver={solver!r} needs A as an array; got operators")
    if solver == "linear" and problem.gain_basis is not None:
        raise ValueError("solver='linear' does not take gain_basis, as it is linear in the inverse gains")
    if solver == "linear" and problem.Y.size < problem.sensing.n_features:
        raise ValueError(
            f"solver='linear' needs at least as many readings as the signal has unknowns, "
            f"{problem.sensing.n_features}; got {problem.Y.size}"
        )
    return solver


def _warn_if_not_identifiable(problem):
    if problem.n_nonzero is not None:
        return
    n = problem.sensing.n_features
    m = problem.Y.shape[1] if problem.gain_basis is None else problem.gain_basis.shape[1] + 1
    seen = int(np.count_nonzero(problem.weights)) * problem.Y.shape[1]
    if seen < n + m - 1:
        warnings.warn(
            f"signal and gains are not identifiable: {seen} readings for {n} + {m} - 1 unknowns",
            UserWarning,
            stacklevel=4,
        )


def _solve(problem, solver, options):
    """Return the solution and the name of the solver that found it."""
    limits = {"max_iter": options["max_iter"], "tol": options["tol"], "verbose": options["verbose"]}
    if solver == "linear":
        solution = _solvers.linear(problem)
        if solution is not None:
            return solution, solver
        warnings.warn(
            "solver='linear' found a gain that is not positive; solver='gradient' is used", UserWarning, stacklevel=4
        )
        solver = "gradient"
    functions = {
        "gradient": _solvers.gradient,
        "bc_iht": _solvers.gradient,
        "gauss_newton": _solvers.gauss_newton,
        "als": _solvers.alternating,
    }
    return functions[solver](problem, **limits), solver


def _warn_of(solution):
    if not solution.converged:
        text = f"blind calibration did not converge in {solution.n_iter} iterations ({solution.message})"
        warnings.warn(f"{text}: raise max_iter or collect more snapshots", ConvergenceWarning, stacklevel=4)
    if solution.gains.min() <= 0:
        named = ", ".join(str(i) for i in np.flatnonzero(solution.gains <= 0)[:10])
        warnings.warn(f"the gains of sensors {named} are not positive", ConvergenceWarning, stacklevel=4)
