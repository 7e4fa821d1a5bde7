"""Orthonormal product bases at many points: recurrences along each coordinate, then products over an index set.

A basis is described by plain arrays. ``families`` and ``degrees`` (d,) say what stands along each coordinate and up to
which degree, ``starts`` (d,) where its values begin in a table of all one-dimensional values, ``recurrence`` (d, D, 2)
holds the coefficients of ``p[n+1] = r[n, 0] x p[n] - r[n, 1] p[n-1]``. Function j of the basis is the product of the
entries ``positions[offsets[j] : offsets[j+1]]`` of the table: factors that are one are left out. Points are read as
``(X - shift) / scale``.
"""

import math

import numpy as np
from numba import njit, uint64

from sparsesci._core.arrays import kernel_view
from sparsesci._core.threads import run_ranges

LEGENDRE, HERMITE, CHEBYSHEV, FOURIER = 0, 1, 2, 3
LANES = 64
TILE = 32
_CHUNK = 1024
_TWO_PI = 2.0 * math.pi
# Values are rescaled by an exact power of two before they overflow.
BIG = 2.0**400
SMALL = 2.0**-400
LOG_BIG = 400.0 * math.log(2.0)
LARGEST_EXPONENT = 709.0
# Hermite functions below this |x| neither overflow nor underflow in any degree, since |h_n(x)| < 1.1 exp(x^2 / 4).
_SAFE_HERMITE = 48.0


