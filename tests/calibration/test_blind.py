"""blind_calibrate against its oracle and the laws of the model."""

from contextlib import nullcontext

import numpy as np
import pytest
import scipy.optimize
from numpy.testing import assert_allclose
from scipy.sparse.linalg import LinearOperator, aslinearoperator
from sklearn.exceptions import ConvergenceWarning

from sparsesci.calibration import RandomSignOperator, blind_calibrate, cramer_rao_bound
from sparsesci.calibration._solvers import keep_largest, project_gains
from sparsesci.datasets import make_blind_calibration
from sparsesci.sketching import SRHTSketch
from tests.reference import calibration as reference


def relative(actual, expected):
    return np.linalg.norm(actual - expected) / np.linalg.norm(expected)


def assert_recovered(result, x, gains, tolerance=1e-5):
    assert relative(result.x, x) < tolerance
    assert relative(result.gains, gains) < tolerance
    assert result.gains.sum() == pytest.approx(len(gains))


def stopped(A, Y, n_iter, **options):
    with pytest.warns(ConvergenceWarning):
        return blind_calibrate(A, Y, solver="gradient", max_iter=n_iter, tol=0.0, **options)


class TestOracle:
    """The oracle reproduces what can be said about the model with pencil and paper."""

    def test_gradients_are_derivatives(self):
        A, Y, x, gains = make_blind_calibration(7, 5, 3, noise=0.1, random_state=0)
        at, g = x + 0.3, gains[::-1].copy()
        signal, gain = reference.gradients(A, Y, at, g)
        numeric = scipy.optimize.approx_fprime(at, lambda v: reference.loss(A, Y, v, g), 1e-7)
        assert_allclose(signal, numeric, rtol=1e-4, atol=1e-6)
        numeric = scipy.optimize.approx_fprime(g, lambda v: reference.loss(A, Y, at, v), 1e-7)
        assert_allclose(gain, numeric - numeric.mean(), rtol=1e-4, atol=1e-6)

    def test_scale_is_ambiguous(self):
        A, Y, x, gains = make_blind_calibration(7, 5, 3, noise=0.1, random_state=0)
        assert_allclose(reference.loss(A, Y, 2 * x, gains / 2), reference.loss(A, Y, x, gains))

    def test_expected_objective(self):
        """E f = (|xi|^2 |g|^2 + |x|^2 |d|^2 - 2 (g.d) (xi.x)) / (2 m), within five standard errors."""
        rng = np.random.default_rng(0)
        A, _, x, d = make_blind_calibration(12, 9, 20_000, rho=0.5, random_state=1)
        xi, g = rng.standard_normal(12), 1 + 0.1 * rng.standard_normal(9)
        expected = ((xi @ xi) * (g @ g) + (x @ x) * (d @ d) - 2 * (g @ d) * (xi @ x)) / 18
        per_snapshot = np.sum((g * (A @ xi) - d * (A @ x)) ** 2, axis=1) / 18
        assert abs(per_snapshot.mean() - expected) < 5 * per_snapshot.std() / np.sqrt(20_000)
        back = np.einsum("li,lij->lj", d * (A @ x), A) / 9
        assert (np.abs(back.mean(axis=0) - x) < 6 * back.std(axis=0) / np.sqrt(20_000)).all()


