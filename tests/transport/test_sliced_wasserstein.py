"""The sliced Wasserstein distance: closed forms, the plain reference, control variates, errors."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import wasserstein_distance

from sparsesci.transport import sliced_wasserstein_distance, sphere_directions, wasserstein_1d
from tests.reference import sliced_wasserstein as reference

SHIFT = np.arange(5.0)


def cloud(n, d, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


def weights(n, seed=0):
    return np.random.default_rng(seed).random(n) + 0.1


def result_of(X, Y, **options):
    return sliced_wasserstein_distance(X, Y, return_result=True, random_state=0, **options)


# On the line


@pytest.mark.parametrize("p", [1, 1.5, 2, 3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("m", [1, 7, 12, 13])
def test_line_agrees_with_the_reference(p, weighted, m):
    u, v = cloud(12, 1)[:, 0], cloud(m, 1, 1)[:, 0]
    a, b = (weights(12), weights(m, 1)) if weighted else (None, None)
    cost, (i, j, mass) = wasserstein_1d(u, v, a, b, p=p, return_plan=True)
    assert_allclose(cost, reference.cost_1d(u, v, a, b, p), rtol=1e-12)
    assert_allclose(mass @ np.abs(u[i] - v[j]) ** p, cost, rtol=1e-12)
    shares = np.full(12, 1 / 12) if a is None else a / a.sum()
    assert_allclose(np.bincount(i, mass, minlength=12), shares, atol=1e-15)
    assert len(mass) <= 12 + m - 1


def test_line_agrees_with_scipy():
    u, v, a, b = cloud(40, 1)[:, 0], cloud(33, 1, 1)[:, 0], weights(40), weights(33, 1)
    assert_allclose(wasserstein_1d(u, v, a, b), wasserstein_distance(u, v, a, b), rtol=1e-12)
    assert_allclose(wasserstein_1d(u, v), wasserstein_distance(u, v), rtol=1e-12)


# Costs of projections


@pytest.mark.parametrize("p", [1, 2, 2.5, 3])
@pytest.mark.parametrize(("n", "m", "d"), [(20, 20, 2), (20, 15, 3), (20, 20, 17), (9, 20, 20), (1, 6, 4)])
@pytest.mark.parametrize("weighted", [False, True])
def test_projected_costs_agree_with_the_reference(n, m, d, p, weighted):
    X, Y, T = cloud(n, d), cloud(m, d, 1) + 1, sphere_directions(15, d, "uniform", random_state=0)
    a, b = (weights(n), weights(m, 1)) if weighted else (None, None)
    result = result_of(X, Y, p=p, x_weights=a, y_weights=b, projections=T)
    assert_allclose(result.projected_costs, reference.costs(X, Y, T, a, b, p), rtol=1e-10)
    assert_allclose(result.cost, result.projected_costs.mean(), rtol=1e-12)
    assert_allclose(result.distance**p, result.cost, rtol=1e-12)


def test_float32_values_that_agree_in_single_precision():
    """The packed sort sees ties that float64 does not have; far-away points make nearly all values tie."""
    X, Y = cloud(500, 2) * 1e-9, cloud(400, 2, 1) * 1e-9
    X[0] = 1.0
    T = sphere_directions(4, 2, random_state=0)
    a, b = weights(500), weights(400, 1)
    result = result_of(X, Y, x_weights=a, y_weights=b, projections=T, p=1)
    assert_allclose(result.projected_costs, reference.costs(X, Y, T, a, b, 1), rtol=1e-9)


@pytest.mark.parametrize(("p", "cost"), [(1, 0.992978850), (2, 1.498001025), (3, 2.777076163)])
def test_two_point_clouds_in_the_plane(p, cost):
    X, Y = [[0.0, 0], [2, 1]], [[1.0, -1], [0, 3]]
    assert_allclose(result_of(X, Y, p=p, n_projections=20_000).cost, cost, atol=2e-8)


# Closed forms


def test_same_cloud_is_at_distance_zero():
    X = cloud(60, 6)
    for control_variate in (None, "lower", "moments"):
        assert result_of(X, X, control_variate=control_variate).cost == 0.0
    assert result_of(X, X[::-1]).cost < 1e-15


@pytest.mark.parametrize("n", [2, 3, 10, 40])
@pytest.mark.parametrize("form", ["regression", "ratio"])
def test_translation_is_exact_with_the_lower_variate(n, form):
    X = cloud(50, 5)
    exact = result_of(X, X + SHIFT, n_projections=n, control_variate="lower", cv_form=form, sampling="uniform")
    plain = result_of(X, X + SHIFT, n_projections=n, control_variate=None, sampling="uniform")
    if form == "regression":
        assert_allclose(exact.cost, 6.0, rtol=1e-12)
    assert abs(plain.cost - 6.0) > 0.05


def test_translation_and_dilation_on_one_orthonormal_basis():
    X = cloud(50, 5)
    X -= X.mean(axis=0)
    options = {"sampling": "orthogonal", "control_variate": None, "n_projections": 5}
    assert_allclose(result_of(X, X + SHIFT, **options).cost, 6.0, rtol=1e-13)
    assert_allclose(result_of(X, 3 * X, **options).cost, 4 * np.sum(X**2) / 50 / 5, rtol=1e-13)
    for control_variate in ("upper", "moments"):
        options = {"sampling": "uniform", "control_variate": control_variate, "n_projections": 12}
        assert_allclose(result_of(X, 3 * X, **options).cost, 4 * np.sum(X**2) / 50 / 5, rtol=1e-11)


@pytest.mark.parametrize("control_variate", ["lower", "upper", "both", "moments"])
def test_full_orthogonal_blocks_leave_quadratic_variates_nothing_to_do(control_variate):
    X, Y = cloud(40, 4), cloud(30, 4, 1) + 1
    options = {"sampling": "orthogonal", "n_projections": 20}
    plain = result_of(X, Y, control_variate=None, **options)
    assert_allclose(result_of(X, Y, control_variate=control_variate, **options).cost, plain.cost, rtol=1e-10)


def test_ratio_form_is_that_of_the_paper():
    X, Y = cloud(40, 4), cloud(30, 4, 1) + 1
    result = result_of(X, Y, control_variate="lower", cv_form="ratio", sampling="uniform", n_projections=30)
    D = X.mean(axis=0) - Y.mean(axis=0)
    expected = reference.ratio_estimate(result.projected_costs, (result.projections @ D) ** 2, D @ D / 4)
    assert_allclose(result.cost, expected, rtol=1e-11)


# Laws of the estimates


@pytest.mark.parametrize(
    ("d", "options"),
    [
        (3, {"n_projections": 10}),
        (4, {"n_projections": 12, "sampling": "orthogonal", "control_variate": None}),
        (4, {"n_projections": 12}),
        (4, {"n_projections": 12, "sampling": "orthogonal"}),
        (4, {"n_projections": 12, "p": 1}),
    ],
    ids=["in space", "orthogonal", "least energy", "Gaussian", "Gaussian, p = 1"],
)
def test_unbiased(d, options):
    """Over 400 rotations the mean is within 5.5 standard errors of an accurate one: false alarms below 1e-6."""
    X, Y = cloud(30, d), cloud(20, d, 1) * 2 + 1
    result = result_of(X, Y, n_replicates=400, **options)
    exact = result_of(X, Y, n_projections=2000, n_replicates=8, p=options.get("p", 2))
    assert abs(result.cost - exact.cost) < 5.5 * np.hypot(result.stderr, exact.stderr)


@pytest.mark.parametrize(
    "options",
    [
        {"sampling": "uniform", "control_variate": None},
        {"sampling": "uniform", "control_variate": "lower"},
        {"sampling": "orthogonal"},
    ],
    ids=["plain", "lower", "Gaussian"],
)
def test_standard_errors_have_the_size_of_the_errors(options):
    """Root mean square of stated over actual spread of 200 estimates: its own spread is about 5 %."""
    X, Y = cloud(30, 4), cloud(20, 4, 1) * 2 + 1
    results = [
        sliced_wasserstein_distance(X, Y, n_projections=80, random_state=seed, return_result=True, **options)
        for seed in range(200)
    ]
    stated = np.sqrt(np.mean([result.stderr**2 for result in results]))
    assert 0.7 < stated / np.std([result.cost for result in results]) < 1.4


def test_variance_is_reduced():
    X, Y = cloud(60, 10), cloud(50, 10, 1) * np.linspace(0.5, 2, 10) + 0.5

    def spread(**options):
        seeds = range(60)
        return np.var([sliced_wasserstein_distance(X, Y, random_state=seed, **options) for seed in seeds])

    plain = spread(sampling="uniform", control_variate=None)
    assert spread(sampling="uniform", control_variate="lower") < plain / 3
    assert spread() < plain / 50


def test_tolerance_is_reached():
    X, Y = cloud(40, 5), cloud(40, 5, 1) + 0.5
    for options in ({"sampling": "uniform", "control_variate": None}, {}):
        result = result_of(X, Y, tol=0.01, **options)
        assert result.stderr <= 0.01 * result.cost
    limited = result_of(X, Y, tol=1e-9, max_projections=400, sampling="uniform")
    assert limited.n_projections == 400


# Invariance and extremes


def test_splitting_points_changes_nothing():
    X, Y, T = cloud(20, 3), cloud(15, 3, 1), sphere_directions(10, 3, random_state=0)
    expected = result_of(X, Y, projections=T).projected_costs
    doubled = result_of(np.repeat(X, 2, axis=0), Y, projections=T).projected_costs
    halves = np.append(np.ones(19), [0.5, 0.5])
    split = result_of(np.vstack([X, X[-1:]]), Y, x_weights=halves, projections=T).projected_costs
    dropped = result_of(np.vstack([X, X[-1:] + 9]), Y, x_weights=np.append(np.ones(20), 0), projections=T)
    for actual in (doubled, split, dropped.projected_costs):
        assert_allclose(actual, expected, rtol=1e-12)


@pytest.mark.parametrize("size", [1e-150, 1.0, 1e150])
def test_sizes(size):
    X, Y = cloud(20, 4), cloud(20, 4, 1)
    expected = sliced_wasserstein_distance(X, Y, random_state=0)
    actual = sliced_wasserstein_distance(size * X, size * Y, random_state=0)
    assert_allclose(actual / size, expected, rtol=1e-12)


def test_offset_keeps_precision():
    X, Y = cloud(20, 3), cloud(20, 3, 1)
    expected = sliced_wasserstein_distance(X, Y, random_state=0)
    assert_allclose(sliced_wasserstein_distance(X + 1e6, Y + 1e6, random_state=0), expected, rtol=1e-8)


def test_single_points_and_equal_points():
    assert_allclose(result_of([[0.0, 0.0]], [[3.0, 4.0]], n_projections=50).cost, 12.5, rtol=1e-12)
    assert sliced_wasserstein_distance(np.ones((5, 4)), np.ones((3, 4)), random_state=0) == 0.0
    X = np.zeros((5, 4))
    assert np.isfinite(sliced_wasserstein_distance(X, X + 1, random_state=0))


def test_one_feature_is_exact():
    X, Y = cloud(20, 1), cloud(15, 1, 1)
    result = result_of(X, Y, p=1, n_projections=7)
    assert_allclose(result.distance, wasserstein_distance(X[:, 0], Y[:, 0]), rtol=1e-12)
    assert result.stderr == 0.0
    assert result.n_projections == 1


@pytest.mark.parametrize("weighted", [False, True])
def test_batches_and_threads_do_not_change_a_bit(weighted):
    X, Y = cloud(700, 20), cloud(600, 20, 1)
    options = {"x_weights": weights(700), "y_weights": weights(600, 1)} if weighted else {}
    expected = result_of(X, Y, n_projections=150, **options)
    for batch_size, n_jobs in ((1, 2), (7, 1), (1000, 3)):
        result = result_of(X, Y, n_projections=150, batch_size=batch_size, n_jobs=n_jobs, **options)
        assert (result.projected_costs == expected.projected_costs).all()
        assert result.cost == expected.cost


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"control_variate": "moments", "n_projections": 4}, "n_projections"),
        ({"control_variate": "both", "cv_form": "ratio"}, "cv_form"),
        ({"control_variate": "harmonic", "degree": 3}, "degree must be even"),
        ({"control_variate": "harmonic", "degree": 16}, "between 2 and 4"),
        ({"sampling": "fibonacci"}, "needs 3 features"),
        ({"projections": np.ones((4, 7))}, "transpose"),
        ({"projections": [[1.0, 0, 0, 0], [0.0, 0, 0, 0]]}, "row 1 is zero"),
    ],
)
def test_refused(options, message):
    with pytest.raises(ValueError, match=message):
        sliced_wasserstein_distance(cloud(9, 4), cloud(9, 4, 1), **options)


def test_different_dimensions_are_named():
    with pytest.raises(ValueError, match=r"4 \(X\) and 3 \(Y\)"):
        sliced_wasserstein_distance(cloud(9, 4), cloud(9, 3))
