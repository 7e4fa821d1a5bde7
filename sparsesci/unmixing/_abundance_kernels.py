"""CPU kernels of the abundances for known endmembers: products with the spectra, then an active set for each pixel."""

import numpy as np
from numba import njit

from sparsesci._core.threads import single_threaded_blas
from sparsesci.unmixing._active_set import RIDGE, solve_pixel

# With so few endmembers the factors of all supports fit in the first-level cache.
_ALL_SUPPORTS = 6
_TRUSTED = 1e-10
_FEW = 4


# Without reference counts, which would cost more than the arithmetic: no array is made here.
@njit(nogil=True, cache=True, error_model="numpy", _nrt=False)
def active_set_range(G, B, simplex, tol, trusted, A, inside, order, C, ones, tags, work, start, stop):
    """Solve pixels start ... stop - 1 with linear terms B (n, K), from starts in A (n, K); return how many failed.

    The scratch is that of :func:`solve_pixel`.
    """
    unfinished = 0
    for n in range(start, stop):
        unfinished += solve_pixel(G, B, n, simplex, tol, trusted, A, inside, order, C, ones, tags, work)
    return unfinished


def _scratch(K):
    """Return the scratch arrays of the active set for K endmembers: inside, order, C, ones, tags, work."""
    slots = 1 << K if K <= _ALL_SUPPORTS else 1
    lists = np.empty(K, dtype=np.int64), np.empty(K, dtype=np.int64)
    return *lists, np.empty((slots, K, K)), np.empty((slots, K)), np.full(slots, -1), np.empty((2, K))


class QuadraticBlock:
    """Solves blocks of pixels for one matrix G: the unconstrained minimisers by BLAS, then the active sets."""

    def __init__(self, G, simplex, tol):
        self.G = np.ascontiguousarray(G)
        self.simplex = simplex
        self.tol = tol
        values = np.linalg.eigvalsh(self.G)
        self.trusted = bool(values[0] > _TRUSTED * values[-1])
        ridge = 0.0 if self.trusted else max(RIDGE * values[-1], 1e-300) + max(-values[0], 0.0)
        self.inverse = np.linalg.inv(self.G + ridge * np.eye(len(G)))
        self.ones = self.inverse.sum(axis=1)

    def solve(self, B, A):
        """Write the minimisers for the linear terms B (n, K) to A (n, K); return how many ran out of steps."""
        np.matmul(B, self.inverse, out=A)
        if self.trusted:
            # One refinement makes the product with an inverse as good as a solution.
            A += (B - A @ self.G) @ self.inverse
        if self.simplex:
            A += np.outer((1.0 - A.sum(axis=1)) / self.ones.sum(), self.ones)
        options = self.simplex, self.tol, self.trusted
        return active_set_range(self.G, B, *options, A, *_scratch(len(self.G)), 0, len(B))


def _product_with(W):
    """Return a function that takes a block of pixels to block @ W.T in C order, in the way that BLAS is faster at."""
    if len(W) > _FEW:
        return lambda block: np.ascontiguousarray((W @ block.T).T)
    transposed = np.ascontiguousarray(W.T)
    return lambda block: block @ transposed


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
        Written to; not finite where a pixel is not.
    n_jobs : int or None

    Returns
    -------
    unfinished : numpy.int64
        Number of pixels that ran out of steps.
    """

    product = _product_with(W)

    def task(start, stop, block):
        B = product(block)
        unfinished = quadratic.solve(B, A[start:stop])
        if not np.isfinite(B.sum()):
            A[start:stop][~np.isfinite(B.sum(axis=1))] = np.nan
        return (np.array(unfinished),)

    # Pixels that are not finite are for the caller to find.
    with single_threaded_blas(), np.errstate(invalid="ignore"):
        quadratic = QuadraticBlock(G, simplex, tol)
        return np.int64(X.sum_blocks(task, n_jobs)[0])
