"""Sinkhorn divergence and derivatives of the regularised cost."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning

from sparsesci.transport import _entropic_divergence as module
from sparsesci.transport import entropic_transport, sinkhorn_divergence, transport_cost_gradient
from tests.reference import entropic_transport as reference

METRICS = ("sqeuclidean", "euclidean", "cityblock")


def clouds(n=25, m=18, d=2, seed=0):
    rng = np.random.default_rng(seed)
    a, b = rng.random(n) + 0.2, rng.random(m) + 0.2
    return rng.standard_normal((n, d)), rng.standard_normal((m, d)) + 0.5, a / a.sum(), b / b.sum()


def regularized(X, Y, a, b, metric, reg):
    """Return the regularised cost by the reference."""
    C = reference.cost_matrix(X, Y, metric)
    _, x, y = reference.sinkhorn(C, a, b, 1 / reg)
    return a @ x + b @ y


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("reg", [0.3, 3.0])
def test_divergence_is_its_definition(metric, reg):
    X, Y, a, b = clouds()
    within = (regularized(X, X, a, a, metric, reg) + regularized(Y, Y, b, b, metric, reg)) / 2
    expected = regularized(X, Y, a, b, metric, reg) - within
    value = sinkhorn_divergence(X, Y, a, b, metric=metric, reg=reg, tol=1e-12)
    assert isinstance(value, float)
    assert value > 0
    assert_allclose(value, expected, rtol=1e-9)
    assert_allclose(sinkhorn_divergence(Y, X, b, a, metric=metric, reg=reg, tol=1e-12), value, rtol=1e-9)


@pytest.mark.parametrize("reg", [1e-3, 0.1, 10.0])
def test_translation(reg):
    """For squared distances a shift t adds exactly |t|^2 beside the (zero) divergence of the shapes."""
    X, _, a, _ = clouds()
    assert_allclose(sinkhorn_divergence(X, X, a, a, reg=reg, tol=1e-11), 0, atol=1e-9)
    assert_allclose(sinkhorn_divergence(X, X + [1.0, 2.0], a, a, reg=reg, tol=1e-11), 5.0, rtol=1e-8)


def test_zero_masses_and_newton_for_the_symmetric_problem(monkeypatch):
    X, Y, a, b = clouds()
    a[3], b[0] = 0, 0
    a, b = a / a.sum(), b / b.sum()
    expected = sinkhorn_divergence(X[a > 0], Y[b > 0], a[a > 0], b[b > 0], reg=0.05, tol=1e-12)
    assert_allclose(sinkhorn_divergence(X, Y, a, b, reg=0.05, tol=1e-12), expected, rtol=1e-9)
    monkeypatch.setattr(module, "_MOST_AVERAGED_STEPS", 1)
    assert_allclose(sinkhorn_divergence(X, Y, a, b, reg=0.05, tol=1e-12), expected, rtol=1e-9)


def test_divergence_says_when_it_has_not_converged():
    X, Y, a, b = clouds()
    with pytest.warns(ConvergenceWarning):
        sinkhorn_divergence(X, Y, a, b, reg=1e-3, max_iter=3)


@pytest.mark.parametrize("metric", METRICS)
def test_gradient_by_points(metric):
    X, Y, a, b = clouds(9, 7)
    reg, h = 0.2, 1e-5
    gradient = transport_cost_gradient(X, Y, a, b, metric=metric, reg=reg, tol=1e-13)
    assert_allclose(gradient.regularized_cost, regularized(X, Y, a, b, metric, reg), rtol=1e-11)
    for name, points in (("X", X), ("Y", Y)):
        numerical = np.empty_like(points)
        for place in np.ndindex(points.shape):
            ends = []
            for sign in (1, -1):
                moved = points.copy()
                moved[place] += sign * h
                ends.append(regularized(*((moved, Y) if name == "X" else (X, moved)), a, b, metric, reg))
            numerical[place] = (ends[0] - ends[1]) / (2 * h)
        assert_allclose(gradient[name], numerical, rtol=0, atol=1e-7)


def test_gradient_by_masses_and_costs():
    X, Y, a, b = clouds(9, 7)
    reg, h = 0.2, 1e-5
    C = reference.cost_matrix(X, Y, "sqeuclidean")
    gradient = transport_cost_gradient(X, Y, a, b, reg=reg, tol=1e-13)
    move = h * (np.eye(9)[2] - np.eye(9)[5])
    ends = [regularized(X, Y, a + sign * move, b, "sqeuclidean", reg) for sign in (1, -1)]
    assert_allclose(gradient.a[2] - gradient.a[5], (ends[0] - ends[1]) / (2 * h), atol=1e-7)
    move = h * (np.eye(7)[0] - np.eye(7)[6])
    ends = [regularized(X, Y, a, b + sign * move, "sqeuclidean", reg) for sign in (1, -1)]
    assert_allclose(gradient.b[0] - gradient.b[6], (ends[0] - ends[1]) / (2 * h), atol=1e-7)
    assert_allclose([gradient.a.mean(), gradient.b.mean()], 0, atol=1e-15)
    change = np.zeros_like(C)
    change[4, 3] = h
    ends = [
        entropic_transport(C + sign * change, a, b, reg=reg, tol=1e-13).regularized_cost for sign in (1, -1)
    ]  # fmt: skip
    assert_allclose(
        entropic_transport(C, a, b, reg=reg, tol=1e-13).plan[4, 3], (ends[0] - ends[1]) / (2 * h), atol=1e-7
    )


def test_gradient_where_points_coincide_or_have_no_mass():
    X, _, a, _ = clouds()
    a[4] = 0
    a /= a.sum()
    for metric in METRICS:
        gradient = transport_cost_gradient(X, X, a, a, metric=metric, reg=0.1)
        assert np.isfinite(gradient.X).all()
        assert_allclose(gradient.X, -gradient.Y * -1, atol=1e-8)
        assert not gradient.X[4].any()


def test_gradient_is_the_plans_formula():
    X, Y, a, b = clouds()
    C = reference.cost_matrix(X, Y, "sqeuclidean")
    P, *_ = reference.sinkhorn(C, a, b, 5.0)
    gradient = transport_cost_gradient(X, Y, a, b, reg=0.2, tol=1e-13)
    assert_allclose(gradient.X, 2 * (P.sum(axis=1)[:, None] * X - P @ Y), atol=1e-11)
    assert_allclose(gradient.Y, 2 * (P.sum(axis=0)[:, None] * Y - P.T @ X), atol=1e-11)
