"""Entries of sparsesci.streaming, sparsesci.distributed, and the generators of streams of rows."""

import numpy as np
import pytest

from sparsesci import streaming
from tests.common.entries import DatasetEntry, EstimatorEntry, FunctionEntry, WarningEntry
from tests.common.inputs import integers
from tests.common.kinds import Array, Device, Flag, Free, Integer, Jobs, Option, RandomState, Real

ROWS = Array(sparse=True, dates=True)
FACTORS = Free(
    bad=(
        ("a number", 2.0, TypeError),
        ("one", (1.0,), ValueError),
        ("less than one", (2.0, 0.5), ValueError),
        ("none", (), ValueError),
        ("a word", ("fast",), TypeError),
        ("infinity", (float("inf"),), ValueError),
    )
)


def rows(n_samples, n_features, seed=0):
    """Return integer rows with a clear first direction, and no ties among the largest entries."""
    X = integers(n_samples, n_features, seed=seed)
    X[:, 1] *= 5
    X[:, 2] *= 3
    return X


def other_shard(entry):
    """Return a fitted estimator of other rows."""
    n_samples, n_features = entry.arguments()["X"].shape
    return {"other": entry.make().fit(rows(n_samples, n_features, seed=1))}


def projections(entry):
    return {"X": integers(5, entry.fitted()[0].components_.shape[0])}


def estimator(make, parameters, for_sklearn, grid, **options):
    """Return the entry of a streaming estimator."""
    return EstimatorEntry(
        make=make,
        parameters={
            "chunk_size": Integer(),
            "verbose": Free(bad=(("a word", "yes", TypeError), ("a fraction", 0.5, TypeError))),
            "X": ROWS,
            **parameters,
        },
        arguments=lambda: {"X": rows(200, 6)},
        method_arguments={"merge": other_shard, "inverse_transform": projections},
        grid=grid,
        refused_layouts=("float16",),  # becomes float32, see tests/streaming/test_inputs.py
        for_sklearn=for_sklearn,
        **options,
    )


BLOCK_POWER = {
    "method": Option(),
    "order": Option(),
    "growth_factors": FACTORS,
    "first_block": Integer(),
    "max_heavy_rows": Integer(minimum=0),
    "heavy_factor": Real(),
    "center": Flag(),
    "n_samples_hint": Integer(none=True),
    "shuffle_buffer": Integer(minimum=0),
    "random_state": RandomState(),
    "n_jobs": Jobs(),
    "device": Device(),
}


def dask_problem():
    """Return the arguments of a distributed fit; skip without Dask."""
    array = pytest.importorskip("dask.array", reason="needs dask: pip install sparsesci[dask]")
    return {
        "estimator": streaming.StreamingPCA(2, random_state=0),
        "X": array.from_array(rows(200, 6), chunks=(60, 6)),
        "scheduler": "synchronous",
    }


def stream(**parameters):
    return DatasetEntry(
        parameters={"n_features": Integer(minimum=1), "gap": Real(), "random_state": RandomState(), **parameters},
        arguments=lambda: {("n_copies" if "n_copies" in parameters else "n_samples"): 40, "n_features": 8},
    )


ENTRIES = {
    "datasets.make_heavy_rows": stream(
        n_samples=Integer(), n_features=Integer(minimum=2), n_heavy=Integer(too_large=8)
    ),
    "datasets.make_late_signal": stream(n_samples=Integer(minimum=10), where=Option()),
    "datasets.make_oja_hard": stream(n_copies=Integer(), n_features=Integer(minimum=3), n_heavy=Integer(too_large=7)),
    "datasets.make_spiked": stream(n_samples=Integer()),
    "distributed.fit": FunctionEntry(
        parameters={
            "estimator": Free(bad=(("a number", 3, TypeError), ("None", None, TypeError), ("a class", int, TypeError))),
            "X": Free(bad=(("an array", np.ones((3, 2)), TypeError), ("None", None, TypeError))),
            "y": Free(),
            "split_every": Integer(minimum=2),
            "scheduler": Free(bad=(("unknown", "nonsense", ValueError),)),
        },
        arguments=dask_problem,
        collect=lambda fitted: {"components": fitted.components_, "n": fitted.n_samples_seen_},
    ),
    "streaming.FrequentDirections": estimator(
        lambda: streaming.FrequentDirections(3),
        {"n_directions": Integer()},
        lambda: [streaming.FrequentDirections(2)],
        {"n_directions": [2, 4]},
        tolerance=1e-7,
    ),
    "streaming.OjaPCA": estimator(
        lambda: streaming.OjaPCA(5, learning_rate=0.01, random_state=0),
        {
            "n_components": Integer(too_large=7),
            "learning_rate": Real(outside=(0.0, -1.0)),
            "schedule": Option(),
            "offset": Real(outside=(0.0, -1.0)),
            "block_size": Integer(),
            "center": Flag(),
            "random_state": RandomState(),
            "device": Device(),
        },
        lambda: [streaming.OjaPCA(random_state=0), streaming.OjaPCA(2, schedule="constant", random_state=0)],
        {"schedule": ["inverse", "constant"]},
    ),
    "streaming.StreamingPCA": estimator(
        lambda: streaming.StreamingPCA(5, center=False, random_state=0),
        {"n_components": Integer(too_large=7), "n_oversamples": Integer(minimum=0), **BLOCK_POWER},
        lambda: [
            streaming.StreamingPCA(random_state=0, **options)
            for options in (
                {},
                {"order": "arbitrary"},
                {"method": "auto"},
                {"shuffle_buffer": 7, "center": False, "max_heavy_rows": 3},
            )
        ],
        {"n_components": [1, 2], "max_heavy_rows": [0, 20]},
        large_arguments=lambda: {"X": rows(6000, 600)},
    ),
    "streaming.StreamingWarning": WarningEntry(),
    "streaming.top_eigenvector": FunctionEntry(
        parameters={
            "chunks": ROWS,
            "verbose": Free(bad=(("a word", "yes", TypeError), ("a fraction", 0.5, TypeError))),
            **BLOCK_POWER,
        },
        arguments=lambda: {"chunks": rows(200, 6)},
        large_arguments=lambda: {"chunks": rows(6000, 600)},
        refused_layouts=("float16",),
        collect=lambda found: {"vector": found[0], "eigenvalue": found[1], **found[2]},
    ),
}
