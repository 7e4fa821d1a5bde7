"""CUDA twin of the product bases: one thread for each point and coordinate, then one for each value.

The recurrences run in registers; the table of one-dimensional values lies in global memory with the points fastest, so
that neighbouring threads read and write neighbouring numbers. A piece of the points is done at a time.
"""

import math

from numba import cuda

from sparsesci._core import cuda as device
from sparsesci.sampling._polynomials_kernels import (
    BIG,
    FOURIER,
    HERMITE,
    LARGEST_EXPONENT,
    LOG_BIG,
    SMALL,
    fourier_value,
)

_TABLE_BYTES = 1 << 27


@cuda.jit
def coordinate_tables(X, shift, scale, families, degrees, starts, recurrence, scaled, table):
    """table[starts[c]:, point] = values of coordinate c at the point, one thread for each pair of them.

    The loop of ``fill_factors``, which cannot be called with arrays of the simulator.
    """
    thread = cuda.grid(1)
    n, d = X.shape
    if thread < n * d:
        # Neighbouring threads have one coordinate, and so one length of recurrence.
        point, c = thread % n, thread // n
        x = (X[point, c] - shift[c]) / scale[c]
        start = starts[c]
        if families[c] == FOURIER:
            for which in range(degrees[c] + 1):
                table[start + which, point] = fourier_value(x, which)
        else:
            exponent = -0.25 * x * x if scaled and families[c] == HERMITE else 0.0
            factor = math.exp(exponent)
            previous, current = 0.0, 1.0
            table[start, point] = factor
            for k in range(degrees[c]):
                following = recurrence[c, k, 0] * x * current - recurrence[c, k, 1] * previous
                previous, current = current, following
                if abs(current) > BIG:
                    previous, current = previous * SMALL, current * SMALL
                    exponent += LOG_BIG
                    factor = math.exp(exponent) if exponent < LARGEST_EXPONENT else math.inf
                table[start + k + 1, point] = current * factor


@cuda.jit
def table_products(table, offsets, positions, out):
    """out[point, j] = function j of the basis, one thread for each value."""
    thread = cuda.grid(1)
    n, m = out.shape
    if thread < n * m:
        point, j = thread // m, thread % m
        value = 1.0
        for p in range(offsets[j], offsets[j + 1]):
            value *= table[positions[p], point]
        out[point, j] = value


@cuda.jit
def table_squares(table, offsets, positions, out):
    """out[point] = sum of squares of all functions, one thread for each point."""
    point = cuda.grid(1)
    if point < out.size:
        total = 0.0
        for j in range(offsets.size - 1):
            value = 1.0
            for p in range(offsets[j], offsets[j + 1]):
                value *= table[positions[p], point]
            total += value * value
        out[point] = total


def _in_pieces(X, shift, scale, families, degrees, starts, recurrence, scaled, offsets, positions, finish):
    """Call ``finish(table, offsets, positions, start, stop)`` for pieces of the points."""
    entries = int(starts[-1] + degrees[-1] + 1)
    arrays = [device.as_device(array) for array in (shift, scale, families, degrees, starts, recurrence)]
    offsets, positions = device.as_device(offsets), device.as_device(positions)
    for start, piece in device.row_pieces(X, max(1, _TABLE_BYTES // (8 * entries))):
        table = cuda.device_array((entries, piece.shape[0]), "float64")
        device.for_each(coordinate_tables, piece.size)(piece, *arrays, scaled, table)
        finish(table, offsets, positions, start, start + piece.shape[0])


def basis_values(X, shift, scale, families, degrees, starts, recurrence, scaled, offsets, positions, out, n_jobs):
    """Write all functions of the basis at the rows of ``X`` (n, d) to ``out`` (n, m); ``n_jobs`` is not used."""
    with device.on_device(out) as held:

        def finish(table, offsets, positions, start, stop):
            rows = held[start:stop]
            device.for_each(table_products, rows.size)(table, offsets, positions, rows)

        _in_pieces(X, shift, scale, families, degrees, starts, recurrence, scaled, offsets, positions, finish)


def christoffel_values(X, shift, scale, families, degrees, starts, recurrence, offsets, positions, out, n_jobs):
    """Write the sum of squares at each row of ``X`` (n, d) to ``out`` (n,); ``n_jobs`` is not used."""
    with device.on_device(out) as held:

        def finish(table, offsets, positions, start, stop):
            rows = held[start:stop]
            device.for_each(table_squares, rows.size)(table, offsets, positions, rows)

        _in_pieces(X, shift, scale, families, degrees, starts, recurrence, False, offsets, positions, finish)
