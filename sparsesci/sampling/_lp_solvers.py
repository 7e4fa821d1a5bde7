"""Which solver minimises which loss, and what it proves."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sparsesci.sampling._lp_minimax import minimise_maximum, minimise_squares, quantile_program
from sparsesci.sampling._lp_preprocess import estimate, preprocess, start_of_quantile
from sparsesci.sampling._lp_smooth import minimise
from sparsesci.sampling._quantile_certificate import Certified, certify, pinball, to_vertex
from sparsesci.sampling._quantile_interior_point import interior_point

# From so many rows on the coreset pays for itself.
PREPROCESS_ROWS = 50_000
QUANTILE_SOLVERS = ("auto", "ipm", "preprocess", "highs")
# Below, the vertex of p = 1 is where to begin.
NEAR_ONE = 1.02
SOLVERS = (*QUANTILE_SOLVERS, "irls")


def check_solver(solver, p):
    """Return the solver that "auto" means for p, or raise ValueError where ``solver`` does not minimise that loss."""
    suited = ("ipm", "preprocess", "highs") if p == 1 else ("highs",) if np.isinf(p) else ("irls",)
    if solver != "auto" and solver not in suited:
        expected = ", ".join(repr(name) for name in ("auto", *suited))
        raise ValueError(f"solver must be one of {expected} for p={p:g}; got {solver!r}")
    return solver


def solve_quantile(problem, tau, solver, coreset_size, tol, max_iter):
    """Minimise the loss of quantile regression; return (Certified, n_iter)."""
    if problem.rank == 0 or problem.fits_exactly():
        return _exact(problem, lambda residual: pinball(residual, tau)), 0
    n = len(problem.target)
    if solver == "auto":
        solver = "preprocess" if n >= PREPROCESS_ROWS or coreset_size is not None else "ipm"
    if solver == "highs":
        end = quantile_program(problem, tau)
    elif solver == "preprocess":
        end = preprocess(problem, tau, tol, max_iter, coreset_size)
    else:
        end = interior_point(
            problem.columns, problem.target, start_of_quantile(problem, tau), tau, tol, max_iter, problem.n_jobs
        )
    return to_vertex(problem, tau, certify(problem, tau, end.coef, end.dual), end.weight), end.n_iter


def solve_power(problem, p, coreset_size, tol, max_iter):
    """Minimise the sum of ``|r|**p``, or for p infinite the largest residual.

    Returns
    -------
    found : Certified
    unit : float
        The objective is the sum of ``|r / unit|**p``.
    n_iter : int
    """

    def power_loss(residual):
        return float(np.abs(residual).max(initial=0.0) if np.isinf(p) else np.sum(np.abs(residual) ** p))

    if problem.rank == 0 or problem.fits_exactly():
        return _exact(problem, power_loss), 1.0, 0
    if np.isinf(p):
        found, n_iter = minimise_maximum(problem, tol, max_iter)
        return found, 1.0, n_iter
    if p == 2:
        return minimise_squares(problem), 1.0, 1
    used = 0
    if p < NEAR_ONE:
        nearby, used = solve_quantile(problem, 0.5, "auto", coreset_size, tol, max_iter)
        start = nearby.coef
    else:
        start = problem.coef if coreset_size is None else estimate(problem, p, coreset_size, max_iter)
    found, unit, n_iter = minimise(problem, p, start, tol, max_iter)
    return found, unit, used + n_iter


def _exact(problem, loss):
    """Return least squares where they leave nothing but rounding errors, or where there is nothing to choose."""
    residual = problem.residual(problem.coef)
    return Certified(problem.coef, np.zeros_like(residual), loss(residual), 0.0)


def warn_unless_converged(gap, tol, n_iter):
    """Warn where the duality gap stayed above the tolerance."""
    if not gap <= tol:
        warnings.warn(
            f"the relative duality gap is {gap:.1e} after {n_iter} iterations, above tol={tol:g}; the best "
            "coefficients found are kept",
            ConvergenceWarning,
            stacklevel=4,
        )
