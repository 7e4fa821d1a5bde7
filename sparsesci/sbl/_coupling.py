"""Coupling of neighbouring hyperparameters, for coefficients that come in blocks."""

import numbers

import numpy as np

from sparsesci._core.validation import check_real
from sparsesci.sbl._problem import check_tensor


def check_coupling(coupling, shape):
    """Return one matrix or None for each mode, or None if there is no coupling at all.

    A number b means the tridiagonal matrix with 1 on and b beside the diagonal.
    """
    if coupling is None:
        return None
    if isinstance(coupling, numbers.Number):
        given = [coupling] * len(shape)
    elif isinstance(coupling, (list, tuple)):
        given = list(coupling)
        if len(given) != len(shape):
            raise ValueError(f"coupling must hold {len(shape)} entries, one for each dictionary; got {len(given)}")
    else:
        raise TypeError(f"coupling must be None, a number, or a list of numbers, matrices and None; got {coupling!r}")
    matrices = [_matrix(entry, length, k) for k, (entry, length) in enumerate(zip(given, shape))]
    return None if all(matrix is None for matrix in matrices) else matrices


def _matrix(entry, length, k):
    if entry is None:
        return None
    if isinstance(entry, numbers.Number):
        beside = check_real("coupling", entry, minimum=0.0)
        if beside == 0.0:
            return None
        return np.eye(length) + beside * (np.eye(length, k=1) + np.eye(length, k=-1))
    matrix = check_tensor(entry, f"coupling[{k}]")
    if matrix.dtype.kind == "c" or matrix.ndim != 2 or matrix.shape[0] != length:
        raise ValueError(f"coupling[{k}] must be a real matrix with {length} rows; got shape {matrix.shape}")
    if (matrix < 0).any() or not matrix.any(axis=1).all():
        raise ValueError(f"coupling[{k}] must be non-negative with a positive entry in every row; got {matrix!r}")
    return matrix.astype(np.float64)
