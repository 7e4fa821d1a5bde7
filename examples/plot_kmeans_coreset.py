r"""
A coreset for k-means
=====================

Twenty thousand points in a cloud, and a hundred in five tiny clusters far away. A uniform sample of 150 points hardly
knows of them, and k-means on it pays for that. A coreset keeps some points of each, with small weights.
"""

# %%
# Areas of the marks are the weights of the points that were kept; circles show the centres that k-means finds on them.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans

from sparsesci.datasets import make_far_clusters
from sparsesci.sampling import KMeansCoreset

X = make_far_clusters(20_000, 2, distance=18.0, random_state=7).X
k, size = 8, 150


def k_means(points, weights=None, n_init=4):
    """Return the centres of k-means on weighted points, and what they cost on all of them."""
    model = KMeans(k, n_init=n_init, random_state=0).fit(points, sample_weight=weights)
    return model.cluster_centers_, -model.score(X)


least = k_means(X)[1]
uniform = X[np.random.default_rng(0).choice(len(X), size, replace=False)]
points, _, weights = KMeansCoreset(size, k, random_state=0).fit_resample(X)
figure, axes = plt.subplots(1, 2, figsize=(10, 5), sharex=True, sharey=True, layout="constrained")
for ax, title, kept, weight in (
    (axes[0], "uniform sample", uniform, np.full(size, len(X) / size)),
    (axes[1], "coreset", points, weights),
):
    centres, cost = k_means(kept, weight, n_init=20)
    ax.scatter(*X.T, s=3, color="0.75", linewidths=0, rasterized=True)
    ax.scatter(*centres.T, s=250, facecolors="none", edgecolors="tab:red", linewidths=1.5, zorder=4)
    ax.scatter(*kept.T, s=12 + weight / 3, alpha=0.7, edgecolors="white", linewidths=0.5, zorder=3)
    ax.set(title=f"{title}: {cost / least:.2f} times the least cost", xticks=[], yticks=[], aspect="equal")

# %%
# Seven samples of each kind and size: cost relative to that of k-means on all points.

sizes = (50, 100, 200)
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for marker, method in zip("sov", ("uniform", "lightweight", "sensitivity")):
    costs = np.empty((len(sizes), 7))
    for i, m in enumerate(sizes):
        for seed in range(costs.shape[1]):
            if method == "uniform":
                kept, weight = X[np.random.default_rng(seed).choice(len(X), m, replace=False)], None
            else:
                kept, _, weight = KMeansCoreset(m, k, method, random_state=seed).fit_resample(X)
            costs[i, seed] = k_means(kept, weight)[1] / least
    ax.plot(sizes, np.median(costs, axis=1), f"{marker}-", label=method)
    ax.fill_between(sizes, *np.quantile(costs, (0.1, 0.9), axis=1), alpha=0.2)
ax.set(xscale="log", yscale="log", xlabel="points kept, of 20000", ylabel="cost relative to all points")
ax.set_xticks(sizes, sizes)
ax.minorticks_off()
ax.set_yticks([1, 1.5, 2, 3], ["1", "1.5", "2", "3"])
ax.legend(frameon=False, loc="upper right", ncols=3)

plt.show()
