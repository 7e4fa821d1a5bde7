"""Fast Walsh-Hadamard transform."""

import math
from importlib import import_module

import numpy as np

from sparsesci._core.device import is_cuda_array
from sparsesci._core.threads import effective_n_jobs
from sparsesci._core.validation import check_flag, check_integer, check_option, naming
from sparsesci.sketching import _fwht_kernels

_NATIVE = ("float32", "float64", "complex64", "complex128")


def fwht(x, axis=-1, *, norm=None, order="natural", overwrite_x=False, workers=None):
    """Fast Walsh-Hadamard transform along one axis.

    Multiplies every vector along ``axis`` by the Hadamard matrix H of order n, H[i, j] = (-1)**popcount(i & j).

    Parameters
    ----------
    x : array-like of shape (..., n, ...)
        n must be a power of two. float32, float64, complex64, complex128 and int64 keep their type; other integers
        and booleans become int64, for which the transform is exact while no sum exceeds 63 bits. An array on a GPU
        (``__cuda_array_interface__``) is transformed there.
    axis : int, default=-1
    norm : {None, "ortho"}, default=None
        "ortho" divides by sqrt(n), which makes the transform orthogonal and its own inverse.
    order : {"natural", "sequency"}, default="natural"
        "sequency" sorts the outputs by number of sign changes (Walsh order).
    overwrite_x : bool, default=False
        Whether the memory of ``x`` may be used for the result. It is when ``x`` is a C-ordered array of one of the
        types above.
    workers : int or None, default=None
        Number of threads, as ``n_jobs`` elsewhere. The result does not depend on it.

    Returns
    -------
    y : ndarray of the shape of ``x``

    Raises
    ------
    ValueError
        If n is not a power of two, ``x`` has no dimension or no element along ``axis``, ``axis`` is out of range or an
        option is unknown.
    TypeError
        If ``x`` is not numeric.

    Notes
    -----
    n log2(n) additions per vector, O(1) extra memory besides the result. ``fwht(fwht(x)) == n * x``. NaN and infinity
    propagate, as in ``scipy.fft``.

    References
    ----------
    B. J. Fino, V. R. Algazi, "Unified matrix treatment of the fast Walsh-Hadamard transform", IEEE Transactions on
    Computers C-25, 1976.

    Examples
    --------
    >>> from sparsesci.sketching import fwht
    >>> fwht([1, 0, 0, 0])
    array([1, 1, 1, 1])
    >>> fwht([1.0, 2.0, 3.0, 4.0], order="sequency")
    array([10., -4.,  0., -2.])
    """
    check_option("norm", norm, (None, "ortho"))
    check_option("order", order, ("natural", "sequency"))
    overwrite_x = check_flag("overwrite_x", overwrite_x)
    axis = check_integer("axis", axis)
    if workers is not None:
        effective_n_jobs(workers, name="workers")
    if is_cuda_array(x):
        cuda_kernels = import_module("sparsesci.sketching._fwht_cuda")
        return cuda_kernels.fwht_device_array(x, axis, norm, order, overwrite_x)
    x, fresh = _as_transformable(x, norm)
    axis = check_axis(x.shape, axis)
    n = x.shape[axis]
    reuse = (fresh or overwrite_x) and x.flags.c_contiguous and x.flags.writeable and x.flags.aligned
    y = x if reuse else np.array(x, order="C", copy=True)
    _transform(y, axis, workers)
    if norm == "ortho":
        y *= y.real.dtype.type(1.0 / np.sqrt(n))
    return y if order == "natural" else np.take(y, sequency_order(n), axis=axis)


def _as_transformable(x, norm):
    """Return ``x`` in a type that can be transformed, and whether its memory is ours."""
    with naming("x"):
        array = np.asarray(x)
    kind, name = array.dtype.kind, array.dtype.name
    if kind not in "buifc":
        raise TypeError(f"x must be a numeric array; got dtype {array.dtype}")
    if kind in "bui":
        target = np.int64 if norm is None else np.float64
    elif name in _NATIVE:
        target = array.dtype.newbyteorder("=")
    else:
        target = np.complex128 if kind == "c" else np.float64
    if array.dtype != target:
        return array.astype(target), True
    # Lists are copied; buffers (array.array, memoryview) are not, and __array__ may hand out its owner's array.
    return array, not isinstance(x, np.ndarray) and not hasattr(x, "__array__") and array.flags.owndata


def check_axis(shape, axis):
    """Return the number of ``axis``, from 0 on, of an array of ``shape`` that is to be transformed along it."""
    n_axes = len(shape)
    if n_axes == 0:
        raise ValueError("x must have at least one dimension; got a scalar")
    if not -n_axes <= axis < n_axes:
        raise ValueError(f"axis must be between {-n_axes} and {n_axes - 1}; got {axis}")
    n = shape[axis]
    if n == 0:
        raise ValueError(f"x must not be empty along axis {axis}; got shape {shape}")
    if n & (n - 1):
        raise ValueError(
            f"x must have a power of two as length along axis {axis}; got {n}. "
            f"Pad it with zeros to {1 << n.bit_length()}."
        )
    return axis % n_axes


def _transform(y, axis, workers):
    outer, n, inner = math.prod(y.shape[:axis]), y.shape[axis], math.prod(y.shape[axis + 1 :])
    if y.dtype.kind == "c":
        # Real and imaginary parts are transformed alike: one more trailing axis of length two.
        y, inner = y.reshape(-1).view(y.real.dtype), 2 * inner
    _fwht_kernels.fwht_inplace(y.reshape(outer, n, inner), workers)


def sequency_order(n):
    """Return the row numbers of the natural Hadamard matrix of order ``n`` by number of sign changes."""
    bits = n.bit_length() - 1
    i = np.arange(n)
    gray = i ^ (i >> 1)
    reversed_bits = np.zeros(n, dtype=np.int64)
    for b in range(bits):
        reversed_bits |= ((gray >> b) & 1) << (bits - 1 - b)
    return reversed_bits
