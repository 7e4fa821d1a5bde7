"""Entries of the scores and coresets of sparsesci.sampling, and of the generators of their data."""

from dataclasses import dataclass, field

import numpy as np

from sparsesci import sampling
from tests.common.entries import DatasetEntry, DisplayEntry, EstimatorEntry, FunctionEntry
from tests.common.inputs import integers
from tests.common.kinds import Array, Bad, Device, Flag, Free, Integer, Jobs, Option, RandomState, Real, of_length

ROWS = Array(dates=True)
ROWS_OR_CSR = Array(sparse=True, dates=True)
WEIGHTS = Array(
    ndims=(1,),
    none=True,
    extra=(
        of_length("X", 5),
        of_length("X", -5),
        Bad("a negative weight", lambda valid: valid - 1.5, ValueError),
        Bad("all zero", lambda valid: 0 * valid, ValueError),
    ),
)
SCORES = Array(
    ndims=(1,),
    extra=(
        Bad("a negative score", lambda valid: np.asarray(valid) - 100, ValueError),
        Bad("all zero", lambda valid: 0 * np.asarray(valid), ValueError),
    ),
)
SHARES = Real(outside=(-0.1, 1.5))


@dataclass(kw_only=True)
class SamplerEntry(EstimatorEntry):
    """A sampler of rows: it neither predicts nor transforms, so that it is the learning method that answers.

    scikit-learn's own checks, and frames, are in tests/sampling/test_coreset_estimators.py.
    """

    samples_by_features: bool = False
    fit: str = "fit_resample"
    large_parameters: dict = field(default_factory=dict)

    def compute(self, arguments, **options):
        large = self.large_parameters if getattr(arguments["X"], "shape", (0,))[0] > 10_000 else {}
        return super().compute(arguments, **large, **options)

    def learn(self, estimator, data, method=None):
        getattr(estimator, method or self.fit)(**data)
        return estimator

    def outputs(self, estimator, arguments):
        learned = super().outputs(estimator, arguments)
        learned.pop("feature_names_in_", None)
        return learned


def weighted_rows(n_samples, n_features):
    return {"X": integers(n_samples, n_features), "sample_weight": 1.0 + abs(integers(n_samples, seed=1))}


def targets(n_samples, n_features):
    X = integers(n_samples, n_features)
    return {"X": X, "y": X @ np.arange(1.0, n_features + 1) + integers(n_samples, seed=1)}


def classes(n_samples, n_features):
    return {"X": integers(n_samples, n_features), "y": np.arange(n_samples) % 3}


def other_shard(entry):
    """Return a fitted estimator of other rows."""
    data = entry.arguments()
    return {"other": entry.learn(entry.make(), {"X": data["X"][::-1] + 1, "y": data["y"] - 1})}


COMMON = {"random_state": RandomState(), "n_jobs": Jobs(), "device": Device()}
LP_PARAMETERS = {
    "n_samples": Integer(),
    "p": Real(outside=(0.0, -1.0)),
    "score": Option(),
    "scheme": Option(),
    "mixture": SHARES,
    "augment_target": Flag(),
    "fit_intercept": Flag(),
    "rescale": Flag(),
    "X": ROWS_OR_CSR,
    "y": Array(ndims=(1, 2), none=True, extra=(of_length("X", 5), of_length("X", -5))),
    **COMMON,
}


def rows_generator(**parameters):
    return DatasetEntry(
        parameters={"n_features": Integer(), "random_state": RandomState(), **parameters},
        arguments=lambda: {"n_samples": 300, "n_features": 4},
    )


