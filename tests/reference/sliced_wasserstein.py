"""Plain versions of what sparsesci.transport does with slices: NumPy, loops, obviously right."""

import numpy as np


def cost_1d(u, v, a=None, b=None, p=2):
    """Return W_p^p of two weighted samples of the line, by integrating over the breakpoints of both quantiles."""
    u, v = np.asarray(u, dtype=float), np.asarray(v, dtype=float)
    a = np.full(len(u), 1 / len(u)) if a is None else np.asarray(a, dtype=float) / np.sum(a)
    b = np.full(len(v), 1 / len(v)) if b is None else np.asarray(b, dtype=float) / np.sum(b)
    order_u, order_v = np.argsort(u, kind="stable"), np.argsort(v, kind="stable")
    levels_u, levels_v = np.cumsum(a[order_u]), np.cumsum(b[order_v])
    edges = np.unique(np.concatenate([[0.0], np.clip(levels_u, 0, 1), np.clip(levels_v, 0, 1)]))
    middle = (edges[1:] + edges[:-1]) / 2
    quantile_u = u[order_u][np.minimum(np.searchsorted(levels_u, middle), len(u) - 1)]
    quantile_v = v[order_v][np.minimum(np.searchsorted(levels_v, middle), len(v) - 1)]
    return float(np.sum(np.diff(edges) * np.abs(quantile_u - quantile_v) ** p))


def costs(X, Y, directions, a=None, b=None, p=2):
    """Return the cost of the projections on every direction."""
    return np.array([cost_1d(X @ t, Y @ t, a, b, p) for t in directions])


def moments(X, a=None):
    """Return the mean and the covariance (without n - 1) of a weighted cloud."""
    a = np.full(len(X), 1 / len(X)) if a is None else np.asarray(a, dtype=float) / np.sum(a)
    mean = a @ X
    return mean, (X - mean).T @ (a[:, None] * (X - mean))


def gaussian_cost(t, X, Y, a=None, b=None):
    """Return W_2^2 between the Gaussian fits of the two projections."""
    (m1, C1), (m2, C2) = moments(X, a), moments(Y, b)
    return ((m1 - m2) @ t) ** 2 + (np.sqrt(t @ C1 @ t) - np.sqrt(t @ C2 @ t)) ** 2


def ratio_estimate(f, c, mean_c):
    """Return the control-variate estimate in the form of the paper."""
    k = c - mean_c
    alpha = np.mean((f - f.mean()) * k) / np.mean(k**2)
    return f.mean() - alpha * k.mean()


def half_circle(X, Y, a=None, b=None, p=2, n_angles=20_000):
    """Return SW_p^p in the plane by the midpoint rule on the half circle."""
    angles = np.pi * (np.arange(n_angles) + 0.5) / n_angles
    return costs(X, Y, np.stack([np.cos(angles), np.sin(angles)], axis=1), a, b, p).mean()


def gaussian_integrand(d):
    """Return the integrand g and its factory data of the published Gaussian experiment in dimension d."""
    rng = np.random.RandomState(0)
    m1, m2 = rng.normal(1, 1, d), rng.normal(1, 1, d)
    A, B = rng.normal(size=(d, d)), rng.normal(size=(d, d))
    C1, C2 = A.T @ A, B.T @ B

    def g(T):
        s1, s2 = np.sqrt(np.einsum("li,ij,lj->l", T, C1, T)), np.sqrt(np.einsum("li,ij,lj->l", T, C2, T))
        return (T @ (m1 - m2)) ** 2 + (s1 - s2) ** 2

    return g, (m1, C1), (m2, C2)