class TestGradient:
    @pytest.mark.parametrize("options", [{}, {"rho": 0.3}], ids=["free", "rho"])
    @pytest.mark.parametrize("n_iter", [1, 7, 80])
    def test_equals_the_oracle(self, n_iter, options):
        A, Y, x, gains = make_blind_calibration(20, 9, 6, rho=0.6, noise=0.05, random_state=2)
        result = stopped(A, Y, n_iter, **options)
        x, gains, losses = reference.gradient_descent(A, Y, n_iter, **options)
        assert result.n_iter == n_iter
        assert_allclose(result.loss_curve, losses, rtol=1e-9)
        assert_allclose(result.x, x, rtol=1e-8, atol=1e-10)
        assert_allclose(result.gains, gains, rtol=1e-8)

    def test_subspaces_equal_the_oracle(self):
        rng = np.random.default_rng(0)
        A, Y, _, _ = make_blind_calibration(20, 9, 4, random_state=2)
        basis = np.linalg.qr(rng.standard_normal((20, 5)))[0]
        columns = np.column_stack([np.ones(9), rng.standard_normal((9, 3))])
        gain_basis = np.linalg.qr(columns)[0]
        result = stopped(A, Y, 12, signal_basis=basis, gain_basis=gain_basis)
        x, gains, _ = reference.gradient_descent(A, Y, 12, basis=basis, gain_basis=gain_basis[:, 1:])
        assert_allclose(result.x, x, rtol=1e-9, atol=1e-11)
        assert_allclose(result.gains, gains, rtol=1e-9)
        # A basis without the constant, not orthonormal, means the same.
        again = stopped(A, Y, 12, signal_basis=basis @ rng.standard_normal((5, 5)), gain_basis=3 * columns[:, 1:])
        assert_allclose(again.x, x, rtol=1e-8, atol=1e-10)
        assert_allclose(again.gains, gains, rtol=1e-8)

    def test_projection(self):
        assert_allclose(project_gains(np.array([2, 0.1, -0.3, -0.4, 0.9]), 0.5), [0.5, -0.05, -0.45, -0.5, 0.5])
        rng = np.random.default_rng(0)
        for _ in range(20):
            deviation = rng.standard_normal(8)
            assert_allclose(project_gains(deviation, 0.4), reference.project(deviation, 0.4), atol=1e-12)

    def test_keep_largest(self):
        assert keep_largest(np.array([1.0, -3.0, 3.0, 2.0, -2.0]), 3).tolist() == [0, -3, 3, 2, 0]

    def test_loss_does_not_rise(self):
        for seed in range(5):
            A, Y, _, _ = make_blind_calibration(64, 32, 5, rho=0.9, random_state=seed)
            assert (np.diff(stopped(A, Y, 200).loss_curve) <= 0).all()

    def test_rows_of_another_scale(self):
        A, Y, x, gains = make_blind_calibration(16, 12, 8, random_state=0)
        assert_recovered(blind_calibrate(1e3 * A, Y, solver="gradient"), x / 1e3, gains)


