"""Kernels of entropic transport against plain NumPy."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sparsesci.transport import _entropic_kernels, _newton, _newton_kernels, _semidual_kernels, entropic_transport
from sparsesci.transport._entropic_ranges import padded_length, row_edges
from tests.reference import entropic_transport as reference

NOTHING = np.empty((0, 0))
EMPTY = (NOTHING, NOTHING, 0)
METRICS = ("sqeuclidean", "euclidean", "cityblock")


def problem(n=37, m=75, seed=0):
    rng = np.random.default_rng(seed)
    r, c = rng.random(n) + 0.1, rng.random(m) + 0.1
    return rng.random((n, m)), r / r.sum(), c / c.sum(), 0.1 * rng.standard_normal(m)


def dense_entries(n, m, indptr, indices, weights):
    dense = np.zeros((n, m))
    for i in range(n):
        dense[i, indices[indptr[i] : indptr[i + 1]]] = weights[indptr[i] : indptr[i + 1]]
    return dense


def test_exponential():
    x = np.concatenate([-np.linspace(0, 600, 60_001), -np.geomspace(1e-300, 1, 1000), [0.0]])
    computed = np.array([_semidual_kernels.exp_of(value) for value in x])
    assert_allclose(computed, np.exp(x), rtol=5e-16)
    assert 0 < _semidual_kernels.exp_of(-np.inf) < 1e-250


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("eta", [0.5, 20.0, 1500.0])
@pytest.mark.parametrize("shape", [(1, 1), (3, 32), (5, 33), (37, 75), (600, 700)])
def test_semidual_pass(shape, eta, dtype):
    C, r, c, y = problem(*shape)
    C = C.astype(dtype)
    x, sums, indptr, indices, weights = _semidual_kernels.semidual_pass(C, *EMPTY, y, eta, r, 60.0, 1e-4, 1)
    exact = C.astype(np.float64)
    expected = reference.row_potential(y, exact, r, eta)
    plan = reference.plan_of(expected, y, exact, eta)
    assert_allclose(x, expected, rtol=0, atol=1e-13)
    assert_allclose(sums, plan.sum(axis=0), rtol=0, atol=1e-12 * plan.sum(axis=0).max())
    kept = np.where(plan / r[:, None] > 1e-4, plan / r[:, None], 0.0)
    assert_allclose(dense_entries(*shape, indptr, indices, weights), kept, rtol=0, atol=1e-12)
    assert indices.dtype == np.int32


@pytest.mark.parametrize("metric", METRICS)
def test_points_equal_the_matrix(metric):
    rng = np.random.default_rng(1)
    X, Y = rng.standard_normal((40, 3)), rng.standard_normal((50, 3))
    _, r, c, y = problem(40, 50)
    C = reference.cost_matrix(X, Y, metric)
    costs = (NOTHING, X, np.ascontiguousarray(Y.T), _semidual_kernels.METRICS[metric])
    by_points = _semidual_kernels.semidual_pass(*costs, y, 3.0, r, 60.0, 1e-6, 1)
    by_matrix = _semidual_kernels.semidual_pass(C, *EMPTY, y, 3.0, r, 60.0, 1e-6, 1)
    for one, other in zip(by_points, by_matrix):
        assert_allclose(one, other, rtol=1e-12, atol=1e-14)


def test_infinite_costs_and_the_cut():
    C, r, c, y = problem()
    C[3, :40] = np.inf
    C[5, 1:] = np.inf
    values = [_semidual_kernels.semidual_pass(C, *EMPTY, y, 30.0, r, cut, 1e-30, 1) for cut in (40.0, 745.0)]
    plan = reference.plan_of(reference.row_potential(y, C, r, 30.0), y, C, 30.0)
    for x, sums, indptr, indices, _ in values:
        assert np.isfinite(x).all()
        assert_allclose(sums, plan.sum(axis=0), rtol=1e-12)
        assert_array_equal(indices[indptr[5] : indptr[6]], [0])
        assert indices[indptr[3] : indptr[4]].min() == 40
    assert_allclose(values[0][1], values[1][1], rtol=1e-13)


@pytest.mark.parametrize("bad", ["C", "init"])
def test_kernels_never_see_a_nan(bad, monkeypatch):
    """Their comparisons assume that there is none: whatever could bring one in is refused before."""
    C, r, c, y = problem()
    arguments = {"C": C, "init": (np.zeros(len(r)), y)}
    (arguments["init"][1] if bad == "init" else arguments["C"]).flat[-1] = np.nan
    monkeypatch.setattr(_semidual_kernels, "semidual_pass", None)
    with pytest.raises(ValueError, match=bad):
        entropic_transport(**arguments, reg=1.0)


@pytest.mark.parametrize("forbidden", [False, True])
def test_plan_pass(forbidden):
    C, r, c, y = problem()
    if forbidden:
        C[2, :30] = np.inf
    out = np.full(C.shape, np.nan)
    x, sums, cost, count = _entropic_kernels.plan_pass(C, *EMPTY, y, 30.0, r, 1e-3, out, 1)
    expected = reference.row_potential(y, C, r, 30.0)
    plan = reference.plan_of(expected, y, C, 30.0)
    assert_allclose(x, expected, atol=1e-14)
    assert_allclose(out, plan, rtol=1e-12)
    assert_allclose(sums, plan.sum(axis=0), rtol=1e-13)
    assert_allclose(cost, (plan * np.where(plan > 0, C, 0)).sum(), rtol=1e-13)
    assert count == (plan / r[:, None] > 1e-3).sum()
    assert_array_equal(_entropic_kernels.plan_pass(C, *EMPTY, y, 30.0, r, 1e-3, NOTHING, 1)[1], sums)


def test_column_logsumexp_has_no_underflow():
    C, r, c, _ = problem()
    C[:, 4] += 50.0
    x = np.random.default_rng(2).standard_normal(len(r)) / 10
    values = _entropic_kernels.column_logsumexp(C, *EMPTY, x, 40.0, len(c), 1)
    expected = np.log(c) - 40.0 * reference.column_potential(x, C, c, 40.0)
    assert expected.min() < -1900
    assert_allclose(values, expected, rtol=1e-13)


def test_cost_extent():
    C, *_ = problem()
    C[0, 0], C[1, 1], C[2, 2] = np.inf, -3.0, 7.0
    assert _entropic_kernels.cost_extent(C, *EMPTY, *C.shape, 1) == (-3.0, 7.0)


def newton_system(threshold, eta=30.0):
    C, r, c, y = problem()
    x, sums, *entries = _semidual_kernels.semidual_pass(C, *EMPTY, y, eta, r, 745.0, threshold, 1)
    W = dense_entries(len(r), len(c), *entries)
    return C, r, c, y, sums, entries, np.diag(sums) - W.T @ (r[:, None] * W)


@pytest.mark.parametrize("threshold", [-1.0, 1e-3, 0.05])
def test_newton_matrix(threshold):
    C, r, c, y, sums, entries, matrix = newton_system(threshold)
    if threshold < 0:
        assert_allclose(matrix, reference.semidual_matrix(y, C, r, 30.0), rtol=0, atol=1e-15)
        assert_allclose(matrix @ np.ones(len(c)), 0, atol=1e-15)
    assert np.linalg.eigvalsh(matrix).min() > -1e-15
    rest, diagonal = _newton_kernels.schur_diagonals(*entries, r, sums, 0.01)
    assert_allclose(diagonal, np.diag(matrix) + 0.01, rtol=1e-12)
    p, out = np.random.default_rng(3).standard_normal(len(c)), np.empty(len(c))
    _newton_kernels.schur_product(*entries, r, rest, p, out)
    assert_allclose(out, matrix @ p + 0.01 * p, rtol=0, atol=1e-14)


@pytest.mark.parametrize("threshold", [-1.0, 1e-3, 0.05])
def test_linear_solvers(threshold):
    C, r, c, y, sums, entries, matrix = newton_system(threshold)
    g = c - sums
    rest, diagonal = _newton_kernels.schur_diagonals(*entries, r, sums, 0.0)
    v = np.empty(len(c))
    steps, solved = _newton_kernels.schur_pcg(*entries, r, rest, diagonal, g, 1e-12, 4 * len(c), v)
    assert solved
    assert 1 <= steps <= 4 * len(c)
    assert_allclose(matrix @ v, g, rtol=0, atol=1e-12)
    factorised = _newton._cholesky(*entries, r, rest, g)
    assert factorised[-1] == 0
    if threshold < 0:
        assert_allclose(matrix @ factorised, g, rtol=0, atol=1e-13)


def test_both_ways_of_forming_the_matrix(monkeypatch):
    C, r, c, y, sums, entries, _ = newton_system(0.01)
    rest, _ = _newton_kernels.schur_diagonals(*entries, r, sums, 0.0)
    solutions = []
    for cost in (0.0, np.inf):
        monkeypatch.setattr(_newton, "_SPARSE_COST", cost)
        solutions.append(_newton._cholesky(*entries, r, rest, c - sums))
    assert_allclose(solutions[0], solutions[1], rtol=1e-10)


def test_hessian_by_differences():
    """The reference's own matrices are second derivatives of its functions; and the dual one has its null vector."""
    C, r, c, y = problem(5, 5)
    eta, h = 3.0, 1e-4
    A = reference.semidual_matrix(y, C, r, eta)
    for k in range(5):
        e = h * np.eye(5)[k]
        difference = reference.semidual_gradient(y + e, C, r, c, eta) - reference.semidual_gradient(y - e, C, r, c, eta)
        assert_allclose(difference / (2 * h), -eta * A[k], atol=1e-7)
        slope = (reference.semidual(y + e, C, r, c, eta) - reference.semidual(y - e, C, r, c, eta)) / (2 * h)
        assert_allclose(slope, reference.semidual_gradient(y, C, r, c, eta)[k], atol=1e-7)
    H = reference.dual_matrix(reference.row_potential(y, C, r, eta), y, C, eta)
    assert_allclose(H @ np.r_[np.ones(5), -np.ones(5)], 0, atol=1e-15)


def test_bipartite_system():
    rng = np.random.default_rng(4)
    S = rng.random((9, 6)) * (rng.random((9, 6)) > 0.4)
    rows, columns = S.sum(axis=1) + 0.1, S.sum(axis=0) + 0.1
    indptr = np.r_[0, np.cumsum((S > 0).sum(axis=1))]
    gx, gy = rng.standard_normal(9), rng.standard_normal(6)
    vx, vy = np.empty(9), np.empty(6)
    indices, entries = np.nonzero(S)[1], S[S > 0]
    _newton_kernels.bipartite_pcg(indptr, indices, entries, rows, columns, gx, gy, 1e-13, 100, vx, vy)
    H = np.block([[np.diag(rows), S], [S.T, np.diag(columns)]])
    assert_allclose(H @ np.r_[vx, vy], np.r_[gx, gy], atol=1e-11)


def test_ranges_cover_the_rows():
    for n, m in ((1, 1), (500, 500), (1100, 900), (7, 10**6), (10**5, 10**5)):
        edges = row_edges(n, m)
        assert edges[0] == 0
        assert edges[-1] == n
        assert (np.diff(edges) > 0).all()
    assert [padded_length(m) for m in (1, 32, 33)] == [32, 32, 64]
