"""Fast Walsh-Hadamard transform."""

from importlib import import_module

import numpy as np

from sparsesci._core.arrays import kernel_view
from sparsesci._core.device import is_cuda_array
from sparsesci._core.validation import check_flag, check_integer, check_option
from sparsesci.sketching import _fwht_kernels

_NATIVE = ("float32", "float64", "complex64", "complex128", "int64")


def fwht(x, axis=-1, *, norm=None, order="natural", overwrite_x=False, workers=None):
    """Fast Walsh-Hadamard transform along one axis.

    Multiplies every vector along ``axis`` by the Hadamard matrix H of order n, H[i, j] = (-1)**popcount(i & j).

    Parameters
    ----------
    x : array-like of shape (..., n, ...)
        n must be a power of two. float32, float64, complex64, complex128 and int64 keep their type; smaller integers and
        booleans become int64, for which the transform is exact while no sum exceeds 63 bits. An array on a GPU
        (``__cuda_array_interface__``) is transformed there.
    axis : int, default=-1
    norm : {None, "ortho"}, default=None
        "ortho" divides by sqrt(n), which makes the transform orthogonal and its own inverse.
    order : {"natural", "sequency"}, default="natural"
        "sequency" sorts the outputs by number of sign changes (Walsh order).
    overwrite_x : bool, default=False
        Whether the memory of ``x`` may be used for the result. It is when ``x`` is a C-ordered array of one of the types
        above.
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
    if is_cuda_array(x):
        cuda_kernels = import_module("sparsesci.sketching._fwht_cuda")
        return cuda_kernels.fwht_device_array(x, axis, norm, order, overwrite_x)
    given = x
    x = _as_transformable(x)
    axis = _check_axis(x, axis)
    n = x.shape[axis]
    if norm == "ortho" and x.dtype.kind == "i":
        x = x.astype(np.float64)
    reuse = overwrite_x and x.flags.c_contiguous and x.flags.writeable
    fresh = (
        x is not given and not np.shares_memory(x, given) if isinstance(given, np.ndarray) else True
    )
    y = x if reuse or (fresh and x.flags.c_contiguous) else np.array(x, order="C", copy=True)
    _transform(y, axis, workers)
    if norm == "ortho":
        y *= y.real.dtype.type(1.0 / np.sqrt(n))
    return y if order == "natural" else np.take(y, sequency_order(n), axis=axis)


def _as_transformable(x):
    x = np.asarray(x)
    if x.dtype.kind in "bui" and x.dtype != np.int64:
        return x.astype(np.int64)
    if x.dtype.kind == "f" and x.dtype.name not in _NATIVE:
        return x.astype(np.float64)
    if x.dtype.name not in _NATIVE:
        raise TypeError(f"x must be a numeric array; got dtype {x.dtype}")
    return x


def _check_axis(x, axis):
    if x.ndim == 0:
        raise ValueError("x must have at least one dimension; got a scalar")
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"axis must be between {-x.ndim} and {x.ndim - 1}; got {axis}")
    n = x.shape[axis]
    if n == 0:
        raise ValueError(f"x must not be empty along axis {axis}; got shape {x.shape}")
    if n & (n - 1):
        raise ValueError(
            f"x must have a power of two as length along axis {axis}; got {n}. "
            f"Pad it with zeros to {1 << n.bit_length()}."
        )
    return axis % x.ndim


def _transform(y, axis, workers):
    shape = (
        int(np.prod(y.shape[:axis], dtype=np.int64)),
        y.shape[axis],
        int(np.prod(y.shape[axis + 1 :], dtype=np.int64)),
    )
    if y.dtype.kind == "c":
        # Real and imaginary parts are transformed alike: one more trailing axis of length two.
        real = y.reshape(shape + (1,)).view(y.real.dtype).reshape(shape[0], shape[1], -1)
    else:
        real = y.reshape(shape)
    _fwht_kernels.fwht_inplace(kernel_view(real), workers)


def sequency_order(n):
    """Return the row numbers of the natural Hadamard matrix of order ``n`` by number of sign changes."""
    bits = n.bit_length() - 1
    i = np.arange(n)
    gray = i ^ (i >> 1)
    reversed_bits = np.zeros(n, dtype=np.int64)
    for b in range(bits):
        reversed_bits |= ((gray >> b) & 1) << (bits - 1 - b)
    return reversed_bits
