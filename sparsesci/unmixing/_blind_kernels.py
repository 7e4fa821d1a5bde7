"""CPU kernels of blind unmixing: one pass over the pixels updates the abundances and sums what the next step needs.

A block of pixels is read once: its product with the weighted spectra gives the new abundances, and these together with
the block, still in cache, the sums A'X and A'A that the update of the endmembers takes. The residual is never formed.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from sparsesci._core.threads import single_threaded_blas
from sparsesci.unmixing._abundance_kernels import QuadraticBlock, _product_with

NO_MAP, GINI, HOYER = 0, 1, 2
SMALLEST = 1e-12
SMALLEST_IN_POWER = 1e-8
FLOOR_OF_SLOPE = 1e-3


class PassOptions(NamedTuple):
    """What does not change from one pass to the next.

    Attributes
    ----------
    penalty : float
        lambda; 0 leaves the guidance map alone, too.
    closure : float
        Weight of the soft sum to one.
    guidance : int
        NO_MAP keeps the map as it is.
    h_max : float
    h_damping : float
    simplex : bool
        Exact pass only.
    tol : float
        Exact pass only.
    offset : float
        Exact pass only: added to all abundances at the end.
    """

    penalty: float
    closure: float
    guidance: int
    h_max: float
    h_damping: float
    simplex: bool = False
    tol: float = 1e-10
    offset: float = 0.0


# Without reference counts, which would cost more than the arithmetic: no array is made here.
@njit(cache=True, error_model="numpy", _nrt=False)
def sparsity(A, n, guidance, scratch):
    """Return the Gini or Hoyer index of the non-negative row A[n]; 0 for a row of zeros or of one entry."""
    K = A.shape[1]
    total, squares = 0.0, 0.0
    for k in range(K):
        total += A[n, k]
        squares += A[n, k] * A[n, k]
    if total <= 0.0 or K < 2:
        return 0.0
    if guidance == HOYER:
        root = math.sqrt(float(K))
        return (root - total / math.sqrt(squares)) / (root - 1.0)
    for k in range(K):
        value = A[n, k]
        i = k
        while i > 0 and scratch[i - 1] > value:
            scratch[i] = scratch[i - 1]
            i -= 1
        scratch[i] = value
    s = 0.0
    for k in range(K):
        s += scratch[k] * (K - k - 0.5)
    return 1.0 - 2.0 * s / (total * K)


@njit(cache=True, error_model="numpy", _nrt=False)
def power(a, p):
    """Return a**p for a > 0, by the quickest way."""
    if p == 1.0:
        return a
    if p == 0.5:
        return math.sqrt(a)
    return math.exp(p * math.log(a))


@njit(cache=True, error_model="numpy", _nrt=False)
def slope(a, p, floor):
    """Return the derivative of t**p at max(a, floor)."""
    if p == 1.0:
        return 1.0
    return p * power(max(a, floor), p - 1.0)


@njit(cache=True, error_model="numpy", _nrt=False)
def new_guidance(A, n, h, guidance, h_max, h_damping, scratch):
    """Return the next value of the guidance map at a pixel with abundances A[n]."""
    if guidance == NO_MAP:
        return h
    s = min(max(sparsity(A, n, guidance, scratch), 0.0), h_max)
    return (1.0 - h_damping) * h + h_damping * s


@njit(cache=True, error_model="numpy", _nrt=False)
def multiply_pixel(B, AG, n, penalty, closure, A, h):
    """Update row A[n] multiplicatively; B = X W', AG = A G."""
    K = A.shape[1]
    total = 0.0
    for k in range(K):
        total += A[n, k]
    pull = closure * total
    for k in range(K):
        below = AG[n, k] + pull
        if penalty > 0.0:
            below += penalty * slope(A[n, k], 1.0 - h[n], SMALLEST_IN_POWER)
        A[n, k] = max(A[n, k] * (B[n, k] + closure) / max(below, 1e-300), SMALLEST)


@njit(cache=True, error_model="numpy", _nrt=False)
def finish_pixel(n, weight, penalty, closure, guidance, h_max, h_damping, offset, A, h, terms, slot, scratch):
    """What follows the new abundances A[n]: the terms of the objective, the map, the offset."""
    powers, total = 0.0, 0.0
    for k in range(A.shape[1]):
        total += A[n, k]
        if penalty > 0.0 and A[n, k] > 0.0:
            powers += power(A[n, k], 1.0 - h[n])
    terms[slot, 0] += weight * powers
    if closure > 0.0:
        terms[slot, 1] += weight * (1.0 - total) * (1.0 - total)
    if penalty > 0.0:
        h[n] = new_guidance(A, n, h[n], guidance, h_max, h_damping, scratch)
    for k in range(A.shape[1]):
        A[n, k] += offset


