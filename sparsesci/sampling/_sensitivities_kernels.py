"""Many small problems: the least |B x|_p^p with a x = 1, for one row a after the other.

For p > 1 by Newton steps, each from a weighted least-squares problem, which also bounds the minimum from below; for
p = 1 by the simplex method on the vertices, where as many residuals as possible are zero. B should be given in a basis
in which it is well conditioned.
"""

import numpy as np
from numba import njit

from sparsesci._core.arrays import kernel_view
from sparsesci._core.threads import run_ranges

_CHUNK = 4
_GAP = 1e-11
# Share of the mean residual by which residuals are moved apart for p = 1: ties would let the simplex method cycle.
_APART = 1e-9
_GOLDEN_RATIO = 0.6180339887498949
_MAX_NEWTON = 200
_REASSOCIATING = {"reassoc", "contract", "nsz", "arcp"}


@njit(nogil=True, cache=True, fastmath=_REASSOCIATING)
def _multiply(B, x, out):
    """out = B @ x for a matrix given by its columns, an array of shape (d, m)."""
    out[:] = 0.0
    for j in range(len(x)):
        column, factor = B[j], x[j]
        for i in range(len(out)):
            out[i] += column[i] * factor


@njit(nogil=True, cache=True, fastmath=_REASSOCIATING)
def _weighted_gram(B, weights, scaled, H):
    """Write the lower triangle of B^T diag(weights) B to H."""
    d, m = B.shape
    for j in range(d):
        column = B[j]
        for i in range(m):
            scaled[i] = column[i] * weights[i]
        for k in range(j + 1):
            other, total = B[k], 0.0
            for i in range(m):
                total += scaled[i] * other[i]
            H[j, k] = total


@njit(nogil=True, cache=True)
def _solve(H, b, x):
    """x = H^-1 b by Cholesky in place; pivots that are too small are raised."""
    d = len(b)
    largest = 0.0
    for j in range(d):
        largest = max(largest, H[j, j])
    for j in range(d):
        for k in range(j):
            for i in range(j, d):
                H[i, j] -= H[i, k] * H[j, k]
        pivot = np.sqrt(max(H[j, j], 1e-15 * largest))
        H[j, j] = pivot
        for i in range(j + 1, d):
            H[i, j] /= pivot
    for j in range(d):
        value = b[j]
        for k in range(j):
            value -= H[j, k] * x[k]
        x[j] = value / H[j, j]
    for j in range(d - 1, -1, -1):
        value = x[j]
        for k in range(j + 1, d):
            value -= H[k, j] * x[k]
        x[j] = value / H[j, j]


@njit(nogil=True, cache=True)
def _power(x, exponent):
    if exponent == 1.0:
        return x
    if exponent == 2.0:
        return x * x
    if exponent == -0.5:
        return 1.0 / np.sqrt(x)
    if exponent == 1.5:
        return x * np.sqrt(x)
    return x**exponent


@njit(nogil=True, cache=True)
def _cost(residual, direction, step, unit, p):
    """Return sum_i |(residual_i + step direction_i) / unit|^p."""
    total = 0.0
    for i in range(len(residual)):
        value = abs(residual[i] + step * direction[i]) / unit
        if value > 0.0:
            total += _power(value, p)
    return total


@njit(nogil=True, cache=True)
def _reweighted_step(B, a, residual, unit, p, floor, weights, scaled, H, x, image):
    """Minimise sum_i w_i (b_i x)^2 with a x = 1, w_i = max(|residual_i| / unit, floor)^(p - 2).

    Writes the minimiser and B times it; returns the multiplier of the constraint.
    """
    for i in range(len(residual)):
        weights[i] = _power(max(abs(residual[i]) / unit, floor), p - 2.0)
    _weighted_gram(B, weights, scaled, H)
    _solve(H, a, x)
    total = 0.0
    for j in range(len(a)):
        total += a[j] * x[j]
    for j in range(len(a)):
        x[j] /= total
    _multiply(B, x, image)
    return 1.0 / total


@njit(nogil=True, cache=True)
def _lower_bound(weights, image, multiplier, p):
    """Return a bound from below on |B x|_p for all x with a x = 1, by Hölder's inequality.

    ``y = weights * image`` solves B^T y = multiplier a.
    """
    largest = 0.0
    for i in range(len(image)):
        largest = max(largest, weights[i] * abs(image[i]))
    q, total = p / (p - 1.0), 0.0
    for i in range(len(image)):
        value = weights[i] * abs(image[i]) / largest
        if value > 0.0:
            total += _power(value, q)
    return multiplier / (largest * total ** (1.0 / q))


