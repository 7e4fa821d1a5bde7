"""Entries of sparsesci.sketching."""

from dataclasses import replace

import numpy as np

from sparsesci import sketching
from tests.common.entries import DisplayEntry, EstimatorEntry, FunctionEntry, OperatorEntry, WarningEntry
from tests.common.inputs import REGRESSION_DATA, integers, regression
from tests.common.kinds import (
    Array,
    Bad,
    Device,
    Dtype,
    Flag,
    Free,
    Integer,
    Jobs,
    Option,
    RandomState,
    Real,
    of_length,
)


def sketch_operator(*, n_rows=150, large_n_rows=70_000, **parameters):
    """Return the entry of a sketching operator class; ``parameters`` add to those that all classes have."""
    usual = {
        "n_components": Integer(),
        "n_rows": Integer(),
        "random_state": RandomState(),
        "dtype": Dtype(),
        "A": Array(complex=True, sparse=True, ndims=(1, 2), extra=(of_length("A", 3), of_length("A", -3))),
    }
    return OperatorEntry(
        parameters={**usual, **parameters},
        arguments=lambda: {"n_components": 24, "n_rows": n_rows, "A": integers(150, 3)},
        large_arguments=lambda: {"n_components": 64, "n_rows": large_n_rows, "A": integers(70_000, 4)},
    )


def tensor_operator(**options):
    """Return the entry of a sketch of Kronecker products."""
    bad_sizes = (
        ("a number", 150, TypeError),
        ("one factor", (150,), ValueError),
        ("no factor", (), ValueError),
        ("an empty factor", (150, 0), ValueError),
        ("a fraction", (10.0, 15), TypeError),
        ("None", None, TypeError),
    )
    entry = sketch_operator(n_rows=(10, 15), large_n_rows=(250, 280))
    return replace(entry, parameters={**entry.parameters, "n_rows": Free(bad=bad_sizes)}, **options)


def least_squares(n_samples, n_features):
    """Return the same as a call of a least-squares function."""
    data = regression(n_samples, n_features)
    return {"A": data["X"], "b": data["y"], "return_info": True}


def other_shard(entry):
    """Return a fitted estimator of the rows after those of the entry's data."""
    data = entry.arguments()
    return {"other": entry.make().set_params(row_offset=len(data["y"])).fit(**data)}


