"""The small problem that a sketch leaves, and the law of its solution around that of the full problem."""

from typing import NamedTuple

import numpy as np
from scipy.linalg import qr, solve_triangular

from sparsesci._core.threads import single_threaded_blas

# A column that the others explain up to this share of its length is taken as a combination of them.
_RANK_TOLERANCE = {np.dtype(np.float64): 1e-10, np.dtype(np.float32): 1e-5}


class SketchSolution(NamedTuple):
    """Ridge regression on the d sketched features, for k targets.

    ``sensitivity`` holds the standard deviations of the coefficients for sketched targets with independent errors of
    unit variance, ``shrinkage`` the derivative that makes the sketch's error in A^T A felt (zero for alpha = 0).
    """

    coef: np.ndarray  # (d, k)
    intercept: np.ndarray  # (k,)
    residual: np.ndarray  # (k,), norms of the sketched residuals
    sensitivity: np.ndarray  # (d,)
    shrinkage: np.ndarray  # (d, k)
    degrees: float  # fitted degrees of freedom, with the intercept
    rank: int  # of the features; after centring, where there is an intercept


def solve_sketch(features, targets, ones, alpha, dtype):
    """Solve argmin ||features @ x + ones * c - targets||^2 + alpha ||x||^2.

    Parameters
    ----------
    features : ndarray of shape (m, d)
    targets : ndarray of shape (m, k)
    ones : ndarray of shape (m,) or None
        The sketched column of ones, None for no intercept. The intercept is not penalised.
    alpha : float
    dtype : dtype
        Precision of the data that were sketched, which decides what is a dependent column.

    Returns
    -------
    solution : SketchSolution
        Where the columns are dependent, the solution with the smallest norm of ``coef``.
    """
    d = features.shape[1]
    first = [] if ones is None else [ones[:, np.newaxis]]
    with single_threaded_blas():
        r = _square_r(np.hstack(first + [features, targets]))
        i = len(first)
        # The intercept is eliminated first, so that no norm and no penalty takes it in.
        lead, r, lengths = r[:i], r[i:, i:], np.linalg.norm(r[: i + d, i : i + d], axis=0)
        r_features, r_targets, r_rest = r[:d, :d], r[:d, d:], r[d:, d:]
        penalised, rhs = r_features, r_targets
        if alpha > 0:
            lengths = np.hypot(lengths, np.sqrt(alpha))
            ridge = np.hstack((np.sqrt(alpha) * np.eye(d), np.zeros_like(r_targets)))
            stacked = _square_r(np.vstack((r[:d], ridge)))
            penalised, rhs = stacked[:d, :d], stacked[:d, d:]
        inverse, rhs = _inverse_factor(penalised, rhs, lengths, _RANK_TOLERANCE[np.dtype(dtype)])
        coef = inverse @ rhs
        residual = np.hypot(np.linalg.norm(r_rest, axis=0), np.linalg.norm(r_targets - r_features @ coef, axis=0))
        if alpha > 0:
            sensitivity = np.linalg.norm(r_features @ inverse @ inverse.T, axis=0)
            shrinkage = alpha * (inverse @ (inverse.T @ coef))
            degrees = np.linalg.norm(r_features @ inverse) ** 2
        else:
            sensitivity = np.linalg.norm(inverse, axis=1)
            shrinkage = np.zeros_like(coef)
            degrees = inverse.shape[1]
        intercept = np.zeros(targets.shape[1])
        if i and lead[0, 0] != 0:
            intercept = (lead[0, d + 1 :] - lead[0, 1 : d + 1] @ coef) / lead[0, 0]
    return SketchSolution(coef, intercept, residual, sensitivity, shrinkage, degrees + i, inverse.shape[1])


def _square_r(A):
    """Return the upper triangular factor of ``A``, filled up with zero rows to a square."""
    r = np.linalg.qr(A, mode="r")
    return np.vstack((r, np.zeros((r.shape[1] - r.shape[0], r.shape[1]))))


def _inverse_factor(r, rhs, lengths, tolerance):
    """Return F and c such that F @ c is the minimum-norm solution of ``r @ x = rhs`` and F F^T = (r^T r)^+.

    ``lengths`` are those that the columns of ``r`` had before any were projected out: what is left of a column is
    compared with them.
    """
    d = r.shape[0]
    if (np.abs(np.diagonal(r)) > tolerance * lengths).all():
        return solve_triangular(r, np.eye(d), check_finite=False), rhs
    lengths = np.where(lengths > 0, lengths, 1.0)
    q, t, order = qr(r / lengths, pivoting=True, check_finite=False)
    rank = int(np.count_nonzero(np.abs(np.diagonal(t)) > tolerance))
    kept, dropped = lengths[order[:rank]], lengths[order[rank:]]
    # In the scaled and ordered unknowns the solutions are those of [I, W] x = T11^-1 c.
    explained = solve_triangular(t[:rank, :rank], t[:rank, rank:], check_finite=False)
    explained[np.abs(explained) <= tolerance] = 0.0  # rounding, which the ratios of lengths would blow up
    basis = np.vstack((np.eye(rank), (explained * dropped / kept[:, np.newaxis]).T))
    q_basis, r_basis = np.linalg.qr(basis)
    inverse = solve_triangular(t[:rank, :rank], np.eye(rank), check_finite=False) / kept[:, np.newaxis]
    factor = np.empty((d, rank))
    factor[order] = q_basis @ solve_triangular(r_basis, inverse, trans="T", check_finite=False)
    return factor, q[:, :rank].T @ rhs


class SketchLaw(NamedTuple):
    """What the sketch says about the solution of the full problem."""

    standard_errors: np.ndarray  # (d, k)
    residual_norm: np.ndarray  # (k,), estimates of the norms of the full residuals
    degrees: float  # of freedom of the t distribution; 0 where the sketch says nothing


def sketch_law(solution, n_components, n_padded=None):
    """Return standard errors of ``solution`` around the solution of the full problem.

    For a Gaussian sketch the errors, divided by these, are Student t with m - p degrees of freedom exactly, p being
    the number of fitted parameters. For m rows drawn without replacement from N = ``n_padded`` rows of a Haar
    distributed rotation, (x'_j - x_j)^2 / s^2 has the scale [((SA)^T SA)^-1 - (m / N) (A^T A)^-1]_jj exactly, and the
    expectation of (A^T A)^-1 given that of ((SA)^T SA)^-1 turns this into the factor (N - m) / (N - p - 1) on the
    variance. At m = N the sketch is an isometry and there is no error.

    With a penalty, the error of the sketch in A^T A moves the solution as well. To first order that adds the square
    of ``shrinkage`` over m to the variance.
    """
    m, p = n_components, solution.degrees
    if n_padded == m:
        return SketchLaw(np.zeros_like(solution.coef), solution.residual, np.inf)
    if m - p < 0.5:
        return SketchLaw(np.full_like(solution.coef, np.inf), np.full_like(solution.residual, np.nan), 0.0)
    scale = solution.residual / np.sqrt(m - p)
    residual_norm = scale * np.sqrt(m)
    errors = np.hypot(solution.sensitivity[:, np.newaxis] * scale, solution.shrinkage / np.sqrt(m))
    if n_padded is not None:
        errors *= np.sqrt((n_padded - m) / (n_padded - p - 1))
        residual_norm *= np.sqrt((n_padded - p) / n_padded)
    return SketchLaw(errors, residual_norm, m - p)
