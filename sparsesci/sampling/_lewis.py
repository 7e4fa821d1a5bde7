"""Lewis weights for every p > 0 by a fixed-point iteration with momentum."""

import warnings

import numpy as np
import scipy.sparse
from sklearn.exceptions import ConvergenceWarning

from sparsesci._core.device import is_cuda_array, twin
from sparsesci._core.threads import single_threaded_blas
from sparsesci._core.validation import check_flag, check_integer, check_real
from sparsesci.sampling import _gram_kernels
from sparsesci.sampling._lewis_kernels import take_step
from sparsesci.sampling._row_space import (
    check_matrix,
    check_weights,
    dense,
    gram,
    inverse_factor,
    norms,
    row_space,
)

# Rows with a smaller share of the largest weight do not decide when the iteration ends.
_NEGLIGIBLE = 1e-14
# Beyond this condition the rows are replaced by those of an orthonormal basis, which have the same Lewis weights.
_WELL_CONDITIONED = 1e3
_STALLED = 0.999


def lewis_weights(
    X,
    p=1.0,
    *,
    tol=1e-6,
    max_iter=100,
    sample_weight=None,
    return_n_iter=False,
    n_jobs=None,
    device="cpu",
):
    """Return the l_p Lewis weights of the rows: the w with ``w_i = tau_i(W^(1/2 - 1/p) X)``, tau being leverage scores.

    They are the leverage scores of a change of density in which the l_p norm looks like a Euclidean one. With d the
    rank of X, the l_p sensitivities lie between ``d^(p/2 - 1) w_i`` and ``w_i`` for p <= 2, and between ``w_i`` and
    ``d^(p/2 - 1) w_i`` for p >= 2.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n, d)
        CSR is not written out where its columns are well conditioned.
    p : float, default=1.0
        Greater than 0.
    tol : float, default=1e-6
        Largest ``|log tau_i - log w_i|`` with which the iteration ends, rows of negligible weight left out. For
        sampling 0.1 is ample.
    max_iter : int, default=100
    sample_weight : array-like of shape (n,) or None, default=None
        v: the weights of the rows ``v_i^(1/p) x_i`` are returned.
    return_n_iter : bool, default=False
        Whether to return the number of iterations too.
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"

    Returns
    -------
    weights : ndarray of shape (n,), float64
        Between 0 and 1; their sum is the rank of X. 0 for rows of zeros.
    n_iter : int
        Only if ``return_n_iter``.

    Raises
    ------
    ValueError, TypeError
        If X holds NaN or infinity or only zeros, a weight is negative or not finite, or a parameter is out of range.

    Warns
    -----
    ConvergenceWarning
        If ``max_iter`` was not enough.
    SparseSciWarning
        If X has not full column rank.

    See Also
    --------
    leverage_scores : p = 2.
    lp_sensitivities : What the weights bound.

    Notes
    -----
    O(n d^2) time and one pass over X for an iteration, O(n + d^2) memory; n d more where X is ill conditioned.

    The iteration is ours: ``log w`` moves by a step times ``log tau - log w``, and by a share of its last move (the
    heavy ball). Close to the fixed point the Jacobian of the difference has its spectrum between 1 and 2 / p; step and
    share are the best for it, and shrink the error by about ``|sqrt(p) - sqrt(2)| / (sqrt(p) + sqrt(2))``: 0.17 at
    p = 1, 0.27 at p = 6. The step p / 2 of Cohen and Peng shrinks it by ``|p / 2 - 1|``, and diverges from p = 4 on.
    Convergence was observed for all p from 0.2 to 40. Where the residual stalls, the share is dropped and the step
    becomes ``2 p / (p + 2)``, with which convergence is proved for 1 < p < 2, and then p / 2 or 1. From p = 20 on,
    heavy-tailed rows stall near 1e-7.

    References
    ----------
    M. B. Cohen, R. Peng, "l_p row sampling by Lewis weights", STOC 2015, arXiv:1412.0588.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sampling import lewis_weights
    >>> X = np.array([[1.0], [2.0], [-1.0]])
    >>> lewis_weights(X, p=3).round(6)
    array([0.1, 0.8, 0.1])
    """
    p = check_real("p", p, minimum=0, exclusive=True)
    tol = check_real("tol", tol, minimum=0, exclusive=True)
    max_iter = check_integer("max_iter", max_iter, minimum=1)
    return_n_iter = check_flag("return_n_iter", return_n_iter)
    X = check_matrix(X, device=device)
    v = check_weights(sample_weight, X.shape[0])
    weights, n_iter = fixed_point(X, p, v, tol, max_iter, n_jobs, device, stacklevel=3)
    return (weights, n_iter) if return_n_iter else weights


