"""Refinement of a least-squares solution by residuals of the original matrix: the loop and its inner solvers.

The gradient G = A^T (B - A X) is computed from A itself. A correction solves (A W)^T (A W) Z = W^T G approximately and
adds W Z to X; how well it does so decides the number of sweeps, not the accuracy that is reached.
"""

import numpy as np
import scipy.linalg

_STAGNATION = 0.3
_UNSETTLED_SWEEPS = 2
# Rounding in G brings a new Z of size eps cond each time. Where the error of the normal matrix, eps cond again, makes
# too much of that, one refinement of Z costs as many passes as another correction and does more.
_INEXACT_COND = 1e9


class Solution:
    """A current minimiser of ||A X - B||, with its gradient, residual norms and backward errors, and the best so far.

    The best is kept for each column of B by itself.
    """

    sketches_rhs = True

    def __init__(self, matrix, B, factor):
        self.matrix, self.B, self.factor = matrix, B, factor
        self.X = self.start()
        self.G = self.residual_norms = self.errors = self._best = None
        self.history = []
        self.n_iter = 0

    def start(self):
        return self.factor.start.astype(self.matrix.dtype)

    @property
    def minimiser(self):
        return self.X

    @property
    def evaluated(self):
        return self.G is not None

    @property
    def error(self):
        """Largest backward error of a column."""
        return float(self.errors.max())

    def move(self, X):
        """Go on to ``X``."""
        self.record(X, *self.gradient(X))

    def record(self, X, G, residual_norms):
        """Go on to ``X``, whose gradient and residual norms are known."""
        self.X, self.G, self.residual_norms = X, G, residual_norms
        self.errors = self.backward_errors(X, G, residual_norms)
        self.history.append(self.error)
        state = X, G, residual_norms, self.errors
        if self._best is not None:
            better = self.errors < self._best[-1]
            state = tuple(np.where(better, new, old) for new, old in zip(state, self._best))
        self._best = state

    def return_to_best(self):
        self.X, self.G, self.residual_norms, self.errors = self._best

    def gradient(self, X):
        """Return A^T (B - A X) and the norms of the columns of B - A X."""
        return self.matrix.gradient(X, self.B)

    def backward_errors(self, X, G, residual_norms):
        return self.factor.backward_error(X, G, residual_norms)

    def promised_errors(self, C):
        """Return the backward errors that a solution with W^T G = C would have."""
        return self.factor.whitened_backward_error(C, self.X, self.residual_norms)

    def forward_accuracy(self):
        return self.factor.forward_accuracy(self.X, self.residual_norms)

    def forward_errors(self):
        """Return first-order bounds on the relative errors of the columns."""
        return self.factor.forward_error(self.X, self.residual_norms, self.errors)

    def equation_residuals(self):
        """Return ||B - A X|| for every column."""
        return self.residual_norms


class MinimumNormSolution(Solution):
    """The same for the solution A X of least norm of A^T (A X) = B, where A^T has more columns than rows.

    ``G`` is B - A^T A X, ``residual_norms`` are the norms of A X, and the backward error is that of Rigal and Gaches:
    the residual relative to ||A|| ||A X|| + ||B||.
    """

    sketches_rhs = False

    def start(self):
        return np.zeros_like(self.B)

    @property
    def minimiser(self):
        return self.matrix.apply(self.X)

    def gradient(self, X):
        G, norms = self.matrix.gradient(X, None)
        return self.B + G, norms

    def backward_errors(self, X, G, residual_norms):
        return self.factor.relative_residual(G, self.B, residual_norms)

    def promised_errors(self, C):
        return self.factor.whitened_relative_residual(C, self.B, self.residual_norms)

    def forward_accuracy(self):
        return np.zeros(self.B.shape[1])

    def forward_errors(self):
        return self.errors * self.factor.norm_product

    def equation_residuals(self):
        return np.linalg.norm(self.G, axis=0)


def refine(solution, correct, tolerance, max_sweeps):
    """Correct until the backward error is at most ``tolerance`` or no longer falls, and return to the best.

    The first corrections may find a much larger or smaller X, without which the backward error cannot fall.
    """
    eps = np.finfo(solution.matrix.dtype).eps
    if not solution.evaluated:
        solution.move(solution.X)
    for sweep in range(max_sweeps):
        previous = solution.error
        if previous <= tolerance:
            break
        step, n_iter = correct(solution)
        solution.n_iter += n_iter
        solution.move(solution.X + step.astype(solution.matrix.dtype))
        stagnates = not solution.error <= _STAGNATION * previous
        if stagnates and (sweep >= _UNSETTLED_SWEEPS or solution.error <= 2 * eps):
            break
    solution.return_to_best()


