"""Exact samplers of product bases: the measure, the Christoffel density, and the projection DPP by the chain rule.

Every point has random numbers of its own, by its number in the call (or by its sample's and its own), so that nothing
depends on chunks or threads. Points are in the coordinates of the family: [-1, 1], the real line, or [0, 1).
"""

import math

import numpy as np
from numba import njit, uint64

from sparsesci._core.rng import index_from_words, normal_from_word, random_words, stream_of, uniform_from_words
from sparsesci._core.threads import run_ranges
from sparsesci.sampling._polynomials_kernels import (
    CHEBYSHEV,
    HERMITE,
    LANES,
    LEGENDRE,
    TILE,
    block_rows,
    block_table,
)
from sparsesci.sampling._projection_dpp_kernels import NEGLIGIBLE, append_row, dot, orthogonalise, project

# Purposes of random numbers, see sparsesci._core.rng.
MEASURE, COMPONENT, COORDINATE, DPP_COMPONENT, DPP_COORDINATE = 0x5101, 0x5102, 0x5103, 0x5104, 0x5105
TRIDIAGONAL, TRIDIAGONAL_ORDER = 0x5106, 0x5107
_CHUNK = 256
_TRIAL_BITS = 24
_HALF_ULP = 2.0**-54
_SQRT_2 = math.sqrt(2.0)
_SQRT_2_PI = math.sqrt(2.0 * math.pi)


@njit(cache=True)
def measure_draw(family, words):
    """Return one coordinate drawn from the family's measure."""
    u = uniform_from_words(words[0], words[1])
    if family == LEGENDRE:
        return 2.0 * u - 1.0
    if family == CHEBYSHEV:
        return math.cos(math.pi * u)
    if family == HERMITE:
        return normal_from_word(words[0])
    return u


@njit(cache=True)
def hermite_distribution(x, degree):
    """Return the distribution function of h_n^2 times the standard normal density, and that density, at ``x``.

    The Hermite functions are kept in range by powers of two, for any degree and any x.
    """
    exponent = -0.5 * x * x
    previous, current, total = 0.0, 1.0, 0.0
    for k in range(1, degree + 1):
        following = (x * current - math.sqrt(k - 1.0) * previous) / math.sqrt(k)
        previous, current = current, following
        total += current * previous / math.sqrt(k)
        if abs(current) > 1e100:
            previous, current, total = previous * 1e-100, current * 1e-100, total * 1e-200
            exponent += 2.0 * math.log(1e100)
    weight = math.exp(exponent) / _SQRT_2_PI
    normal = 0.5 * math.erfc(-x / _SQRT_2)
    return normal - weight * total, weight * current * current


@njit(cache=True)
def hermite_quantile(u, degree):
    """Invert ``hermite_distribution`` by Newton's method inside a bracket that bisection shrinks."""
    edge = math.sqrt(4.0 * degree + 2.0)
    low, high = -(edge + 10.0), edge + 10.0
    x = edge * math.sin(math.pi * (u - 0.5))
    for _ in range(100):
        value, density = hermite_distribution(x, degree)
        error = value - u
        if error > 0.0:
            high = x
        else:
            low = x
        step = error / density if density > 0.0 else math.inf
        following = x - step
        if not low < following < high:
            following = 0.5 * (low + high)
        if abs(following - x) <= 1e-14 * (1.0 + abs(x)) or high - low <= 1e-14 * (1.0 + abs(x)):
            return following
        x = following
    return x


@njit(cache=True, fastmath={"contract"})
def _legendre_square(x, degree, recurrence):
    previous, current = 0.0, 1.0
    for n in range(degree):
        previous, current = current, recurrence[n, 0] * x * current - recurrence[n, 1] * previous
    return current * current


