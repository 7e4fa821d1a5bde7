"""CPU kernels of coordinate descent from Gram matrix and correlations.

q = D^T x - G r is kept up to date; coordinate j is minimised by r_j <- prox(r_j + q_j / G_jj) with step 1 / G_jj. The
greedy order takes the coordinate that changes most (times the norm of its atom); for l1 its support is then solved for
exactly, as a quadratic whose signs are known, and the optimality conditions are checked.
"""

import math

import numpy as np
from numba import njit

from sparsesci._core.threads import run_ranges
from sparsesci.decomposition._prox_scalar import CEL0, L0, L1, prox, threshold
from sparsesci.decomposition._pursuit_kernels import GROUP, largest

CYCLIC, GREEDY = 0, 1
_PATCHES = 8
_INNER_SWEEPS = 10
_FAST = {"reassoc", "contract", "nsz", "arcp"}


@njit(nogil=True, cache=True, fastmath=_FAST)
def _move(row, change, q):
    for c in range(q.size):
        q[c] -= change * row[c]


@njit(nogil=True, cache=True, fastmath=_FAST)
def _move_and_score_soft(row, change, r, steps, lengths, cuts, positive, zero, q, score):
    """q -= change row, then the changes that soft thresholding would make."""
    for c in range(q.size):
        value = q[c] - change * row[c]
        q[c] = value
        z = r[c] + value * steps[c]
        low = z if z > -cuts[c] else -cuts[c]
        cut = low if low < cuts[c] else cuts[c]
        target = z - cut
        target = zero if positive and target < zero else target
        score[c] = abs(target - r[c]) * lengths[c]


@njit(nogil=True, cache=True, fastmath=_FAST)
def _move_and_score_hard(row, change, r, steps, lengths, cuts, positive, zero, q, score):
    """q -= change row, then the changes that hard thresholding would make."""
    for c in range(q.size):
        value = q[c] - change * row[c]
        q[c] = value
        z = r[c] + value * steps[c]
        size = z if positive else abs(z)
        target = z if size > cuts[c] else zero
        score[c] = abs(target - r[c]) * lengths[c]


@njit(nogil=True, cache=True)
def _target(kind, z, lam, mu, param, norm, cut, positive):
    if abs(z) <= cut or (positive and z <= 0):
        return 0.0
    return prox(kind, z, lam, mu, param, norm)


@njit(nogil=True, cache=True)
def _move_and_score(kind, row, change, r, steps, lengths, cuts, lam, param, positive, q, score):
    """q -= change row, then the changes that the proximal map of any penalty would make."""
    for c in range(q.size):
        q[c] -= change * row[c]
        z = np.float64(r[c] + q[c] * steps[c])
        target = _target(kind, z, lam, np.float64(steps[c]), param, np.float64(lengths[c]), cuts[c], positive)
        score[c] = abs(target - r[c]) * lengths[c]


@njit(nogil=True, cache=True, fastmath=_FAST)
def _dot(a, b, n):
    total = 0.0
    for t in range(n):
        total += a[t] * b[t]
    return total


@njit(nogil=True, cache=True, error_model="numpy")
def cholesky_solve(matrix, right, n):
    """Solve matrix x = right in place, of leading size n; return whether the matrix is positive definite."""
    for i in range(n):
        for j in range(i + 1):
            value = matrix[i, j]
            value -= _dot(matrix[i], matrix[j], j)
            if i == j:
                if not value > 1e-12 * matrix[i, i]:
                    return False
                matrix[i, i] = math.sqrt(value)
            else:
                matrix[i, j] = value / matrix[j, j]
    for i in range(n):
        value = right[i]
        for t in range(i):
            value -= matrix[i, t] * right[t]
        right[i] = value / matrix[i, i]
    for i in range(n - 1, -1, -1):
        value = right[i]
        for t in range(i + 1, n):
            value -= matrix[t, i] * right[t]
        right[i] = value / matrix[i, i]
    return True


