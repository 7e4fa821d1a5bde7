"""One pixel: the quadratic programme over non-negative numbers, or over the simplex, by active sets.

minimise 1/2 a' G a - b' a over a >= 0, and, with ``simplex``, sum(a) = 1. Plain functions that the CPU and the CUDA
kernels call alike; every scratch array is the caller's.

First the support is exchanged in blocks, as long as that helps: all negative entries out, or all entries with a
negative multiplier in. It nearly always ends within a few exchanges. Where it does not, a classical active set follows,
which lowers the objective in every step and so must end.
"""

from numba import njit

RIDGE = 1e-12
_SMALLEST_PIVOT = 1e-14
_MASK_BITS = 62
_MOST_EXCHANGES = 8
FAST = {"reassoc", "contract", "nsz", "arcp"}


# Without reference counts, which would cost more than the arithmetic: no array is made here.
@njit(cache=True, error_model="numpy", _nrt=False, fastmath=FAST)
def factorise(G, order, m, C, slot, row):
    """Write the factors of G[order[:m], order[:m]] = L D L' to C[slot]: unit lower L, reciprocals of D on the diagonal.

    A pivot that vanishes is given a ridge, so that dependent spectra have factors too. ``row`` (2, K) is scratch.
    """
    for i in range(m):
        own = G[order[i], order[i]]
        pivot = own
        for j in range(i):
            s = G[order[i], order[j]]
            for t in range(j):
                s -= row[0, t] * C[slot, j, t]
            row[0, j] = s
            C[slot, i, j] = s * C[slot, j, j]
            pivot -= s * C[slot, i, j]
        if not pivot > _SMALLEST_PIVOT * own:
            pivot = max(pivot, 0.0) + max(RIDGE * own, 1e-300)
        C[slot, i, i] = 1.0 / pivot


@njit(cache=True, error_model="numpy", _nrt=False, fastmath=FAST)
def solve_factored(C, slot, m, x, row):
    """Overwrite x[row, :m] by the solution of the system whose factors are in C[slot]."""
    for i in range(1, m):
        s = x[row, i]
        for t in range(i):
            s -= C[slot, i, t] * x[row, t]
        x[row, i] = s
    for i in range(m):
        x[row, i] *= C[slot, i, i]
    for i in range(m - 1, 0, -1):
        s = x[row, i]
        for t in range(i):
            x[row, t] -= C[slot, i, t] * s


@njit(cache=True, error_model="numpy", _nrt=False)
def _list_support(inside, K, order):
    """Write the numbers of the support to ``order``, ascending; return how many, and the support as bits."""
    m, mask = 0, 0
    for k in range(K):
        if inside[k] != 0:
            order[m] = k
            m += 1
            if k < _MASK_BITS:
                mask |= 1 << k
    return m, mask


@njit(cache=True, error_model="numpy", _nrt=False)
def _solve_support(G, B, n, simplex, order, m, mask, C, ones, tags, work):
    """Write the minimiser over the support to work[0, :m]; return its multiplier of the sum to one, or 0.

    Factors, and the solution for ones, are kept in the slot of their support, or in the only one that there is.
    """
    K = G.shape[0]
    slot = mask if tags.size > 1 else 0
    if K > _MASK_BITS or tags[slot] != mask:
        factorise(G, order, m, C, slot, work)
        for i in range(m):
            ones[slot, i] = 1.0
        solve_factored(C, slot, m, ones, slot)
        tags[slot] = mask
    for i in range(m):
        work[0, i] = B[n, order[i]]
    solve_factored(C, slot, m, work, 0)
    if not simplex:
        return 0.0
    total, unit = 0.0, 0.0
    for i in range(m):
        total += work[0, i]
        unit += ones[slot, i]
    shift = (1.0 - total) / unit
    for i in range(m):
        work[0, i] += shift * ones[slot, i]
    return shift


@njit(cache=True, error_model="numpy", _nrt=False, fastmath=FAST)
def _multiplier(G, B, n, order, m, work, k, level):
    """Return the multiplier of endmember k outside the support, for the solution work[0, :m]."""
    s = -B[n, k]
    for i in range(m):
        s += G[k, order[i]] * work[0, i]
    return s - level


@njit(cache=True, error_model="numpy", _nrt=False)
def _best_vertex(G, B, n):
    best = 0
    for k in range(1, G.shape[0]):
        if B[n, k] - 0.5 * G[k, k] > B[n, best] - 0.5 * G[best, best]:
            best = k
    return best


@njit(cache=True, error_model="numpy", _nrt=False)
def _first_support(G, B, A, n, simplex, inside):
    """Set the support to the positive entries of A[n]; on the simplex at least to one."""
    m = 0
    for k in range(G.shape[0]):
        inside[k] = 1 if A[n, k] > 0.0 else 0
        m += inside[k]
    if simplex and m == 0:
        inside[_best_vertex(G, B, n)] = 1


