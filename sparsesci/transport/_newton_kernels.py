"""CPU kernels of the linear systems of the sparse Newton steps.

The rows of the plan, each divided by its mass, come in CSR form with small entries dropped: W with row sums at most
one, P ~ diag(r) W. The matrix of the semi-dual is A = diag(P'1) - W' diag(r) W with the full column sums P'1. As a
Laplacian it is

    (A p)_j = sum_i r_i W_ij (p_j - (W p)_i) + d_j p_j,    d_j = (P'1)_j - sum_i r_i W_ij >= 0,

which has no cancellation between the diagonal and the rest.
"""

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def schur_diagonals(indptr, indices, weights, r, sums, shift):
    """Return (d + shift, diagonal of A + shift)."""
    rest, diagonal = sums.copy(), np.zeros(sums.size)
    for i in range(r.size):
        for e in range(indptr[i], indptr[i + 1]):
            j, w = indices[e], weights[e]
            rest[j] -= r[i] * w
            diagonal[j] += r[i] * w * (1.0 - w)
    for j in range(sums.size):
        # What is left after sums that should cancel is rounding.
        rest[j] = max(rest[j], 0.0) + shift
        diagonal[j] = max(diagonal[j] + rest[j], 1e-300)
    return rest, diagonal


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def schur_product(indptr, indices, weights, r, rest, p, out):
    """out = (A + shift) p."""
    for j in range(p.size):
        out[j] = rest[j] * p[j]
    for i in range(r.size):
        mean = 0.0
        for e in range(indptr[i], indptr[i + 1]):
            mean += weights[e] * p[indices[e]]
        for e in range(indptr[i], indptr[i + 1]):
            j = indices[e]
            out[j] += r[i] * weights[e] * (p[j] - mean)


@njit(nogil=True, cache=True)
def schur_pcg(indptr, indices, weights, r, rest, diagonal, g, rtol, max_steps, v):
    """Solve (A + shift) v = g by conjugate gradients with the diagonal as preconditioner, from zero.

    Returns the number of steps and whether the residual fell to rtol times that of zero.
    """
    m = g.size
    residual, direction, product = g.copy(), np.empty(m), np.empty(m)
    v[:] = 0.0
    goal = rtol * np.sqrt(np.dot(g, g))
    rho = 0.0
    for step in range(max_steps):
        new_rho = 0.0
        for j in range(m):
            new_rho += residual[j] * residual[j] / diagonal[j]
        ratio = new_rho / rho if step else 0.0
        for j in range(m):
            direction[j] = residual[j] / diagonal[j] + (ratio * direction[j] if step else 0.0)
        rho = new_rho
        schur_product(indptr, indices, weights, r, rest, direction, product)
        curvature, norm = 0.0, 0.0
        for j in range(m):
            curvature += direction[j] * product[j]
        if not curvature > 0.0:
            return step, False
        alpha = rho / curvature
        for j in range(m):
            v[j] += alpha * direction[j]
            residual[j] -= alpha * product[j]
            norm += residual[j] * residual[j]
        if np.sqrt(norm) <= goal:
            return step + 1, True
    return max_steps, False


@njit(nogil=True, cache=True)
def subtract_outer_products(indptr, indices, weights, r, matrix):
    """matrix -= W' diag(r) W, entry by entry."""
    for i in range(r.size):
        for e in range(indptr[i], indptr[i + 1]):
            j, scaled = indices[e], r[i] * weights[e]
            for f in range(indptr[i], indptr[i + 1]):
                matrix[j, indices[f]] -= scaled * weights[f]


@njit(nogil=True, cache=True)
def fill_rows(indptr, indices, weights, r, first, dense):
    """Write rows of diag(sqrt(r)) W, from ``first`` on, to the zeros of ``dense``."""
    for i in range(dense.shape[0]):
        root = np.sqrt(r[first + i])
        for e in range(indptr[first + i], indptr[first + i + 1]):
            dense[i, indices[e]] = root * weights[e]


@njit(nogil=True, cache=True)
def bipartite_pcg(indptr, indices, entries, rows, columns, gx, gy, rtol, max_steps, vx, vy):
    """Solve [diag(rows), S; S', diag(columns)] (vx, vy) = (gx, gy) by conjugate gradients, from zero.

    S is sparse, in CSR form; the preconditioner is the diagonal. Returns the number of steps.
    """
    n, m = gx.size, gy.size
    residual = np.concatenate((gx, gy))
    diagonal = np.concatenate((rows, columns))
    v, direction, product = np.zeros(n + m), np.empty(n + m), np.empty(n + m)
    goal = rtol * np.sqrt(np.dot(residual, residual))
    rho, done = 0.0, max_steps
    for step in range(max_steps):
        new_rho = 0.0
        for j in range(n + m):
            new_rho += residual[j] * residual[j] / diagonal[j]
        for j in range(n + m):
            direction[j] = residual[j] / diagonal[j] + (new_rho / rho * direction[j] if step else 0.0)
            product[j] = diagonal[j] * direction[j]
        rho = new_rho
        for i in range(n):
            total = 0.0
            for e in range(indptr[i], indptr[i + 1]):
                total += entries[e] * direction[n + indices[e]]
                product[n + indices[e]] += entries[e] * direction[i]
            product[i] += total
        curvature = np.dot(direction, product)
        if not curvature > 0.0:
            done = step
            break
        v += rho / curvature * direction
        residual -= rho / curvature * product
        if np.sqrt(np.dot(residual, residual)) <= goal:
            done = step + 1
            break
    vx[:] = v[:n]
    vy[:] = v[n:]
    return done
