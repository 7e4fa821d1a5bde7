"""Entries of the continuous half of sparsesci.sampling: bases, designs, weighted least squares."""

import numpy as np

from sparsesci import sampling
from tests.common.entries import DatasetEntry, DisplayEntry, EstimatorEntry, FunctionEntry
from tests.common.inputs import REGRESSION_DATA, integers, regression
from tests.common.kinds import Array, Bad, Device, Free, Integer, Jobs, Option, RandomState, Real, of_length

DESIGN = {
    "strategy": Option(),
    "n_points": Integer(minimum=3, none=True),
    "proposal": Option(),
    "delta": Real(outside=(0.0, 1.0, -0.5), none=True),
    "n_candidates": Integer(),
    "reduce": Option(none=True),
    "criterion": Option(),
    "max_tries": Integer(),
    "random_state": RandomState(),
    "n_jobs": Jobs(),
    "device": Device(),
}
BASIS = Free(bad=(("a word", "legendre", TypeError), ("an array", np.eye(3), TypeError)))
DEGREE = Integer(minimum=0, none=True)


class DataEntry(EstimatorEntry):
    """An estimator that needs random numbers for functions only: tests/sampling/ has those of its designs."""

    @property
    def is_random(self):
        return False


def small_basis(degree=2):
    return sampling.OrthogonalPolynomials("legendre", max_degree=degree)


def fitted_model():
    return sampling.WeightedLeastSquares(small_basis(), random_state=0).fit(lambda X: X[:, 0] ** 2)


def basis_numbers(basis):
    """Return what a basis says and draws."""
    X = basis.sample_measure(40, random_state=0)
    return {
        "index_set": basis.index_set,
        "domain": basis.domain,
        "X": X,
        "values": basis.evaluate(X),
        "christoffel": basis.sample_christoffel(10, random_state=0),
        "dpp": basis.sample_dpp(3, random_state=0),
    }


def pool_numbers(basis):
    return {"values": basis.evaluate(basis.pool), "leverage": basis.christoffel(basis.pool), "pool": basis.pool}


def boreholes(n):
    """Return integers with positive radii, that of influence the larger."""
    X = np.abs(integers(n, 8)) + 1
    X[:, 1] += 9
    X[:, 3] += 9
    return X


ENTRIES = {
    "datasets.borehole_function": DatasetEntry(
        parameters={
            "X": Array(extra=(Bad("no radius", lambda X: np.zeros((3, 8)), ValueError),)),
        },
        arguments=lambda: {"X": boreholes(20)},
    ),
    "datasets.ishigami_function": DatasetEntry(
        parameters={"X": Array(), "a": Real(outside=()), "b": Real(outside=())},
        arguments=lambda: {"X": integers(20, 3)},
    ),
    "sampling.CandidateSetBasis": FunctionEntry(
        parameters={
            "feature_map": Free(bad=(("a number", 3, TypeError), ("a word", "quadratic", TypeError))),
            "pool": Array(),
            "n_jobs": Jobs(),
        },
        arguments=lambda: {"feature_map": None, "pool": integers(60, 3)},
        large_arguments=lambda: {"feature_map": None, "pool": integers(70_000, 3)},
        collect=pool_numbers,
        tolerance_32=1e-5,
    ),
    "sampling.Design": FunctionEntry(
        parameters={name: Free() for name in sampling.Design._fields},
        arguments=lambda: dict.fromkeys(sampling.Design._fields),
    ),
    "sampling.DesignDisplay": DisplayEntry(
        estimator=fitted_model,
        parameters={"coordinates": Free()},
    ),
    "sampling.OrthogonalPolynomials": FunctionEntry(
        parameters={
            "family": Free(bad=(("unknown", "laguerre", ValueError), ("a number", 3, ValueError))),
            "index_set": Free(bad=(("twice", [0, 1], ValueError),)),
            "total_degree": Free(bad=(("twice", 2, ValueError),)),
            "hyperbolic_cross": Free(bad=(("twice", 2, ValueError),)),
            "max_degree": Free(bad=(("a fraction", 2.5, TypeError), ("negative", -1, ValueError))),
            "domain": Free(bad=(("empty", (1, 1), ValueError), ("a word", "box", ValueError))),
            "dimension": Integer(none=True),
        },
        arguments=lambda: {"family": "legendre", "max_degree": 2, "dimension": 2},
        collect=basis_numbers,
    ),
    "sampling.WeightedLeastSquares": DataEntry(
        make=lambda: sampling.WeightedLeastSquares(random_state=0),
        parameters={
            "basis": BASIS,
            **DESIGN,
            "n_points": Integer(none=True),
            **REGRESSION_DATA,
            "X": Array(dates=True, extra=(of_length("y", 5), of_length("y", -5))),
        },
        arguments=lambda: regression(60, 3),
        large_arguments=lambda: regression(9000, 3),
        grid={"basis": [1, 2]},
        for_sklearn=lambda: [
            sampling.WeightedLeastSquares(random_state=0, **options) for options in ({}, {"basis": 2})
        ],
        tolerance=1e-9,
    ),
    "sampling.optimal_design": FunctionEntry(
        parameters={"basis": BASIS, **DESIGN},
        arguments=lambda: {"basis": small_basis(), "n_points": 7},
        large_arguments=lambda: {
            "basis": sampling.OrthogonalPolynomials("legendre", total_degree=3, dimension=2),
            "n_points": 25,
            "n_candidates": 200,
            "strategy": "volume",
        },
    ),
}