@njit(cache=True)
def coordinate_draw(family, degree, recurrence, key, stream, counter):
    """Return a draw of density p_degree^2 with respect to the family's measure.

    ``recurrence`` (D, 2) is that of the coordinate. ``counter`` is a multiple of 2^24; the trials of the rejection use
    the counters that follow.
    """
    words = random_words(key, stream, counter)
    if degree == 0:
        return measure_draw(family, words)
    if family == HERMITE:
        return hermite_quantile(uniform_from_words(words[0], words[1]) + _HALF_ULP, degree)
    trial = uint64(0)
    while True:
        u, v = uniform_from_words(words[0], words[1]), uniform_from_words(words[2], words[3])
        if family == LEGENDRE:
            x = math.cos(math.pi * u)
            arcsine = 0.25 * math.pi * math.sqrt((1.0 - x) * (1.0 + x))
            # Never more than one, by Bernstein's inequality.
            if v < arcsine * _legendre_square(x, degree, recurrence):
                return x
        elif family == CHEBYSHEV:
            if v < math.cos(math.pi * degree * u) ** 2:
                return math.cos(math.pi * u)
        else:
            wave = 2.0 * math.pi * ((degree + 1) // 2) * u
            if v < (math.cos(wave) if degree % 2 else math.sin(wave)) ** 2:
                return u
        trial += uint64(1)
        words = random_words(key, stream, counter + trial)


@njit(nogil=True, cache=True)
def _measure_points(key, first, families, out, start, stop):
    d = out.shape[1]
    for i in range(start, stop):
        for c in range(d):
            number = (uint64(first) + uint64(i)) * uint64(d) + uint64(c)
            out[i, c] = measure_draw(families[c], random_words(key, stream_of(MEASURE, 0), number))


@njit(nogil=True, cache=True)
def _christoffel_points(key, first, families, drawn_degrees, recurrence, out, start, stop):
    m, d = drawn_degrees.shape
    for i in range(start, stop):
        number = uint64(first) + uint64(i)
        words = random_words(key, stream_of(COMPONENT, 0), number)
        j = index_from_words(words[0], words[1], m)
        for c in range(d):
            counter = (number * uint64(d) + uint64(c)) << uint64(_TRIAL_BITS)
            out[i, c] = coordinate_draw(
                families[c], drawn_degrees[j, c], recurrence[c], key, stream_of(COORDINATE, 0), counter
            )


@njit(nogil=True, cache=True)
def _propose(key, sample, first, count, families, drawn_degrees, recurrence, x):
    """Fill the columns of x (d, LANES) with proposals first ... first + count - 1 of a sample."""
    m, d = drawn_degrees.shape
    for lane in range(count):
        number = uint64(first + lane)
        words = random_words(key, stream_of(DPP_COMPONENT, sample), number)
        j = index_from_words(words[0], words[1], m)
        for c in range(d):
            counter = (number * uint64(d) + uint64(c)) << uint64(_TRIAL_BITS)
            stream = stream_of(DPP_COORDINATE, sample)
            x[c, lane] = coordinate_draw(families[c], drawn_degrees[j, c], recurrence[c], key, stream, counter)


@njit(nogil=True, cache=True)
def _evaluate(x, families, degrees, starts, recurrence, offsets, positions, table, values, rows):
    """rows[lane] = the basis at the points in the columns of ``x``, up to one factor for each point."""
    block_table(x, LANES, families, degrees, starts, recurrence, True, table)
    block_rows(table, offsets, positions, LANES, values, rows, 0)


@njit(nogil=True, cache=True)
def accept_row(row, threshold_share, Q, j, coefficients):
    """Try to append the direction of ``row`` to the j orthonormal rows of Q: the step of the chain rule.

    Accepted if the squared distance to their span exceeds the share of |row|^2. The row is overwritten.
    """
    length = dot(row, row)
    threshold = threshold_share * length
    if project(Q, j, row, coefficients, length, threshold) <= threshold:
        return False
    left = orthogonalise(Q, j, row, coefficients, length)
    if not left > threshold or left <= NEGLIGIBLE * length:
        return False
    append_row(Q, j, row, left)
    return True


@njit(nogil=True, cache=True)
def _dpp_points(
    key, first, drawn_degrees, families, degrees, starts, recurrence, offsets, positions, out, trials, start, stop
):
    m, d = drawn_degrees.shape
    x, table = np.empty((d, LANES)), np.empty((starts[-1] + degrees[-1] + 1) * LANES)
    values, rows, Q, coefficients = np.empty(TILE * LANES), np.empty((LANES, m)), np.empty((m, m)), np.empty(m)
    # About m log m proposals are needed: larger blocks would be wasted.
    block = min(LANES, 4 + m)
    x[:] = 0.0
    for i in range(start, stop):
        sample = uint64(first) + uint64(i)
        j, number = 0, 0
        while j < m:
            lane = number % block
            if lane == 0:
                _propose(key, sample, number, block, families, drawn_degrees, recurrence, x)
                _evaluate(x, families, degrees, starts, recurrence, offsets, positions, table, values, rows)
            words = random_words(key, stream_of(DPP_COMPONENT, sample), uint64(number))
            number += 1
            if accept_row(rows[lane], uniform_from_words(words[2], words[3]), Q, j, coefficients):
                for c in range(d):
                    out[i, j, c] = x[c, lane]
                j += 1
        trials[i] = number


@njit(cache=True)
def gamma_draw(shape, key, stream, counter):
    """Return a Gamma(shape) variate (Marsaglia & Tsang, 2000); ``counter`` is a multiple of 2^24."""
    trial = uint64(counter)
    boost = 1.0
    if shape < 1.0:
        words = random_words(key, stream, trial)
        trial += uint64(1)
        boost = (uniform_from_words(words[0], words[1]) + _HALF_ULP) ** (1.0 / shape)
        shape += 1.0
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        words = random_words(key, stream, trial)
        trial += uint64(1)
        z = normal_from_word(words[0])
        v = (1.0 + c * z) ** 3
        if v > 0.0 and math.log(uniform_from_words(words[2], words[3]) + _HALF_ULP) < 0.5 * z * z + d * (
            1.0 - v + math.log(v)
        ):
            return boost * d * v


@njit(cache=True)
def _beta_draw(s, t, key, stream, number):
    first = gamma_draw(s, key, stream, uint64(2 * number) << uint64(_TRIAL_BITS))
    second = gamma_draw(t, key, stream, uint64(2 * number + 1) << uint64(_TRIAL_BITS))
    return first / (first + second)


@njit(cache=True)
def _jacobi_parameter(k, m, a, b, key, stream):
    """Return alpha_k of Killip and Nenciu: 1 - 2 Beta, and -1 beyond both ends."""
    if k == -1 or k == 2 * m - 1:
        return -1.0
    if k % 2 == 0:
        s, t = 0.5 * (2 * m - k - 2) + a + 1.0, 0.5 * (2 * m - k - 2) + b + 1.0
    else:
        s, t = 0.5 * (2 * m - k - 3) + a + b + 2.0, 0.5 * (2 * m - k - 1)
    return 1.0 - 2.0 * _beta_draw(s, t, key, stream, k)


@njit(nogil=True, cache=True)
def _tridiagonal_matrices(key, first, family, diagonal, off_diagonal, start, stop):
    """Fill the random Jacobi matrices whose eigenvalues are the points (twice the points on [-1, 1])."""
    m = diagonal.shape[1]
    exponent = -0.5 if family == CHEBYSHEV else 0.0
    alpha = np.empty(2 * m + 1)
    for i in range(start, stop):
        stream = stream_of(TRIDIAGONAL, uint64(first) + uint64(i))
        if family == HERMITE:
            for k in range(m):
                diagonal[i, k] = normal_from_word(random_words(key, stream, uint64(2 * k + 1) << uint64(24))[0])
                if k < m - 1:
                    # chi_{2 (m - 1 - k)} / sqrt2 is the root of a Gamma(m - 1 - k).
                    off_diagonal[i, k] = math.sqrt(
                        gamma_draw(np.float64(m - 1 - k), key, stream, uint64(2 * k) << uint64(24))
                    )
            continue
        for k in range(-1, 2 * m):
            alpha[k + 1] = _jacobi_parameter(k, m, exponent, exponent, key, stream)
        for k in range(m):
            diagonal[i, k] = (1.0 - alpha[2 * k]) * alpha[2 * k + 1]
            if k > 0:
                diagonal[i, k] -= (1.0 + alpha[2 * k]) * alpha[2 * k - 1]
            if k < m - 1:
                square = (1.0 - alpha[2 * k]) * (1.0 - alpha[2 * k + 1] ** 2) * (1.0 + alpha[2 * k + 2])
                off_diagonal[i, k] = math.sqrt(square)


@njit(nogil=True, cache=True)
def _shuffle(key, first, points, start, stop):
    """Put each row into a random order (Fisher and Yates)."""
    for i in range(start, stop):
        stream = stream_of(TRIDIAGONAL_ORDER, uint64(first) + uint64(i))
        for k in range(points.shape[1] - 1, 0, -1):
            words = random_words(key, stream, uint64(k))
            other = index_from_words(words[0], words[1], k + 1)
            points[i, k], points[i, other] = points[i, other], points[i, k]


def measure_points(key, first, families, out, n_jobs):
    """Write draws ``first`` ... of the product measure to the rows of ``out`` (n, d)."""

    def task(start, stop):
        _measure_points(key, first, families, out, start, stop)

    run_ranges(task, len(out), _CHUNK, n_jobs)


def christoffel_points(key, first, families, drawn_degrees, recurrence, out, n_jobs):
    """Write draws ``first`` ... of density k_m / m to the rows of ``out`` (n, d).

    ``drawn_degrees`` is the index set, with degree 0 along coordinates whose marginal is the measure in any case.
    """

    def task(start, stop):
        _christoffel_points(key, first, families, drawn_degrees, recurrence, out, start, stop)

    run_ranges(task, len(out), _CHUNK, n_jobs)


def dpp_points(
    key, first, drawn_degrees, families, degrees, starts, recurrence, offsets, positions, out, trials, n_jobs
):
    """Write samples ``first`` ... of the projection DPP to ``out`` (n, m, d), and how many proposals each took."""
    m = len(drawn_degrees)

    def task(start, stop):
        _dpp_points(
            key,
            first,
            drawn_degrees,
            families,
            degrees,
            starts,
            recurrence,
            offsets,
            positions,
            out,
            trials,
            start,
            stop,
        )

    run_ranges(task, len(out), max(1, 2000 // m**2), n_jobs)


def tridiagonal_points(key, first, family, out, n_jobs):
    """Write samples ``first`` ... of the DPP of all degrees below m to ``out`` (n, m), in random order."""
    from scipy.linalg.lapack import dsterf

    n, m = out.shape
    diagonal, off_diagonal = np.empty((n, m)), np.empty((n, max(m - 1, 1)))
    scale = 1.0 if family == HERMITE else 0.5

    def task(start, stop):
        _tridiagonal_matrices(key, first, family, diagonal, off_diagonal, start, stop)
        for i in range(start, stop):
            if m == 1:
                out[i] = scale * diagonal[i]
                continue
            eigenvalues, problem = dsterf(diagonal[i], off_diagonal[i])
            if problem:
                raise np.linalg.LinAlgError(f"the eigenvalues of a tridiagonal matrix did not converge ({problem})")
            out[i] = scale * eigenvalues
        _shuffle(key, first, out, start, stop)

    run_ranges(task, n, max(1, 2000 // m), n_jobs)
