"""Taking arrays in: dtype and layout for kernels, without silent copies of large inputs."""

from importlib import import_module

import numpy as np
import scipy.sparse
from sklearn.utils import check_array

from sparsesci._core.device import is_cuda_array, resolve_device
from sparsesci._core.validation import naming

_FLOATS = (np.float64, np.float32)
_COPY_BYTES = 1 << 22


def check_rows(A, *, name="A", allow_complex=False, allow_vector=False, check_finite=True, device="cpu"):
    """Return ``A`` as a 2-d float array or CSR matrix, in scikit-learn's way of checking.

    Parameters
    ----------
    A : array-like or sparse matrix of shape (n, d)
        float32 and float64 (and complex where allowed) stay as they are, anything else becomes float64. Fortran-ordered
        and strided arrays are not copied.
    name : str
        The parameter's name, for messages.
    allow_complex : bool
        Whether complex64 and complex128 are taken.
    allow_vector : bool
        Whether a 1-d array is taken; it is returned as one column.
    check_finite : bool
        Whether NaN and infinity are refused here.
    device : {"cpu", "cuda", "auto"}
        Where ``A`` is going to be used. An array on a GPU is taken, and returned as a Numba device array, where that
        is a GPU.

    Raises
    ------
    ValueError, TypeError
        As scikit-learn's ``check_array``; TypeError for complex data where they are not defined, and for an array on a
        GPU that is to be used on the CPU.
    """
    if is_cuda_array(A):
        if resolve_device(device) == "cpu":
            raise TypeError(f"{name} is on a GPU: copy it to the host, or pass device='cuda' where that is offered")
        cuda = import_module("sparsesci._core.cuda")
        return cuda.check_device_rows(A, name, allow_complex, allow_vector, check_finite)
    with naming(name):
        return _check_rows(A, name, allow_complex, allow_vector, check_finite)


def _check_rows(A, name, allow_complex, allow_vector, check_finite):
    if allow_vector and not scipy.sparse.issparse(A) and np.ndim(A) == 1:
        A = np.asarray(A).reshape(-1, 1)
    if _is_complex(A):
        if not allow_complex:
            raise TypeError(f"{name} must be real; complex data are not supported")
        return _check_complex(A, name, check_finite)
    if getattr(getattr(A, "dtype", None), "kind", None) in ("m", "M"):
        raise TypeError(f"{name} must be numeric; got dtype {A.dtype}")
    return check_array(
        A,
        accept_sparse="csr",
        dtype=list(_FLOATS),
        ensure_all_finite=check_finite,
        input_name=name,
    )


def _check_complex(A, name, check_finite):
    array = np.asarray(A)
    if array.ndim != 2:
        raise ValueError(f"{name} must be 2-d; got {array.ndim} dimension(s)")
    if array.size == 0:
        raise ValueError(f"{name} must not be empty; got shape {array.shape}")
    if check_finite and not np.isfinite(array).all():
        raise ValueError(f"Input {name} contains NaN or infinity.")
    return array if array.dtype in (np.complex128, np.complex64) else array.astype(np.complex128)


def _is_complex(A):
    dtype = getattr(A, "dtype", None)
    if dtype is None or not hasattr(dtype, "kind"):
        return not hasattr(A, "columns") and np.asarray(A).dtype.kind == "c"
    return dtype.kind == "c"


def kernel_view(array):
    """Return ``array`` as kernels want it: plain, aligned, native and typed as writeable, without a copy if possible.

    Numba compiles a kernel once more for read-only arrays; kernels never write to their inputs, so one version is
    enough.
    """
    array = np.asarray(array)
    if not (array.flags.aligned and array.dtype.isnative):
        array = np.require(array, dtype=array.dtype.newbyteorder("="), requirements="A")
    if array.flags.writeable:
        return array
    return np.asarray(_Writeable(array))


class _Writeable:
    """Presents a read-only array's memory through the array interface as writeable, keeping the array alive."""

    def __init__(self, array):
        self._array = array
        self.__array_interface__ = {
            **array.__array_interface__,
            "data": (array.__array_interface__["data"][0], False),
        }


def row_chunks(A):
    """Yield (start, rows) with C-ordered pieces of the dense array ``A``; all of it at once if it is C-ordered."""
    if A.flags.c_contiguous:
        yield 0, A
        return
    step = max(1, _COPY_BYTES // max(1, A.shape[1] * A.itemsize))
    for start in range(0, A.shape[0], step):
        yield start, np.ascontiguousarray(A[start : start + step])
