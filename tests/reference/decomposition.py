"""Plain versions of sparse coding."""

import numpy as np


def penalties(lam, norm=1.0, gamma=3.0, a=3.7, eps=1.0):
    """Return the penalties as functions of r."""

    def cel0(r):
        edge = np.sqrt(2 * lam) / norm
        return np.where(np.abs(r) <= edge, lam - norm**2 / 2 * (np.abs(r) - edge) ** 2, lam)

    def mcp(r):
        size = np.abs(r)
        return np.where(size <= gamma * lam, lam * size - size**2 / (2 * gamma), gamma * lam**2 / 2)

    def scad(r):
        size = np.abs(r)
        middle = (2 * a * lam * size - size**2 - lam**2) / (2 * (a - 1))
        return np.where(size <= lam, lam * size, np.where(size <= a * lam, middle, lam**2 * (a + 1) / 2))

    return {
        "l1": lambda r: lam * np.abs(r),
        "l0": lambda r: lam * (r != 0),
        "half": lambda r: lam * np.sqrt(np.abs(r)),
        "two_thirds": lambda r: lam * np.abs(r) ** (2 / 3),
        "cel0": cel0,
        "mcp": mcp,
        "scad": scad,
        "log": lambda r: lam * np.log(1 + np.abs(r) / eps),
    }


def grid_prox(g, z, mu, step=1e-5):
    """Return the best r on a grid that contains zero, between zero and z."""
    r = np.sign(z) * np.arange(0, abs(z) + step, step)
    return r[np.argmin((r - z) ** 2 / 2 + mu * g(r))]


def objective(x, D, r, g):
    return 0.5 * np.sum((x - r @ D) ** 2) + np.sum(g(r))


def omp(x, D, k, eps=0.0, recursive=False):
    """Return the code by orthogonal (or order-recursive) matching pursuit, with a least-squares solve at every step."""
    support, code = [], np.zeros(len(D))
    residual = x.copy()
    while len(support) < k and residual @ residual > eps:
        outside = [j for j in range(len(D)) if j not in support]
        if recursive:
            errors = [np.sum((x - fit(x, D, [*support, j]) @ D[[*support, j]]) ** 2) for j in outside]
            support.append(outside[int(np.argmin(errors))])
        else:
            support.append(outside[int(np.argmax(np.abs(D[outside] @ residual)))])
        values = fit(x, D, support)
        residual = x - values @ D[support]
        code[:] = 0
        code[support] = values
    return code


def fit(x, D, support):
    return np.linalg.lstsq(D[support].T, x, rcond=None)[0]


def coordinate_descent(x, D, prox, n_sweeps):
    """Return the code after cyclic sweeps; ``prox(z, mu)`` is the map of the penalty."""
    r = np.zeros(len(D))
    for _ in range(n_sweeps):
        for j in range(len(D)):
            energy = D[j] @ D[j]
            r[j] = prox(r[j] + D[j] @ (x - r @ D) / energy, 1 / energy)
    return r


def ista(x, D, prox, mu, n_iter):
    r = np.zeros(len(D))
    for _ in range(n_iter):
        r = prox(r + mu * D @ (x - r @ D), mu)
    return r
