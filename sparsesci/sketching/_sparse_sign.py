"""Sparse sign embedding and CountSketch."""

import numpy as np
import scipy.sparse

from sparsesci._core.device import twin
from sparsesci._core.validation import check_integer
from sparsesci.sketching import _sparse_sign_kernels
from sparsesci.sketching._operators import SketchOperator


class SparseSignSketch(SketchOperator):
    """Sparse sign embedding: every column has s random rows with entries of +-1 / sqrt(s).

    Applied in O(s nnz(A)). Sparse, so sketched regression with it does not carry the l-infinity guarantee.

    Parameters
    ----------
    n_components : int
        Number of rows of the sketch, m.
    n_rows : int
        Number of rows that are sketched, n.
    nnz_per_column : int, default=8
        s, at most ``n_components``. A smaller sketch takes s = m.
    random_state : int, RandomState instance, Generator or None, default=None
    dtype : {float64, float32}, default=float

    References
    ----------
    J. Nelson, H. L. Nguyen, "OSNAP: faster numerical linear algebra algorithms via sparser subspace embeddings",
    FOCS 2013, arXiv:1211.1002.

    Examples
    --------
    >>> from sparsesci.sketching import SparseSignSketch
    >>> S = SparseSignSketch(32, 1000, random_state=0)
    >>> S.to_sparse().nnz
    8000
    """

    kind = "sparse_sign"

    def __init__(self, n_components, n_rows, *, nnz_per_column=8, random_state=None, dtype=float):
        super().__init__(n_components, n_rows, random_state=random_state, dtype=dtype)
        nnz_per_column = check_integer("nnz_per_column", nnz_per_column, minimum=1)
        self.nnz_per_column = min(nnz_per_column, self.shape[0])

    @property
    def _scale(self):
        return 1.0 / np.sqrt(self.nnz_per_column)

    def _accumulate(self, A, out, row_offset, n_jobs, device):
        kernels = twin(_sparse_sign_kernels, device)
        common = self.key, self.nnz_per_column, row_offset, out, n_jobs
        if scipy.sparse.issparse(A):
            kernels.sparse_sign_accumulate_csr(A.data, A.indices, A.indptr, *common)
        else:
            kernels.sparse_sign_accumulate(A, *common)

    def to_sparse(self, format="csr"):
        """Return S as a SciPy sparse array.

        Parameters
        ----------
        format : {"csr", "csc"}, default="csr"
            CSR is the faster one as a left factor.
        """
        if format not in ("csr", "csc"):
            raise ValueError(f"format must be 'csr' or 'csc'; got {format!r}")
        m, n = self.shape
        positions, signs = _sparse_sign_kernels.sparse_sign_pattern(self.key, self.nnz_per_column, m, 0, n)
        indptr = np.arange(0, positions.size + 1, self.nnz_per_column)
        values = (signs * self._scale).astype(self.dtype)
        columns = scipy.sparse.csc_array((values.reshape(-1), positions.reshape(-1), indptr), shape=(m, n))
        columns.sort_indices()
        return columns if format == "csc" else columns.tocsr()

    def _transposed_product(self, y):
        positions, signs = _sparse_sign_kernels.sparse_sign_pattern(
            self.key, self.nnz_per_column, self.shape[0], 0, self.shape[1]
        )
        return (y[positions] * signs).sum(axis=1) * self._scale


class CountSketch(SparseSignSketch):
    """CountSketch: the sparse sign embedding with one entry, +1 or -1, per column.

    Applied in O(nnz(A)): the cheapest sketch, and the one with the weakest guarantees.

    Parameters
    ----------
    n_components : int
        Number of rows of the sketch, m.
    n_rows : int
        Number of rows that are sketched, n.
    random_state : int, RandomState instance, Generator or None, default=None
    dtype : {float64, float32}, default=float

    References
    ----------
    K. L. Clarkson, D. P. Woodruff, "Low rank approximation and regression in input sparsity time", STOC 2013,
    arXiv:1207.6365.

    Examples
    --------
    >>> from sparsesci.sketching import CountSketch
    >>> CountSketch(32, 1000, random_state=0).to_sparse().nnz
    1000
    """

    kind = "countsketch"

    def __init__(self, n_components, n_rows, *, random_state=None, dtype=float):
        super().__init__(n_components, n_rows, nnz_per_column=1, random_state=random_state, dtype=dtype)
