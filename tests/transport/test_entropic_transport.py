"""Entropic transport held to closed forms, invariances and the plain reference."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import linear_sum_assignment
from sklearn.exceptions import ConvergenceWarning

from sparsesci._core.exceptions import SparseSciWarning
from sparsesci.datasets import load_digits_transport, make_gaussian_clouds, make_random_assignment
from sparsesci.transport import _newton, entropic_transport, entropic_transport_points
from tests.reference import entropic_transport as reference

METHODS = ("auto", "newton", "sns", "sinkhorn", "sinkhorn_log")


def problem(n=30, m=20, seed=0):
    rng = np.random.default_rng(seed)
    a, b = rng.random(n) + 0.1, rng.random(m) + 0.1
    return rng.random((n, m)), a / a.sum(), b / b.sum()


def squared_costs(X, Y):
    C = reference.cost_matrix(X, Y, "sqeuclidean")
    return C / C.max()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("eta", [1.0, 10.0, 100.0, 1000.0])
def test_two_by_two(eta, method):
    result = entropic_transport([[0.0, 1.0], [1.0, 0.0]], reg=1 / eta, method=method, tol=1e-14)
    first, log_second = reference.two_by_two(eta)
    assert result.converged
    assert_allclose(result.plan[0, 0], first, rtol=1e-14)
    u, v = result.potentials
    assert_allclose(eta * (u[0] + v[1] - 1.0), log_second, rtol=1e-13)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(30, 20), (20, 30), (25, 25)])
@pytest.mark.parametrize("reg", [1.0, 0.05])
def test_all_methods_find_the_reference(method, shape, reg):
    C, a, b = problem(*shape)
    plan, x, y = reference.sinkhorn(C, a, b, 1 / reg)
    result = entropic_transport(C, a, b, reg=reg, method=method, tol=1e-12, max_iter=5000)
    assert result.converged
    assert np.abs(result.plan - plan).sum() <= 1e-10
    u, v = result.potentials
    assert_allclose(u, x + y.mean(), atol=1e-9)
    assert_allclose(v, y - y.mean(), atol=1e-9)
    assert_allclose(reference.plan_of(u, v, C, 1 / reg), result.plan, rtol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_what_the_result_says(method):
    C, a, b = problem()
    reg = 0.02
    result = entropic_transport(C, a, b, reg=reg, method=method, tol=1e-11, max_iter=20_000)
    P, (u, v) = result.plan, result.potentials
    error = np.abs(P.sum(axis=1) - a).sum() + np.abs(P.sum(axis=0) - b).sum()
    assert error <= 2e-11
    assert_allclose(result.marginal_error, error, atol=1e-14)
    assert (P > 0).all()
    assert_allclose(P.sum(), 1, atol=1e-11)
    assert_allclose(result.cost, (C * P).sum(), rtol=1e-12)
    assert_allclose(result.regularized_cost, (C * P).sum() + reg * (P * np.log(P)).sum(), rtol=1e-10)
    assert_allclose(result.dual_value, a @ u + b @ v, rtol=1e-12)
    assert_allclose(result.dual_value, result.regularized_cost, rtol=1e-10)
    assert result.history.shape == (result.n_evaluations, 3)
    assert_array_equal(result.history[:, 0], np.arange(1, result.n_evaluations + 1))
    assert result.history[-1, 1] == 1 / reg
    assert result.history[-1, 2] <= 1e-11
    assert result.n_newton + result.n_iter > 0
    assert (result.n_newton > 0) == (method in ("auto", "newton", "sns"))
    assert 0 < result.nnz <= P.size
    assert result["cost"] == result.cost


def test_weak_regularisation_limit():
    C, a, b = problem()
    assert_allclose(entropic_transport(C, a, b, reg=1e8).plan, np.outer(a, b), rtol=1e-7)


@pytest.mark.parametrize("reg", [1.0, 1e-3])
@pytest.mark.parametrize("method", METHODS)
def test_costs_without_interaction(reg, method):
    """Costs u_i + v_j leave the product of the marginals as the plan; constant ones without an iteration."""
    _, a, b = problem()
    rng = np.random.default_rng(1)
    C = rng.random((30, 1)) + rng.random((1, 20))
    assert_allclose(entropic_transport(C, a, b, reg=reg, method=method, tol=1e-13).plan, np.outer(a, b), atol=1e-14)
    constant = entropic_transport(np.full((30, 20), 3.0), a, b, reg=reg, method=method)
    assert_allclose(constant.plan, np.outer(a, b), rtol=1e-12)
    assert constant.n_iter == 0


def test_added_potentials_shift_the_potentials():
    C, a, b = problem()
    rng = np.random.default_rng(1)
    p, q = rng.random(30), rng.random(20)
    plain = entropic_transport(C, a, b, reg=0.05, tol=1e-13)
    shifted = entropic_transport(C + p[:, None] + q, a, b, reg=0.05, tol=1e-13)
    assert_allclose(shifted.plan, plain.plan, atol=1e-12)
    assert_allclose(shifted.potentials[0], plain.potentials[0] + p + q.mean(), atol=1e-10)
    assert_allclose(shifted.potentials[1], plain.potentials[1] + q - q.mean(), atol=1e-10)


def test_permutation_transposition_scale():
    C, a, b = problem()
    plan = entropic_transport(C, a, b, reg=0.03, tol=1e-13).plan
    order = np.random.default_rng(2).permutation(30)
    assert_allclose(entropic_transport(C[order], a[order], b, reg=0.03, tol=1e-13).plan, plan[order], atol=1e-12)
    assert_allclose(entropic_transport(C.T, b, a, reg=0.03, tol=1e-13).plan, plan.T, atol=1e-12)
    assert_allclose(entropic_transport(1e5 * C, a, b, reg=3e3, tol=1e-13).plan, plan, atol=1e-12)
    assert_allclose(entropic_transport(C - 7.0, a, b, reg=0.03, tol=1e-13).plan, plan, atol=1e-12)


@pytest.mark.parametrize("eta", [100.0, 1e4])
def test_assignment(eta):
    C = make_random_assignment(50, random_state=3)
    rows, columns = linear_sum_assignment(C)
    optimum = C[rows, columns].mean()
    result = entropic_transport(C, reg=1 / eta, tol=1e-12)
    assert 0 <= result.cost - optimum <= np.log(50) / eta
    if eta == 1e4:
        assert_array_equal(result.plan.argmax(axis=1), columns)
        assert_allclose(result.plan[rows, columns], 1 / 50, rtol=0.05)


def test_points_on_a_line():
    """The cost falls to that of the sorted coupling as the regularisation does."""
    rng = np.random.default_rng(4)
    X, Y = rng.random((40, 1)), rng.random((40, 1))
    costs = [entropic_transport_points(X, Y, reg=reg, tol=1e-11).cost for reg in (1.0, 0.1, 0.01, 1e-3, 1e-5)]
    exact = ((np.sort(X, axis=0) - np.sort(Y, axis=0)) ** 2).mean()
    assert (np.diff(costs) < 0).all()
    assert -1e-12 <= costs[-1] - exact <= 1e-5 * np.log(40)


def last_errors(result):
    """Return the errors of the last stage of the continuation."""
    return result.history[result.history[:, 1] == result.history[-1, 1], 2]


@pytest.mark.parametrize("name", ["assignment", "clouds", "digits"])
def test_published_costs_and_superlinear_end(name):
    """The specification's costs, within 45 evaluations; each of the last two steps gains at least a factor of 100."""
    if name == "assignment":
        C, a, b, reg, cost = make_random_assignment(500, random_state=0), None, None, 1 / 1200, 0.003450412867
    elif name == "clouds":
        C, a, b = squared_costs(*make_gaussian_clouds(800, random_state=0)), None, None
        reg, cost = 1 / 1000, 0.045065015913
    else:
        C, a, b = load_digits_transport(return_problem=True)
        reg, cost = 1 / 1200, 0.008114965724
    result = entropic_transport(C, a, b, reg=reg, tol=1e-12)
    assert result.converged
    assert result.n_evaluations <= 45
    assert_allclose(result.cost, cost, rtol=0, atol=1e-9)
    errors = last_errors(result)
    assert errors[-2] <= 1e-2 * errors[-3]
    assert errors[-1] <= max(1e-2 * errors[-2], 1e-13)


