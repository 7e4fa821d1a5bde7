"""The max-sliced distance: closed forms, brute force over directions, degenerate clouds."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning

from sparsesci.transport import max_sliced_wasserstein_distance, sliced_wasserstein_distance, sphere_directions
from tests.reference import sliced_wasserstein as reference


def cloud(n, d, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


def weights(n, seed=0):
    return np.random.default_rng(seed).random(n) + 0.1


def cost_along(X, Y, direction, **options):
    return sliced_wasserstein_distance(X, Y, projections=[direction], **options)


@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize("sampling", ["auto", "uniform"])
def test_translation(p, sampling):
    X, shift = cloud(40, 6), np.array([0, 3.0, 0, 0, -4, 0])
    result = max_sliced_wasserstein_distance(X, X + shift, p=p, sampling=sampling, random_state=0)
    assert_allclose(result.distance, 5, rtol=1e-10)
    assert_allclose(abs(result.direction @ shift), 5, rtol=1e-10)
    assert_allclose(result.cost, 5.0**p, rtol=1e-10)


def test_dilation_finds_the_principal_axis():
    X = cloud(60, 8) * np.linspace(1, 3, 8)
    X -= X.mean(axis=0)
    values, vectors = np.linalg.eigh(X.T @ X / 60)
    result = max_sliced_wasserstein_distance(X, 3 * X, random_state=0)
    assert_allclose(result.cost, 4 * values[-1], rtol=1e-7)
    assert_allclose(abs(result.direction @ vectors[:, -1]), 1, rtol=1e-6)


@pytest.mark.parametrize("p", [1, 2, 2.5])
@pytest.mark.parametrize(("n", "m", "weighted"), [(3, 3, False), (20, 20, False), (20, 15, False), (12, 15, True)])
def test_no_direction_of_the_plane_is_better(n, m, weighted, p):
    X, Y = cloud(n, 2), cloud(m, 2, 1) * 1.3 + 0.2
    a, b = (weights(n), weights(m, 1)) if weighted else (None, None)
    result = max_sliced_wasserstein_distance(X, Y, p=p, x_weights=a, y_weights=b, random_state=0)
    T = sphere_directions(20_000, 2, random_state=0)
    options = {"p": p, "x_weights": a, "y_weights": b}
    found = sliced_wasserstein_distance(X, Y, projections=T, return_result=True, **options).projected_costs
    assert result.cost >= (1 - 1e-7) * found.max()
    assert_allclose(cost_along(X, Y, result.direction, **options), result.distance, rtol=1e-12)
    assert_allclose(reference.cost_1d(X @ result.direction, Y @ result.direction, a, b, p), result.cost, rtol=1e-10)
    assert_allclose(np.linalg.norm(result.direction), 1)


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("n", [4, 30, 300])
def test_no_direction_of_space_is_much_better(n, p):
    """Maxima of small clouds lie on ridges, where the cost has no derivative."""
    T = sphere_directions(20_000, 3, random_state=0)
    for seed in range(3):
        X, Y = cloud(n, 3, seed), cloud(n, 3, seed + 10) * 1.2
        found = sliced_wasserstein_distance(X, Y, p=p, projections=T, return_result=True).projected_costs
        assert max_sliced_wasserstein_distance(X, Y, p=p, random_state=0).cost >= 0.998 * found.max()


def test_ascent_improves_on_its_candidates():
    X, Y = cloud(60, 20), cloud(50, 20, 1) * np.linspace(0.8, 1.4, 20)
    before = max_sliced_wasserstein_distance(X, Y, max_iter=0, random_state=0)
    after = max_sliced_wasserstein_distance(X, Y, random_state=0)
    assert after.cost > 1.05 * before.cost
    assert after.converged
    assert not before.converged
    assert len(after.start_costs) == len(after.start_directions) == 10
    assert after.start_costs[0] == after.cost
    assert (np.diff(after.start_costs) <= 0).all()
    mean = sliced_wasserstein_distance(X, Y, random_state=0)
    assert mean < after.distance


def test_warns_before_convergence():
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        max_sliced_wasserstein_distance(cloud(60, 20), cloud(50, 20, 1) * 2, max_iter=2, random_state=0)


@pytest.mark.parametrize("size", [1e-150, 1e150])
def test_sizes(size):
    X, Y = cloud(20, 4), cloud(15, 4, 1)
    expected = max_sliced_wasserstein_distance(X, Y, random_state=0)
    scaled = max_sliced_wasserstein_distance(size * X, size * Y, random_state=0)
    assert_allclose(scaled.distance / size, expected.distance, rtol=1e-7)


def test_degenerate_clouds():
    same = max_sliced_wasserstein_distance(np.ones((5, 3)), np.ones((2, 3)), random_state=0)
    assert same.distance == 0
    assert_allclose(np.linalg.norm(same.direction), 1)
    points = max_sliced_wasserstein_distance([[0.0, 0]], [[3.0, 4]], random_state=0)
    assert_allclose(points.distance, 5)
    line = max_sliced_wasserstein_distance(cloud(9, 1), cloud(7, 1, 1), p=1, n_init=4)
    assert_allclose(line.cost, reference.cost_1d(cloud(9, 1)[:, 0], cloud(7, 1, 1)[:, 0], p=1))
    assert line.direction.tolist() == [1.0]
    many = max_sliced_wasserstein_distance(cloud(9, 2), cloud(7, 2, 1), n_projections=1, n_init=50, random_state=0)
    assert len(many.start_costs) == 4


def test_given_candidates():
    X, Y = cloud(30, 5), cloud(30, 5, 1) + 0.3
    T = sphere_directions(3, 5, random_state=2)
    first = max_sliced_wasserstein_distance(X, Y, projections=T, random_state=0)
    second = max_sliced_wasserstein_distance(X, Y, projections=3 * T, random_state=1)
    assert_allclose(first.direction, second.direction, atol=1e-6)