class TestSolvers:
    @pytest.mark.parametrize("solver", ["auto", "gradient", "linear", "gauss_newton", "als"])
    @pytest.mark.parametrize("kind", ["gaussian", "sign"])
    def test_exact_recovery(self, solver, kind):
        A, Y, x, gains = make_blind_calibration(24, 16, 8, rho=0.6, kind=kind, random_state=3)
        result = blind_calibrate(A, Y, solver=solver, tol=1e-9)
        assert result.converged
        assert_recovered(result, x, gains)
        assert result.loss == result.loss_curve[-1] < 1e-14
        assert result.message

    @pytest.mark.parametrize("weighted", [False, True])
    def test_linear_is_the_minimiser(self, weighted):
        A, Y, _, _ = make_blind_calibration(10, 7, 6, noise=0.1, random_state=0)
        weights = np.linspace(0.5, 2, 6) if weighted else None
        result = blind_calibrate(A, Y, solver="linear", sample_weight=weights)
        x, gains = reference.linear(A, Y, weights)
        assert_allclose(result.x, x, rtol=1e-8)
        assert_allclose(result.gains, gains, rtol=1e-8)

    @pytest.mark.parametrize("solver", ["gradient", "gauss_newton", "als"])
    @pytest.mark.parametrize("weighted", [False, True])
    def test_stationary_with_noise(self, solver, weighted):
        """The gradient of the objective, computed independently, vanishes at the end."""
        A, Y, _, _ = make_blind_calibration(10, 7, 8, noise=0.3, random_state=0)
        weights = np.linspace(0.5, 1.5, 8) if weighted else np.ones(8)
        result = blind_calibrate(A, Y, solver=solver, sample_weight=weights if weighted else None)
        root = np.sqrt(weights)
        signal, gain = reference.gradients(A * root[:, None, None], Y * root[:, None], result.x, result.gains)
        assert np.abs(signal).max() < 1e-4
        assert np.abs(gain).max() < 1e-4
        assert_allclose(result.loss, reference.loss(A, Y, result.x, result.gains, weights), rtol=1e-8)

    def test_gauss_newton_at_the_limit(self):
        """m p = n + m: exact recovery in 20 of 20 trials."""
        for seed in range(20):
            A, Y, x, gains = make_blind_calibration(64, 32, 3, rho=0.5, random_state=seed)
            assert_recovered(blind_calibrate(A, Y, solver="gauss_newton"), x, gains, 1e-3)

    def test_phase_transition_of_the_gradient_method(self):
        """n = 128, m = 64, rho = 0.5: nothing at p = 3, everything at p = 5, as in the table of the documentation."""
        for p, expected in ((3, 0), (5, 4)):
            found = 0
            for seed in range(4):
                A, Y, x, gains = make_blind_calibration(128, 64, p, rho=0.5, random_state=seed)
                with pytest.warns(ConvergenceWarning) if p == 3 else nullcontext():
                    result = blind_calibrate(A, Y, solver="gradient")
                found += relative(result.x, x) < 1e-3 and relative(result.gains, gains) < 1e-3
            assert found == expected

    def test_sparse_signals(self):
        for seed in range(5):
            A, Y, x, gains = make_blind_calibration(128, 32, 4, rho=0.5, random_state=seed, n_nonzero=8)
            result = blind_calibrate(A, Y, n_nonzero=8)
            assert result.message.startswith("bc_iht")
            assert np.count_nonzero(result.x) == 8
            assert_recovered(result, x, gains, 1e-3)

    @pytest.mark.parametrize("solver", ["gradient", "gauss_newton"])
    def test_subspaces_with_one_snapshot(self, solver):
        rng = np.random.default_rng(0)
        for _ in range(3):
            A = rng.standard_normal((1, 64, 256))
            basis = np.linalg.qr(rng.standard_normal((256, 16)))[0]
            shape = rng.standard_normal((64, 7))
            gains = 1 + (shape - shape.mean(axis=0)) @ rng.uniform(-0.05, 0.05, 7)
            x = basis @ rng.standard_normal(16)
            Y = gains * (A @ x)
            result = blind_calibrate(A, Y, solver=solver, signal_basis=basis, gain_basis=shape)
            assert_recovered(result, x, gains, 1e-3)

    def test_linear_falls_back(self):
        A, Y, _, _ = make_blind_calibration(6, 4, 3, noise=3.0, random_state=1)
        inverse = 1 / reference.linear(A, Y)[1]
        assert inverse.min() < 0
        with pytest.warns(UserWarning, match="gradient"), pytest.warns(ConvergenceWarning):
            assert blind_calibrate(A, Y, solver="linear").message.startswith("gradient")

    def test_single_precision(self):
        A, Y, x, gains = make_blind_calibration(24, 16, 8, random_state=3)
        for solver in ("gradient", "linear", "gauss_newton"):
            result = blind_calibrate(A.astype(np.float32), Y.astype(np.float32), solver=solver)
            assert result.x.dtype == np.float32
            assert_recovered(result, x, gains, 1e-3)

    @pytest.mark.parametrize("scale", [1e-150, 1e150])
    @pytest.mark.parametrize("solver", ["gradient", "gauss_newton"])
    def test_extreme_scales(self, scale, solver):
        A, Y, x, gains = make_blind_calibration(12, 8, 8, random_state=3)
        result = blind_calibrate(A, Y * scale, solver=solver)
        assert_recovered(result, x * scale, gains)


