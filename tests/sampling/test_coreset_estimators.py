"""scikit-learn's own checks of the samplers of rows, and frames: they neither predict nor transform."""

import numpy as np
import pandas
import polars
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsesci.sampling import KMeansCoreset, LogisticCoreset, LpCoreset, StreamingLpCoreset

ESTIMATORS = [
    LpCoreset(2, random_state=0),
    LpCoreset(3, p=3, score="sensitivity", random_state=0),
    StreamingLpCoreset(2, random_state=0),
    KMeansCoreset(2, 2, random_state=0),
    LogisticCoreset(4, random_state=0),
]


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("library", [pandas, polars], ids=["pandas", "polars"])
@pytest.mark.parametrize("make", [LpCoreset, StreamingLpCoreset, KMeansCoreset, LogisticCoreset])
def test_frames(make, library):
    """What was a frame comes back as one, with the names that were learned."""
    X, y = np.random.default_rng(0).standard_normal((60, 2)), np.arange(60) % 3
    frame = library.DataFrame({"left": X[:, 0], "right": X[:, 1]})
    coreset = make(20, random_state=0)
    kept, labels, weights = coreset.fit_resample(
        frame, library.Series("target", y) if library is polars else pandas.Series(y)
    )
    assert isinstance(kept, library.DataFrame)
    assert isinstance(labels, library.Series)
    assert list(coreset.feature_names_in_) == ["left", "right"]
    np.testing.assert_array_equal(kept.to_numpy(), X[coreset.sample_indices_])
    np.testing.assert_array_equal(weights, coreset.sample_weight_)


def test_constructor_of_the_specification():
    coreset = LpCoreset(10, 1.5, "lewis", "poisson", 0.1, False, random_state=3)
    assert coreset.get_params() == {
        "n_samples": 10,
        "p": 1.5,
        "score": "lewis",
        "scheme": "poisson",
        "mixture": 0.1,
        "augment_target": False,
        "fit_intercept": False,
        "rescale": False,
        "random_state": 3,
        "n_jobs": None,
        "device": "cpu",
    }