def test_hard_images():
    C, a, b = load_digits_transport(metric="cityblock", return_problem=True)
    result = entropic_transport(C, a, b, reg=1 / 1200, tol=1e-12)
    assert result.converged
    assert result.n_evaluations <= 400


def test_sns_and_its_density():
    """More entries, fewer steps; with 2 n entries the end is linear, with 6 n it is not."""
    C = make_random_assignment(150, random_state=0)
    options = {"reg": 1 / 400, "method": "sns", "n_sinkhorn": 20, "tol": 1e-12}
    sparse = entropic_transport(C, density=2 / 150, **options)
    dense = entropic_transport(C, density=10 / 150, **options)
    assert sparse.converged
    assert dense.converged
    assert dense.n_newton < sparse.n_newton
    default = entropic_transport(C, **options)
    assert default.n_newton == entropic_transport(C, density=6 / 150, **options).n_newton


def test_large_problem_where_scaling_is_quick():
    """LAP1000 of the specification."""
    C = make_random_assignment(1000, random_state=0)
    result = entropic_transport(C, reg=1 / 1200, tol=1e-9)
    assert_allclose(result.cost, 0.001950955444, rtol=0, atol=1e-9)
    assert result.n_evaluations <= 45


@pytest.mark.parametrize("linear_solver", ["auto", "pcg", "cholesky"])
@pytest.mark.parametrize("shape", [(60, 50), (500, 320)])
def test_linear_solvers(linear_solver, shape):
    C, a, b = problem(*shape)
    result = entropic_transport(C, a, b, reg=2e-3, tol=1e-12, linear_solver=linear_solver)
    assert result.converged
    assert (result.n_cg == 0) == (linear_solver == "cholesky" or (linear_solver == "auto" and min(shape) <= 300))
    other = entropic_transport(C, a, b, reg=2e-3, tol=1e-12, method="newton")
    assert np.abs(result.plan - other.plan).sum() < 1e-10