@njit(nogil=True, cache=True, error_model="numpy", _nrt=False)
def guidance_range(A, guidance, h_max, h, scratch, start, stop):
    """Write the guidance map of pixels start ... stop - 1 to h."""
    for n in range(start, stop):
        h[n] = new_guidance(A, n, 0.0, guidance, h_max, 1.0, scratch)


@njit(nogil=True, cache=True, error_model="numpy", _nrt=False)
def multiply_range(B, AG, weights, penalty, closure, guidance, h_max, h_damping, A, h, terms, scratch, start, stop):
    """Update pixels start ... stop - 1 multiplicatively, in place, and sum the terms of the objective."""
    for n in range(start, stop):
        multiply_pixel(B, AG, n, penalty, closure, A, h)
        finish_pixel(n, weights[n], penalty, closure, guidance, h_max, h_damping, 0.0, A, h, terms, 0, scratch)


@njit(nogil=True, cache=True, error_model="numpy", _nrt=False)
def slopes_range(A, h, scale, penalty, B, start, stop):
    """B -= scale * penalty * slope of the penalty at A, for pixels start ... stop - 1."""
    for n in range(start, stop):
        for k in range(A.shape[1]):
            B[n, k] -= scale * penalty * slope(A[n, k], 1.0 - h[n], FLOOR_OF_SLOPE)


@njit(nogil=True, cache=True, error_model="numpy", _nrt=False)
def finish_range(weights, penalty, closure, guidance, h_max, h_damping, offset, A, h, terms, scratch, start, stop):
    """What follows the exact solution, for pixels start ... stop - 1."""
    for n in range(start, stop):
        finish_pixel(n, weights[n], penalty, closure, guidance, h_max, h_damping, offset, A, h, terms, 0, scratch)


def _summed(a, weights, block):
    weighted = (a * weights[:, None]).T
    return weighted @ block, weighted @ a


def multiplicative_pass(X, weights, W, G, column_scale, options, A, h, n_jobs):
    """Update all abundances multiplicatively, for the endmembers behind W and G.

    Parameters
    ----------
    X : PixelRows of n pixels and L bands
    weights : ndarray of shape (n,)
        Sample weights.
    W : ndarray of shape (K, L)
        Endmembers times channel weights.
    G : ndarray of shape (K, K)
        W E'.
    column_scale : ndarray of shape (K,)
        The abundances are multiplied by it first.
    options : PassOptions
    A : ndarray of shape (n, K), h : ndarray of shape (n,)
        Abundances and guidance map, updated in place. The penalty has the exponents 1 - h of before.
    n_jobs : int or None

    Returns
    -------
    AtX : (K, L), AtA : (K, K), terms : (2,)
        Weighted sums over the pixels with the new abundances: A'X, A'A, and the two terms of the objective,
        sum(a**(1 - h)) (with the old map) and (1 - sum(a))**2, as far as the options give them a weight.
    """
    o, product = options, _product_with(W)

    def task(start, stop, block):
        a = A[start:stop]
        a *= column_scale
        terms = np.zeros((1, 2))
        multiply_range(
            product(block),
            a @ G,
            weights[start:stop],
            o.penalty,
            o.closure,
            o.guidance,
            o.h_max,
            o.h_damping,
            a,
            h[start:stop],
            terms,
            np.empty(a.shape[1]),
            0,
            stop - start,
        )
        return *_summed(a, weights[start:stop], block), terms[0]

    with single_threaded_blas():
        return X.sum_blocks(task, n_jobs)


def exact_pass(X, weights, W, G, column_scale, options, A, h, n_jobs):
    """The same with the abundances that minimise the (linearised) objective exactly.

    The penalty is replaced by its tangent at ``max(A * column_scale, 1e-3)``; with a penalty of 0 the old abundances
    do not matter. See :func:`multiplicative_pass` for the parameters and what is returned.
    """
    o = options
    scale = 1.0 / (np.abs(G).max() or 1.0)
    product = _product_with(W * scale)
    # The soft sum to one adds a multiple of the square of ones; on the simplex it is constant.
    closure = 0.0 if o.simplex else o.closure
    G = (G + closure) * scale

    def task(start, stop, block):
        a = A[start:stop]
        B = product(block)
        B += closure * scale
        if o.penalty > 0.0:
            a *= column_scale
            slopes_range(a, h[start:stop], scale, o.penalty, B, 0, stop - start)
        quadratic.solve(B, a)
        terms = np.zeros((1, 2))
        finish_range(
            weights[start:stop],
            o.penalty,
            o.closure,
            o.guidance,
            o.h_max,
            o.h_damping,
            o.offset,
            a,
            h[start:stop],
            terms,
            np.empty(a.shape[1]),
            0,
            stop - start,
        )
        return *_summed(a, weights[start:stop], block), terms[0]

    with single_threaded_blas():
        quadratic = QuadraticBlock(G, o.simplex, o.tol)
        return X.sum_blocks(task, n_jobs)
