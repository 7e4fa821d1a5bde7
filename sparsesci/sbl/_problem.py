"""The measurements and dictionaries of one recovery problem, checked, and the parameters that methods share."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse

from sparsesci._core.arrays import check_rows, is_cuda_array
from sparsesci._core.validation import check_real, naming
from sparsesci.sbl._tensor import mode_products, squared_magnitude

_KEPT = (np.float64, np.float32, np.complex128, np.complex64)
_DOUBLE = {"f": np.float64, "c": np.complex128}


@dataclass
class Problem:
    """Checked input of one problem, in double precision.

    Attributes
    ----------
    Y : ndarray of shape (M_1, ..., M_I, L)
        Always with an axis for snapshots.
    dictionaries : list of ndarray of shape (M_k, N_k)
        Of the type of Y.
    single : bool
        Whether the caller gave one snapshot without an axis for it.
    dtype : numpy.dtype
        The type in which results are returned.
    """

    Y: np.ndarray
    dictionaries: list
    single: bool
    dtype: np.dtype

    @property
    def shape(self):
        """The numbers of columns of the dictionaries."""
        return tuple(H.shape[1] for H in self.dictionaries)

    @property
    def n_measurements(self):
        return self.Y.size // self.Y.shape[-1]

    @property
    def energy(self):
        """Squared norm of the measurements, averaged over snapshots."""
        return float(squared_magnitude(self.Y).sum()) / self.Y.shape[-1]


def check_dictionaries(dictionaries):
    """Return the dictionaries as a list of 2-d arrays of float or complex numbers."""
    if isinstance(dictionaries, (str, bytes, dict, set)) or not hasattr(dictionaries, "__len__"):
        raise TypeError(f"dictionaries must be a sequence of 2-d arrays; got {type(dictionaries).__name__}")
    if scipy.sparse.issparse(dictionaries):
        raise TypeError("dictionaries must be a sequence of dense 2-d arrays; got a sparse matrix")
    if len(dictionaries) == 0:
        raise ValueError("dictionaries must hold at least one matrix; got none")
    checked = []
    for k, H in enumerate(dictionaries):
        name = f"dictionaries[{k}]"
        if scipy.sparse.issparse(H):
            raise TypeError(f"{name} must be dense; got a sparse matrix")
        checked.append(check_rows(H, name=name, allow_complex=True))
    return checked


def check_tensor(Y, name="Y"):
    """Return ``Y`` as a finite array of float or complex numbers with at least one element."""
    if is_cuda_array(Y):
        raise TypeError(f"{name} is on a GPU: copy it to the host")
    if scipy.sparse.issparse(Y):
        raise TypeError(f"{name} must be a dense array; got a sparse matrix")
    with naming(name):
        array = np.asarray(Y)
        if array.dtype.kind in "mMSUV":
            raise TypeError(f"{name} must be numeric; got dtype {array.dtype}")
        if array.dtype.newbyteorder("=") not in _KEPT:
            array = array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
    if array.ndim == 0 or array.size == 0:
        raise ValueError(f"{name} must be an array of measurements; got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite; it contains NaN or infinity")
    return array


def check_problem(Y, dictionaries, n_snapshots_axis=None):
    """Return the ``Problem`` that ``Y`` and ``dictionaries`` describe.

    ``Y`` is a tensor with one axis for each dictionary, or flat; snapshots lie along ``n_snapshots_axis``, or along a
    last axis beyond those of the dictionaries.
    """
    dictionaries = check_dictionaries(dictionaries)
    Y = check_tensor(Y)
    rows = tuple(H.shape[0] for H in dictionaries)
    Y, single = _with_snapshots_last(Y, len(rows), n_snapshots_axis)
    if Y.ndim == 2 and len(rows) > 1:
        if Y.shape[0] != np.prod(rows):
            raise ValueError(
                f"Y must have {np.prod(rows)} elements, the product of the rows of the dictionaries, where it is flat; "
                f"got {Y.shape[0]}"
            )
        Y = Y.reshape(*rows, -1)
    for k, (given, expected) in enumerate(zip(Y.shape, rows)):
        if given != expected:
            raise ValueError(f"Y has {given} elements in mode {k}, but dictionaries[{k}] has {expected} rows")
    dtype = np.result_type(Y, *dictionaries)
    double = _DOUBLE[dtype.kind]
    return Problem(
        np.ascontiguousarray(Y, dtype=double),
        [np.ascontiguousarray(H, dtype=double) for H in dictionaries],
        single,
        dtype,
    )


def _with_snapshots_last(Y, n_modes, axis):
    if axis is None:
        if Y.ndim in (1, n_modes):
            return Y[..., np.newaxis], True
        if Y.ndim == n_modes + 1:
            return Y, False
        raise ValueError(
            f"Y must have {n_modes} axes, one for each of the dictionaries, one more for snapshots, or one where it is "
            f"flat; got {Y.ndim}"
        )
    if isinstance(axis, bool) or not hasattr(axis, "__index__"):
        raise TypeError(f"n_snapshots_axis must be an integer or None; got {axis!r}")
    if Y.ndim not in (2, n_modes + 1):
        raise ValueError(
            f"Y must have {n_modes + 1} axes, one for each of the dictionaries and one for snapshots, with "
            f"n_snapshots_axis={axis}, or 2 where it is flat; got {Y.ndim}"
        )
    if not -Y.ndim <= axis < Y.ndim:
        raise ValueError(f"n_snapshots_axis must be an axis of Y, in [{-Y.ndim}, {Y.ndim - 1}]; got {axis!r}")
    return np.moveaxis(Y, axis, -1), False


def check_noise_var(noise_var, *, none=True):
    """Return ``noise_var`` as a positive float, or None where that is allowed."""
    if noise_var is None and none:
        return None
    return check_real("noise_var", noise_var, minimum=0.0, exclusive=True)


def check_prune_tol(prune_tol, n_modes):
    """Return one threshold in [0, 1) for each mode."""
    if prune_tol is not None and hasattr(prune_tol, "__len__") and not isinstance(prune_tol, (str, dict, set)):
        values = list(prune_tol)
        if len(values) != n_modes or n_modes == 1:
            raise ValueError(f"prune_tol must be a number or {n_modes} numbers, one for each mode; got {prune_tol!r}")
    else:
        values = [prune_tol] * n_modes
    for value in values:
        check_real("prune_tol", value, minimum=0.0)
        if value >= 1.0:
            raise ValueError(f"prune_tol must be less than 1.0; got {value!r}")
    return np.array(values, dtype=np.float64)


def check_gammas(gammas, shape, name="gammas"):
    """Return hyperparameters as a list of arrays of the lengths ``shape``, not negative."""
    if isinstance(gammas, (str, bytes, dict, set)) or not hasattr(gammas, "__len__"):
        raise TypeError(f"{name} must be a sequence of {len(shape)} vectors; got {gammas!r}")
    if len(gammas) != len(shape):
        raise ValueError(f"{name} must hold {len(shape)} vectors, one for each dictionary; got {len(gammas)}")
    checked = []
    for k, (gamma, length) in enumerate(zip(gammas, shape)):
        gamma = check_tensor(gamma, f"{name}[{k}]")
        if gamma.dtype.kind == "c":
            raise TypeError(f"{name}[{k}] must be real; got complex numbers")
        if gamma.shape != (length,):
            raise ValueError(f"{name}[{k}] must have shape ({length},); got {gamma.shape}")
        if (gamma < 0).any():
            raise ValueError(f"{name}[{k}] must not be negative; got {gamma.min()}")
        checked.append(gamma.astype(np.float64))
    return checked


def compressed_snapshots(Y):
    """Return measurements with the sample covariance of ``Y`` and at most as many snapshots as measurements."""
    n_snapshots = Y.shape[-1]
    flat = Y.reshape(-1, n_snapshots)
    M = flat.shape[0]
    if n_snapshots <= M or M > 4096:
        return Y
    values, vectors = np.linalg.eigh(flat @ flat.conj().T * (M / n_snapshots))
    return (vectors * np.sqrt(np.clip(values, 0.0, None))).reshape(Y.shape[:-1] + (M,))


def rebuild(core, dictionaries, supports):
    """Return the measurements of a core on a box: ``core`` times the dictionaries' columns of ``supports``."""
    return mode_products(core, [H[:, indices] for H, indices in zip(dictionaries, supports)])
