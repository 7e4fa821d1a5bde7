"""
Points that keep their distance
===============================

Independent random points clump and leave holes. A determinantal point process draws sets whose members repel one
another, with exact probabilities. This example draws points of a grid in three ways, looks at how a sample comes about,
point after point, and holds the distances between its points against theory.
"""

# %%
# The grid has 100 x 100 points. The first process has a Gaussian kernel. It is a product over the two coordinates, and
# so are its features, the scaled eigenvectors. The second one is the projection on the waves whose frequency, on the
# square with opposite sides glued together, is at most 7: an orthonormal basis of 149 columns, the same everywhere.

import matplotlib.pyplot as plt
import numpy as np

from sparsesci.sampling import KDPP, projection_dpp

side = 100
x = (np.arange(side) + 0.5) / side
points = np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1).reshape(-1, 2)

waves = [np.ones(side**2) / side]
for a in range(8):
    for b in range(-7, 8):
        if a**2 + b**2 < 49 and (a, b) > (0, 0):
            angle = 2 * np.pi * points @ (a, b)
            waves += [np.sqrt(2) / side * np.cos(angle), np.sqrt(2) / side * np.sin(angle)]
V = np.column_stack(waves)
size = V.shape[1]

eigenvalues, vectors = np.linalg.eigh(np.exp(-((x[:, None] - x) ** 2) / (2 * 0.1**2)))
scaled = vectors * np.sqrt(np.clip(eigenvalues, 0, None))
products = np.outer(eigenvalues, eigenvalues)
left, right = np.nonzero(products > 1e-8 * products.max())
features = (scaled[:, None, left] * scaled[None, :, right]).reshape(side**2, -1)

samples = {
    "independent": np.random.default_rng(1).choice(side**2, size, replace=False),
    "k-DPP, Gaussian kernel": KDPP("features", features, size).sample(random_state=1),
    "projection DPP, waves": projection_dpp(V, random_state=1),
}

# %%
# Below each picture is how far points are from their nearest neighbour.

figure, axes = plt.subplots(1, 3, figsize=(11, 4), layout="constrained")
for ax, (name, chosen), colour in zip(axes, samples.items(), ("0.35", "tab:blue", "tab:orange")):
    nearest = np.sort(np.linalg.norm(points[chosen][:, None] - points[chosen], axis=-1), axis=1)[:, 1]
    ax.scatter(*points[chosen].T, s=14, color=colour, linewidth=0)
    ax.set(title=name, xticks=[], yticks=[], xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    ax.set_xlabel(f"nearest neighbour: median {np.median(nearest):.3f}, 5 % below {np.quantile(nearest, 0.05):.3f}")

# %%
# The rows of a sample come in random order, and every beginning of it is a sample of the smaller process. Given the
# first points, the chain rule draws the next with a probability in proportion to the squared distance of ``V[i]`` from
# the span of their rows. Brighter is likelier. In the end few places
# are left.

figure, axes = plt.subplots(1, 4, figsize=(11, 3.1), layout="constrained")
order = samples["projection DPP, waves"]
for ax, count in zip(axes, (1, 12, 60, 130)):
    basis = np.linalg.qr(V[order[:count]].T)[0]
    density = np.sum(V**2, axis=1) - np.sum((V @ basis) ** 2, axis=1)
    ax.imshow(density.reshape(side, side).T, origin="lower", extent=(0, 1, 0, 1), cmap="magma", vmin=0)
    ax.scatter(*points[order[:count]].T, s=9, color="white", edgecolor="black", linewidth=0.4)
    ax.set(title=f"after {count} point{'s' * (count != 1)}", xticks=[], yticks=[])

# %%
# How often are two points a given distance apart, compared with independent points? For a projection DPP it is known:
# a pair (i, j) is drawn with probability ``l[i] * l[j] - K[i, j]**2``, where ``K = V @ V.T`` and l is its diagonal.

many = projection_dpp(V, n_samples=400, random_state=2)
pixels = np.stack(np.divmod(many, side), axis=-1)
steps = (pixels[:, :, None] - pixels[:, None]) % side
counts = np.bincount((steps[..., 0] * side + steps[..., 1]).ravel(), minlength=side**2) / len(many)

wrapped = np.minimum(points - points[0], 1 - (points - points[0]))
distance = np.linalg.norm(wrapped, axis=1)
edges = np.linspace(0.005, 0.4, 60)
bins = np.digitize(distance, edges)
row = V @ V[0]
expected = side**2 * (row[0] ** 2 - row**2)


def ratio(values):
    """Return sums over rings, relative to those of independent points."""
    return (np.bincount(bins, values) / np.bincount(bins, np.full(side**2, side**2 * row[0] ** 2)))[1:-1]


figure, ax = plt.subplots(figsize=(7, 3.8), layout="constrained")
middle = (edges[1:] + edges[:-1]) / 2
ax.axhline(1, color="0.35", linewidth=0.8)
ax.text(0.4, 1.01, "independent points", ha="right", color="0.35")
ax.plot(middle, ratio(expected), color="black", linewidth=1, label="theory")
ax.plot(middle, ratio(counts), ".", color="tab:orange", label="400 samples")
ax.set(xlabel="distance of two points", ylabel="pairs, relative to independent points", ylim=(0, 1.1))
ax.legend(loc="lower right")
plt.show()
