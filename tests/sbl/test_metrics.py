"""Figures of merit, by hand and by simulation, and the generators."""

import math

import numpy as np
import pytest

from sparsesci.datasets import make_irs_mimo_channel, make_kronecker_sparse
from sparsesci.sbl import nmse, spectral_efficiency, steering_matrix, support_recovery_rate, symbol_error_rate
from sparsesci.sbl._tensor import mode_products


def test_by_hand():
    assert nmse([1j, 0], [1, 1]) == pytest.approx(1.5)
    with pytest.raises(ValueError, match="truth"):
        nmse([1.0], [0.0])
    assert support_recovery_rate([1.0, 1e-4, 0], [2.0, 0, 0]) == 1.0
    assert support_recovery_rate([1.0, 1e-4, 0], [2.0, 0, 0], threshold=1e-5) == 0.5
    assert support_recovery_rate([0.0, 0.0], [0.0, 0.0]) == 1.0
    assert support_recovery_rate([0.0, 0.0], [0.0, 1.0]) == 0.0


def test_spectral_efficiency():
    H = np.diag([4.0, 1.0])
    assert spectral_efficiency(H, H, 10.0) == pytest.approx(math.log2(11))
    wrong = np.diag([1.0, 4.0])  # leads along the weak direction
    assert spectral_efficiency(wrong, H, 10.0) == pytest.approx(math.log2(1 + 10 / 16))
    both = np.stack([H, wrong])
    assert spectral_efficiency(both, np.stack([H, H]), 10.0) == pytest.approx(
        (math.log2(11) + math.log2(1 + 10 / 16)) / 2
    )


def test_symbol_error_rate():
    """QPSK over a perfectly known channel: 1 - (1 - Q(sqrt(snr)))^2. False alarm below 1e-6 (five sigma)."""
    rng = np.random.default_rng(0)
    H = rng.standard_normal((4, 3)) + 1j * rng.standard_normal((4, 3))
    n = 200_000
    for snr_db in (0.0, 6.0):
        tail = 0.5 * math.erfc(math.sqrt(10 ** (snr_db / 10) / 2))
        expected = 1 - (1 - tail) ** 2
        rate = symbol_error_rate(3 * H, H, snr_db, n, random_state=0)
        assert abs(rate - expected) < 5 * math.sqrt(expected / n)
    assert symbol_error_rate(-H, H, 30.0, 1000, random_state=0) == 1.0  # every symbol is decided as its opposite
    guessed = symbol_error_rate(np.zeros((4, 3)), H, 30.0, n, random_state=0)
    assert abs(guessed - 0.75) < 5 * math.sqrt(0.19 / n)


def test_steering_matrix():
    A = steering_matrix(5, 18)
    np.testing.assert_allclose(np.linalg.norm(A, axis=0), 1.0)
    np.testing.assert_allclose(A[3, 4], np.exp(1j * np.pi * 3 * (2 * 4 / 18 - 1)) / np.sqrt(5))
    np.testing.assert_array_equal(steering_matrix(5, 2 * np.arange(18) / 18 - 1), A)


@pytest.mark.parametrize("seed", range(5))
def test_channel_is_what_the_coefficients_say(seed):
    p = make_irs_mimo_channel(15.0, random_state=seed)
    channels = mode_products(p.coef, p.channel_factors).transpose(0, 2, 1)
    np.testing.assert_allclose(channels, p.channels, atol=1e-12 * np.abs(p.channels).max())
    clean = mode_products(p.coef, p.dictionaries)
    assert p.noise_var == pytest.approx(np.mean(np.abs(clean) ** 2) / 10**1.5)
    # 288 exponential variables: five sigma is 0.29.
    assert abs(np.mean(np.abs(p.Y - clean) ** 2) / p.noise_var - 1) < 0.29
    used = [np.flatnonzero(np.abs(p.coef).sum(axis=tuple(j for j in range(3) if j != k))) for k in range(3)]
    assert [len(indices) for indices in used] == [3, 1, 3]
    assert np.ptp(used[2]) == 2  # neighbours


@pytest.mark.parametrize("core", ["rank_one", "general"])
@pytest.mark.parametrize("complex_valued", [False, True])
@pytest.mark.parametrize("n_snapshots", [None, 3])
def test_kronecker_sparse(core, complex_valued, n_snapshots):
    p = make_kronecker_sparse(
        (5, 6), (8, 9), (3, 2), core=core, complex_valued=complex_valued, n_snapshots=n_snapshots, snr_db=200,
        random_state=0,
    )  # fmt: skip
    np.testing.assert_allclose(mode_products(p.coef, p.dictionaries), p.Y, atol=1e-7)
    box = p.coef[np.ix_(*p.supports)].reshape(3, 2, -1)
    assert np.count_nonzero(p.coef) == box.size
    rank = np.linalg.matrix_rank(box[:, :, 0])
    assert rank == (1 if core == "rank_one" else 2)
    assert np.iscomplexobj(p.Y) == complex_valued
