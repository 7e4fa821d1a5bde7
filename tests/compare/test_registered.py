"""The registered comparisons: their yardsticks, and every contender on a small problem."""

import dataclasses

import numpy as np
import pytest
import scipy.linalg
from numpy.testing import assert_allclose
from sklearn.utils import Bunch

from sparsesci.compare import (
    _calibration,
    _decomposition,
    _least_squares,
    _sampling_christoffel,
    _sampling_dpp,
    _sampling_regression,
    _sampling_scores,
    _sbl,
    _sketching,
    _streaming,
    _transport_entropic,
    _transport_flow,
    _transport_sliced,
    _unmixing,
    list_methods,
)
from sparsesci.compare._measure import Effort, measure_case
from sparsesci.compare._model import NOT_INSTALLED, OK, OURS
from sparsesci.compare._run import _COMPARISONS

SMALL = {
    "blind_calibrate": [_calibration._problem(16, 12, 5, 0.0), _calibration._problem(16, 12, 5, 0.1)],
    "sparse_encode": [
        _decomposition._problem(10, 24, 12, 2),
        _decomposition._lasso_problem(10, 24, 12, 2),
        _decomposition._problem(10, 24, 12, 2),
    ],
    "sliced_wasserstein": [
        _transport_sliced._space_problem(40, 20),
        _transport_sliced._mixture_problem(40, 8, 20),
        _transport_sliced._matrix_problem(3, 10, 8),
        _transport_sliced._line_problem(30),
    ],
    "fcls": [_unmixing._problem((6, 6), 3), _unmixing._problem((6, 6), 5)],
    "max_sliced_wasserstein_distance": [_transport_flow._problem(40, 5)],
    "fwht": [_sketching._fwht_problem(256), _sketching._fwht_problem(1024), _sketching._fwht_problem((3, 64))],
    "sketch": [
        _sketching._sketch_problem(lambda seed: _sketching.make_gaussian_regression(600, 8, random_state=seed).A, 64),
        _sketching._sketch_problem(lambda seed: _sketching.make_linf_hard_instance("spread", 600, 8, 64).A, 64),
        _sketching._sketch_problem(lambda seed: _sketching.make_sparse_regression(600, 8, random_state=seed).A, 64),
    ],
    "projection_dpp": [_sampling_dpp._basis_problem(60, 4), _sampling_dpp._basis_problem(90, 5)],
    "volume_sampling": [_sampling_dpp._label_problem(300, 2), _sampling_dpp._label_problem(300, 4)],
    "sketch_projection": [_sketching._projection_problem(60, 200, 64)],
    "sketched_lstsq": [
        _least_squares._dense_problem(2000, 8, 1e3),
        _least_squares._dense_problem(2000, 8, 1e8),
        _least_squares._sparse_problem(2000, 10, 0),
        _least_squares._sparse_problem(2000, 10, 2),
    ],
    "sketched_regression": [
        _least_squares._image_problem(20, 1, 1000, 256),
        _least_squares._hard_problem("spread", 512, 8, 128),
        _least_squares._hard_problem("spike", 512, 8, 128),
        _least_squares._hard_problem("pairs", 512, 8, 128),
    ],
    "optimal_design": [
        _sampling_christoffel._problem("ishigami", 2, 1.5),
        _sampling_christoffel._problem("borehole", 1, 1.5),
    ],
    "quantile_regression": [_sampling_regression._problem(120, 3, 0.5), _sampling_regression._problem(120, 3, 0.9)],
    "kron_sbl": [_sbl._tensor_problem((3, 4, 4), 4, 1)],
    "SparseBayesianRegressor": [_sbl._regression_problem(40, 20, 3)],
    "lp_coreset": [_sampling_scores._regression_problem(300, 3, 60)],
    "kmeans_coreset": [_sampling_scores._clustering_problem(600, 60)],
    "streaming_pca": [
        _streaming._problem(lambda seed: _streaming.make_spiked(400, 12, 4.0, random_state=seed)),
        _streaming._problem(lambda seed: _streaming.make_heavy_rows(400, 12, 4.0, 4, random_state=seed)),
        _streaming._problem(lambda seed: _streaming.make_oja_hard(20, 16, 4.0, 4, random_state=seed)),
        _streaming._problem(lambda seed: _streaming.make_late_signal(400, 12, 9.0, "last", random_state=seed)),
    ],
    "entropic_transport": [_transport_entropic._assignment(40, 1 / 50), _transport_entropic._clouds(40, 1 / 50)],
}
CASES = [
    (method, number, dataclasses.replace(case, make=SMALL[method][number], rounds=0))
    for method in list_methods()
    for number, case in enumerate(_COMPARISONS[method].cases("quick"))
]


