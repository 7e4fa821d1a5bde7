"""Entries of what sparsesci.transport does with many clouds, and of the point clouds of sparsesci.datasets."""

from sparsesci import transport
from tests.common.entries import EstimatorEntry, FunctionEntry
from tests.common.inputs import integers
from tests.common.kinds import Array, Bad, Flag, Free, Integer, Jobs, Kind, Option, RandomState, Real, of_length
from tests.common.registered.transport_sliced import directions, optional_array

CLOUDS = Array(ndims=(3,))


def masses(name):
    """Return the kind of the weights of many clouds of one size, as a matrix."""
    extra = (
        of_length(name, 2),
        of_length(name, -2),
        Bad("a negative weight", lambda valid: valid - 1.5, ValueError),
        Bad("all zero", lambda valid: 0 * valid, ValueError),
        Bad("a weight too few", lambda valid: valid[:, :-1], ValueError),
    )
    return Array(ndims=(2,), none=True, extra=extra)


class Directions(Kind):
    """Directions, which large calls leave out so that they are drawn."""

    def bad_values(self):
        return optional_array().bad_values()


PARAMETERS = {
    "clouds": CLOUDS,
    "clouds2": Array(ndims=(3,), none=True),
    "weights": masses("weights"),
    "weights2": masses("weights2"),
    "n_projections": Integer(),
    "projections": Directions(),
    "sampling": Option(),
    "control_variate": Option(none=True),
    "degree": Integer(minimum=0, none=True),
    "n_quantiles": Integer(none=True),
    "random_state": RandomState(),
    "n_jobs": Jobs(),
    "batch_size": Integer(none=True),
}


def small():
    """Return a few clouds of small integers, on given directions."""
    return {
        "clouds": integers(3, 12, 4),
        "clouds2": integers(2, 10, 4, seed=1) + 2,
        "weights": 1 + abs(integers(3, 12, seed=2)),
        "weights2": 1 + abs(integers(2, 10, seed=3)),
        "projections": directions(9),
    }


def large():
    """Return clouds for several threads."""
    return {
        "clouds": integers(40, 24, 4),
        "clouds2": integers(10, 24, 4, seed=1) + 2,
        "weights": 1 + abs(integers(40, 24, seed=2)),
        "weights2": 1 + abs(integers(10, 24, seed=3)),
    }


BANDWIDTHS = (
    ("zero", 0.0, ValueError),
    ("negative", -1.0, ValueError),
    ("an unknown word", "nonsense", ValueError),
    ("NaN", float("nan"), ValueError),
    ("a list", [1.0], TypeError),
)

ENTRIES = {
    "transport.pairwise_sliced_wasserstein": FunctionEntry(
        parameters={**PARAMETERS, "p": Real(outside=(0.5, -1.0))},
        arguments=small,
        large_arguments=large,
        tolerance_32=1e-4,
    ),
    "transport.sliced_wasserstein_kernel": FunctionEntry(
        parameters={
            **PARAMETERS,
            "p": Real(outside=(0.5, 2.5)),
            "gamma": Free(bad=BANDWIDTHS),
            "return_gamma": Flag(),
        },
        arguments=lambda: {**small(), "return_gamma": True},
        large_arguments=large,
        tolerance_32=1e-4,
    ),
    "transport.SlicedWassersteinEmbedding": EstimatorEntry(
        make=lambda: transport.SlicedWassersteinEmbedding(n_projections=7, n_quantiles=9, random_state=0),
        parameters={
            "n_projections": Integer(),
            "n_quantiles": Integer(),
            "p": Real(outside=(0.5, -1.0)),
            "sampling": Option(),
            "weights": Option(),
            "random_state": RandomState(),
            "n_jobs": Jobs(),
            "X": CLOUDS,
        },
        arguments=lambda: {"X": integers(6, 12, 4)},
        large_arguments=lambda: {"X": integers(350, 100, 4)},
        samples_by_features=False,
        grid={"n_quantiles": [4, 9]},
        tolerance_32=1e-4,
    ),
}
