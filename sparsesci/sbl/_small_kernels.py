"""The block solver of ``_measurement_space`` for many small problems: one function, no allocation, plain loops.

A problem is solved from its first to its last sweep by scalar code in work space that the caller provides, so the same
functions run on the CPU and, one thread for each problem, on a GPU. Everything stays in the present eigenvectors'
coordinates: the dictionaries and the data are rotated along with every update, so that the matrices to be diagonalised
are nearly diagonal already, where Jacobi's method ends after a few rotations.

Arrays are flat. ``reals`` holds (noise_var, power, tol, total energy), ``counts`` (modes, snapshots, measurements,
max_iter, learn_noise).
"""

import math

import numpy as np
from numba import njit

from sparsesci._core.threads import run_ranges

_JACOBI_SWEEPS = 30
_JACOBI_TOL = 1e-26
_JACOBI_NOTHING = 1e-36
_SLACK = 1e-12
_NOISE_FLOOR = 1e-12
_LARGE, _SMALL = 1e100, 1e-100
_CHUNK = 1
_FAST = {"reassoc", "contract", "nsz", "arcp"}


@njit(cache=True, error_model="numpy")
def squared(value):
    """Return |value|^2."""
    return value.real * value.real + value.imag * value.imag


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def diagonalise(A, V, r):
    """Make the Hermitian A (r x r, flat) diagonal and write the conjugate transpose of its eigenvectors to V.

    Cyclic Jacobi rotations; rows are contiguous, columns follow by symmetry.
    """
    trace = 0.0
    for i in range(r):
        for j in range(r):
            V[i * r + j] = 0.0
        V[i * r + i] = 1.0
        trace += A[i * r + i].real
    nothing = _JACOBI_NOTHING * trace * trace
    for _ in range(_JACOBI_SWEEPS):
        rotations = 0
        for p in range(r - 1):
            for q in range(p + 1, r):
                entry = A[p * r + q]
                size = squared(entry)
                first, second = A[p * r + p].real, A[q * r + q].real
                if size <= nothing or size <= _JACOBI_TOL * abs(first * second):
                    continue
                rotations += 1
                size = math.sqrt(size)
                phase = entry / size
                tau = (second - first) / (2.0 * size)
                t = 1.0 / (abs(tau) + math.sqrt(1.0 + tau * tau))
                if tau < 0.0:
                    t = -t
                c = 1.0 / math.sqrt(1.0 + t * t)
                s = t * c
                # Rows p and q of R^H A with R = (c, s; -s conj(phase), c conj(phase)).
                sp, cp = s * phase, c * phase
                for k in range(r):
                    above, below = A[p * r + k], A[q * r + k]
                    A[p * r + k] = c * above - sp * below
                    A[q * r + k] = s * above + cp * below
                    above, below = V[p * r + k], V[q * r + k]
                    V[p * r + k] = c * above - sp * below
                    V[q * r + k] = s * above + cp * below
                for k in range(r):
                    A[k * r + p] = A[p * r + k].conjugate()
                for k in range(r):
                    A[k * r + q] = A[q * r + k].conjugate()
                A[p * r + p] = first - t * size
                A[q * r + q] = second + t * size
                A[p * r + q] = 0.0
                A[q * r + p] = 0.0
        if rotations == 0:
            break


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def weighted_gram(W, offset, r, n, gamma, first, A):
    """A = W diag(gamma) W^H for the r x n matrix that begins at W[offset]; gamma begins at ``first``."""
    for a in range(r):
        for b in range(a + 1):
            total = A[0] * 0.0
            for i in range(n):
                total += W[offset + a * n + i] * (gamma[first + i] * W[offset + b * n + i].conjugate())
            A[a * r + b] = total
            A[b * r + a] = total.conjugate()


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def apply_mode(V, rows, columns, X, left, right, out):
    """out[i, a, j] = sum over b of V[a, b] X[i, b, j]."""
    if right == 1:
        for outer in range(left):
            for a in range(rows):
                total = V[0] * 0.0
                for b in range(columns):
                    total += V[a * columns + b] * X[outer * columns + b]
                out[outer * rows + a] = total
        return
    for outer in range(left):
        for a in range(rows):
            to = (outer * rows + a) * right
            for j in range(right):
                out[to + j] = 0.0
            for b in range(columns):
                entry = V[a * columns + b]
                source = (outer * columns + b) * right
                for j in range(right):
                    out[to + j] += entry * X[source + j]


