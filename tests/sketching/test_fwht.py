"""The public Walsh-Hadamard transform, against the matrix and its identities."""

import array

import numpy as np
import pandas as pd
import pytest
import scipy.linalg

from sparsesci.sketching import fwht
from tests.reference import sketching as reference

TYPES = ("float32", "float64", "complex64", "complex128", "int64")
SIZES = tuple(2**p for p in range(11))


def random_array(shape, dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    dtype = np.dtype(dtype)
    if dtype.kind == "i":
        return rng.integers(-100, 101, shape).astype(dtype)
    x = rng.standard_normal(shape)
    if dtype.kind == "c":
        x = x + 1j * rng.standard_normal(shape)
    return x.astype(dtype)


def tolerance(dtype, n):
    """Return a bound on the rounding error of log2(n) additions of numbers of size 1."""
    dtype = np.dtype(dtype)
    return 0.0 if dtype.kind == "i" else 4 * np.finfo(dtype).eps * np.sqrt(n) * (1 + np.log2(n))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("n", SIZES)
def test_equals_product_with_hadamard_matrix(n, dtype):
    x = random_array((3, n), dtype)
    y = fwht(x)
    assert y.dtype == x.dtype
    np.testing.assert_allclose(y, x @ scipy.linalg.hadamard(n, dtype=int), rtol=0, atol=tolerance(dtype, n))


def test_reference_agrees_with_scipy():
    assert np.array_equal(reference.hadamard(64), scipy.linalg.hadamard(64))


@pytest.mark.parametrize("shape", [(8,), (4, 16), (16, 4), (2, 32, 3), (64, 1, 5), (2, 4, 8, 16)])
@pytest.mark.parametrize("dtype", TYPES)
def test_every_axis(shape, dtype):
    x = random_array(shape, dtype)
    for axis in range(-len(shape), len(shape)):
        n = shape[axis]
        if n & (n - 1):
            continue
        expected = np.moveaxis(np.moveaxis(x, axis, -1) @ scipy.linalg.hadamard(n, dtype=int), -1, axis)
        np.testing.assert_allclose(fwht(x, axis=axis), expected, rtol=0, atol=tolerance(dtype, n))


@pytest.mark.parametrize(("n", "inner"), [(1 << 17, 1), (1 << 14, 3), (4096, 40), (2, 70000), (1 << 16, 2)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "int64"])
def test_transforms_that_do_not_fit_in_cache(n, inner, dtype):
    """Sizes that take the second pass over panels, checked by factors: H_n is the product of H_a and H_b."""
    x = random_array((n, inner), dtype)
    a = 1 << (n.bit_length() // 2)
    half = np.tensordot(scipy.linalg.hadamard(a, dtype=int), x.reshape(a, n // a, inner), axes=(1, 0))
    expected = np.tensordot(scipy.linalg.hadamard(n // a, dtype=int), half, axes=(1, 1)).transpose(1, 0, 2)
    np.testing.assert_allclose(
        fwht(x, axis=0), expected.reshape(n, inner), rtol=0, atol=tolerance(dtype, n) if dtype != "int64" else 0
    )


def test_single_elements_of_a_long_transform():
    n = 1 << 20
    x = random_array(n)
    y = fwht(x)
    j = np.arange(n)
    for i in np.random.default_rng(1).integers(0, n, 12):
        signs = 1.0 - 2.0 * (np.array([bin(v).count("1") & 1 for v in range(1024)])[(i & j) & 1023])
        signs *= 1.0 - 2.0 * (np.array([bin(v).count("1") & 1 for v in range(1024)])[((i & j) >> 10) & 1023])
        assert abs(y[i] - x @ signs) < 1e-9 * np.sqrt(n)


@pytest.mark.parametrize("n", [1, 2, 16, 512, 1 << 15, 1 << 18])
def test_involution_and_isometry(n):
    x = random_array((2, n))
    np.testing.assert_allclose(fwht(fwht(x)) / n, x, rtol=0, atol=1e-13 * (1 + np.log2(n)))
    y = fwht(x, norm="ortho")
    np.testing.assert_allclose(np.linalg.norm(y, axis=1), np.linalg.norm(x, axis=1), rtol=1e-13)
    np.testing.assert_allclose(y * np.sqrt(n), fwht(x), rtol=1e-13, atol=1e-13 * np.sqrt(n))
    np.testing.assert_allclose(fwht(y, norm="ortho"), x, rtol=0, atol=1e-14 * (1 + np.log2(n)))


def test_delta_and_constant():
    delta = np.zeros(256)
    delta[0] = 1
    assert np.array_equal(fwht(delta), np.ones(256))
    assert np.array_equal(fwht(np.ones(256)), 256 * delta)


def test_dyadic_convolution():
    n = 64
    x, y = random_array((2, n), seed=3)
    convolved = [sum(x[j] * y[i ^ j] for j in range(n)) for i in range(n)]
    np.testing.assert_allclose(fwht(convolved), fwht(x) * fwht(y), rtol=0, atol=1e-12 * n)


@pytest.mark.parametrize("n", [1, 2, 8, 64, 1024])
def test_sequency_order(n):
    x = random_array(n)
    if n <= 64:
        np.testing.assert_allclose(fwht(x, order="sequency"), reference.sequency_hadamard(n) @ x, atol=1e-12)
    rows = fwht(np.eye(n), order="sequency", axis=0)
    assert np.array_equal((np.diff(rows, axis=1) != 0).sum(axis=1), np.arange(n))


def test_sequency_order_along_an_inner_axis():
    x = random_array((3, 16, 5))
    expected = np.einsum("ij,ajb->aib", reference.sequency_hadamard(16), x)
    np.testing.assert_allclose(fwht(x, axis=1, order="sequency"), expected, atol=1e-12)


def test_integers_are_exact():
    x = np.random.default_rng(0).integers(-(2**40), 2**40, 1 << 12)
    assert fwht(fwht(x)).tolist() == (x * (1 << 12)).tolist()


@pytest.mark.parametrize("dtype", [bool, "int8", "uint16", "int32", "uint32"])
def test_small_integers_become_int64(dtype):
    x = np.random.default_rng(0).integers(0, 2, 32).astype(dtype)
    y = fwht(x)
    assert y.dtype == np.int64
    assert np.array_equal(y, scipy.linalg.hadamard(32) @ x.astype(np.int64))
    assert fwht(x, norm="ortho").dtype == np.float64


@pytest.mark.parametrize("dtype", [">f8", ">c8", ">i8", "float16", "longdouble"])
def test_other_types_are_converted(dtype):
    x = np.random.default_rng(0).integers(-4, 5, 16).astype(dtype)
    y = fwht(x)
    assert y.dtype in (np.float64, np.complex64, np.int64)
    assert np.array_equal(y, scipy.linalg.hadamard(16) @ x.astype(y.dtype))


LAYOUTS = {
    "C": lambda x: x.copy(),
    "Fortran": np.asfortranarray,
    "strided": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "reversed": lambda x: x[..., ::-1].copy()[..., ::-1],
    "unaligned": lambda x: np.frombuffer(b"\0" + x.tobytes(), dtype=x.dtype, offset=1).reshape(x.shape),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("overwrite", [False, True])
def test_layouts(layout, overwrite):
    x = random_array((8, 32))
    given = LAYOUTS[layout](x)
    np.testing.assert_allclose(fwht(given, overwrite_x=overwrite), fwht(x), rtol=1e-14)
    if not overwrite:
        assert np.array_equal(given, x)


def test_overwriting_uses_the_memory_of_x():
    x = random_array((4, 64))
    expected = fwht(x)
    y = fwht(x, overwrite_x=True)
    assert np.shares_memory(x, y)
    assert np.array_equal(y, expected)


@pytest.mark.parametrize(
    "own",
    [
        lambda: np.arange(8.0),
        lambda: pd.Series(np.arange(8.0)),
        lambda: array.array("d", range(8)),
        lambda: memoryview(array.array("d", range(8))),
        lambda: np.arange(8),
        lambda: np.arange(8.0).reshape(2, 4),
    ],
)
def test_the_callers_data_are_not_changed(own):
    x, expected = own(), np.asarray(own())
    fwht(x)
    fwht(x, norm="ortho", order="sequency")
    assert np.array_equal(np.asarray(x), expected)


def test_read_only_input():
    x = random_array(64)
    x.flags.writeable = False
    y = fwht(x, overwrite_x=True)
    assert not np.shares_memory(x, y)
    assert np.array_equal(y, fwht(x.copy()))


@pytest.mark.parametrize("shape", [(1 << 18,), (512, 1024), (1 << 12, 64)])
def test_every_number_of_workers_gives_the_same_bits(shape):
    x = random_array(shape)
    expected = fwht(x, axis=0)
    for workers in (1, 2, 7, -1):
        assert np.array_equal(fwht(x, axis=0, workers=workers), expected)


def test_nan_and_infinity_propagate():
    x = np.ones(128)
    x[5] = np.nan
    assert np.isnan(fwht(x)).all()
    x[5] = np.inf
    assert np.isinf(fwht(x)).all()


def test_empty_batch():
    assert fwht(np.empty((0, 8))).shape == (0, 8)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"x": np.ones(12)}, ValueError, "power of two.*16"),
        ({"x": np.ones((4, 6)), "axis": 1}, ValueError, "power of two"),
        ({"x": np.ones((4, 0))}, ValueError, "empty"),
        ({"x": 1.0}, ValueError, "dimension"),
        ({"x": np.ones(4), "axis": 1}, ValueError, "axis"),
        ({"x": np.ones(4), "axis": -2}, ValueError, "axis"),
        ({"x": np.ones(4), "axis": 0.5}, TypeError, "axis"),
        ({"x": np.ones(4), "norm": "forward"}, ValueError, "norm"),
        ({"x": np.ones(4), "order": "dyadic"}, ValueError, "order"),
        ({"x": np.ones(4), "overwrite_x": 1}, TypeError, "overwrite_x"),
        ({"x": np.ones(4), "workers": 0}, ValueError, "workers"),
        ({"x": ["a", "b"]}, TypeError, "numeric"),
        ({"x": np.array([1, None], dtype=object)}, TypeError, "numeric"),
        ({"x": np.array(["2020-01-01"] * 2, dtype="M8[D]")}, TypeError, "numeric"),
    ],
)
def test_bad_input(arguments, error, message):
    with pytest.raises(error, match=message):
        fwht(**arguments)
