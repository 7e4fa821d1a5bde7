"""Two preconditioned iterations without refinement, which are forward stable at best."""

import numpy as np
from scipy.sparse.linalg import LinearOperator, lsqr


def iterative_sketching(solution, tolerance, max_iter):
    """Gradient steps in the whitened coordinates, with damping and momentum; return whether they converged.

    Epperly, "Fast and forward stable randomized algorithms for linear least-squares problems", arXiv:2311.04362. The
    change of the residual, which ends the iteration, is measured by the sketch.
    """
    matrix, factor, B = solution.matrix, solution.factor, solution.B
    damping, momentum = (1 - factor.distortion) ** 2, factor.distortion
    X = previous = solution.X
    for _ in range(max_iter):
        G, norms = matrix.gradient(X, B)
        solution.record(X, G, norms)
        step = damping * factor.whiten(factor.whiten_transpose(G)) + momentum * (X - previous)
        previous, X = X, X + step.astype(matrix.dtype)
        solution.n_iter += 1
        if (factor.image_norms(step) <= tolerance * factor.forward_accuracy(X, norms)).all():
            solution.move(X)
            return True
    solution.move(X)
    return False


def sketch_preconditioned_lsqr(solution, tolerance, max_iter):
    """LSQR on A W, started from the sketched solution; return whether it converged."""
    matrix, factor = solution.matrix, solution.factor
    rank = factor.rank

    def matvec(z):
        return matrix.apply(factor.whiten(z.reshape(-1, 1)).astype(matrix.dtype))[:, 0]

    def rmatvec(u):
        return factor.whiten_transpose(matrix.apply_transpose(u.reshape(-1, 1).astype(matrix.dtype)))[:, 0]

    whitened = LinearOperator((matrix.shape[0], rank), matvec=matvec, rmatvec=rmatvec, dtype=np.float64)
    R = solution.B - matrix.apply(solution.X)
    step = np.empty(solution.X.shape)
    converged = True
    for j in range(R.shape[1]):
        result = lsqr(whitened, R[:, j], atol=tolerance, btol=tolerance, conlim=0, iter_lim=max_iter)
        step[:, [j]] = factor.whiten(result[0].reshape(-1, 1))
        solution.n_iter = max(solution.n_iter, result[2])
        converged = converged and result[1] != 7
    solution.move(solution.X + step.astype(matrix.dtype))
    return converged
