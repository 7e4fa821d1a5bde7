"""Entries of the sliced half of sparsesci.transport."""

import numpy as np

from tests.common.entries import FunctionEntry
from tests.common.inputs import integers
from tests.common.kinds import Array, Bad, Device, Flag, Integer, Jobs, Option, RandomState, Real, of_length


def weights(name):
    """Return the kind of the weights of a cloud."""
    extra = (
        of_length(name, 3),
        of_length(name, -3),
        Bad("a negative weight", lambda valid: valid - 1.5, ValueError),
        Bad("all zero", lambda valid: 0 * valid, ValueError),
    )
    bad = [bad for bad in Array(ndims=(1,), extra=extra).bad_values() if bad.label != "None"]
    return _Listed(bad)


class _Listed(Array):
    """An array whose bad values are listed."""

    def __init__(self, bad):
        super().__init__(ndims=(1,))
        object.__setattr__(self, "listed", bad)

    def bad_values(self):
        return self.listed


def optional_array():
    """Return the kind of a matrix that may be None."""
    return _Listed([bad for bad in Array().bad_values() if bad.label != "None"])


def clouds(n, m, d):
    """Return two clouds of small integers and their weights."""
    return {
        "X": integers(n, d),
        "Y": integers(m, d, seed=1) + 2,
        "x_weights": 1 + abs(integers(n, seed=2)),
        "y_weights": 1 + abs(integers(m, seed=3)),
    }


def directions(n):
    """Return directions with small integer coordinates, none of them zero."""
    return integers(n, 4, seed=4) + np.array([0, 0, 0, 5])


ENTRIES = {
    "transport.sliced_wasserstein_distance": FunctionEntry(
        parameters={
            "X": Array(),
            "Y": Array(),
            "p": Real(outside=(0.5, -1.0)),
            "x_weights": weights("x_weights"),
            "y_weights": weights("y_weights"),
            "n_projections": Integer(),
            "projections": optional_array(),
            "sampling": Option(),
            "control_variate": Option(none=True),
            "cv_form": Option(),
            "degree": Integer(minimum=0, none=True),
            "n_replicates": Integer(),
            "tol": Real(outside=(0.0, -1.0), none=True),
            "max_projections": Integer(),
            "random_state": RandomState(),
            "n_jobs": Jobs(),
            "device": Device(),
            "return_result": Flag(),
            "batch_size": Integer(none=True),
            "projection": Option(),
            "radius": Real(outside=(0.0, -1.0)),
        },
        arguments=lambda: {**clouds(30, 25, 4), "projections": directions(12), "return_result": True},
        # The mean of this variate is drawn, so that the random state matters.
        large_arguments=lambda: {
            **clouds(600, 500, 4),
            "projections": directions(1200),
            "control_variate": "gaussian",
            "return_result": True,
        },
        tolerance_32=1e-4,
    ),
    "transport.sphere_directions": FunctionEntry(
        parameters={
            "n_directions": Integer(),
            "n_features": Integer(),
            "method": Option(),
            "random_state": RandomState(),
        },
        arguments=lambda: {"n_directions": 7, "n_features": 4},
    ),
    "transport.sphere_quadrature": FunctionEntry(
        parameters={
            "n_directions": Integer(),
            "n_features": Integer(),
            "method": Option(),
            "weights": Option(),
            "degree": Integer(minimum=0, none=True),
            "random_state": RandomState(),
        },
        arguments=lambda: {"n_directions": 20, "n_features": 3},
    ),
    "transport.wasserstein_1d": FunctionEntry(
        parameters={
            "u": Array(ndims=(1,)),
            "v": Array(ndims=(1,)),
            "u_weights": weights("u_weights"),
            "v_weights": weights("v_weights"),
            "p": Real(outside=(0.5, -1.0)),
            "return_plan": Flag(),
        },
        arguments=lambda: {
            "u": integers(20),
            "v": integers(15, seed=1),
            "u_weights": 1 + abs(integers(20, seed=2)),
            "v_weights": 1 + abs(integers(15, seed=3)),
        },
        tolerance_32=1e-5,
    ),
}
