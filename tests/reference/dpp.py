"""Plain versions of determinantal point processes and volume sampling: enumeration, and samplers of a few lines."""

from itertools import combinations
from math import comb

import numpy as np


def subsets(n, size):
    """Return all sets of ``size`` of n items, as sorted tuples."""
    return list(combinations(range(n), size))


def all_subsets(n):
    return [S for size in range(n + 1) for S in subsets(n, size)]


def kernel_probabilities(L, sets):
    """Return the probabilities of the sets, in proportion to det L_S."""
    weights = np.array([np.linalg.det(L[np.ix_(S, S)]) if S else 1.0 for S in sets])
    return weights / weights.sum()


def correlation_probabilities(K, sets):
    """Return the probabilities of the sets under the process of correlation kernel K, by inclusion and exclusion."""
    n = len(K)
    probabilities = []
    for S in sets:
        outside = np.diag([0.0 if i in S else 1.0 for i in range(n)])
        probabilities.append(abs(np.linalg.det(K - outside)))
    return np.array(probabilities)


def chain_rule_sample(V, size, generator):
    """Draw from the projection DPP with the conditional probabilities of all rows, by projections written out."""
    chosen = []
    for _ in range(size):
        taken = V[chosen]
        left = V - V @ np.linalg.pinv(taken) @ taken if chosen else V
        weights = np.einsum("ij,ij->i", left, left)
        weights[chosen] = 0.0
        chosen.append(generator.choice(len(V), p=weights / weights.sum()))
    return chosen


def elementary_symmetric(lam, degree):
    """Return the sum of products over all sets of ``degree`` numbers, with Python's own numbers."""
    table = [1] + [0] * degree
    for value in lam:
        for j in range(degree, 0, -1):
            table[j] += value * table[j - 1]
    return table[degree]


def volume_probabilities(X, size):
    """Return all sets of ``size`` rows and their probabilities under volume sampling."""
    n, d = X.shape
    sets = subsets(n, size)
    weights = np.array([np.linalg.det(X[list(S)].T @ X[list(S)]) for S in sets])
    return sets, weights / (comb(n - d, size - d) * np.linalg.det(X.T @ X))


def reverse_iterative_sample(X, size, generator):
    """Draw from volume sampling by taking away one row after the other (Derezinski and Warmuth 2018)."""
    kept = list(range(len(X)))
    while len(kept) > size:
        rows = X[kept]
        leverage = np.einsum("ij,ji->i", rows, np.linalg.solve(rows.T @ rows, rows.T))
        weights = np.clip(1.0 - leverage, 0.0, None)
        kept.pop(generator.choice(len(kept), p=weights / weights.sum()))
    return kept


def rescaled_probabilities(X, size):
    """Return all sequences of ``size`` rows, and their probabilities under rescaled volume sampling.

    P is proportional to det(sum w_i x_i x_i^T) times the product of the leverages.
    """
    n, d = X.shape
    V = np.linalg.qr(X)[0]
    leverage = np.einsum("ij,ij->i", V, V)
    sequences = np.stack(np.meshgrid(*[np.arange(n)] * size, indexing="ij"), axis=-1).reshape(-1, size)
    weights = np.empty(len(sequences))
    for t, rows in enumerate(sequences):
        scaled = V[rows] / np.sqrt(leverage[rows])[:, None]
        weights[t] = np.linalg.det(scaled.T @ scaled) * np.prod(leverage[rows])
    return sequences, weights / weights.sum()
