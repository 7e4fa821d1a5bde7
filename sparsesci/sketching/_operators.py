"""The base of all sketching operators, and the functions that make and apply them by name."""

import copy
from importlib import import_module
from types import MappingProxyType

import numpy as np
import scipy.sparse
from scipy.sparse.linalg import LinearOperator

from sparsesci._core.arrays import check_rows, kernel_view, row_chunks
from sparsesci._core.device import is_cuda_array, resolve_device
from sparsesci._core.rng import key_from_random_state
from sparsesci._core.threads import effective_n_jobs
from sparsesci._core.validation import check_integer, check_option, naming

_DTYPES = (np.dtype(np.float64), np.dtype(np.float32))
_IDENTITY_ROWS = 1024


class SketchOperator(LinearOperator):
    """Random matrix S of shape (n_components, n_rows) with E[S^T S] = I, defined by a 64-bit key.

    Subclasses give ``kind``, ``certified``, ``_accumulate(A, out, row_offset, n_jobs, device)``, which adds
    ``S[:, row_offset : row_offset + len(A)] @ A``, times ``1 / _scale``, to ``out``, and ``_transposed_product(y)``,
    which returns ``S.T @ y`` for a vector.

    Parameters
    ----------
    n_components : int
        Number of rows of the sketch, m.
    n_rows : int
        Number of rows that are sketched, n.
    random_state : int, RandomState instance, Generator or None, default=None
    dtype : {float64, float32}, default=float
        Type of the operator's entries, for the result of ``S @ x``; ``sketch`` and ``accumulate`` follow their input.
    """

    kind = None
    certified = False

    def __init__(self, n_components, n_rows, *, random_state=None, dtype=float):
        n_components = check_integer("n_components", n_components, minimum=1)
        n_rows = check_integer("n_rows", n_rows, minimum=1)
        try:
            dtype = np.dtype(dtype)
        except TypeError as error:
            raise TypeError(f"dtype must be float32 or float64; got {dtype!r}") from error
        if dtype not in _DTYPES:
            raise ValueError(f"dtype must be float32 or float64; got {dtype}")
        self.key = key_from_random_state(random_state)
        super().__init__(dtype, (n_components, n_rows))

    def sketch(self, A, *, n_jobs=None, device="cpu"):
        """Return ``S @ A`` in one pass over ``A``.

        Parameters
        ----------
        A : array-like or sparse matrix of shape (n_rows, d) or (n_rows,)
            Real or complex; CSR is used as it is, other sparse formats are converted. An array on a GPU
            (``__cuda_array_interface__``) is used there, without a copy if it is C-ordered.
        n_jobs : int or None, default=None
            Number of threads (joblib's meaning). The result does not depend on it.
        device : {"cpu", "cuda", "auto"}, default="cpu"

        Returns
        -------
        SA : ndarray of shape (n_components, d) or (n_components,)

        Raises
        ------
        ValueError
            If ``A`` has another number of rows than the operator has columns, is empty, or holds NaN or infinity.
        TypeError
            If ``A`` is on a GPU and ``device`` is not.
        """
        with naming("A"):
            vector = not scipy.sparse.issparse(A) and np.ndim(A) == 1
        A = check_rows(A, allow_complex=True, allow_vector=True, check_finite=False, device=device)
        if A.shape[0] != self.shape[1]:
            raise ValueError(f"A must have {self.shape[1]} rows, as the sketch has columns; got {A.shape[0]}")
        out = np.zeros((self.shape[0], A.shape[1]), dtype=A.dtype)
        self._add(A, out, 0, n_jobs, device)
        out *= self._scale
        # Every row of A reaches the sketch, so it shows what A contains, at no pass over A.
        if not np.isfinite(out).all():
            check_rows(A, allow_complex=True, device=device)
        return out[:, 0] if vector else out

    def accumulate(self, A, out, *, row_offset=0, n_jobs=None, device="cpu"):
        """Add ``S[:, row_offset : row_offset + len(A)] @ A`` to ``out`` in place: the streaming primitive.

        Any division of the rows into pieces gives the same sum up to rounding.

        Parameters
        ----------
        A : array-like or CSR matrix of shape (rows, d)
            Some of the rows that are sketched. Not checked for NaN. An array on a GPU as in ``sketch``.
        out : ndarray of shape (n_components, d), C-ordered, of the dtype of ``A``
            With ``device="cuda"`` it may be an array on a GPU too.
        row_offset : int, default=0
            Index, among all rows, of the first row of ``A``.
        n_jobs, device
            As in ``sketch``.

        Returns
        -------
        out : ndarray
        """
        A = check_rows(A, allow_complex=True, check_finite=False, device=device)
        row_offset = check_integer("row_offset", row_offset, minimum=0)
        if row_offset + A.shape[0] > self.shape[1]:
            raise ValueError(
                f"rows {row_offset} to {row_offset + A.shape[0] - 1} are beyond the {self.shape[1]} rows of the sketch"
            )
        resolve_device(device)
        if not isinstance(out, np.ndarray) and not is_cuda_array(out):
            raise TypeError(f"out must be an array, to be added to in place; got {type(out).__name__}")
        cuda = import_module("sparsesci._core.cuda") if is_cuda_array(out) else None
        target = cuda.check_device_out(out, device) if cuda else out
        if target.shape != (self.shape[0], A.shape[1]) or target.dtype != A.dtype:
            raise ValueError(
                f"out must have shape {(self.shape[0], A.shape[1])} and dtype {A.dtype}; "
                f"got {target.shape} and {target.dtype}"
            )
        total = np.zeros(target.shape, dtype=target.dtype)
        self._add(A, total, row_offset, n_jobs, device)
        total *= self._scale
        if cuda:
            cuda.add_host_array(total, target)
        else:
            out += total
        return out

    def _add(self, A, total, row_offset, n_jobs, device):
        """total += S[:, row_offset : row_offset + len(A)] @ A / _scale."""
        effective_n_jobs(n_jobs)
        if scipy.sparse.issparse(A):
            self._accumulate(A, total, row_offset, n_jobs, device)
        elif is_cuda_array(A):
            cuda = import_module("sparsesci._core.cuda")
            self._accumulate(cuda.real_view(A), total.view(total.real.dtype), row_offset, n_jobs, device)
        else:
            # A complex array is a real one with twice the columns, and S is real.
            real = total.view(total.real.dtype)
            for start, rows in row_chunks(A):
                rows = kernel_view(rows.view(real.dtype))
                self._accumulate(rows, real, row_offset + start, n_jobs, device)

    @property
    def _scale(self):
        """The factor that makes E[S^T S] = I from kernels whose entries are of order one."""
        raise TypeError(f"{type(self).__name__} does not say its scale")

    def _extended(self, n_rows):
        """Return the sketch of ``n_rows`` rows that agrees with this one on its own, fewer rows."""
        extended = copy.copy(self)
        extended.shape = (self.shape[0], n_rows)
        return extended

    def _matvec(self, x):
        return self._matmat(np.asarray(x).reshape(-1))

    def _matmat(self, X):
        product = self.sketch(X)
        return product.astype(np.result_type(self.dtype, product.dtype), copy=False)

    def _rmatvec(self, y):
        return self._transposed_product(np.asarray(y).reshape(-1))

    def todense(self):
        """Return S as an array of shape (n_components, n_rows)."""
        m, n = self.shape
        dense = np.empty((m, n), dtype=self.dtype)
        for start in range(0, n, _IDENTITY_ROWS):
            identity = np.eye(min(_IDENTITY_ROWS, n - start), dtype=self.dtype)
            columns = np.zeros((m, len(identity)), dtype=self.dtype)
            dense[:, start : start + len(identity)] = self.accumulate(identity, columns, row_offset=start)
        return dense

    def __repr__(self):
        return f"{type(self).__name__}(n_components={self.shape[0]}, n_rows={self.shape[1]})"


