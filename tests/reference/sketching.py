"""Sketches as explicit matrices, entry by entry, and the regression on them by textbook formulas."""

import itertools
import math

import numpy as np

from tests.reference import philox

SIGN_STREAM, ROW_STREAM, PATTERN_STREAM, EXTENSION_STREAM = 1, 2, 3, 5
FACTOR_KEY_STREAM, FACTOR_ROW_STREAM = 6, 7
NORMAL_PURPOSE = 4


def hadamard_entry(i, j):
    """Return (-1) to the number of ones that ``i`` and ``j`` have in common."""
    return -1.0 if bin(i & j).count("1") % 2 else 1.0


def hadamard(n):
    return np.array([[hadamard_entry(i, j) for j in range(n)] for i in range(n)])


def sequency_hadamard(n):
    """Return the rows of the Hadamard matrix by their number of sign changes."""
    H = hadamard(n)
    changes = [sum(row[j] != row[j + 1] for j in range(n - 1)) for row in H]
    assert sorted(changes) == list(range(n))
    return H[np.argsort(changes)]


def padded_size(n):
    N = 1
    while n > N:
        N *= 2
    return N


def distinct_indices(key, stream, population, size):
    """Floyd's algorithm: the last of the admissible numbers takes the place of one that is drawn twice."""
    chosen = set()
    for counter, bound in enumerate(range(population - size + 1, population + 1)):
        drawn = philox.index(key, stream, counter, bound)
        chosen.add(bound - 1 if drawn in chosen else drawn)
    return sorted(chosen)


def srht(key, m, n):
    """Return P H D / sqrt(m)."""
    rows = distinct_indices(key, ROW_STREAM, padded_size(n), m)
    signs = [philox.sign(key, SIGN_STREAM, j) for j in range(n)]
    return np.array([[hadamard_entry(i, j) * signs[j] for j in range(n)] for i in rows]) / math.sqrt(m)


