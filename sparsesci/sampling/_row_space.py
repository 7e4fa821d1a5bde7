"""An orthonormal basis of the column space, as a triangular matrix by which the rows are multiplied."""

import warnings
from typing import NamedTuple

import numpy as np
import scipy.linalg
import scipy.sparse

from sparsesci._core.arrays import check_rows
from sparsesci._core.device import is_cuda_array, twin
from sparsesci._core.exceptions import SparseSciWarning
from sparsesci._core.threads import run_ranges, single_threaded_blas, sum_ranges
from sparsesci._core.validation import naming
from sparsesci.sampling import _gram_kernels

# Beyond the first the Gram matrix alone loses more than six digits, beyond the second it may be singular.
_ONE_PASS_CONDITION = 1e2
_TWO_PASS_CONDITION = 1e7
_SMALLEST_SQUARE, _LARGEST_SQUARE = 1e-250, 1e250
_BLOCK_ELEMENTS = 1 << 17


class RowSpace(NamedTuple):
    """``A @ transform`` has orthonormal columns at ``columns``, with the weights of the rows, and zeros elsewhere.

    ``transform`` is upper triangular, (d, d); ``columns`` are linearly independent columns of A, as many as the rank.
    """

    transform: np.ndarray
    columns: np.ndarray
    condition: float

    rank = property(lambda self: len(self.columns))

    def basis(self, A, n_jobs=None):
        """Return the rows in the orthonormal basis, an ndarray of shape (n, rank)."""
        return product(A, self.transform[:, self.columns], n_jobs)


def check_matrix(X, name="X", device="cpu"):
    """Return ``X`` as a float array or CSR matrix that is not zero everywhere."""
    X = canonical(check_rows(X, name=name, device=device))
    if not is_cuda_array(X) and not has_entries(X):
        raise ValueError(f"{name} must not be zero everywhere")
    return X


def has_entries(X):
    """Return whether a dense or CSR matrix has an entry that is not zero."""
    entries = X.data if scipy.sparse.issparse(X) else X
    # NumPy reads to the end of the array; mostly the beginning tells.
    return bool(entries[:16].any() or entries.any())


def canonical(X):
    """Return a CSR matrix as one without repeated entries, and anything else as it is; the caller's is not changed."""
    if not scipy.sparse.issparse(X):
        return X
    # SciPy notes in the matrix itself what it finds out about it.
    own = scipy.sparse.csr_array((X.data, X.indices, X.indptr), shape=X.shape)
    if not own.has_canonical_format:
        own = own.copy()
        own.sum_duplicates()
    return own


def check_weights(sample_weight, n):
    """Return the weights of n rows as float64, or None; ValueError unless they are finite and not negative."""
    if sample_weight is None:
        return None
    with naming("sample_weight"):
        weights = np.asarray(sample_weight)
        if weights.dtype.kind in "cmMSUV":
            raise TypeError(f"must be real numbers; got dtype {weights.dtype}")
        weights = weights.astype(np.float64)
        if weights.shape != (n,):
            raise ValueError(f"must have shape ({n},), one for each row of X; got {weights.shape}")
        if not np.isfinite(weights).all() or (weights < 0).any():
            raise ValueError("must be finite and not negative")
        if not weights.any():
            raise ValueError("must not be zero everywhere")
    return weights


def dense(A):
    """Return ``A`` as an ndarray."""
    if is_cuda_array(A):
        return A.copy_to_host()
    return A.toarray() if scipy.sparse.issparse(A) else A


def gram(A, q, n_jobs=None, device="cpu"):
    """Return ``sum_i q_i a_i a_i^T`` of a dense or CSR matrix."""
    kernels = twin(_gram_kernels, device)
    if scipy.sparse.issparse(A):
        return kernels.weighted_gram_csr(A.data, A.indices, A.indptr, q, A.shape[1], n_jobs)
    return kernels.weighted_gram(A, q, n_jobs)


def norms(A, M, n_jobs=None, device="cpu"):
    """Return the squared norms of the rows of ``A @ M``, for an upper triangular M."""
    kernels, out = twin(_gram_kernels, device), np.empty(A.shape[0])
    if scipy.sparse.issparse(A):
        kernels.transformed_norms_csr(A.data, A.indices, A.indptr, M, out, n_jobs)
    else:
        kernels.transformed_norms(A, M, out, n_jobs)
    return out


