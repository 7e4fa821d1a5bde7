"""One pixel: the quadratic programme over non-negative numbers, or over the simplex, by an active set.

minimise 1/2 a' G a - b' a over a >= 0, and, with ``simplex``, sum(a) = 1. Plain functions that the CPU and the CUDA
kernels call alike; every scratch array is the caller's.
"""

import math

from numba import njit

RIDGE = 1e-12
_SMALLEST_PIVOT = 1e-14


@njit(cache=True)
def factorise(G, order, m, C):
    """Write the Cholesky factor of G[order[:m], order[:m]] to C, with the reciprocals of the diagonal in it.

    A pivot that vanishes is given a ridge, so that dependent spectra have a factor too; returns how many were.
    """
    failed = 0
    for i in range(m):
        row = order[i]
        for j in range(i):
            s = G[row, order[j]]
            for t in range(j):
                s -= C[i, t] * C[j, t]
            C[i, j] = s * C[j, j]
        s = G[row, row]
        for t in range(i):
            s -= C[i, t] * C[i, t]
        if s <= _SMALLEST_PIVOT * G[row, row] or s <= 0.0:
            failed += 1
            s = max(s, 0.0) + max(RIDGE * G[row, row], 1e-300)
        C[i, i] = 1.0 / math.sqrt(s)
    return failed


@njit(cache=True)
def solve_factored(C, m, x):
    """Overwrite x[:m] by the solution of the system whose factor is C."""
    for i in range(m):
        s = x[i]
        for t in range(i):
            s -= C[i, t] * x[t]
        x[i] = s * C[i, i]
    for i in range(m - 1, -1, -1):
        s = x[i]
        for t in range(i + 1, m):
            s -= C[t, i] * x[t]
        x[i] = s * C[i, i]


@njit(cache=True)
def _solve_support(G, b, simplex, order, m, refactor, C, u, v):
    """Write the minimiser over the support to u[:m]; on the simplex with the multiplier that makes the sum one.

    ``v`` holds the solution for ones: it belongs to the factor and is made with it.
    """
    if refactor:
        factorise(G, order, m, C)
        if simplex:
            for i in range(m):
                v[i] = 1.0
            solve_factored(C, m, v)
    for i in range(m):
        u[i] = b[order[i]]
    solve_factored(C, m, u)
    if simplex:
        total, ones = 0.0, 0.0
        for i in range(m):
            total += u[i]
            ones += v[i]
        shift = (1.0 - total) / ones
        for i in range(m):
            u[i] += shift * v[i]


@njit(cache=True)
def _first_support(G, b, simplex, u, order, a):
    """Set the support and a feasible start from the unconstrained minimiser ``u`` of all endmembers."""
    K = b.size
    m, total, best = 0, 0.0, 0
    for k in range(K):
        a[k] = 0.0
        if u[k] > 0.0:
            order[m] = k
            m += 1
            a[k] = u[k]
            total += u[k]
    if not simplex:
        return m
    if m == 0:
        for k in range(1, K):
            if b[k] - 0.5 * G[k, k] > b[best] - 0.5 * G[best, best]:
                best = k
        order[0] = best
        a[best] = 1.0
        return 1
    for i in range(m):
        a[order[i]] /= total
    return m


@njit(cache=True)
def _worst_multiplier(G, b, simplex, tol, order, m, a, u):
    """Return the endmember outside the support whose gradient is the most negative, or -1 at the minimum."""
    K = b.size
    largest, level = 0.0, 0.0
    for k in range(K):
        largest = max(largest, abs(b[k]))
        s = -b[k]
        for i in range(m):
            s += G[k, order[i]] * a[order[i]]
        u[k] = s
    if simplex:
        largest = max(1.0, largest)
        for i in range(m):
            level += u[order[i]] / m
    worst, at = -tol * largest, -1
    for k in range(K):
        if u[k] - level < worst:
            inside = False
            for i in range(m):
                inside = inside or order[i] == k
            if not inside:
                worst, at = u[k] - level, k
    return at


@njit(cache=True)
def _step(order, m, a, u):
    """Go from a towards u as far as the constraints allow; return the position of the blocking index, or -1.

    The second value is the length of the step.
    """
    step, blocking = 1.0, -1
    for i in range(m):
        if u[i] <= 0.0:
            held = a[order[i]]
            t = held / (held - u[i]) if held > 0.0 else 0.0
            if blocking < 0 or t < step:
                step, blocking = t, i
    for i in range(m):
        k = order[i]
        a[k] = a[k] + step * (u[i] - a[k]) if blocking >= 0 else u[i]
    return blocking, step


@njit(cache=True)
def solve_pixel(G, b, simplex, tol, full, full_ones, a, order, held, C, u, v):
    """Write the minimiser to ``a``; return 0, or 1 where the steps ran out and ``a`` is the best feasible point so far.

    Parameters
    ----------
    G : (K, K), b : (K,)
    simplex : bool
    tol : float
        How negative a multiplier may remain, relative to the largest |b|, and on the simplex to at least one.
    full, full_ones : (K, K), (K,)
        The factor of all of G and its solution for ones.
    a : (K,)
        The result.
    order : (K,) int64
        Scratch: the support.
    held : (K + 1,) int64
        The support, after its size, that C and v belong to; carried over from pixel to pixel. Size 0 at first.
    C, u, v : (K, K), (K,), (K,)
        Scratch.
    """
    K = b.size
    lowest, total, ones = 0.0, 0.0, 0.0
    for k in range(K):
        u[k] = b[k]
    solve_factored(full, K, u)
    if simplex:
        for k in range(K):
            total += u[k]
            ones += full_ones[k]
        shift = (1.0 - total) / ones
        for k in range(K):
            u[k] += shift * full_ones[k]
    for k in range(K):
        lowest = min(lowest, u[k])
    if lowest >= 0.0:
        for k in range(K):
            a[k] = u[k]
        return 0
    m = _first_support(G, b, simplex, u, order, a)
    added = -1
    for _ in range(10 * K + 10):
        while m > 0:
            refactor = held[0] != m
            for i in range(m):
                refactor = refactor or held[i + 1] != order[i]
            _solve_support(G, b, simplex, order, m, refactor, C, u, v)
            if refactor:
                held[0] = m
                for i in range(m):
                    held[i + 1] = order[i]
            blocking, step = _step(order, m, a, u)
            if blocking < 0:
                break
            a[order[blocking]] = 0.0
            if order[blocking] == added and step <= 0.0:
                # Rounding: the index that was to lower the objective cannot.
                return 0
            for i in range(blocking, m - 1):
                order[i] = order[i + 1]
            m -= 1
        added = _worst_multiplier(G, b, simplex, tol, order, m, a, u)
        if added < 0:
            return 0
        order[m] = added
        m += 1
    return 1