class TestOperators:
    def test_an_operator_is_its_matrix(self):
        A, Y, _, _ = make_blind_calibration(20, 9, 6, noise=0.05, random_state=2)
        for solver in ("gradient", "gauss_newton"):
            dense = blind_calibrate(A, Y, solver=solver, max_iter=5000)
            stacked = aslinearoperator(A.reshape(54, 20))
            for operator in (stacked, [aslinearoperator(part) for part in A]):
                result = blind_calibrate(operator, Y, solver=solver, max_iter=5000)
                assert_allclose(result.x, dense.x, rtol=1e-4, atol=1e-5)

    def test_dead_sensors_and_bases_with_operators(self):
        A, Y, x, gains = make_blind_calibration(12, 9, 8, random_state=2)
        Y[:, 3] = 0
        basis = np.linalg.qr(np.column_stack([x, np.random.default_rng(0).standard_normal((12, 3))]))[0]
        for model in (A, aslinearoperator(A.reshape(72, 12))):
            result = blind_calibrate(model, Y, dead="drop", signal_basis=basis)
            live = np.delete(np.arange(9), 3)
            assert result.gains[3] == 0
            assert_allclose(result.gains[live], gains[live] / gains[live].mean(), rtol=1e-4)

    def test_signs_that_are_never_stored(self):
        operator = RandomSignOperator(8, 12, 40, random_state=0)
        rng = np.random.default_rng(1)
        x, gains = rng.standard_normal(40), np.linspace(0.6, 1.4, 12)
        Y = gains * (operator @ x).reshape(8, 12)
        assert_recovered(blind_calibrate(operator, Y), x, gains)

    def test_hadamard(self):
        rng = np.random.default_rng(1)
        n, m, p = 64, 32, 6
        operators = [SRHTSketch(m, n, random_state=seed) for seed in range(p)]
        x, gains = rng.standard_normal(n), np.linspace(0.7, 1.3, m)
        Y = np.stack([gains * (operator @ x) for operator in operators])
        assert_recovered(blind_calibrate(operators, Y, solver="gradient"), x, gains, 1e-4)

    def test_refusals(self):
        A, Y, _, _ = make_blind_calibration(6, 4, 5, random_state=0)
        stacked = aslinearoperator(A.reshape(20, 6))
        with pytest.raises(ValueError, match="rows"):
            blind_calibrate(aslinearoperator(A.reshape(20, 6)[:-1]), Y)
        with pytest.raises(ValueError, match="one operator for each"):
            blind_calibrate([aslinearoperator(A[0])], Y)
        with pytest.raises(ValueError, match="shape"):
            blind_calibrate([aslinearoperator(A[0, :3])] * 5, Y)
        with pytest.raises(TypeError, match="real"):
            blind_calibrate(aslinearoperator(A.reshape(20, 6) + 0j), Y)
        for solver in ("linear", "als"):
            with pytest.raises(ValueError, match="solver"):
                blind_calibrate(stacked, Y, solver=solver)


class TestRandomSignOperator:
    @pytest.mark.parametrize("n", [1, 31, 32, 129, 300])
    def test_products(self, n):
        operator = RandomSignOperator(3, 5, n, random_state=1)
        dense = operator @ np.eye(n)
        assert set(np.unique(dense)) <= {-1.0, 1.0}
        r = np.arange(15.0)
        assert_allclose(operator.T @ r, dense.T @ r, atol=1e-12)
        assert_allclose(RandomSignOperator(3, 5, n, random_state=1, n_jobs=2) @ np.eye(n), dense)
        assert isinstance(operator, LinearOperator)

    def test_signs_are_fair(self):
        """Correlations of rows and of columns are those of independent signs: |z| < 6, false alarm below 1e-5."""
        dense = RandomSignOperator(10, 20, 150, random_state=0) @ np.eye(150)
        assert abs(dense.sum()) < 6 * np.sqrt(dense.size)
        for gram, length in ((dense @ dense.T, 150), (dense.T @ dense, 200)):
            off = gram[~np.eye(len(gram), dtype=bool)]
            assert np.abs(off).max() < 6.5 * np.sqrt(length)

    def test_refuses(self):
        for sizes in ((0, 1, 1), (1, 0, 1), (1, 1, 0)):
            with pytest.raises(ValueError, match="must be at least 1"):
                RandomSignOperator(*sizes)
        with pytest.raises(ValueError, match="dtype"):
            RandomSignOperator(1, 1, 1, dtype=int)
        with pytest.raises(TypeError, match="complex"):
            RandomSignOperator(1, 2, 3) @ np.array([1j, 0, 0])