@njit(cache=True, error_model="numpy")
def rotate_columns(V, rows, columns, W, offset, n, scratch):
    """Replace the ``columns`` x n matrix at W[offset] by V times it."""
    apply_mode(V, rows, columns, W[offset:], 1, n, scratch)
    for i in range(rows * n):
        W[offset + i] = scratch[i]


@njit(cache=True, error_model="numpy")
def outer_range(eigenvalues, starts, ranks, first, last, repeat, out):
    """Write the outer product of the eigenvalues of some modes, each element ``repeat`` times, and return its size."""
    size = 1
    out[0] = 1.0
    for k in range(first, last):
        r = ranks[k]
        for i in range(size - 1, -1, -1):
            value = out[i]
            for a in range(r - 1, -1, -1):
                out[i * r + a] = value * eigenvalues[starts[k] + a]
        size *= r
    if repeat > 1:
        for i in range(size - 1, -1, -1):
            value = out[i]
            for a in range(repeat):
                out[i * repeat + a] = value
        size *= repeat
    return size


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def tensor_sums(X, left, n_left, middle, first, n_middle, right, n_right, noise_var, sums):
    """Write the sums of log D, |X|^2 / D, |X|^2 / D^2 and 1 / D to ``sums``."""
    log_det, quadratic, second, trace, product = 0.0, 0.0, 0.0, 0.0, 1.0
    position = 0
    for outer in range(n_left):
        for a in range(n_middle):
            factor = left[outer] * middle[first + a]
            for j in range(n_right):
                D = noise_var + factor * right[j]
                inverse = 1.0 / D
                scaled = squared(X[position]) * inverse
                position += 1
                quadratic += scaled
                second += scaled * inverse
                trace += inverse
                product *= D
                if product > _LARGE or product < _SMALL:
                    log_det += math.log(product)
                    product = 1.0
    sums[0] = log_det + math.log(product)
    sums[1] = quadratic
    sums[2] = second
    sums[3] = trace


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def mode_statistics(X, left, n_left, middle, first, r, right, n_right, noise_var, Z, G, linear):
    """Write the weighted Gram matrix of a mode to G (r x r) and the sums of others / D to ``linear``."""
    for a in range(r):
        linear[a] = 0.0
    position = 0
    for outer in range(n_left):
        for a in range(r):
            total = 0.0
            inside = middle[first + a]
            for j in range(n_right):
                others = left[outer] * right[j]
                inverse = 1.0 / (noise_var + others * inside)
                total += others * inverse
                Z[position] = X[position] * (inverse * math.sqrt(others))
                position += 1
            linear[a] += total
    for a in range(r):
        for b in range(a + 1):
            total = G[0] * 0.0
            for outer in range(n_left):
                one, other = (outer * r + a) * n_right, (outer * r + b) * n_right
                for j in range(n_right):
                    total += Z[one + j] * Z[other + j].conjugate()
            G[a * r + b] = total
            G[b * r + a] = total.conjugate()


@njit(cache=True, error_model="numpy", fastmath=_FAST)
def column_ratios(W, offset, r, n, G, linear, ratio):
    """Write q / s of each column of a mode to ``ratio``, 0 where nothing of the data reaches it."""
    largest = 0.0
    for i in range(n):
        s = 0.0
        for a in range(r):
            s += squared(W[offset + a * n + i]) * linear[a]
        ratio[i] = s
        largest = max(largest, s)
    for i in range(n):
        q = 0.0
        for a in range(r):
            inner = G[0] * 0.0
            for b in range(a):
                inner += G[a * r + b] * W[offset + b * n + i]
            value = W[offset + a * n + i].conjugate()
            q += 2.0 * (value * inner).real + squared(value) * G[a * r + a].real
        s = ratio[i]
        ratio[i] = max(q, 0.0) / s if s > largest * 1e-300 else 0.0