@pytest.mark.parametrize("method", METHODS)
def test_warm_start(method):
    C, a, b = problem()
    first = entropic_transport(C, a, b, reg=0.02, tol=1e-11)
    again = entropic_transport(C, a, b, reg=0.02, tol=2e-11, method=method, init=first.potentials)
    assert again.n_newton == again.n_iter == 0
    assert_allclose(again.plan, first.plan, atol=1e-13)
    transposed = entropic_transport(C.T, b, a, reg=0.02, tol=2e-11, method=method, init=first.potentials[::-1])
    assert transposed.n_iter == 0 or method != "auto"


@pytest.mark.parametrize("eta_factor", [1.5, 4.0, 1e6])
@pytest.mark.parametrize("n_sinkhorn", [0, 5, 50])
def test_continuation_options(eta_factor, n_sinkhorn):
    C, a, b = problem()
    plan = entropic_transport(C, a, b, reg=0.01, tol=1e-12).plan
    options = {"eta_factor": eta_factor, "n_sinkhorn": n_sinkhorn}
    assert np.abs(entropic_transport(C, a, b, reg=0.01, tol=1e-12, **options).plan - plan).sum() < 1e-10


@pytest.mark.parametrize("most_entries", [1 << 26, 2000, 1000])
def test_bounded_memory(most_entries, monkeypatch):
    """Problems counted as large keep few entries, and need some more evaluations for the same answer."""
    C, a, b = problem(60, 50)
    expected = entropic_transport(C, a, b, reg=0.01, tol=1e-12)
    monkeypatch.setattr(_newton, "_SMALL_PLAN", 100)
    monkeypatch.setattr(_newton, "_MOST_ENTRIES", most_entries)
    result = entropic_transport(C, a, b, reg=0.01, tol=1e-12)
    assert result.converged
    assert np.abs(result.plan - expected.plan).sum() < 1e-10


def test_bad_start_is_overcome():
    C, a, b = problem()
    plan = entropic_transport(C, a, b, reg=0.01, tol=1e-12).plan
    rng = np.random.default_rng(5)
    start = (rng.standard_normal(30), 10 * rng.standard_normal(20))
    assert np.abs(entropic_transport(C, a, b, reg=0.01, tol=1e-12, init=start).plan - plan).sum() < 1e-10


# Degenerate input


