"""Volume sampling: the law, unbiasedness by enumeration, and regression that asks for few labels."""

from math import comb

import numpy as np
import pandas
import pytest
from scipy import stats
from sklearn.datasets import load_digits
from sklearn.linear_model import LinearRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsesci.sampling import VolumeSampledRegression, VolumeSampler, volume_sample
from sparsesci.sampling._volume import _draw_complement
from tests.reference import dpp as reference
from tests.sampling.test_projection_dpp import LEVEL, law_p_value


def design(n, d, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


def samples(X, size, count, **options):
    generator = np.random.default_rng(0)
    return np.array([volume_sample(X, size, random_state=generator, **options)[0] for _ in range(count)])


@pytest.mark.parametrize("size", [2, 4, 6])
def test_law(size):
    X = design(7, 2)
    sets, probabilities = reference.volume_probabilities(X, size)
    assert abs(probabilities.sum() - 1) < 1e-12
    assert law_p_value(samples(X, size, 1000), sets, probabilities) > LEVEL


def test_reverse_iterative_sampling_has_the_same_law():
    X, generator = design(7, 2), np.random.default_rng(1)
    sets, probabilities = reference.volume_probabilities(X, 4)
    drawn = [reference.reverse_iterative_sample(X, 4, generator) for _ in range(2000)]
    assert law_p_value(drawn, sets, probabilities) > LEVEL


def test_law_of_rescaled_sampling():
    X = design(5, 2, seed=3)
    sequences, probabilities = reference.rescaled_probabilities(X, 3)
    drawn = samples(X, 3, 2000, rescaled=True)
    counts = np.bincount(drawn @ [25, 5, 1], minlength=125)
    possible = probabilities > 1e-12
    assert counts[~possible].sum() == 0
    assert stats.chisquare(counts[possible], 2000 * probabilities[possible]).pvalue > LEVEL
    assert (sequences[:, 0] * 25 + sequences[:, 1] * 5 + sequences[:, 2] == np.arange(125)).all()


def solution(X, y, weights=None):
    scale = np.ones(len(X)) if weights is None else np.sqrt(weights)
    return np.linalg.lstsq(X * scale[:, None], y * scale, rcond=None)[0]


@pytest.mark.parametrize("size", [3, 4, 6])
def test_unbiased_by_enumeration(size):
    n, d = 9, 3
    X = design(n, d)
    y = np.random.default_rng(1).standard_normal(n)
    best = solution(X, y)
    least = np.sum((X @ best - y) ** 2)
    sets, probabilities = reference.volume_probabilities(X, size)
    fits = [solution(X[list(S)], y[list(S)]) for S in sets]
    np.testing.assert_allclose(probabilities @ fits, best, atol=1e-12)
    inverses = [np.linalg.inv(X[list(S)].T @ X[list(S)]) for S in sets]
    expected = (n - d + 1) / (size - d + 1) * np.linalg.inv(X.T @ X)
    np.testing.assert_allclose(np.tensordot(probabilities, inverses, 1), expected, atol=1e-12)
    loss = probabilities @ [np.sum((X @ fit - y) ** 2) for fit in fits]
    if size == d:
        assert abs(loss / least - (d + 1)) < 1e-9
    else:
        assert loss / least < d + 1


def test_rescaled_sampling_is_unbiased_by_enumeration():
    X = design(6, 2, seed=4)
    y = np.random.default_rng(1).standard_normal(6)
    V = np.linalg.qr(X)[0]
    weights = 2 / np.einsum("ij,ij->i", V, V)
    sequences, probabilities = reference.rescaled_probabilities(X, 4)
    possible = probabilities > 1e-14
    fits = [solution(X[S], y[S], weights[S]) for S in sequences[possible]]
    np.testing.assert_allclose(probabilities[possible] @ fits, solution(X, y), atol=1e-12)


@pytest.mark.parametrize("options", [{"n_samples": 4}, {"n_samples": 9}, {"n_samples": 9, "rescaled": True}])
def test_regression_is_unbiased(options):
    """The mean over seeds of the coefficients is the solution on all rows, within five standard errors."""
    X, y = design(40, 3, seed=5), np.random.default_rng(6).standard_normal(40)
    X[0] *= 8  # a row that uniform sampling misses
    generator = np.random.default_rng(0)
    fits = []
    for _ in range(300):
        model = VolumeSampledRegression(**options, random_state=generator).fit(X, y)
        fits.append([model.intercept_, *model.coef_])
    full = LinearRegression().fit(X, y)
    z = (np.mean(fits, axis=0) - [full.intercept_, *full.coef_]) / (np.std(fits, axis=0) / np.sqrt(300))
    assert np.abs(z).max() < 5


@pytest.mark.parametrize("n", [5, 9, 40])
def test_complement(n):
    core = np.array([3, 0, 4])
    for size in range(n - 2):
        others = _draw_complement(core, np.uint64(size), n, size)
        assert np.unique(others).size == size
        assert not np.isin(others, core).any()
        assert ((others >= 0) & (others < n)).all()
    assert set(_draw_complement(core, np.uint64(1), n, n - 3)) == set(range(n)) - {0, 3, 4}


def test_all_rows():
    X = design(8, 3)
    rows, weights = volume_sample(X, 8, random_state=0)
    assert sorted(rows) == list(range(8))
    assert (weights == 1).all()
    assert sorted(volume_sample(X[:3], 3, random_state=0)[0]) == [0, 1, 2]


def test_certain_rows():
    X = np.zeros((30, 3))
    X[:29, :2] = design(29, 2)
    X[29, 2] = 1e-3
    X[5] = 0.0
    for seed in range(20):
        rows, _ = volume_sample(X, 3, random_state=seed)
        assert 29 in rows
        assert 5 not in rows
        rows, weights = volume_sample(X, 12, rescaled=True, random_state=seed)
        assert 29 in rows
        assert 5 not in rows
        np.testing.assert_allclose(weights[rows == 29], 3.0)


def test_rank_deficient():
    X = load_digits().data
    with pytest.raises(ValueError, match="numerical rank is 61"):
        volume_sample(X, 100)
    rows, _ = volume_sample(X, 61, rank="truncate", random_state=0)
    assert np.linalg.matrix_rank(X[rows]) == 61
    sampler = VolumeSampler(100, rank="truncate", random_state=0).fit(X)
    assert sampler.rank_ == 61
    assert abs(sampler.leverage_.sum() - 61) < 1e-9


def test_truncated_regression_has_the_smallest_norm():
    X = design(50, 3)
    X = np.column_stack([X, X[:, 0] + X[:, 1], np.zeros(50)])
    y = X @ np.array([1.0, 2.0, 3.0, 0.0, 5.0])
    model = VolumeSampledRegression(8, rank="truncate", fit_intercept=False, random_state=0).fit(X, y)
    np.testing.assert_allclose(model.coef_, np.linalg.lstsq(X, y, rcond=None)[0], atol=1e-12)
    assert model.rank_ == 3


@pytest.mark.parametrize("rescaled", [False, True])
def test_regression_asks_once_for_each_label(rescaled):
    X, y = design(60, 4), np.random.default_rng(1).standard_normal((60, 2))
    asked = []

    def label(rows):
        asked.append(rows)
        return y[rows]

    model = VolumeSampledRegression(20, rescaled=rescaled, random_state=0).fit(X, label)
    (rows,) = asked
    assert np.unique(rows).size == rows.size == model.n_labels_
    assert set(rows) == set(model.sample_indices_)
    same = VolumeSampledRegression(20, rescaled=rescaled, random_state=0).fit(X, y)
    np.testing.assert_array_equal(same.coef_, model.coef_)
    weighted = LinearRegression().fit(
        X[model.sample_indices_], y[model.sample_indices_], sample_weight=model.sample_weight_
    )
    np.testing.assert_allclose(model.coef_, weighted.coef_, atol=1e-10)
    np.testing.assert_allclose(model.predict(X), weighted.predict(X), atol=1e-10)


@pytest.mark.parametrize(
    "answer", [lambda rows: np.ones(len(rows) + 1), lambda rows: 3.0, lambda rows: np.full(len(rows), np.nan)]
)
def test_labels_are_checked(answer):
    model = VolumeSampledRegression(8, random_state=0)
    with pytest.raises(ValueError, match=r"\by\b"):
        model.fit(design(20, 2), answer)
    assert not hasattr(model, "coef_")


def test_frames_stay_frames():
    frame = pandas.DataFrame(design(20, 2), columns=["a", "b"], index=np.arange(20) + 100)
    target = pandas.Series(np.arange(20.0), index=frame.index)
    sampler = VolumeSampler(6, random_state=0)
    X, y = sampler.fit_resample(frame, target)
    pandas.testing.assert_frame_equal(X, frame.iloc[sampler.sample_indices_])
    pandas.testing.assert_series_equal(y, target.iloc[sampler.sample_indices_])
    assert sampler.fit_resample(frame)[1] is None
    assert list(sampler.feature_names_in_) == ["a", "b"]


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([VolumeSampler(random_state=0), VolumeSampler(rescaled=True, rank="truncate", random_state=0)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_scores_of_new_rows():
    X = design(50, 4)
    sampler = VolumeSampler(10, random_state=0).fit(X)
    np.testing.assert_allclose(sampler.score_samples(X), sampler.leverage_, atol=1e-13)
    new = design(5, 4, seed=9)
    expected = np.einsum("ij,ij->i", new, np.linalg.solve(X.T @ X, new.T).T)
    np.testing.assert_allclose(sampler.score_samples(new), expected, atol=1e-13)
    with pytest.raises(ValueError, match="features"):
        sampler.score_samples(new[:, :3])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"n_samples": 2}, "n_samples must be at least 3"),
        ({"n_samples": 21}, "n_samples must be at most"),
        ({"n_samples": 5, "rank": "ignore"}, "rank"),
        ({"n_samples": 5, "rescaled": 1}, "rescaled"),
    ],
)
def test_refuses(options, said):
    error = TypeError if said == "rescaled" else ValueError
    with pytest.raises(error, match=said):
        volume_sample(design(20, 3), **options)
    with pytest.raises(error, match=said):
        VolumeSampler(**options).fit_resample(design(20, 3), np.ones(20))


def test_normaliser():
    X = design(7, 2)
    total = sum(np.linalg.det(X[list(S)].T @ X[list(S)]) for S in reference.subsets(7, 4))
    assert abs(total / (comb(5, 2) * np.linalg.det(X.T @ X)) - 1) < 1e-12
