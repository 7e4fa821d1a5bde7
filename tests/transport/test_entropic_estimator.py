"""EntropicTransport: the barycentric map, its parameters, and scikit-learn's checks."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.datasets import make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsesci.transport import EntropicTransport, entropic_transport
from tests.reference import entropic_transport as reference


class ToItself(EntropicTransport):
    """With a target by default, so that scikit-learn's checks, which know none, apply."""

    def fit(self, X, y=None, *, Y=None):
        """Fit to the cloud itself unless another is given."""
        return super().fit(X, Y=X if Y is None else Y)


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([ToItself(), ToItself(reg=0.5, normalize_cost="max", metric="cityblock")])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def clouds(n=40, m=30, d=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)), 0.5 * rng.standard_normal((m, d)) + 2


@pytest.mark.parametrize("d", [2, 12])
@pytest.mark.parametrize("metric", ["sqeuclidean", "euclidean", "cityblock"])
def test_attributes_and_map(metric, d):
    X, Y = clouds(d=d)
    model = EntropicTransport(reg=0.4, metric=metric, tol=1e-12).fit(X, Y=Y)
    C = reference.cost_matrix(X, Y, metric)
    expected = entropic_transport(C, reg=0.4, tol=1e-12)
    assert_allclose(model.coupling_, expected.plan, atol=1e-11)
    assert_allclose(model.cost_, expected.cost, rtol=1e-10)
    for one, other in zip(model.potentials_, expected.potentials):
        assert_allclose(one, other, atol=1e-9)
    assert model.reg_ == 0.4
    assert model.n_features_in_ == d
    assert model.n_iter_ >= 1
    assert_allclose(model.transform(X), model.coupling_ @ Y * len(X), atol=1e-9)
    assert_allclose(clone(model).fit_transform(X, Y=Y), model.transform(X))


def test_out_of_sample():
    X, Y = clouds()
    model = EntropicTransport(reg=0.4).fit(X, Y=Y)
    new = np.random.default_rng(1).standard_normal((11, 3)) * 4
    scores = (model.potentials_[1] - cdist(new, Y, "sqeuclidean")) / 0.4
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    assert_allclose(model.transform(new), weights @ Y / weights.sum(axis=1, keepdims=True), rtol=1e-10)
    far = model.transform([[1e6, 1e6, 1e6]])
    assert np.isfinite(far).all()


@pytest.mark.parametrize(("normalize_cost", "unit"), [("max", np.max), ("median", np.median), (None, None)])
def test_units_of_the_regularisation(normalize_cost, unit):
    X, Y = clouds()
    C = cdist(X, Y, "sqeuclidean")
    fitted = EntropicTransport(reg=0.1, normalize_cost=normalize_cost).fit(X, Y=Y)
    assert_allclose(fitted.reg_, 0.1 * (unit(C) if unit else 1.0))
    automatic = EntropicTransport(normalize_cost=normalize_cost).fit(X, Y=Y)
    assert_allclose(automatic.reg_, 0.05 * (unit or np.median)(C))
    rescaled = EntropicTransport(reg=0.1, normalize_cost=normalize_cost).fit(10 * X, Y=10 * Y)
    if unit:
        assert_allclose(rescaled.coupling_, fitted.coupling_, atol=1e-9)


def test_all_points_the_same():
    model = EntropicTransport().fit(np.ones((4, 2)), Y=np.ones((3, 2)))
    assert_allclose(model.coupling_, 1 / 12)
    assert_allclose(model.transform(np.ones((4, 2))), 1.0)


def test_monotone_map_is_found():
    """Shrinking and shifting is the gradient of a convex function, so optimal: each moon lands on itself."""
    X, labels = make_moons(120, noise=0.05, random_state=0)
    Y = 0.5 * X + [3.0, -1.0]
    moved = EntropicTransport(reg=1e-4, tol=1e-10).fit_transform(X, Y=Y)
    assert np.abs(moved - Y).max() < 0.02
    assert (labels[cdist(moved, Y).argmin(axis=1)] == labels).all()


def test_target_in_a_pipeline_and_target_copied():
    X, Y = clouds()
    kept = Y.copy()
    pipeline = make_pipeline(StandardScaler(), EntropicTransport(reg=0.4))
    pipeline.fit(X, entropictransport__Y=Y)
    before = pipeline.transform(X)
    Y[:] = 0
    assert_allclose(pipeline.transform(X), before)
    assert_allclose(pipeline[-1].target_, kept)


def test_bad_target():
    X, Y = clouds()
    model = EntropicTransport(reg=0.4).fit(X, Y=Y)
    state = dict(vars(model))
    for wrong, message in (
        (Y[:, :2], "number of features"),
        (np.full_like(Y, np.nan), r"\bY\b"),
        (Y[:0], r"\bY\b"),
        (Y[0], r"\bY\b"),
    ):
        with pytest.raises(ValueError, match=message):
            model.fit(X, Y=wrong)
    for wrong in (None, "text"):
        with pytest.raises((TypeError, ValueError), match=r"\bY\b"):
            model.fit(X, Y=wrong)
    with pytest.raises(TypeError, match="Y"):
        model.fit(X)
    assert vars(model) == state


def test_not_converged_and_single_precision():
    X, Y = clouds()
    with pytest.warns(ConvergenceWarning):
        EntropicTransport(reg=1e-3, max_iter=2).fit(X, Y=Y)
    model = EntropicTransport(reg=0.4).fit(X.astype(np.float32), Y=Y)
    assert model.transform(X.astype(np.float32)).dtype == np.float32
    assert model.get_feature_names_out().tolist() == ["x0", "x1", "x2"]