@njit(nogil=True, cache=True)
def _newton(B, a, p, work, H, x, new):
    """Return the least |B x|_p^p with a x = 1, for 1 < p."""
    residual, direction, weights, scaled = work[0], work[1], work[2], work[3]
    _start(B, a, x, residual)
    floor = 1e-2 if p < 2.0 else 1e-5
    stalled = 0
    for _iteration in range(_MAX_NEWTON):
        unit = np.abs(residual).max()
        cost = _cost(residual, residual, 0.0, unit, p)
        multiplier = _reweighted_step(B, a, residual, unit, p, floor, weights, scaled, H, new, direction)
        bound = _lower_bound(weights, direction, multiplier, p) / unit
        if cost * (1.0 - _GAP) <= bound**p or stalled >= 3:
            break
        for i in range(len(residual)):
            direction[i] -= residual[i]
        step = 1.0 / (p - 1.0)
        best, best_step = cost, 0.0
        for _ in range(12):
            value = _cost(residual, direction, step, unit, p)
            if value < best:
                best, best_step = value, step
                break
            # The full step to the minimiser of the quadratic comes next, for p < 2.
            step = 1.0 if step > 1.0 else step / 2.0
        stalled = stalled + 1 if best > cost * (1.0 - 1e-13) else 0
        if p < 2.0:
            floor = max(floor * 0.2, 1e-10)
            stalled = stalled if floor < 1e-8 else 0
        for j in range(len(x)):
            x[j] += best_step * (new[j] - x[j])
        _multiply(B, x, residual)
    unit = np.abs(residual).max()
    return _cost(residual, residual, 0.0, unit, p) * unit**p


@njit(nogil=True, cache=True)
def _start(B, a, x, residual):
    square = 0.0
    for j in range(len(a)):
        square += a[j] * a[j]
    for j in range(len(a)):
        x[j] = a[j] / square
    _multiply(B, x, residual)


# p = 1


@njit(nogil=True, cache=True)
def _choose_rows(B, a, residual, K, chosen):
    """Fill K with a and with independent rows of B of small residual; return how many rows K has then."""
    d, m = B.shape
    order = np.argsort(np.abs(residual))
    Q = np.zeros((d, d))
    length = np.sqrt((a * a).sum())
    for j in range(d):
        K[0, j] = a[j]
        Q[0, j] = a[j] / length
    count = 1
    for place in range(m):
        if count == d:
            break
        i = order[place]
        before = 0.0
        for j in range(d):
            K[count, j] = B[j, i]
            Q[count, j] = B[j, i]
            before += B[j, i] * B[j, i]
        for _ in range(2):
            for k in range(count):
                inner = 0.0
                for j in range(d):
                    inner += Q[k, j] * Q[count, j]
                for j in range(d):
                    Q[count, j] -= inner * Q[k, j]
        after = 0.0
        for j in range(d):
            after += Q[count, j] * Q[count, j]
        if after > 1e-10 * before:
            for j in range(d):
                Q[count, j] /= np.sqrt(after)
            chosen[count] = i
            count += 1
    return count


