"""CPU kernels of orthogonal matching pursuit and its order-recursive variant, from Gram matrix and correlations.

Each chosen atom adds a row to an orthonormal basis of the span, kept by its products with all atoms:
Q_n = (G[j] - sum_t L_nt Q_t) / L_nn. Correlations with the residual, squared norms off the span and the scores of the
next choice follow from that row in the same pass. Rows are padded to whole groups of vectors, and the largest score is
found among integers: non-negative floats are ordered like their bits.
"""

import math

import numpy as np
from numba import njit

from sparsesci._core.simd import lanes, load, splat, store
from sparsesci._core.threads import run_ranges

GROUP = 32
_PATCHES = 8


@njit(cache=True)
def tolerance_of(single):
    """Return below which share of its norm an atom counts as in the span of others, squared."""
    return 1e-5 if single else 1e-12


@njit(nogil=True, cache=True)
def _subtract_projections(gram_row, basis, n, factors, out):
    """out = gram_row - sum_t factors[t] basis[t], t < n; all of a length that is a multiple of 32."""
    width = lanes(out)
    size = out.size
    for c in range(0, size, 4 * width):
        a, b = load(gram_row, c), load(gram_row, c + width)
        d, e = load(gram_row, c + 2 * width), load(gram_row, c + 3 * width)
        for t in range(n):
            factor, at = splat(out, factors[t]), t * size + c
            a = a - factor * load(basis, at)
            b = b - factor * load(basis, at + width)
            d = d - factor * load(basis, at + 2 * width)
            e = e - factor * load(basis, at + 3 * width)
        store(out, c, a)
        store(out, c + width, b)
        store(out, c + 2 * width, d)
        store(out, c + 3 * width, e)


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz", "arcp"})
def _update_omp(row, inverse, coefficient, q, score):
    for c in range(q.size):
        value = row[c] * inverse
        row[c] = value
        rest = q[c] - coefficient * value
        q[c] = rest
        score[c] = rest * rest


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz", "arcp"})
def _update_ormp(row, inverse, coefficient, q, off, score, tolerance, zero):
    for c in range(q.size):
        value = row[c] * inverse
        row[c] = value
        rest = q[c] - coefficient * value
        q[c] = rest
        left = off[c] - value * value
        off[c] = left
        ratio = rest * rest / left
        score[c] = ratio if left > tolerance else zero


@njit(nogil=True, cache=True)
def largest(bits):
    """Return the first place of the largest of non-negative floats, given as integers."""
    best, best_group = bits[0], 0
    for group in range(0, bits.size, GROUP):
        top = bits[group]
        for c in range(group, group + GROUP):
            top = max(top, bits[c])
        if top > best:
            best, best_group = top, group
    for c in range(best_group, best_group + GROUP):
        if bits[c] == best:
            return c
    return 0


@njit(nogil=True, cache=True, error_model="numpy")
def _back_substitute(factor, rhs, n, chosen, codes):
    """Solve factor.T c = rhs, in place, and write c to the codes of the chosen atoms."""
    for t in range(n - 1, -1, -1):
        value = rhs[t]
        for later in range(t + 1, n):
            value -= factor[later, t] * rhs[later]
        rhs[t] = value / factor[t, t]
        codes[chosen[t]] = rhs[t]


@njit(nogil=True, cache=True, error_model="numpy")
def _pursue(gram, correlations, energies, k, eps, recursive, codes, bits_like, start, stop):
    size = gram.shape[1]
    real = codes.dtype.type
    single = codes.itemsize == 4
    zero, tolerance = real(0), real(tolerance_of(single))
    basis = np.empty(max(k, 1) * size, dtype=codes.dtype)
    q, off = np.empty(size, dtype=codes.dtype), np.empty(size, dtype=codes.dtype)
    bits = np.empty(size, dtype=bits_like.dtype)
    score = bits.view(codes.dtype)
    factor, rhs = np.empty((k, k), dtype=codes.dtype), np.empty(k, dtype=codes.dtype)
    factors = np.empty(k, dtype=codes.dtype)
    chosen = np.empty(k, dtype=np.int64)
    for i in range(start, stop):
        for c in range(size):
            q[c] = correlations[i, c]
            off[c] = real(1)
            score[c] = q[c] * q[c]
        error = np.float64(energies[i])
        floor = error * (1e-12 if single else 1e-28)
        codes[i, :] = zero
        n = 0
        while n < k and error > eps:
            j = largest(bits)
            if not score[j] > floor:
                break
            left = 1.0
            for t in range(n):
                factors[t] = basis[t * size + j]
                factor[n, t] = factors[t]
                left -= np.float64(factors[t]) ** 2
            if left <= tolerance:
                break
            length = math.sqrt(left)
            factor[n, n] = length
            rhs[n] = q[j] / factor[n, n]
            row = basis[n * size : (n + 1) * size]
            _subtract_projections(gram[j], basis, n, factors, row)
            if recursive:
                _update_ormp(row, real(1 / length), rhs[n], q, off, score, tolerance, zero)
            else:
                _update_omp(row, real(1 / length), rhs[n], q, score)
            error -= np.float64(rhs[n]) ** 2
            chosen[n] = j
            n += 1
            for t in range(n):
                score[chosen[t]] = zero
        _back_substitute(factor, rhs, n, chosen, codes[i])


def pursue(gram, correlations, energies, k, eps, recursive, codes, n_jobs):
    """Code each row of ``correlations`` by at most k atoms, and until the squared error is at most ``eps``.

    Parameters
    ----------
    gram : ndarray of shape (K, K), float32 or float64
        Of atoms of norm one.
    correlations : ndarray of shape (n, K)
        Of the samples with the atoms.
    energies : ndarray of shape (n,)
        Squared norms of the samples.
    k : int
        At least one.
    eps : float
    recursive : bool
        Choose the atom that reduces the error most (ORMP), and not that of largest correlation (OMP).
    codes : ndarray of shape (n, K), written to
    n_jobs : int or None
        Number of threads. The result does not depend on it.
    """
    n, size = correlations.shape
    padding = ((0, 0), (0, -size % GROUP))
    gram = np.ascontiguousarray(np.pad(gram, padding))
    correlations = np.ascontiguousarray(np.pad(correlations, padding))
    bits_like = np.empty(0, np.int32 if codes.itemsize == 4 else np.int64)

    def task(start, stop):
        _pursue(gram, correlations, energies, k, eps, recursive, codes, bits_like, start, stop)

    run_ranges(task, n, _PATCHES, n_jobs)
