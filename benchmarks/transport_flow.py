"""Gradients, flows and the max-sliced distance of sparsesci.transport.

``python benchmarks/transport_flow.py flow`` repeats the gradient-flow experiment of the control variates' paper
(Nguyen and Ho, arXiv:2305.00402) at full size, on synthetic shapes: W_2^2 at five times for every method. The other
columns are from a run on two ShapeNet clouds, which may not be shipped, so that only the order is to be compared.
``gradient`` prints the time of gradients relative to that of the distance, ``max`` what the max-sliced distance finds
in comparison with POT's best of random directions in the same time.
"""

import sys
import time

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from sparsesci.datasets import make_slab, make_trefoil_knot
from sparsesci.transport import (
    max_sliced_wasserstein_distance,
    sliced_wasserstein_distance,
    sliced_wasserstein_flow,
    sliced_wasserstein_gradient,
    sphere_directions,
)

TIMES = (3000, 4000, 5000, 6000, 8000)
METHODS = {
    "plain": ({"sampling": "uniform", "control_variate": None}, (311.3, 142.5, 38.8, 0.353, 5e-6)),
    "lower": ({"sampling": "uniform", "control_variate": "lower"}, (304.9, 137.3, 35.8, 0.104, 1e-5)),
    "upper": ({"sampling": "uniform", "control_variate": "upper"}, (304.9, 137.3, 35.8, 0.100, 6e-5)),
    "orthogonal": ({"sampling": "orthogonal", "control_variate": None}, (301.5, 134.7, 34.0, 0.030, 9e-6)),
    "kernel": ({"sampling": "fibonacci", "control_variate": "kernel"}, (300.8, 133.9, 33.7, 0.027, 3e-5)),
    "auto": ({}, None),
}


def clouds(n, m, d):
    """Return two Gaussian clouds and random weights."""
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((n, d)), rng.standard_normal((m, d)) * 1.5 + 0.5
    return X, Y, rng.random(n) + 0.1, rng.random(m) + 0.1


class SlicedGradient:
    """The gradient on given directions: sizes (n, m, d), with and without weights."""

    params = ([(10_000, 10_000, 3), (10_000, 12_000, 3), (10_000, 10_000, 100)], [False, True])
    param_names = ("shape", "weighted")

    def setup(self, shape, weighted):
        self.X, self.Y, a, b = clouds(*shape)
        self.options = {"projections": sphere_directions(100, shape[2], random_state=0)}
        if weighted:
            self.options |= {"x_weights": a, "y_weights": b}
        self.time_gradient(shape, weighted)

    def time_gradient(self, shape, weighted):
        sliced_wasserstein_gradient(self.X, self.Y, **self.options)

    def time_both_gradients(self, shape, weighted):
        sliced_wasserstein_gradient(self.X, self.Y, return_y_gradient=True, **self.options)


class SlicedFlow:
    """A hundred steps between two shapes."""

    def setup(self):
        self.X, self.Y = make_trefoil_knot(2048, random_state=0), make_slab(2048, random_state=1)
        self.time_flow()

    def time_flow(self):
        sliced_wasserstein_flow(self.X, self.Y, 100, n_projections=10, random_state=0)


def exact_cost(X, Y):
    """Return W_2^2 between clouds of equal size."""
    cost = cdist(X, Y, "sqeuclidean")
    return cost[linear_sum_assignment(cost)].mean()


def flow(n=2048, n_steps=8000, seed=1):
    """Print W_2^2 on the way from one shape to the other, beside the figures that the run on ShapeNet gave."""
    source = 2 * make_trefoil_knot(n, random_state=0) / 3 - 10
    target = 2 * make_slab(n, random_state=1) / 3 + 10
    print(f"W_2^2 at steps {TIMES}; at the start {exact_cost(source, target):.1f}")
    for name, (options, other) in METHODS.items():
        costs = []

        def record(step, X, distance, costs=costs):
            if step in TIMES:
                costs.append(exact_cost(X, target))

        begin = time.perf_counter()
        sliced_wasserstein_flow(
            source, target, n_steps, 0.01, n_projections=10, random_state=seed, callback=record, **options
        )
        seconds = time.perf_counter() - begin
        beside = "" if other is None else "   ShapeNet: " + " / ".join(f"{cost:.3g}" for cost in other)
        print(f"{name:>10}: " + " / ".join(f"{cost:.4g}" for cost in costs) + f" ({seconds:.0f} s){beside}")


def median_seconds(sides, rounds=7):
    """Return the median times of functions that are called in turn."""
    for side in sides:
        side()
    seconds = np.empty((rounds, len(sides)))
    for row in seconds:
        for k, side in enumerate(sides):
            begin = time.perf_counter()
            side()
            row[k] = time.perf_counter() - begin
    return seconds


def gradient():
    """Print the time of one gradient and of both relative to that of the distance on the same directions."""
    for shape, n_directions, weighted in (
        ((2000, 2000, 3), 200, False),
        ((10_000, 10_000, 3), 100, False),
        ((10_000, 12_000, 3), 100, False),
        ((10_000, 12_000, 3), 100, True),
        ((10_000, 10_000, 100), 50, False),
        ((100_000, 100_000, 3), 20, False),
    ):
        X, Y, a, b = clouds(*shape)
        options = {"projections": sphere_directions(n_directions, shape[2], random_state=0)}
        if weighted:
            options |= {"x_weights": a, "y_weights": b}
        sides = (
            lambda X=X, Y=Y, o=options: sliced_wasserstein_distance(X, Y, **o),
            lambda X=X, Y=Y, o=options: sliced_wasserstein_gradient(X, Y, **o),
            lambda X=X, Y=Y, o=options: sliced_wasserstein_gradient(X, Y, return_y_gradient=True, **o),
        )
        seconds = median_seconds(sides)
        one, both = np.median(seconds[:, 1:] / seconds[:, :1], axis=0)
        print(f"{shape}, {n_directions} directions, {weighted=}: gradient {one:.2f}, both {both:.2f}")


def largest():
    """Print how far the max-sliced distance and the best of POT's random directions get in the same time."""
    import ot

    for n, d in ((500, 3), (500, 20), (2000, 100)):
        rng = np.random.default_rng(0)
        X, Y = rng.standard_normal((n, d)), rng.standard_normal((n, d)) * np.linspace(0.8, 1.3, d)
        begin = time.perf_counter()
        max_sliced_wasserstein_distance(X, Y, random_state=0)
        begin = time.perf_counter()
        ours = max_sliced_wasserstein_distance(X, Y, random_state=0).distance
        seconds = time.perf_counter() - begin
        begin = time.perf_counter()
        ot.max_sliced_wasserstein_distance(X, Y, n_projections=200, seed=0)
        n_directions = int(200 * seconds / (time.perf_counter() - begin)) + 1
        theirs = [ot.max_sliced_wasserstein_distance(X, Y, n_projections=n_directions, seed=s) for s in range(5)]
        print(f"n={n}, d={d}: ours {ours:.4f}; POT, as long, {n_directions} directions: {np.median(theirs):.4f}")


if __name__ == "__main__":
    {"flow": flow, "gradient": gradient, "max": largest}[sys.argv[1] if len(sys.argv) > 1 else "flow"]()