@njit(nogil=True, cache=True)
def _solve_signed(gram, correlations, lam, r, support, work, right, most):
    """Minimise the l1 objective over the support with signs kept; coordinates that reach zero are dropped, and the rest
    is solved again. Return the size of the support, or -1 where it cannot be solved."""
    n = 0
    for c in range(r.size):
        if r[c] != 0:
            if n == most:
                return -1
            support[n] = c
            n += 1
    while n:
        for a in range(n):
            sign = 1.0 if r[support[a]] > 0 else -1.0
            right[a] = np.float64(correlations[support[a]]) - lam * sign
            for b in range(a + 1):
                work[a, b] = gram[support[a], support[b]]
        if not cholesky_solve(work, right, n):
            return -1
        length = 1.0
        for a in range(n):
            now = np.float64(r[support[a]])
            if now * right[a] <= 0:
                length = min(length, now / (now - right[a]))
        kept = 0
        for a in range(n):
            now = np.float64(r[support[a]])
            value = now + length * (right[a] - now)
            if now * right[a] <= 0 and now / (now - right[a]) <= length:
                r[support[a]] = 0
            else:
                r[support[a]] = value
                support[kept] = support[a]
                kept += 1
        if kept == n:
            return n
        n = kept
    return 0


@njit(nogil=True, cache=True)
def _refresh(gram, correlations, r, q):
    q[:] = correlations
    for c in range(r.size):
        if r[c] != 0:
            _move(gram[c], r[c], q)


@njit(nogil=True, cache=True)
def _greedy(kind, gram, correlations, lam, param, norms, steps, cuts, positive, most, tol, max_steps, r, q, bits, score,
            support, work, right):  # fmt: skip
    """Code one patch; return whether the tolerance was reached."""
    soft, hard = kind == L1, kind in (L0, CEL0)
    zero = r.dtype.type(0)
    _refresh(gram, correlations, r, q)
    j, change = 0, zero
    scale = 0.0
    for c in range(q.size):
        scale = max(scale, abs(np.float64(correlations[c]) * steps[c] * norms[c]))
    goal = tol * scale
    # Supports that are found roughly are solved for exactly; what then is missing is sought with a finer comb.
    coarse = max(goal, 0.2 * lam) if soft else goal
    for _ in range(max_steps):
        if soft:
            _move_and_score_soft(gram[j], change, r, steps, norms, cuts, positive, zero, q, score)
        elif hard:
            _move_and_score_hard(gram[j], change, r, steps, norms, cuts, positive, zero, q, score)
        else:
            _move_and_score(kind, gram[j], change, r, steps, norms, cuts, lam, param, positive, q, score)
        j = largest(bits)
        gain = np.float64(score[j])
        if gain <= coarse:
            if not soft or gain == 0:
                return True
            if _solve_signed(gram, correlations, lam, r, support, work, right, most) < 0:
                if coarse <= goal:
                    return True
            else:
                _refresh(gram, correlations, r, q)
                _move_and_score_soft(gram[0], zero, r, steps, norms, cuts, positive, zero, q, score)
                j = largest(bits)
                gain = np.float64(score[j])
                if gain <= goal:
                    return True
            coarse = max(goal, min(0.3 * coarse, 0.5 * gain))
            if gain <= coarse:
                change = zero
                continue
        z = np.float64(r[j] + q[j] * steps[j])
        step, norm = np.float64(steps[j]), np.float64(norms[j])
        target = r.dtype.type(_target(kind, z, lam, step, param, norm, 0.0, positive))
        change = target - r[j]
        r[j] = target
    return False


@njit(nogil=True, cache=True)
def _sweep(kind, gram, coordinates, n, lam, param, norms, steps, cuts, positive, r, q):
    """Minimise over coordinates one after the other; return the largest change, times norms."""
    largest_change = 0.0
    for place in range(n):
        j = coordinates[place]
        z = np.float64(r[j] + q[j] * steps[j])
        step, norm = np.float64(steps[j]), np.float64(norms[j])
        target = r.dtype.type(_target(kind, z, lam, step, param, norm, cuts[j], positive))
        change = target - r[j]
        if change != 0:
            r[j] = target
            _move(gram[j], change, q)
            largest_change = max(largest_change, abs(np.float64(change)) * norm)
    return largest_change


