"""CPU kernel of the homotopy for the l1 penalty, and of least squares on given supports, from Gram and correlations."""

import numpy as np
from numba import njit

from sparsesci._core.threads import run_ranges
from sparsesci.decomposition._descent_kernels import cholesky_solve

_PATCHES = 8


@njit(nogil=True, cache=True)
def _direction(gram, support, signs, n, work, right):
    """Solve G_SS d = signs; return whether that was possible."""
    for a in range(n):
        right[a] = signs[a]
        for b in range(a + 1):
            work[a, b] = gram[support[a], support[b]]
    return cholesky_solve(work, right, n)


@njit(nogil=True, cache=True)
def _follow(gram, correlations, lam, most, max_steps, r, q, slope, inside, support, signs, work, right):
    """Follow the path of minimisers down to ``lam`` or to ``most`` atoms; return whether it got there."""
    size = r.size
    r[:] = 0
    q[:] = correlations
    inside[:] = False
    level, first = 0.0, 0
    for c in range(size):
        if abs(q[c]) > level:
            level, first = abs(q[c]), c
    if level <= lam:
        return True
    support[0], signs[0], n = first, np.sign(q[first]), 1
    inside[first] = True
    just_left = -1
    for _ in range(max_steps):
        if not _direction(gram, support, signs, n, work, right):
            return False
        slope[:] = 0
        for a in range(n):
            row = gram[support[a]]
            for c in range(size):
                slope[c] += right[a] * row[c]
        step, event, entering = level - lam, -1, -1
        for c in range(size):
            if not inside[c] and c != just_left:
                up = (level - q[c]) / (1.0 - slope[c]) if slope[c] < 1.0 else step
                down = (level + q[c]) / (1.0 + slope[c]) if slope[c] > -1.0 else step
                nearest = min(max(up, 0.0), max(down, 0.0))
                if nearest < step:
                    step, entering = nearest, c
        for a in range(n):
            if r[support[a]] * right[a] < 0 and -r[support[a]] / right[a] < step:
                step, event, entering = -r[support[a]] / right[a], a, -1
        for a in range(n):
            r[support[a]] += step * right[a]
        level -= step
        for c in range(size):
            q[c] -= step * slope[c]
        just_left = -1
        if event >= 0:
            just_left = support[event]
            r[just_left], inside[just_left] = 0, False
            n -= 1
            for a in range(event, n):
                support[a], signs[a] = support[a + 1], signs[a + 1]
        elif entering >= 0:
            if n == most:
                return True
            support[n], signs[n] = entering, np.sign(q[entering])
            inside[entering] = True
            n += 1
        else:
            return True
    return False


@njit(nogil=True, cache=True)
def _homotopy(gram, correlations, lam, most, max_steps, codes, converged, start, stop):
    size = gram.shape[0]
    r, q, slope, inside = np.empty(size), np.empty(size), np.empty(size), np.empty(size, dtype=np.bool_)
    support, signs = np.empty(most + 1, dtype=np.int64), np.empty(most + 1)
    work, right = np.empty((most + 1, most + 1)), np.empty(most + 1)
    for i in range(start, stop):
        converged[i] = _follow(
            gram, correlations[i], lam, most, max_steps, r, q, slope, inside, support, signs, work, right
        )
        codes[i] = r


@njit(nogil=True, cache=True)
def _refit(gram, correlations, most, codes, solved, start, stop):
    support = np.empty(most, dtype=np.int64)
    work, right = np.empty((most, most)), np.empty(most)
    for i in range(start, stop):
        n = 0
        solved[i] = True
        for c in range(codes.shape[1]):
            if codes[i, c] != 0:
                if n == most:
                    solved[i] = False
                    break
                support[n] = c
                n += 1
        if not solved[i]:
            continue
        for a in range(n):
            right[a] = correlations[i, support[a]]
            for b in range(a + 1):
                work[a, b] = gram[support[a], support[b]]
        solved[i] = cholesky_solve(work, right, n)
        if solved[i]:
            for a in range(n):
                codes[i, support[a]] = right[a]


def homotopy(gram, correlations, lam, most, max_steps, codes, converged, n_jobs):
    """Minimise |x - D r|^2 / 2 + lam sum_j |r_j| for every row of ``correlations`` by following its path in lam.

    The path ends at ``lam``, or where an atom would enter beyond ``most``. Sums are float64; results do not depend on
    ``n_jobs``.
    """
    run_ranges(
        lambda a, b: _homotopy(gram, correlations, lam, most, max_steps, codes, converged, a, b),
        len(codes),
        _PATCHES,
        n_jobs,
    )


def refit(gram, correlations, most, codes, solved, n_jobs):
    """Replace the codes by the least-squares coefficients on their supports; ``solved`` says where that worked."""
    run_ranges(lambda a, b: _refit(gram, correlations, most, codes, solved, a, b), len(codes), _PATCHES, n_jobs)