def test_a_small_problem_for_every_case():
    assert {method: len(problems) for method, problems in SMALL.items()} == {
        method: len(_COMPARISONS[method].cases("quick")) for method in list_methods()
    }


@pytest.mark.parametrize("method", list_methods())
@pytest.mark.parametrize("size", ["quick", "full"])
def test_registration(method, size):
    comparison = _COMPARISONS[method]
    assert comparison.method == method
    assert comparison.title
    assert comparison.question.endswith("?")
    assert comparison.published
    cases = comparison.cases(size)
    assert len({case.title for case in cases}) == len(cases)
    for case in cases:
        names = [contender.name for contender in case.contenders]
        assert len(set(names)) == len(names)
        assert case.contenders[0].is_ours
        assert any(contender.role != OURS for contender in case.contenders)
        assert case.metrics


@pytest.mark.parametrize(("method", "number", "case"), CASES, ids=[f"{method}-{number}" for method, number, _ in CASES])
def test_every_contender_runs(method, number, case):
    table = measure_case(method, case, effort=Effort(0.0, 1, 1), seed=3, n_jobs=1, step=lambda text: None)
    for measurement in table.measurements:
        assert measurement.status in (OK, NOT_INSTALLED), (measurement.contender, measurement.message)
        if measurement.is_ours:
            assert measurement.status == OK
        if measurement.status == OK:
            assert set(measurement.metrics) == {metric.name for metric in case.metrics}
            assert measurement.median_seconds > 0


class TestTransforms:
    @pytest.mark.parametrize("shape", [1, 2, 16, (3, 8), (2, 2, 4)])
    def test_reference_is_the_hadamard_product(self, shape):
        x = np.random.default_rng(0).standard_normal(shape)
        assert_allclose(_sketching.reference_fwht(x).astype(float), x @ scipy.linalg.hadamard(x.shape[-1]), atol=1e-13)

    def test_error(self):
        problem = _sketching._fwht_problem(64)(0)
        exact = Bunch(transformed=problem.expected)
        assert _sketching._transform_error(problem, exact) == 0
        doubled = Bunch(transformed=2 * problem.expected)
        assert_allclose(_sketching._transform_error(problem, doubled), 1)


class TestSketchMetrics:
    @pytest.fixture
    def problem(self):
        return SMALL["sketch"][0](0)

    def test_isometry_has_no_distortion(self, problem):
        rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((600, 600)))[0]
        assert _sketching.distortion(problem, rotation @ problem.A) < 1e-12

    def test_known_stretch(self, problem):
        assert_allclose(_sketching.distortion(problem, 1.25 * problem.A), 0.25)
        assert_allclose(_sketching.distortion(problem, 0.5 * problem.A), 0.5)

    def test_rank_lost(self, problem):
        lost = problem.A.copy()
        lost[:, 0] = lost[:, 1]
        assert _sketching.distortion(problem, lost) >= 1 - 1e-12
        assert _sketching.distortion(problem, problem.A[:4]) >= 1

    def test_projection(self):
        problem = SMALL["sketch_projection"][0](0)
        assert _sketching.pairwise_distortion(problem, problem.X) == 0
        assert_allclose(_sketching.pairwise_distortion(problem, 1.1 * problem.X), 0.21)
        assert_allclose(_sketching.rms_distortion(problem, 1.1 * problem.X), 0.21)


class TestSolverMetrics:
    @pytest.mark.parametrize("cond", [1e1, 1e6])
    def test_backward_error_of_a_stable_solver(self, cond):
        problem = _least_squares._dense_problem(1000, 10, cond)(0)
        x = scipy.linalg.lstsq(problem.A, problem.b)[0]
        assert _least_squares.backward_error(problem, x) < 1e-15
        assert _least_squares.coefficient_error(problem, x) < 1e-15 * cond**2

    def test_backward_error_of_a_perturbed_problem(self):
        # The exact solution of (A + E) has a backward error of at most |E|, and here about that.
        problem = _least_squares._dense_problem(1000, 10, 1e4)(0)
        noise = np.random.default_rng(0).standard_normal(problem.A.shape)
        noise *= 1e-6 * np.linalg.norm(problem.A) / np.linalg.norm(noise)
        x = scipy.linalg.lstsq(problem.A + noise, problem.b)[0]
        assert 1e-9 < _least_squares.backward_error(problem, x) < 1.5e-6

    @pytest.mark.parametrize("order", [0, 2])
    def test_sparse_problem_has_the_known_minimiser(self, order):
        problem = _least_squares._sparse_problem(1000, 12, order)(0)
        assert np.linalg.norm(problem.b - problem.A @ problem.coef) > 1
        exact = scipy.linalg.lstsq(problem.A.toarray(), problem.b)[0]
        assert _least_squares.coefficient_error(problem, exact) < 1e-11


