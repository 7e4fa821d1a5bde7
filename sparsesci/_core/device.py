"""Where a computation runs: "cpu", "cuda" or "auto"."""

from importlib import import_module

from sparsesci._core.validation import check_option

_DEVICES = ("cpu", "cuda", "auto")


def resolve_device(device):
    """Return "cpu" or "cuda" for ``device`` in {"cpu", "cuda", "auto"}.

    Raises
    ------
    ValueError
        If ``device`` is none of the three.
    RuntimeError
        If ``device="cuda"`` and no GPU can be used; the message says what is missing.
    """
    check_option("device", device, _DEVICES)
    if device == "cpu":
        return "cpu"
    problem = cuda_problem()
    if problem is None:
        return "cuda"
    if device == "auto":
        return "cpu"
    raise RuntimeError(
        f"device='cuda' cannot be used: {problem}. Install a CUDA driver and `pip install sparsesci[cuda]`, or use "
        "device='cpu' or device='auto'."
    )


def cuda_problem():
    """Return None where numba.cuda can run kernels, otherwise a sentence that says why it cannot."""
    try:
        from numba import cuda
    except ImportError as error:
        return f"numba.cuda cannot be imported ({error})"
    if cuda.is_available():
        return None
    reason = getattr(cuda, "cuda_error", lambda: None)()
    return f"no usable CUDA device ({reason})" if reason else "no usable CUDA device"


def twin(kernels, device):
    """Return the module of launchers for ``device``: ``kernels`` itself or its CUDA twin.

    Parameters
    ----------
    kernels : module
        A CPU module named ``..._kernels``; its twin is named ``..._cuda`` and has launchers of the same names.
    device : {"cpu", "cuda", "auto"}
    """
    if resolve_device(device) == "cpu":
        return kernels
    return import_module(kernels.__name__.removesuffix("_kernels") + "_cuda")


def is_cuda_array(array):
    """Return whether ``array`` lives on a GPU and says so through ``__cuda_array_interface__``.

    Numba's own arrays have a second mark, the only one of those that its simulator makes.
    """
    return hasattr(array, "__cuda_array_interface__") or getattr(array, "__cuda_ndarray__", False) is True
