"""Sensing models: a stored array, a linear operator, one operator for each snapshot, restricted or in a basis."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse.linalg import LinearOperator

from sparsesci._core.arrays import kernel_view
from sparsesci._core.device import is_cuda_array, resolve_device, twin
from sparsesci._core.rng import key_from_random_state
from sparsesci._core.threads import effective_n_jobs
from sparsesci._core.validation import check_integer, naming
from sparsesci.calibration import _sensing_kernels

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


class RandomSignOperator(LinearOperator):
    """Random matrix of signs that is never stored: its entries are made where they are needed.

    A sensing model for :func:`blind_calibrate` of p snapshots by m sensors: row l m + i is that of sensor i in snapshot
    l, with independent entries +1 and -1.

    Parameters
    ----------
    n_snapshots, n_sensors, n_features : int
        p, m and the length n of the signal.
    random_state : int, RandomState instance, Generator or None, default=None
    dtype : {float64, float32}, default=float
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). Products do not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"

    Attributes
    ----------
    key : numpy.uint64
        What, with the shape, defines the operator.

    Raises
    ------
    TypeError, ValueError
        If a size is no positive integer, or ``dtype`` or ``device`` is unknown.

    Notes
    -----
    A product takes O(p m n) operations and the generation of p m n random bits; memory O(n). Entries are bits of
    Philox numbers of (key, row, column).

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.calibration import RandomSignOperator
    >>> A = RandomSignOperator(3, 8, 16, random_state=0)
    >>> A.shape
    (24, 16)
    >>> bool((np.abs(A @ np.eye(16)) == 1).all())
    True
    """

    def __init__(
        self, n_snapshots, n_sensors, n_features, *, random_state=None, dtype=float, n_jobs=None, device="cpu"
    ):
        self.n_snapshots = check_integer("n_snapshots", n_snapshots, minimum=1)
        self.n_sensors = check_integer("n_sensors", n_sensors, minimum=1)
        n_features = check_integer("n_features", n_features, minimum=1)
        with naming("dtype"):
            dtype = np.dtype(dtype)
        if dtype not in _FLOATS:
            raise ValueError(f"dtype must be float32 or float64; got {dtype}")
        effective_n_jobs(n_jobs)
        resolve_device(device)
        self.n_jobs = n_jobs
        self.device = device
        self.key = key_from_random_state(random_state)
        super().__init__(dtype, (self.n_snapshots * self.n_sensors, n_features))

    def _matvec(self, x):
        x = self._taken(x)
        out = np.empty(self.shape[0], dtype=x.dtype)
        twin(_sensing_kernels, self.device).sign_forward(self.key, x, out, self.n_jobs)
        return out

    def _rmatvec(self, r):
        r = self._taken(r)
        out = np.empty(self.shape[1], dtype=r.dtype)
        twin(_sensing_kernels, self.device).sign_adjoint(self.key, r, out, self.n_jobs)
        return out

    def _taken(self, vector):
        vector = np.asarray(vector).reshape(-1)
        if vector.dtype.kind == "c":
            raise TypeError("products with complex vectors are not supported")
        return kernel_view(np.ascontiguousarray(vector, dtype=np.result_type(self.dtype, vector.dtype)))

    def __repr__(self):
        shape = f"n_snapshots={self.n_snapshots}, n_sensors={self.n_sensors}, n_features={self.shape[1]}"
        return f"RandomSignOperator({shape})"


class StoredSensing:
    """A sensing model given as an array; ``matrix`` is (p m, n), of float32 or float64."""

    def __init__(self, matrix, n_snapshots, n_jobs, device):
        self.matrix = matrix
        self.n_snapshots = n_snapshots
        self.n_sensors = matrix.shape[0] // n_snapshots
        self.n_features = matrix.shape[1]
        self.dtype = matrix.dtype
        self.n_jobs = n_jobs
        self.device = device
        self._kernels = twin(_sensing_kernels, device)
        self._resident = self._kernels.resident(matrix)

    def forward(self, x):
        """Return A x as (p, m)."""
        out = np.empty(self.matrix.shape[0], dtype=self.dtype)
        self._kernels.sensing_forward(self._resident, x.astype(self.dtype, copy=False), out, self.n_jobs)
        return out.reshape(self.n_snapshots, self.n_sensors)

    def adjoint(self, R):
        """Return A^T R for R (p, m)."""
        out = np.empty(self.n_features, dtype=self.dtype)
        self._kernels.sensing_adjoint(self._resident, R.astype(self.dtype, copy=False).reshape(-1), out, self.n_jobs)
        return out

    def sensors(self, kept):
        """Return the model of some of the sensors."""
        rows = self.matrix.reshape(self.n_snapshots, self.n_sensors, -1)[:, kept].reshape(-1, self.n_features)
        return StoredSensing(np.ascontiguousarray(rows), self.n_snapshots, self.n_jobs, self.device)

    def in_basis(self, basis):
        """Return the model for coefficients in an orthonormal basis (n, k)."""
        return StoredSensing(self.matrix @ basis.astype(self.dtype), self.n_snapshots, self.n_jobs, self.device)


class OperatorSensing:
    """A sensing model of which only products are known: ``operators`` hold p m rows together, in order."""

    matrix = None

    def __init__(self, operators, n_snapshots, kept=None, basis=None):
        self.operators = operators
        self.n_snapshots = n_snapshots
        self._all_sensors = sum(operator.shape[0] for operator in operators) // n_snapshots
        self._kept = np.arange(self._all_sensors) if kept is None else kept
        self._basis = basis
        self.n_sensors = len(self._kept)
        self.n_features = operators[0].shape[1] if basis is None else basis.shape[1]
        single = all(operator.dtype == np.float32 for operator in operators)
        self.dtype = np.dtype(np.float32 if single else np.float64)

    def forward(self, x):
        """Return A x as (p, m)."""
        if self._basis is not None:
            x = self._basis @ x
        x = x.astype(self.dtype, copy=False)
        readings = np.concatenate([np.asarray(operator.matvec(x)) for operator in self.operators])
        return np.ascontiguousarray(readings.reshape(self.n_snapshots, -1)[:, self._kept], dtype=self.dtype)

    def adjoint(self, R):
        """Return A^T R for R (p, m)."""
        full = np.zeros((self.n_snapshots, self._all_sensors), dtype=self.dtype)
        full[:, self._kept] = R
        full = full.reshape(-1)
        total, row = 0, 0
        for operator in self.operators:
            total = total + operator.rmatvec(full[row : row + operator.shape[0]])
            row += operator.shape[0]
        total = np.asarray(total, dtype=self.dtype)
        return total if self._basis is None else self._basis.T @ total

    def sensors(self, kept):
        """Return the model of some of the sensors."""
        return OperatorSensing(self.operators, self.n_snapshots, kept, self._basis)

    def in_basis(self, basis):
        """Return the model for coefficients in an orthonormal basis (n, k)."""
        return OperatorSensing(self.operators, self.n_snapshots, self._kept, basis.astype(self.dtype))


def check_sensing(sensing, readings_shape, *, name="A", n_jobs=None, device="cpu"):
    """Return a sensing model for readings of shape (p, m)."""
    p, m = readings_shape
    if isinstance(sensing, LinearOperator):
        if sensing.shape[0] != p * m:
            raise ValueError(f"{name} must have {p} x {m} = {p * m} rows, as Y has readings; got {sensing.shape[0]}")
        return OperatorSensing([_real_operator(sensing, name)], p)
    if isinstance(sensing, Sequence) and len(sensing) and all(isinstance(part, LinearOperator) for part in sensing):
        if len(sensing) != p:
            raise ValueError(f"{name} must hold one operator for each of the {p} snapshots of Y; got {len(sensing)}")
        wanted = (m, sensing[0].shape[1])
        for part in sensing:
            if part.shape != wanted:
                raise ValueError(f"the operators in {name} must all have shape {wanted}; got {part.shape}")
        return OperatorSensing([_real_operator(part, name) for part in sensing], p)
    array = check_stack(sensing, name)
    if array.shape[:2] != (p, m):
        raise ValueError(f"{name} must have shape ({p}, {m}, n) to go with Y; got {array.shape}")
    return StoredSensing(array.reshape(p * m, -1), p, n_jobs, device)


def _real_operator(operator, name):
    if np.dtype(operator.dtype).kind == "c":
        raise TypeError(f"{name} must be real; got an operator of {operator.dtype}")
    return operator


def check_stack(A, name):
    """Return a sensing array (p, m, n) of floats in C order."""
    A = _check_real(A, name)
    if A.ndim != 3:
        raise ValueError(f"{name} must be an array of three dimensions (snapshots, sensors, signal); got {A.ndim}")
    return A


def check_readings(Y, name="Y"):
    """Return readings (p, m) of floats."""
    Y = _check_real(Y, name)
    if Y.ndim != 2:
        raise ValueError(f"{name} must be an array of two dimensions (snapshots, sensors); got {Y.ndim}")
    return Y


def check_vector(x, name, length=None):
    """Return a vector of floats, of that length."""
    x = _check_real(x, name)
    if x.ndim != 1 or (length is not None and x.size != length):
        raise ValueError(f"{name} must be a vector{'' if length is None else f' of length {length}'}; got {x.shape}")
    return x


def check_matrix(B, name, n_rows):
    """Return a matrix of floats with that many rows."""
    B = _check_real(B, name)
    if B.ndim != 2 or B.shape[0] != n_rows:
        raise ValueError(f"{name} must be a matrix with {n_rows} rows; got shape {B.shape}")
    return B


def _check_real(array, name):
    """Return a numeric, real, finite, not empty array in C order, float32 or else float64."""
    if is_cuda_array(array):
        raise TypeError(f"{name} is on a GPU: copy it to the host; device='cuda' moves it where it is needed")
    if hasattr(array, "to_numpy"):
        array = array.to_numpy()
    if hasattr(array, "toarray"):
        raise TypeError(f"{name} must be a dense array; got {type(array).__name__}")
    with naming(f"{name}, an array,"):
        array = np.asarray(array)
        if array.dtype.kind == "O":
            array = array.astype(np.float64)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be an array of real numbers; got dtype {array.dtype}")
    single = array.dtype.kind == "f" and array.dtype.itemsize == 4
    array = kernel_view(np.ascontiguousarray(array, dtype=np.float32 if single else np.float64))
    if array.size == 0:
        raise ValueError(f"{name} must not be an empty array; got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be an array of finite numbers; it contains NaN or infinity")
    return array
