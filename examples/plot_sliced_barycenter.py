"""
Between four shapes
===================

Sliced Wasserstein barycentres of four clouds in the plane. The weights of the clouds run over a square, so that the
corners are the shapes themselves and everything in between is a mixture of them, of mass rather than of pictures.
"""

import matplotlib.pyplot as plt
import numpy as np

from sparsesci.transport import sliced_wasserstein_barycenter

# %%
# Four shapes
# -----------
#
# Points that are uniform inside of a ring, a heart, a star and a cross.


def ring(x, y):
    return (np.hypot(x, y) < 1) & (np.hypot(x, y) > 0.62)


def heart(x, y):
    x, y = 1.25 * x, 1.25 * y + 0.1
    return (x**2 + y**2 - 1) ** 3 < x**2 * y**3


def star(x, y):
    angle = (np.arctan2(x, y) + np.pi / 5) % (2 * np.pi / 5) - np.pi / 5
    inner, outer = 0.42, 1.05
    slope = outer * np.sin(np.pi / 5) * inner
    edge = slope / (inner * np.sin(np.pi / 5 - abs(angle)) + outer * np.sin(abs(angle)) * 0.42 / inner)
    return np.hypot(x, y) < edge


def cross(x, y):
    u, v = (x + y) / np.sqrt(2), (x - y) / np.sqrt(2)
    return ((abs(u) < 0.24) & (abs(v) < 1)) | ((abs(v) < 0.24) & (abs(u) < 1))


def points_inside(shape, n, seed):
    """Return n points of the shape, by rejection."""
    trial = np.random.default_rng(seed).uniform(-1.3, 1.3, (40 * n, 2))
    return trial[shape(*trial.T)][:n]


clouds = [points_inside(shape, 900, seed) for seed, shape in enumerate((ring, heart, star, cross))]
corner_colours = np.array([[0.10, 0.36, 0.62], [0.78, 0.16, 0.26], [0.93, 0.62, 0.10], [0.20, 0.55, 0.33]])

# %%
# A square of barycentres
# -----------------------
#
# Directions are equally spaced and turned at random in every step.

side = 5
figure, axes = plt.subplots(side, side, figsize=(9, 9), layout="constrained")
for row, down in enumerate(np.linspace(0, 1, side)):
    for column, across in enumerate(np.linspace(0, 1, side)):
        weights = np.outer([1 - down, down], [1 - across, across]).ravel()
        found = sliced_wasserstein_barycenter(clouds, weights, n_steps=70, lr=1.0, n_projections=24, random_state=0)
        ax = axes[row, column]
        ax.scatter(*found.support.T, s=4, linewidths=0, color=weights @ corner_colours)
        ax.set(xlim=(-1.15, 1.15), ylim=(-1.15, 1.15), aspect="equal")
        ax.set_axis_off()
