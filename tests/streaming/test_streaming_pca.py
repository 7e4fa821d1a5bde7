"""StreamingPCA and top_eigenvector as a user meets them: attributes, chunks, merging, memory, odd data."""

import pickle
import tracemalloc
import warnings

import numpy as np
import pytest
import scipy.sparse
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError

from sparsesci.datasets import make_oja_hard, make_spiked
from sparsesci.streaming import StreamingPCA, StreamingWarning, top_eigenvector
from tests.common.results import fitted_state
from tests.reference.streaming import correlation, subspace_correlation

LEARNED = (
    "components_",
    "explained_variance_",
    "explained_variance_ratio_",
    "singular_values_",
    "mean_",
    "noise_variance_",
    "frobenius_norm_",
    "heavy_rows_",
    "schedule_scores_",
)


def spiked_rows(n=1500, d=20, seed=0):
    X = np.random.default_rng(seed).standard_normal((n, d))
    X[:, 0] *= 4
    X[:, 1] *= 3
    X[:, 2] *= 2
    return X + np.arange(d)


def assert_same(first, second):
    for name in LEARNED:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)
    assert first.best_schedule_ == second.best_schedule_


# Attributes


@pytest.mark.parametrize("method", ["exact", "block-power"])
def test_attributes_are_those_of_pca(method):
    X = spiked_rows()
    model = StreamingPCA(3, method=method, max_heavy_rows=2000, random_state=0).fit(X)
    exact = PCA(3).fit(X)
    np.testing.assert_allclose(np.abs(np.sum(model.components_ * exact.components_, axis=1)), 1, atol=1e-9)
    for name in ("explained_variance_", "explained_variance_ratio_", "singular_values_", "mean_"):
        np.testing.assert_allclose(getattr(model, name), getattr(exact, name), rtol=1e-9, err_msg=name)
    np.testing.assert_allclose(model.noise_variance_, exact.noise_variance_, rtol=1e-9)
    np.testing.assert_allclose(model.get_covariance(), exact.get_covariance(), atol=1e-9)
    np.testing.assert_allclose(model.frobenius_norm_, np.linalg.norm(X - X.mean(axis=0)))
    np.testing.assert_allclose(np.abs(model.transform(X)), np.abs(exact.transform(X)), atol=1e-7)
    np.testing.assert_allclose(model.inverse_transform(model.transform(X)), exact.inverse_transform(exact.transform(X)))


