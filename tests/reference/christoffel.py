"""Plain versions of orthonormal bases, distribution functions, laws of designs, and greedy removal."""

import itertools
import math

import numpy as np
from numpy.polynomial import chebyshev, hermite_e, legendre
from scipy.stats import norm


def one_dimensional(family, degree, x):
    """Return the orthonormal function of a degree by NumPy's polynomials."""
    unit = np.eye(degree + 1)[degree]
    if family == "legendre":
        return math.sqrt(2 * degree + 1) * legendre.legval(x, unit)
    if family == "hermite":
        return hermite_e.hermeval(x, unit) / math.sqrt(math.factorial(degree))
    if family == "chebyshev":
        return (1 if degree == 0 else math.sqrt(2)) * chebyshev.chebval(x, unit)
    if degree == 0:
        return np.ones_like(x)
    wave = 2 * np.pi * ((degree + 1) // 2) * x
    return math.sqrt(2) * (np.cos(wave) if degree % 2 else np.sin(wave))


def evaluate(families, index_set, X):
    """Return the product basis (n, m) at the rows of X, in the coordinates of the families."""
    return np.stack(
        [
            math.prod(one_dimensional(family, a, X[:, c]) for c, (family, a) in enumerate(zip(families, row)))
            for row in index_set
        ],
        axis=1,
    )


def distribution(family, degree, x):
    """Return the distribution function of p_degree^2 with respect to the family's measure, in closed form."""
    if family == "legendre":
        P = [legendre.legval(x, np.eye(k + 1)[k]) for k in range(degree + 1)]
        terms = [x * (P[k] ** 2 + P[k - 1] ** 2) - 2 * P[k] * P[k - 1] for k in range(1, degree + 1)]
        return 0.5 * (x + 1 + sum(terms))
    if family == "hermite":
        h = [one_dimensional("hermite", k, x) for k in range(degree + 1)]
        return norm.cdf(x) - norm.pdf(x) * sum(h[k] * h[k - 1] / math.sqrt(k) for k in range(1, degree + 1))
    if family == "chebyshev":
        angle = np.arccos(x)
        return 1 - (angle + (0 if degree == 0 else np.sin(2 * degree * angle) / (2 * degree))) / np.pi
    if degree == 0:
        return x
    wave = 4 * np.pi * ((degree + 1) // 2)
    return x + (1 if degree % 2 else -1) * np.sin(wave * x) / wave


def density(family, degree, x):
    """Return the density of the same law with respect to Lebesgue measure."""
    weight = {
        "legendre": lambda: 0.5,
        "hermite": lambda: norm.pdf(x),
        "chebyshev": lambda: 1 / (np.pi * np.sqrt(1 - x**2)),
        "fourier": lambda: 1.0,
    }[family]()
    return one_dimensional(family, degree, x) ** 2 * weight


def quadrature(family, n):
    """Return nodes and weights that integrate polynomials below degree 2 n for the family's measure."""
    if family == "hermite":
        x, w = hermite_e.hermegauss(n)
    elif family == "chebyshev":
        x, w = chebyshev.chebgauss(n)
    elif family == "legendre":
        x, w = legendre.leggauss(n)
    else:
        x, w = np.arange(n) / n, np.ones(n)
    return x, w / w.sum()


def volume_law(Phi, mu, nu):
    """Return {tuple of points: probability} of volume-rescaled sampling of n = 4 points of a discrete measure.

    ``Phi`` (N, m) is orthonormal for the probabilities mu; density ((n - m)! / n!) n^m det G with respect to nu^n,
    where G has the weights mu / nu.
    """
    n, m = 4, Phi.shape[1]
    law = {}
    for points in itertools.product(range(len(Phi)), repeat=n):
        at = list(points)
        B = Phi[at] * np.sqrt(mu[at] / nu[at])[:, np.newaxis]
        scale = math.factorial(n - m) / math.factorial(n)
        law[points] = scale * np.linalg.det(B.T @ B) * np.prod(nu[at])
    return law


def volume_law_of_construction(Phi, mu, nu):
    """Return the same law as that of m points of the projection DPP and n - m of nu, in random order."""
    n, m = 4, Phi.shape[1]
    law = dict.fromkeys(itertools.product(range(len(Phi)), repeat=n), 0.0)
    orders = list(itertools.permutations(range(n)))
    for drawn in itertools.product(range(len(Phi)), repeat=n):
        first, rest = list(drawn[:m]), list(drawn[m:])
        K = Phi[first] @ Phi[first].T
        probability = np.linalg.det(K) / math.factorial(m) * np.prod(mu[first]) * np.prod(nu[rest])
        for order in orders:
            law[tuple(drawn[i] for i in order)] += probability / len(orders)
    return law


def spectral_deviation(rows):
    """Return the spectral norm of rows^T rows / n - I."""
    return np.abs(np.linalg.eigvalsh(rows.T @ rows / len(rows)) - 1).max()


def greedy_removal(rows, delta, deviation=spectral_deviation):
    """Return the rows that are left when the least harmful one is removed as long as the deviation is at most delta."""
    kept = list(range(len(rows)))
    while len(kept) > rows.shape[1] and deviation(rows[kept]) <= delta:
        values = [deviation(rows[[i for i in kept if i != out]]) for out in kept]
        best = int(np.argmin(values))
        if values[best] > delta:
            break
        del kept[best]
    return kept
