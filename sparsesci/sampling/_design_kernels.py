"""What removing one point does to the extreme eigenvalues of a Gram matrix, for all points at once.

With ``S = U diag(d) U^T`` and ``z = U^T b``, the eigenvalues of ``S - b b^T`` are the roots of the secular equation
``sum_i z_i^2 / (d_i - t) = 1``. Only the smallest and the largest root are needed; both are found to rounding by
Newton's method on forms of the equation that are concave or convex, with distances to the nearest pole as unknowns, so
that nothing cancels.
"""

import numpy as np
from numba import njit

from sparsesci._core.threads import run_ranges

_CHUNK = 64
_STEPS = 200
_PRECISION = 4.0 * np.finfo(np.float64).eps


@njit(nogil=True, cache=True)
def smallest_after_removal(d, z):
    """Return the smallest eigenvalue of ``diag(d) - z z^T``, d ascending and the matrix positive semi-definite.

    With ``t = d_0 - x`` and ``s(x) = sum z_i^2 / (d_i - d_0 + x)``, 1 / s is increasing and concave in x > 0, and the
    root of 1 / s = 1 is approached from below.
    """
    m = d.size
    x = 0.0
    for i in range(m):
        if d[i] - d[0] <= 0.0:
            x += z[i] * z[i]
    for _ in range(_STEPS):
        total, slope = 0.0, 0.0
        for i in range(m):
            square = z[i] * z[i]
            if square > 0.0:
                gap = d[i] - d[0] + x
                total += square / gap
                slope += square / (gap * gap)
        if total <= 1.0 or slope <= 0.0:
            break
        # Newton's step for 1 / s = 1.
        step = total * (total - 1.0) / slope
        x += step
        if step <= _PRECISION * x:
            break
    return d[0] - x


@njit(nogil=True, cache=True)
def largest_after_removal(d, z):
    """Return the largest eigenvalue of ``diag(d) - z z^T``, d ascending.

    It lies between the two largest d. With ``t = d_m - x``, ``F(x) = x (1 + sum_{i < m} z_i^2 / (d_m - d_i - x)) -
    z_m^2`` is increasing and convex up to the first pole.
    """
    m = d.size
    last = m - 1
    target = z[last] * z[last]
    high = target
    if m > 1:
        high = min(high, d[last] - d[last - 1])
    if high <= 0.0:
        return d[last]
    low = 0.0
    x = 0.5 * high
    for _ in range(_STEPS):
        total, slope = 1.0, 0.0
        for i in range(last):
            square = z[i] * z[i]
            if square > 0.0:
                gap = d[last] - d[i] - x
                total += square / gap
                slope += square / (gap * gap)
        value = x * total - target
        if value > 0.0:
            high = x
        else:
            low = x
        following = x - value / (total + x * slope)
        if not low < following < high:
            following = 0.5 * (low + high)
        if abs(following - x) <= _PRECISION * x or high - low <= _PRECISION * high:
            x = following
            break
        x = following
    return d[last] - x


@njit(nogil=True, cache=True)
def _deviations(d, rotated, n_left, two_sided, out, start, stop):
    for k in range(start, stop):
        deviation = 1.0 - smallest_after_removal(d, rotated[k]) / n_left
        if two_sided:
            deviation = max(deviation, largest_after_removal(d, rotated[k]) / n_left - 1.0)
        out[k] = deviation


def removal_deviations(d, rotated, n_left, two_sided, n_jobs):
    """Return for each row b of ``rotated`` (K, m) the deviation of ``(diag(d) - b b^T) / n_left`` from the identity.

    The spectral norm if ``two_sided``, otherwise one minus the smallest eigenvalue.
    """
    out = np.empty(len(rotated))

    def task(start, stop):
        _deviations(d, rotated, n_left, two_sided, out, start, stop)

    run_ranges(task, len(out), _CHUNK, n_jobs)
    return out
