"""Entries of the determinantal and volume sampling of sparsesci.sampling."""

import numpy as np

from sparsesci import sampling
from tests.common.entries import EstimatorEntry, FunctionEntry
from tests.common.inputs import REGRESSION_DATA, integers, regression
from tests.common.kinds import Array, Bad, Device, Flag, Free, Integer, Jobs, Option, RandomState, of_length


def certain_basis(n, k):
    """Return columns of the identity: an orthonormal basis of small integers."""
    return np.eye(n)[:, :k][::-1].copy()


def orthonormal(n, k):
    return np.linalg.qr(np.random.default_rng(0).standard_normal((n, k)))[0]


NOT_ORTHONORMAL = (
    Bad("longer columns", lambda valid: 2.0 * np.asarray(valid), ValueError),
    Bad("equal columns", lambda valid: np.asarray(valid)[:, [0, 0]], ValueError),
    Bad("a wide matrix", lambda valid: np.asarray(valid)[:3], ValueError),
)


def used(process):
    """Return what a finite process computes, with samples from fixed random numbers."""
    many = process.sample(12, random_state=3)
    return {
        "one": process.sample(random_state=1),
        "many": [int(item) for sample in many for item in sample],
        "inclusion": process.inclusion_probabilities(),
        "size": process.expected_size(),
        "log_prob": process.log_prob([0, 2, 5]),
        "rank": process.rank,
        "n_items": process.n_items,
    }


def likelihood():
    """Return a symmetric matrix of small integers with eigenvalues from one to six."""
    return (
        np.diag([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) + np.diag([1.0, 0, 1.0, 0, 1.0], 1) + np.diag([1.0, 0, 1.0, 0, 1.0], -1)
    )


class SamplerEntry(EstimatorEntry):
    """An estimator whose ``fit_resample`` returns rows and labels instead of itself."""

    def learn(self, estimator, data, method=None):
        super().learn(estimator, data, method)
        return estimator

    def outputs(self, estimator, arguments):
        learned = super().outputs(estimator, arguments)
        learned.pop("feature_names_in_", None)  # of data frames; tested in tests/sampling/test_volume.py
        return learned


MATRIX = Array(
    extra=(
        Bad("not square", lambda valid: np.asarray(valid)[:-1], ValueError),
        Bad("not symmetric", lambda valid: np.asarray(valid) + np.eye(6, k=1), ValueError),
        Bad("negative eigenvalues", lambda valid: -np.asarray(valid), ValueError),
    )
)
VOLUME = {
    "n_samples": Integer(none=True, too_large=201),
    "rescaled": Flag(),
    "rank": Option(),
    "random_state": RandomState(),
    "n_jobs": Jobs(),
    "device": Device(),
}
DEPENDENT = Bad("equal columns", lambda valid: np.asarray(valid)[:, [0, 0, 1]], ValueError)

ENTRIES = {
    "sampling.FiniteDPP": FunctionEntry(
        parameters={"kernel": Option(), "matrix": MATRIX},
        arguments=lambda: {"kernel": "likelihood", "matrix": likelihood()},
        collect=used,
    ),
    "sampling.KDPP": FunctionEntry(
        parameters={"kernel": Option(), "matrix": MATRIX, "size": Integer(too_large=7)},
        arguments=lambda: {"kernel": "likelihood", "matrix": likelihood(), "size": 3},
        collect=used,
    ),
    "sampling.VolumeSampledRegression": EstimatorEntry(
        make=lambda: sampling.VolumeSampledRegression(12, random_state=0),
        parameters={
            **VOLUME,
            "fit_intercept": Flag(),
            "X": Array(dates=True, extra=(of_length("y", 5), of_length("y", -5), DEPENDENT)),
            "y": REGRESSION_DATA["y"],
        },
        arguments=lambda: regression(200, 3),
        large_arguments=lambda: regression(70_000, 5),
        grid={"n_samples": [8, 20], "rescaled": [True, False]},
        for_sklearn=lambda: [
            sampling.VolumeSampledRegression(random_state=0, **options)
            for options in ({}, {"rescaled": True, "rank": "truncate", "fit_intercept": False})
        ],
    ),
    "sampling.VolumeSampler": SamplerEntry(
        make=lambda: sampling.VolumeSampler(12, random_state=0),
        parameters={
            **VOLUME,
            "X": Array(dates=True, extra=(of_length("y", 5), of_length("y", -5), DEPENDENT)),
            "y": Free(bad=(("too few", np.ones(20), ValueError),)),
        },
        arguments=lambda: regression(200, 3),
        large_arguments=lambda: regression(70_000, 5),
        grid={"n_samples": [8, 20]},
        fit="fit_resample",
        # It neither predicts nor transforms: scikit-learn's checks are in tests/sampling/test_volume.py.
        samples_by_features=False,
    ),
    "sampling.log_elementary_symmetric_polynomials": FunctionEntry(
        parameters={
            "lam": Array(ndims=(1,), extra=(Bad("negative", lambda valid: -np.asarray(valid), ValueError),)),
            "k": Integer(minimum=0),
        },
        arguments=lambda: {"lam": abs(integers(12)) + 1, "k": 5},
    ),
    "sampling.projection_dpp": FunctionEntry(
        parameters={
            "V": Array(extra=NOT_ORTHONORMAL),
            "size": Integer(too_large=5, none=True),
            "n_samples": Integer(none=True),
            "method": Option(),
            "check_input": Flag(),
            "random_state": RandomState(),
            "n_jobs": Jobs(),
            "device": Device(),
        },
        arguments=lambda: {"V": certain_basis(40, 4), "n_samples": 3},
        large_arguments=lambda: {"V": orthonormal(70_000, 5), "n_samples": 10_000},
    ),
    "sampling.volume_sample": FunctionEntry(
        parameters={
            "X": Array(extra=(DEPENDENT, Bad("a wide matrix", lambda valid: np.asarray(valid)[:2], ValueError))),
            **VOLUME,
            "n_samples": Integer(minimum=3, too_large=201),
        },
        arguments=lambda: {"X": integers(200, 3), "n_samples": 12},
        large_arguments=lambda: {"X": integers(70_000, 5), "n_samples": 12},
    ),
}