@njit(cache=True, error_model="numpy")
def orthonormal_rows(W, offset, r, n, Q):
    """Write the conjugate transpose of an orthonormal basis of the columns of the r x n matrix to Q (n x r), n < r.

    Gram-Schmidt, twice; a dependent column gives a row of zeros.
    """
    for i in range(n):
        before = 0.0
        for a in range(r):
            Q[i * r + a] = W[offset + a * n + i].conjugate()
            before += squared(Q[i * r + a])
        for _ in range(2):
            for j in range(i):
                inner = Q[0] * 0.0
                for a in range(r):
                    inner += Q[i * r + a] * Q[j * r + a].conjugate()
                for a in range(r):
                    Q[i * r + a] -= inner * Q[j * r + a]
        after = 0.0
        for a in range(r):
            after += squared(Q[i * r + a])
        scale = 1.0 / math.sqrt(after) if after > 1e-28 * before and after > 0.0 else 0.0
        for a in range(r):
            Q[i * r + a] *= scale


@njit(cache=True, error_model="numpy")
def sizes_beside(ranks, modes, axis, snapshots):
    """Return the numbers of elements before and after an axis of the tensor."""
    left, right = 1, snapshots
    for k in range(axis):
        left *= ranks[k]
    for k in range(axis + 1, modes):
        right *= ranks[k]
    return left, right


@njit(cache=True, error_model="numpy")
def settle(k, modes, snapshots, columns, ranks, offsets, starts, X, T, W, A, V, scratch, gamma, eigenvalues):
    """Compress mode k to as many rows as columns and rotate it and the data to its eigenvectors' coordinates."""
    n, r, offset = columns[k], ranks[k], offsets[k]
    left, right = sizes_beside(ranks, modes, k, snapshots)
    if n < r:
        orthonormal_rows(W, offset, r, n, V)
        apply_mode(V, n, r, X, left, right, T)
        for i in range(left * n * right):
            X[i] = T[i]
        rotate_columns(V, n, r, W, offset, n, scratch)
        r = n
        ranks[k] = n
    weighted_gram(W, offset, r, n, gamma, starts[k], A)
    diagonalise(A, V, r)
    for a in range(r):
        eigenvalues[starts[k] + a] = max(A[a * r + a].real, 0.0)
    rotate_columns(V, r, r, W, offset, n, scratch)
    apply_mode(V, r, r, X, left, right, T)
    for i in range(left * r * right):
        X[i] = T[i]


@njit(cache=True, error_model="numpy")
def full_cost(sums, size, reals, counts, kept):
    """Turn the four sums into averages over snapshots with the directions lost to compression; return the cost."""
    snapshots, noise_var = counts[1], reals[0]
    lost = counts[2] - size // snapshots
    lost_energy = max(reals[3] - kept, 0.0)
    cost = (sums[0] + sums[1]) / snapshots + lost * math.log(noise_var) + lost_energy / noise_var
    sums[2] = sums[2] / snapshots + lost_energy / (noise_var * noise_var)
    sums[3] = sums[3] / snapshots + lost / noise_var
    return cost


@njit(cache=True, error_model="numpy")
def kept_energy(X, size, snapshots):
    """Return the energy of the tensor, averaged over snapshots."""
    total = 0.0
    for i in range(size):
        total += squared(X[i])
    return total / snapshots


@njit(cache=True, error_model="numpy")
def cost_now(counts, ranks, starts, X, left, right, eigenvalues, reals, sums, kept):
    """Return the cost of the present state and write the sums."""
    modes, snapshots = counts[0], counts[1]
    n_right = outer_range(eigenvalues, starts, ranks, modes, modes, snapshots, right)
    n_left = outer_range(eigenvalues, starts, ranks, 0, modes - 1, 1, left)
    r = ranks[modes - 1]
    tensor_sums(X, left, n_left, eigenvalues, starts[modes - 1], r, right, n_right, reals[0], sums)
    return full_cost(sums, n_left * r * n_right, reals, counts, kept)


