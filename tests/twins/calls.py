"""What a case of the twin tests is made of, and inputs that cases share."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse

KEY = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Case:
    """One call: ``arguments`` makes fresh keyword arguments, arrays of which may be written to.

    With ``tolerance`` 0 the twins must agree in every bit; otherwise up to this share of the largest entry.
    """

    label: str
    arguments: Callable[[], dict]
    tolerance: float = 0.0


@dataclass(frozen=True)
class DeviceOnly:
    """A public function of a CUDA module that has no twin: ``expected`` computes the same on the CPU."""

    expected: Callable
    cases: tuple


def integers(shape, dtype, seed=0):
    """Return small integers, whose sums are exact in every order."""
    return np.random.default_rng(seed).integers(-4, 5, size=shape).astype(dtype)


def sparse(shape, dtype, seed=0):
    """Return a CSR matrix of small integers with an empty row."""
    dense = integers(shape, dtype, seed) * (integers(shape, np.int64, seed + 1) > 1)
    dense[3] = 0
    return scipy.sparse.csr_array(dense)


def csr_parts(shape, dtype):
    matrix = sparse(shape, dtype)
    return {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr}
