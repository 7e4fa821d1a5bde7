"""Counter-based random numbers against plain Python integers and against their distributions.

Statistical tests use fixed seeds and fail with probability at most 1e-6 each for a correct generator.
"""

import itertools
from collections import Counter

import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtri

from sparsesci._core import rng
from tests.reference import philox

FALSE_ALARM = 1e-6
KEY = 0x243F6A8885A308D3

KNOWN_ANSWERS = {
    "zeros": ((0,) * 4, (0,) * 2, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    "ones": (
        (0xFFFFFFFF,) * 4,
        (0xFFFFFFFF,) * 2,
        (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
    ),
    "pi": (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
}


@pytest.mark.parametrize("vector", KNOWN_ANSWERS)
@pytest.mark.parametrize("function", [rng.philox4x32, rng.philox4x32.py_func], ids=["njit", "py"])
def test_philox_known_answers(vector, function):
    counter, key, expected = KNOWN_ANSWERS[vector]
    with np.errstate(over="ignore"):
        words = function(*(np.uint32(word) for word in counter + key))
    assert tuple(int(word) for word in words) == expected


@pytest.mark.parametrize("vector", KNOWN_ANSWERS)
def test_reference_known_answers(vector):
    counter, key, expected = KNOWN_ANSWERS[vector]
    assert philox.philox4x32(counter, key) == expected


def random_triples(count, seed):
    """Return (key, stream, counter) triples of 64-bit integers with small and extreme ones among them."""
    generator = np.random.default_rng(seed)
    triples = generator.integers(0, 2**64, size=(count, 3), dtype=np.uint64)
    triples[: count // 4] >>= generator.integers(0, 64, size=(count // 4, 3), dtype=np.uint64)
    extreme = np.array([0, 1, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1], dtype=np.uint64)
    return [*triples, *map(np.array, itertools.product(extreme[[0, -1]], extreme[[0, -1]], extreme))]


TRIPLES = random_triples(300, seed=0)


def ints(triple):
    return tuple(int(value) for value in triple)


@pytest.mark.parametrize("draw", ["random_words", "uniform", "sign"])
def test_draws_equal_the_reference(draw):
    for triple in TRIPLES:
        assert getattr(rng, draw)(*triple) == getattr(philox, draw)(*ints(triple))


@pytest.mark.parametrize("bound", [1, 2, 7, 10**6, 2**31, 2**32 - 1, 2**32 + 1, 2**62 + 3, 2**63 - 1])
def test_index_equals_the_reference(bound):
    for triple in TRIPLES:
        drawn = rng.index(*triple, np.uint64(bound))
        assert drawn == philox.index(*ints(triple), bound)
        assert 0 <= drawn < bound


def test_normal_equals_the_reference():
    drawn = np.array([rng.normal(*triple) for triple in TRIPLES])
    expected = np.array([philox.normal(*ints(triple)) for triple in TRIPLES])
    np.testing.assert_allclose(drawn, expected, rtol=0, atol=1e-11)


def test_normal_quantile_is_accurate():
    generator = np.random.default_rng(1)
    octaves = np.arange(32, dtype=np.uint64)
    # Both ends of every octave and of its segments, and random words of every size.
    ends = [(np.uint64(1) << octaves) + offset for offset in (np.uint64(0), np.uint64(1), np.uint64(2), np.uint64(3))]
    ends += [ends[0] - np.uint64(1)]
    segments = (np.arange(16, 32, dtype=np.uint64)[:, None] << octaves[None, 4:]) >> np.uint64(4)
    sizes = generator.integers(0, 2**32, size=50_000, dtype=np.uint64) >> generator.integers(
        0, 32, size=50_000, dtype=np.uint64
    )
    words = np.concatenate([*ends, segments.ravel(), segments.ravel() - np.uint64(1), sizes])
    words = np.unique(words[words < 2**32]).astype(np.uint32)
    drawn = np.array([rng.normal_from_word(word) for word in words])
    probability = (words | np.uint32(1)).astype(np.float64) / 2.0**33
    expected = np.where(words & 1, 1.0, -1.0) * ndtri(probability)
    np.testing.assert_allclose(drawn, expected, rtol=0, atol=1e-11)
    assert (np.sign(drawn) == np.where(words & 1, -1, 1)).all()


def test_normal_range():
    smallest, largest = rng.normal_from_word(np.uint32(0xFFFFFFFE)), rng.normal_from_word(np.uint32(0))
    assert 0 < smallest < 3e-10
    assert 6.3 < largest < 6.4
    assert rng.normal_from_word(np.uint32(1)) == -largest


def test_normal_table_file_is_the_fitted_one():
    pytest.importorskip("mpmath", reason="the table is fitted with mpmath")
    from tests.reference.normal_table import normal_table

    np.testing.assert_array_equal(rng._NORMAL_TABLE, normal_table())


FILLS = {
    "uniform": (rng.uniforms, rng.uniform, ()),
    "normal": (rng.normals, rng.normal, ()),
    "sign": (rng.signs, rng.sign, ()),
    "index": (rng.indices, rng.index, (1000,)),
}


@pytest.mark.parametrize("first", [0, 1, 3, 31, 127, 128, 2**32 - 5, 2**40 + 77])
@pytest.mark.parametrize("draw", FILLS)
def test_fills_equal_scalar_draws(draw, first):
    fill, scalar, args = FILLS[draw]
    stream, size = 2**63 + 5, 300
    filled = fill(KEY, stream, size, *args, first=first)
    extra = tuple(np.uint64(value) for value in args)
    one_by_one = [scalar(np.uint64(KEY), np.uint64(stream), np.uint64(first + i), *extra) for i in range(size)]
    assert filled.tolist() == one_by_one


@pytest.mark.parametrize("draw", FILLS)
def test_fills_do_not_depend_on_threads(draw):
    fill, _, args = FILLS[draw]
    size = 3 * rng._FILL_CHUNK + 12345
    alone = fill(KEY, 1, size, *args, first=77, n_jobs=1)
    for n_jobs in (2, 7, -1):
        np.testing.assert_array_equal(fill(KEY, 1, size, *args, first=77, n_jobs=n_jobs), alone)
    # A fill is a window of the stream.
    np.testing.assert_array_equal(fill(KEY, 1, 100, *args, first=77 + size - 100), alone[-100:])


@pytest.mark.parametrize("draw", FILLS)
def test_empty_fill(draw):
    fill, _, args = FILLS[draw]
    assert fill(KEY, 0, 0, *args).shape == (0,)


def test_fill_dtypes():
    assert rng.uniforms(KEY, 0, 3).dtype == np.float64
    assert rng.normals(KEY, 0, 3).dtype == np.float64
    assert rng.indices(KEY, 0, 3, 5).dtype == np.int64
    assert rng.signs(KEY, 0, 3).dtype == np.int8
    for dtype in (np.float32, np.float64, np.int64):
        signs = rng.signs(KEY, 0, 1000, dtype=dtype)
        assert signs.dtype == dtype
        np.testing.assert_array_equal(signs, rng.signs(KEY, 0, 1000))


def test_stream_of_keeps_purposes_apart():
    pairs = [(0, 0), (0, 1), (1, 0), (1, 1), (7, 2**48 - 1), (2**16 - 1, 0), (2**16 - 1, 2**48 - 1)]
    streams = [int(rng.stream_of(*pair)) for pair in pairs]
    assert streams == [(purpose << 48) + index for purpose, index in pairs]


# Distributions


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("draw", "distribution"), [("uniform", stats.uniform), ("normal", stats.norm)])
def test_continuous_draws_have_their_distribution(draw, distribution, seed):
    values = FILLS[draw][0](rng.key_from_random_state(seed), seed, 200_000)
    assert stats.kstest(values, distribution.cdf).pvalue > FALSE_ALARM


@pytest.mark.parametrize("seed", range(3))
def test_normal_moments(seed):
    values = rng.normals(rng.key_from_random_state(seed), 5, 400_000)
    # Each moment's z-score exceeds 5 with probability 6e-7.
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((values**power).mean() - moment) < 5 * np.sqrt(variance / values.size)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("bound", [2, 7, 1000])
def test_index_is_uniform(bound, seed):
    values = rng.indices(rng.key_from_random_state(seed), 0, 100_000, bound)
    counts = np.bincount(values, minlength=bound)
    assert stats.chisquare(counts).pvalue > FALSE_ALARM


@pytest.mark.parametrize("seed", range(3))
def test_signs_are_fair_and_independent(seed):
    values = rng.signs(rng.key_from_random_state(seed), 3, 8 * 50_000)
    words = np.packbits(values > 0)
    assert stats.chisquare(np.bincount(words, minlength=256)).pvalue > FALSE_ALARM


@pytest.mark.parametrize("draw", ["uniform", "normal"])
def test_streams_and_keys_are_uncorrelated(draw):
    fill, size = FILLS[draw][0], 100_000
    series = np.array(
        [fill(key, stream, size) for key in (1, 2, KEY) for stream in (0, 1, 2**32)] + [fill(1, 0, size, first=size)]
    )
    correlation = np.corrcoef(series) - np.eye(len(series))
    # 45 pairs at 6 standard deviations: false alarm below 45 * 2e-9 = 9e-8.
    assert abs(correlation).max() < 6 / np.sqrt(size)


def test_lagged_draws_are_uncorrelated():
    values = rng.normals(KEY, 0, 400_000)
    for lag in (1, 2, 3, 4, 5, 64, 1000):
        products = values[lag:] * values[:-lag]
        assert abs(products.mean()) < 5.5 / np.sqrt(products.size)


# Subsets


@pytest.mark.parametrize(("population", "size"), [(6, 1), (6, 3), (7, 5), (5, 5), (4, 0)])
def test_subsets_are_uniform(population, size):
    draws = 3000
    counts = Counter(tuple(rng.sample_without_replacement(key, 9, population, size).tolist()) for key in range(draws))
    subsets = list(itertools.combinations(range(population), size))
    assert set(counts) <= set(subsets)
    if len(subsets) > 1:
        assert stats.chisquare([counts[subset] for subset in subsets]).pvalue > FALSE_ALARM


def test_subset_of_a_huge_population():
    chosen = rng.sample_without_replacement(KEY, 0, 2**60, 1000)
    assert chosen.dtype == np.int64
    assert (np.diff(chosen) > 0).all()
    assert chosen[0] >= 0
    assert chosen[-1] < 2**60
    assert stats.kstest(chosen / 2.0**60, stats.uniform.cdf).pvalue > FALSE_ALARM


# random_state


def test_int_gives_always_the_same_key():
    keys = [rng.key_from_random_state(seed) for seed in (0, 0, np.int64(0), 1, 2**32 - 1)]
    assert all(isinstance(key, np.uint64) for key in keys)
    assert keys[0] == keys[1] == keys[2]
    assert len(set(keys)) == 3


def test_both_halves_of_the_key_are_random():
    keys = np.array([rng.key_from_random_state(seed) for seed in range(2000)])
    for shift in range(0, 64, 8):
        byte = ((keys >> np.uint64(shift)) & np.uint64(255)).astype(np.int64)
        assert stats.kstest((byte + 0.5) / 256, stats.uniform.cdf).pvalue > FALSE_ALARM


@pytest.mark.parametrize("make", [np.random.RandomState, np.random.default_rng])
def test_instances_are_advanced(make):
    first, second = make(3), make(3)
    keys = [rng.key_from_random_state(first) for _ in range(3)]
    assert len(set(keys)) == 3
    assert keys == [rng.key_from_random_state(second) for _ in range(3)]


def test_none_draws_from_the_global_state():
    state = np.random.get_state()  # noqa: NPY002
    try:
        np.random.seed(5)  # noqa: NPY002
        keys = [rng.key_from_random_state(None) for _ in range(2)]
        np.random.seed(5)  # noqa: NPY002
        assert keys == [rng.key_from_random_state(None) for _ in range(2)]
        assert keys[0] != keys[1]
        assert keys[0] == rng.key_from_random_state(5)
    finally:
        np.random.set_state(state)  # noqa: NPY002


@pytest.mark.parametrize("value", [-1, 2**32, 1.5, "seed", [1, 2], np.array([1])])
def test_bad_random_state(value):
    with pytest.raises(ValueError, match="random_state must be"):
        rng.key_from_random_state(value)
