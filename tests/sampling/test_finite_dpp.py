"""Finite determinantal processes and k-DPPs: laws by enumeration, probabilities, sizes, and extreme eigenvalues."""

import pickle
from fractions import Fraction
from math import log

import numpy as np
import pytest

from sparsesci.sampling import KDPP, FiniteDPP, log_elementary_symmetric_polynomials
from tests.reference import dpp as reference
from tests.sampling.test_projection_dpp import LEVEL, law_p_value

N = 6
SETS = reference.all_subsets(N)


def processes():
    """Return kinds of kernels with their matrix and the probabilities of all sets."""
    generator = np.random.default_rng(0)
    features = generator.standard_normal((N, 4))
    L = features @ features.T + 0.3 * np.eye(N)
    K = L @ np.linalg.inv(L + np.eye(N))
    Q = np.linalg.qr(features)[0]
    partly = Q @ np.diag([1.0, 1.0, 0.3, 0.7]) @ Q.T
    return {
        "likelihood": ("likelihood", L, reference.kernel_probabilities(L, SETS)),
        "features": ("features", features, reference.kernel_probabilities(features @ features.T, SETS)),
        "correlation": ("correlation", K, reference.correlation_probabilities(K, SETS)),
        "certain": ("correlation", partly, reference.correlation_probabilities(partly, SETS)),
        "projection": ("correlation", Q @ Q.T, reference.correlation_probabilities(Q @ Q.T, SETS)),
    }


PROCESSES = processes()
CASES = pytest.mark.parametrize(("kernel", "matrix", "probabilities"), PROCESSES.values(), ids=PROCESSES)


def given_size(probabilities, size):
    """Return the probabilities of the sets given their size, without rounding errors for those that cannot be."""
    kept = np.array([p if len(S) == size else 0.0 for p, S in zip(probabilities, SETS, strict=True)])
    return np.where(kept > 1e-13, kept / max(kept.sum(), 1e-300), 0.0)


def inclusion(probabilities):
    return np.array([sum(p for p, S in zip(probabilities, SETS, strict=True) if i in S) for i in range(N)])


@CASES
def test_law(kernel, matrix, probabilities):
    dpp = FiniteDPP(kernel, matrix)
    samples = dpp.sample(20_000, random_state=1)
    counts = np.array([S.size for S in samples])
    sizes = np.array([len(S) for S in SETS])
    # Sets of different sizes have different lengths: pad them, as a law of sets of numbered sets.
    number = {S: i for i, S in enumerate(SETS)}
    drawn = np.array([[number[tuple(sorted(S.tolist()))]] for S in samples])
    assert law_p_value(drawn, [(i,) for i in range(len(SETS))], probabilities) > LEVEL
    assert abs(counts.mean() - dpp.expected_size()) < 5 * counts.std() / np.sqrt(counts.size) + 1e-12
    assert abs(dpp.expected_size() - probabilities @ sizes) < 1e-12


@CASES
def test_probabilities(kernel, matrix, probabilities):
    dpp = FiniteDPP(kernel, matrix)
    np.testing.assert_allclose(np.exp([dpp.log_prob(S) for S in SETS]), probabilities, atol=1e-13)
    np.testing.assert_allclose(dpp.inclusion_probabilities(), inclusion(probabilities), atol=1e-12)
    assert dpp.log_prob([4, 0]) == dpp.log_prob(np.array([0, 4])) == dpp.log_prob({0, 4})


@pytest.mark.parametrize("size", [2, 3, 4])
@CASES
def test_given_size(kernel, matrix, probabilities, size):
    if given_size(probabilities, size).sum() == 0:
        with pytest.raises(ValueError, match="size must lie between"):
            KDPP(kernel, matrix, size)
        return
    dpp, expected = KDPP(kernel, matrix, size), given_size(probabilities, size)
    samples = dpp.sample(10_000, random_state=size)
    sets = [S for S in SETS if len(S) == size]
    assert law_p_value(samples, sets, np.array([expected[SETS.index(S)] for S in sets])) > LEVEL
    np.testing.assert_allclose(np.exp([dpp.log_prob(S) for S in SETS]), expected, atol=1e-13)
    np.testing.assert_allclose(dpp.inclusion_probabilities(), inclusion(expected), atol=1e-12)
    assert dpp.expected_size() == size
    np.testing.assert_array_equal(FiniteDPP(kernel, matrix).sample(10_000, size, random_state=size), samples)


