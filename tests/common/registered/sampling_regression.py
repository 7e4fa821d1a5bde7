"""Entries of the l_p and quantile regression in sparsesci.sampling."""

import numpy as np

from sparsesci import sampling
from tests.common.entries import EstimatorEntry
from tests.common.inputs import REGRESSION_DATA, regression
from tests.common.kinds import Array, Flag, Free, Integer, Jobs, Option, Real, of_length

COMMON = {
    "fit_intercept": Flag(),
    "solver": Option(),
    "coreset_size": Integer(none=True),
    "tol": Real(),
    "max_iter": Integer(),
    "n_jobs": Jobs(),
    "X": Array(dates=True, extra=(of_length("y", 5), of_length("y", -5))),
    "y": Array(ndims=(1, 2), dates=True, extra=REGRESSION_DATA["y"].extra),
}
POWER = Free(
    (
        ("below one", 0.5, ValueError),
        ("minus infinity", -np.inf, ValueError),
        ("NaN", np.nan, ValueError),
        ("text", "2", TypeError),
        ("a boolean", True, TypeError),
        ("None", None, TypeError),
        ("a list", [1.0], TypeError),
        ("complex", 1j, TypeError),
    )
)

ENTRIES = {
    "sampling.LpRegression": EstimatorEntry(
        make=lambda: sampling.LpRegression(p=1.5),
        parameters={"p": POWER, **COMMON},
        arguments=lambda: regression(200, 3),
        large_arguments=lambda: regression(30_000, 2),
        about_rounding=("dual_gap_", "n_iter_"),
        grid={"p": [1, 1.5, 4], "fit_intercept": [True, False]},
        for_sklearn=lambda: [
            sampling.LpRegression(),
            *(sampling.LpRegression(p=p) for p in (1.5, 4, np.inf)),
            sampling.LpRegression(solver="preprocess"),
        ],
    ),
    "sampling.QuantileRegression": EstimatorEntry(
        make=lambda: sampling.QuantileRegression(0.3),
        parameters={"quantile": Real(outside=(0.0, 1.0, -0.5, 2.0)), **COMMON},
        arguments=lambda: regression(201, 3),
        large_arguments=lambda: regression(30_000, 2),
        about_rounding=("dual_gap_", "n_iter_"),
        grid={"quantile": [0.3, 0.5], "solver": ["ipm", "highs"]},
    ),
}
