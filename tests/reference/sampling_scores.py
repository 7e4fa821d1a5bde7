"""Plain versions of scores, coresets and sampling schemes: a few lines of NumPy each, obviously right."""

import itertools

import numpy as np
import scipy.optimize
import scipy.sparse


def weighted_gram(A, q):
    """Return sum_i q_i a_i a_i^T."""
    A = np.asarray(A, dtype=np.float64)
    return (A * np.asarray(q, dtype=np.float64)[:, np.newaxis]).T @ A


def leverage_scores(A, sample_weight=None):
    """Return the squared row norms of an orthonormal basis of the column space, from a singular value decomposition."""
    A = np.asarray(A, dtype=np.float64)
    if sample_weight is not None:
        A = A * np.sqrt(sample_weight)[:, np.newaxis]
    U, s, _ = np.linalg.svd(A, full_matrices=False)
    return (U[:, s > max(A.shape) * np.finfo(float).eps * s[0]] ** 2).sum(axis=1)


def lewis_weights(A, p, tol=1e-12, max_iter=1000):
    """Return the Lewis weights by the damped fixed-point iteration, and the number of iterations."""
    n, d = A.shape
    w, step, before, slow = np.full(n, d / n), 2 * p / (p + 2), np.inf, 0
    n_iter = 0
    while n_iter < max_iter:
        tau = leverage_scores(A * (w ** (0.5 - 1 / p))[:, np.newaxis])
        kept = w > 1e-14 * w.max()
        residual = np.abs(np.log(tau[kept] / w[kept])).max()
        if residual < tol:
            break
        slow = slow + 1 if residual >= 0.999 * before else 0
        if slow >= 2:
            step = min(step, 1.0 if p > 2 else p / 2)
        before = residual
        w = w * (tau / w) ** step
        n_iter += 1
    return w, n_iter


def lp_sensitivity_1(A):
    """Return the sensitivities at p = 1, each from a linear programme."""
    n, d = A.shape
    values = np.zeros(n)
    cost = np.concatenate((np.zeros(d), np.ones(n)))
    above = np.block([[A, -np.eye(n)], [-A, -np.eye(n)]])
    for i, row in enumerate(A):
        if row.any():
            equal = np.concatenate((row, np.zeros(n)))[np.newaxis]
            found = scipy.optimize.linprog(
                cost, above, np.zeros(2 * n), equal, [1.0], bounds=[(None, None)] * d + [(0, None)] * n
            )
            values[i] = 1 / found.fun
    return values


def lp_sensitivities_on_grid(A, p, n_angles=100_000):
    """Return, for two columns, the largest ratio |a_i x|^p / |A x|_p^p over a grid of directions: a lower bound."""
    angle = np.linspace(0, np.pi, n_angles, endpoint=False)
    values = np.abs(A @ np.stack((np.cos(angle), np.sin(angle)))) ** p
    return (values / values.sum(axis=0)).max(axis=1)


def online_leverage_scores(A, reg):
    """Return min(1, a_i^T (reg I + sum of earlier a a^T)^-1 a_i)."""
    M = reg * np.eye(A.shape[1])
    scores = []
    for row in A:
        scores.append(min(1.0, row @ np.linalg.solve(M, row)))
        M += np.outer(row, row)
    return np.array(scores)


def inclusion_probabilities(scores, m):
    """Return min(1, c q_i) with the c for which they sum to m, by bisection."""
    low, high = 0.0, m / scores[scores > 0].min()
    for _ in range(2000):
        middle = (low + high) / 2
        low, high = (middle, high) if np.minimum(1, middle * scores).sum() < m else (low, middle)
    return np.minimum(1, high * scores)


def poisson_expectation(pi, values):
    """Return the expectation of sum_S values_i / pi_i over all 2^n subsets."""
    total = 0.0
    for kept in itertools.product((False, True), repeat=len(pi)):
        kept = np.array(kept)
        probability = np.prod(np.where(kept, pi, 1 - pi))
        if probability > 0:
            total += probability * (values[kept] / pi[kept]).sum()
    return total


def squared_distances(X, centres):
    """Return the squared distance of every row to every centre."""
    return ((X[:, np.newaxis] - centres) ** 2).sum(axis=2)


def clustering_scores(X, centres, sample_weight=None, power=2):
    """Return the sensitivity bounds of k-means (power 2) or k-medians (power 1), given rough centres."""
    v = np.ones(len(X)) if sample_weight is None else sample_weight
    squares = squared_distances(X, centres)
    nearest = squares.argmin(axis=1)
    cost = squares.min(axis=1) ** (power / 2)
    k = len(centres)
    a = 16 * (np.log(k) + 2)
    mean = (v * cost).sum() / v.sum()
    scores = np.zeros(len(X))
    for i, label in enumerate(nearest):
        mates = nearest == label
        size = v[mates].sum()
        inside = (v[mates] * cost[mates]).sum()
        scores[i] = v[i] * (a * cost[i] / mean + 2 * a * inside / (size * mean) + 4 * v.sum() / size)
    return scores / scores.sum()


def lightweight_scores(X, sample_weight=None):
    """Return 1 / 2n + d(x, mean)^2 / (2 sum), with weights."""
    v = np.ones(len(X)) if sample_weight is None else sample_weight
    centre = (v[:, np.newaxis] * X).sum(axis=0) / v.sum()
    squares = v * ((X - centre) ** 2).sum(axis=1)
    return v / (2 * v.sum()) + squares / (2 * squares.sum())


def distortion(A, S, weights, p, n_starts=2, seed=0):
    """Return a lower bound of max_x | |W S x|_p^p / |A x|_p^p - 1 |, by ascent from random directions."""
    basis = np.linalg.svd(np.concatenate((A, S)), full_matrices=False)[2].T
    basis = basis / np.linalg.norm(A @ basis, axis=0)
    Q, T = A @ basis, S @ basis
    random = np.random.default_rng(seed)

    def ratio(x, sign):
        image, sampled = Q @ x, T @ x
        whole, part = (np.abs(image) ** p).sum(), (weights * np.abs(sampled) ** p).sum()
        slope = p * T.T @ (weights * np.abs(sampled) ** (p - 1) * np.sign(sampled)) / part
        slope -= p * Q.T @ (np.abs(image) ** (p - 1) * np.sign(image)) / whole
        return -sign * np.log(part / whole), -sign * slope

    worst = 0.0
    for sign in (1.0, -1.0):
        for _ in range(n_starts):
            start = random.standard_normal(A.shape[1])
            found = scipy.optimize.minimize(ratio, start, (sign,), jac=True, method="BFGS", options={"maxiter": 60})
            worst = max(worst, abs(np.exp(-sign * found.fun) - 1))
    return worst


def l1_regression_cost(X, y):
    """Return the least sum |X b - y|, from the linear programme."""
    n, d = X.shape
    cost = np.concatenate((np.zeros(d), np.ones(2 * n)))
    equal = scipy.sparse.hstack((scipy.sparse.csr_array(X), scipy.sparse.eye_array(n), -scipy.sparse.eye_array(n)))
    bounds = [(None, None)] * d + [(0, None)] * (2 * n)
    return scipy.optimize.linprog(cost, A_eq=equal, b_eq=y, bounds=bounds, method="highs")
