"""Plain versions of blind gain calibration."""

import numpy as np


def loss(A, Y, x, gains, weights=None):
    R = gains * (A @ x) - Y
    weights = np.ones(len(Y)) if weights is None else weights
    return np.sum(weights[:, None] * R**2) / (2 * Y.size)


def gradients(A, Y, x, gains):
    """Return the gradients in the signal and, projected onto sum zero, in the gains."""
    p, m, n = A.shape
    signal, gain = np.zeros(n), np.zeros(m)
    for s in range(p):
        for i in range(m):
            u = A[s, i] @ x
            r = gains[i] * u - Y[s, i]
            signal += gains[i] * r * A[s, i] / (m * p)
            gain[i] += u * r / (m * p)
    return signal, gain - gain.mean()


def project(deviation, rho):
    """Return the projection onto {sum 0, |e| <= rho} by trying every breakpoint of the piecewise linear sum."""
    points = np.sort(np.concatenate([deviation - rho, deviation + rho]))
    sums = [np.clip(deviation - t, -rho, rho).sum() for t in points]
    shift = np.interp(0.0, sums[::-1], points[::-1])
    return np.clip(deviation - shift, -rho, rho)


def gradient_descent(A, Y, n_iter, rho=None, basis=None, gain_basis=None):
    """Return signal, gains and losses after exactly so many iterations of the gradient method."""
    p, m, n = A.shape

    def signal_part(v):
        return v if basis is None else basis @ (basis.T @ v)

    def gain_part(v):
        return v if gain_basis is None else gain_basis @ (gain_basis.T @ v)

    x = signal_part(sum(A[s].T @ Y[s] for s in range(p)) / (m * p))
    gains, losses = np.ones(m), []
    for _ in range(n_iter):
        losses.append(loss(A, Y, x, gains))
        U = A @ x
        R = gains * U - Y
        step_x, step_g = gradients(A, Y, x, gains)
        step_x, step_g = signal_part(step_x), gain_part(step_g)
        V, W = gains * (A @ step_x), step_g * U
        x = x - np.sum(V * R) / np.sum(V * V) * step_x
        gains = gains - np.sum(W * R) / np.sum(W * W) * step_g
        if rho is not None:
            gains = 1 + project(gains - 1, rho)
    return x, gains, [*losses, loss(A, Y, x, gains)]


def linear(A, Y, weights=None):
    """Return the minimiser of sum (s_i y_li - <a_li, x>)^2 with sum(s) = m, as signal and gains of sum m, by KKT."""
    p, m, n = A.shape
    weights = np.ones(p) if weights is None else weights
    rows = np.concatenate([np.column_stack([np.diag(Y[s]), -A[s]]) * np.sqrt(weights[s]) for s in range(p)])
    normal = rows.T @ rows
    constraint = np.concatenate([np.ones(m), np.zeros(n)])
    kkt = np.block([[normal, constraint[:, None]], [constraint[None], np.zeros((1, 1))]])
    solution = np.linalg.lstsq(kkt, np.concatenate([np.zeros(n + m), [m]]), rcond=None)[0]
    gains = 1 / solution[:m]
    return solution[m : m + n] * gains.mean(), gains / gains.mean()


def cramer_rao(A, x, gains, sigma):
    """Return the constrained bound on the covariance by the explicit Jacobian."""
    p, m, n = A.shape
    U = A @ x
    rows = []
    for s in range(p):
        for i in range(m):
            gain_part = np.zeros(m)
            gain_part[i] = U[s, i]
            rows.append(np.concatenate([gains[i] * A[s, i], gain_part]))
    J = np.array(rows)
    centre = np.eye(n + m)
    centre[n:, n:] -= 1 / m
    return sigma**2 * np.linalg.pinv(centre @ J.T @ J @ centre)