@pytest.mark.parametrize("method", METHODS)
def test_single_row_or_column(method):
    _, a, b = problem()
    one = entropic_transport(np.arange(20.0)[None, :], None, b, reg=0.1, method=method)
    assert_allclose(one.plan, b[None, :], rtol=1e-14)
    other = entropic_transport(np.arange(30.0)[:, None], a, None, reg=0.1, method=method)
    assert_allclose(other.plan, a[:, None], rtol=1e-14)
    assert one.n_iter == other.n_iter == 0
    assert entropic_transport([[5.0]], reg=0.1, method=method).cost == 5.0


@pytest.mark.parametrize("method", METHODS)
def test_zero_masses(method):
    C, a, b = problem()
    a[[0, 7]], b[3] = 0, 0
    a, b = a / a.sum(), b / b.sum()
    rows, columns = a > 0, b > 0
    result = entropic_transport(C, a, b, reg=0.05, method=method, tol=1e-11, max_iter=5000)
    inner = entropic_transport(C[np.ix_(rows, columns)], a[rows], b[columns], reg=0.05, tol=1e-12)
    assert not result.plan[~rows].any()
    assert not result.plan[:, ~columns].any()
    assert_allclose(result.plan[np.ix_(rows, columns)], inner.plan, atol=1e-10)
    u, v = result.potentials
    assert_allclose(u[0], (C[0, columns] - v[columns]).min())
    assert_allclose(v[3], (C[rows, 3] - u[rows]).min())
    X = np.random.default_rng(0).random((30, 2))
    by_points = entropic_transport_points(X, X[:20] + 1, a, b, reg=0.05, method=method, tol=1e-11, max_iter=5000)
    assert np.isfinite(by_points.potentials[0]).all()
    assert not by_points.plan[:, 3].any()


@pytest.mark.parametrize("method", METHODS)
def test_tiny_masses(method):
    C, a, b = problem()
    a[0], b[0] = 1e-25, 1e-20
    a, b = a / a.sum(), b / b.sum()
    result = entropic_transport(C, a, b, reg=0.1, method=method, tol=1e-11, max_iter=5000)
    assert_allclose(result.plan[:, 0].sum(), b[0], rtol=1e-2 if method != "auto" else 1)
    assert result.converged


@pytest.mark.parametrize("method", METHODS)
def test_forbidden_pairs(method):
    C, a, b = problem()
    C[np.random.default_rng(6).random(C.shape) < 0.2] = np.inf
    finite = np.where(np.isfinite(C), C, 0)
    result = entropic_transport(C, a, b, reg=0.05, method=method, tol=1e-11, max_iter=20_000)
    assert result.converged
    assert not result.plan[np.isinf(C)].any()
    assert_allclose(result.cost, (finite * result.plan).sum(), rtol=1e-12)
    # Two groups that do not exchange anything.
    blocks = np.full((4, 4), np.inf)
    blocks[:2, :2] = blocks[2:, 2:] = [[0, 1], [1, 0]]
    split = entropic_transport(blocks, reg=0.3, method=method, tol=1e-12)
    assert_allclose(split.plan[:2, :2], entropic_transport(blocks[:2, :2], reg=0.3).plan / 2, rtol=1e-9)


def test_infeasible_costs():
    C, a, b = problem()
    C[4] = np.inf
    with pytest.raises(ValueError, match=r"\bC\b.*infeasible.*row 4"):
        entropic_transport(C, a, b, reg=0.1)
    a[4] = 0
    assert entropic_transport(C, a / a.sum(), b, reg=0.1).converged  # that row is empty
    with pytest.raises(ValueError, match=r"\bC\b.*infeasible.*column 2"):
        entropic_transport([[1, 2, np.inf], [1, 3, np.inf]], reg=0.1)
    blocks = [[1.0, np.inf], [np.inf, 1.0]]
    with pytest.raises(ValueError, match="separate"):
        entropic_transport(blocks, [0.4, 0.6], [0.5, 0.5], reg=0.1)


