"""Sliced Wasserstein distances between many clouds: the plain reference, kernels, the embedding, exact facts."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from sparsesci.transport import (
    SlicedWassersteinEmbedding,
    _pairwise_kernels,
    pairwise_sliced_wasserstein,
    sliced_wasserstein_distance,
    sliced_wasserstein_kernel,
    sphere_directions,
    sphere_quadrature,
)
from tests.reference import sliced_pairs as reference


def clouds(sizes, d, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((n, d)) * rng.uniform(0.5, 1.5, d) + rng.standard_normal(d) for n in sizes]


def masses(sizes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.random(n) + 0.1 for n in sizes]


EQUAL, UNEQUAL = (12,) * 5, (12, 7, 13, 12, 1)


# Distances


@pytest.mark.parametrize("p", [1, 2, 2.5])
@pytest.mark.parametrize("sizes", [EQUAL, UNEQUAL], ids=["equal", "unequal"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("d", [2, 17])
def test_distances_agree_with_the_reference(p, sizes, weighted, d):
    X, T = clouds(sizes, d), sphere_directions(9, d, "uniform", random_state=0)
    a = masses(sizes) if weighted else None
    rule = np.full(9, 1 / 9)
    within = pairwise_sliced_wasserstein(X, weights=a, p=p, projections=T)
    assert_allclose(within**p, reference.costs(X, X, T, rule, a, a, p), rtol=1e-10, atol=1e-15)
    assert_array_equal(within, within.T)
    assert_array_equal(np.diag(within), 0.0)
    Y = clouds(sizes[:3], d, 1)
    across = pairwise_sliced_wasserstein(X, Y, weights=a, p=p, projections=T)
    assert_allclose(across**p, reference.costs(X, Y, T, rule, a, None, p), rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize(
    ("d", "options"),
    [
        (1, {}),
        (2, {}),
        (3, {}),
        (3, {"p": 1}),
        (4, {"n_projections": 80}),
        (4, {"n_projections": 80, "p": 1.5}),
        (6, {"n_projections": 64}),
        (3, {"control_variate": "harmonic"}),
        (8, {"control_variate": None}),
        (8, {"p": 3, "n_projections": 24}),
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_entries_are_those_of_single_pairs(d, options, weighted):
    sizes = (10,) * 4
    X, a = clouds(sizes, d), masses(sizes) if weighted else [None] * 4
    matrix = pairwise_sliced_wasserstein(X, weights=a, random_state=5, **options)
    for i, j in ((0, 1), (1, 3), (2, 2)):
        single = sliced_wasserstein_distance(
            X[i], X[j], x_weights=a[i], y_weights=a[j], random_state=5, **({"n_projections": 100} | options)
        )
        assert_allclose(matrix[i, j], single, rtol=1e-8, atol=1e-7 if i == j else 0)


def test_masses_along_with_the_points_or_apart():
    X, a, T = clouds(UNEQUAL, 3), masses(UNEQUAL), sphere_directions(8, 3, random_state=0)
    expected = pairwise_sliced_wasserstein(X, weights=a, projections=T)
    assert_array_equal(pairwise_sliced_wasserstein(list(zip(X, a)), projections=T), expected)
    stacked = np.stack(clouds(EQUAL, 3))
    assert_array_equal(
        pairwise_sliced_wasserstein(stacked, projections=T), pairwise_sliced_wasserstein(list(stacked), projections=T)
    )


def test_close_clouds_are_not_lost_to_cancellation():
    X = clouds((30,), 3)[0]
    near = [X, X + 1e-9, X + [3e-9, 0, 0], X + 5]
    T = sphere_directions(12, 3, random_state=0)
    expected = np.sqrt(reference.costs(near, near, T, np.full(12, 1 / 12)))
    assert_allclose(pairwise_sliced_wasserstein(near, projections=T), expected, rtol=1e-6)
    assert pairwise_sliced_wasserstein([X, X[::-1], X], projections=T).max() == 0.0
    shifted = pairwise_sliced_wasserstein(near, random_state=0)
    assert_allclose(shifted[0, 1:3], [1e-9, 3e-9 / np.sqrt(3)], rtol=1e-5)


def test_quantiles():
    sizes = (20, 20, 10, 40)
    X, T, rule = clouds(sizes, 3), sphere_directions(6, 3, random_state=0), np.full(6, 1 / 6)
    for p in (1, 2):
        exact = pairwise_sliced_wasserstein(X, p=p, projections=T)
        # Nothing is lost where the quantiles are all breakpoints of both sizes.
        found = pairwise_sliced_wasserstein(X, p=p, projections=T, n_quantiles=40)
        assert_allclose(found, exact, rtol=1e-12, atol=1e-8)
        a = masses(sizes)
        rows = np.array([reference.embedding(cloud, T, rule, 25, mass, p) for cloud, mass in zip(X, a)])
        expected = np.linalg.norm(rows[:, np.newaxis] - rows, ord=p, axis=2)
        found = pairwise_sliced_wasserstein(X, weights=a, p=p, projections=T, n_quantiles=25)
        assert_allclose(found, expected, rtol=1e-10, atol=1e-8)


def test_gaussian_variate_is_closer_to_the_truth():
    X = clouds((60, 50, 70), 8)
    T = sphere_directions(40_000, 8, random_state=9)
    truth = pairwise_sliced_wasserstein(X, projections=T)
    off = np.triu_indices(3, 1)

    def error(**options):
        found = np.array([pairwise_sliced_wasserstein(X, random_state=seed, **options)[off] for seed in range(8)])
        return np.mean((found - truth[off]) ** 2)

    assert error() < error(control_variate=None, sampling="uniform") / 50


# Exact facts


def test_metric():
    """Fact 11: symmetry, triangle inequality, scaling, rotation of the rule along with the clouds."""
    X, (T, w) = clouds((15,) * 6, 3), sphere_quadrature(60, 3, random_state=0)
    assert w.min() > 0
    for p in (1, 2, 3):
        D = pairwise_sliced_wasserstein(X, p=p, projections=T)
        assert (D[:, :, np.newaxis] <= D[:, np.newaxis, :] + D.T[np.newaxis] + 1e-12).all()
        assert_allclose(pairwise_sliced_wasserstein([-2 * c for c in X], p=p, projections=T), 2 * D, rtol=1e-12)
        Q = sphere_directions(3, 3, "orthogonal", random_state=1)
        turned = pairwise_sliced_wasserstein([c @ Q for c in X], p=p, projections=T @ Q)
        assert_allclose(turned, D, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("p", [1, 1.5, 2])
@pytest.mark.parametrize(("d", "options"), [(2, {}), (3, {}), (5, {}), (3, {"n_quantiles": 9})])
def test_kernels_are_positive_definite(p, d, options):
    """Fact 12."""
    sizes = tuple(5 + k % 4 for k in range(25))
    K = sliced_wasserstein_kernel(clouds(sizes, d), p=p, random_state=0, n_projections=30, **options)
    assert np.linalg.eigvalsh(K).min() > -1e-10
    assert_allclose(np.diag(K), 1.0)
    assert_array_equal(K, K.T)


def test_splitting_points_changes_nothing():
    """Fact 13."""
    X, T = clouds((12, 9), 3), sphere_directions(10, 3, random_state=0)
    expected = pairwise_sliced_wasserstein(X, projections=T)
    doubled = [np.repeat(c, 2, axis=0) for c in X]
    split = [np.vstack([X[0], X[0][-1:]]), X[1]]
    halves = [np.append(np.ones(11), [0.5, 0.5]), None]
    dropped = [np.vstack([X[0], X[0][-1:] + 9]), X[1]]
    zero = [np.append(np.ones(12), 0.0), None]
    for found in (
        pairwise_sliced_wasserstein(doubled, projections=T),
        pairwise_sliced_wasserstein(split, weights=halves, projections=T),
        pairwise_sliced_wasserstein(dropped, weights=zero, projections=T),
    ):
        assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("size", [1e-150, 1e150])
def test_sizes(size):
    X = clouds(UNEQUAL, 4)
    expected = pairwise_sliced_wasserstein(X, random_state=0)
    actual = pairwise_sliced_wasserstein([size * c for c in X], random_state=0)
    assert_allclose(actual / size, expected, rtol=1e-10)
    K = sliced_wasserstein_kernel(clouds(EQUAL, 4), random_state=0)
    assert_allclose(sliced_wasserstein_kernel([1e100 * c for c in clouds(EQUAL, 4)], random_state=0), K, rtol=1e-10)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("options", [{}, {"p": 1}, {"n_quantiles": 40}], ids=["p = 2", "p = 1", "quantiles"])
def test_batches_and_threads_do_not_change_a_bit(weighted, options, monkeypatch):
    sizes = (100, 90, 110, 40) * 3 if weighted else (100,) * 12
    X = clouds(sizes, 5)
    # Three tiles of directions, and several blocks of pairs.
    monkeypatch.setattr(_pairwise_kernels, "_TILE_VALUES", 24 * sum(sizes))
    monkeypatch.setattr(_pairwise_kernels, "_BLOCK", 5)
    options = options | {"n_projections": 70, "random_state": 0} | ({"weights": masses(sizes)} if weighted else {})
    expected = pairwise_sliced_wasserstein(X, **options)
    for batch_size, n_jobs in ((1, 2), (7, 1), (1000, 3)):
        assert_array_equal(pairwise_sliced_wasserstein(X, batch_size=batch_size, n_jobs=n_jobs, **options), expected)


# Kernels


def test_bandwidths():
    X = clouds((10,) * 6, 2)
    D2 = pairwise_sliced_wasserstein(X, random_state=0) ** 2
    different = D2[np.triu_indices(6, 1)]
    for gamma, number in (("median", 1 / np.median(different)), ("scale", 1 / different.mean()), (0.3, 0.3)):
        K, used = sliced_wasserstein_kernel(X, gamma=gamma, random_state=0, return_gamma=True)
        assert_allclose(used, number, rtol=1e-12)
        assert_allclose(K, np.exp(-number * D2), rtol=1e-12)
    assert_allclose(sliced_wasserstein_kernel(X, X[:2], used, random_state=0), K[:, :2], rtol=1e-12)
    K, used = sliced_wasserstein_kernel([X[0], X[0]], return_gamma=True)
    assert used == 1.0
    assert (K == 1.0).all()


def test_negative_weights_are_told():
    from sparsesci._core.exceptions import SparseSciWarning

    X = clouds((10,) * 3, 4)
    options = {"control_variate": "harmonic", "sampling": "uniform", "n_projections": 60, "degree": 4}
    with pytest.warns(SparseSciWarning, match="positive definite"):
        sliced_wasserstein_kernel(X, random_state=0, **options)


# The embedding


@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_embedding_agrees_with_the_reference(p, d):
    X, a = clouds(UNEQUAL, d), masses(UNEQUAL)
    embedding = SlicedWassersteinEmbedding(n_projections=11, n_quantiles=8, p=p, random_state=0).fit(X)
    rule = embedding.projections_, embedding.weights_
    assert_allclose(embedding.weights_.sum(), 1)
    assert_allclose(embedding.quantiles_, (np.arange(8) + 0.5) / 8)
    expected = [reference.embedding(cloud, *rule, 8, None, p) for cloud in X]
    assert_allclose(embedding.transform(X), expected, rtol=1e-10, atol=1e-13)
    expected = [reference.embedding(cloud, *rule, 8, mass, p) for cloud, mass in zip(X, a)]
    assert_allclose(embedding.transform(list(zip(X, a))), expected, rtol=1e-10, atol=1e-13)


def test_embedding_distances_are_sliced_distances():
    X = clouds((20,) * 4, 3)
    embedding = SlicedWassersteinEmbedding(n_projections=15, n_quantiles=20, weights="uniform", random_state=0)
    rows = embedding.fit_transform(X)
    expected = pairwise_sliced_wasserstein(X, projections=embedding.projections_)
    assert_allclose(np.linalg.norm(rows[:, np.newaxis] - rows, axis=2), expected, rtol=1e-12, atol=1e-14)


def test_embedding_among_scikit_learns_tools():
    pandas = pytest.importorskip("pandas")
    X = clouds((20,) * 8, 2) + clouds((20,) * 8, 2, seed=1)
    y = np.repeat([0, 1], 8)
    embedding = SlicedWassersteinEmbedding(n_projections=5, n_quantiles=4, random_state=0)
    pipeline = make_pipeline(clone(embedding), LinearSVC()).fit(X, y)
    assert_array_equal(pickle.loads(pickle.dumps(pipeline)).predict(X), pipeline.predict(X))
    frame = embedding.set_output(transform="pandas").fit_transform(X)
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == list(embedding.get_feature_names_out())
    assert frame.columns[5] == "direction1_quantile1"
    single = [cloud.astype(np.float32) for cloud in X]
    assert clone(embedding).set_output(transform="default").fit_transform(single).dtype == np.float32


@pytest.mark.parametrize("n", [1, 2, 3, 5, 10, 17, 40, 100, 300, 513])
def test_default_weights_in_space_are_positive(n):
    embedding = SlicedWassersteinEmbedding(n_projections=n, n_quantiles=1, random_state=0).fit(np.ones((1, 4, 3)))
    assert embedding.weights_.min() > 0


# Errors


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"clouds": []}, ValueError, "clouds"),
        ({"clouds": np.ones((4, 2))}, ValueError, r"clouds .* 2 dimension"),
        ({"clouds": None}, TypeError, "clouds"),
        ({"clouds": 3}, TypeError, "clouds"),
        ({"clouds": "text"}, TypeError, "clouds"),
        ({"clouds": [np.ones((4, 2)), np.ones((4, 3))]}, ValueError, r"2 \(clouds\[0\]\) and 3 \(clouds\[1\]\)"),
        ({"clouds": [np.ones((4, 2)), np.empty((0, 2))]}, ValueError, r"clouds\[1\]"),
        ({"clouds": [np.ones((4, 2)), [[np.nan, 1.0]]]}, ValueError, r"clouds\[1\]"),
        ({"clouds": [np.ones(4)]}, ValueError, r"clouds\[0\]"),
        ({"clouds": [np.ones((4, 2)), None]}, (TypeError, ValueError), r"clouds\[1\]"),
        ({"clouds": [np.ones((4, 2)) + 1j]}, (TypeError, ValueError), r"clouds\[0\]"),
        ({"clouds2": [np.ones((4, 3))]}, ValueError, r"2 \(clouds\) and 3 \(clouds2\)"),
        ({"weights": [np.ones(4)]}, ValueError, "weights"),
        ({"weights": [np.ones(4), np.ones(3)]}, ValueError, r"weights\[1\]"),
        ({"weights": [np.ones(4), -np.ones(4)]}, ValueError, r"weights\[1\]"),
        ({"weights": [np.zeros(4), None]}, ValueError, r"weights\[0\]"),
        ({"weights": 3}, TypeError, "weights"),
        ({"weights2": [None]}, ValueError, "weights2"),
        ({"p": 0.5}, ValueError, "p"),
        ({"n_projections": 0}, ValueError, "n_projections"),
        ({"n_projections": 2.5}, TypeError, "n_projections"),
        ({"n_quantiles": 0}, ValueError, "n_quantiles"),
        ({"batch_size": 0}, ValueError, "batch_size"),
        ({"control_variate": "lower"}, ValueError, "'gaussian'"),
        ({"sampling": "fibonacci"}, ValueError, "needs 3 features"),
        ({"projections": np.ones((2, 5))}, ValueError, "transpose"),
        ({"projections": [[0.0, 0.0]]}, ValueError, "zero"),
    ],
)
def test_refused(change, error, message):
    with pytest.raises(error, match=message):
        pairwise_sliced_wasserstein(**({"clouds": [np.ones((4, 2)), np.ones((4, 2))]} | change))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gamma": 0}, "gamma"),
        ({"gamma": "mean"}, "gamma"),
        ({"p": 3}, "p must"),
        ({"control_variate": "gaussian"}, "c"),
    ],
)
def test_kernel_refused(options, message):
    with pytest.raises(ValueError, match=message):
        sliced_wasserstein_kernel([np.ones((4, 2))], **options)


def test_embedding_refused():
    X = clouds((20,) * 4, 4)
    fitted = SlicedWassersteinEmbedding(random_state=0).fit(X)
    with pytest.raises(ValueError, match="4 features"):
        fitted.transform(clouds((20,), 3))
    with pytest.raises(ValueError, match="negative weights"):
        SlicedWassersteinEmbedding(sampling="uniform", weights="harmonic", random_state=0).fit(X)
