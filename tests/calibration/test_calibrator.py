"""The estimator: fit, streams of snapshots, correction of readings."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse.linalg import aslinearoperator
from sklearn.base import clone

from sparsesci.calibration import BlindGainCalibrator, blind_calibrate
from sparsesci.datasets import make_blind_calibration
from tests.common.results import fitted_state


@pytest.fixture
def problem():
    return make_blind_calibration(10, 7, 8, noise=0.05, random_state=0)


def test_fit_is_the_function(problem):
    A, Y, _, _ = problem
    fitted = BlindGainCalibrator("gradient").fit(Y, sensing=A)
    result = blind_calibrate(A, Y, solver="gradient")
    assert (fitted.signal_ == result.x).all()
    assert (fitted.gains_ == result.gains).all()
    assert fitted.loss_curve_ == result.loss_curve
    assert (fitted.n_iter_, fitted.converged_) == (result.n_iter, True)


def test_transform(problem):
    A, Y, _, _ = problem
    fitted = BlindGainCalibrator().fit(Y, sensing=A)
    assert_allclose(fitted.transform(Y) * fitted.gains_, Y)
    assert_allclose(fitted.inverse_transform(fitted.transform(Y)), Y)
    assert fitted.transform(Y.astype(np.float32)).dtype == np.float32
    for bad in (Y[:, 1:], Y[0], Y * np.nan):
        with pytest.raises(ValueError, match=r"\bY\b"):
            fitted.transform(bad)


def test_dropped_sensors_are_not_a_number(problem):
    A, Y, _, _ = problem
    Y[:, 2] = 0
    corrected = BlindGainCalibrator(dead="drop").fit(Y, sensing=A).transform(Y)
    assert np.isnan(corrected[:, 2]).all()
    assert np.isfinite(np.delete(corrected, 2, axis=1)).all()


@pytest.mark.parametrize("pieces", [(8,), (3, 5), (1,) * 8])
@pytest.mark.parametrize("weighted", [False, True])
def test_streams_end_where_fit_does(problem, pieces, weighted):
    A, Y, _, _ = problem
    weights = np.linspace(0.5, 2, 8) if weighted else None
    whole = BlindGainCalibrator("linear").fit(Y, sensing=A, sample_weight=weights)
    stream, start = BlindGainCalibrator("linear"), 0
    for size in pieces:
        part = slice(start, start + size)
        stream.partial_fit(Y[part], sensing=A[part], sample_weight=weights[part] if weighted else None)
        start += size
    assert stream.converged_
    assert stream.n_snapshots_seen_ == 8
    assert len(stream.loss_curve_) == stream.n_iter_ == len(pieces)
    assert_allclose(stream.signal_, whole.signal_, rtol=1e-8)
    assert_allclose(stream.gains_, whole.gains_, rtol=1e-8)


def test_too_few_snapshots_give_the_back_projection(problem):
    A, Y, _, _ = problem
    stream = BlindGainCalibrator().partial_fit(Y[:1], sensing=A[:1])
    assert not stream.converged_
    assert_allclose(stream.signal_, A[0].T @ Y[0] / 7)
    assert (stream.gains_ == 1).all()


def test_streams_refuse_and_stay_as_they_were(problem):
    A, Y, _, _ = problem
    stream = BlindGainCalibrator().partial_fit(Y, sensing=A)
    before = fitted_state(stream)
    cases = [
        (Y[:, 1:], A[:, 1:], {}),
        (Y, A[:, :, 1:], {}),
        (Y * np.nan, A, {}),
        (Y, A[1:], {}),
        (Y, aslinearoperator(A.reshape(56, 10)), {}),
        (Y, A, {"solver": "gradient"}),
        (Y, A, {"rho": 0.5}),
        (Y, A, {"gain_basis": np.eye(7)}),
    ]
    for readings, sensing, options in cases:
        stream.set_params(**options)
        with pytest.raises(ValueError, match=r"sensing|Y|solver|rho|gain_basis"):
            stream.partial_fit(readings, sensing=sensing)
        stream.set_params(**clone(BlindGainCalibrator()).get_params())
        assert fitted_state(stream) == before
    # A fit after a stream forgets it.
    stream.fit(Y, sensing=A).partial_fit(Y[:1], sensing=A[:1])
    assert stream.n_snapshots_seen_ == 1
