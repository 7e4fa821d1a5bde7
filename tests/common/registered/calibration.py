"""Entries of sparsesci.calibration and its generator."""

from dataclasses import dataclass

import numpy as np

from sparsesci.calibration import BlindGainCalibrator
from tests.common.entries import DatasetEntry, EstimatorEntry, FunctionEntry
from tests.common.kinds import Array, Bad, Device, Dtype, Free, Integer, Jobs, Option, RandomState, Real, of_length

SEED = Free(bad=(("text", "seed", ValueError), ("negative", -1, ValueError), ("a fraction", 2.5, ValueError)))
WEIGHTS = Free(bad=(("too few", [1.0], ValueError), ("negative", [-1.0] * 6, ValueError), ("a word", "x", TypeError)))
BASIS = Free(bad=(("a vector", np.ones(3), ValueError), ("a word", "x", TypeError), ("one row", [[1.0]], ValueError)))
OPTIONS = {
    "solver": Option(),
    "rho": Real(outside=(0.0, 1.0, -0.5), none=True),
    "signal_basis": BASIS,
    "gain_basis": BASIS,
    "n_nonzero": Integer(too_large=10**6, none=True),
    "dead": Option(),
    "max_iter": Integer(),
    "tol": Real(),
    "random_state": SEED,
    "n_jobs": Jobs(),
    "device": Device(),
    "verbose": Free(),
}


def calibration(n, m, p):
    """Return a problem of integers: signs as sensing vectors, an integer signal, integer gains."""
    rng = np.random.default_rng(0)
    A = 2.0 * rng.integers(0, 2, size=(p, m, n)) - 1.0
    return {"A": A, "Y": np.arange(1.0, m + 1) % 3 * (A @ rng.integers(-1, 2, n)) + (A @ np.ones(n))}


def as_data(problem):
    return {"X": problem["Y"], "y": problem["A"]}


@dataclass(kw_only=True)
class CalibratorEntry(EstimatorEntry):
    """The estimator: ``X`` are the readings, and in the place of ``y`` are the sensing vectors of the snapshots."""

    def call(self, arguments):
        arguments = dict(arguments)
        data = {name: arguments.pop(name) for name in ("X", "y") if name in arguments}
        return self.learn(self.make().set_params(**arguments), data)

    def learn(self, estimator, data, method=None):
        return getattr(estimator, method or self.fit)(data["X"], sensing=data["y"])

    def outputs(self, estimator, arguments):
        names = ("signal_", "gains_", "converged_", "n_snapshots_seen_")
        learned = {name: getattr(estimator, name) for name in names}
        return {**learned, "transform": estimator.transform(arguments["X"])}

    @property
    def arrays(self):
        return ["X", "y"]


ENTRIES = {
    "calibration.BlindGainCalibrator": CalibratorEntry(
        make=lambda: BlindGainCalibrator("linear"),
        parameters={**OPTIONS, "X": Array(), "y": Array(ndims=(3,))},
        arguments=lambda: as_data(calibration(6, 5, 40)),
        large_arguments=lambda: as_data(calibration(200, 40, 260)),
        method_arguments={
            # scikit-learn's wrapper of transform, for set_output, calls its argument X.
            "transform": lambda entry: {"X": entry.arguments()["X"]},
            "inverse_transform": lambda entry: {"Y": entry.arguments()["X"]},
        },
        grid={"solver": ["linear", "gradient"]},
        samples_by_features=False,
        tolerance=1e-8,
    ),
    "calibration.RandomSignOperator": FunctionEntry(
        parameters={
            "n_snapshots": Integer(),
            "n_sensors": Integer(),
            "n_features": Integer(),
            "random_state": RandomState(),
            "dtype": Dtype(),
            "n_jobs": Jobs(),
            "device": Device(),
        },
        arguments=lambda: {"n_snapshots": 3, "n_sensors": 4, "n_features": 10},
        large_arguments=lambda: {"n_snapshots": 300, "n_sensors": 40, "n_features": 300},
        collect=lambda operator: [operator @ np.ones(operator.shape[1]), operator.T @ np.ones(operator.shape[0])],
    ),
    "calibration.blind_calibrate": FunctionEntry(
        parameters={
            "A": Array(ndims=(3,), extra=(of_length("Y", 2), of_length("Y", -2))),
            "Y": Array(extra=(of_length("A", 2), of_length("A", -2))),
            **OPTIONS,
            "sample_weight": WEIGHTS,
        },
        arguments=lambda: {**calibration(6, 5, 40), "solver": "gauss_newton"},
        large_arguments=lambda: {**calibration(200, 40, 260), "solver": "gradient"},
        collect=lambda result: {"x": result.x, "gains": result.gains, "converged": result.converged},
        tolerance=1e-6,
    ),
    "calibration.cramer_rao_bound": FunctionEntry(
        parameters={
            "A": Array(ndims=(3,), extra=(Bad("too few", lambda A: A[:1, :, :], ValueError),)),
            "x": Array(ndims=(1,), extra=(of_length("A", 2), of_length("A", -2))),
            "gains": Array(ndims=(1,), extra=(of_length("A", 2), of_length("A", -2))),
            "sigma": Real(outside=(0.0, -1.0)),
        },
        arguments=lambda: {
            "A": calibration(6, 5, 40)["A"],
            "x": np.arange(1.0, 7),
            "gains": np.arange(1.0, 6),
            "sigma": 0.5,
        },
        tolerance_32=1e-5,
    ),
    "datasets.make_blind_calibration": DatasetEntry(
        parameters={
            "n": Integer(),
            "m": Integer(minimum=2),
            "p": Integer(),
            "rho": Real(outside=(1.0, -0.5)),
            "noise": Real(),
            "kind": Option(),
            "random_state": RandomState(),
            "n_nonzero": Integer(too_large=9, none=True),
        },
        arguments=lambda: {"n": 8, "m": 5, "p": 3},
    ),
}
