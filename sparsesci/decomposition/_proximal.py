"""Proximal gradient iteration (ISTA, FISTA) on blocks of samples."""

import numpy as np

from sparsesci._core.threads import run_ranges, single_threaded_blas
from sparsesci.decomposition._prox_scalar import prox_vector

_ROWS = 64
_POWER_ITERATIONS = 100


def squared_norm(dictionary):
    """Return an upper estimate of the squared spectral norm of the dictionary.

    Power iteration from a fixed start gives a lower bound, which is then raised by the residual of the vector.
    """
    wide = dictionary.shape[0] > dictionary.shape[1]
    matrix = (dictionary.T @ dictionary if wide else dictionary @ dictionary.T).astype(np.float64)
    vector = np.cos(np.arange(len(matrix)) * 1.7) + 1.3
    value = 0.0
    for _ in range(_POWER_ITERATIONS):
        vector /= np.linalg.norm(vector)
        image = matrix @ vector
        value = float(vector @ image)
        if np.linalg.norm(image - value * vector) <= 1e-4 * value:
            break
        vector = image
    # Some eigenvalue is this close; that it is the largest is what the iteration is for.
    return value + float(np.linalg.norm(image - value * vector))


def proximal_gradient(
    X, dictionary, penalty, lam, *, step, accelerate, positive, tol, max_iter, codes, threshold_step=None, n_jobs=None
):
    """Iterate r <- prox(r + step D^T (x - D r)) for every sample until the relative change is below ``tol``.

    ``codes`` hold start and result. Samples that have converged are left alone. Returns an array of bool: which have.
    """
    n_atoms = len(dictionary)
    norms = np.linalg.norm(dictionary, axis=1).astype(X.dtype)
    converged = np.zeros(len(X), dtype=bool)
    threshold_step = step if threshold_step is None else threshold_step

    def task(start, stop):
        active = np.arange(start, stop)
        momentum = codes[start:stop].copy()
        weight = 1.0
        for _ in range(max_iter):
            residual = X[active] - momentum @ dictionary
            ahead = momentum + X.dtype.type(step) * (residual @ dictionary.T)
            new = np.empty_like(ahead)
            tiled = np.broadcast_to(norms, (len(active), n_atoms)).reshape(-1)
            prox_vector(
                penalty.kind, ahead.reshape(-1), lam, threshold_step, penalty.param, tiled, positive, new.reshape(-1)
            )
            change = new - codes[active]
            moved = np.linalg.norm(change, axis=1)
            codes[active] = new
            done = moved < tol * (tol + np.linalg.norm(new, axis=1))
            converged[active[done]] = True
            momentum = new
            if accelerate:
                following = 0.5 * (1 + np.sqrt(1 + 4 * weight * weight))
                momentum = new + X.dtype.type((weight - 1) / following) * change
                weight = following
            if done.any():
                active, momentum = active[~done], momentum[~done]
                if not len(active):
                    break

    with single_threaded_blas():
        run_ranges(task, len(X), _ROWS, n_jobs)
    return converged