@njit(cache=True, error_model="numpy", _nrt=False)
def _exchange(G, B, n, simplex, bound, A, inside, order, C, ones, tags, work):
    """Exchange whole blocks of the support; return whether the minimum was found, in A[n]."""
    K = G.shape[0]
    for _ in range(_MOST_EXCHANGES):
        m, mask = _list_support(inside, K, order)
        level, changes = 0.0, 0
        if m > 0:
            level = _solve_support(G, B, n, simplex, order, m, mask, C, ones, tags, work)
            for i in range(m):
                if work[0, i] <= 0.0:
                    inside[order[i]] = 0
                    changes += 1
        if changes == m and simplex:
            return False
        if changes == 0:
            for k in range(K):
                if inside[k] == 0 and _multiplier(G, B, n, order, m, work, k, level) < -bound:
                    inside[k] = 1
                    changes += 1
        if changes == 0:
            for k in range(K):
                A[n, k] = 0.0
            for i in range(m):
                A[n, order[i]] = work[0, i]
            return True
    return False


@njit(cache=True, error_model="numpy", _nrt=False)
def _feasible_start(A, n, K, simplex, inside):
    """Make A[n] feasible and positive on the support."""
    total, m = 0.0, 0
    for k in range(K):
        A[n, k] = max(A[n, k], 0.0) if inside[k] != 0 else 0.0
        total += A[n, k]
        m += inside[k]
    if simplex:
        for k in range(K):
            if inside[k] != 0:
                A[n, k] = A[n, k] / total if total > 0.0 else 1.0 / m


@njit(cache=True, error_model="numpy", _nrt=False)
def _descend(G, B, n, simplex, bound, A, inside, order, C, ones, tags, work):
    """Go down from the feasible A[n], one change of the support at a time; return whether the minimum was found."""
    K = G.shape[0]
    added = -1
    for _ in range(10 * K + 10):
        level = 0.0
        m, mask = _list_support(inside, K, order)
        while m > 0:
            level = _solve_support(G, B, n, simplex, order, m, mask, C, ones, tags, work)
            step, blocking = 1.0, -1
            for i in range(m):
                if work[0, i] <= 0.0:
                    held = A[n, order[i]]
                    t = held / (held - work[0, i]) if held > 0.0 else 0.0
                    if blocking < 0 or t < step:
                        step, blocking = t, order[i]
            for i in range(m):
                k = order[i]
                A[n, k] = work[0, i] if blocking < 0 else A[n, k] + step * (work[0, i] - A[n, k])
            if blocking < 0:
                break
            A[n, blocking] = 0.0
            inside[blocking] = 0
            if blocking == added and step <= 0.0:
                # Rounding: the entry that was to lower the objective cannot.
                return True
            m, mask = _list_support(inside, K, order)
        worst, added = -bound, -1
        for k in range(K):
            if inside[k] == 0:
                value = _multiplier(G, B, n, order, m, work, k, level)
                if value < worst:
                    worst, added = value, k
        if added < 0:
            return True
        inside[added] = 1
    return False


@njit(cache=True, error_model="numpy", _nrt=False)
def solve_pixel(G, B, n, simplex, tol, trusted, A, inside, order, C, ones, tags, work):
    """Replace A[n] by the minimiser for the linear term B[n]; return 0, or 1 where the steps ran out.

    Parameters
    ----------
    G : (K, K), B : (N, K)
    simplex : bool
    tol : float
        How negative a multiplier may remain, relative to the largest |b|, and on the simplex to at least one.
    trusted : bool
        Whether A[n] holds the minimiser without the signs on entry, to full accuracy. Otherwise it is a guess.
    A : (N, K)
    inside, order : (K,) int64
        Scratch: the support, as flags and as a list.
    C, ones, tags : (slots, K, K), (slots, K), (slots,) int64
        Factors by their support, carried over from pixel to pixel; ``tags`` are -1 at first. One slot, or 2**K.
    work : (2, K)
        Scratch.
    """
    K = G.shape[0]
    lowest, largest = A[n, 0], 0.0
    for k in range(K):
        lowest = min(lowest, A[n, k])
        largest = max(largest, abs(B[n, k]))
    if trusted and lowest >= 0.0:
        return 0
    bound = tol * (max(largest, 1.0) if simplex else largest)
    _first_support(G, B, A, n, simplex, inside)
    for k in range(K):
        work[1, k] = A[n, k]
    if _exchange(G, B, n, simplex, bound, A, inside, order, C, ones, tags, work):
        return 0
    for k in range(K):
        A[n, k] = work[1, k]
    _first_support(G, B, A, n, simplex, inside)
    _feasible_start(A, n, K, simplex, inside)
    return 0 if _descend(G, B, n, simplex, bound, A, inside, order, C, ones, tags, work) else 1