ENTRIES = {
    "datasets.make_far_clusters": rows_generator(
        n_samples=Integer(minimum=200), n_clusters=Integer(too_large=301), distance=Real()
    ),
    "datasets.make_heavy_tailed_rows": rows_generator(n_samples=Integer(), law=Option()),
    "datasets.make_robust_regression": rows_generator(n_samples=Integer()),
    "sampling.CoresetDisplay": DisplayEntry(
        estimator=lambda: sampling.LpCoreset(20, random_state=0).fit(integers(100, 3)), parameters={}
    ),
    "sampling.KMeansCoreset": SamplerEntry(
        make=lambda: sampling.KMeansCoreset(30, 4, random_state=0),
        parameters={
            "n_samples": Integer(too_large=201),
            "n_clusters": Integer(too_large=201),
            "method": Option(),
            "objective": Option(),
            "scheme": Option(),
            "X": ROWS,
            **COMMON,
        },
        arguments=lambda: {"X": integers(200, 3)},
        large_arguments=lambda: {"X": integers(30_000, 3)},
        grid={},
    ),
    "sampling.LogisticCoreset": SamplerEntry(
        make=lambda: sampling.LogisticCoreset(30, random_state=0),
        parameters={
            "n_samples": Integer(too_large=201),
            "method": Option(),
            "fit_intercept": Flag(),
            "X": ROWS_OR_CSR,
            "y": Free(
                bad=(
                    ("too few", np.zeros(199), ValueError),
                    ("2-d", np.zeros((200, 2)), ValueError),
                    ("continuous", np.linspace(0, 1, 200), ValueError),
                )
            ),
            **COMMON,
        },
        arguments=lambda: classes(200, 3),
        large_arguments=lambda: classes(70_000, 3),
        grid={},
    ),
    "sampling.LpCoreset": SamplerEntry(
        make=lambda: sampling.LpCoreset(60, random_state=0),
        parameters={**LP_PARAMETERS, "n_samples": Integer(too_large=201)},
        arguments=lambda: targets(200, 3),
        large_arguments=lambda: targets(70_000, 3),
        method_arguments={"merge": other_shard},
        grid={},
    ),
    "sampling.StreamingLpCoreset": SamplerEntry(
        make=lambda: sampling.StreamingLpCoreset(40, random_state=0),
        parameters={**LP_PARAMETERS, "buffer_size": Integer(minimum=41, none=True)},
        arguments=lambda: targets(200, 3),
        large_arguments=lambda: targets(70_000, 3),
        # One reduction, large enough for several threads.
        large_parameters={"buffer_size": 60_000},
        method_arguments={"merge": other_shard},
        grid={},
    ),
    "sampling.leverage_scores": FunctionEntry(
        parameters={
            "X": ROWS_OR_CSR,
            "method": Option(),
            "sample_weight": WEIGHTS,
            **COMMON,
        },
        arguments=lambda: weighted_rows(200, 3),
        large_arguments=lambda: {**weighted_rows(70_000, 4), "method": "sketch"},
    ),
    "sampling.lewis_weights": FunctionEntry(
        parameters={
            "X": ROWS_OR_CSR,
            "p": Real(outside=(0.0, -1.0)),
            "tol": Real(outside=(0.0, -1.0)),
            "max_iter": Integer(),
            "sample_weight": WEIGHTS,
            "return_n_iter": Flag(),
            "n_jobs": Jobs(),
            "device": Device(),
        },
        arguments=lambda: weighted_rows(200, 3),
        large_arguments=lambda: weighted_rows(70_000, 3),
        tolerance=1e-9,
    ),
    "sampling.lp_sensitivities": FunctionEntry(
        parameters={
            "X": ROWS,
            "p": Real(outside=(0.5, -1.0)),
            "method": Option(),
            "coreset_size": Integer(none=True),
            "n_jobs": Jobs(),
            "random_state": RandomState(),
        },
        arguments=lambda: {"X": integers(60, 3), "p": 1.5, "coreset_size": 30},
    ),
    "sampling.online_leverage_scores": FunctionEntry(
        parameters={"X": ROWS, "reg": Real(outside=(0.0, -1.0), none=True)},
        arguments=lambda: {"X": integers(60, 3)},
    ),
    "sampling.sample_rows": FunctionEntry(
        parameters={
            "scores": SCORES,
            "n_samples": Integer(too_large=101),
            "scheme": Option(),
            "mixture": SHARES,
            "random_state": RandomState(),
        },
        arguments=lambda: {"scores": abs(integers(100)), "n_samples": 10},
    ),
    "sampling.total_sensitivity": FunctionEntry(
        parameters={
            "X": ROWS,
            "p": Real(outside=(0.5, -1.0)),
            "n_probes": Integer(none=True),
            "random_state": RandomState(),
            "n_jobs": Jobs(),
        },
        arguments=lambda: {"X": integers(60, 3), "p": 3.0, "n_probes": 30},
    ),
}

for _name in ("lp_sensitivities", "total_sensitivity"):
    ENTRIES[f"sampling.{_name}"].large_arguments = ENTRIES[f"sampling.{_name}"].arguments