def test_duplicates():
    C, a, b = problem()
    C[1], C[:, 1] = C[0], C[:, 0]
    result = entropic_transport(C, reg=1e-3, tol=1e-12)
    assert result.converged
    assert_allclose(result.plan[0], result.plan[1], rtol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_not_converged(method):
    C, a, b = problem()
    with pytest.warns(ConvergenceWarning, match="marginal error"):
        result = entropic_transport(C, a, b, reg=1e-4, max_iter=3, method=method)
    assert not result.converged
    assert result.marginal_error > 1e-9
    assert result.n_evaluations <= 5
    assert "not converged" in result.message
    assert_allclose(result.plan.sum(axis=1) if result.plan.shape[0] >= result.plan.shape[1] else 1, a, rtol=1e-9)


def test_accuracy_beyond_rounding_ends():
    C, a, b = problem()
    with pytest.warns(ConvergenceWarning, match="rounding"):
        result = entropic_transport(C, a, b, reg=0.01, tol=0.0)
    assert result.marginal_error < 1e-14


def test_unresolved_regularisation():
    C = make_random_assignment(12, random_state=0)
    with pytest.warns(SparseSciWarning, match="unregularised limit"):
        result = entropic_transport(C, reg=1e-10, tol=1e-3)
    rows, columns = linear_sum_assignment(C)
    assert_allclose(result.cost, C[rows, columns].mean(), rtol=1e-2)


def test_masses_are_normalised():
    C, a, b = problem()
    result = entropic_transport(C, 3 * a, 3 * b, reg=0.1)
    assert_allclose(result.plan, entropic_transport(C, a, b, reg=0.1).plan, rtol=1e-12)
    with pytest.raises(ValueError, match=r"a and b must have the same sum; got 1\.0.* for a and 2\.0"):
        entropic_transport([[1.0, 2.0]], [1.0], [1.5, 0.5], reg=0.1)
    entropic_transport([[1.0, 2.0]], [1.0], [0.5, 0.5 + 1e-9], reg=0.1)


@pytest.mark.parametrize("method", METHODS)
def test_rounding(method):
    C, a, b = problem()
    a[2] = 0
    a /= a.sum()
    with pytest.warns(ConvergenceWarning):
        result = entropic_transport(C, a, b, reg=1e-3, tol=1e-12, max_iter=15, method=method, round=True)
    assert_allclose(result.plan.sum(axis=1), a, atol=1e-15)
    assert_allclose(result.plan.sum(axis=0), b, atol=1e-15)
    assert (result.plan >= 0).all()
    assert result.marginal_error < 1e-14
    assert_allclose(result.cost, (C * result.plan).sum(), rtol=1e-13)


def test_without_plan():
    C, a, b = problem()
    full, short = (entropic_transport(C, a, b, reg=0.1, return_plan=which) for which in (True, False))
    assert short.plan is None
    assert short.cost == full.cost
    assert short.nnz == full.nnz


@pytest.mark.parametrize("metric", ["sqeuclidean", "euclidean", "cityblock"])
@pytest.mark.parametrize("method", METHODS)
def test_points_equal_the_matrix(metric, method):
    rng = np.random.default_rng(7)
    X, Y = rng.random((35, 3)), rng.random((45, 3))
    C = reference.cost_matrix(X, Y, metric)
    by_points = entropic_transport_points(X, Y, metric=metric, reg=0.05, method=method, tol=1e-11, max_iter=9999)
    by_matrix = entropic_transport(C, reg=0.05, method=method, tol=1e-11, max_iter=9999)
    assert np.abs(by_points.plan - by_matrix.plan).sum() < 1e-10
    assert_allclose(by_points.cost, by_matrix.cost, rtol=1e-10)


def test_single_precision_costs():
    C, a, b = problem()
    single = entropic_transport(C.astype(np.float32), a, b, reg=1e-3, tol=1e-12)
    double = entropic_transport(C.astype(np.float32).astype(np.float64), a, b, reg=1e-3, tol=1e-12)
    assert_allclose(single.plan, double.plan, atol=1e-14)
    assert single.plan.dtype == np.float64


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_values_do_not_fall():
    """Accepted Newton steps do not decrease the dual: the final value is the largest of shorter runs."""
    C, a, b = problem()
    values = []
    for max_iter in range(8, 30, 2):
        values.append(entropic_transport(C, a, b, reg=0.02, max_iter=max_iter, eta_factor=1e9).dual_value)
    assert (np.diff(values) >= -1e-12).all()