@njit(cache=True)
def fourier_value(x, which):
    """Return function ``which`` of the real Fourier basis: 1, sqrt2 cos(2 pi x), sqrt2 sin(2 pi x), ..."""
    if which == 0:
        return 1.0
    turns = ((which + 1) // 2) * (x - math.floor(x))
    angle = _TWO_PI * (turns - math.floor(turns))
    return math.sqrt(2.0) * (math.cos(angle) if which % 2 else math.sin(angle))


@njit(cache=True)
def fill_factors(family, x, degree, recurrence, scaled, out, start):
    """Write values 0 ... degree of one family at ``x`` to out[start:]; Hermite times exp(-x^2 / 4) if ``scaled``."""
    if family == FOURIER:
        for which in range(degree + 1):
            out[start + which] = fourier_value(x, which)
        return
    exponent = -0.25 * x * x if scaled and family == HERMITE else 0.0
    factor = math.exp(exponent)
    previous, current = 0.0, 1.0
    out[start] = factor
    for n in range(degree):
        following = recurrence[n, 0] * x * current - recurrence[n, 1] * previous
        previous, current = current, following
        if abs(current) > BIG:
            previous, current = previous * SMALL, current * SMALL
            exponent += LOG_BIG
            # Beyond the range of double precision the value is infinite, and not an infinity times zero.
            factor = math.exp(exponent) if exponent < LARGEST_EXPONENT else math.inf
        out[start + n + 1] = current * factor


@njit(nogil=True, cache=True)
def _is_safe(family, x, count):
    """Return whether the plain recurrence stays within range for the ``count`` numbers."""
    limit = _SAFE_HERMITE if family == HERMITE else 1.0 + 1e-6
    for lane in range(count):
        if not abs(x[lane]) <= limit:
            return False
    return family != FOURIER


# Tables of a block are flat, with entry e of lane l at e * LANES + l, and indices unsigned: where Numba need not ask
# whether an index counts from the end, loops over lanes become vector code.
@njit(nogil=True, cache=True, fastmath={"contract"})
def _fill_block(family, x, count, degree, recurrence, scaled, table, start):
    """``fill_factors`` for LANES points at once; table is (entries * LANES,)."""
    lanes = uint64(LANES)
    if not _is_safe(family, x, count):
        column = np.empty(degree + 1)
        for lane in range(count):
            fill_factors(family, x[lane], degree, recurrence, scaled, column, 0)
            for n in range(degree + 1):
                table[(start + n) * LANES + lane] = column[n]
        return
    row = uint64(start) * lanes
    for lane in range(lanes):
        table[row + lane] = 1.0
    if scaled and family == HERMITE:
        for lane in range(lanes):
            table[row + lane] = math.exp(-0.25 * x[lane] * x[lane])
    if degree >= 1:
        first = recurrence[0, 0]
        for lane in range(lanes):
            table[row + lanes + lane] = first * x[lane] * table[row + lane]
    for n in range(1, degree):
        a, b = recurrence[n, 0], recurrence[n, 1]
        previous = row + uint64(n - 1) * lanes
        for lane in range(lanes):
            current = table[previous + lanes + lane]
            table[previous + uint64(2) * lanes + lane] = a * x[lane] * current - b * table[previous + lane]


@njit(nogil=True, cache=True)
def block_table(x, count, families, degrees, starts, recurrence, scaled, table):
    """Fill the table (entries * LANES,) for the ``count`` <= LANES points in the columns of ``x`` (d, LANES)."""
    for c in range(x.shape[0]):
        _fill_block(families[c], x[c], count, degrees[c], recurrence[c], scaled, table, starts[c])


@njit(nogil=True, cache=True)
def block_products(table, offsets, positions, first, width, values):
    """values[k * LANES + lane] = function first + k of the basis, k < width."""
    lanes = uint64(LANES)
    for k in range(width):
        begin, end, at = offsets[first + k], offsets[first + k + 1], uint64(k) * lanes
        if begin == end:
            for lane in range(lanes):
                values[at + lane] = 1.0
            continue
        row = uint64(positions[begin]) * lanes
        if end - begin == 1:
            for lane in range(lanes):
                values[at + lane] = table[row + lane]
            continue
        second = uint64(positions[begin + 1]) * lanes
        for lane in range(lanes):
            values[at + lane] = table[row + lane] * table[second + lane]
        for p in range(begin + 2, end):
            row = uint64(positions[p]) * lanes
            for lane in range(lanes):
                values[at + lane] *= table[row + lane]


@njit(nogil=True, cache=True)
def block_rows(table, offsets, positions, count, values, out, begin):
    """out[begin + lane] = all functions at the first ``count`` points; ``values`` is work space (TILE * LANES,)."""
    m = offsets.size - 1
    lanes, flat = uint64(LANES), out.reshape(-1)
    for first in range(0, m, TILE):
        width = min(TILE, m - first)
        block_products(table, offsets, positions, first, width, values)
        for lane in range(uint64(count)):
            at = (uint64(begin) + lane) * uint64(m) + uint64(first)
            for k in range(uint64(width)):
                flat[at + k] = values[k * lanes + lane]


@njit(nogil=True, cache=True)
def _load(X, shift, scale, begin, count, x):
    for c in range(X.shape[1]):
        for lane in range(count):
            x[c, lane] = (X[begin + lane, c] - shift[c]) / scale[c]
        for lane in range(count, LANES):
            x[c, lane] = 0.0


@njit(nogil=True, cache=True)
def _values(X, shift, scale, families, degrees, starts, recurrence, scaled, offsets, positions, out, start, stop):
    x, table = np.empty((X.shape[1], LANES)), np.empty((starts[-1] + degrees[-1] + 1) * LANES)
    values = np.empty(TILE * LANES)
    for begin in range(start, stop, LANES):
        count = min(LANES, stop - begin)
        _load(X, shift, scale, begin, count, x)
        block_table(x, count, families, degrees, starts, recurrence, scaled, table)
        block_rows(table, offsets, positions, count, values, out, begin)


@njit(nogil=True, cache=True, fastmath={"contract"})
def _squares(X, shift, scale, families, degrees, starts, recurrence, offsets, positions, out, start, stop):
    d, m = X.shape[1], offsets.size - 1
    x, table, values = np.empty((d, LANES)), np.empty((starts[-1] + degrees[-1] + 1) * LANES), np.empty(TILE * LANES)
    total, lanes = np.empty(LANES), uint64(LANES)
    for begin in range(start, stop, LANES):
        count = min(LANES, stop - begin)
        _load(X, shift, scale, begin, count, x)
        block_table(x, count, families, degrees, starts, recurrence, False, table)
        total[:] = 0.0
        for first in range(0, m, TILE):
            width = min(TILE, m - first)
            block_products(table, offsets, positions, first, width, values)
            for k in range(uint64(width)):
                for lane in range(lanes):
                    total[lane] += values[k * lanes + lane] * values[k * lanes + lane]
        for lane in range(count):
            out[begin + lane] = total[lane]


def basis_values(X, shift, scale, families, degrees, starts, recurrence, scaled, offsets, positions, out, n_jobs):
    """Write all functions of the basis at the rows of ``X`` (n, d) to ``out`` (n, m).

    With ``scaled``, factors of a Hermite coordinate carry ``exp(-x^2 / 4)``; ``positions`` then name that of degree 0.
    """
    X = kernel_view(X)

    def task(start, stop):
        _values(X, shift, scale, families, degrees, starts, recurrence, scaled, offsets, positions, out, start, stop)

    run_ranges(task, X.shape[0], _CHUNK, n_jobs)


def christoffel_values(X, shift, scale, families, degrees, starts, recurrence, offsets, positions, out, n_jobs):
    """Write the sum of squares of the functions at each row of ``X`` (n, d) to ``out`` (n,)."""
    X = kernel_view(X)

    def task(start, stop):
        _squares(X, shift, scale, families, degrees, starts, recurrence, offsets, positions, out, start, stop)

    run_ranges(task, X.shape[0], _CHUNK, n_jobs)
