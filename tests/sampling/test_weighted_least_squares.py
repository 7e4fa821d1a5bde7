"""The estimator: designs of its own, data, several targets, weights, and what it refuses."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LinearRegression

from sparsesci.sampling import CandidateSetBasis, OrthogonalPolynomials, WeightedLeastSquares, optimal_design


def runge(X):
    return 1 / (1 + 5 * X[:, 0] ** 2)


@pytest.fixture
def basis():
    return OrthogonalPolynomials("legendre", total_degree=3, domain=[(-1, 1), (0, 2)])


@pytest.mark.parametrize("strategy", ["repeated_dpp", "volume", "iid", "mc"])
def test_solves_the_weighted_problem(basis, strategy):
    model = WeightedLeastSquares(basis, strategy, 25, random_state=3).fit(runge)
    design = optimal_design(basis, 25, strategy=strategy, random_state=3)
    np.testing.assert_array_equal(model.points_, design.points)
    np.testing.assert_array_equal(model.weights_, design.weights)
    np.testing.assert_array_equal(model.gram_, design.gram)
    assert model.stability_ == design.stability
    root = np.sqrt(design.weights)
    expected = np.linalg.lstsq(root[:, None] * basis.evaluate(design.points), root * runge(design.points))[0]
    np.testing.assert_allclose(model.coef_, expected, atol=1e-12)
    X = basis.sample_measure(50, random_state=0)
    np.testing.assert_allclose(model.predict(X), basis.evaluate(X) @ expected, atol=1e-12)
    assert model.n_features_in_ == 2


def test_reproduces_the_span(basis):
    """A polynomial of the span is found exactly, by interpolation too."""
    coef = np.arange(1.0, 11)
    for n_points in (10, 20, None):
        model = WeightedLeastSquares(basis, n_points=n_points, random_state=0).fit(lambda X: basis.evaluate(X) @ coef)
        np.testing.assert_allclose(model.coef_, coef, atol=1e-8)


def test_several_targets(basis):
    model = WeightedLeastSquares(basis, random_state=0).fit(lambda X: np.column_stack([runge(X), X]))
    assert model.coef_.shape == (3, 10)
    X = basis.sample_measure(5, random_state=0)
    np.testing.assert_allclose(model.predict(X)[:, 1:], X, atol=1e-10)
    single = WeightedLeastSquares(basis, random_state=0).fit(runge)
    np.testing.assert_allclose(model.coef_[0], single.coef_, atol=1e-12)


def test_ways_of_using_a_design_agree(basis):
    model = WeightedLeastSquares(basis, n_candidates=5, reduce="greedy", delta=0.9, random_state=1)
    design = model.design()
    y = runge(design.points)
    own = WeightedLeastSquares(basis, n_candidates=5, reduce="greedy", delta=0.9, random_state=1).fit(runge)
    np.testing.assert_array_equal(own.points_, design.points)
    for fitted in (
        WeightedLeastSquares(basis).fit(design, y),
        WeightedLeastSquares(basis).fit(design.points, y, sample_weight=design.weights),
    ):
        np.testing.assert_allclose(fitted.coef_, own.coef_, atol=1e-10)
        np.testing.assert_allclose(fitted.gram_, own.gram_, atol=1e-12)
        assert abs(fitted.stability_ - own.stability_) < 1e-12
        assert fitted.n_tries_ == 0
    assert own.n_tries_ >= 1


def test_pool_and_condition_are_reported():
    pool = np.random.default_rng(0).standard_normal((500, 3))
    candidates = CandidateSetBasis(lambda X: np.column_stack([np.ones(len(X)), X, X**2]), pool)
    model = WeightedLeastSquares(candidates, delta=0.8, random_state=0).fit(lambda X: X @ [1.0, 2.0, 3.0])
    np.testing.assert_allclose(model.predict(pool), pool @ [1.0, 2.0, 3.0], atol=1e-10)
    assert model.stability_ <= 0.8
    with pytest.warns(ConvergenceWarning, match="max_tries"):
        WeightedLeastSquares(candidates, n_points=7, delta=0.01, max_tries=2, random_state=0).fit(runge)


def test_data_without_a_basis_is_linear_regression():
    rng = np.random.default_rng(0)
    X, w = rng.standard_normal((60, 3)) * [1, 10, 1e-3] + 5, rng.uniform(0, 2, 60)
    y = X[:, 0] ** 2 + X[:, 1] + rng.standard_normal(60)
    model = WeightedLeastSquares().fit(X, y, sample_weight=w)
    expected = LinearRegression().fit(X, y, sample_weight=w)
    np.testing.assert_allclose(model.predict(X), expected.predict(X), atol=1e-9)
    assert WeightedLeastSquares(2).fit(X, y).score(X, y) > model.score(X, y)
    assert model.basis_.domain[0].tolist() == [X[:, 0].min(), X[:, 0].max()]


def test_constant_columns_and_zero_weights():
    X, y = np.column_stack([np.arange(6.0), np.full(6, 3.0)]), np.arange(6.0)
    model = WeightedLeastSquares().fit(X, y)
    np.testing.assert_allclose(model.predict(X), y, atol=1e-12)
    w = np.array([1.0, 1, 1, 1, 0, 0])
    with_zeros = WeightedLeastSquares().fit(X, y**2, sample_weight=w)
    without = WeightedLeastSquares().fit(X[:4], y[:4] ** 2)
    np.testing.assert_allclose(with_zeros.predict(X), without.predict(X), atol=1e-12)
    np.testing.assert_allclose(with_zeros.gram_, without.gram_, atol=1e-12)


def test_function_after_data_forgets_names(basis):
    import pandas

    frame = pandas.DataFrame({"a": [0.0, 1, 2, 3], "b": [1.0, 0, 1, 2]})
    model = WeightedLeastSquares(basis, random_state=0).fit(frame, np.ones(4))
    assert list(model.feature_names_in_) == ["a", "b"]
    model.fit(runge)
    assert not hasattr(model, "feature_names_in_")


@pytest.mark.parametrize(
    ("parameters", "call", "exception", "named"),
    [
        ({"basis": None}, (runge,), ValueError, "basis"),
        ({"basis": 2}, (runge,), ValueError, "basis"),
        ({"basis": "legendre"}, (np.ones((9, 2)), np.ones(9)), TypeError, "basis"),
        ({"basis": -1}, (np.ones((9, 2)), np.ones(9)), ValueError, "basis"),
        ({}, (runge, np.ones(3)), ValueError, "y"),
        ({}, (runge, None, np.ones(3)), ValueError, "sample_weight"),
        ({}, (lambda X: np.ones(3),), ValueError, "X"),
        ({}, (lambda X: np.ones((len(X), 2, 1)),), ValueError, "X"),
        ({}, (lambda X: np.full(len(X), np.nan),), ValueError, "X"),
        ({}, (lambda X: "values",), ValueError, "X"),
        ({}, (lambda X: None,), (TypeError, ValueError), "X"),
        ({"n_points": 9}, (runge,), ValueError, "n_points"),
        ({"delta": 1.5}, (runge,), ValueError, "delta"),
        ({}, (np.ones((9, 3)), np.ones(9)), ValueError, "features"),
        ({}, (np.ones((9, 2)), np.ones(9), -np.ones(9)), ValueError, "sample_weight"),
        ({}, (np.ones((9, 2)), np.ones(9), np.full(9, np.nan)), ValueError, "sample_weight"),
        ({}, (np.ones((9, 2)), np.ones(9), np.full(9, np.inf)), ValueError, "sample_weight"),
        ({}, (np.ones((9, 2)), np.ones(9), np.zeros(9)), ValueError, "sample_weight"),
        ({}, (np.ones((9, 2)), np.ones(9), np.ones(8)), ValueError, "sample_weight"),
    ],
)
def test_refuses_and_stays_as_it_was(basis, parameters, call, exception, named):
    import joblib

    model = WeightedLeastSquares(basis, random_state=0).fit(runge)
    before = joblib.hash({name: value for name, value in vars(model).items() if name.endswith("_")})
    model.set_params(**parameters)
    with pytest.raises(exception, match=named):
        model.fit(*call)
    assert joblib.hash({name: value for name, value in vars(model).items() if name.endswith("_")}) == before


def test_design_needs_a_basis(basis):
    with pytest.raises(NotFittedError):
        WeightedLeastSquares().design()
    with pytest.raises(NotFittedError):
        WeightedLeastSquares(basis).predict(np.ones((2, 2)))
    with pytest.raises(ValueError, match="sample_weight"):
        WeightedLeastSquares(basis).fit(optimal_design(basis), np.ones(20), sample_weight=np.ones(20))
    X = np.random.default_rng(0).uniform(size=(30, 2))
    fitted = WeightedLeastSquares(random_state=0).fit(X, X[:, 0])
    assert fitted.design().points.shape == (6, 2)
