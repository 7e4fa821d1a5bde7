"""High-precision least squares: accuracy, choice of method, special matrices, bad input."""

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse
from scipy.sparse.linalg import aslinearoperator

from sparsesci.datasets import make_least_squares
from sparsesci.sketching import SketchedLeastSquares, sketched_lstsq
from tests.reference.lstsq import backward_error

ULP = np.finfo(float).eps
REFINED = ["auto", *(pytest.param(m, marks=pytest.mark.slow) for m in ("whitened", "fossils", "spir", "lapack"))]


def problem(n=2000, d=20, *, condition=1e3, residual=1e-3, seed=0):
    return make_least_squares(n, d, cond=condition, residual_norm=residual, random_state=seed, return_coef=True)


@pytest.mark.parametrize("method", REFINED)
@pytest.mark.parametrize("condition", [1e1, 1e4, 1e8, 1e12, 1e14])
@pytest.mark.parametrize("residual", [1e-12, 1e-6, 1.0, 1e3])
def test_stability_grid(method, condition, residual):
    A, b, _ = problem(4000, 50, condition=condition, residual=residual)
    info = sketched_lstsq(A, b, method=method, random_state=0, return_info=True)
    error = backward_error(A, b, info.x)
    assert error <= 4 * ULP
    # The reported error is an estimate by the sketched singular values.
    assert info.backward_error <= 8 * ULP
    exact = scipy.linalg.lstsq(A, b)[0]
    wedin = error * condition * (1 + condition * residual / (np.linalg.norm(A, 2) * np.linalg.norm(exact)))
    allowed = 100 * (wedin + ULP * condition) * np.linalg.norm(A) / np.linalg.norm(A, 2)
    assert np.linalg.norm(info.x - exact) <= allowed * np.linalg.norm(exact)


def test_forward_stable_variants_are_accurate_where_they_should_be():
    A, b, coef = problem(4000, 50, condition=1e6, residual=1e-9)
    for method in ("iterative_sketching", "sketch_precond_lsqr"):
        x = sketched_lstsq(A, b, method=method, random_state=0)
        assert np.linalg.norm(x - coef) <= 1e-8 * np.linalg.norm(coef)


def test_auto_moves_from_gram_to_whitened_to_an_iteration():
    methods = []
    for condition in (1e3, 1e9, 1e14):
        A, b, _ = problem(8000, 40, condition=condition, residual=1e-12)
        methods.append(sketched_lstsq(A, b, random_state=0, return_info=True).method)
    assert methods == ["gram", "whitened", "spir"]


def test_auto_leaves_small_and_square_problems_to_lapack():
    for n, d in ((60, 3), (900, 300)):
        A, b, _ = problem(n, d)
        assert sketched_lstsq(A, b, random_state=0, return_info=True).method == "lapack"


@pytest.mark.parametrize("kind", ["srht", "sparse_sign", "gaussian", "countsketch"])
def test_every_sketch_preconditions(kind):
    A, b, _ = problem(4000, 10, condition=1e5)
    x = sketched_lstsq(A, b, method="whitened", sketch=kind, n_components=400, random_state=0)
    assert backward_error(A, b, x) <= 4 * ULP


def test_several_right_hand_sides_agree_with_each_by_itself():
    A, b, _ = problem()
    B = np.column_stack((b, np.arange(len(b)), np.zeros(len(b))))
    X = sketched_lstsq(A, B, method="whitened", random_state=0)
    for j in range(3):
        np.testing.assert_allclose(X[:, j], scipy.linalg.lstsq(A, B[:, j])[0], rtol=1e-9, atol=1e-12)


def test_sparse_and_operator_agree_with_dense():
    A = scipy.sparse.random(20000, 50, density=0.01, format="csr", random_state=0)
    b = np.random.default_rng(0).standard_normal(20000)
    exact = scipy.linalg.lstsq(A.toarray(), b)[0]
    for given in (A, A.tocsc(), aslinearoperator(A)):
        np.testing.assert_allclose(sketched_lstsq(given, b, random_state=0), exact, atol=1e-13)


@pytest.mark.parametrize("n_jobs", [2, 7])
@pytest.mark.parametrize("method", ["gram", "whitened", "spir"])
def test_threads_do_not_change_a_bit(method, n_jobs):
    A, b, _ = problem(20000, 30)
    one = sketched_lstsq(A, b, method=method, random_state=0, n_jobs=1)
    assert np.array_equal(one, sketched_lstsq(A, b, method=method, random_state=0, n_jobs=n_jobs))


@pytest.mark.parametrize("scale", [1e150, 1e-150])
def test_extreme_scales(scale):
    A, b, coef = problem(residual=0.0)
    np.testing.assert_allclose(sketched_lstsq(A * scale, b, method="whitened", random_state=0) * scale, coef, rtol=1e-9)
    np.testing.assert_allclose(sketched_lstsq(A, b * scale, method="whitened", random_state=0) / scale, coef, rtol=1e-9)


