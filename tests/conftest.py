"""What all tests share: where CUDA kernels can run, and a plotting backend that needs no display."""

import os

import pytest

os.environ.setdefault("MPLBACKEND", "Agg")


def cuda_reason():
    """Return why CUDA kernels cannot run in this process, or None where they can."""
    from numba import cuda

    if os.environ.get("NUMBA_ENABLE_CUDASIM") == "1" or cuda.is_available():
        return None
    return "needs a CUDA GPU, or NUMBA_ENABLE_CUDASIM=1 for Numba's simulator"


def pytest_collection_modifyitems(items):
    marked = [item for item in items if item.get_closest_marker("cuda")]
    reason = cuda_reason() if marked else None
    if reason:
        for item in marked:
            item.add_marker(pytest.mark.skip(reason=reason))
