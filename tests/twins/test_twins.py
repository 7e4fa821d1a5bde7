"""CPU kernels and their CUDA twins: the same names and signatures, the same results, and PTX for real devices."""

import importlib
import importlib.util
import inspect
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.helpers import PACKAGE
from tests.twins.cases import CASES, DEVICE_ONLY, SIGNATURES

ROOT = Path(PACKAGE).parent
CAPABILITIES = [(8, 0), (9, 0)]


def modules_like(pattern):
    """Return the dotted names of the package's modules whose path matches."""
    return sorted(".".join(path.relative_to(ROOT).with_suffix("").parts) for path in Path(PACKAGE).rglob(pattern))


TWINS = modules_like("_*_cuda.py")
WITH_KERNELS = modules_like("*cuda.py")


def launchers(module):
    """Return the public plain functions that a module defines, by name."""
    return {
        name: value
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    }


def kernels_of(cuda_module):
    """Return the CPU twin of a CUDA module."""
    return importlib.import_module(cuda_module.removesuffix("_cuda") + "_kernels")


def parameters(function):
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


def test_twins_were_found():
    assert "sparsesci.sketching._srht_cuda" in TWINS


@pytest.mark.parametrize("name", TWINS)
def test_launchers_agree_in_names_and_signatures(name):
    cpu, gpu = launchers(kernels_of(name)), launchers(importlib.import_module(name))
    device_only = set(DEVICE_ONLY.get(name, {}))
    assert cpu, "a twin has launchers"
    assert device_only <= set(gpu)
    assert set(cpu) == set(gpu) - device_only
    for launcher in cpu:
        assert parameters(cpu[launcher]) == parameters(gpu[launcher]), launcher
        assert inspect.getdoc(gpu[launcher]), f"{launcher} has no docstring"


@pytest.mark.parametrize("name", TWINS)
def test_every_launcher_has_cases(name):
    described = set(CASES.get(name, {})) | set(DEVICE_ONLY.get(name, {}))
    assert described == set(launchers(importlib.import_module(name))), "describe calls below tests/twins/registered/"
    assert all(CASES[name].values())


def test_no_cases_of_modules_that_are_gone():
    assert set(CASES) == set(TWINS)
    assert set(SIGNATURES) <= set(WITH_KERNELS)


def results(launcher, arguments):
    """Call and return everything that the caller can see afterwards: arrays, and what is returned."""
    returned = launcher(**arguments)
    arrays = {name: value for name, value in arguments.items() if isinstance(value, np.ndarray)}
    if returned is not None:
        values = returned if isinstance(returned, tuple) else (returned,)
        arrays |= {f"returned {i}": value for i, value in enumerate(values)}
    return {name: value.copy_to_host() if hasattr(value, "copy_to_host") else value for name, value in arrays.items()}


def assert_agree(actual, expected, tolerance):
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        assert actual[name].dtype == value.dtype, name
        assert actual[name].shape == value.shape, name
        if tolerance:
            scale = np.abs(value).max()
            np.testing.assert_allclose(actual[name], value, rtol=0, atol=tolerance * scale, err_msg=name)
        else:
            np.testing.assert_array_equal(actual[name], value, err_msg=name)


PAIRS = [
    pytest.param(name, launcher, case, id=f"{launcher}-{case.label}")
    for name, described in CASES.items()
    for launcher, cases in described.items()
    for case in cases
]


TRIVIAL = "float64 (1, 1, 5)"  # transforms of length one


@pytest.mark.parametrize(("name", "launcher", "case"), PAIRS)
def test_cases_do_something(name, launcher, case):
    """On the CPU every case changes an array or returns one, and does so again."""
    function = launchers(kernels_of(name))[launcher]
    before = {key: value for key, value in case.arguments().items() if isinstance(value, np.ndarray)}
    first, second = results(function, case.arguments()), results(function, case.arguments())
    assert_agree(first, second, 0)
    if case.label != TRIVIAL:
        assert any(key not in before or not np.array_equal(value, before[key]) for key, value in first.items())


@pytest.mark.cuda
@pytest.mark.parametrize(("name", "launcher", "case"), PAIRS)
def test_twins_agree(name, launcher, case):
    gpu = launchers(importlib.import_module(name))[launcher]
    expected = results(launchers(kernels_of(name))[launcher], case.arguments())
    assert_agree(results(gpu, case.arguments()), expected, case.tolerance)


