"""Facts about sliced distances that hold for every rule: metric axioms, bounds, decompositions, rates."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sparsesci.transport import sliced_wasserstein_distance, sphere_directions
from sparsesci.transport._directions import orthogonal_rows
from tests.reference import sliced_wasserstein as reference


def cloud(n, d, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


def along(X, Y, T, **options):
    return sliced_wasserstein_distance(X, Y, projections=T, **options)


@pytest.mark.parametrize("p", [1, 2, 3.5])
def test_distance_of_one_rule_is_a_metric(p):
    """For fixed directions with equal weights the distance is one of L_p, so the axioms hold exactly."""
    T = sphere_directions(20, 4, "uniform", random_state=0)
    for seed in range(5):
        X, Y, Z = cloud(12, 4, seed), cloud(9, 4, seed + 10) + 1, cloud(7, 4, seed + 20) * 2
        assert_allclose(along(X, Y, T, p=p), along(Y, X, T, p=p), rtol=1e-13)
        assert along(X, Z, T, p=p) <= along(X, Y, T, p=p) + along(Y, Z, T, p=p) + 1e-13
        assert_allclose(along(-3 * X, -3 * Y, T, p=p), 3 * along(X, Y, T, p=p), rtol=1e-13)
        assert_allclose(along(X + 5, Y + 5, T, p=p), along(X, Y, T, p=p), rtol=1e-12)
        assert along(X, X, T, p=p) == 0
        rotation = orthogonal_rows(4, 4, 4, np.uint64(seed), np.uint64(7))
        assert_allclose(along(X @ rotation, Y @ rotation, T @ rotation, p=p), along(X, Y, T, p=p), rtol=1e-12)


def test_distances_grow_with_p():
    X, Y, T = cloud(12, 4), cloud(9, 4, 1) + 1, sphere_directions(20, 4, "uniform", random_state=0)
    found = [along(X, Y, T, p=p) for p in (1, 1.5, 2, 3, 6)]
    assert (np.diff(found) > 0).all()


def test_mean_and_shape_add_up():
    """On an orthonormal basis, the cost is |D|^2 / d plus that of the centred clouds."""
    X, Y, a = cloud(12, 5), cloud(9, 5, 1) + 2, np.random.default_rng(3).random(12)
    T = sphere_directions(10, 5, "orthogonal", random_state=0)
    means = np.average(X, axis=0, weights=a), Y.mean(axis=0)
    whole = along(X, Y, T, x_weights=a) ** 2
    centred = along(X - means[0], Y - means[1], T, x_weights=a) ** 2
    assert_allclose(whole, np.sum((means[0] - means[1]) ** 2) / 5 + centred, rtol=1e-13)


def test_bounds_of_every_direction():
    """Squared shift <= cost of the Gaussian fits <= cost <= cost of independent coupling of the centred clouds."""
    for seed in range(4):
        X, Y = np.exp(cloud(15, 3, seed)), cloud(11, 3, seed + 9) + 1
        T = sphere_directions(50, 3, "uniform", random_state=seed)
        costs = sliced_wasserstein_distance(X, Y, projections=T, return_result=True).projected_costs
        (m1, C1), (m2, C2) = reference.moments(X), reference.moments(Y)
        shifts = (T @ (m1 - m2)) ** 2
        spreads = np.einsum("li,ij,lj->l", T, C1 + C2, T)
        gaussian = np.array([reference.gaussian_cost(t, X, Y) for t in T])
        slack = 1e-12
        assert (shifts <= gaussian + slack).all()
        assert (gaussian <= costs + slack).all()
        assert (costs <= shifts + spreads + slack).all()


def errors(X, Y, n, exact, seeds, **options):
    found = [
        sliced_wasserstein_distance(X, Y, n_projections=n, random_state=s, return_result=True, **options).cost
        for s in range(seeds)
    ]
    return np.sqrt(np.mean((np.array(found) - exact) ** 2))


@pytest.mark.slow
def test_rates():
    """RMSE from 50 to 500 directions: L^-1.5 or better for kernel weights, L^-0.5 within noise for plain ones."""
    X, Y = cloud(300, 3) * [1, 2, 0.3], np.exp(0.5 * cloud(300, 3, 1))
    best = {"sampling": "fibonacci", "control_variate": "kernel"}
    exact = sliced_wasserstein_distance(X, Y, n_projections=4000, n_replicates=4, random_state=9, **best) ** 2
    fast = errors(X, Y, 50, exact, 30, **best) / errors(X, Y, 500, exact, 30, **best)
    assert fast > 10**1.5
    plain = {"sampling": "uniform", "control_variate": None}
    slow = errors(X, Y, 50, exact, 200, **plain) / errors(X, Y, 500, exact, 200, **plain)
    assert 2.2 < slow < 4.5