def fixed_point(X, p, v=None, tol=1e-6, max_iter=100, n_jobs=None, device="cpu", stacklevel=3):
    """Return the Lewis weights of a checked matrix and the number of iterations; see ``lewis_weights``."""
    space = row_space(X, None if v is None else v ** (2 / p), n_jobs=n_jobs, device=device, stacklevel=stacklevel + 1)
    squares = norms(X, space.transform, n_jobs, device)
    if v is not None:
        squares *= v ** (2 / p)
    if p == 2:
        return np.minimum(squares, 1.0), 1
    weights = np.zeros(X.shape[0])
    kept = squares > 0
    if not kept.all():
        rows, v = (dense(X) if is_cuda_array(X) else X)[kept], None if v is None else v[kept]
    else:
        rows = X
    iteration = _Iteration(rows, p, v, space, n_jobs, device)
    with single_threaded_blas():
        converged = iteration.run(tol, max_iter)
    if not converged:
        warnings.warn(
            f"Lewis weights for p={p:g} did not converge to tol={tol:g} in {max_iter} iterations; the residual is "
            f"{iteration.residual:.2g}",
            ConvergenceWarning,
            stacklevel=stacklevel,
        )
    weights[kept] = iteration.weights(space.rank)
    return weights, iteration.n_iter


class _Iteration:
    """The logarithms of the weights, and the triangular matrix that makes the reweighted rows orthonormal."""

    def __init__(self, rows, p, v, space, n_jobs, device):
        n = rows.shape[0]
        self.n_jobs, self.device = n_jobs, device
        self.power = 1 - 2 / p
        # The heavy ball for the spectrum between 1 and 2 / p; behind it, steps without momentum for when that stalls.
        low, high = sorted((1.0, 2 / p))
        ends = np.sqrt(high) + np.sqrt(low), np.sqrt(high) - np.sqrt(low)
        self.step, self.momentum = 4 / ends[0] ** 2, (ends[1] / ends[0]) ** 2
        self.safe_steps = [2 * p / (p + 2), min(2 * p / (p + 2), 1.0 if p > 2 else p / 2)]
        self.log_weights = np.full(n, np.log(space.rank / n))
        self.previous = self.log_weights.copy()
        self.offsets = np.zeros(n) if v is None else (2 / p) * np.log(v)
        # The reweighted rows may be multiplied by any number: this one keeps their squares from overflowing.
        self.shift = self.power * self.log_weights[0]
        self.n_iter, self.residual = 0, np.inf
        self.rows, self.M = rows, space.transform
        if space.condition > _WELL_CONDITIONED or space.rank < rows.shape[1]:
            self.rows, self.M = space.basis(dense(rows) if is_cuda_array(rows) else rows, n_jobs), np.eye(space.rank)

    def run(self, tol, max_iter):
        """Iterate; return whether the residual is below ``tol``."""
        stalled = 0
        while True:
            before = self.residual
            G = self._one_pass()
            if self.residual < tol:
                return True
            if self.n_iter == max_iter:
                return False
            stalled = stalled + 1 if self.residual >= _STALLED * before else 0
            if stalled == 2 and self.safe_steps:
                self.step, self.momentum, stalled = self.safe_steps.pop(0), 0.0, 0
            self._factorise(G)
            self.n_iter += 1

    def _one_pass(self):
        """Compute leverage scores with the present matrix, take a step, and return the new Gram matrix."""
        negligible = self.log_weights.max() + np.log(_NEGLIGIBLE)
        distances = []

        def reweight(squares, start, stop):
            np.log(squares, out=squares)
            rows = slice(start, stop)
            distances.append(
                take_step(
                    squares,
                    self.log_weights[rows],
                    self.previous[rows],
                    self.offsets[rows],
                    self.power,
                    self.shift,
                    self.step,
                    self.momentum,
                    negligible,
                )
            )
            return np.exp(squares, out=squares)

        if scipy.sparse.issparse(self.rows):
            squares = norms(self.rows, self.M, self.n_jobs, self.device)
            G = gram(self.rows, reweight(squares, 0, len(squares)), self.n_jobs, self.device)
        else:
            G = twin(_gram_kernels, self.device).reweighted_gram(self.rows, self.M, reweight, self.n_jobs)
        self.residual = float(np.max(distances))
        return G

    def _factorise(self, G):
        factor = inverse_factor(G)
        if factor is not None and factor[1] <= _WELL_CONDITIONED:
            self.M = factor[0]
            return
        exponents = self.power * self.log_weights + self.offsets
        self.shift = exponents.max()
        rows = dense(self.rows) if is_cuda_array(self.rows) else self.rows
        space = row_space(rows, np.exp(exponents - self.shift), n_jobs=self.n_jobs, device=self.device)
        self.rows, self.M = space.basis(rows, self.n_jobs), np.eye(space.rank)

    def weights(self, rank):
        """Return the weights, with the sum that they have at the fixed point."""
        weights = np.exp(self.log_weights)
        return np.minimum(weights * (rank / weights.sum()), 1.0)
