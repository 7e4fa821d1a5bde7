"""Linear operators: adjoint, pickling, pieces, types, and what ``sketch`` and ``accumulate`` refuse."""

import pickle

import joblib
import numpy as np
import pytest
import scipy.sparse
from scipy.sparse.linalg import LinearOperator

from tests.common.entries import OperatorEntry
from tests.common.inputs import integers
from tests.common.registry import entries
from tests.common.results import assert_identical, digest

OPERATORS = entries(OperatorEntry)

pytestmark = pytest.mark.parametrize("entry", OPERATORS, ids=lambda entry: entry.name)


def made(entry, **options):
    """Return an operator, and a matrix that it takes."""
    arguments = entry.arguments()
    return entry.make(arguments, **options), arguments["A"]


def test_is_the_linear_operator_of_its_dense_form(entry):
    operator, A = made(entry)
    assert isinstance(operator, LinearOperator)
    dense = operator.todense()
    assert dense.shape == operator.shape
    assert dense.dtype == operator.dtype
    for product, expected in [
        (operator @ A, dense @ A),
        (operator.sketch(A), dense @ A),
        (operator @ A[:, 0], dense @ A[:, 0]),
        (operator.sketch(A[:, 0]), dense @ A[:, 0]),
        (operator.T @ dense, dense.T @ dense),
        (operator.H @ dense[:, 0], dense.T @ dense[:, 0]),
        (operator.sketch(A + 1j * A[::-1]), dense @ (A + 1j * A[::-1])),
        (operator.sketch(scipy.sparse.csr_array(A)), dense @ A),
    ]:
        np.testing.assert_allclose(product, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_adjoint(entry):
    operator, _ = made(entry)
    generator = np.random.default_rng(0)
    x, y = generator.standard_normal(operator.shape[1]), generator.standard_normal(operator.shape[0])
    left, right = (operator @ x) @ y, x @ (operator.T @ y)
    assert abs(left - right) <= 1e-12 * np.linalg.norm(x) * np.linalg.norm(y) * max(1, np.sqrt(operator.shape[1]))


def test_isotropic_on_average(entry):
    """E[S^T S] = I: the mean over seeds of |S x|^2 is |x|^2, within five standard errors."""
    x = np.linspace(1, 2, len(entry.arguments()["A"]))
    x /= np.linalg.norm(x)
    squares = [np.sum((made(entry, random_state=seed)[0] @ x) ** 2) for seed in range(400)]
    assert abs(np.mean(squares) - 1) <= 5 * np.std(squares) / np.sqrt(len(squares))


def test_pickles_are_the_same_operator(entry, tmp_path):
    operator, A = made(entry)
    expected = operator.sketch(A)
    assert_identical(pickle.loads(pickle.dumps(operator)).sketch(A), expected)
    assert_identical(joblib.load(joblib.dump(operator, tmp_path / "operator")[0]).sketch(A), expected)
    assert len(pickle.dumps(operator)) < 4000, "defined by its key, not by stored arrays"


def test_use_does_not_change_it(entry):
    operator, A = made(entry)
    before = digest(vars(operator))
    operator.sketch(A)
    operator.accumulate(A, np.zeros((operator.shape[0], A.shape[1])))
    operator.rmatvec(np.ones(operator.shape[0]))
    operator.todense()
    assert digest(vars(operator)) == before


@pytest.mark.parametrize("chunk", [1, 7, 64, 149])
@pytest.mark.parametrize("sparse", [False, True])
def test_pieces_add_up(entry, chunk, sparse):
    operator, A = made(entry)
    rows = scipy.sparse.csr_array(A) if sparse else A
    total = np.zeros((operator.shape[0], A.shape[1]))
    starts = list(range(0, len(A), chunk))
    for start in starts[::-1]:
        returned = operator.accumulate(rows[start : start + chunk], total, row_offset=start)
        assert returned is total
    expected = operator.sketch(A)
    np.testing.assert_allclose(total, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_sketch_keeps_the_type(entry, dtype):
    operator, A = made(entry)
    result = operator.sketch(A.astype(dtype))
    assert result.dtype == dtype
    tolerance = 1e-5 if result.real.dtype == np.float32 else 1e-12
    expected = operator.sketch(A)
    np.testing.assert_allclose(result, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def test_single_precision_operator(entry):
    single, A = made(entry, dtype=np.float32)
    double, _ = made(entry)
    assert single.dtype == np.float32
    assert (single @ A[:, 0].astype(np.float32)).dtype == np.float32
    assert (single @ A[:, 0]).dtype == np.float64, "as SciPy's operators, which follow NumPy's promotion"
    np.testing.assert_allclose(single.todense(), double.todense(), rtol=1e-6)


BAD_PIECES = {
    "negative offset": ({"row_offset": -1}, ValueError, "row_offset"),
    "fractional offset": ({"row_offset": 0.5}, TypeError, "row_offset"),
    "beyond the end": ({"row_offset": 1}, ValueError, "row"),
    "n_jobs of zero": ({"n_jobs": 0}, ValueError, "n_jobs"),
    "n_jobs of a wrong type": ({"n_jobs": "two"}, TypeError, "n_jobs"),
    "unknown device": ({"device": "gpu"}, ValueError, "device"),
    "out too wide": ({"out": np.zeros((24, 5))}, ValueError, "out"),
    "out too long": ({"out": np.zeros((25, 3))}, ValueError, "out"),
    "out of another type": ({"out": np.zeros((24, 3), dtype=np.float32)}, ValueError, "out"),
    "out is a list": ({"out": [[0.0] * 3] * 24}, TypeError, "out"),
    "out is missing": ({"out": None}, TypeError, "out"),
    "out is read-only": ({"out": np.broadcast_to(0.0, (24, 3))}, ValueError, "out"),
    "words": ({"A": np.full((150, 3), "x")}, (TypeError, ValueError), "A"),
    "a vector": ({"A": np.zeros(150)}, ValueError, "A"),
    "no rows": ({"A": np.zeros((0, 3))}, ValueError, "A"),
}


@pytest.mark.parametrize("which", BAD_PIECES)
def test_accumulate_refuses(entry, which):
    options, exception, named = BAD_PIECES[which]
    operator, A = made(entry)
    assert (operator.shape, A.shape) == ((24, 150), (150, 3))
    out = np.arange(72.0).reshape(24, 3)
    arguments = {"A": A, "out": out, **options}
    before = digest(arguments)
    with pytest.raises(exception, match=rf"\b{named}"):
        operator.accumulate(arguments.pop("A"), arguments.pop("out"), **arguments)
    assert digest({"A": A, "out": out, **options}) == before
    assert out.tolist() == np.arange(72.0).reshape(24, 3).tolist()


@pytest.mark.parametrize("shape", [(149,), (151,), (149, 2), (151, 2), (2, 2, 2), ()])
def test_products_of_wrong_sizes(entry, shape):
    operator, _ = made(entry)
    with pytest.raises(ValueError):  # noqa: PT011  (SciPy's own message)
        operator @ np.ones(shape)


def test_says_what_it_is(entry):
    operator, _ = made(entry)
    assert repr(operator) == f"{type(operator).__name__}(n_components=24, n_rows=150)" or "24" in repr(operator)
    assert isinstance(operator.kind, str)
    assert isinstance(operator.certified, bool)
    assert isinstance(operator.key, np.uint64)


def test_same_seed_same_key_other_seed_other_key(entry):
    keys = [made(entry, random_state=seed)[0].key for seed in (0, 0, 1)]
    assert keys[0] == keys[1] != keys[2]
    shared = np.random.RandomState(3)
    assert made(entry, random_state=shared)[0].key != made(entry, random_state=shared)[0].key


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_extreme_scales(entry, scale):
    operator, A = made(entry)
    expected = operator.sketch(A) * scale
    np.testing.assert_allclose(operator.sketch(A * scale), expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_more_columns_than_a_panel(entry):
    """Wide matrices are processed in panels: each column is sketched as it would be alone."""
    operator, _ = made(entry)
    A = integers(150, 300, seed=4)
    sketch = operator.sketch(A)
    for column in (0, 127, 128, 255, 256, 299):
        alone = operator.sketch(A[:, [column]])[:, 0]
        np.testing.assert_allclose(sketch[:, column], alone, rtol=0, atol=1e-12 * np.abs(alone).max())
