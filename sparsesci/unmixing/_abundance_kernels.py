"""CPU kernels of the abundances for known endmembers: a product with the spectra, then an active set for each pixel."""

import numpy as np
from numba import njit

from sparsesci._core.threads import single_threaded_blas
from sparsesci.unmixing._active_set import factorise, solve_factored, solve_pixel


@njit(nogil=True, cache=True)
def active_set_range(G, B, simplex, tol, A, start, stop):
    """Solve pixels start ... stop - 1 with linear terms B (n, K) to A (n, K); return how many ran out of steps."""
    K = G.shape[0]
    full, full_ones = np.empty((K, K)), np.ones(K)
    C, u, v = np.empty((K, K)), np.empty(K), np.empty(K)
    order, held = np.arange(K), np.zeros(K + 1, dtype=np.int64)
    factorise(G, order, K, full)
    solve_factored(full, K, full_ones)
    unfinished = 0
    for n in range(start, stop):
        unfinished += solve_pixel(G, B[n], simplex, tol, full, full_ones, A[n], order, held, C, u, v)
    return unfinished


def active_set_abundances(X, W, G, simplex, tol, A, n_jobs):
    """Solve every pixel: minimise 1/2 a' G a - (W x)' a over a >= 0, and sum(a) = 1 with ``simplex``.

    Parameters
    ----------
    X : PixelRows of n pixels and L bands
    W : ndarray of shape (K, L), float64
    G : ndarray of shape (K, K), float64
        Positive semi-definite, its largest entry about one.
    simplex : bool
    tol : float
    A : ndarray of shape (n, K), float64
        Written to.
    n_jobs : int or None

    Returns
    -------
    unfinished : int
        Number of pixels that ran out of steps.
    """
    W = np.ascontiguousarray(W.T)

    def task(start, stop, block):
        B = block @ W
        return (np.array(active_set_range(G, B, simplex, tol, A[start:stop], 0, stop - start)),)

    with single_threaded_blas():
        return int(X.sum_blocks(task, n_jobs)[0])
