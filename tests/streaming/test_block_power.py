"""The block power summary: against the oracle, chunk by chunk, and its identities."""

import numpy as np
import pytest
import scipy.sparse

from sparsesci.datasets import make_heavy_rows, make_spiked
from sparsesci.streaming import _block_power_kernels as kernels
from sparsesci.streaming import _block_power_summary as summary
from sparsesci.streaming._block_power import BlockPower
from tests.reference import streaming as reference

FACTORS = (1.1, 1.2, 1.35, 1.6, 2.0)


def block_power(d, k=1, *, factors=FACTORS, first_block=32, capacity=10, center=False, heavy_factor=0.0, seed=5):
    return BlockPower(
        d, k, factors, first_block, capacity=capacity, heavy_factor=heavy_factor, center=center, key=np.uint64(seed)
    )


def decaying_rows(n=900, d=30, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d)) * 0.8 ** np.arange(d)


# Kernels


@pytest.mark.parametrize(("n", "d", "r"), [(1, 1, 1), (3, 5, 1), (4, 4, 2), (9, 31, 3), (13, 130, 5)])
def test_kernels_against_numpy_and_row_by_row(n, d, r):
    rng = np.random.default_rng(n)
    A, Z = rng.standard_normal((n, d)), rng.standard_normal((r, d))
    projections, G = np.full((n, r + 1), 0.5), np.ones((r + 1, d))
    kernels.fold_rows(A, Z, projections, G, 1)
    np.testing.assert_allclose(projections[:, :r], A @ Z.T, atol=1e-13 * d)
    np.testing.assert_allclose(G, 1 + projections.T @ A, atol=1e-12)
    again, H = np.full((n, r + 1), 0.5), np.ones((r + 1, d))
    for i in range(n):
        kernels.fold_rows(A[i : i + 1], Z, again[i : i + 1], H, 3)
    np.testing.assert_array_equal(again, projections)
    np.testing.assert_array_equal(H, G)
    norms = np.empty(n)
    kernels.row_norms(A, norms, 1)
    np.testing.assert_allclose(norms, (A**2).sum(axis=1), rtol=1e-14)


def test_kernels_on_sparse_rows():
    A = scipy.sparse.random_array((40, 23), density=0.3, rng=np.random.default_rng(0), format="csr")
    Z = np.random.default_rng(1).standard_normal((3, 23))
    projections, G = np.ones((40, 4)), np.zeros((4, 23))
    kernels.fold_rows_csr(A.data, A.indices, A.indptr, 2.0, Z, projections, G, 2)
    dense = 2 * A.toarray()
    np.testing.assert_allclose(projections[:, :3], dense @ Z.T, atol=1e-13)
    np.testing.assert_allclose(G, projections.T @ dense, atol=1e-13)


def test_nan_and_infinity_come_through_the_kernels():
    A = np.ones((5, 9))
    A[3, 2], A[4, 8] = np.nan, np.inf
    norms = np.empty(5)
    kernels.row_norms(A, norms, 1)
    assert norms[0] == 9
    assert np.isnan(norms[3])
    assert np.isinf(norms[4])


# The algorithm


@pytest.mark.parametrize("capacity", [0, 1, 10])
@pytest.mark.parametrize("k", [1, 3])
def test_equals_the_oracle(k, capacity):
    A = decaying_rows()
    state = block_power(30, k, capacity=capacity)
    starts = [state.iterates[s * k : (s + 1) * k] for s in range(5)]
    oracle = reference.BlockPower(starts, FACTORS, 32, capacity)
    for a in A:
        oracle.take(a)
    state.update(A)
    answer = state.answer(k)
    components, singular_values = oracle.answer()
    np.testing.assert_allclose(answer.scores, oracle.scores(), rtol=1e-11)
    np.testing.assert_allclose(np.abs(np.sum(answer.components * components, axis=1)), 1, atol=1e-11)
    np.testing.assert_allclose(answer.singular_values, singular_values, rtol=1e-11)
    assert answer.best == int(np.argmax(oracle.scores()))


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("heavy_factor", [0.0, 0.5])
def test_the_same_bits_for_all_chunks_and_threads(center, sparse, heavy_factor):
    A = decaying_rows(1200)
    A[A < 0.2] = 0 if sparse else A[A < 0.2]
    rows = scipy.sparse.csr_array(A) if sparse else A
    whole = block_power(30, 2, center=center, heavy_factor=heavy_factor)
    whole.update(rows)
    expected = whole.answer(2)
    for size, n_jobs in ((1, 1), (7, 1), (500, 1), (500, 3), (1200, 7)):
        state = block_power(30, 2, center=center, heavy_factor=heavy_factor)
        for start in range(0, 1200, size):
            state = state.copy()
            state.update(rows[start : start + size], n_jobs)
        answer = state.answer(2)
        np.testing.assert_array_equal(state.heavy_rows(), whole.heavy_rows())
        for name in ("components", "singular_values", "scores"):
            np.testing.assert_array_equal(getattr(answer, name), getattr(expected, name))


@pytest.mark.parametrize("capacity", [0, 5, 40, 2000])
def test_nothing_is_lost(capacity):
    """With iterates that stay as they are, sums and heavy rows together are Z A^T A."""
    A = decaying_rows()
    state = block_power(30, 2, first_block=1e6, capacity=capacity)
    state.update(A)
    heavy = state.heavy[: state.n_heavy]
    expected = state.iterates @ A.T @ A
    actual = state.sums + state.iterates @ heavy.T @ heavy
    np.testing.assert_allclose(actual, expected, atol=1e-10 * np.abs(expected).max())


