"""Entries of gradients, flows, barycentres and worst directions of sliced costs."""

import numpy as np

from tests.common.entries import DatasetEntry, FunctionEntry
from tests.common.inputs import integers
from tests.common.kinds import NOT_A_NUMBER, Array, Bad, Device, Flag, Free, Integer, Jobs, Option, RandomState, Real
from tests.common.registered.transport_sliced import clouds, directions, optional_array, weights

SLICES = {
    "p": Real(outside=(0.5, -1.0)),
    "n_projections": Integer(),
    "sampling": Option(),
    "control_variate": Option(none=True),
    "cv_form": Option(),
    "degree": Integer(minimum=0, none=True),
    "random_state": RandomState(),
    "n_jobs": Jobs(),
    "device": Device(),
    "batch_size": Integer(none=True),
}
PAIR = {"X": Array(), "Y": Array(), "x_weights": weights("x_weights"), "y_weights": weights("y_weights")}

CALLBACK = Free(bad=(("a number", 3, TypeError), ("a word", "show", TypeError)))
EDGES = Free(
    bad=(
        ("two entries", (1.0, 2.0), ValueError),
        ("a number", 3.0, TypeError),
        ("a negative one", (1.0, -2.0, 1.0), ValueError),
        ("NaN", (1.0, float("nan"), 1.0), ValueError),
    )
)


CANDIDATES = Free(
    bad=(
        ("1-d", np.ones(4), ValueError),
        ("NaN", [[np.nan, 0, 0, 1]], ValueError),
        ("a zero row", [[0, 0, 0, 1], [0, 0, 0, 0]], ValueError),
        ("too wide", np.ones((2, 5)), ValueError),
        ("no rows", np.ones((0, 4)), ValueError),
        ("a word", "text", NOT_A_NUMBER),
    )
)


class Clouds(Array):
    """An array of clouds, (K, n, d); what is wrong with one of them is said with its number."""

    def bad_values(self):
        skipped = ("1-d", "2-d", "0-d")
        return [
            *(bad for bad in super().bad_values() if bad.label not in skipped),
            Bad("a matrix", lambda valid: valid[0], ValueError),
            Bad("different dimensions", lambda valid: [valid[0], valid[1][:, :-1]], ValueError),
            Bad("an empty cloud", lambda valid: [valid[0], valid[1][:0]], ValueError),
        ]


ENTRIES = {
    "datasets.make_slab": DatasetEntry(
        parameters={"n_samples": Integer(), "size": EDGES, "random_state": RandomState()},
        arguments=lambda: {"n_samples": 20},
    ),
    "datasets.make_sphere": DatasetEntry(
        parameters={
            "n_samples": Integer(),
            "radius": Real(outside=(0.0, -1.0)),
            "thickness": Real(),
            "random_state": RandomState(),
        },
        arguments=lambda: {"n_samples": 20},
    ),
    "datasets.make_trefoil_knot": DatasetEntry(
        parameters={"n_samples": Integer(), "thickness": Real(), "random_state": RandomState()},
        arguments=lambda: {"n_samples": 20},
    ),
    "transport.max_sliced_wasserstein_distance": FunctionEntry(
        parameters={
            **PAIR,
            **{name: SLICES[name] for name in ("p", "n_projections", "sampling", "random_state", "n_jobs", "device")},
            "projections": CANDIDATES,
            "n_init": Integer(),
            "max_iter": Integer(minimum=0),
            "tol": Real(),
            "verbose": Free(),
        },
        # Of several starts those that end at a ridge may be off by more than single precision.
        arguments=lambda: {**clouds(30, 25, 4), "n_projections": 12, "n_init": 1, "max_iter": 3},
        large_arguments=lambda: {**clouds(600, 500, 4), "n_projections": 1200, "n_init": 2, "max_iter": 1},
        tolerance_32=1e-4,
    ),
    "transport.sliced_wasserstein_barycenter": FunctionEntry(
        parameters={
            **{name: kind for name, kind in SLICES.items() if name != "p"},
            "clouds": Clouds(ndims=(3,)),
            "cloud_weights": weights("cloud_weights"),
            "n_support": Integer(none=True),
            "weights": Free(bad=(("a number", 3, TypeError), ("too few", [None], ValueError))),
            "init": optional_array(),
            "n_steps": Integer(minimum=0),
            "lr": Real(outside=(0.0, -1.0), none=True),
            "callback": CALLBACK,
            "verbose": Free(),
        },
        arguments=lambda: {
            "clouds": integers(3, 20, 4),
            "cloud_weights": np.array([1.0, 2.0, 3.0]),
            "init": integers(15, 4, seed=1),
            "n_steps": 3,
            "n_projections": 10,
        },
        large_arguments=lambda: {
            "clouds": integers(3, 600, 4),
            "cloud_weights": np.array([1.0, 2.0, 3.0]),
            "init": integers(500, 4, seed=1),
            "n_steps": 1,
            "n_projections": 600,
            "sampling": "orthogonal",
        },
    ),
    "transport.sliced_wasserstein_flow": FunctionEntry(
        parameters={
            **PAIR,
            **SLICES,
            "n_steps": Integer(minimum=0),
            "lr": Real(outside=(0.0, -1.0), none=True),
            "objective": Option(),
            "method": Option(),
            "callback": CALLBACK,
            "verbose": Free(),
        },
        arguments=lambda: {**clouds(20, 15, 4), "n_steps": 3, "n_projections": 10},
        large_arguments=lambda: {
            **clouds(600, 500, 4),
            "n_steps": 1,
            "n_projections": 600,
            "sampling": "orthogonal",
        },
    ),
    "transport.sliced_wasserstein_gradient": FunctionEntry(
        parameters={
            **PAIR,
            **SLICES,
            "projections": optional_array(),
            "n_replicates": Integer(),
            "root": Flag(),
            "projection": Option(),
            "radius": Real(outside=(0.0, -1.0)),
            "return_y_gradient": Flag(),
        },
        arguments=lambda: {**clouds(30, 25, 4), "projections": directions(12), "return_y_gradient": True},
        large_arguments=lambda: {
            **clouds(600, 500, 4),
            "projections": directions(600),
            # The mean of this variate is drawn, so that the random state matters.
            "control_variate": "gaussian",
            "return_y_gradient": True,
        },
        # Single precision decides ties of integer projections differently, where the cost has no derivative.
        tolerance_32=0.1,
    ),
}
