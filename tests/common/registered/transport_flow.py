"""Entries of gradients, flows, barycentres and worst directions of sliced costs."""

from tests.common.entries import FunctionEntry
from tests.common.inputs import integers
from tests.common.kinds import Array, Device, Flag, Integer, Jobs, Option, RandomState, Real
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

ENTRIES = {
    "transport.sliced_wasserstein_gradient": FunctionEntry(
        parameters={
            **PAIR,
            **SLICES,
            "projections": optional_array(),
            "n_replicates": Integer(),
            "root": Flag(),
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