def test_sizes_have_the_variance_of_independent_choices():
    lam = np.array([0.1, 0.5, 1.0, 3.0, 20.0])
    Q = np.linalg.qr(np.random.default_rng(0).standard_normal((30, 5)))[0]
    dpp = FiniteDPP("features", Q * np.sqrt(lam))
    sizes = np.array([S.size for S in dpp.sample(20_000, random_state=0)])
    p = lam / (1 + lam)
    deviations = (sizes - p.sum()) ** 2
    assert abs(dpp.expected_size() - p.sum()) < 1e-12
    assert abs(deviations.mean() - (p * (1 - p)).sum()) < 5 * deviations.std() / np.sqrt(sizes.size)


def test_features_need_not_form_the_kernel():
    generator = np.random.default_rng(0)
    features = generator.standard_normal((40, 5)) * 10.0 ** np.arange(-4, 1)  # L has condition 1e8
    L = features @ features.T
    by_features, by_kernel = FiniteDPP("features", features), FiniteDPP("likelihood", L)
    assert by_features.rank == by_kernel.rank == 5
    for S in ([], [3], [1, 7, 30]):
        assert abs(by_features.log_prob(S) - by_kernel.log_prob(S)) < 1e-5
    np.testing.assert_allclose(by_features.inclusion_probabilities(), by_kernel.inclusion_probabilities(), atol=1e-10)


def test_small_singular_values_of_features_survive():
    """The Gram matrix of the features would lose what is below the square root of the rounding unit."""
    Q = np.linalg.qr(np.random.default_rng(0).standard_normal((50, 3)))[0]
    dpp = FiniteDPP("features", Q * np.array([1.0, 1e-5, 1e-10]))
    assert dpp.rank == 3
    assert abs(KDPP("features", Q * np.array([1.0, 1e-5, 1e-10]), 3).log_prob([1, 2, 3])) < 100


@pytest.mark.parametrize("size", [None, 24])
def test_items_in_many_blocks(size):
    """Items are drawn as often as they should where the search goes over several blocks of them."""
    scales = np.linspace(0.02, 1, 3000)[:, np.newaxis]
    features = np.random.default_rng(0).standard_normal((3000, 30)) * scales
    dpp = FiniteDPP("features", features) if size is None else KDPP("features", features, size)
    drawn = np.concatenate(list(dpp.sample(1500, random_state=0)))
    counts = np.bincount(drawn, minlength=3000).reshape(20, -1).sum(axis=1)
    expected = 1500 * dpp.inclusion_probabilities().reshape(20, -1).sum(axis=1)
    # Items repel each other: a count varies less than a Poisson variable.
    assert np.abs((counts - expected) / np.sqrt(expected)).max() < 5.5


def test_the_empty_set():
    dpp = FiniteDPP("likelihood", np.zeros((3, 3)))
    assert dpp.sample(random_state=0).size == 0
    assert [S.size for S in dpp.sample(4, random_state=0)] == [0] * 4
    assert dpp.log_prob([]) == 0.0
    assert dpp.log_prob([1]) == -np.inf
    assert dpp.expected_size() == 0.0
    for kernel in ("likelihood", "features", "correlation"):
        with pytest.raises(ValueError, match="size"):
            KDPP(kernel, np.zeros((3, 3)), 1)


def test_all_items():
    features = np.random.default_rng(0).standard_normal((7, 7))
    assert sorted(KDPP("features", features, 7).sample(random_state=0)) == list(range(7))
    assert abs(KDPP("features", features, 7).log_prob(range(7))) < 1e-10
    with pytest.raises(ValueError, match="size"):
        KDPP("features", features[:, :4], 5)