def _block_rows(d):
    return max(2 * d, _BLOCK_ELEMENTS // d)


def product(A, M, n_jobs=None):
    """Return ``A @ M`` in float64, by blocks of rows."""
    out = np.empty((A.shape[0], M.shape[1]))

    def task(start, stop):
        out[start:stop] = A[start:stop] @ M

    with single_threaded_blas():
        run_ranges(task, len(out), _block_rows(A.shape[1]), n_jobs)
    return out


def product_norms(A, M, n_jobs=None):
    """Return the squared norms of the rows of ``A @ M`` for any M."""
    out = np.empty(A.shape[0])

    def task(start, stop):
        image = A[start:stop] @ M
        np.einsum("ij,ij->i", image, image, out=out[start:stop])

    with single_threaded_blas():
        run_ranges(task, len(out), _block_rows(A.shape[1]), n_jobs)
    return out


def row_space(A, q=None, *, n_jobs=None, device="cpu", stacklevel=3):
    """Return the ``RowSpace`` of a dense or CSR matrix whose rows have the weights ``q``.

    One pass over A where it is well conditioned, two where it is not. If the Gram matrix does not tell, Householder
    factorisations of blocks of rows, with a rank tolerance of max(n, d) machine epsilons.

    Warns
    -----
    SparseSciWarning
        If the rank is smaller than the number of columns.
    """
    space, exponents = _by_cholesky(A, q, n_jobs, device), None
    if space is None:
        A, exponents = _within_range(A)
        if exponents is not None:
            space = _by_cholesky(A, q, n_jobs, device)
    if space is None:
        A = A.copy_to_host() if is_cuda_array(A) else A
        space = _by_householder(A, q, n_jobs)
        if space.rank < A.shape[1]:
            warnings.warn(
                f"the rows have rank {space.rank}, less than their {A.shape[1]} columns: their column space is used",
                SparseSciWarning,
                stacklevel=stacklevel,
            )
    if exponents is not None:
        space = space._replace(transform=np.ldexp(space.transform, -exponents[:, np.newaxis]))
    return space


def _within_range(A):
    """Return ``A`` with columns multiplied by powers of two such that squares neither overflow nor vanish.

    The exponents are None where nothing had to be done.
    """
    if is_cuda_array(A):
        return A, None
    if scipy.sparse.issparse(A):
        largest = np.zeros(A.shape[1])
        np.maximum.at(largest, A.indices, np.abs(A.data).astype(np.float64))
    else:
        largest = np.maximum(A.max(axis=0), -A.min(axis=0)).astype(np.float64)
    used = largest[largest > 0]
    if used.size == 0 or (used.min() > 1e-100 and used.max() < 1e100):
        return A, None
    exponents = np.where(largest > 0, np.frexp(largest)[1], 0)
    if scipy.sparse.issparse(A):
        scaled = np.ldexp(A.data.astype(np.float64), -exponents[A.indices])
        return scipy.sparse.csr_array((scaled, A.indices, A.indptr), shape=A.shape), exponents
    return np.ldexp(A.astype(np.float64), -exponents), exponents


def _by_cholesky(A, q, n_jobs, device):
    first = inverse_factor(gram(A, q, n_jobs, device))
    if first is None or first[1] > _TWO_PASS_CONDITION:
        return None
    transform, condition = first
    if condition > _ONE_PASS_CONDITION:
        second = _improved(dense(A) if is_cuda_array(A) else A, q, transform, n_jobs)
        if second is None:
            return None
        transform = second
    return RowSpace(transform, np.arange(A.shape[1]), condition)


def inverse_factor(G):
    """Return the inverse of the Cholesky factor R of G = R^T R, upper triangular, and the condition of R in the 1-norm.

    The condition is that after columns were given unit norms. None if G is not positive definite to working precision.
    """
    squares = np.diag(G)
    if not (np.isfinite(squares).all() and (squares > _SMALLEST_SQUARE).all() and (squares < _LARGEST_SQUARE).all()):
        return None
    unit = 1.0 / np.sqrt(squares)
    try:
        with single_threaded_blas():
            R = scipy.linalg.cholesky(G * unit * unit[:, np.newaxis], check_finite=False)
            inverse, failed = scipy.linalg.lapack.dtrtri(R)
    except np.linalg.LinAlgError:
        return None
    if failed:
        return None
    condition = np.abs(R).sum(axis=0).max() * np.abs(inverse).sum(axis=0).max()
    return np.triu(inverse * unit[:, np.newaxis]), condition


def _improved(A, q, transform, n_jobs):
    """Return the transform with A @ transform made orthonormal once more, or None."""
    G = np.zeros((transform.shape[1],) * 2)

    def add_range(partial, start, stop):
        rows = A[start:stop] @ transform
        if q is not None:
            rows *= np.sqrt(q[start:stop, np.newaxis])
        partial += rows.T @ rows

    edges = np.append(np.arange(0, A.shape[0], _block_rows(A.shape[1])), A.shape[0])
    with single_threaded_blas():
        sum_ranges(add_range, edges, G, n_jobs)
    second = inverse_factor(G)
    return None if second is None or second[1] > _ONE_PASS_CONDITION else transform @ second[0]


def _by_householder(A, q, n_jobs):
    """Return the RowSpace from QR factorisations of blocks of rows and one of their triangular factors, pivoted."""
    R = _triangular_factor(A, q)
    d = A.shape[1]
    lengths = np.linalg.norm(R, axis=0)
    unit = np.divide(1.0, lengths, out=np.zeros(d), where=lengths > 0)
    with single_threaded_blas():
        pivoted, order = scipy.linalg.qr(R * unit, mode="r", pivoting=True, check_finite=False)
        sizes = np.abs(np.diag(pivoted))
        rank = int((sizes > max(A.shape) * np.finfo(float).eps * sizes[0]).sum())
        columns = np.sort(order[:rank])
        chosen = scipy.linalg.qr((R * unit)[:, columns], mode="r", check_finite=False)[0][:rank]
        inverse, _ = scipy.linalg.lapack.dtrtri(chosen)
    condition = np.abs(chosen).sum(axis=0).max() * np.abs(inverse).sum(axis=0).max()
    small = np.triu(inverse) * unit[columns, np.newaxis]
    improved = _improved(A[:, columns], q, small, n_jobs)
    transform = np.zeros((d, d))
    transform[np.ix_(columns, columns)] = small if improved is None else improved
    return RowSpace(transform, columns, condition)


def _triangular_factor(A, q):
    n, d = A.shape
    R = np.zeros((0, d))
    step = _block_rows(d)
    with single_threaded_blas():
        for start in range(0, n, step):
            rows = dense(A[start : start + step]).astype(np.float64)
            if q is not None:
                rows *= np.sqrt(q[start : start + step, np.newaxis])
            R = scipy.linalg.qr(np.concatenate((R, rows)), mode="r", check_finite=False)[0][:d]
    return R