def _sketch_classes():
    from sparsesci.sketching._gaussian import GaussianSketch
    from sparsesci.sketching._sparse_sign import CountSketch, SparseSignSketch
    from sparsesci.sketching._srht import SRHTSketch
    from sparsesci.sketching._tensor import TensorSketch, TensorSRHTSketch

    return MappingProxyType(
        {
            "srht": SRHTSketch,
            "gaussian": GaussianSketch,
            "sparse_sign": SparseSignSketch,
            "countsketch": CountSketch,
            "tensor_srht": TensorSRHTSketch,
            "tensor_sketch": TensorSketch,
        }
    )


def make_sketch(kind, n_components, n_rows, *, random_state=None, dtype=float, **opts):
    """Return a sketching operator by name.

    Parameters
    ----------
    kind : {"srht", "gaussian", "sparse_sign", "countsketch", "tensor_srht", "tensor_sketch"}
    n_components : int
        Number of rows of the sketch.
    n_rows : int or tuple of int
        Number of rows that are sketched; for the two tensor kinds the numbers of rows of the factors.
    random_state : int, RandomState instance, Generator or None, default=None
    dtype : {float64, float32}, default=float
    **opts
        Further parameters of the operator's class, such as ``nnz_per_column`` of ``SparseSignSketch``.

    Returns
    -------
    S : LinearOperator of shape (n_components, n_rows)

    Raises
    ------
    ValueError
        If ``kind`` is unknown or a size is not valid.
    TypeError
        If the class does not know one of ``opts``.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sketching import make_sketch
    >>> S = make_sketch("srht", 8, 64, random_state=0)
    >>> (S @ np.ones(64)).shape
    (8,)
    """
    classes = _sketch_classes()
    check_option("kind", kind, tuple(classes))
    return classes[kind](n_components, n_rows, random_state=random_state, dtype=dtype, **opts)


def sketch(A, n_components, *, kind="srht", random_state=None, n_jobs=None, device="cpu"):
    """Return ``S @ A`` for a random S of shape (n_components, n), in one pass over ``A``.

    Parameters
    ----------
    A : array-like or sparse matrix of shape (n, d)
        Real or complex; with ``device="cuda"`` also an array on a GPU (``__cuda_array_interface__``).
    n_components : int
        Number of rows of the sketch.
    kind : {"srht", "gaussian", "sparse_sign", "countsketch"}, default="srht"
    random_state : int, RandomState instance, Generator or None, default=None
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"

    Returns
    -------
    SA : ndarray of shape (n_components, d)

    Raises
    ------
    ValueError
        If ``A`` is empty or holds NaN or infinity, or if an option is not valid.

    Notes
    -----
    Time O(n d log n_components) for the SRHT, O(nnz(A)) for CountSketch, eight times that for the sparse sign
    embedding, O(n d n_components) for the Gaussian sketch; memory O(n_components d).

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sketching import sketch
    >>> A = np.arange(2000.0).reshape(1000, 2)
    >>> SA = sketch(A, 64, random_state=0)
    >>> SA.shape
    (64, 2)
    """
    check_option("kind", kind, ("srht", "gaussian", "sparse_sign", "countsketch"))
    A = check_rows(A, allow_complex=True, check_finite=False, device=device)
    S = make_sketch(kind, n_components, A.shape[0], random_state=random_state)
    return S.sketch(A, n_jobs=n_jobs, device=device)