@pytest.mark.parametrize("n_jobs", [2, 7])
def test_bits_do_not_depend_on_threads(n_jobs):
    features = np.random.default_rng(0).standard_normal((2000, 30))
    for dpp in (FiniteDPP("features", features), KDPP("features", features, 12)):
        expected = dpp.sample(40, random_state=0, n_jobs=1)
        again = pickle.loads(pickle.dumps(dpp)).sample(40, random_state=0, n_jobs=n_jobs)
        for one, other in zip(expected, again, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("kernel", "matrix", "said"),
    [
        ("likelihood", np.eye(3)[:2], "square"),
        ("likelihood", np.array([[1.0, 0.5], [0.4, 1.0]]), "symmetric"),
        ("likelihood", np.diag([1.0, -0.1]), "negative eigenvalue"),
        ("correlation", np.diag([0.5, 1.1]), "eigenvalue above 1"),
        ("correlation", np.diag([0.5, -0.1]), "negative eigenvalue"),
        ("nonsense", np.eye(2), "kernel"),
    ],
)
def test_refuses(kernel, matrix, said):
    with pytest.raises(ValueError, match=said):
        FiniteDPP(kernel, matrix)


@pytest.mark.parametrize("S", [[0, 0], [-1], [3], [0.5], [[0, 1]], "ab", [True]])
def test_log_prob_refuses(S):
    with pytest.raises(ValueError, match="S must"):
        FiniteDPP("likelihood", np.eye(3)).log_prob(S)


@pytest.mark.parametrize("bad", [{"n_samples": 0}, {"size": 0}, {"size": 4}, {"random_state": "a"}, {"n_jobs": 0}])
def test_sample_refuses(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        FiniteDPP("likelihood", np.eye(3)).sample(**bad)


# Elementary symmetric polynomials


def test_symmetric_polynomials_are_coefficients():
    lam = np.random.default_rng(0).uniform(0, 3, 12)
    logarithms = log_elementary_symmetric_polynomials(lam, 14)
    np.testing.assert_allclose(np.exp(logarithms[:13]), np.abs(np.poly(lam)), rtol=1e-12)
    assert (logarithms[13:] == -np.inf).all()
    assert log_elementary_symmetric_polynomials([0.0, 0.0], 1)[1] == -np.inf


def test_symmetric_polynomials_neither_overflow_nor_underflow():
    generator = np.random.default_rng(0)
    for scale in (1e6, 1e-6):
        lam = scale * generator.uniform(0.5, 1.0, 1000)
        assert np.isfinite(log_elementary_symmetric_polynomials(lam, 200)).all()
    lam = 10.0 ** generator.uniform(-6, 6, 80)
    exact = reference.elementary_symmetric([Fraction(x) for x in lam], 30)
    expected = log(exact.numerator) - log(exact.denominator)
    assert abs(log_elementary_symmetric_polynomials(lam, 30)[30] - expected) < 1e-11


def test_large_and_small_eigenvalues():
    generator = np.random.default_rng(0)
    Q = np.linalg.qr(generator.standard_normal((300, 300)))[0]
    lam = 10.0 ** generator.uniform(-6, 6, 300)
    dpp = KDPP("features", Q * np.sqrt(lam), 60)
    S = dpp.sample(random_state=0)
    assert np.unique(S).size == 60
    assert np.isfinite(dpp.log_prob(S))
    assert abs(dpp.inclusion_probabilities().sum() - 60) < 1e-9


@pytest.mark.slow
def test_a_thousand_eigenvalues():
    generator = np.random.default_rng(0)
    Q = np.linalg.qr(generator.standard_normal((1000, 1000)))[0]
    dpp = KDPP("features", Q * 1e3, 200)
    assert np.unique(dpp.sample(random_state=0)).size == 200
    np.testing.assert_allclose(dpp.inclusion_probabilities(), 0.2, atol=1e-9)
