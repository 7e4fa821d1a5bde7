"""Fits the integer table behind the normal draws of ``sparsesci._core.rng``.

``python -m tests.reference.normal_table`` writes ``sparsesci/_core/normal_table.npy`` again.

The tail probability is p = q / 2**33 with q odd in [1, 2**32). Octave e of q and the four bits after its leading one
choose a segment; in each segment the negative normal quantile is a polynomial of degree 5 in the centred 27-bit
remainder, in fixed point with 40 fractional bits. Everything downstream is integer arithmetic, hence exact anywhere.
"""

import mpmath
import numpy as np

DEGREE = 5
OCTAVES = 32
SEGMENT_BITS = 4
REMAINDER_BITS = 27
FRACTION_BITS = 40


def normal_quantile(p):
    """Return the standard normal quantile of ``p`` to 30 digits."""
    return mpmath.sqrt(2) * mpmath.erfinv(2 * p - 1)


def fit_segment(octave, segment):
    """Return the fixed-point coefficients of -quantile on one segment, constant term first."""
    width = mpmath.mpf(2) ** (octave - 33) / 2**SEGMENT_BITS
    middle = mpmath.mpf(2) ** (octave - 33) + (segment + mpmath.mpf(1) / 2) * width
    nodes = [mpmath.cos(mpmath.pi * (2 * i + 1) / (2 * (DEGREE + 1))) / 2 for i in range(DEGREE + 1)]
    vandermonde = mpmath.matrix([[x**j for j in range(DEGREE + 1)] for x in nodes])
    values = mpmath.matrix([-normal_quantile(middle + x * width) for x in nodes])
    coefficients = mpmath.lu_solve(vandermonde, values)
    return [int(mpmath.nint(c * 2**FRACTION_BITS)) for c in coefficients]


def normal_table():
    """Return the table, int64 of shape (32 * 16, 6)."""
    with mpmath.workdps(40):
        return np.array(
            [fit_segment(e, s) for e in range(OCTAVES) for s in range(2**SEGMENT_BITS)],
            dtype=np.int64,
        )


if __name__ == "__main__":
    np.save("sparsesci/_core/normal_table.npy", normal_table())
