"""Time of distances, kernels and embeddings of many point clouds."""

import numpy as np

from sparsesci.transport import SlicedWassersteinEmbedding, pairwise_sliced_wasserstein, sphere_directions


class PairwiseDistances:
    """All distances between K clouds: equal sizes by one product, others pair by pair, or by quantiles."""

    params = (["equal", "unequal", "weighted", "weighted, quantiles"],)
    param_names = ("clouds",)

    def setup(self, clouds):
        rng = np.random.default_rng(0)
        sizes = [500] * 40 if clouds == "equal" else [400, 500, 600, 500] * 10
        self.clouds = [rng.standard_normal((n, 3)) for n in sizes]
        self.options = {"projections": sphere_directions(100, 3, random_state=0)}
        if "weighted" in clouds:
            self.options["weights"] = [rng.random(n) + 0.1 for n in sizes]
        if "quantiles" in clouds:
            self.options["n_quantiles"] = 200
        self.time_distances(clouds)

    def time_distances(self, clouds):
        pairwise_sliced_wasserstein(self.clouds, **self.options)


class Embedding:
    """Embedding of 1000 clouds of 64 weighted points in the plane."""

    def setup(self):
        rng = np.random.default_rng(0)
        self.clouds = [(rng.standard_normal((64, 2)), rng.random(64)) for _ in range(1000)]
        self.embedding = SlicedWassersteinEmbedding(n_projections=32, n_quantiles=64, random_state=0)
        self.embedding.fit_transform(self.clouds)

    def time_transform(self):
        self.embedding.transform(self.clouds)