@njit(nogil=True, cache=True)
def _cyclic(kind, gram, correlations, lam, param, norms, steps, cuts, positive, n_atoms, tol, max_sweeps, r, q,
            everything, support):  # fmt: skip
    """Full sweep, up to ten sweeps over the support while they change anything, full sweep, and so on."""
    _refresh(gram, correlations, r, q)
    scale = 0.0
    for c in range(n_atoms):
        scale = max(scale, abs(np.float64(correlations[c]) * steps[c] * norms[c]))
    goal, sweeps = tol * scale, 0
    while sweeps < max_sweeps:
        moved = _sweep(kind, gram, everything, n_atoms, lam, param, norms, steps, cuts, positive, r, q)
        sweeps += 1
        if moved <= goal:
            return True
        n = 0
        for c in range(n_atoms):
            if r[c] != 0:
                support[n] = c
                n += 1
        for _ in range(min(_INNER_SWEEPS, max_sweeps - sweeps)):
            sweeps += 1
            if _sweep(kind, gram, support, n, lam, param, norms, steps, cuts, positive, r, q) <= goal:
                break
    return False


@njit(nogil=True, cache=True)
def _descend(order, kind, gram, correlations, lam, param, norms, steps, cuts, positive, n_atoms, n_features, tol,
             max_iter, codes, converged, bits_like, start, stop):  # fmt: skip
    size = gram.shape[1]
    q, r = np.empty(size, dtype=codes.dtype), np.empty(size, dtype=codes.dtype)
    bits = np.empty(size, dtype=bits_like.dtype)
    score = bits.view(codes.dtype)
    everything = np.arange(size)
    support = np.empty(size, dtype=np.int64)
    most = min(n_atoms, n_features)
    work, right = np.empty((most, most)), np.empty(most)
    for i in range(start, stop):
        r[:] = 0
        r[:n_atoms] = codes[i]
        if order == GREEDY:
            converged[i] = _greedy(
                kind, gram, correlations[i], lam, param, norms, steps, cuts, positive, most, tol, max_iter * n_atoms,
                r, q, bits, score, support, work, right,
            )  # fmt: skip
        else:
            converged[i] = _cyclic(
                kind, gram, correlations[i], lam, param, norms, steps, cuts, positive, n_atoms, tol, max_iter, r, q,
                everything, support,
            )  # fmt: skip
        codes[i] = r[:n_atoms]


@njit(cache=True)
def _cuts(kind, lam, steps, param, norms):
    cuts = np.empty(steps.size)
    for c in range(steps.size):
        cuts[c] = threshold(kind, lam, np.float64(steps[c]), param, np.float64(norms[c]))
    return cuts


def descend(order, kind, gram, correlations, lam, param, positive, n_features, tol, max_iter, codes, converged, n_jobs):
    """Minimise |x - D r|^2 / 2 + sum_j g(r_j) for every row of ``correlations``, from the codes given.

    Parameters
    ----------
    order : int
        CYCLIC or GREEDY.
    kind, lam, param : int, float, float
        The penalty.
    gram : ndarray of shape (K, K), float32 or float64
    correlations : ndarray of shape (n, K)
    positive : bool
    n_features : int
        Length of the samples: no more atoms are independent.
    tol : float
        Largest change of a coefficient, times the norm of its atom, relative to the largest correlation.
    max_iter : int
        Number of sweeps; a greedy sweep has as many steps as there are atoms.
    codes : ndarray of shape (n, K), start and result
    converged : ndarray of shape (n,) of bool, written to
    n_jobs : int or None
        Number of threads. The result does not depend on it.
    """
    n, size = correlations.shape
    padding = -size % GROUP
    norms = np.sqrt(np.diagonal(gram))
    # Padding atoms have correlation zero with all, and step zero: they never move.
    steps = np.pad(1 / np.diagonal(gram), (0, padding)).astype(codes.dtype)
    norms = np.pad(norms, (0, padding)).astype(codes.dtype)
    cuts = _cuts(kind, lam, np.maximum(steps, np.finfo(codes.dtype).tiny), param, np.maximum(norms, 1e-3))
    cuts = cuts.astype(codes.dtype)
    gram = np.ascontiguousarray(np.pad(gram, ((0, padding), (0, padding))))
    correlations = np.ascontiguousarray(np.pad(correlations, ((0, 0), (0, padding))))
    bits_like = np.empty(0, np.int32 if codes.itemsize == 4 else np.int64)

    def task(start, stop):
        _descend(
            order, kind, gram, correlations, lam, param, norms, steps, cuts, positive, size, n_features, tol, max_iter,
            codes, converged, bits_like, start, stop,
        )  # fmt: skip

    run_ranges(task, n, _PATCHES, n_jobs)
