"""Identities of the structure, against dense linear algebra."""

import numpy as np
import pytest

from sparsesci.sbl import kron_posterior, sbl_cost
from sparsesci.sbl._em import Contraction, expectation_maximisation, second_moment
from sparsesci.sbl._measurement_space import MeasurementSpaceSolver
from sparsesci.sbl._posterior import Box
from sparsesci.sbl._tensor import contract_others, normalise, outer
from tests.reference import sbl as reference
from tests.sbl.problems import flat, random_problem

both_kinds = pytest.mark.parametrize("complex_valued", [False, True], ids=["real", "complex"])
snapshots = pytest.mark.parametrize("n_snapshots", [None, 3])


def solver_of(p, gammas=None):
    Y = p.Y[..., np.newaxis] if p.Y.ndim == 3 else p.Y
    return MeasurementSpaceSolver(Y, p.H, p.gammas if gammas is None else gammas, p.noise_var, False)


def box_of(p):
    return Box(p.Y[..., np.newaxis] if p.Y.ndim == 3 else p.Y, p.H, p.gammas, p.noise_var)


@both_kinds
@snapshots
def test_cost(complex_valued, n_snapshots):
    p = random_problem(complex_valued=complex_valued, n_snapshots=n_snapshots)
    expected = reference.cost(flat(p.Y), p.H, p.gammas, p.noise_var)
    assert sbl_cost(p.Y, p.H, p.gammas, p.noise_var) == pytest.approx(expected, rel=1e-12)
    solver = solver_of(p)
    assert solver.sums(solver.rotated, solver.factors)[0] == pytest.approx(expected, rel=1e-12)


@both_kinds
@snapshots
def test_posterior(complex_valued, n_snapshots):
    p = random_problem(complex_valued=complex_valued, n_snapshots=n_snapshots)
    mean, Sigma = reference.posterior(flat(p.Y), p.H, p.gammas, p.noise_var)
    actual, variance = kron_posterior(p.Y, p.H, p.gammas, p.noise_var)
    np.testing.assert_allclose(flat(actual), mean, atol=1e-12)
    np.testing.assert_allclose(variance.ravel(), np.diagonal(Sigma).real, atol=1e-12)


@both_kinds
def test_residual_and_trace(complex_valued):
    p = random_problem(complex_valued=complex_valued)
    mean, Sigma = reference.posterior(p.Y.ravel(), p.H, p.gammas, p.noise_var)
    box = box_of(p)
    residual = np.linalg.norm(p.Y.ravel() - reference.kron(p.H) @ mean) ** 2
    assert p.noise_var**2 * np.sum(np.abs(box.Z) ** 2) == pytest.approx(residual, rel=1e-10)
    share = np.diagonal(Sigma).real / reference.kron(p.gammas)
    explained = np.sum(outer(box.eigenvalues) / box.D.ravel())
    assert share.sum() == pytest.approx(share.size - explained, rel=1e-10)
    assert np.sum(1 - share) == pytest.approx(p.Y.size - p.noise_var * np.sum(1 / box.D), rel=1e-10)


@both_kinds
@pytest.mark.parametrize("columns", [(6, 6, 6), (3, 6, 2)], ids=["wide", "compressed"])
def test_gradient(complex_valued, columns):
    p = random_problem(complex_valued=complex_valued, columns=columns)
    solver = solver_of(p)
    for axis in range(3):
        s, q = solver.statistics(axis)
        for i in range(columns[axis]):
            step = 1e-5 * p.gammas[axis][i]
            costs = []
            for change in (step, -step):
                gammas = [gamma.copy() for gamma in p.gammas]
                gammas[axis][i] += change
                costs.append(reference.cost(flat(p.Y), p.H, gammas, p.noise_var))
            difference = (costs[0] - costs[1]) / (2 * step)
            assert s[i] - q[i] == pytest.approx(difference, rel=1e-6, abs=1e-7 * s[i])


