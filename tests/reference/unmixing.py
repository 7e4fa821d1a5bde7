"""Plain versions of the unmixing algorithms: slow, and right by inspection."""

import itertools

import numpy as np


def simplex_projection(x):
    """Return the point of the simplex that is nearest to x, by sorting."""
    u = np.sort(x)[::-1]
    excess = np.cumsum(u) - 1
    last = np.nonzero(u - excess / np.arange(1, len(x) + 1) > 0)[0][-1]
    return np.maximum(x - excess[last] / (last + 1), 0)


def constrained_least_squares(x, E, sum_to_one, weights=None):
    """Return the best abundances over all supports: the minimum of the feasible solutions on each of them."""
    K = len(E)
    w = np.ones(E.shape[1]) if weights is None else weights
    G, b = (E * w) @ E.T, (E * w) @ x
    best, value = np.zeros(K), np.inf if sum_to_one else 0.0
    for size in range(1, K + 1):
        for support in itertools.combinations(range(K), size):
            P = list(support)
            if sum_to_one:
                kkt = np.block([[G[np.ix_(P, P)], np.ones((size, 1))], [np.ones((1, size)), np.zeros((1, 1))]])
                a = np.linalg.solve(kkt, np.append(b[P], 1.0))[:-1]
            else:
                a = np.linalg.solve(G[np.ix_(P, P)], b[P])
            reached = 0.5 * a @ G[np.ix_(P, P)] @ a - b[P] @ a
            if (a >= -1e-12).all() and reached < value:
                best, value = np.zeros(K), reached
                best[P] = a
    return best


def gini(a):
    """Return the Gini index from its definition by sorted shares."""
    a, K = np.sort(a), len(a)
    return 1 - 2 * sum(a[k] / a.sum() * (K - (k + 1) + 0.5) / K for k in range(K))


def hoyer(a):
    K = len(a)
    return (np.sqrt(K) - a.sum() / np.linalg.norm(a)) / (np.sqrt(K) - 1)


def multiplicative_step(X, A, E, h, penalty, eps):
    """Return (A, E) after one step of the published kind, residuals and all."""
    E = np.maximum(E * (A.T @ X) / (A.T @ A @ E), 1e-12)
    d = 1 / np.sqrt(((X - A @ E) ** 2).sum(axis=0) + eps)
    W = E * d
    p = (1 - h)[:, None]
    below = A @ (W @ E.T) + penalty * p * np.maximum(A, 1e-8) ** (p - 1)
    return np.maximum(A * (X @ W.T) / below, 1e-12), E
