"""The pass of online leverage scores: a triangular solve and a rank-one update of a Cholesky factor for every row."""

import numpy as np
from numba import njit

_SHARE = 1e-8


@njit(nogil=True, cache=True)
def online_scores(A, reg, out):
    """out[i] = min(1, a_i^T (sum_{j<i} a_j a_j^T + reg I)^-1 a_i).

    With a negative ``reg`` it is a share of the mean squared norm of the rows so far, within a factor of two.
    """
    n, d = A.shape
    L, G = np.zeros((d, d)), np.zeros((d, d))
    row, solved = np.empty(d), np.empty(d)
    own = reg < 0
    current, total = reg, 0.0
    if not own:
        for j in range(d):
            L[j, j] = np.sqrt(reg)
    for i in range(n):
        square = 0.0
        for j in range(d):
            row[j] = A[i, j]
            square += row[j] * row[j]
        total += square
        if square == 0.0:
            out[i] = 0.0
            continue
        wanted = _SHARE * total / (i + 1)
        if own and (current < 0 or wanted > 2 * current or wanted < current / 2):
            current = wanted
            _factorise(G, current, L)
        score = 0.0
        for j in range(d):
            value = row[j]
            for k in range(j):
                value -= L[j, k] * solved[k]
            solved[j] = value / L[j, j]
            score += solved[j] * solved[j]
        out[i] = min(1.0, score)
        if own:
            for j in range(d):
                for k in range(j + 1):
                    G[j, k] += row[j] * row[k]
        _update(L, row)


@njit(nogil=True, cache=True)
def _factorise(G, reg, L):
    """Write the Cholesky factor of G + reg I to L; a pivot that rounding made too small is replaced by ``reg``."""
    d = len(G)
    for j in range(d):
        pivot = G[j, j] + reg
        for k in range(j):
            pivot -= L[j, k] * L[j, k]
        L[j, j] = np.sqrt(max(pivot, reg))
        for i in range(j + 1, d):
            value = G[i, j]
            for k in range(j):
                value -= L[i, k] * L[j, k]
            L[i, j] = value / L[j, j]


@njit(nogil=True, cache=True)
def _update(L, row):
    """Make L the factor of L L^T + row row^T by rotations; ``row`` is used up."""
    d = len(L)
    for j in range(d):
        length = np.hypot(L[j, j], row[j])
        if length > 0:
            cosine, sine = L[j, j] / length, row[j] / length
            L[j, j] = length
            for i in range(j + 1, d):
                below = L[i, j]
                L[i, j] = cosine * below + sine * row[i]
                row[i] = cosine * row[i] - sine * below
