"""Which device a computation runs on, and what is said where it cannot."""

import builtins
import sys
import types

import numba.cuda
import pytest

from sparsesci._core import device
from sparsesci._core.device import cuda_problem, is_cuda_array, resolve_device, twin


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(numba.cuda, "is_available", lambda: False)


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.setattr(numba.cuda, "is_available", lambda: True)


@pytest.fixture
def no_cuda_module(monkeypatch):
    real_import = builtins.__import__

    def refuse(name, globals=None, locals=None, fromlist=(), level=0):
        if name == "numba" and fromlist and "cuda" in fromlist:
            raise ImportError("no CUDA in this build")
        return real_import(name, globals, locals, fromlist, level)

    monkeypatch.setattr(builtins, "__import__", refuse)


def test_cpu_never_asks_for_a_gpu(monkeypatch):
    monkeypatch.setattr(device, "cuda_problem", lambda: pytest.fail("asked"))
    assert resolve_device("cpu") == "cpu"


@pytest.mark.usefixtures("gpu")
def test_with_a_gpu():
    assert cuda_problem() is None
    assert resolve_device("cuda") == resolve_device("auto") == "cuda"


@pytest.mark.usefixtures("no_gpu")
def test_auto_falls_back_silently(recwarn, capfd):
    assert resolve_device("auto") == "cpu"
    assert not recwarn.list
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("no_gpu")
def test_cuda_without_a_gpu_says_what_to_do():
    with pytest.raises(RuntimeError) as info:
        resolve_device("cuda")
    message = str(info.value)
    assert "device='cuda' cannot be used: no usable CUDA device" in message
    assert "pip install sparsesci[cuda]" in message
    assert "device='cpu'" in message
    assert "device='auto'" in message


@pytest.mark.usefixtures("no_cuda_module")
def test_numba_without_cuda():
    assert resolve_device("auto") == "cpu"
    with pytest.raises(RuntimeError, match=r"numba.cuda cannot be imported \(no CUDA in this build\)"):
        resolve_device("cuda")


@pytest.mark.parametrize("value", ["gpu", "CUDA", "", None, 0, True, ["cpu"]])
def test_unknown_devices(value):
    with pytest.raises(ValueError, match=r"device must be one of 'cpu', 'cuda', 'auto'; got "):
        resolve_device(value)


@pytest.fixture
def twins(monkeypatch):
    kernels = types.ModuleType("sparsesci._imaginary_kernels")
    cuda = types.ModuleType("sparsesci._imaginary_cuda")
    monkeypatch.setitem(sys.modules, cuda.__name__, cuda)
    return kernels, cuda


@pytest.mark.usefixtures("gpu")
def test_twin_with_a_gpu(twins):
    kernels, cuda = twins
    assert twin(kernels, "cpu") is kernels
    assert twin(kernels, "cuda") is cuda
    assert twin(kernels, "auto") is cuda


@pytest.mark.usefixtures("no_gpu")
def test_twin_without_a_gpu(twins):
    kernels, _ = twins
    assert twin(kernels, "auto") is kernels
    with pytest.raises(RuntimeError, match="device='cuda' cannot be used"):
        twin(kernels, "cuda")


def test_cuda_arrays_say_so_themselves():
    assert is_cuda_array(types.SimpleNamespace(__cuda_array_interface__={"version": 3}))
    assert not is_cuda_array([1.0])
    assert not is_cuda_array(None)