ENTRIES = {
    "sketching.CoefficientIntervalDisplay": DisplayEntry(
        estimator=lambda: sketching.SketchedRegression(100, random_state=0).fit(**regression(200, 3)),
        parameters={
            "confidence_level": Real(outside=(0.0, 1.0, -1.0)),
            "simultaneous": Flag(),
            "target": Integer(minimum=0, too_large=1),
            "feature_names": Free(bad=(("too few", ["a"], ValueError), ("a number", 3, TypeError))),
        },
    ),
    "sketching.CountSketch": sketch_operator(),
    "sketching.GaussianSketch": sketch_operator(),
    "sketching.SRHTSketch": sketch_operator(n_components=Integer(too_large=257)),
    "sketching.SketchProjection": EstimatorEntry(
        make=lambda: sketching.SketchProjection(n_components=10, random_state=0),
        parameters={
            "n_components": Integer(too_large=17, words=True),
            "eps": Real(outside=(0.0, 1.0, -1.0)),
            "sketch": Option(),
            "compute_inverse_components": Flag(),
            "random_state": RandomState(),
            "n_jobs": Jobs(),
            "device": Device(),
            "X": Array(sparse=True, dates=True),
        },
        arguments=lambda: {"X": integers(200, 12)},
        large_arguments=lambda: {"X": integers(30_000, 60)},
        method_arguments={"inverse_transform": lambda entry: {"X": integers(5, 10)}},
        grid={"sketch": ["srht", "gaussian"], "n_components": [8, 11]},
        for_sklearn=lambda: [
            sketching.SketchProjection(n_components=2, random_state=0, **options)
            for options in ({}, {"sketch": "sparse_sign"}, {"sketch": "gaussian", "compute_inverse_components": True})
        ],
    ),
    "sketching.SketchedLeastSquares": EstimatorEntry(
        make=lambda: sketching.SketchedLeastSquares(method="spir", random_state=0),
        parameters={
            "fit_intercept": Flag(),
            "method": Option(),
            "sketch": Option(),
            "n_components": Integer(none=True),
            "rtol": Real(none=True),
            "max_iter": Integer(),
            "random_state": RandomState(),
            "n_jobs": Jobs(),
            "device": Device(),
            **REGRESSION_DATA,
        },
        arguments=lambda: regression(200, 3),
        large_arguments=lambda: regression(70_000, 20),
        about_rounding=("backward_error_", "n_iter_", "cond_estimate_", "method_"),
        grid={"method": ["gram", "spir"], "fit_intercept": [True, False]},
        for_sklearn=lambda: [
            sketching.SketchedLeastSquares(random_state=0, **options)
            for options in ({}, {"method": "spir"}, {"method": "whitened", "fit_intercept": False})
        ],
    ),
    "sketching.SketchedRegression": EstimatorEntry(
        make=lambda: sketching.SketchedRegression(n_max=1 << 17, random_state=0),
        parameters={
            "n_components": Integer(too_large=(1 << 17) + 1, none=True),
            "eps": Real(outside=(0.0, 1.0, -1.0), none=True),
            "sketch": Option(),
            "n_max": Integer(none=True),
            "row_offset": Integer(minimum=0),
            "alpha": Real(),
            "fit_intercept": Flag(),
            "random_state": RandomState(),
            "n_jobs": Jobs(),
            "device": Device(),
            **REGRESSION_DATA,
        },
        arguments=lambda: regression(200, 3),
        large_arguments=lambda: regression(70_000, 4),
        method_arguments={
            "merge": other_shard,
            "partial_unfit": lambda entry: {**entry.arguments(), "indices": np.arange(200)},
        },
        grid={"sketch": ["srht", "gaussian"], "alpha": [0.0, 10.0]},
        for_sklearn=lambda: [
            sketching.SketchedRegression(random_state=0, **options)
            for options in ({}, {"sketch": "sparse_sign", "n_components": 64}, {"alpha": 0.5, "fit_intercept": False})
        ],
    ),
    "sketching.SparseSignSketch": sketch_operator(nnz_per_column=Integer()),
    "sketching.TensorSRHTSketch": tensor_operator(),
    "sketching.TensorSketch": tensor_operator(serial=True),
    "sketching.SketchWarning": WarningEntry(),
    "sketching.fwht": FunctionEntry(
        parameters={
            "x": Array(
                ndims=None,
                finite=False,
                empty=True,
                complex=True,
                extra=(Bad("no power of two", lambda x: np.ones((2, 12)), ValueError),),
            ),
            "axis": Integer(minimum=-2, too_large=2),
            "norm": Option(none=True),
            "order": Option(),
            "overwrite_x": Flag(),
            "workers": Jobs(),
        },
        arguments=lambda: {"x": integers(3, 16)},
        large_arguments=lambda: {"x": integers(256, 4096)},
        refused_layouts=("objects",),
        tolerance=1e-13,
        tolerance_32=1e-5,
    ),
    "sketching.make_sketch": FunctionEntry(
        parameters={
            "kind": Option(),
            "n_components": Integer(too_large=65),
            "n_rows": Integer(),
            "random_state": RandomState(),
            "dtype": Dtype(),
        },
        arguments=lambda: {"kind": "srht", "n_components": 8, "n_rows": 50},
    ),
    "sketching.sketch": FunctionEntry(
        parameters={
            "A": Array(complex=True, sparse=True),
            "n_components": Integer(too_large=257),
            "kind": Option(),
            "random_state": RandomState(),
            "n_jobs": Jobs(),
            "device": Device(),
        },
        arguments=lambda: {"A": integers(150, 3), "n_components": 24},
        large_arguments=lambda: {"A": integers(70_000, 4), "n_components": 64},
        tolerance_32=1e-5,
    ),
    "sketching.sketched_lstsq": FunctionEntry(
        parameters={
            "A": Array(sparse=True),
            "b": Array(ndims=(1, 2), extra=(of_length("A", 5), of_length("A", -5))),
            "method": Option(),
            "sketch": Option(),
            "n_components": Integer(minimum=3, none=True),
            "rtol": Real(none=True),
            "max_iter": Integer(),
            "min_norm": Flag(),
            "refine_dtype": Dtype(),
            "random_state": RandomState(),
            "n_jobs": Jobs(),
            "device": Device(),
            "return_info": Flag(),
        },
        arguments=lambda: {**least_squares(200, 3), "method": "spir"},
        large_arguments=lambda: least_squares(70_000, 20),
        about_rounding=("_error", "history", "n_iter", "cond_estimate", "sketch_size", "method"),
    ),
}