def test_exactly_the_heaviest_rows_are_stored():
    A = decaying_rows(300)
    A[250] = A[20] = A[100]  # ties are broken by arrival
    norms = (A**2).sum(axis=1)
    for capacity in (1, 7, 64, 400):
        state = block_power(30, capacity=capacity)
        state.update(A)
        expected = A[np.argsort(-norms, kind="stable")[:capacity]]
        np.testing.assert_array_equal(state.heavy_rows(), expected)


def test_all_heavy_rows_of_a_hard_stream_are_stored():
    A = make_heavy_rows(3000, 50, n_heavy=4, random_state=0)
    state = block_power(50, capacity=8)
    state.update(A)
    assert (np.linalg.norm(state.heavy_rows(), axis=1) > 1).sum() == 4


@pytest.mark.parametrize("center", [False, True])
def test_all_rows_stored_is_exact(center):
    A = decaying_rows(60) + 3.0
    state = block_power(30, 4, capacity=64, center=center)
    state.update(A)
    components, singular_values = reference.top_directions(A - A.mean(axis=0) if center else A, 4)
    answer = state.answer(4)
    np.testing.assert_allclose(answer.singular_values, singular_values, rtol=1e-10)
    np.testing.assert_allclose(np.abs(np.sum(answer.components * components, axis=1)), 1, atol=1e-9)


@pytest.mark.parametrize("power", [-1000, -500, 460])
def test_powers_of_two_change_nothing_but_the_unit(power):
    A = decaying_rows()
    for center in (False, True):
        answers = []
        for scaled in (A, np.ldexp(A, power)):
            state = block_power(30, 2, center=center)
            state.update(scaled)
            answers.append(state.answer(2))
        np.testing.assert_allclose(answers[1].components, answers[0].components, atol=1e-10)
        np.testing.assert_allclose(np.ldexp(answers[1].singular_values, -power), answers[0].singular_values, rtol=1e-10)


def test_small_rows_before_large_ones():
    """The unit is chosen again when it turns out too small."""
    A = make_spiked(400, 10, 5.0, random_state=0)
    mixed = np.concatenate((1e-130 * A[:50], A, 1e120 * A))
    state = block_power(10, capacity=5)
    state.update(mixed)
    expected = block_power(10, capacity=5)
    expected.update(np.concatenate((np.zeros((450, 10)), A)))
    np.testing.assert_allclose(state.answer(1).components, expected.answer(1).components, atol=0.05)
    assert np.isfinite(state.answer(1).singular_values).all()


def test_rotation():
    A = decaying_rows()
    Q = np.linalg.qr(np.random.default_rng(3).standard_normal((30, 30)))[0]
    first, second = block_power(30, 2), block_power(30, 2)
    second.iterates = first.iterates @ Q
    first.update(A)
    second.update(A @ Q)
    np.testing.assert_allclose(second.answer(2).components, first.answer(2).components @ Q, atol=1e-8)


def test_a_copy_does_not_share_state():
    A = decaying_rows()
    state = block_power(30, center=True)
    state.update(A[:500])
    before, stored = state.answer(1), state.heavy_rows()
    copied = state.copy()
    copied.update(A[500:])
    after = state.answer(1)
    np.testing.assert_array_equal(before.components, after.components)
    np.testing.assert_array_equal(stored, state.heavy_rows())
    state.update(A[500:])
    np.testing.assert_array_equal(state.answer(1).components, copied.answer(1).components)


def test_memory_is_never_more_than_announced():
    A = decaying_rows(700)
    for center, k, capacity in ((False, 1, 64), (True, 2, 5), (True, 1, 0)):
        state = block_power(30, k, center=center, capacity=capacity)
        for start in range(0, 700, 9):
            state.update(A[start : start + 9])
            bound = 3 * 5 * k + capacity + 2 + 5 * center
            assert state.memory_rows <= state.peak_rows <= bound


# Linear algebra on a few rows


def test_top_directions_are_those_of_the_svd():
    rng = np.random.default_rng(0)
    rows, heavy, mean = rng.standard_normal((3, 20)), rng.standard_normal((9, 20)), rng.standard_normal(20)
    components, singular_values = summary.top_directions(rows, heavy, mean, np.eye(20)[:4], 4)
    expected, values = reference.top_directions(np.concatenate((rows, heavy - mean)), 4)
    np.testing.assert_allclose(singular_values, values, rtol=1e-12)
    np.testing.assert_allclose(np.abs(np.sum(components * expected, axis=1)), 1, atol=1e-11)


def test_missing_directions_are_made_up():
    rows = np.array([[0.0, 3.0, 0.0, 0.0]])
    components, singular_values = summary.top_directions(rows, np.zeros((0, 4)), None, np.eye(4)[:2], 3)
    np.testing.assert_allclose(singular_values, [3, 0, 0])
    np.testing.assert_allclose(components @ components.T, np.eye(3), atol=1e-12)


def test_square_root_rows_of_an_exact_product():
    """Where the iterates span an invariant subspace, the rows are those of the matrix itself."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((8, 8)))[0].T
    M = basis.T @ np.diag([9.0, 4, 3, 1, 1, 1, 1, 1]) @ basis
    rows = summary.square_root_rows(basis[:3], basis[:3] @ M)
    np.testing.assert_allclose(rows.T @ rows, basis[:3].T @ np.diag([9.0, 4, 3]) @ basis[:3], atol=1e-12)


def test_align_undoes_a_rotation():
    rng = np.random.default_rng(0)
    rows, rotation = rng.standard_normal((3, 12)), np.linalg.qr(rng.standard_normal((3, 3)))[0]
    np.testing.assert_allclose(summary.align(rows, rotation @ rows), 2 * rows, atol=1e-12)
