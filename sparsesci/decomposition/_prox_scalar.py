"""Proximal maps and penalties of one number, for CPU and CUDA kernels alike.

``kind`` says which penalty g; lam multiplies it; ``param`` is its further parameter, ``norm`` the norm of the atom,
which only CEL0 uses. ``prox`` returns the exact minimiser over r of (r - z)^2 / 2 + mu g(r); of two minimisers that of
smaller magnitude.
"""

import math

import numpy as np
from numba import njit

L1, L0, HALF, TWO_THIRDS, CEL0, MCP, SCAD, LOG = range(8)


@njit(cache=True)
def prox_half(z, t):
    """Return the minimiser for t sqrt(abs r), z >= 0."""
    if z <= 1.5 * t ** (2.0 / 3.0):
        return 0.0
    phi = math.acos(0.25 * t * (z / 3.0) ** -1.5)
    return 2.0 / 3.0 * z * (1.0 + math.cos(2.0 * math.pi / 3.0 - 2.0 * phi / 3.0))


@njit(cache=True)
def prox_two_thirds(z, t):
    """Return the minimiser for t (abs r)^(2/3), z >= 0."""
    scale = 2.0 * t
    if z <= 2.0 / 3.0 * (3.0 * scale**3) ** 0.25:
        return 0.0
    inner = math.acosh(27.0 * z * z * scale**-1.5 / 16.0)
    a = 2.0 / math.sqrt(3.0) * scale**0.25 * math.sqrt(math.cosh(inner / 3.0))
    root = 0.5 * (a + math.sqrt(max(2.0 * z / a - a * a, 0.0)))
    return root * root * root


@njit(cache=True)
def prox_cel0(z, lam, mu, norm):
    """Return the minimiser for the continuous exact relaxation of lam [r != 0] with an atom of that norm, z >= 0."""
    curvature = norm * norm * mu
    if curvature >= 1.0:
        return z if z > math.sqrt(2.0 * lam * mu) else 0.0
    return min(z, max(z - math.sqrt(2.0 * lam) * norm * mu, 0.0) / (1.0 - curvature))


@njit(cache=True)
def prox_scad(z, lam, mu, a):
    """Return the minimiser for SCAD, z >= 0, a > 1 + mu."""
    if z <= (1.0 + mu) * lam:
        return max(z - mu * lam, 0.0)
    if z <= a * lam:
        return ((a - 1.0) * z - mu * a * lam) / (a - 1.0 - mu)
    return z


@njit(cache=True)
def prox_log(z, lam, mu, eps):
    """Return the minimiser for lam log(1 + r / eps), z >= 0: the larger root, where it beats zero."""
    t = mu * lam
    discriminant = (z + eps) ** 2 - 4.0 * t
    if discriminant <= 0.0:
        return 0.0
    root = 0.5 * (z - eps + math.sqrt(discriminant))
    if root <= 0.0:
        return 0.0
    # log1p is not to be had on the GPU in single precision with the same rounding: compare in double.
    gain = 0.5 * z * z - 0.5 * (root - z) ** 2 - t * math.log(1.0 + root / eps)
    return root if gain > 0.0 else 0.0


@njit(cache=True)
def prox(kind, z, lam, mu, param, norm):
    """Return the minimiser over r of (r - z)^2 / 2 + mu g(r)."""
    size = abs(z)
    t = mu * lam
    if kind == L1:
        r = max(size - t, 0.0)
    elif kind == L0:
        r = size if size > math.sqrt(2.0 * t) else 0.0
    elif kind == HALF:
        r = prox_half(size, t)
    elif kind == TWO_THIRDS:
        r = prox_two_thirds(size, t)
    elif kind == CEL0:
        r = prox_cel0(size, lam, mu, norm)
    elif kind == MCP:
        r = size if size > param * lam else max(size - t, 0.0) / (1.0 - mu / param)
    elif kind == SCAD:
        r = prox_scad(size, lam, mu, param)
    else:
        r = prox_log(size, lam, mu, param)
    return r if z > 0 else -r


@njit(cache=True)
def threshold(kind, lam, mu, param, norm):
    """Return a magnitude up to which ``prox`` is zero: the largest, for all but log, where it is a lower bound."""
    t = mu * lam
    if kind == L0 or (kind == CEL0 and norm * norm * mu >= 1.0):
        return math.sqrt(2.0 * t)
    if kind == HALF:
        return 1.5 * t ** (2.0 / 3.0)
    if kind == TWO_THIRDS:
        return 2.0 / 3.0 * (3.0 * (2.0 * t) ** 3) ** 0.25
    if kind == CEL0:
        return math.sqrt(2.0 * lam) * norm * mu
    if kind == LOG:
        return max(2.0 * math.sqrt(t) - param, 0.0)
    return t


@njit(cache=True)
def penalty(kind, r, lam, param, norm):
    """Return g(r)."""
    size = abs(r)
    if kind == L1:
        return lam * size
    if kind == L0:
        return lam if size > 0 else 0.0
    if kind == HALF:
        return lam * math.sqrt(size)
    if kind == TWO_THIRDS:
        return lam * size ** (2.0 / 3.0)
    if kind == CEL0:
        edge = math.sqrt(2.0 * lam) / norm
        return lam if size > edge else lam - 0.5 * norm * norm * (size - edge) ** 2
    if kind == MCP:
        return lam * size - size * size / (2.0 * param) if size <= param * lam else 0.5 * param * lam * lam
    if kind == SCAD:
        if size <= lam:
            return lam * size
        if size <= param * lam:
            return (2.0 * param * lam * size - size * size - lam * lam) / (2.0 * (param - 1.0))
        return 0.5 * lam * lam * (param + 1.0)
    return lam * math.log(1.0 + size / param)


@njit(nogil=True, cache=True)
def prox_vector(kind, z, lam, mu, param, norms, positive, out):
    """out = prox(z), element by element of 1-d arrays; with ``positive`` the minimiser over r >= 0."""
    for i in range(z.size):
        out[i] = 0.0 if positive and z[i] <= 0 else prox(kind, np.float64(z[i]), lam, mu, param, np.float64(norms[i]))


@njit(nogil=True, cache=True)
def penalty_vector(kind, r, lam, param, norms, out):
    """out = g(r), element by element of 1-d arrays."""
    for i in range(r.size):
        out[i] = penalty(kind, np.float64(r[i]), lam, param, np.float64(norms[i]))