def identity_correction(solution):
    """Take W as it is: for a factorisation of A itself."""
    factor = solution.factor
    return factor.whiten(factor.whiten_transpose(solution.G)), 1


def normal_correction(solution, whitened):
    """Form the whitened normal matrix and return the correction that solves with its Cholesky factor.

    Parameters
    ----------
    solution : Solution
        Evaluated in the same pass over A, if it was not yet.
    whitened : bool
        Whether the rows are whitened before they are multiplied. Otherwise the matrix comes from A^T A and is accurate
        to eps cond^2 instead of eps cond.

    Raises
    ------
    LinAlgError
        If the matrix is not positive definite.
    """
    factor = solution.factor
    X, B = (solution.X[:, :0], None) if solution.evaluated else (solution.X, solution.B)
    M, G, residual_norms = solution.matrix.normal_matrix(factor.whitener() if whitened else None, X, B)
    if not solution.evaluated:
        solution.record(X, G, residual_norms)
    H = factor.from_whitener(M) if whitened else factor.from_normal(M)
    cholesky = scipy.linalg.cho_factor(H, lower=True)

    def correct(solution):
        C = factor.whiten_transpose(solution.G)
        Z = scipy.linalg.cho_solve(cholesky, C)
        if factor.kept_cond > _INEXACT_COND:
            Z += scipy.linalg.cho_solve(cholesky, C - _normal_operator(solution.matrix, factor)(Z))
        return factor.whiten(Z), 1

    return correct


class InnerIteration:
    """Correction by an inner iteration on T Z = C, T = W^T A^T A W, C = W^T G; T is close to the identity.

    It ends when the residual of the inner system promises a backward error below ``target``; in the first correction
    already at the accuracy that a forward stable solver reaches, beyond which the rounding of T leads nowhere.

    Parameters
    ----------
    iterate : callable
        (apply T, C, distortion) -> iterator over (Z, C - T Z).
    target : float
    max_iter : int
        Steps for each correction.
    """

    def __init__(self, iterate, target, max_iter):
        self.iterate, self.target, self.max_iter = iterate, target, max_iter
        self.first = True

    def __call__(self, solution):
        factor = solution.factor
        eps = np.finfo(solution.matrix.dtype).eps
        enough = 10 * eps * solution.forward_accuracy() if self.first else 0.0
        self.first = False
        C = factor.whiten_transpose(solution.G)
        begin = np.linalg.norm(C, axis=0)
        n_iter, best = 0, C
        for Z, residual in self.iterate(_normal_operator(solution.matrix, factor), C, factor.distortion):
            n_iter += 1
            best = Z
            size = np.linalg.norm(residual, axis=0)
            done = (solution.promised_errors(residual) <= self.target) | (size <= enough)
            if done.all() or n_iter >= self.max_iter or not (size <= 10 * begin).all():
                break
        return factor.whiten(best), n_iter


def _normal_operator(matrix, factor):
    """Return the function Z -> T Z."""

    def apply(Z):
        G, _ = matrix.gradient(factor.whiten(Z).astype(matrix.dtype), None)
        return -factor.whiten_transpose(G)

    return apply


def conjugate_gradients(apply, C, distortion):
    """Conjugate gradients on T Z = C, every column by itself, from Z = 0."""
    Z = np.zeros_like(C)
    residual = direction = C
    square = np.einsum("ij,ij->j", residual, residual)
    while True:
        image = apply(direction)
        length = _quotient(square, np.einsum("ij,ij->j", direction, image))
        Z = Z + length * direction
        residual = residual - length * image
        yield Z, residual
        previous, square = square, np.einsum("ij,ij->j", residual, residual)
        direction = residual + _quotient(square, previous) * direction


def _quotient(a, b):
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0)


def heavy_ball(apply, C, distortion):
    """The fixed-point iteration of FOSSILS with momentum for T Z = C, from Z = C."""
    damping, momentum = (1 - distortion) ** 2, distortion
    previous = Z = C
    residual = C - apply(Z)
    while True:
        Z, previous = Z + damping * residual + momentum * (Z - previous), Z
        residual = C - apply(Z)
        yield Z, residual