@pytest.mark.cuda
@pytest.mark.parametrize(("name", "launcher", "case"), PAIRS)
def test_twins_agree_on_device_arrays(name, launcher, case):
    """Arrays that lie on the device are taken as they are; those that a launcher writes to, in place."""
    from numba import cuda

    arguments = case.arguments()
    if not {"A", "x", "out"} & arguments.keys() or "indptr" in arguments:
        pytest.skip("takes host arrays")
    if not hasattr(cuda.to_device(np.zeros(1)), "__cuda_array_interface__"):
        pytest.skip("the simulator's arrays have no __cuda_array_interface__")
    moved = {"A", "x", "out"} & arguments.keys()
    on_device = {**arguments, **{key: cuda.to_device(arguments[key]) for key in moved}}
    launchers(importlib.import_module(name))[launcher](**on_device)
    expected = results(launchers(kernels_of(name))[launcher], case.arguments())
    actual = {key: on_device[key].copy_to_host() for key in moved}
    assert_agree(actual, {key: expected[key] for key in moved}, case.tolerance)


@pytest.mark.cuda
@pytest.mark.parametrize(
    ("name", "launcher", "case"),
    [
        pytest.param(name, launcher, case, id=f"{launcher}-{case.label}")
        for name, described in DEVICE_ONLY.items()
        for launcher, device_only in described.items()
        for case in device_only.cases
    ],
)
def test_functions_of_device_arrays(name, launcher, case):
    from numba import cuda

    arguments = case.arguments()
    expected = {"returned 0": DEVICE_ONLY[name][launcher].expected(**case.arguments())}
    given = cuda.to_device(arguments.pop("x"))
    before = given.copy_to_host()
    actual = results(launchers(importlib.import_module(name))[launcher], {"x": given, **arguments})
    assert_agree({"returned 0": actual["returned 0"]}, expected, 0 if arguments["norm"] is None else 1e-15)
    if not arguments["overwrite_x"]:
        np.testing.assert_array_equal(given.copy_to_host(), before)


# PTX


def cuda_kernels(name):
    """Return the CUDA kernels that a module defines, by name."""
    return {
        key: value
        for key, value in vars(importlib.import_module(name)).items()
        if type(value).__name__ in ("CUDADispatcher", "FakeCUDAKernel")
        and getattr(getattr(value, "py_func", None) or value.fn, "__module__", None) == name
    }


@pytest.mark.parametrize("name", WITH_KERNELS)
def test_every_kernel_has_signatures(name):
    assert set(SIGNATURES.get(name, {})) == set(cuda_kernels(name)), "describe kernels below tests/twins/registered/"
    assert all(SIGNATURES.get(name, {}).values())


def ptx_problem():
    """Return why nothing can be compiled to PTX here, or None."""
    if os.environ.get("NUMBA_ENABLE_CUDASIM") == "1":
        return "the simulator does not compile"
    if importlib.util.find_spec("numba_cuda") is None:
        return "needs numba-cuda: pip install sparsesci[cuda]"
    return None


@pytest.fixture(scope="session")
def compiler():
    problem = ptx_problem()
    if problem:
        pytest.skip(problem)


@pytest.fixture(params=CAPABILITIES, ids=["sm_80", "sm_90"])
def capability(request, compiler, monkeypatch):
    """A stand-in for the device, which is asked for its capability when a kernel calls ``@njit`` functions."""
    from numba.cuda import dispatcher

    device = SimpleNamespace(compute_capability=request.param)
    monkeypatch.setattr(dispatcher, "get_current_device", lambda: device)
    return request.param


@pytest.mark.parametrize(
    ("name", "kernel", "signature"),
    [
        pytest.param(name, kernel, signature, id=f"{kernel}-{signature}")
        for name, kernels in SIGNATURES.items()
        for kernel, signatures in kernels.items()
        for signature in signatures
    ],
)
def test_ptx(name, kernel, signature, capability):
    from numba import cuda
    from numba.core import sigutils

    function = cuda_kernels(name)[kernel].py_func
    arguments, _ = sigutils.normalize_signature(signature)
    ptx, returned = cuda.compile_ptx(function, arguments, cc=capability)
    assert f".target sm_{capability[0]}{capability[1]}" in ptx
    assert ".visible .entry" in ptx
    assert kernel in ptx
