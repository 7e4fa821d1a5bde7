"""Checks of parameters: what passes, what is refused, and what the message says."""

import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse

from sparsesci._core.arrays import check_rows, kernel_view, row_chunks
from sparsesci._core.validation import check_flag, check_integer, check_option, check_real


def refuses(exception, message):
    return pytest.raises(exception, match=f"^{re.escape(message)}$")


def test_option():
    assert check_option("kind", "a", ("a", "b")) == "a"
    assert check_option("norm", None, (None, "ortho")) is None
    with refuses(ValueError, "kind must be one of 'a', 'b'; got 'c'"):
        check_option("kind", "c", ("a", "b"))


@pytest.mark.parametrize("value", ["A", "", None, 0, 1.5, b"a", ["a"], {"a": 1}, np.array(["a", "b"])])
def test_option_refuses(value):
    with pytest.raises(ValueError, match="kind must be one of 'a', 'b'; got "):
        check_option("kind", value, ("a", "b"))


@pytest.mark.parametrize("value", [3, np.int8(3), np.uint64(3), np.int64(3)])
def test_integer(value):
    checked = check_integer("size", value, minimum=3, maximum=3)
    assert checked == 3
    assert type(checked) is int


@pytest.mark.parametrize("value", [2.0, np.float64(3), "3", None, True, np.True_, 1j, [3], np.array([1, 2])])
def test_integer_of_a_wrong_type(value):
    with pytest.raises(TypeError, match="size must be an integer; got "):
        check_integer("size", value)


def test_integer_out_of_range():
    with refuses(ValueError, "size must be at least 1; got 0"):
        check_integer("size", 0, minimum=1)
    with refuses(ValueError, "size must be at most 9; got 10"):
        check_integer("size", 10, minimum=1, maximum=9)
    with refuses(ValueError, f"size must be at most 9; got {10**30}"):
        check_integer("size", 10**30, maximum=9)


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.int64(2), Fraction(2)])
def test_real(value):
    checked = check_real("rtol", value, minimum=2, maximum=2)
    assert checked == 2.0
    assert type(checked) is float


@pytest.mark.parametrize("value", ["2", None, True, 2j, [2.0], np.array([2.0]), Decimal(2)])
def test_real_of_a_wrong_type(value):
    with pytest.raises(TypeError, match="rtol must be a real number; got "):
        check_real("rtol", value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, np.float32("nan")])
def test_real_refuses_nan_and_infinity(value):
    with pytest.raises(ValueError, match="rtol must be finite; got "):
        check_real("rtol", value, minimum=0)


def test_real_out_of_range():
    with refuses(ValueError, "rtol must be at least 0; got -1.0"):
        check_real("rtol", -1, minimum=0)
    with refuses(ValueError, "rtol must be greater than 0; got 0.0"):
        check_real("rtol", 0, minimum=0, exclusive=True)
    with refuses(ValueError, "level must be less than 1; got 1.0"):
        check_real("level", 1, minimum=0, maximum=1, exclusive=True)
    assert check_real("level", 0.5, minimum=0, maximum=1, exclusive=True) == 0.5


def test_flag():
    assert check_flag("overwrite_x", True) is True
    assert check_flag("overwrite_x", np.False_) is False


@pytest.mark.parametrize("value", [0, 1, "True", None, [True]])
def test_flag_refuses(value):
    with pytest.raises(TypeError, match="overwrite_x must be True or False; got "):
        check_flag("overwrite_x", value)


# Arrays


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_of_a_native_type_are_not_copied(dtype, order):
    A = np.ones((4, 3), dtype=dtype, order=order)
    assert check_rows(A) is A
    assert check_rows(A[::2, ::2]).base is A


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint16, bool, np.float16, object])
def test_rows_of_other_types_become_float64(dtype):
    A = check_rows(np.array([[1, 0], [1, 1]]).astype(dtype))
    assert A.dtype == np.float64
    assert A.tolist() == [[1, 0], [1, 1]]


