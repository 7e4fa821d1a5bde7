"""How to use every public name of the package: one entry each, and the common tests need nothing else.

A public name without an entry fails ``test_registry.py``. Arrays hold small integers, see ``Entry``.
"""

import tempfile
from dataclasses import replace

import numpy as np

from sparsesci import sketching
from tests.common.entries import DatasetEntry, DisplayEntry, EstimatorEntry, FunctionEntry, OperatorEntry, WarningEntry
from tests.common.introspection import public_names
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


def integers(*shape, seed=0, dtype=np.float64):
    """Return an array of small random integers; without a constant column."""
    return np.random.default_rng(seed).integers(-4, 5, size=shape).astype(dtype)


# sketching


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


def regression(n_samples, n_features):
    """Return integer data of a regression with noise."""
    X = integers(n_samples, n_features)
    return {"X": X, "y": X @ np.arange(1.0, n_features + 1) + integers(n_samples, seed=1)}


def least_squares(n_samples, n_features):
    """Return the same as a call of a least-squares function."""
    data = regression(n_samples, n_features)
    return {"A": data["X"], "b": data["y"], "return_info": True}


REGRESSION_DATA = {
    "X": Array(sparse=True, dates=True, extra=(of_length("y", 5), of_length("y", -5))),
    "y": Array(ndims=(1, 2), dates=True, extra=(of_length("X", 5), of_length("X", -5))),
}


def other_shard(entry):
    """Return a fitted estimator of the rows after those of the entry's data."""
    data = entry.arguments()
    return {"other": entry.make().set_params(row_offset=len(data["y"])).fit(**data)}