@njit(nogil=True, cache=True)
def _crossing(times, slopes, rows, count, wanted):
    """Return the place of the first time up to which the slopes add up to ``wanted``, by selection."""
    low, high = 0, count
    while high - low > 1:
        pivot = times[(low + high) // 2]
        less, equal_end, at = low, high, low
        total_less, total_equal = 0.0, 0.0
        # Three parts: less, equal, greater.
        while at < equal_end:
            if times[at] < pivot:
                total_less += slopes[at]
                _swap(times, slopes, rows, at, less)
                less += 1
                at += 1
            elif times[at] > pivot:
                equal_end -= 1
                _swap(times, slopes, rows, at, equal_end)
            else:
                total_equal += slopes[at]
                at += 1
        if total_less >= wanted:
            high = less
        elif total_less + total_equal >= wanted or equal_end == high:
            best = less
            for k in range(less, equal_end):
                if slopes[k] > slopes[best]:
                    best = k
            return best
        else:
            wanted -= total_less + total_equal
            low = equal_end
    return low


@njit(nogil=True, cache=True)
def _swap(times, slopes, rows, i, j):
    times[i], times[j] = times[j], times[i]
    slopes[i], slopes[j] = slopes[j], slopes[i]
    rows[i], rows[j] = rows[j], rows[i]


@njit(nogil=True, cache=True)
def _fraction(i):
    """Return a number in [0.5, 1.5) that is different for every i."""
    value = (i + 1) * _GOLDEN_RATIO
    return 0.5 + value - np.floor(value)


@njit(nogil=True, cache=True)
def _simplex(B, a, work, rows, H, x, new):
    """Return the least |B x|_1 with a x = 1.

    A vertex has as many residuals of zero as there are directions. From one to the next along the steepest edge, to the
    end of the descent. Residuals are measured from small numbers, all different: the signs at the optimum are then a
    certificate for the problem itself, as they agree with those of all residuals that are not zero.
    """
    d, m = B.shape
    residual, image, weights, scaled = work[0], work[1], work[2], work[3]
    _start(B, a, x, residual)
    floor = 0.1
    for _ in range(6):
        _reweighted_step(B, a, residual, np.abs(residual).max(), 1.0, floor, weights, scaled, H, x, image)
        residual[:] = image
        floor *= 0.3
    K, chosen = np.zeros((d, d)), np.full(d, -1)
    if _choose_rows(B, a, residual, K, chosen) < d:
        return 0.0
    inverse = np.linalg.inv(K)
    gradient, direction, image_row = np.empty(d), np.empty(d), np.empty(d)
    inside = np.zeros(m, dtype=np.bool_)
    for k in range(1, d):
        inside[chosen[k]] = True
    apart = _APART * np.abs(residual).mean()
    best = np.inf
    for pivot in range(100 + 20 * d):
        if pivot % 50 == 49:
            inverse = np.linalg.inv(K)
        for j in range(d):
            x[j] = inverse[j, 0]
            new[j] = x[j]
            for k in range(1, d):
                new[j] += inverse[j, k] * apart * _fraction(chosen[k])
        _multiply(B, x, residual)
        best = min(best, np.abs(residual).sum())
        _multiply(B, new, residual)
        for i in range(m):
            residual[i] -= apart * _fraction(i)
            weights[i] = 0.0 if inside[i] else (1.0 if residual[i] >= 0.0 else -1.0)
        for j in range(d):
            gradient[j] = (B[j] * weights).sum()
        leaving, steepest = 0, 1.0 + 1e-11
        for k in range(1, d):
            slope = 0.0
            for j in range(d):
                slope += gradient[j] * inverse[j, k]
            if abs(slope) > steepest:
                leaving, steepest = k, abs(slope)
                for j in range(d):
                    direction[j] = -inverse[j, k] if slope > 0 else inverse[j, k]
        if leaving == 0:
            break
        _multiply(B, direction, image)
        count = 0
        for i in range(m):
            if not inside[i] and weights[i] * image[i] < -1e-13:
                scaled[count] = abs(residual[i] / image[i])
                residual[count] = 2.0 * abs(image[i])
                rows[count] = i
                count += 1
        if count == 0:
            break
        entering = rows[_crossing(scaled, residual, rows, count, steepest - 1.0)]
        inside[chosen[leaving]] = False
        inside[entering] = True
        chosen[leaving] = entering
        for k in range(d):
            image_row[k] = 0.0
            K[leaving, k] = B[k, entering]
            for j in range(d):
                image_row[k] += B[j, entering] * inverse[j, k]
        for j in range(d):
            inverse[j, leaving] /= image_row[leaving]
            for k in range(d):
                if k != leaving:
                    inverse[j, k] -= image_row[k] * inverse[j, leaving]
    return best


@njit(nogil=True, cache=True)
def _costs_range(B, targets, p, out, start, stop):
    d, m = B.shape
    work, rows = np.empty((4, m)), np.empty(m, dtype=np.int64)
    H, x, new = np.empty((d, d)), np.empty(d), np.empty(d)
    for i in range(start, stop):
        if p == 1.0:
            out[i] = _simplex(B, targets[i], work, rows, H, x, new)
        else:
            out[i] = _newton(B, targets[i], p, work, H, x, new)


def minimal_costs(B, targets, p, n_jobs):
    """Return the least |B x|_p^p over all x with ``targets[i] @ x = 1``, for every i.

    Parameters
    ----------
    B : ndarray of shape (m, d), float64
    targets : ndarray of shape (n, d), float64
        No row is zero.
    p : float
        At least 1.
    n_jobs : int or None

    Returns
    -------
    costs : ndarray of shape (n,), float64
        0 where B does not determine the minimum.
    """
    columns = np.ascontiguousarray(B.T)
    targets = kernel_view(np.ascontiguousarray(targets))
    out = np.empty(len(targets))
    run_ranges(lambda start, stop: _costs_range(columns, targets, p, out, start, stop), len(out), _CHUNK, n_jobs)
    return out