def test_one_expectation_maximisation_step():
    """gamma + gamma^2 (q - s) / N_other is what a pass over the second moments gives for the first mode."""
    p = random_problem()
    s, q = solver_of(p).statistics(0)
    moment = reference.second_moment(flat(p.Y), p.H, p.gammas, p.noise_var)
    weighted = moment / np.multiply.outer(p.gammas[1], p.gammas[2])
    np.testing.assert_allclose(
        p.gammas[0] + p.gammas[0] ** 2 * (q - s) / 36, weighted.sum(axis=(1, 2)) / 36, rtol=1e-11
    )


@both_kinds
@snapshots
def test_contractions_without_the_tensor(complex_valued, n_snapshots):
    p = random_problem(complex_valued=complex_valued, n_snapshots=n_snapshots)
    box = box_of(p)
    vectors = [np.random.default_rng(k).random(6) for k in range(3)]
    moment = reference.second_moment(flat(p.Y), p.H, p.gammas, p.noise_var)
    np.testing.assert_allclose(second_moment(box), moment, atol=1e-12)
    for axis in range(3):
        expected = np.moveaxis(moment, axis, 0)
        others = [vectors[k] for k in range(3) if k != axis]
        expected = np.einsum("ijk,j,k->i", expected, *others)
        np.testing.assert_allclose(contract_others(moment, vectors, axis), expected, rtol=1e-12)
        np.testing.assert_allclose(Contraction(box)(vectors, axis), expected, rtol=1e-11)


@both_kinds
@pytest.mark.parametrize("power", [0.5, 1.0])
def test_one_sweep(complex_valued, power):
    p = random_problem(complex_valued=complex_valued)
    solver = solver_of(p)
    cost = solver.sums(solver.rotated, solver.factors)[0]
    for axis in range(3):
        cost = solver.update(axis, cost, power)
    if power == 0.5:
        expected = reference.mm_sweep(p.Y.ravel(), p.H, p.gammas, p.noise_var, power)
        for mode, gamma in zip(solver.modes, expected):
            np.testing.assert_allclose(mode.gamma, gamma, rtol=1e-10)
    gammas = [mode.gamma for mode in solver.modes]
    assert cost == pytest.approx(reference.cost(flat(p.Y), p.H, gammas, p.noise_var), rel=1e-11)


@both_kinds
@pytest.mark.parametrize(("method", "prune_tol"), [("am", 1e-2), ("svd", 1e-3), ("ksbl", 1e-2)])
def test_published_iterations(complex_valued, method, prune_tol):
    """The published methods equal their dense form, to the last iteration."""
    p = random_problem(seed=4, complex_valued=complex_valued)
    dense, gammas, n_iter = reference.published_em(
        p.Y.ravel(), p.H, p.noise_var, method, prune_tol=prune_tol, max_iter=40
    )
    solution = expectation_maximisation(
        p.Y[..., np.newaxis],
        p.H,
        [np.ones(6)] * 3,
        p.noise_var,
        method=method,
        learn_noise=False,
        prune_tol=np.full(3, prune_tol),
        max_iter=40,
        tol=1e-4,
    )
    assert solution.n_iter == n_iter
    mean = kron_posterior(p.Y, p.H, solution.gammas, p.noise_var, return_var=False)
    np.testing.assert_allclose(mean.ravel(), dense, atol=1e-10 * np.abs(dense).max())


def test_expectation_maximisation_is_monotone_without_pruning():
    for seed in range(4):
        p = random_problem(seed=seed, complex_valued=bool(seed % 2))
        for method in ("am", "ksbl"):
            solution = expectation_maximisation(
                p.Y[..., np.newaxis], p.H, normalise([np.ones(6)] * 3), p.noise_var, method=method, learn_noise=False,
                prune_tol=np.zeros(3), max_iter=40, tol=0.0,
            )  # fmt: skip
            path = np.array(solution.cost_path)
            assert (np.diff(path) <= 1e-9 * np.abs(path[1:])).all()
            assert path[-1] < path[0] - 1