@njit(cache=True, error_model="numpy")
def update_mode(
    k, cost, kept, counts, columns, ranks, offsets, starts, X, T, W, A, V, G, scratch, gamma, eigenvalues, trial, reals,
    left, right, linear, ratio, sums,
):  # fmt: skip
    """Multiply the hyperparameters of mode k by (q / s) ** exponent, rotate the data along, and return the cost."""
    modes, snapshots = counts[0], counts[1]
    n, r, offset, start = columns[k], ranks[k], offsets[k], starts[k]
    n_left = outer_range(eigenvalues, starts, ranks, 0, k, 1, left)
    n_right = outer_range(eigenvalues, starts, ranks, k + 1, modes, snapshots, right)
    mode_statistics(X, left, n_left, eigenvalues, start, r, right, n_right, reals[0], T, G, linear)
    column_ratios(W, offset, r, n, G, linear, ratio)
    exponent = reals[1]
    while True:
        for i in range(n):
            trial[i] = gamma[start + i] * ratio[i] ** exponent
        weighted_gram(W, offset, r, n, trial, 0, A)
        diagonalise(A, V, r)
        for a in range(r):
            linear[a] = max(A[a * r + a].real, 0.0)
        apply_mode(V, r, r, X, n_left, n_right, T)
        tensor_sums(T, left, n_left, linear, 0, r, right, n_right, reals[0], sums)
        new_cost = full_cost(sums, n_left * r * n_right, reals, counts, kept)
        if exponent <= 0.5 or new_cost <= cost + _SLACK * abs(cost):
            break
        exponent = max(0.5, exponent / 2)
    for i in range(n):
        gamma[start + i] = trial[i]
    for a in range(r):
        eigenvalues[start + a] = linear[a]
    for i in range(n_left * r * n_right):
        X[i] = T[i]
    rotate_columns(V, r, r, W, offset, n, scratch)
    return new_cost


@njit(cache=True, error_model="numpy")
def prune_mode(k, tol, columns, ranks, offsets, starts, W, gamma, active):
    """Drop the entries of mode k up to ``tol`` times the largest; return whether there were any."""
    n, r, offset, start = columns[k], ranks[k], offsets[k], starts[k]
    largest = 0.0
    for i in range(n):
        largest = max(largest, gamma[start + i])
    limit = tol * largest
    kept = 0
    for i in range(n):
        kept += gamma[start + i] > limit
    if kept == n:
        return False
    position = offset
    for a in range(r):
        for i in range(n):
            if gamma[start + i] > limit:
                W[position] = W[offset + a * n + i]
                position += 1
    position = start
    for i in range(n):
        if gamma[start + i] > limit:
            gamma[position] = gamma[start + i]
            active[position] = active[start + i]
            position += 1
    columns[k] = kept
    return True


@njit(cache=True, error_model="numpy")
def normalise_modes(modes, columns, ranks, starts, gamma, eigenvalues):
    """Move the scale of all modes to the last; return False if a mode is zero altogether."""
    product = 1.0
    for k in range(modes):
        norm = 0.0
        for i in range(columns[k]):
            norm += gamma[starts[k] + i] ** 2
        norm = math.sqrt(norm)
        if norm == 0.0:
            return False
        if k == modes - 1:
            break
        product *= norm
        for i in range(columns[k]):
            gamma[starts[k] + i] /= norm
        for a in range(ranks[k]):
            eigenvalues[starts[k] + a] /= norm
    for i in range(columns[modes - 1]):
        gamma[starts[modes - 1] + i] *= product
    for a in range(ranks[modes - 1]):
        eigenvalues[starts[modes - 1] + a] *= product
    return True


@njit(cache=True, error_model="numpy")
def relative_change(modes, columns, starts, gamma, old):
    """Return the largest change of a hyperparameter relative to the largest of its mode."""
    change = 0.0
    for k in range(modes):
        largest, moved = 0.0, 0.0
        for i in range(starts[k], starts[k] + columns[k]):
            largest = max(largest, gamma[i])
            moved = max(moved, abs(gamma[i] - old[i]))
        change = max(change, moved / largest)
    return change


