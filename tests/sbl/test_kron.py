"""The block solver: both codes, invariances, special cases, noise, snapshots, search."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from sparsesci.datasets import make_irs_mimo_channel, make_kronecker_sparse
from sparsesci.sbl import (
    KroneckerSBL,
    kron_posterior,
    kron_sbl,
    kron_sbl_batch,
    nmse,
    sbl,
    sbl_cost,
    support_recovery_rate,
)
from sparsesci.sbl._engine import Iteration, Start, is_small, solve_small
from sparsesci.sbl._measurement_space import MeasurementSpaceSolver
from sparsesci.sbl._tensor import mode_products, normalise, outer
from tests.sbl.problems import random_problem

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("complex_valued", [False, True], ids=["real", "complex"])
@pytest.mark.parametrize("learn_noise", [False, True], ids=["known", "learned"])
@pytest.mark.parametrize("n_snapshots", [1, 3])
def test_the_two_codes_agree(complex_valued, learn_noise, n_snapshots):
    p = make_kronecker_sparse(
        (5, 6, 7), (8, 8, 4), 2, snr_db=20, complex_valued=complex_valued, n_snapshots=n_snapshots, random_state=1
    )
    gammas, prune_tol = normalise([np.ones(n) for n in (8, 8, 4)]), np.array([1e-3, 1e-2, 1e-3])
    options = {"power": 1.0, "tol": 1e-4, "max_iter": 60}
    order = np.array([2, 0, 1])
    large = MeasurementSpaceSolver(p.Y, p.dictionaries, gammas, p.noise_var, learn_noise)
    large = large.run(**options, prune_tol=prune_tol, order=order)
    small = solve_small(
        p.Y[np.newaxis],
        [H[np.newaxis] for H in p.dictionaries],
        [Start(gammas, p.noise_var, prune_tol, order)],
        Iteration(**options, learn_noise=learn_noise),
        with_paths=True,
    )[0]
    assert small.n_iter == large.n_iter
    assert small.converged == large.converged
    np.testing.assert_allclose(small.cost_path, large.cost_path, rtol=1e-9)
    assert small.noise_var == pytest.approx(large.noise_var, rel=1e-8)
    for a, b in zip(small.gammas, large.gammas):
        np.testing.assert_allclose(a, b, atol=1e-8 * b.max())


def test_large_problems_take_the_other_code():
    assert is_small((10, 10, 1), [np.ones((10, 20))] * 2)
    assert not is_small((70, 70, 1), [np.ones((70, 20))] * 2)
    p = make_kronecker_sparse((40, 36), (80, 70), 4, snr_db=25, core="general", random_state=0)
    assert not is_small(p.Y.shape, p.dictionaries)
    result = kron_sbl(p.Y, p.dictionaries)
    assert [a.tolist() for a in result.supports] == [a.tolist() for a in p.supports]
    assert result.noise_var == pytest.approx(p.noise_var, rel=0.25)
    coupled = kron_sbl(p.Y, p.dictionaries, coupling=0.5, noise_var=p.noise_var)
    assert nmse(coupled.to_dense(), p.coef) < 0.02


@pytest.mark.parametrize("seed", range(20))
def test_the_cost_never_rises(seed):
    """With exponent one half and without pruning, for known and learned noise, real and complex."""
    p = random_problem(seed, complex_valued=bool(seed % 2))
    for noise_var in (None, 0.5):
        result = kron_sbl(p.Y, p.H, noise_var=noise_var, power=0.5, prune_tol=0.0, max_iter=40)
        assert (np.diff(result.cost_path) <= 1e-9 * np.abs(result.cost_path[1:])).all()
        assert result.cost_path[-1] < result.cost_path[0]


@pytest.mark.parametrize("seed", range(4))
def test_the_cost_never_rises_with_coupling(seed):
    p = random_problem(seed, complex_valued=bool(seed % 2))
    result = kron_sbl(p.Y, p.H, noise_var=0.5, power=0.5, prune_tol=0.0, max_iter=40, coupling=[0.5, None, 0.8])
    assert (np.diff(result.cost_path) <= 1e-9 * np.abs(result.cost_path[1:])).all()
    assert result.cost == pytest.approx(sbl_cost(p.Y, p.H, result.gammas, 0.5), rel=1e-10)
    # gamma lies in the cone of the coupling: no neighbour of a large one is small.
    first = result.gammas[0]
    peak = int(np.argmax(first))
    assert all(first[i] > 1e-3 * first[peak] for i in (peak - 1, peak + 1) if 0 <= i < first.size)


@pytest.fixture
def sparse_problem():
    return make_kronecker_sparse((5, 6, 7), (8, 9, 8), 2, snr_db=20, core="general", random_state=3)


@pytest.mark.parametrize("method", ["mm", "svd", "rank1"])
def test_scale(sparse_problem, method):
    p, c = sparse_problem, 1e3
    options = {"method": method, "max_iter": 30}
    one = kron_sbl(p.Y, p.dictionaries, noise_var=p.noise_var, **options)
    init = [np.ones(8), np.ones(9), c**2 * np.ones(8)]
    other = kron_sbl(c * p.Y, p.dictionaries, noise_var=c**2 * p.noise_var, init=init, **options)
    np.testing.assert_allclose(other.core, c * one.core, rtol=1e-6)
    np.testing.assert_allclose(outer(other.gammas), c**2 * outer(one.gammas), rtol=1e-6)


@pytest.mark.parametrize("c", [1e-50, 1e-4, 1e4, 1e50])
def test_units(c, sparse_problem):
    """Data in unusual units need no start of their own."""
    p = sparse_problem
    options = {"n_restarts": 3, "refine": "backward", "random_state": 0}
    for noise_var in (None, p.noise_var):
        one = kron_sbl(p.Y, p.dictionaries, noise_var=noise_var, **options)
        scaled = None if noise_var is None else c**2 * noise_var
        other = kron_sbl(c * p.Y, p.dictionaries, noise_var=scaled, **options)
        assert [a.tolist() for a in other.supports] == [a.tolist() for a in one.supports]
        np.testing.assert_allclose(other.core / c, one.core, atol=1e-2 * np.abs(one.core).max())
    batch = kron_sbl_batch(c * p.Y[np.newaxis], p.dictionaries)
    np.testing.assert_array_equal(batch[0].core, kron_sbl(c * p.Y, p.dictionaries).core)


def test_rotations_and_permutations(sparse_problem):
    p = sparse_problem
    one = kron_sbl(p.Y, p.dictionaries, noise_var=p.noise_var).to_dense()
    rng = np.random.default_rng(0)
    Q = [np.linalg.qr(rng.standard_normal((m, m)))[0] for m in p.Y.shape]
    order = rng.permutation(9)
    H = [q @ D for q, D in zip(Q, p.dictionaries)]
    H[1] = H[1][:, order]
    other = kron_sbl(mode_products(p.Y, Q), H, noise_var=p.noise_var).to_dense()
    np.testing.assert_allclose(other, one[:, order], atol=1e-7 * np.abs(one).max())


def test_permuted_modes(sparse_problem):
    p = sparse_problem
    one = kron_sbl(p.Y, p.dictionaries, noise_var=p.noise_var, method="am", max_iter=20).to_dense()
    H = [p.dictionaries[k] for k in (2, 0, 1)]
    other = kron_sbl(p.Y.transpose(2, 0, 1), H, noise_var=p.noise_var, method="am", max_iter=20).to_dense()
    np.testing.assert_allclose(other.transpose(1, 2, 0), one, atol=1e-6 * np.abs(one).max())


def test_one_mode_is_classical():
    p = random_problem(rows=(12,), columns=(20,))
    one = kron_sbl(p.Y, p.H, noise_var=0.3, power=0.5, prune_tol=0.0, max_iter=25, tol=0.0)
    two = kron_sbl(p.Y[:, np.newaxis], [*p.H, np.eye(1)], noise_var=0.3, power=0.5, prune_tol=0.0, max_iter=25, tol=0.0)
    classical = sbl(p.H[0], p.Y, noise_var=0.3, method="mm", prune_tol=0.0, max_iter=25, tol=0.0)
    np.testing.assert_allclose(one.gammas[0], classical.gamma, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(one.to_dense(), classical.x, atol=1e-9)
    # A second mode of one column has an update of its own for the common scale: only the fixed point is the same.
    p_one = kron_sbl(p.Y, p.H, noise_var=0.3, tol=1e-9, prune_tol=1e-6, max_iter=3000)
    two = kron_sbl(p.Y[:, np.newaxis], [*p.H, np.eye(1)], noise_var=0.3, tol=1e-9, prune_tol=1e-6, max_iter=3000)
    np.testing.assert_allclose(two.to_dense()[:, 0], p_one.to_dense(), atol=1e-5)


def test_complex_without_imaginary_part(sparse_problem):
    p = sparse_problem
    one = kron_sbl(p.Y, p.dictionaries, noise_var=p.noise_var)
    other = kron_sbl(p.Y.astype(complex), p.dictionaries, noise_var=p.noise_var)
    assert other.core.dtype == np.complex128
    np.testing.assert_allclose(other.core, one.core, atol=1e-9)


def test_orthonormal_dictionary():
    """In closed form: gamma_i = max(|h_i^H y|^2 - s2, 0)."""
    rng = np.random.default_rng(0)
    H = np.linalg.qr(rng.standard_normal((9, 9)) + 1j * rng.standard_normal((9, 9)))[0]
    y = rng.standard_normal(9) + 1j * rng.standard_normal(9)
    power = np.abs(H.conj().T @ y) ** 2
    gamma = np.maximum(power - 1.0, 0.0)
    result = kron_sbl(y, [H], noise_var=1.0, tol=1e-12, prune_tol=1e-9, max_iter=5000)
    np.testing.assert_allclose(result.gammas[0], gamma, atol=1e-5)
    expected = gamma / (gamma + 1.0) * (H.conj().T @ y)
    np.testing.assert_allclose(result.to_dense(), expected, atol=1e-5)


def test_one_column_in_every_mode():
    rng = np.random.default_rng(0)
    H = [rng.standard_normal((4, 1)), rng.standard_normal((5, 1))]
    h = np.kron(*H)[:, 0]
    y = 3 * h + 0.1 * rng.standard_normal(20)
    size = h @ h
    gamma = ((h @ y) ** 2 / size - 0.01) / size
    result = kron_sbl(y, H, noise_var=0.01, tol=1e-12)
    assert outer(result.gammas)[0] == pytest.approx(gamma, rel=1e-6)
    assert result.core.item() == pytest.approx(gamma / (gamma * size + 0.01) * (h @ y), rel=1e-6)


def test_dense_recovery_is_least_squares():
    p = random_problem(rows=(7, 8), columns=(4, 5))
    result = kron_sbl(p.Y, p.H, noise_var=1e-8, prune_tol=0.0)
    expected = mode_products(p.Y, [np.linalg.pinv(H) for H in p.H])
    np.testing.assert_allclose(result.to_dense(), expected, atol=1e-5)


def test_learned_noise():
    for seed in range(6):
        p = make_kronecker_sparse((8, 12, 15), snr_db=15, random_state=seed)
        assert 0.8 < kron_sbl(p.Y, p.dictionaries).noise_var / p.noise_var < 1.25


def test_noise_is_floored():
    p = make_kronecker_sparse((6, 7), (5, 5), 2, snr_db=300, random_state=0)
    result = kron_sbl(p.Y, p.dictionaries, max_iter=2000)
    assert result.noise_var >= 1e-12 * np.mean(p.Y**2) * (1 - 1e-9)
    assert nmse(result.to_dense(), p.coef) < 1e-9


# Snapshots


def test_snapshots_are_a_mode_with_identity_dictionary():
    """... and constant hyperparameters: posterior and cost of one sweep agree."""
    p = random_problem(n_snapshots=3)
    expected = sbl_cost(p.Y, [*p.H, np.eye(3)], [*p.gammas, np.ones(3)], p.noise_var)
    assert 3 * sbl_cost(p.Y, p.H, p.gammas, p.noise_var) == pytest.approx(expected, rel=1e-12)
    mean = kron_posterior(p.Y, [*p.H, np.eye(3)], [*p.gammas, np.ones(3)], p.noise_var, return_var=False)
    np.testing.assert_allclose(kron_posterior(p.Y, p.H, p.gammas, p.noise_var)[0], mean, atol=1e-13)


def test_identical_snapshots(sparse_problem):
    p = sparse_problem
    one = kron_sbl(p.Y, p.dictionaries, noise_var=p.noise_var)
    for L in (4, 400):  # the second is replaced by its covariance
        many = kron_sbl(np.repeat(p.Y[..., np.newaxis], L, axis=-1), p.dictionaries, noise_var=p.noise_var)
        for a, b in zip(many.gammas, one.gammas):
            np.testing.assert_allclose(a, b, atol=1e-7 * b.max())
        np.testing.assert_allclose(many.core[..., 1], one.core, atol=1e-7)


def test_snapshots_lower_the_error():
    errors = []
    for L in (1, 8):
        problems = [
            make_kronecker_sparse((5, 8, 8), snr_db=5, core="general", n_snapshots=L, random_state=seed)
            for seed in range(5)
        ]
        found = [kron_sbl(p.Y, p.dictionaries, noise_var=p.noise_var) for p in problems]
        errors.append(np.mean([nmse(result.to_dense(), p.coef) for result, p in zip(found, problems)]))
    assert errors[1] < errors[0]


def test_snapshot_axes():
    p = random_problem(n_snapshots=3)
    expected = kron_sbl(p.Y, p.H, max_iter=5)
    for Y, axis in ((np.moveaxis(p.Y, -1, 1), 1), (p.Y.reshape(-1, 3), -1), (p.Y.reshape(-1, 3).T, 0)):
        assert np.array_equal(kron_sbl(Y, p.H, n_snapshots_axis=axis, max_iter=5).core, expected.core)
    assert np.array_equal(
        kron_sbl(p.Y[..., 0].ravel(), p.H, max_iter=5).core, kron_sbl(p.Y[..., 0], p.H, max_iter=5).core
    )


# Search


def test_elimination_removes_spurious_columns():
    rates = {None: [], "backward": []}
    for seed in range(8):
        p = make_kronecker_sparse((5, 8, 8), snr_db=20, core="general", random_state=seed)
        for refine, found in rates.items():
            result = kron_sbl(p.Y, p.dictionaries, noise_var=p.noise_var, refine=refine)
            found.append(support_recovery_rate(result.to_dense(), p.coef))
            assert result.cost == pytest.approx(sbl_cost(p.Y, p.dictionaries, result.gammas, p.noise_var), rel=1e-9)
    assert np.mean(rates["backward"]) > 0.95
    assert np.mean(rates["backward"]) > np.mean(rates[None]) + 0.05


def test_search_reaches_what_the_true_support_gives():
    """Channels on which restarts alone end in a poor minimum: the score is at least that of the true support."""
    for seed in (12027, 12046):
        p = make_irs_mimo_channel(12.0, random_state=seed)
        others = [tuple(j for j in range(3) if j != k) for k in range(3)]
        init = [(np.abs(p.coef).sum(axis=axes) > 0).astype(float) for axes in others]
        options = {"noise_var": p.noise_var, "refine": "backward"}
        known = kron_sbl(p.Y, p.dictionaries, init=init, **options)
        found = kron_sbl(p.Y, p.dictionaries, n_restarts=10, random_state=0, **options)

        def score(result):
            return 2 * result.cost + np.log(288) * sum(indices.size for indices in result.supports)

        assert score(found) <= score(known) + 1e-3
        assert score(found) < score(kron_sbl(p.Y, p.dictionaries, **options)) - 10


def test_the_default_of_the_estimator():
    p = make_kronecker_sparse((5, 8, 8), snr_db=20, core="general", random_state=2)
    model = KroneckerSBL(p.dictionaries, random_state=0).fit(p.Y)
    result = kron_sbl(p.Y, p.dictionaries, n_restarts=10, refine="backward", random_state=0)
    np.testing.assert_array_equal(model.core_, result.core)
    assert [a.tolist() for a in model.supports_] == [a.tolist() for a in p.supports]
    assert model.score(p.Y) > 0.97
    np.testing.assert_allclose(model.predict(), mode_products(model.coef_, p.dictionaries), atol=1e-12)
    assert model.predict(dictionaries=[H[:2] for H in p.dictionaries]).shape == (2, 2, 2)
    mean, var = kron_posterior(p.Y, p.dictionaries, model.gammas_, model.noise_var_)
    np.testing.assert_allclose(model.coef_, mean, atol=1e-9)
    np.testing.assert_allclose(model.posterior_var(), var[np.ix_(*model.supports_)], atol=1e-9)


def test_methods_refuse_what_they_cannot_do():
    p = random_problem()
    for options in ({"n_restarts": 2}, {"refine": "backward"}, {"coupling": 0.5}):
        with pytest.raises(ValueError, match=next(iter(options))):
            kron_sbl(p.Y, p.H, method="am", **options)
    wide = [np.ones((2, 1000))] * 3
    with pytest.raises(ValueError, match=r"rank1.*mm"):
        kron_sbl(np.ones((2, 2, 2)), wide, method="svd")


# Degenerate data


@pytest.mark.parametrize("method", ["mm", "am", "svd", "rank1", "ksbl"])
@pytest.mark.parametrize("noise_var", [None, 1.0])
def test_nothing_measured(method, noise_var):
    p = random_problem()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = kron_sbl(np.zeros_like(p.Y), p.H, method=method, noise_var=noise_var)
    assert result.core.size == 0
    assert all(indices.size == 0 for indices in result.supports)
    assert not result.to_dense().any()
    assert result.to_sparse().shape == (216, 1)
    assert result.converged


def test_columns_of_zeros_and_duplicates():
    p = make_kronecker_sparse((8, 9), (6, 6), 2, snr_db=30, core="general", random_state=0)
    H = [
        np.column_stack([p.dictionaries[0], np.zeros(8)]),
        np.column_stack([p.dictionaries[1], p.dictionaries[1][:, 0]]),
    ]
    result = kron_sbl(p.Y, H, noise_var=p.noise_var)
    assert result.gammas[0][6] == 0.0
    assert np.isfinite(result.core).all()
    assert nmse(mode_products(result.to_dense(), H), p.Y) < 0.01


def test_noise_only_ends_without_nan():
    rng = np.random.default_rng(0)
    H = [rng.standard_normal((5, 9)), rng.standard_normal((6, 9))]
    result = kron_sbl(0.1 * rng.standard_normal((5, 6)), H, noise_var=1.0, max_iter=3000)
    assert np.isfinite(result.core).all()
    assert np.abs(result.to_dense()).max(initial=0.0) < 0.05


def test_warns_without_convergence():
    p = random_problem()
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        assert not kron_sbl(p.Y, p.H, max_iter=2).converged


def test_results():
    p = make_kronecker_sparse((5, 6), (8, 9), 2, snr_db=30, n_snapshots=2, random_state=0)
    result = kron_sbl(p.Y, p.dictionaries)
    assert result.to_sparse().shape == (72, 2)
    np.testing.assert_array_equal(result.to_sparse().toarray(), result.to_dense().reshape(72, 2))
    single = kron_sbl(p.Y[..., 0].astype(np.float32), [H.astype(np.float32) for H in p.dictionaries])
    assert single.core.dtype == single.gammas[0].dtype == np.float32
    np.testing.assert_array_equal(single.to_sparse().toarray()[:, 0], single.to_dense().ravel())


def test_other_types():
    p = random_problem()
    expected = kron_sbl(p.Y, p.H, max_iter=5)
    for dtype in (np.longdouble, ">f8"):
        result = kron_sbl(p.Y.astype(dtype), [H.astype(dtype) for H in p.H], max_iter=5)
        assert result.core.dtype == np.float64
        np.testing.assert_allclose(result.core, expected.core, rtol=1e-10)


def test_refuses_dense_arrays_that_are_too_large():
    H = np.random.default_rng(0).standard_normal((10, 600))
    result = kron_sbl(np.einsum("i,j,k->ijk", H[:, 3], H[:, 4], H[:, 5]), [H, H, H], noise_var=1e-3)
    with pytest.raises(ValueError, match="to_sparse"):
        result.to_dense()
    assert result.to_sparse().shape == (600**3, 1)
    assert (3 * 600 + 4) * 600 + 5 in result.to_sparse().row


def test_progress_bar(capsys):
    p = random_problem()
    silent = kron_sbl(p.Y, p.H, max_iter=5)
    assert capsys.readouterr() == ("", "")
    shown = kron_sbl(p.Y, p.H, max_iter=5, verbose=1)
    assert "cost" in capsys.readouterr().err
    np.testing.assert_allclose(shown.core, silent.core, atol=1e-9)


# Batch


@pytest.mark.parametrize("complex_valued", [False, True], ids=["real", "complex"])
def test_batch_equals_one_by_one(complex_valued):
    problems = [
        make_kronecker_sparse((5, 6), (8, 9), 2, snr_db=20, complex_valued=complex_valued, random_state=seed)
        for seed in range(5)
    ]
    Y = np.stack([p.Y for p in problems])
    Y[3] = 0
    H = [np.stack([p.dictionaries[k] for p in problems]) for k in range(2)]
    noise_vars = np.array([p.noise_var for p in problems])
    for noise_var in (None, noise_vars, 0.1):
        batch = kron_sbl_batch(Y, H, noise_var=noise_var)
        assert len(batch) == 5
        for i, p in enumerate(problems):
            one_noise = noise_var if noise_var is None or np.ndim(noise_var) == 0 else noise_var[i]
            one = kron_sbl(Y[i], p.dictionaries, noise_var=one_noise)
            np.testing.assert_array_equal(batch[i].core, one.core)
            assert batch.n_iter[i] == one.n_iter
            assert batch.noise_var[i] == one.noise_var
    shared = kron_sbl_batch(Y, problems[0].dictionaries, noise_var=0.1)
    np.testing.assert_array_equal(shared[2].core, kron_sbl(Y[2], problems[0].dictionaries, noise_var=0.1).core)
    with pytest.raises(IndexError):
        batch[5]


def test_batch_of_large_problems():
    p = make_kronecker_sparse((40, 36), (60, 50), 2, snr_db=25, core="general", random_state=0)
    batch = kron_sbl_batch(p.Y[np.newaxis], p.dictionaries, noise_var=p.noise_var)
    np.testing.assert_array_equal(batch[0].core, kron_sbl(p.Y, p.dictionaries, noise_var=p.noise_var).core)
    assert nmse(batch[0].to_dense(), p.coef) < 0.01


@pytest.mark.slow
def test_a_billion_columns():
    rng = np.random.default_rng(0)
    H = [rng.standard_normal((40, 1000)) for _ in range(3)]
    supports = [np.sort(rng.choice(1000, 4, replace=False)) for _ in range(3)]
    clean = mode_products(rng.standard_normal((4, 4, 4)), [D[:, s] for D, s in zip(H, supports)])
    Y = clean + np.sqrt(np.mean(clean**2) / 100) * rng.standard_normal(clean.shape)
    result = kron_sbl(Y, H)
    assert [a.tolist() for a in result.supports] == [a.tolist() for a in supports]


def test_a_solution_that_is_not_sparse_is_refused_before_it_fills_the_memory():
    rng = np.random.default_rng(0)
    dictionaries = [rng.standard_normal((5, 600)) for _ in range(3)]
    with pytest.raises(MemoryError, match="prune_tol"):
        kron_sbl(rng.standard_normal((5, 5, 5)), dictionaries, max_iter=3)
