"""What the least-squares solvers need of a matrix, for dense, CSR and matrix-free A."""

import numpy as np
import scipy.sparse
from scipy.sparse.linalg import LinearOperator

from sparsesci._core.arrays import check_rows, kernel_view
from sparsesci._core.validation import naming
from sparsesci.sketching import _lstsq_kernels as kernels

_OPERATOR_COLUMNS = 32


class DenseMatrix:
    """A dense matrix in any layout; passes over it are shared out over threads."""

    direct = True
    preferred_sketch = "srht"

    def __init__(self, A, n_jobs):
        self.A = kernel_view(A)
        self.n_jobs = n_jobs
        self.shape, self.dtype = A.shape, A.dtype

    def sketch(self, S, device):
        """Return S A."""
        return S.sketch(self.A, n_jobs=self.n_jobs, device=device)

    def gradient(self, X, B):
        """Return A^T (B - A X) and the norms of the columns of B - A X; None stands for a zero B."""
        return kernels.residual_gradient(self.A, X, B, self.n_jobs)

    def normal_matrix(self, whitener, X, B):
        """Return (A W)^T (A W), and what ``gradient`` returns, in one pass."""
        return kernels.normal_matrix(self.A, whitener, X, B, self.n_jobs)

    def apply(self, X):
        """Return A X."""
        return kernels.apply_rows(self.A, X, self.n_jobs)

    def apply_transpose(self, U):
        """Return A^T U."""
        return kernels.apply_rows_transpose(self.A, U, self.n_jobs)

    def column_maxima(self):
        """Return the largest absolute value of every column."""
        return np.maximum(self.A.max(axis=0), -self.A.min(axis=0))

    def scaled(self, exponents):
        """Return a copy whose columns are multiplied by powers of two."""
        return DenseMatrix(np.ldexp(self.A, exponents), self.n_jobs)

    def transposed(self):
        return DenseMatrix(self.A.T, self.n_jobs)

    def toarray(self):
        return self.A


class SparseMatrix:
    """A CSR matrix."""

    direct = False
    preferred_sketch = "sparse_sign"

    def __init__(self, A, n_jobs):
        self.A = A
        self.n_jobs = n_jobs
        self.shape, self.dtype = A.shape, A.dtype
        self._arrays = tuple(kernel_view(array) for array in (A.data, A.indices, A.indptr))

    def sketch(self, S, device):
        return S.sketch(self.A, n_jobs=self.n_jobs, device=device)

    def gradient(self, X, B):
        return kernels.residual_gradient_csr(*self._arrays, X, B, self.n_jobs)

    def apply(self, X):
        return self.A @ X

    def apply_transpose(self, U):
        return self.A.T @ U

    def column_maxima(self):
        return abs(self.A).max(axis=0).toarray().reshape(-1)

    def scaled(self, exponents):
        data = np.ldexp(self.A.data, exponents[self.A.indices])
        scaled = scipy.sparse.csr_array((data, self.A.indices, self.A.indptr), shape=self.shape)
        return SparseMatrix(scaled, self.n_jobs)

    def transposed(self):
        return SparseMatrix(self.A.T.tocsr(), self.n_jobs)

    def toarray(self):
        return self.A.toarray()


class OperatorMatrix:
    """A SciPy LinearOperator, of which only products with it and with its transpose are known.

    ``exponents`` multiplies its columns by powers of two.
    """

    direct = False
    preferred_sketch = "srht"
    n_jobs = None

    def __init__(self, A, dtype, exponents=None):
        self.A = A
        self.shape, self.dtype = A.shape, dtype
        self.exponents = np.zeros(A.shape[1], dtype=np.int64) if exponents is None else exponents

    def sketch(self, S, device):
        # The columns of A cost d products, those of the transposed sketch would cost one for each of its rows.
        blocks = [S.sketch(columns, device=device) for columns in self._columns()]
        return np.concatenate(blocks, axis=1)

    def _columns(self):
        """Yield the columns of A, a few at a time."""
        d = self.shape[1]
        for start in range(0, d, _OPERATOR_COLUMNS):
            count = min(_OPERATOR_COLUMNS, d - start)
            yield self.apply(np.eye(d, count, -start, dtype=self.dtype))

    def gradient(self, X, B):
        R = -self.apply(X) if B is None else B - self.apply(X)
        return self.apply_transpose(R), np.sqrt(np.einsum("ij,ij->j", R, R, dtype=np.float64))

    def apply(self, X):
        return self._result(self.A.matmat(np.ldexp(X, self.exponents[:, None])))

    def apply_transpose(self, U):
        try:
            product = self.A.rmatmat(U)
        # What SciPy's LinearOperator raises where no transpose was given.
        except NotImplementedError as error:
            raise TypeError(
                "A must define products with its transpose (rmatvec); this LinearOperator does not"
            ) from error
        return np.ldexp(self._result(product), self.exponents[:, None])

    def _result(self, product):
        return np.ascontiguousarray(product, dtype=self.dtype)

    def column_maxima(self):
        return np.concatenate([np.abs(columns).max(axis=0) for columns in self._columns()])

    def scaled(self, exponents):
        return OperatorMatrix(self.A, self.dtype, self.exponents + exponents)

    def transposed(self):
        return OperatorMatrix(self.A.T, self.dtype)

    def toarray(self):
        return np.concatenate(list(self._columns()), axis=1)


def check_matrix(A, dtype, n_jobs):
    """Return ``A`` as one of the classes above, in precision ``dtype`` or its own.

    Raises
    ------
    ValueError
        If ``A`` is not 2-d or is empty. Whether it is finite is left to its sketch.
    TypeError
        If ``A`` is complex.
    """
    if isinstance(A, LinearOperator):
        if A.dtype is not None and np.dtype(A.dtype).kind == "c":
            raise TypeError("A must be real; complex operators are not supported")
        _check_shape(A.shape)
        own = np.float32 if A.dtype == np.float32 else np.float64
        return OperatorMatrix(A, np.dtype(dtype or own))
    with naming("A"):
        _check_shape(A.shape if hasattr(A, "shape") else np.shape(A))
    A = check_rows(A, check_finite=False)
    if dtype is not None:
        A = A.astype(dtype, copy=False)
    return SparseMatrix(A, n_jobs) if scipy.sparse.issparse(A) else DenseMatrix(A, n_jobs)


def _check_shape(shape):
    if len(shape) != 2:
        raise ValueError(f"A must be 2-d; got shape {tuple(shape)}")
    if 0 in shape:
        raise ValueError(f"A must not be empty; got shape {tuple(shape)}")
