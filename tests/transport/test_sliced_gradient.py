"""Gradients of sliced costs: the plain reference, central differences, exact cases."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sparsesci.transport import _control_variates as cv
from sparsesci.transport import _variate_gradients as vg
from sparsesci.transport import sliced_wasserstein_distance, sliced_wasserstein_gradient, sphere_directions
from sparsesci.transport._clouds import bring_together
from sparsesci.transport._sliced_gradient_kernels import direction_gradients
from tests.reference import sliced_gradient as reference


def cloud(n, d, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


def weights(n, seed=0):
    return np.random.default_rng(seed).random(n) + 0.1


def both(X, Y, **options):
    return sliced_wasserstein_gradient(X, Y, return_y_gradient=True, random_state=0, **options)


@pytest.mark.parametrize("p", [1, 1.5, 2, 3])
@pytest.mark.parametrize(("n", "m", "d"), [(20, 20, 2), (20, 15, 3), (20, 20, 17), (9, 20, 18), (1, 6, 4)])
@pytest.mark.parametrize("weighted", [False, True])
def test_agrees_with_the_reference(n, m, d, p, weighted):
    X, Y, T = cloud(n, d), cloud(m, d, 1) + 1, sphere_directions(21, d, "uniform", random_state=0)
    a, b = (weights(n), weights(m, 1)) if weighted else (None, None)
    cost, of_x, of_y = both(X, Y, p=p, x_weights=a, y_weights=b, projections=T)
    expected_x, expected_y, _ = reference.gradients(X, Y, T, np.full(21, 1 / 21), a, b, p)
    assert_allclose(of_x, expected_x, atol=1e-12 * np.abs(expected_x).max())
    assert_allclose(of_y, expected_y, atol=1e-12 * np.abs(expected_y).max())
    alone = sliced_wasserstein_gradient(X, Y, p=p, x_weights=a, y_weights=b, projections=T)
    assert len(alone) == 2
    assert alone[0] == cost
    assert (alone[1] == of_x).all()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("p", [1, 2, 2.5])
def test_gradients_by_direction_agree_with_the_reference(weighted, p):
    X, Y, T = cloud(20, 3), cloud(15, 3, 1), sphere_directions(9, 3, "uniform", random_state=0)
    a, b = (weights(20), weights(15, 1)) if weighted else (None, None)
    masses = (a / a.sum(), b / b.sum()) if weighted else (None, None)
    costs, out = np.empty(9), np.empty((9, 3))
    points = np.ascontiguousarray(X.T), np.ascontiguousarray(Y.T)
    direction_gradients(*points, *masses, T, p, costs, out, None)
    assert_allclose(out, reference.gradients(X, Y, T, np.ones(9), a, b, p)[2], rtol=1e-11, atol=1e-13)
    assert_allclose(np.sum(out * T, axis=1), p * costs, rtol=1e-12)  # the cost is homogeneous of degree p


SCHEMES = [
    (2, {}),
    (3, {}),
    (4, {"n_projections": 90}),
    (4, {"n_projections": 90, "p": 3}),
    (7, {"n_projections": 20}),
    (7, {"n_projections": 20, "p": 1}),
    (7, {"n_projections": 20, "p": 1.5}),
    (7, {"n_projections": 20, "p": 4, "n_replicates": 2}),
    (3, {"control_variate": "harmonic", "degree": 6}),
    (5, {"control_variate": "none", "sampling": "uniform", "p": 1}),
    (1, {"p": 1.5}),
]


@pytest.mark.parametrize(("d", "options"), SCHEMES)
@pytest.mark.parametrize("weighted", [False, True])
def test_central_differences(d, options, weighted):
    X, Y = cloud(4, d), cloud(3, d, 1) * 0.7 + 0.5
    if weighted:
        options = {**options, "x_weights": weights(4), "y_weights": weights(3, 1)}

    def function(X, Y):
        return sliced_wasserstein_distance(X, Y, random_state=0, return_result=True, **options)

    cost, of_x, of_y = both(X, Y, **options)
    assert cost == function(X, Y).cost
    assert_allclose(of_x, reference.central_differences(lambda Z: function(Z, Y).cost, X), atol=1e-8)
    assert_allclose(of_y, reference.central_differences(lambda Z: function(X, Z).cost, Y), atol=1e-8)
    distance, rooted_x, rooted_y = both(X, Y, root=True, **options)
    assert distance == function(X, Y).distance
    p = options.get("p", 2)
    assert_allclose(p * distance ** (p - 1) * rooted_x, of_x, atol=1e-14)
    assert_allclose(p * distance ** (p - 1) * rooted_y, of_y, atol=1e-14)


@pytest.mark.parametrize("kind", ["lower", "upper", "both", "moments"])
def test_regressed_variates_with_constant_coefficient(kind):
    X, Y = cloud(6, 4), cloud(5, 4, 1) * 0.7 + 0.5
    options = {"control_variate": kind, "sampling": "uniform", "n_projections": 12}
    found = sliced_wasserstein_distance(X, Y, random_state=0, return_result=True, **options)

    def function(X, Y):
        costs = sliced_wasserstein_distance(X, Y, projections=found.projections, return_result=True).projected_costs
        moments = cv.moments(bring_together(X, Y, None, None))
        scale = bring_together(X, Y, None, None).scale ** 2
        centred = cv.variates(kind, moments, found.projections)[0] * scale
        return np.mean(costs - centred @ found.cv_coef)

    cost, of_x, of_y = both(X, Y, **options)
    assert cost == found.cost
    assert_allclose(cost, function(X, Y), rtol=1e-12)
    assert_allclose(of_x, reference.central_differences(lambda Z: function(Z, Y), X), atol=1e-8)
    assert_allclose(of_y, reference.central_differences(lambda Z: function(X, Z), Y), atol=1e-8)


@pytest.mark.parametrize("p", [1, 1.3, 2, 2.5, 3, 4, 5.5])
def test_slopes_of_gaussian_costs(p):
    delta = np.array([0.3, -1.0, 2.0, -0.01, 1.0, 0.0, 1.0])
    s = np.array([0.5, 1.0, 0.11, 2.0, 0.03, 1.0, 1e-9])
    by_delta, by_s = vg.gaussian_slopes(delta, s, p)
    h = 1e-6
    expected = (cv.gaussian_costs(delta + h, s, p) - cv.gaussian_costs(delta - h, s, p)) / (2 * h)
    assert_allclose(by_delta, expected, rtol=1e-6, atol=1e-8)
    h = 1e-3 * s
    expected = (cv.gaussian_costs(delta, s + h, p) - cv.gaussian_costs(delta, s - h, p)) / (2 * h)
    assert_allclose(by_s[:-1], expected[:-1], rtol=1e-5, atol=1e-7)
    assert abs(by_s[-1]) < 1e-7


def test_slopes_do_not_jump_where_the_series_begins():
    for p in (1, 1.5, 3.2, 6):
        z = np.array([cv._FAR * (1 - 1e-9), cv._FAR * (1 + 1e-9)])
        for found in vg.gaussian_slopes(np.sqrt(2 * z) * 0.1, np.full(2, 0.1), p):
            assert_allclose(found[0], found[1], rtol=2e-6, atol=1e-12)


# Exact cases


def test_translation():
    X, shift = cloud(30, 5), np.arange(5.0)
    for options in ({"control_variate": "lower", "sampling": "uniform"}, {"sampling": "orthogonal"}):
        cost, of_x, of_y = both(X, X + shift, n_projections=50, **options)
        assert_allclose(cost, 6.0, rtol=1e-12)
        assert_allclose(30 * of_x, np.tile(-2 * shift / 5, (30, 1)), atol=1e-12)
        assert_allclose(of_x.sum(axis=0), -of_y.sum(axis=0), atol=1e-13)


def test_no_force_between_equal_clouds():
    X = cloud(40, 6)
    for root in (False, True):
        value, of_x, of_y = both(X, X[::-1], root=root, control_variate=None)
        assert value < 1e-14
        assert np.abs(of_x).max() < 1e-14 if not root else np.isfinite(of_x).all()
    value, of_x, of_y = both(X, X, root=True, p=1)
    assert value == 0
    assert not of_x.any()
    assert not of_y.any()


@pytest.mark.parametrize("p", [1, 2, 3])
def test_sizes_and_offsets(p):
    X, Y = cloud(20, 4), cloud(15, 4, 1)
    cost, of_x, of_y = both(X, Y, p=p)
    for scale in (1e-60, 1e60):
        far = both(scale * X, scale * Y, p=p)
        assert_allclose(far[1] / scale ** (p - 1), of_x, atol=1e-12 * np.abs(of_x).max())
    _, rooted, _ = both(X, Y, p=p, root=True)
    for scale in (1e-150, 1e150):
        assert_allclose(both(scale * X, scale * Y, p=p, root=True)[1], rooted, atol=1e-12 * np.abs(rooted).max())
    assert_allclose(both(X + 1e6, Y + 1e6, p=p)[1], of_x, atol=1e-8)


def test_points_without_mass_feel_no_force():
    X, Y, a = cloud(8, 3), cloud(5, 3, 1), np.append(weights(7), 0.0)
    _, of_x, of_y = both(X, Y, x_weights=a)
    assert not of_x[-1].any()
    _, expected, expected_y = both(X[:-1], Y, x_weights=a[:-1])
    assert_allclose(of_x[:-1], expected, atol=1e-15)
    assert_allclose(of_y, expected_y, atol=1e-15)


def test_degenerate_clouds():
    for options in ({}, {"control_variate": "moments"}, {"p": 1}):
        for X, Y in ((np.ones((5, 4)), np.ones((3, 4))), (np.zeros((4, 4)), cloud(6, 4)), (cloud(1, 4), cloud(5, 4))):
            value, of_x, of_y = both(X, Y, **options)
            assert np.isfinite(value)
            assert np.isfinite(of_x).all()
            assert np.isfinite(of_y).all()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("d", [3, 20])
def test_batches_and_threads_do_not_change_a_bit(weighted, d):
    X, Y = cloud(700, d), cloud(600, d, 1)
    options = {"x_weights": weights(700), "y_weights": weights(600, 1)} if weighted else {}
    expected = both(X, Y, n_projections=150, **options)
    for batch_size, n_jobs in ((1, 2), (100, 1), (70, 3), (1000, 2)):
        found = both(X, Y, n_projections=150, batch_size=batch_size, n_jobs=n_jobs, **options)
        assert found[0] == expected[0]
        assert (found[1] == expected[1]).all()
        assert (found[2] == expected[2]).all()


def test_single_precision():
    X, Y = cloud(50, 5).astype(np.float32), cloud(40, 5, 1).astype(np.float32)
    _, expected, _ = both(X.astype(float), Y.astype(float))
    cost, of_x, of_y = both(X, Y)
    assert of_x.dtype == of_y.dtype == np.float32
    assert isinstance(cost, float)
    assert_allclose(of_x, expected, atol=1e-5 * np.abs(expected).max())