SKETCHING = {
    "CoefficientIntervalDisplay": DisplayEntry(
        estimator=lambda: sketching.SketchedRegression(100, random_state=0).fit(**regression(200, 3)),
        parameters={
            "confidence_level": Real(outside=(0.0, 1.0, -1.0)),
            "simultaneous": Flag(),
            "target": Integer(minimum=0, too_large=1),
            "feature_names": Free(bad=(("too few", ["a"], ValueError), ("a number", 3, TypeError))),
        },
    ),
    "CountSketch": sketch_operator(),
    "GaussianSketch": sketch_operator(),
    "SRHTSketch": sketch_operator(n_components=Integer(too_large=257)),
    "SketchProjection": EstimatorEntry(
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
    "SketchedLeastSquares": EstimatorEntry(
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
    "SketchedRegression": EstimatorEntry(
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
    "SparseSignSketch": sketch_operator(nnz_per_column=Integer()),
    "TensorSRHTSketch": tensor_operator(),
    "TensorSketch": tensor_operator(serial=True),
    "SketchWarning": WarningEntry(),
    "fwht": FunctionEntry(
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
    "make_sketch": FunctionEntry(
        parameters={
            "kind": Option(),
            "n_components": Integer(too_large=65),
            "n_rows": Integer(),
            "random_state": RandomState(),
            "dtype": Dtype(),
        },
        arguments=lambda: {"kind": "srht", "n_components": 8, "n_rows": 50},
    ),
    "sketch": FunctionEntry(
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
    "sketched_lstsq": FunctionEntry(
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


# datasets


def regression_generator(parameters, **arguments):
    """Return the entry of a generator of least-squares problems with the usual parameters."""
    usual = {
        "n_samples": Integer(minimum=arguments["n_features"] + 1 if "n_features" in arguments else 1),
        "n_features": Integer(),
        "random_state": RandomState(),
        "return_coef": Flag(),
    }
    return DatasetEntry(
        parameters={**usual, **parameters}, arguments=lambda: {"n_samples": 60, "return_coef": True, **arguments}
    )


DATA_HOME = Free(bad=(("a number", 3, TypeError), ("an empty word", "", TypeError)))

DATASETS = {
    "clear_data_home": FunctionEntry(
        parameters={"data_home": DATA_HOME}, arguments=lambda: {"data_home": tempfile.gettempdir() + "/no-such-home"}
    ),
    "fetch_samson": DatasetEntry(
        parameters={"data_home": DATA_HOME, "download_if_missing": Flag()}, needs="unmixing/samson.npz"
    ),
    "get_data_home": FunctionEntry(parameters={"data_home": DATA_HOME}),
    "load_diabetes_regression": DatasetEntry(
        parameters={"degree": Integer(), "return_X_y": Flag()}, arguments=lambda: {"degree": 2}
    ),
    "load_digits_regression": DatasetEntry(
        parameters={
            "n_samples": Integer(none=True),
            "n_components": Integer(none=True),
            "jitter": Real(),
            "bandwidth": Real(outside=(0.0, -1.0)),
            "random_state": RandomState(),
            "return_X_y": Flag(),
        },
        arguments=lambda: {"n_samples": 2000, "n_components": 20},
    ),
    "load_image_regression": DatasetEntry(
        parameters={
            "image": Array(ndims=(3,)),
            "radius": Integer(too_large=6),
            "target_channel": Integer(minimum=0, too_large=2),
            "return_X_y": Flag(),
            "chunk_rows": Integer(none=True),
        },
        arguments=lambda: {"image": integers(11, 12, 2)},
        refused_layouts=("int64", "int8", "objects"),  # integers are scaled by the largest value of their type
    ),
    "make_gaussian_regression": regression_generator({"noise": Real()}, n_features=4),
    "make_high_leverage_regression": regression_generator(
        {
            "leverage_scale": Real(outside=()),
            "bulk_scale": Real(outside=()),
            "degrees_of_freedom": Real(outside=(0.0, -2.0)),
        },
        n_features=4,
    ),
    "make_hilbert": regression_generator({"noise": Real()}, n_features=4),
    "make_kronecker_regression": DatasetEntry(
        parameters={
            "shapes": Free(
                bad=(
                    ("a number", 3, TypeError),
                    ("no factor", [], ValueError),
                    ("a wide factor", [(3, 4)], ValueError),
                    ("a fraction", [(3.5, 2)], TypeError),
                    ("a triple", [(3, 2, 1)], TypeError),
                )
            ),
            "noise": Real(),
            "random_state": RandomState(),
            "return_coef": Flag(),
        },
        arguments=lambda: {"shapes": ((6, 2), (5, 3)), "return_coef": True},
    ),
    "make_least_squares": regression_generator(
        {"cond": Real(outside=(0.5, -1.0)), "residual_norm": Real()}, n_features=4, cond=100.0
    ),
    "make_linf_hard_instance": DatasetEntry(
        parameters={
            "kind": Option(),
            "n_samples": Integer(minimum=5),
            "n_features": Integer(),
            "n_components": Integer(minimum=4),
            "return_coef": Flag(),
        },
        arguments=lambda: {"kind": "pairs", "n_samples": 64, "n_features": 4, "n_components": 32},
    ),
    "make_sparse_regression": regression_generator(
        {"nnz_per_row": Integer(too_large=7), "difference_order": Integer(minimum=0), "noise": Real()}, n_features=6
    ),
    "make_vandermonde": DatasetEntry(
        parameters={
            "n_samples": Integer(minimum=5),
            "degree": Integer(minimum=0),
            "noise": Real(),
            "random_state": RandomState(),
            "return_coef": Flag(),
        },
        arguments=lambda: {"n_samples": 60, "degree": 3},
    ),
}

# compare

COMPARE = {
    "list_methods": FunctionEntry(parameters={}),
    "run": FunctionEntry(
        parameters={
            "methods": Free(bad=(("unknown", "nonsense", ValueError), ("a number", 3, TypeError))),
            "size": Option(),
            "random_state": RandomState(),
            "n_jobs": Jobs(),
            "verbose": Free(),
        },
        arguments=lambda: {"methods": "fwht"},
        is_measurement=True,
    ),
}

PACKAGE = {"show_versions": FunctionEntry(parameters={}, prints=True)}

_BY_MODULE = {"sketching.": SKETCHING, "datasets.": DATASETS, "compare.": COMPARE, "": PACKAGE}
REGISTRY = {f"{module}{name}": entry for module, entries in _BY_MODULE.items() for name, entry in entries.items()}
PUBLIC = public_names()

for _name in REGISTRY.keys() & PUBLIC.keys():
    REGISTRY[_name].bind(_name, PUBLIC[_name])


def entries(*types, **properties):
    """Return the bound entries of some types whose properties are true (or false), by name."""
    return [
        entry
        for name, entry in sorted(REGISTRY.items())
        if entry.public is not None
        and isinstance(entry, types or object)
        and all(bool(getattr(entry, key)) == value for key, value in properties.items())
    ]


def names_of(chosen):
    """Return the test identifiers of entries."""
    return [entry.name for entry in chosen]


ESTIMATORS = entries(EstimatorEntry)
