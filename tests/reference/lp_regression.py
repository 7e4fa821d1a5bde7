"""Plain l_p and quantile regression: objectives, dual bounds, a linear program, and textbook iterations."""

import numpy as np
from scipy.optimize import linprog


def pinball(residual, tau, weights=None):
    """Return the weighted sum of ``tau max(r, 0) + (1 - tau) max(-r, 0)``."""
    losses = np.where(residual > 0, tau * residual, (tau - 1) * residual)
    return losses.sum() if weights is None else weights @ losses


def power_loss(residual, p, weights=None):
    """Return the weighted sum of ``|r|**p``."""
    losses = np.abs(residual) ** p
    return losses.sum() if weights is None else weights @ losses


def with_ones(X):
    """Return X with a column of ones."""
    return np.column_stack([X, np.ones(len(X))])


def linear_program(A, b, tau, weights=None):
    """Return the minimum of quantile regression on A, from positive and negative parts of the residuals."""
    n, d = A.shape
    weights = np.ones(n) if weights is None else weights
    costs = np.concatenate([np.zeros(d), tau * weights, (1 - tau) * weights])
    bounds = [(None, None)] * d + [(0, None)] * (2 * n)
    result = linprog(costs, A_eq=np.hstack([A, np.eye(n), -np.eye(n)]), b_eq=b, bounds=bounds, method="highs")
    assert result.status == 0
    return result.fun


def chebyshev(A, b):
    """Return the least maximal residual."""
    n, d = A.shape
    ones = np.ones((n, 1))
    result = linprog(
        np.append(np.zeros(d), 1.0),
        A_ub=np.block([[-A, -ones], [A, -ones]]),
        b_ub=np.concatenate([-b, b]),
        bounds=[(None, None)] * (d + 1),
        method="highs",
    )
    assert result.status == 0
    return result.fun


def quantile_interior_point(A, b, tau, tol=1e-9, max_iter=100):
    """Return (coefficients, dual in [tau - 1, tau], number of iterations); Mehrotra's method, one line a formula."""
    n = len(b)
    x, s = np.full(n, 1 - tau), np.full(n, tau)
    beta = np.linalg.lstsq(A, b, rcond=None)[0]
    r = b - A @ beta
    shift = 0.1 * np.abs(r).mean()
    z, w = np.maximum(-r, 0) + shift, np.maximum(r, 0) + shift

    def step(v, dv):
        return min(1.0, 0.99995 * np.min(np.where(dv < 0, -v / np.where(dv < 0, dv, -1), np.inf)))

    for n_iter in range(max_iter):  # noqa: B007
        gap = x @ z + s @ w
        if gap <= tol * (tau * w + (1 - tau) * z).sum():
            break
        q = 1 / (z / x + w / s)
        H = A.T @ (q[:, None] * A)
        dx = q * (w - z - A @ np.linalg.solve(H, A.T @ (q * (w - z))))
        dz, dw = -z - z / x * dx, -w + w / s * dx
        p, d = min(step(x, dx), step(s, -dx)), min(step(z, dz), step(w, dw))
        after = (x + p * dx) @ (z + d * dz) + (s - p * dx) @ (w + d * dw)
        mu = gap * (after / gap) ** 3 / (2 * n)
        t = mu / x - mu / s - dx * dz / x - dx * dw / s
        move = np.linalg.solve(H, A.T @ (q * (w - z + t)))
        first_dx, first_dz, first_dw = dx, dz, dw
        dx = q * (w - z - A @ move + t)
        dz = mu / x - z - z / x * dx - first_dx * first_dz / x
        dw = mu / s - w + w / s * dx + first_dx * first_dw / s
        p, d = min(step(x, dx), step(s, -dx)), min(step(z, dz), step(w, dw))
        x, s, z, w, beta = x + p * dx, s - p * dx, z + d * dz, w + d * dw, beta + d * move
    return beta, x - (1 - tau), n_iter


def irls(A, b, p, n_iter=60):
    """Return coefficients for 1 < p < 2: reweighted least squares, falling smoothing, a search along each step."""
    beta = np.linalg.lstsq(A, b, rcond=None)[0]
    for k in range(n_iter):
        r = b - A @ beta
        weights = np.maximum(np.abs(r), max(0.1**k, 1e-9) * np.abs(r).max()) ** (p - 2)
        step = np.linalg.solve(A.T @ (weights[:, None] * A), A.T @ (weights * r))
        lengths = (2, 1, 1 / 2, 1 / 4, 1 / 8, 1 / 32, 0)
        beta = beta + min(lengths, key=lambda t: power_loss(b - A @ (beta + t * step), p)) * step
    return beta


def damped_newton(A, b, p, n_iter=60):
    """Return coefficients for p > 2; for p > 6 by way of smaller p."""
    beta = np.linalg.lstsq(A, b, rcond=None)[0]
    exponent = 2.0 if p > 6 else p / 1.5
    while exponent < p:
        exponent = min(p, 1.5 * exponent)
        for _ in range(n_iter):
            r = b - A @ beta
            weights = (np.abs(r) / np.abs(r).max()) ** (exponent - 2)
            step = np.linalg.solve(A.T @ (weights[:, None] * A), A.T @ (weights * r)) / (exponent - 1)
            lengths = (2, 1, 1 / 2, 1 / 4, 1 / 8, 1 / 32, 0)
            beta = beta + min(lengths, key=lambda t: power_loss(b - A @ (beta + t * step), exponent)) * step
    return beta


def dual_bound(A, b, p, beta, weights=None):
    """Return a lower bound on the minimum of the weighted l_p loss, 1 < p < inf, from coefficients near the optimum."""
    v = np.ones(len(b)) if weights is None else weights
    r = b - A @ beta
    y = p * v * np.abs(r) ** (p - 1) * np.sign(r)
    y = y - A @ np.linalg.lstsq(A, y, rcond=None)[0]
    conjugate = (p - 1) * v * (np.abs(y) / (p * v)) ** (p / (p - 1))
    return b @ y - conjugate.sum()


def relative_gradient(A, r, p, weights=None):
    """Return the norm of the gradient of the l_p loss relative to that of the sums of its absolute terms."""
    v = np.ones(len(r)) if weights is None else weights
    slopes = v * np.abs(r) ** (p - 1)
    return np.linalg.norm(A.T @ (slopes * np.sign(r))) / np.linalg.norm(np.abs(A).T @ slopes)
