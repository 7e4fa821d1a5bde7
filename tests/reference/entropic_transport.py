"""Entropic transport, written down plainly: log-domain scaling, the semi-dual and its derivatives, the 2 x 2 case."""

import numpy as np
from scipy.special import logsumexp


def plan_of(x, y, C, eta):
    """Return exp(eta (x_i + y_j - C_ij))."""
    return np.exp(eta * (x[:, None] + y[None, :] - C))


def row_potential(y, C, r, eta):
    """Return the x for which the plan has row sums r, given y."""
    return (np.log(r) - logsumexp(eta * (y[None, :] - C), axis=1)) / eta


def column_potential(x, C, c, eta):
    """Return the y for which the plan has column sums c, given x."""
    return (np.log(c) - logsumexp(eta * (x[:, None] - C), axis=0)) / eta


def sinkhorn(C, r, c, eta, tol=1e-13, max_iter=100_000):
    """Return (plan, x, y) by alternating the two, until the column sums are right; rows are."""
    y = np.zeros(len(c))
    for _ in range(max_iter):
        x = row_potential(y, C, r, eta)
        P = plan_of(x, y, C, eta)
        if np.abs(P.sum(axis=0) - c).sum() <= tol:
            return P, x, y
        y = column_potential(x, C, c, eta)
    raise AssertionError("the reference did not converge: choose an easier problem")


def semidual(y, C, r, c, eta):
    """Return phi(y) = r.x(y) + c.y."""
    return r @ row_potential(y, C, r, eta) + c @ y


def semidual_gradient(y, C, r, c, eta):
    """Return c - P'1."""
    return c - plan_of(row_potential(y, C, r, eta), y, C, eta).sum(axis=0)


def semidual_matrix(y, C, r, eta):
    """Return A = diag(P'1) - P' diag(1/r) P; the Hessian of phi is -eta A."""
    P = plan_of(row_potential(y, C, r, eta), y, C, eta)
    return np.diag(P.sum(axis=0)) - P.T @ (P / r[:, None])


def dual_matrix(x, y, C, eta):
    """Return H = [diag(P1), P; P', diag(P'1)]; the Hessian of the dual in (x, y) is -eta H."""
    P = plan_of(x, y, C, eta)
    return np.block([[np.diag(P.sum(axis=1)), P], [P.T, np.diag(P.sum(axis=0))]])


def dense_newton(C, r, c, eta, tol=1e-13, sweeps=20, max_steps=100):
    """Return (plan, errors) by some scaling and then Newton steps with the full Hessian, halved until phi grows."""
    y = np.zeros(len(c))
    for _ in range(sweeps):
        y = column_potential(row_potential(y, C, r, eta), C, c, eta)
    errors = []
    for _ in range(max_steps):
        g = semidual_gradient(y, C, r, c, eta)
        errors.append(np.abs(g).sum())
        if errors[-1] <= tol:
            return plan_of(row_potential(y, C, r, eta), y, C, eta), errors
        step = np.linalg.lstsq(semidual_matrix(y, C, r, eta), g, rcond=None)[0] / eta
        value = semidual(y, C, r, c, eta)
        while semidual(y + step, C, r, c, eta) < value and np.abs(step).max() > 1e-15:
            step /= 2
        y = y + step
    raise AssertionError("the reference did not converge: choose an easier problem")


def two_by_two(eta):
    """Return (P_11, log P_12) for r = c = (1/2, 1/2) and C = [[0, 1], [1, 0]]."""
    return 0.5 / (1 + np.exp(-eta)), -eta - np.log(2 * (1 + np.exp(-eta)))


def cost_matrix(X, Y, metric):
    """Return the costs of all pairs of points."""
    difference = X[:, None, :] - Y[None, :, :]
    if metric == "cityblock":
        return np.abs(difference).sum(axis=2)
    squared = (difference**2).sum(axis=2)
    return squared if metric == "sqeuclidean" else np.sqrt(squared)
