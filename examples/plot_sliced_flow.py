"""
A knot flows into a sphere
==========================

The points of one shape follow the gradient of the sliced Wasserstein distance to another. Every step looks at the
shapes along a few directions only, and how these are chosen decides on how straight the points go.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from sparsesci.datasets import make_slab, make_sphere, make_trefoil_knot
from sparsesci.transport import sliced_wasserstein_flow

# %%
# The flow
# --------
#
# Fifteen hundred points of a trefoil knot, coloured by their place on it, become a sphere. The squared distance is the
# objective, whose steps shorten as the shapes come together.

X = make_trefoil_knot(1500, thickness=0.15, random_state=0)
Y = make_sphere(1500, radius=2.4, random_state=1)
colours = np.arctan2(X[:, 1], X[:, 0])
shots = {0: X}


def keep(step, points, distance):
    """Keep some of the places on the way."""
    if step in (3, 8, 16, 32, 150):
        shots[step] = points


result = sliced_wasserstein_flow(X, Y, 150, 0.7, objective="sw2", n_projections=50, callback=keep, random_state=0)

figure = plt.figure(figsize=(12, 7.6), layout="constrained")
for place, (step, points) in enumerate(shots.items(), start=1):
    ax = figure.add_subplot(2, 3, place, projection="3d", computed_zorder=False)
    depth = points @ [0.55, -0.65, 0.5]
    order = np.argsort(depth)
    ax.scatter(*points[order].T, c=colours[order], cmap="twilight_shifted", s=12, linewidths=0, alpha=1)
    ax.set(xlim=(-2.6, 2.6), ylim=(-2.6, 2.6), zlim=(-2.6, 2.6))
    ax.set_box_aspect((1, 1, 1), zoom=1.3)
    ax.view_init(elev=35, azim=-50)
    ax.set_axis_off()
    ax.set_title("start" if step == 0 else f"step {step}", y=0.97)

# %%
# Directions decide
# -----------------
#
# The experiment of Nguyen and Ho's paper on control variates in small: the loss is n times the distance itself, there
# are ten directions in each step, and four runs of each method. What is drawn is the exact W_2^2 that is left, found
# by assignment, and how far it is from that of a flow with a thousand well-placed directions: the root mean square over
# the runs. "Uniform" and both variates are the paper's methods. Most of the way is a translation, for which the lower
# variate is exact.

n, steps, every = 120, 100, 5
source = 2 * make_trefoil_knot(n, random_state=0) / 3 - 2
target = 2 * make_slab(n, random_state=1) / 3 + 2


def remaining(n_projections, seed, **options):
    """Return W_2^2 every few steps of a flow."""
    costs = []

    def record(step, points, distance):
        if step % every == 0:
            cost = cdist(points, target, "sqeuclidean")
            costs.append(cost[linear_sum_assignment(cost)].mean())

    sliced_wasserstein_flow(
        source, target, steps, 0.1, n_projections=n_projections, random_state=seed, callback=record, **options
    )
    return np.array(costs)


methods = {
    "uniform": {"sampling": "uniform", "control_variate": None},
    "upper variate": {"sampling": "uniform", "control_variate": "upper"},
    "orthogonal": {"sampling": "orthogonal", "control_variate": None},
    "lower variate": {"sampling": "uniform", "control_variate": "lower"},
    "Fibonacci, kernel weights": {"sampling": "fibonacci", "control_variate": "kernel"},
}
accurate = remaining(1000, 0, sampling="fibonacci", control_variate="kernel")

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
times = np.arange(every, steps + 1, every)
left.semilogy(times, accurate, color="0.2", lw=3, alpha=0.35, label="a thousand directions")
for k, (name, options) in enumerate(methods.items()):
    runs = np.array([remaining(10, seed, **options) for seed in range(4)])
    left.semilogy(times, runs[0], color=f"C{k}", lw=1)
    off = np.sqrt(np.mean((runs / accurate - 1) ** 2, axis=0))
    right.semilogy(times, off, color=f"C{k}", lw=1.6)
    right.annotate(name, (times[-1], off[-1]), (6, 0), textcoords="offset points", color=f"C{k}", va="center")
left.set_yticks([2, 5, 10, 20, 40], labels=["2", "5", "10", "20", "40"])
left.minorticks_off()
left.set(xlabel="step", ylabel="$W_2^2$ to the target", title="What is left")
left.legend(frameon=False)
right.set(xlabel="step", title="Relative deviation from accurate directions", xlim=(0, 1.5 * steps))
right.set_xticks(range(0, steps + 1, 20))
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