def test_estimates_in_small_memory():
    X = spiked_rows(20000)
    model = StreamingPCA(3, random_state=0).fit(X)
    exact = PCA(3).fit(X)
    assert subspace_correlation(model.components_, exact.components_) > 0.99
    np.testing.assert_allclose(model.explained_variance_, exact.explained_variance_, rtol=0.15)
    np.testing.assert_allclose(model.mean_, X.mean(axis=0), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(model.frobenius_norm_, np.linalg.norm(X - X.mean(axis=0)), rtol=1e-10)
    assert model.gap_estimate_ == pytest.approx(16 / 9, rel=0.2)
    np.testing.assert_allclose(model.components_ @ model.components_.T, np.eye(3), atol=1e-10)
    assert (model.components_[np.arange(3), np.abs(model.components_).argmax(axis=1)] > 0).all()


def test_one_component_has_no_gap():
    assert np.isnan(StreamingPCA(random_state=0).fit(spiked_rows()).gap_estimate_)


def test_eigenvalue_is_that_of_the_gram_matrix():
    X = spiked_rows()
    vector, eigenvalue, info = top_eigenvector(X, method="exact")
    values, vectors = np.linalg.eigh(X.T @ X)
    assert eigenvalue == pytest.approx(values[-1])
    assert correlation(vector, vectors[:, -1]) == pytest.approx(1)
    assert info.n_samples == 1500
    assert info.frobenius_norm == pytest.approx(np.linalg.norm(X))


def test_real_data():
    digits = load_digits().data
    digits = digits[np.random.default_rng(0).permutation(len(digits))]
    cancer = load_breast_cancer().data
    cancer = (cancer - cancer.mean(axis=0)) / cancer.std(axis=0)
    for X, k, floor in ((digits, 2, 0.95), (cancer[np.random.default_rng(0).permutation(len(cancer))], 1, 0.999)):
        model = StreamingPCA(k, random_state=0).fit(X)
        assert subspace_correlation(model.components_, PCA(k).fit(X).components_) >= floor


# Chunks


@pytest.mark.parametrize("options", [{}, {"n_components": 3, "center": False}, {"shuffle_buffer": 40}])
def test_the_same_bits_for_all_chunks(options):
    X = spiked_rows()
    whole = StreamingPCA(random_state=0, **options).fit(X)
    for size in (1, 7, 500):
        model = StreamingPCA(random_state=0, **options)
        for start in range(0, len(X), size):
            model.partial_fit(X[start : start + size])
        assert_same(model, whole)
    assert_same(StreamingPCA(random_state=0, chunk_size=11, **options).fit(X), whole)
    assert_same(StreamingPCA(random_state=0, n_jobs=7, **options).fit(X), whole)


@pytest.mark.parametrize("order", ["random", "arbitrary"])
def test_going_on_elsewhere_after_half_of_the_stream(order):
    X = spiked_rows()
    whole = StreamingPCA(order=order, random_state=0).fit(X)
    half = StreamingPCA(order=order, random_state=0).partial_fit(X[:777])
    moved = pickle.loads(pickle.dumps(half)).partial_fit(X[777:])
    assert_same(moved, whole)
    assert half.n_samples_seen_ == 777


def test_iterables_of_chunks(tmp_path):
    X = spiked_rows()
    whole = StreamingPCA(random_state=0).fit(X)
    cuts = [X[:400], X[400:401], X[401:]]
    np.save(tmp_path / "rows.npy", X)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    for chunks in (cuts, tuple(cuts), iter(cuts), (X[i : i + 100] for i in range(0, 1500, 100)), mapped, [X]):
        assert_same(StreamingPCA(random_state=0).fit(chunks), whole)
    frames = pytest.importorskip("pandas")
    model = StreamingPCA(random_state=0).fit(frames.DataFrame(chunk).add_prefix("f") for chunk in cuts)
    assert_same(model, whole)
    assert list(model.feature_names_in_[:2]) == ["f0", "f1"]


def test_sparse_chunks_are_not_made_dense():
    X = scipy.sparse.random_array((3000, 400), density=0.01, rng=np.random.default_rng(0), format="csr")
    v = np.zeros(400)
    v[:20] = 0.5
    X = scipy.sparse.csr_array(X + scipy.sparse.csr_array(np.outer(np.arange(3000) % 10 == 0, v)))
    for center in (False, True):
        model = StreamingPCA(center=center, random_state=0).fit(X)
        dense = X.toarray() - (X.mean(axis=0) if center else 0)
        assert correlation(model.components_[0], np.linalg.svd(dense, full_matrices=False)[2][0]) > 0.97
        np.testing.assert_allclose(model.mean_, X.mean(axis=0) if center else np.zeros(400), atol=1e-12)
        np.testing.assert_allclose(model.frobenius_norm_, np.linalg.norm(dense), rtol=1e-10)
    tracemalloc.start()
    StreamingPCA(center=True, max_heavy_rows=0, random_state=0).fit(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.2 * 8 * 3000 * 400


def test_sparse_and_dense_chunks_may_alternate():
    X = spiked_rows(600, 8)
    dense = StreamingPCA(max_heavy_rows=0, random_state=0).fit(X)
    for first_sparse in (False, True):
        model = StreamingPCA(max_heavy_rows=0, random_state=0)
        for i in range(6):
            chunk = X[100 * i : 100 * (i + 1)]
            model.partial_fit(scipy.sparse.csr_array(chunk) if (i % 2 == 0) == first_sparse else chunk)
        np.testing.assert_allclose(model.mean_, dense.mean_, atol=1e-12)
        assert correlation(model.components_[0], dense.components_[0]) > 0.99


def test_progress_bar(capfd):
    chunks = (spiked_rows(50) for _ in range(3))
    StreamingPCA(verbose=1, random_state=0).fit(chunks)
    assert "StreamingPCA" in capfd.readouterr().err


# Centring


def test_a_large_mean_changes_nothing():
    X = spiked_rows() - np.arange(20)
    plain = StreamingPCA(2, random_state=0).fit(X)
    moved = StreamingPCA(2, random_state=0).fit(X + 1e6)
    np.testing.assert_allclose(moved.components_, plain.components_, atol=1e-6)
    np.testing.assert_allclose(moved.mean_, plain.mean_ + 1e6, rtol=1e-12)


def test_data_without_mean():
    """Pairs a, -a: the mean is zero exactly, and centring costs no accuracy."""
    half = make_spiked(4000, 40, 4.0, random_state=0)
    X = np.stack((half, -half), axis=1).reshape(8000, 40)
    centred = StreamingPCA(random_state=0).fit(X)
    plain = StreamingPCA(center=False, random_state=0).fit(X)
    np.testing.assert_allclose(centred.mean_, 0, atol=1e-13)
    assert correlation(centred.components_[0], plain.components_[0]) > 0.999


# Scale


@pytest.mark.parametrize("c", [3.0, 1e-150, 1e150, 1e-300])
@pytest.mark.parametrize("order", ["random", "arbitrary"])
def test_scale(c, order):
    X = spiked_rows()
    for center in (False, True):
        plain = StreamingPCA(order=order, center=center, random_state=0).fit(X)
        scaled = StreamingPCA(order=order, center=center, random_state=0).fit(c * X)
        np.testing.assert_allclose(scaled.components_, plain.components_, atol=1e-9)
        np.testing.assert_allclose(scaled.singular_values_, c * plain.singular_values_, rtol=1e-9)


# Memory


@pytest.mark.parametrize("center", [False, True])
def test_peak_memory_is_what_is_said(center):
    """Beside the rows of ``peak_memory_rows_``, only a tile of 32 rows and some scalars."""
    d = 2000
    X = np.random.default_rng(0).standard_normal((3000, d))
    StreamingPCA(center=center, random_state=0).fit(X[:200])
    tracemalloc.start()
    model = StreamingPCA(center=center, random_state=0).fit(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert model.peak_memory_rows_ <= 3 * 5 + 64 + 2 + 5 * center
    assert peak <= 8 * d * (model.peak_memory_rows_ + 32 + 64)


def test_rows_held():
    X = spiked_rows()
    model = StreamingPCA(2, shuffle_buffer=100, max_heavy_rows=10, random_state=0).fit(X)
    assert model.memory_rows_ <= 3 * 5 * 2 + 10 + 2 + 5 + 100
    assert model.n_heavy_rows_ == 10
    assert StreamingPCA(method="auto", random_state=0).fit(X).memory_rows_ <= 3 * 5 + 64 + 20


# Odd data


def test_all_zero():
    with pytest.warns(StreamingWarning, match="variance in 0 of 2"):
        model = StreamingPCA(2, random_state=0).fit(np.zeros((300, 5)))
    np.testing.assert_array_equal(model.explained_variance_, 0)
    np.testing.assert_array_equal(model.explained_variance_ratio_, 0)
    np.testing.assert_allclose(model.components_ @ model.components_.T, np.eye(2), atol=1e-12)


def test_one_row():
    row = np.arange(1.0, 6.0)[np.newaxis]
    model = StreamingPCA(center=False, random_state=0).fit(row)
    np.testing.assert_allclose(model.components_, row / np.linalg.norm(row))
    assert model.explained_variance_[0] == pytest.approx(55)
    with pytest.warns(StreamingWarning, match="variance in 0 of 1"):
        model = StreamingPCA(random_state=0).fit(row)
    assert model.explained_variance_[0] == 0
    np.testing.assert_array_equal(model.mean_, row[0])


def test_fewer_rows_than_components():
    X = spiked_rows(2, 6)
    with pytest.warns(StreamingWarning, match="variance in 1 of 4"):
        model = StreamingPCA(4, random_state=0).fit(X)
    np.testing.assert_array_equal(model.explained_variance_[1:], 0)
    np.testing.assert_allclose(model.components_ @ model.components_.T, np.eye(4), atol=1e-12)


def test_types():
    X = spiked_rows(300)
    for dtype, expected in ((np.float32, np.float32), (np.float16, np.float32), (np.int32, np.float64)):
        model = StreamingPCA(2, random_state=0).fit(X.astype(dtype))
        assert model.components_.dtype == model.mean_.dtype == model.transform(X.astype(dtype)).dtype == expected
    with pytest.raises((TypeError, ValueError), match=r"[Cc]omplex"):
        StreamingPCA().fit(X + 1j)


def test_a_rejected_chunk_changes_nothing():
    X = spiked_rows(300)
    model = StreamingPCA(random_state=0).partial_fit(X[:100])
    before = fitted_state(model)
    bad = X[100:].copy()
    bad[150, 3] = np.nan
    for chunk, words in ((bad, "Input X contains NaN"), (X[:, :5], "X has 5 features"), (X[:0], "0 sample")):
        with pytest.raises(ValueError, match=words):
            model.partial_fit(chunk)
    bad[150, 3] = np.inf
    with pytest.raises(ValueError, match="Input X contains infinity"):
        model.partial_fit(bad)
    assert fitted_state(model) == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_components": 0}, "n_components"),
        ({"n_components": 21}, "n_components must be at most the number of features, 20; got 21"),
        ({"growth_factors": (1.5, 1.0)}, "growth_factors must be greater than 1; got 1.0"),
        ({"n_components": 2, "order": "arbitrary"}, "n_components must be 1"),
        ({"n_components": 2, "method": "oja-grid"}, "n_components must be 1"),
    ],
)
def test_bad_parameters(options, words):
    with pytest.raises(ValueError, match=words):
        StreamingPCA(**options).fit(spiked_rows())


def test_no_data():
    with pytest.raises(NotFittedError):
        StreamingPCA().transform(spiked_rows())
    for nothing in (iter(()), (chunk for chunk in ())):
        with pytest.raises(ValueError, match="at least one chunk"):
            StreamingPCA().fit(nothing)


def test_equal_blocks_for_a_known_length():
    X = make_spiked(10000, 50, 3.0, random_state=0)
    model = StreamingPCA(n_samples_hint=10000, growth_factors=(1.0,), random_state=0).fit(X)
    assert model.schedule_scores_.shape == (1,)
    assert model.components_[0, 0] ** 2 > 0.9


def test_oversampled_directions_are_not_reported():
    model = StreamingPCA(2, n_oversamples=3, random_state=0).fit(spiked_rows())
    assert model.components_.shape == (2, 20)


def test_heavy_factor_stores_fewer_rows():
    A = make_oja_hard(40, 100, 4.0, 4, random_state=0)
    model = StreamingPCA(center=False, heavy_factor=0.5, random_state=0).fit(A)
    assert 4 <= model.n_heavy_rows_ < 64
    assert correlation(model.components_[0], np.linalg.eigh(A.T @ A)[1][:, -1]) > 0.999


# Merging


def shards(X, n, **options):
    return [StreamingPCA(random_state=0, **options).fit(X[i::n]) for i in range(n)]


@pytest.mark.parametrize("center", [False, True])
def test_merging_four_shards(center):
    X = spiked_rows(20000)
    first, *others = shards(X, 4, n_components=2, center=center)
    for other in others:
        first.merge(other)
    exact = PCA(2).fit(X).components_ if center else np.linalg.eigh(X.T @ X)[1][:, :-3:-1].T
    assert subspace_correlation(first.components_, exact) > 0.99
    assert first.n_samples_seen_ == 20000
    np.testing.assert_allclose(first.frobenius_norm_, np.linalg.norm(X - X.mean(axis=0) * center), rtol=1e-11)
    np.testing.assert_allclose(first.mean_, X.mean(axis=0) * center, rtol=1e-10, atol=1e-12)
    assert first.peak_memory_rows_ <= 3 * 5 * 2 + 64 + 2 + 5 * center
    norms = np.linalg.norm(X, axis=1)
    if not center:
        np.testing.assert_array_equal(first.heavy_rows_, X[np.argsort(-norms)[:64]])


def test_merging_is_associative_on_separated_data():
    X = make_spiked(12000, 20, 200.0, random_state=0)
    a, b, c = shards(X, 3)
    left = pickle.loads(pickle.dumps(a)).merge(b).merge(c)
    right = pickle.loads(pickle.dumps(a)).merge(pickle.loads(pickle.dumps(b)).merge(c))
    assert correlation(left.components_[0], right.components_[0]) > 1 - 1e-6
    assert correlation(left.components_[0], PCA(1).fit(X).components_[0]) > 0.999


def test_exact_merge():
    X = spiked_rows()
    whole = StreamingPCA(3, method="exact").fit(X)
    first, second = (StreamingPCA(3, method="exact").fit(part) for part in (X[:300], 1e3 * X[300:] / 1e3))
    merged = first.merge(second)
    np.testing.assert_allclose(merged.components_, whole.components_, atol=1e-9)
    np.testing.assert_allclose(merged.explained_variance_, whole.explained_variance_, rtol=1e-10)


def test_merging_all_stored_rows_is_exact():
    X = spiked_rows(60)
    first, second = shards(X, 2, n_components=3)
    merged = first.merge(second)
    exact = PCA(3).fit(X)
    np.testing.assert_allclose(merged.explained_variance_, exact.explained_variance_, rtol=1e-9)


def test_going_on_after_a_merge():
    X = spiked_rows(12000)
    first, second = shards(X[:8000], 2)
    first.merge(second)
    for start in range(8000, 12000, 900):
        first.partial_fit(X[start : start + 900])
        assert first.memory_rows_ <= 3 * 5 + 64 + 2 + 5
    assert correlation(first.components_[0], PCA(1).fit(X).components_[0]) > 0.99
    np.testing.assert_allclose(first.mean_, X.mean(axis=0), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(first.explained_variance_, PCA(1).fit(X).explained_variance_, rtol=0.15)


def test_shards_of_different_scale():
    X = make_spiked(6000, 20, 30.0, random_state=0)
    first, second = StreamingPCA(random_state=0).fit(1e-200 * X[:3000]), StreamingPCA(random_state=0).fit(X[3000:])
    merged = first.merge(second)
    assert merged.components_[0, 0] ** 2 > 0.99
    np.testing.assert_allclose(merged.frobenius_norm_, np.linalg.norm(X[3000:]), rtol=0.01)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_components": 2}, "number of components"),
        ({"center": False}, "center"),
        ({"growth_factors": (1.5,)}, "growth_factors"),
        ({"max_heavy_rows": 3}, "max_heavy_rows"),
        ({"method": "exact"}, "method"),
    ],
)
def test_what_cannot_be_merged(options, words):
    X = spiked_rows(400)
    model = StreamingPCA(random_state=0).fit(X[:200])
    with pytest.raises(ValueError, match=f"other must have the same {words}"):
        model.merge(StreamingPCA(random_state=0, **options).fit(X[200:]))
    with pytest.raises(ValueError, match="number of features"):
        model.merge(StreamingPCA(random_state=0).fit(X[200:, :5]))
    with pytest.raises(ValueError, match="other"):
        model.merge(model)


def test_the_grid_cannot_be_merged():
    X = spiked_rows(400)
    first, second = (StreamingPCA(order="arbitrary", random_state=0).fit(part) for part in (X[:200], X[200:]))
    with pytest.raises(ValueError, match="oja-grid"):
        first.merge(second)


def test_warnings_come_once_for_each_answer():
    model = StreamingPCA(random_state=0).partial_fit(np.zeros((3, 4)))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert model.components_.shape == (1, 4)
        assert model.explained_variance_ == 0
    assert len(caught) == 1
