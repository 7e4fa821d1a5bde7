"""Entries of the entropic part of sparsesci.transport, and of its generators."""

from dataclasses import dataclass

import numpy as np

from sparsesci import transport
from tests.common.entries import DatasetEntry, EstimatorEntry, FunctionEntry
from tests.common.inputs import integers
from tests.common.kinds import Array, Bad, Device, Flag, Free, Integer, Jobs, Option, RandomState, Real, of_length

A = np.arange(1.0, 13.0)
B = np.array([2.0, 5.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 14.0])


def with_entry(value, place):
    def spoil(valid):
        spoiled = np.array(valid, dtype=float)
        spoiled[place] = value
        return spoiled

    return spoil


def masses(other):
    """Return the kind of a histogram, of which ``other`` has the other side."""
    return Array(
        ndims=(1,),
        extra=(
            of_length(other, 2),
            of_length(other, -2),
            Bad("a negative mass", with_entry(-1.0, 0), ValueError),
            Bad("no mass", lambda valid: 0 * valid, ValueError),
            Bad("another sum", lambda valid: 2 * valid, ValueError),
        ),
    )


HISTOGRAMS = {"a": masses("b"), "b": masses("a")}
POINTS = {
    "X": Array(extra=(Bad("a feature more", lambda valid: np.hstack([valid, valid[:, :1]]), ValueError),)),
    "Y": Array(extra=(Bad("a feature less", lambda valid: valid[:, 1:], ValueError),)),
}
COMMON = {"reg": Real(outside=(0.0, -1.0)), "tol": Real(), "max_iter": Integer(), "n_jobs": Jobs(), "device": Device()}
SOLVER = {
    **COMMON,
    "method": Option(),
    "init": Free(
        bad=(
            ("a number", 3, ValueError),
            ("one array", (np.zeros(12),), ValueError),
            ("the wrong lengths", (np.zeros(9), np.zeros(12)), ValueError),
            ("NaN", (np.zeros(12), np.full(9, np.nan)), ValueError),
            ("words", (["a"] * 12, np.zeros(9)), ValueError),
        )
    ),
    "n_sinkhorn": Integer(minimum=0),
    "density": Real(outside=(0.0, -0.5, 1.5), none=True),
    "linear_solver": Option(),
    "eta_factor": Real(outside=(1.0, 0.5)),
    "return_plan": Flag(),
    "round": Flag(),
    "verbose": Integer(minimum=0),
}
COSTS = Array(
    finite=False,
    extra=(
        Bad("NaN", with_entry(np.nan, (0, 0)), ValueError),
        Bad("NaN at the end", with_entry(np.nan, (-1, -1)), ValueError),
        Bad("minus infinity", with_entry(-np.inf, (1, 0)), ValueError),
        Bad("a row without a way out", with_entry(np.inf, (2, slice(None))), ValueError),
        Bad("a column without a way out", with_entry(np.inf, (slice(None), 1)), ValueError),
    ),
)


def points(n, m, **options):
    return {"X": integers(n, 3), "Y": integers(m, 3, seed=1), **options}


def large_masses():
    return {"a": np.full(1100, 9.0), "b": np.full(900, 11.0)}


@dataclass(kw_only=True)
class TransportEntry(EstimatorEntry):
    """An estimator of two clouds: the tests vary the first, and names of features are learned from it if it has any."""

    def learn(self, estimator, data, method=None):
        n = len(data["X"]) if hasattr(data["X"], "__len__") else 0
        return super().learn(estimator, {"Y": integers(max(15, 4 * n // 5), 3, seed=1), **data}, method)

    def outputs(self, estimator, arguments):
        return {
            name: value for name, value in super().outputs(estimator, arguments).items() if name != "feature_names_in_"
        }


ENTRIES = {
    "transport.EntropicTransport": TransportEntry(
        make=lambda: transport.EntropicTransport(reg=2.0),
        parameters={
            **COMMON,
            "reg": Free(
                bad=(
                    ("zero", 0.0, ValueError),
                    ("negative", -1.0, ValueError),
                    ("NaN", float("nan"), ValueError),
                    ("infinity", float("inf"), ValueError),
                    ("a word", "small", ValueError),
                    ("None", None, TypeError),
                    ("a boolean", True, TypeError),
                )
            ),
            "metric": Option(),
            "method": Option(),
            "normalize_cost": Option(none=True),
            "X": Array(dates=True),
        },
        arguments=lambda: {"X": integers(20, 3)},
        large_arguments=lambda: {"X": integers(1100, 3)},
        samples_by_features=False,
        grid={"reg": [1.0, 2.0]},
    ),
    "transport.entropic_transport": FunctionEntry(
        parameters={"C": COSTS, **HISTOGRAMS, **SOLVER},
        arguments=lambda: {"C": integers(12, 9), "a": A.copy(), "b": B.copy(), "reg": 0.5},
        large_arguments=lambda: {"C": integers(1100, 900), **large_masses(), "reg": 2.0},
    ),
    "transport.entropic_transport_points": FunctionEntry(
        parameters={**POINTS, **HISTOGRAMS, "metric": Option(), **SOLVER},
        arguments=lambda: points(12, 9, a=A.copy(), b=B.copy(), reg=2.0),
        large_arguments=lambda: points(1100, 900, **large_masses(), reg=20.0, return_plan=False),
    ),
    "transport.sinkhorn_divergence": FunctionEntry(
        parameters={**POINTS, **HISTOGRAMS, "metric": Option(), **COMMON},
        arguments=lambda: points(12, 9, a=A.copy(), b=B.copy(), reg=2.0),
        large_arguments=lambda: points(1100, 900, **large_masses(), reg=20.0),
    ),
    "transport.transport_cost_gradient": FunctionEntry(
        parameters={**POINTS, **HISTOGRAMS, "metric": Option(), **COMMON},
        arguments=lambda: points(12, 9, a=A.copy(), b=B.copy(), reg=2.0),
        large_arguments=lambda: points(1100, 900, **large_masses(), reg=20.0),
    ),
    "datasets.load_digits_transport": DatasetEntry(
        parameters={
            "first": Integer(minimum=0, too_large=1797),
            "second": Integer(minimum=0, too_large=1797),
            "metric": Option(),
            "background": Real(),
            "return_problem": Flag(),
        },
    ),
    "datasets.make_gaussian_clouds": DatasetEntry(
        parameters={
            "n_samples": Integer(),
            "n_features": Integer(),
            "scale": Real(outside=(0.0, -1.0)),
            "shift": Real(outside=()),
            "random_state": RandomState(),
        },
        arguments=lambda: {"n_samples": 20},
    ),
    "datasets.make_random_assignment": DatasetEntry(
        parameters={"n_samples": Integer(), "random_state": RandomState()},
        arguments=lambda: {"n_samples": 20},
    ),
}