@njit(cache=True, error_model="numpy")
def begin(counts, shapes, offsets, starts, dictionaries, start_gammas, ints, W, gamma):
    """Copy the columns with positive hyperparameters; write numbers of columns and rows."""
    modes = counts[0]
    total = starts[modes]
    position = 0
    for k in range(modes):
        rows, length = shapes[2 * k], shapes[2 * k + 1]
        kept = 0
        for i in range(length):
            if start_gammas[starts[k] + i] > 0.0:
                gamma[starts[k] + kept] = start_gammas[starts[k] + i]
                ints[2 * modes + starts[k] + kept] = i
                kept += 1
        to = offsets[k]
        for _ in range(rows):
            for i in range(length):
                if start_gammas[starts[k] + i] > 0.0:
                    W[to] = dictionaries[position]
                    to += 1
                position += 1
        ints[k] = kept
        ints[modes + k] = rows
    return total


@njit(cache=True, error_model="numpy")
def solve(
    Y, dictionaries, start_gammas, reals, prune_tol, order, counts, shapes, offsets, starts, final_gammas, path, result,
    numbers, floats, ints,
):  # fmt: skip
    """Solve one problem; write its hyperparameters, and (noise_var, cost, sweeps, converged) to ``result``."""
    modes, snapshots, max_iter = counts[0], counts[1], counts[3]
    size, largest, total, stored = Y.size, counts[5], starts[modes], offsets[modes]
    X, T = numbers[:size], numbers[size : 2 * size]
    W = numbers[2 * size : 2 * size + stored]
    scratch = numbers[2 * size + stored : 2 * size + 2 * stored]
    rest = numbers[2 * size + 2 * stored :]
    square = largest * largest
    A, V, G = rest[:square], rest[square : 2 * square], rest[2 * square : 3 * square]
    # Zeros of the right type are made from these; whatever is in the work space might be no number.
    A[0], V[0], G[0] = 0.0, 0.0, 0.0
    gamma, old, eigenvalues = floats[:total], floats[total : 2 * total], floats[2 * total : 3 * total]
    ratio, trial, linear = floats[3 * total : 4 * total], floats[4 * total : 5 * total], floats[5 * total : 6 * total]
    sums = floats[6 * total : 6 * total + 4]
    left = floats[6 * total + 4 : 6 * total + 4 + size]
    right = floats[6 * total + 4 + size : 6 * total + 4 + 2 * size]
    columns, ranks, active = ints[:modes], ints[modes : 2 * modes], ints[2 * modes :]
    for i in range(size):
        X[i] = Y[i]
    reals[3] = kept_energy(X, size, snapshots)
    floor = _NOISE_FLOOR * reals[3] / counts[2]
    begin(counts, shapes, offsets, starts, dictionaries, start_gammas, ints, W, gamma)
    for k in range(modes):
        settle(k, modes, snapshots, columns, ranks, offsets, starts, X, T, W, A, V, scratch, gamma, eigenvalues)
    n_left, n_right = sizes_beside(ranks, modes, modes - 1, snapshots)
    kept = kept_energy(X, n_left * ranks[modes - 1] * n_right, snapshots)
    cost = cost_now(counts, ranks, starts, X, left, right, eigenvalues, reals, sums, kept)
    if path.size > 0:
        path[0] = cost
    sweep, converged, alive = 0, False, True
    while sweep < max_iter and not converged and alive:
        sweep += 1
        for i in range(total):
            old[i] = gamma[i]
        for position in range(modes):
            cost = update_mode(
                order[position], cost, kept, counts, columns, ranks, offsets, starts, X, T, W, A, V, G, scratch, gamma,
                eigenvalues, trial, reals, left, right, linear, ratio, sums,
            )  # fmt: skip
        noise_change = 0.0
        if counts[4] == 1:
            cost_now(counts, ranks, starts, X, left, right, eigenvalues, reals, sums, kept)
            noise_var = max(reals[0] * math.sqrt(sums[2] / sums[3]), floor)
            noise_change = abs(noise_var - reals[0]) / reals[0]
            reals[0] = noise_var
        alive = normalise_modes(modes, columns, ranks, starts, gamma, eigenvalues)
        if not alive:
            converged = True
            break
        converged = max(relative_change(modes, columns, starts, gamma, old), noise_change) <= reals[2]
        changed = counts[4] == 1
        for k in range(modes):
            if prune_mode(k, prune_tol[k], columns, ranks, offsets, starts, W, gamma, active):
                settle(k, modes, snapshots, columns, ranks, offsets, starts, X, T, W, A, V, scratch, gamma, eigenvalues)
                changed = True
        if changed:
            n_left, n_right = sizes_beside(ranks, modes, modes - 1, snapshots)
            kept = kept_energy(X, n_left * ranks[modes - 1] * n_right, snapshots)
            cost = cost_now(counts, ranks, starts, X, left, right, eigenvalues, reals, sums, kept)
        if sweep < path.size:
            path[sweep] = cost
    for i in range(total):
        final_gammas[i] = 0.0
    if alive:
        for k in range(modes):
            for i in range(columns[k]):
                final_gammas[starts[k] + active[starts[k] + i]] = gamma[starts[k] + i]
    result[0], result[1], result[2], result[3] = reals[0], cost, sweep, 1.0 if converged else 0.0


