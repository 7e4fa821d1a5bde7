"""Generalised slices: polynomial and circular projections."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sparsesci.transport import sliced_wasserstein_distance, sliced_wasserstein_gradient, sphere_directions
from tests.reference import sliced_gradient as reference
from tests.reference import sliced_wasserstein as plain


def cloud(n, d, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


def weights(n, seed=0):
    return np.random.default_rng(seed).random(n) + 0.1


def result_of(X, Y, **options):
    return sliced_wasserstein_distance(X, Y, return_result=True, random_state=0, **options)


@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize("degree", [1, 3, 5])
@pytest.mark.parametrize("weighted", [False, True])
def test_polynomial_agrees_with_the_reference(p, degree, weighted):
    X, Y = cloud(12, 2), cloud(9, 2, 1) + 0.5
    a, b = (weights(12), weights(9, 1)) if weighted else (None, None)
    result = result_of(X, Y, p=p, projection="polynomial", degree=degree, x_weights=a, y_weights=b, n_projections=20)
    features = [reference.monomials(points, degree) for points in (X, Y)]
    assert result.projections.shape == (20, degree + 1)
    assert_allclose(result.projected_costs, plain.costs(*features, result.projections, a, b, p), rtol=1e-10)
    assert_allclose(result.cost, result.projected_costs.mean(), rtol=1e-12)
    assert_allclose(result.distance**p, result.cost, rtol=1e-12)


@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize("radius", [0.01, 1.0, 30.0])
@pytest.mark.parametrize(("m", "weighted"), [(12, False), (9, False), (9, True)])
def test_circular_agrees_with_the_reference(p, radius, m, weighted):
    X, Y = cloud(12, 3), cloud(m, 3, 1) + 0.5
    a, b = (weights(12), weights(m, 1)) if weighted else (None, None)
    options = {"p": p, "projection": "circular", "radius": radius, "x_weights": a, "y_weights": b}
    result = result_of(X, Y, n_projections=15, **options)
    assert_allclose(
        result.projected_costs, reference.circular_costs(X, Y, result.projections, radius, a, b, p), rtol=1e-9
    )
    T = sphere_directions(6, 3, "uniform", random_state=3)
    assert_allclose(result_of(X, Y, projections=2 * T, **options).projections, T, rtol=1e-14)


@pytest.mark.parametrize("options", [{"projection": "polynomial"}, {"projection": "circular", "radius": 0.7}])
@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_gradients(options, p, weighted):
    X, Y = cloud(6, 2), cloud(5, 2, 1) + 0.5
    options = {**options, "p": p, "n_projections": 11, "random_state": 0}
    if weighted:
        options |= {"x_weights": np.append(weights(5), 0), "y_weights": weights(5, 1)}

    def function(X, Y):
        return sliced_wasserstein_distance(X, Y, return_result=True, **options).cost

    cost, of_x, of_y = sliced_wasserstein_gradient(X, Y, return_y_gradient=True, **options)
    assert cost == function(X, Y)
    assert_allclose(of_x, reference.central_differences(lambda Z: function(Z, Y), X), rtol=1e-7, atol=1e-8)
    assert_allclose(of_y, reference.central_differences(lambda Z: function(X, Z), Y), rtol=1e-7, atol=1e-8)
    distance, rooted, _ = sliced_wasserstein_gradient(X, Y, return_y_gradient=True, root=True, **options)
    assert_allclose(p * distance ** (p - 1) * rooted, of_x, rtol=1e-12)
    far = sliced_wasserstein_gradient(4 * X, 4 * Y, **{**options, "radius": 4 * options.get("radius", 1.0)})
    power = p - 1 if options["projection"] == "circular" else 3 * p - 1
    assert_allclose(far[1] / 4.0**power, of_x, rtol=1e-12)


def test_degree_one_is_the_linear_distance():
    X, Y, T = cloud(12, 4), cloud(9, 4, 1), sphere_directions(7, 4, "uniform", random_state=0)
    linear = sliced_wasserstein_distance(X, Y, projections=T)
    assert_allclose(sliced_wasserstein_distance(X, Y, projections=T, projection="polynomial", degree=1), linear)


def test_a_far_sphere_is_the_linear_distance():
    """|x - r t| = r - x.t + O(1 / r)."""
    X, Y, T = cloud(12, 4), cloud(9, 4, 1), sphere_directions(7, 4, "uniform", random_state=0)
    far = sliced_wasserstein_distance(X, Y, projections=T, projection="circular", radius=1e6)
    assert_allclose(far, sliced_wasserstein_distance(X, Y, projections=T), rtol=1e-4)


def test_the_line_is_exact():
    X, Y = cloud(12, 1), cloud(9, 1, 1)
    cubes = result_of(X, Y, projection="polynomial", p=1)
    assert_allclose(cubes.cost, plain.cost_1d(X[:, 0] ** 3, Y[:, 0] ** 3, p=1), rtol=1e-12)
    assert cubes.stderr == 0
    circular = result_of(X, Y, projection="circular", radius=0.5, p=1, n_projections=9, n_replicates=3)
    sides = [plain.cost_1d(abs(X[:, 0] - c), abs(Y[:, 0] - c), p=1) for c in (0.5, -0.5)]
    assert_allclose(circular.cost, np.mean(sides), rtol=1e-12)
    assert circular.stderr == 0
    assert circular.n_projections == 2


@pytest.mark.parametrize("options", [{"projection": "polynomial"}, {"projection": "circular", "radius": 2.0}])
def test_unbiased(options):
    """Means of independent estimates from three samplings agree within 5.5 standard errors: one false alarm in 1e6."""
    X, Y = cloud(20, 3), cloud(20, 3, 1) * 1.5 + 0.5
    found = [
        result_of(X, Y, n_projections=40, n_replicates=100, sampling=sampling, **options)
        for sampling in ("uniform", "orthogonal", "sobol")
    ]
    for other in found[1:]:
        assert abs(other.cost - found[0].cost) < 5.5 * np.hypot(other.stderr, found[0].stderr)
    assert found[1].stderr < found[0].stderr


def test_sizes_and_same_cloud():
    X, Y = cloud(20, 3), cloud(15, 3, 1)
    for options, degree in (({"projection": "polynomial"}, 3), ({"projection": "circular"}, 1)):
        assert result_of(X, X, **options).cost == 0
        expected = result_of(X, Y, **options).distance
        for size in (1e-80, 1e80):
            radius = {"radius": size} if degree == 1 else {}
            assert_allclose(result_of(size * X, size * Y, **options, **radius).distance / size**degree, expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"projection": "cubic"}, "projection"),
        ({"projection": "polynomial", "degree": 2}, "degree must be odd"),
        ({"projection": "polynomial", "control_variate": "lower"}, "control_variate"),
        ({"projection": "circular", "control_variate": "gaussian"}, "control_variate"),
        ({"projection": "circular", "sampling": "fibonacci"}, "half of the sphere"),
        ({"projection": "circular", "radius": 0.0}, "radius"),
        ({"projection": "polynomial", "projections": np.ones((5, 3))}, r"\(n_projections, 10\)"),
    ],
)
def test_refused(options, message):
    with pytest.raises(ValueError, match=message):
        sliced_wasserstein_distance(cloud(9, 3), cloud(9, 3, 1), **options)