class TestDegenerate:
    def problem(self):
        return make_blind_calibration(6, 4, 5, random_state=0)

    def test_shapes(self):
        A, Y, _, _ = self.problem()
        for bad in (A[:-1], A[:, :-1], A[0], np.zeros((5, 4, 0))):
            with pytest.raises(ValueError, match=r"\bA\b"):
                blind_calibrate(bad, Y)
        with pytest.raises(ValueError, match=r"\bY\b"):
            blind_calibrate(A, Y[0])

    @pytest.mark.parametrize("rho", [0.0, 1.0, -0.5, 2.0, np.nan])
    def test_rho(self, rho):
        A, Y, _, _ = self.problem()
        with pytest.raises(ValueError, match="rho"):
            blind_calibrate(A, Y, rho=rho)

    def test_bases(self):
        A, Y, _, _ = self.problem()
        for name, rows in (("signal_basis", 6), ("gain_basis", 4)):
            for bad in (np.ones((rows + 1, 2)), np.random.default_rng(0).standard_normal((rows, rows + 1))):
                with pytest.raises(ValueError, match=name):
                    blind_calibrate(A, Y, **{name: bad})
        with pytest.raises(ValueError, match="independent"):
            blind_calibrate(A, Y, signal_basis=np.ones((6, 2)))
        with pytest.raises(ValueError, match="gain_basis"):
            blind_calibrate(A, Y, solver="linear", gain_basis=np.eye(4))

    def test_sparsity(self):
        A, Y, _, _ = self.problem()
        for options in ({"solver": "bc_iht"}, {"n_nonzero": 7}, {"n_nonzero": 2, "solver": "als"}, {"n_nonzero": 0}):
            with pytest.raises(ValueError, match="n_nonzero"):
                blind_calibrate(A, Y, **options)

    def test_not_identifiable(self):
        A, Y, _, _ = make_blind_calibration(6, 4, 2, random_state=0)
        with pytest.warns(UserWarning, match="not identifiable"), pytest.warns(ConvergenceWarning):
            blind_calibrate(A, Y, solver="gradient", max_iter=5)
        with pytest.raises(ValueError, match="identifiable"):
            cramer_rao_bound(A[:1], np.ones(6), np.ones(4), 1.0)

    def test_nothing_read(self):
        A, _, _, _ = self.problem()
        with pytest.warns(UserWarning, match="zero"):
            result = blind_calibrate(A, np.zeros((5, 4)))
        assert result.converged
        assert (result.x == 0).all()
        assert (result.gains == 1).all()

    def test_dead_sensor(self):
        A, Y, x, gains = self.problem()
        Y = Y.copy()
        Y[:, 2] = 0
        with pytest.raises(ValueError, match=r"sensors 2 are dead"):
            blind_calibrate(A, Y)
        result = blind_calibrate(A, Y, dead="drop")
        live = [0, 1, 3]
        assert result.gains[2] == 0
        assert result.gains.sum() == pytest.approx(3)
        assert_allclose(result.gains[live], gains[live] / gains[live].mean(), rtol=1e-6)

    def test_weights(self):
        A, Y, _, _ = self.problem()
        for bad in (np.ones(4), -np.ones(5), np.zeros(5), np.full(5, np.nan)):
            with pytest.raises(ValueError, match="sample_weight"):
                blind_calibrate(A, Y, sample_weight=bad)

    def test_snapshots_of_weight_zero_do_not_count(self):
        A, Y, x, gains = make_blind_calibration(8, 6, 8, random_state=0)
        spoiled = Y.copy()
        spoiled[3] = 17.0
        weights = np.ones(8)
        weights[3] = 0
        for solver in ("gradient", "linear", "gauss_newton"):
            assert_recovered(blind_calibrate(A, spoiled, solver=solver, sample_weight=weights), x, gains)

    def test_negative_gain(self):
        A, _, x, _ = make_blind_calibration(8, 6, 20, random_state=0)
        Y = np.array([-0.5, 1.3, 1.3, 1.3, 1.3, 1.3]) * (A @ x)
        with pytest.warns(ConvergenceWarning, match="sensors 0 are not positive"):
            blind_calibrate(A, Y, solver="gradient")