@njit(nogil=True, cache=True, error_model="numpy")
def _solve_range(
    Y, dictionaries, gammas, reals, prune_tol, order, counts, shapes, offsets, starts, final_gammas, paths, results,
    numbers, floats, ints, start, stop,
):  # fmt: skip
    for p in range(start, stop):
        solve(
            Y[p % Y.shape[0]], dictionaries[p % dictionaries.shape[0]], gammas[p], reals[p], prune_tol[p], order[p],
            counts, shapes, offsets, starts, final_gammas[p], paths[p], results[p], numbers, floats, ints,
        )  # fmt: skip


def _work_sizes(counts, shapes, size):
    """Return how many numbers, floats and integers one problem with ``size`` data needs as work space."""
    pairs = shapes.reshape(-1, 2)
    stored, total = int((pairs[:, 0] * pairs[:, 1]).sum()), int(pairs.max(axis=1).sum())
    return 2 * size + 2 * stored + 3 * int(counts[5]) ** 2, 6 * total + 4 + 2 * size, 2 * len(pairs) + total


def solve_problems(
    Y, dictionaries, gammas, reals, prune_tol, order, counts, shapes, final_gammas, paths, results, n_jobs=None
):
    """Solve many small problems of one shape, in parallel over problems.

    Parameters
    ----------
    Y : ndarray of shape (P, M * L) or fewer rows, which then serve in turn; float64 or complex128
        Measurements, flat in C order with the snapshots last.
    dictionaries : ndarray of shape (P, sum of M_k N_k), or fewer rows, of the type of Y
        The matrices, flat, one after another.
    gammas : ndarray of shape (P, S)
        Where to start, in slots of max(M_k, N_k) for each mode; columns with 0 are left out.
    reals : ndarray of shape (P, 4)
        Noise variance, power, tolerance; the last is work space. Written to.
    prune_tol : ndarray of shape (P, I)
    order : ndarray of int64, shape (P, I)
        In which order the modes are updated.
    counts : ndarray of int64, shape (6,)
        Modes, snapshots, measurements, max_iter, whether to learn the noise, largest M_k.
    shapes : ndarray of int64, shape (2 * I,)
        M_1, N_1, M_2, N_2, ...
    final_gammas : ndarray of shape (P, S)
    paths : ndarray of shape (P, max_iter + 1) or (P, 0)
        Receives the cost after every sweep.
    results : ndarray of shape (P, 4)
        Receives noise variance, cost, number of sweeps, whether converged.
    n_jobs : int or None
    """
    offsets, starts = _layout(shapes)
    n_numbers, n_floats, n_ints = _work_sizes(counts, shapes, Y.shape[1])

    def task(start, stop):
        _solve_range(
            Y, dictionaries, gammas, reals, prune_tol, order, counts, shapes, offsets, starts, final_gammas, paths,
            results, np.empty(n_numbers, Y.dtype), np.empty(n_floats), np.empty(n_ints, np.int64), start, stop,
        )  # fmt: skip

    run_ranges(task, gammas.shape[0], _CHUNK, n_jobs)


def _layout(shapes):
    """Return where each mode begins among the flat matrices, and among the slots of hyperparameters."""
    pairs = shapes.reshape(-1, 2)
    offsets = np.concatenate([[0], np.cumsum(pairs[:, 0] * pairs[:, 1])]).astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(pairs.max(axis=1))]).astype(np.int64)
    return offsets, starts
