"""A primal-dual interior point for quantile regression, with its rows stored by columns.

Mehrotra's predictor and corrector on the dual ``max b'a, A'a = (1 - tau) A'1, 0 <= a <= 1``, as in R. Koenker,
S. Portnoy, "The Gaussian hare and the Laplacian tortoise", Statistical Science 12 (1997) 279-300; the start is our own.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotrs

from sparsesci.sampling import _quantile_kernels as kernels

_TO_THE_BOUNDARY = 0.99995
_FAR_FROM_IT = 0.9
_BALANCED = 1e-13
_EXTREME = 0.03
_SHIFT = 0.1
_RIDGE = 1e-14
_TYPICAL = 10.0


class Interior(NamedTuple):
    """Where an interior point ended.

    Attributes
    ----------
    coef : ndarray of shape (d,)
    dual : ndarray of shape (n,)
        In (tau - 1, tau), with ``columns @ dual = balance`` up to rounding.
    weight : ndarray of shape (n,)
        Large for the rows whose residual is zero in the end.
    n_iter : int
    is_solved : bool
        Whether the tolerance was reached.
    """

    coef: np.ndarray
    dual: np.ndarray
    weight: np.ndarray
    n_iter: int
    is_solved: bool


def interior_point(columns, target, coef, tau, tol, max_iter, n_jobs, balance=0.0, other_loss=0.0):
    """Minimise the sum of ``tau max(r, 0) + (1 - tau) max(-r, 0)`` over ``r = target - columns.T @ coef``.

    Parameters
    ----------
    columns : ndarray of shape (d, n)
        Linearly independent.
    target : ndarray of shape (n,)
    coef : ndarray of shape (d,)
        Where to begin.
    tau : float
        In (0, 1).
    tol : float
        Duality gap, relative to the objective, at which to stop.
    max_iter : int
    n_jobs : int or None
    balance : ndarray of shape (d,) or 0
        What ``columns @ dual`` has to be: minus the gradient of a linear function that is added to the loss.
    other_loss : float
        What belongs to the objective besides, for ``tol``.

    Returns
    -------
    Interior

    Notes
    -----
    Three passes over the rows in each iteration, one of them with their weighted Gram matrix.
    """
    d, n = columns.shape
    coef = coef.copy()
    state = _start(target - coef @ columns, tau, n_jobs)
    missing = balance - columns @ (state[0] - (1 - tau))
    gram, moment, direction = np.empty((d, d)), np.empty(d), np.zeros(d)
    centring, second_order = np.empty(d), np.empty(d)
    primal_step = dual_step = 0.0
    for n_iter in range(max_iter + 1):
        coef += dual_step * direction
        gap, above, below, drift = kernels.update_and_gram(
            columns, target, coef, state, primal_step, dual_step, gram, moment, n_jobs
        )
        solved = (
            gap + drift <= tol * (tau * above + (1 - tau) * below + other_loss)
            and np.abs(missing).max() <= _BALANCED * n
            and gap <= tol * _typical_loss(state, n)
        )
        if solved or n_iter == max_iter:
            break
        factor = cholesky(gram)
        direction = dpotrs(factor, moment - missing, lower=1)[0]
        limits = kernels.predict(columns, state, direction, centring, second_order, n_jobs)
        mu = _centre(gap, n, *limits)
        direction = dpotrs(factor, moment - missing + mu * centring + second_order, lower=1)[0]
        primal, dual = kernels.correct(columns, state, direction, mu, n_jobs)
        if not (np.isfinite(direction).all() and np.isfinite(primal + dual)):
            break
        primal_step, dual_step = _step(primal), _step(dual)
        missing *= 1 - primal_step
    return Interior(coef, state[0] - (1 - tau), state[4], n_iter, solved)


def _typical_loss(state, n):
    """Return a loss that a few huge residuals do not raise, so that they do not hide what is left of the others'."""
    typical = float(np.median(np.abs(state[3] - state[2])))
    return _TYPICAL * n * typical if typical > 0 else np.inf


def _start(residual, tau, n_jobs):
    """Return where to begin: on the central path for these residuals, or in the centre of the dual.

    The former saves iterations but for extreme quantiles, which take many times as many from there.
    """
    state = np.empty((9, len(residual)))
    mu = max(float(np.abs(residual).mean()), np.finfo(np.float64).tiny)
    if min(tau, 1 - tau) >= _EXTREME:
        kernels.start_state(residual, tau, mu, state, n_jobs)
        return state
    state[0], state[1], state[5:] = 1 - tau, tau, 0.0
    np.add(np.maximum(-residual, 0), _SHIFT * mu, out=state[2])
    np.add(np.maximum(residual, 0), _SHIFT * mu, out=state[3])
    return state


def _step(longest_reciprocal):
    """Return the length of a step from the reciprocal of the one that ends at the boundary.

    A long step may come close to the boundary; many short ones that do would leave the central path for good.
    """
    if longest_reciprocal <= 0:
        return 1.0
    share = _TO_THE_BOUNDARY if longest_reciprocal < 2 else _FAR_FROM_IT
    return min(1.0, share / longest_reciprocal)


def _centre(gap, n, primal, dual, linear, quadratic):
    """Return mu by Mehrotra's rule, from what the predictor's step would leave of the gap."""
    p, q = _step(primal), _step(dual)
    left = max(gap + p * linear - q * (gap + linear) + p * q * quadratic, 0.0)
    return left * (left / gap) ** 2 / (2 * n)


def cholesky(gram):
    """Return the lower Cholesky factor of a Gram matrix, with as much of a ridge as it needs."""
    factor, info = dpotrf(gram, lower=1)
    ridge = _RIDGE
    while info != 0 and ridge < 1:
        lifted = gram.copy()
        lifted[np.diag_indices(len(gram))] *= 1 + ridge
        lifted[np.diag_indices(len(gram))] += ridge * 1e-6 * np.trace(gram) / len(gram)
        factor, info = dpotrf(lifted, lower=1)
        ridge *= 100
    if info != 0:
        raise np.linalg.LinAlgError("the weighted Gram matrix of the rows is not positive definite")
    return factor