@pytest.mark.parametrize("method", ["auto", "gram", "whitened", "spir", "fossils", "lapack"])
def test_degenerate_columns(method):
    A, b, _ = problem(3000, 12)
    A[:, 3] = 0
    A[:, 7] = A[:, 5]
    A[:, 9] = 1
    info = sketched_lstsq(A, b, method=method, random_state=0, return_info=True)
    assert info.rank == 10
    assert info.x[3] == 0
    exact = scipy.linalg.lstsq(A, b)[0]
    assert np.linalg.norm(A @ (info.x - exact)) <= 1e-11
    least = sketched_lstsq(A, b, method=method, min_norm=True, random_state=0)
    np.testing.assert_allclose(least, exact, atol=1e-9)


@pytest.mark.parametrize(("n", "d"), [(2, 1), (300, 1), (6, 5)])
def test_smallest_sizes(n, d):
    rng = np.random.default_rng(1)
    A, b = rng.standard_normal((n, d)), rng.standard_normal(n)
    np.testing.assert_allclose(sketched_lstsq(A, b, random_state=0), scipy.linalg.lstsq(A, b)[0], rtol=1e-10)


def test_zero_right_hand_side_gives_zero():
    A, b, _ = problem()
    info = sketched_lstsq(A, 0 * b, method="whitened", random_state=0, return_info=True)
    assert not info.x.any()
    assert info.backward_error == 0


def test_consistent_system():
    A, b, coef = problem(residual=0.0, condition=1e6)
    info = sketched_lstsq(A, b, method="whitened", random_state=0, return_info=True)
    np.testing.assert_allclose(info.x, coef, rtol=1e-8)
    assert info.residual_norm <= 1e-13


def test_minimum_norm_of_a_wide_system():
    A = np.random.default_rng(0).standard_normal((20, 3000))
    b = np.arange(20.0)
    x = sketched_lstsq(A, b, method="minnorm", random_state=0)
    np.testing.assert_allclose(x, scipy.linalg.lstsq(A, b)[0], atol=1e-13)


def test_float32_stays_unless_asked_otherwise():
    A, b, _ = problem(5000, 10, condition=10)
    single = A.astype(np.float32), b.astype(np.float32)
    assert sketched_lstsq(*single, method="whitened", random_state=0).dtype == np.float32
    x = sketched_lstsq(*single, method="whitened", refine_dtype=np.float64, random_state=0)
    exact = scipy.linalg.lstsq(single[0].astype(float), single[1].astype(float))[0]
    np.testing.assert_allclose(x, exact, rtol=1e-11)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"A": np.eye(8)}, ValueError, "A must have more rows"),
        ({"A": np.ones(5)}, ValueError, "A must be 2-d"),
        ({"A": np.ones((8, 2)) * 1j}, TypeError, "A must be real"),
        ({"A": np.full((8, 2), np.nan)}, ValueError, "Input A contains NaN"),
        ({"A": np.empty((0, 2))}, ValueError, "A must not be empty"),
        ({"b": np.ones(7)}, ValueError, "b must have as many rows"),
        ({"b": np.full(8, np.inf)}, ValueError, "Input b contains infinity"),
        ({"b": np.ones(8) * 1j}, TypeError, "b must be real"),
        ({"method": "qr"}, ValueError, "method must be one of"),
        ({"sketch": "hadamard"}, ValueError, "sketch must be one of"),
        ({"n_components": 1}, ValueError, "n_components must be at least n_features"),
        ({"n_components": 2.5}, TypeError, "n_components must be an integer"),
        ({"rtol": -1.0}, ValueError, "rtol must be at least"),
        ({"max_iter": 0}, ValueError, "max_iter must be at least"),
        ({"n_jobs": 0}, ValueError, "n_jobs must not be 0"),
        ({"device": "tpu"}, ValueError, "device must be one of"),
    ],
)
def test_bad_input(change, error, message):
    rng = np.random.default_rng(0)
    arguments = {"A": rng.standard_normal((8, 2)), "b": rng.standard_normal(8), **change}
    with pytest.raises(error, match=message):
        sketched_lstsq(**arguments)


def test_unreached_accuracy_warns():
    A, b, _ = problem(4000, 50, condition=1e8, residual=1.0)
    with pytest.warns(scipy.linalg.LinAlgWarning, match="backward error"):
        sketched_lstsq(A, b, method="sketch_precond_lsqr", max_iter=2, random_state=0)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_estimator_equals_the_dense_solution(fit_intercept, sparse, weighted):
    rng = np.random.default_rng(0)
    X = scipy.sparse.random(4000, 8, density=0.3, format="csr", random_state=1)
    Y = rng.standard_normal((4000, 2)) + 5
    weights = rng.uniform(0, 2, 4000) if weighted else np.ones(4000)
    model = SketchedLeastSquares(fit_intercept=fit_intercept, random_state=0)
    model.fit(X if sparse else X.toarray(), Y, sample_weight=weights if weighted else None)
    A = np.hstack((X.toarray(), np.ones((4000, 1)))) if fit_intercept else X.toarray()
    roots = np.sqrt(weights)[:, None]
    exact = scipy.linalg.lstsq(A * roots, Y * roots)[0]
    np.testing.assert_allclose(model.coef_, exact[:8].T, atol=1e-11)
    if fit_intercept:
        np.testing.assert_allclose(model.intercept_, exact[8], atol=1e-11)