def extended_srht(key, m, n_padded, n):
    """Return the sketch of ``n`` rows that began as one of ``n_padded``: random bits above the sampled ones."""
    low = distinct_indices(key, ROW_STREAM, n_padded, m)
    high = [philox.index(key, EXTENSION_STREAM, t, 2**47 // n_padded) for t in range(m)]
    signs = [philox.sign(key, SIGN_STREAM, j) for j in range(n)]
    rows = [i + n_padded * h for i, h in zip(low, high)]
    return np.array([[hadamard_entry(i, j) * signs[j] for j in range(n)] for i in rows]) / math.sqrt(m)


def gaussian(key, m, n):
    """Return independent N(0, 1 / m) entries: draw t of stream i is entry (t, i)."""
    columns = [[philox.normal(key, (NORMAL_PURPOSE << 48) | i, t) for t in range(m)] for i in range(n)]
    return np.array(columns).T / math.sqrt(m)


def sparse_sign(key, m, n, s):
    """Return ``s`` entries +-1 / sqrt(s) in every column, by Floyd's algorithm on words s i ... s i + s - 1."""
    S = np.zeros((m, n))
    for i in range(n):
        taken = []
        for q in range(s):
            number = s * i + q
            word = philox.random_words(key, PATTERN_STREAM, number // 4)[number % 4]
            bound = m - s + q + 1
            row = (word * bound) >> 32
            if row in taken:
                row = bound - 1
            taken.append(row)
            S[row, i] = (1 - 2 * (word & 1)) / math.sqrt(s)
    return S


def factor_key(key, factor):
    low, high = philox.random_words(key, FACTOR_KEY_STREAM, factor)[:2]
    return low | high << 32


def tensor_srht(key, m, sizes):
    """Return the matrix whose entry (t, (i_1, ..., i_q)) is the product of those of the factors, over sqrt(m)."""
    keys = [factor_key(key, factor) for factor in range(len(sizes))]
    rows = [[philox.index(k, FACTOR_ROW_STREAM, t, padded_size(n)) for t in range(m)] for k, n in zip(keys, sizes)]
    signs = [[philox.sign(k, SIGN_STREAM, i) for i in range(n)] for k, n in zip(keys, sizes)]
    S = np.empty((m, math.prod(sizes)))
    for t in range(m):
        for column, numbers in enumerate(itertools.product(*(range(n) for n in sizes))):
            entry = 1.0
            for factor, i in enumerate(numbers):
                entry *= hadamard_entry(rows[factor][t], i) * signs[factor][i]
            S[t, column] = entry / math.sqrt(m)
    return S


def tensor_sketch(key, m, sizes):
    """Return the CountSketch whose positions are sums, and whose signs are products, of those of the factors."""
    factors = [sparse_sign(factor_key(key, factor), m, n, 1) for factor, n in enumerate(sizes)]
    S = np.zeros((m, math.prod(sizes)))
    for column, numbers in enumerate(itertools.product(*(range(n) for n in sizes))):
        position, sign = 0, 1.0
        for factor, i in zip(factors, numbers):
            row = int(np.flatnonzero(factor[:, i])[0])
            position, sign = position + row, sign * factor[row, i]
        S[position % m, column] = sign
    return S


def khatri_rao(factors):
    """Return the matrix whose column j is the Kronecker product of the columns j."""
    columns = []
    for j in range(factors[0].shape[1]):
        column = np.ones(1)
        for factor in factors:
            column = np.kron(column, factor[:, j])
        columns.append(column)
    return np.array(columns).T


def ridge(A, b, alpha=0.0, ones=None):
    """Return the coefficients and the intercept of argmin ||A x + c ones - b||^2 + alpha ||x||^2 by least squares."""
    d = A.shape[1]
    stacked = A if ones is None else np.column_stack((A, ones))
    penalty = np.sqrt(alpha) * np.eye(d, stacked.shape[1])
    x = np.linalg.lstsq(np.vstack((stacked, penalty)), np.concatenate((b, np.zeros(d))), rcond=None)[0]
    return x[:d], x[d] if ones is not None else 0.0


def standard_errors(SA, Sb, n_padded=None):
    """Return the classical standard errors of the coefficients, for the SRHT times its factor."""
    m, p = SA.shape
    inverse = np.linalg.inv(SA.T @ SA)
    residual = Sb - SA @ (inverse @ (SA.T @ Sb))
    variance = residual @ residual / (m - p) * np.diag(inverse)
    if n_padded is not None:
        variance = variance * (n_padded - m) / (n_padded - p - 1)
    return np.sqrt(variance)


def product_moment_variance(kind, g, h, m, n_padded):
    """Return m times the variance of (Sg)^T (Sh) for unit vectors g and h with c = g^T h.

    Gaussian: a mean of m independent products of normal variates, of variance 1 + c^2 each. Random signs in a row give
    1 + c^2 - 2 sum g_i^2 h_i^2. All N rows of the SRHT together give c without error, so m of them without
    replacement have that variance times (N - m) / (N - 1). In sparse sign embeddings an error comes from pairs
    of different columns only: columns i and j have a product of mean zero and variance 1 / m, which sums up to the
    formula for random signs whatever the number of entries.
    """
    c, overlap = g @ h, np.sum(g**2 * h**2)
    if kind == "gaussian":
        return 1 + c**2
    variance = 1 + c**2 - 2 * overlap
    return variance * (n_padded - m) / (n_padded - 1) if kind == "srht" else variance


def tensor_product_moment_variance(G, H):
    """Return m times the variance of (Sg)^T (Sh) for g = G.ravel(), h = H.ravel() and independent rows of TensorSRHT.

    The rows are products of random signs, one vector for each axis. The fourth moment of signs is 1 for equal
    pairs of indices, (ij)(kl), (ik)(jl) or (il)(jk), which counts i = j = k = l three times instead of once.
    """
    patterns = {"aabb": 1, "abab": 1, "abba": 1, "aaaa": -2}
    moment = 0.0
    for choice in itertools.product(patterns, repeat=G.ndim):
        labels = ["".join(pattern[which] for pattern in choice) for which in range(4)]
        # Every axis has its own pair of letters.
        letters = ["".join(chr(ord(letter) + 2 * axis) for axis, letter in enumerate(label)) for label in labels]
        weight = math.prod(patterns[pattern] for pattern in choice)
        moment += weight * np.einsum(",".join(letters) + "->", G, G, H, H, optimize=True)
    return moment - np.sum(G * H) ** 2
