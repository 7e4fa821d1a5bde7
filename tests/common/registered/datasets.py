"""Entries of sparsesci.datasets: loaders, and the generators of least-squares problems."""

import tempfile

from tests.common.entries import DatasetEntry, FunctionEntry
from tests.common.inputs import integers
from tests.common.kinds import Array, Flag, Free, Integer, Option, RandomState, Real


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

ENTRIES = {
    "datasets.clear_data_home": FunctionEntry(
        parameters={"data_home": DATA_HOME}, arguments=lambda: {"data_home": tempfile.gettempdir() + "/no-such-home"}
    ),
    "datasets.fetch_samson": DatasetEntry(
        parameters={"data_home": DATA_HOME, "download_if_missing": Flag()}, needs="unmixing/samson.npz"
    ),
    "datasets.get_data_home": FunctionEntry(parameters={"data_home": DATA_HOME}),
    "datasets.load_diabetes_regression": DatasetEntry(
        parameters={"degree": Integer(), "return_X_y": Flag()}, arguments=lambda: {"degree": 2}
    ),
    "datasets.load_digits_regression": DatasetEntry(
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
    "datasets.load_image_regression": DatasetEntry(
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
    "datasets.make_gaussian_regression": regression_generator({"noise": Real()}, n_features=4),
    "datasets.make_high_leverage_regression": regression_generator(
        {
            "leverage_scale": Real(outside=()),
            "bulk_scale": Real(outside=()),
            "degrees_of_freedom": Real(outside=(0.0, -2.0)),
        },
        n_features=4,
    ),
    "datasets.make_hilbert": regression_generator({"noise": Real()}, n_features=4),
    "datasets.make_kronecker_regression": DatasetEntry(
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
    "datasets.make_least_squares": regression_generator(
        {"cond": Real(outside=(0.5, -1.0)), "residual_norm": Real()}, n_features=4, cond=100.0
    ),
    "datasets.make_linf_hard_instance": DatasetEntry(
        parameters={
            "kind": Option(),
            "n_samples": Integer(minimum=5),
            "n_features": Integer(),
            "n_components": Integer(minimum=4),
            "return_coef": Flag(),
        },
        arguments=lambda: {"kind": "pairs", "n_samples": 64, "n_features": 4, "n_components": 32},
    ),
    "datasets.make_sparse_regression": regression_generator(
        {"nnz_per_row": Integer(too_large=7), "difference_order": Integer(minimum=0), "noise": Real()}, n_features=6
    ),
    "datasets.make_vandermonde": DatasetEntry(
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