def test_sparse_rows_become_csr():
    A = scipy.sparse.random(6, 4, density=0.5, format="coo", random_state=0)
    checked = check_rows(A)
    assert checked.format == "csr"
    np.testing.assert_array_equal(checked.toarray(), A.toarray())


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_complex_rows(dtype):
    A = np.full((2, 2), 1 + 2j, dtype=dtype)
    assert check_rows(A, allow_complex=True) is A
    with refuses(TypeError, "B must be real; complex data are not supported"):
        check_rows(A, name="B")


def test_vectors_become_one_column():
    assert check_rows([1.0, 2.0], allow_vector=True).shape == (2, 1)
    with pytest.raises(ValueError, match="vec"):
        check_rows([1.0, 2.0], name="vec")


def nan_in(A):
    A = np.array(A)
    A[0, 0] = np.nan
    return A


@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize(
    "spoil",
    [
        nan_in,
        lambda A: A * np.inf,
        lambda A: A[:0],
        lambda A: A[:, :0],
        lambda A: A[0],
        lambda A: A[None],
        lambda A: A[0, 0],
    ],
    ids=["nan", "inf", "no rows", "no columns", "1-d", "3-d", "0-d"],
)
def test_bad_rows_are_named(spoil, complex_):
    with np.errstate(invalid="ignore"):
        A = spoil(np.ones((3, 2)) * (1j if complex_ else 1))
    with pytest.raises(ValueError, match=r"\bmatrix_name\b"):
        check_rows(A, name="matrix_name", allow_complex=True)


@pytest.mark.parametrize("value", [None, "text", [["a", "b"]], [[1, 2], [3]], {"a": 1}, [[object()]]])
def test_what_is_no_array(value):
    with pytest.raises((TypeError, ValueError), match=r"\bmatrix_name\b"):
        check_rows(value, name="matrix_name")


@pytest.mark.parametrize("dtype", ["M8[D]", "m8[s]"])
def test_dates_are_no_numbers(dtype):
    with pytest.raises(TypeError, match="B must be numeric; got dtype "):
        check_rows(np.zeros((3, 2), dtype=dtype), name="B")


def test_kernel_view_shares_memory():
    A = np.arange(6.0).reshape(2, 3)
    assert kernel_view(A) is A
    A.flags.writeable = False
    view = kernel_view(A)
    assert view.flags.writeable
    assert np.shares_memory(view, A)
    np.testing.assert_array_equal(view, A)


@pytest.mark.parametrize("step", [(slice(None, None, 2), slice(None)), (slice(None), slice(None, None, -1))])
def test_kernel_view_of_strided_read_only_arrays(step):
    A = np.arange(24.0).reshape(4, 6)
    A.flags.writeable = False
    view = kernel_view(A[step])
    assert view.flags.writeable
    np.testing.assert_array_equal(view, A[step])


def test_kernel_view_keeps_the_memory_alive():
    A = np.arange(1000.0)
    A.flags.writeable = False
    view = kernel_view(A)
    del A
    junk = [np.zeros(1000) for _ in range(50)]
    assert len(junk) == 50
    np.testing.assert_array_equal(view, np.arange(1000.0))


def test_kernel_view_of_foreign_and_unaligned_arrays():
    A = np.arange(6.0)
    swapped = kernel_view(A.astype(">f8"))
    assert swapped.dtype.isnative
    np.testing.assert_array_equal(swapped, A)
    unaligned = np.frombuffer(b"x" + A.tobytes(), dtype=np.uint8)[1:].view(np.float64)
    assert not unaligned.flags.aligned
    view = kernel_view(unaligned)
    assert view.flags.aligned
    assert view.flags.writeable
    np.testing.assert_array_equal(view, A)


@pytest.mark.parametrize("order", ["C", "F"])
def test_row_chunks_are_the_rows(order, monkeypatch):
    from sparsesci._core import arrays

    monkeypatch.setattr(arrays, "_COPY_BYTES", 100)
    A = np.asarray(np.arange(60.0).reshape(20, 3), order=order)
    pieces = list(row_chunks(A))
    assert len(pieces) == (1 if order == "C" else 5)
    assert all(rows.flags.c_contiguous for _, rows in pieces)
    assert [start for start, _ in pieces] == list(np.cumsum([0] + [len(rows) for _, rows in pieces])[:-1])
    np.testing.assert_array_equal(np.concatenate([rows for _, rows in pieces]), A)