class TestRegressionMetrics:
    @pytest.fixture
    def problem(self):
        return SMALL["sketched_regression"][0](0)

    def output(self, problem, change=0.0, bound=None):
        coef = problem.coef.copy()
        coef[2] += change
        return Bunch(coef=coef, intercept=problem.intercept, bound=bound)

    def test_linf_error_and_bound(self, problem):
        assert _least_squares.linf_error(problem, self.output(problem, -0.5)) == pytest.approx(0.5)
        for bound, holds in [(0.6, 1.0), (0.4, 0.0), (np.nan, 0.0)]:
            assert _least_squares.bound_holds(problem, self.output(problem, 0.5, bound)) == holds
        assert np.isnan(_least_squares.bound_holds(problem, self.output(problem)))

    def test_residual_excess(self, problem):
        X = np.concatenate([rows for rows, _ in problem.chunks])
        y = np.concatenate([target for _, target in problem.chunks])
        output = self.output(problem, 0.3)
        residual = y - X @ output.coef - output.intercept
        expected = (residual @ residual) / problem.residual_norm**2 - 1
        assert_allclose(_least_squares.residual_excess(problem, output), expected, rtol=1e-8)

    def test_subsample_intervals_cover(self):
        # Rows of Gaussian data: at least 95 % nominal coverage; 200 draws, P(< 175 | 0.95) < 1e-5.
        rng = np.random.default_rng(0)
        X, y = rng.standard_normal((2000, 5)), rng.standard_normal(2000)
        exact = np.linalg.lstsq(X, y, rcond=None)[0]
        inside = 0
        for _ in range(200):
            chosen = rng.choice(2000, 200, replace=False)
            coef, bound = _least_squares._subsample_fit(X[chosen], y[chosen], 2000)
            inside += np.abs(coef - exact).max() <= bound
        assert inside >= 175

    def test_singular_subsample_has_no_bound(self):
        assert np.isnan(_least_squares._subsample_fit(np.zeros((10, 3)), np.ones(10), 100)[1])


def test_lost_correlation():
    problem = SMALL["streaming_pca"][0](0)
    assert 0 < _streaming.lost_correlation(problem, problem.vector) < 1e-14
    assert 0 < _streaming.lost_correlation(problem, -problem.vector) < 1e-14
    turned = np.linalg.svd(problem.vector[np.newaxis])[2][1]
    assert_allclose(_streaming.lost_correlation(problem, 0.6 * problem.vector + 0.8 * turned), 0.64)
    assert np.isnan(_streaming.lost_correlation(problem, None))


class TestCoresetMetrics:
    def test_excess_cost(self):
        problem = SMALL["lp_coreset"][0](0)
        whole = _sampling_scores._quantile_fit(problem.X, problem.y)
        assert _sampling_scores.excess_cost(problem, whole) < 1e-9
        assert_allclose(
            _sampling_scores.excess_cost(problem, whole + 1),
            np.abs(problem.X @ (whole + 1) - problem.y).sum() / problem.least - 1,
        )

    def test_relative_cost(self):
        problem = SMALL["kmeans_coreset"][0](0)
        mean = problem.X.mean(axis=0, keepdims=True)
        expected = ((problem.X - mean) ** 2).sum() / problem.cost
        assert_allclose(_sampling_scores.relative_cost(problem, mean), expected)


def test_distance_along_the_best_direction():
    problem = Bunch(X=np.zeros((3, 2)), Y=np.array([[3.0, 4.0]] * 3))
    case = _COMPARISONS["max_sliced_wasserstein_distance"].cases("quick")[0]
    output = case.contenders[0].prepare(problem, 1)(0)
    assert_allclose(_transport_flow.distance_found(problem, output), 5)
