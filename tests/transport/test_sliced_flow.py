"""Gradient flows and barycentres: steps of the plain reference, exact cases, the published order of methods."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from sparsesci.datasets import make_slab, make_trefoil_knot
from sparsesci.transport import (
    sliced_wasserstein_barycenter,
    sliced_wasserstein_distance,
    sliced_wasserstein_flow,
    sliced_wasserstein_gradient,
)
from sparsesci.transport._directions import draw
from tests.reference import sliced_gradient as reference


def cloud(n, d, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


def weights(n, seed=0):
    return np.random.default_rng(seed).random(n) + 0.1


def exact_cost(X, Y):
    """Return W_2^2 between clouds of equal size."""
    cost = cdist(X, Y, "sqeuclidean")
    return cost[linear_sum_assignment(cost)].mean()


# Flows


@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize("objective", ["sw", "sw2"])
@pytest.mark.parametrize("weighted", [False, True])
def test_first_step_follows_the_gradient(objective, weighted, p):
    X, Y = cloud(12, 3), cloud(9, 3, 1) + 1
    a, b = (weights(12), weights(9, 1)) if weighted else (None, None)
    masses = np.full(12, 1 / 12) if a is None else a / a.sum()
    options = {"p": p, "x_weights": a, "y_weights": b, "random_state": 3}
    distance, gradient = sliced_wasserstein_gradient(X, Y, root=True, **options)
    if objective == "sw2":
        gradient = 2 * distance * gradient
    result = sliced_wasserstein_flow(X, Y, 1, 0.3, objective=objective, **options)
    assert_allclose(result.X, X - 0.3 * gradient / masses[:, np.newaxis], atol=1e-12)
    assert_allclose(result.history, [distance], rtol=1e-12)


@pytest.mark.parametrize("d", [2, 3, 5])
def test_transfer_agrees_with_the_reference(d):
    X, Y = cloud(15, d), 2 * cloud(15, d, 1) + 3
    expected = X
    places = []
    result = sliced_wasserstein_flow(
        X, Y, 3, method="transfer", random_state=np.random.default_rng(5), callback=lambda k, Z, s: places.append(Z)
    )
    key = np.random.default_rng(5).integers(0, 2**64, dtype=np.uint64)
    for step in range(3):
        expected = reference.transfer_step(expected, Y, draw("orthogonal", d, d, key, step))
        assert_allclose(places[step], expected, atol=1e-12)
    assert (places[-1] == result.X).all()
    half = sliced_wasserstein_flow(X, Y, 1, 0.5, method="transfer", random_state=np.random.default_rng(5))
    assert_allclose(half.X, (X + places[0]) / 2, atol=1e-12)


def test_translation_is_undone_in_one_step():
    """On an orthonormal basis, a full step moves equal shapes onto each other."""
    X = cloud(20, 4)
    moved = sliced_wasserstein_flow(X, X + 7, 1, method="transfer", random_state=0)
    assert_allclose(moved.X, X + 7, atol=1e-12)


@pytest.mark.parametrize(("n", "m", "weighted"), [(40, 40, False), (40, 25, False), (30, 30, True)])
@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_flow_arrives(n, m, weighted, d):
    X, Y = cloud(n, d), 0.5 * cloud(m, d, 1) + 2
    a, b = (weights(n), weights(m, 1)) if weighted else (None, None)
    options = {"x_weights": a, "y_weights": b, "random_state": 0, "n_projections": 30}
    before = sliced_wasserstein_distance(X, Y, **options)
    for more in ({"objective": "sw2"}, {"method": "transfer"}):
        result = sliced_wasserstein_flow(X, Y, 60, **more, **options)
        after = sliced_wasserstein_distance(result.X, Y, **options)
        assert after < 0.06 * before
        assert_allclose(result.history[0], before, rtol=0.5)
        assert result.n_steps == len(result.history) == 60
    assert (cloud(n, d) == X).all()


def test_published_order_of_gradient_flows():
    """The experiment of the control variates' paper in small, with longer steps, three seeds, and our methods.

    As in the paper's table, plain Monte Carlo is behind both control variates until the flow has nearly arrived.
    """
    source = 2 * make_trefoil_knot(100, random_state=0) / 3 - 2
    target = 2 * make_slab(100, random_state=1) / 3 + 2
    methods = {
        "MC": {"sampling": "uniform", "control_variate": None},
        "lower": {"sampling": "uniform", "control_variate": "lower"},
        "upper": {"sampling": "uniform", "control_variate": "upper"},
        "orthogonal": {"sampling": "orthogonal", "control_variate": None},
        "kernel": {},
    }
    left = {name: np.zeros((3, 3)) for name in methods}
    for name, options in methods.items():
        for seed in range(3):

            def record(step, X, distance, row=left[name][seed]):
                if step in (60, 80, 100):
                    row[step // 20 - 3] = exact_cost(X, target)

            sliced_wasserstein_flow(
                source, target, 100, 0.1, n_projections=10, random_state=seed, callback=record, **options
            )
    for name in ("lower", "upper", "orthogonal", "kernel"):
        assert (left[name].mean(axis=0) < left["MC"].mean(axis=0)).all(), name
    assert left["kernel"][:, 1].std() < left["MC"][:, 1].std() / 10


def test_points_without_mass_stay():
    X, Y, a = cloud(8, 2), cloud(9, 2, 1), np.append(np.ones(7), 0)
    result = sliced_wasserstein_flow(X, Y, 5, objective="sw2", x_weights=a, random_state=0)
    assert (result.X[-1] == X[-1]).all()
    assert np.abs(result.X[:-1] - X[:-1]).min() > 0


def test_callback_ends_the_flow():
    seen = []

    def callback(step, X, distance):
        seen.append((step, X.copy(), distance))
        return step == 4

    result = sliced_wasserstein_flow(cloud(8, 2), cloud(9, 2, 1), 50, callback=callback, random_state=0)
    assert [step for step, _, _ in seen] == [1, 2, 3, 4]
    assert result.n_steps == 4
    assert (seen[-1][1] == result.X).all()
    assert [distance for _, _, distance in seen] == result.history.tolist()


def test_no_steps():
    X = cloud(8, 2)
    result = sliced_wasserstein_flow(X, cloud(9, 2, 1), 0)
    assert (result.X == X).all()
    assert result.X is not X
    assert len(result.history) == 0


@pytest.mark.parametrize("size", [1e-100, 1e100])
def test_flow_of_the_square_has_no_scale(size):
    X, Y = cloud(20, 3), cloud(20, 3, 1) + 5
    options = {"objective": "sw2", "random_state": 0}
    expected = sliced_wasserstein_flow(X, Y, 5, **options)
    scaled = sliced_wasserstein_flow(size * X, size * Y, 5, **options)
    assert_allclose(scaled.X / size, expected.X, rtol=1e-9)
    assert_allclose(scaled.history / size, expected.history, rtol=1e-9)


def test_divergence_is_reported():
    with pytest.raises(FloatingPointError, match="lr=1e\\+200"):
        sliced_wasserstein_flow(cloud(8, 2), cloud(9, 2, 1), 50, 1e200, objective="sw2", random_state=0)


def test_single_precision_stays():
    X, Y = cloud(20, 3).astype(np.float32), cloud(20, 3, 1).astype(np.float32)
    result = sliced_wasserstein_flow(X, Y, 5, objective="sw2", random_state=0)
    assert result.X.dtype == np.float32
    wide = sliced_wasserstein_flow(X.astype(float), Y.astype(float), 5, objective="sw2", random_state=0)
    assert_allclose(result.X, wide.X, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objective": "w2"}, "objective"),
        ({"method": "adam"}, "method"),
        ({"method": "transfer", "p": 1}, "p must be 2"),
        ({"lr": 0.0}, "lr"),
        ({"n_steps": -1}, "n_steps"),
        ({"control_variate": "moments", "n_projections": 4}, "n_projections"),
    ],
)
def test_refused(options, message):
    with pytest.raises(ValueError, match=message):
        sliced_wasserstein_flow(cloud(9, 4), cloud(9, 4, 1), **options)
    with pytest.raises(TypeError, match="callback"):
        sliced_wasserstein_flow(cloud(9, 4), cloud(9, 4, 1), callback=3)


# Barycentres


def test_barycentre_of_translates_is_the_middle_one():
    X = cloud(30, 2)
    shifts = np.array([[0.0, 0], [6, 0], [0, 3]])
    shares = np.array([0.5, 0.25, 0.25])
    result = sliced_wasserstein_barycenter(
        [X + shift for shift in shifts], shares, init=X[::-1] * 0.9, n_steps=300, random_state=0
    )
    assert exact_cost(result.support, X + shares @ shifts) < 1e-3
    spread = shares @ np.sum((shifts - shares @ shifts) ** 2, axis=1) / 2
    assert_allclose(result.history[-1], spread, rtol=1e-3)


def test_barycentre_of_one_cloud_is_that_cloud():
    Y = cloud(30, 3)
    result = sliced_wasserstein_barycenter([Y], n_steps=200, random_state=0)
    assert result.support.shape == (30, 3)
    assert exact_cost(result.support, Y) < 1e-2 * exact_cost(Y, 2 * Y)


def test_weighted_and_repeated_points_agree():
    Y, Z = cloud(10, 2), cloud(12, 2, 1) + 3
    counts = np.random.default_rng(2).integers(0, 4, 10)
    options = {"n_support": 20, "n_steps": 20, "random_state": 0, "n_projections": 40}
    weighted = sliced_wasserstein_barycenter([Y, Z], weights=[counts, None], **options)
    repeated = sliced_wasserstein_barycenter([np.repeat(Y, counts, axis=0), Z], **options)
    # The frame in which both are computed differs, and with it the rounding and the order of ties.
    assert_allclose(weighted.history[1:], repeated.history[1:], rtol=0.05)
    ends = [sliced_wasserstein_distance(one.support, other.support) for one, other in ((weighted, repeated),)]
    assert max(ends) < 0.1


def test_clouds_of_no_weight_do_not_matter():
    Y, Z = cloud(10, 2), cloud(12, 2, 1) + 3
    options = {"init": cloud(10, 2, 4), "n_steps": 4, "random_state": 0}
    one = sliced_wasserstein_barycenter([Y, Z], [1.0, 0.0], **options)
    alone = sliced_wasserstein_barycenter([Y], **options)
    assert_allclose(one.support, alone.support, atol=1e-12)


def test_first_barycentre_step_follows_the_gradient():
    Y, Z, X = cloud(10, 3), cloud(12, 3, 1) + 3, cloud(7, 3, 4)
    step = sliced_wasserstein_barycenter([Y, Z], [0.3, 0.7], init=X, n_steps=1, lr=0.4, random_state=2)
    (cost_y, of_y), (cost_z, of_z) = (sliced_wasserstein_gradient(X, target, random_state=2) for target in (Y, Z))
    assert_allclose(step.support, X - 0.4 * 7 * (0.3 * of_y + 0.7 * of_z), atol=1e-12)
    assert_allclose(step.history, [0.3 * cost_y + 0.7 * cost_z], rtol=1e-12)


def test_array_of_clouds():
    clouds = np.random.default_rng(0).random((3, 15, 2))
    options = {"n_steps": 3, "random_state": 0}
    assert (
        sliced_wasserstein_barycenter(clouds, **options).support
        == sliced_wasserstein_barycenter(list(clouds), **options).support
    ).all()


@pytest.mark.parametrize(
    ("clouds", "options", "kind", "message"),
    [
        ([], {}, ValueError, "clouds"),
        (np.zeros((4, 2)), {}, ValueError, "clouds"),
        ([cloud(3, 2), cloud(3, 3)], {}, ValueError, "same number of features; got 2"),
        ([cloud(3, 2), [[np.nan, 1]]], {}, ValueError, r"clouds\[1\]"),
        ([cloud(3, 2)], {"cloud_weights": [1, 2]}, ValueError, "cloud_weights"),
        ([cloud(3, 2)], {"cloud_weights": [-1]}, ValueError, "cloud_weights"),
        ([cloud(3, 2)], {"weights": [[1, 2]]}, ValueError, r"weights\[0\]"),
        ([cloud(3, 2)], {"weights": []}, ValueError, "weights"),
        ([cloud(3, 2)], {"weights": 3}, TypeError, "weights"),
        ([cloud(3, 2)], {"init": cloud(3, 3)}, ValueError, "init"),
        ([cloud(3, 2)], {"init": cloud(3, 2), "n_support": 4}, ValueError, r"init must have shape \(4, 2\)"),
    ],
)
def test_barycentre_refuses(clouds, options, kind, message):
    with pytest.raises(kind, match=message):
        sliced_wasserstein_barycenter(clouds, **options)
