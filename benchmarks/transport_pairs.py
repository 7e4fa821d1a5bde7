"""Time of distances, kernels and embeddings of many point clouds.

``python benchmarks/transport_pairs.py`` prints ratios to POT, pair by pair on the same directions; one thread.
"""

import time

import numpy as np

from sparsesci.transport import SlicedWassersteinEmbedding, pairwise_sliced_wasserstein, sphere_directions


def problem(kind, n_clouds):
    """Return clouds of about 500 points in space, and the options of the distances between them."""
    rng = np.random.default_rng(0)
    sizes = [500 if kind == "equal" else (400, 500, 600, 550)[k % 4] for k in range(n_clouds)]
    options = {"projections": sphere_directions(100, 3, random_state=0)}
    if "weighted" in kind:
        options["weights"] = [rng.random(n) + 0.1 for n in sizes]
    if "quantiles" in kind:
        options["n_quantiles"] = 200
    return [rng.standard_normal((n, 3)) for n in sizes], options


class PairwiseDistances:
    """All distances between K clouds: equal sizes by one product, others pair by pair, or by quantiles."""

    params = (["equal", "unequal", "weighted", "weighted, quantiles"],)
    param_names = ("clouds",)

    def setup(self, clouds):
        self.clouds, self.options = problem(clouds, 40)
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


def against_pot(kind, n_clouds=20, rounds=5):
    """Return the median over rounds of POT's time over ours, and the largest difference of the distances."""
    import ot

    clouds, options = problem(kind, n_clouds)
    T = np.ascontiguousarray(options["projections"].T)
    masses = [w / w.sum() for w in options["weights"]] if "weights" in options else [None] * n_clouds

    def ours():
        return pairwise_sliced_wasserstein(clouds, **options)

    def theirs():
        out = np.zeros((n_clouds, n_clouds))
        for i in range(n_clouds):
            for j in range(i):
                out[i, j] = out[j, i] = ot.sliced_wasserstein_distance(
                    clouds[i], clouds[j], masses[i], masses[j], projections=T
                )
        return out

    difference, ratios = np.abs(ours() - theirs()).max(), []
    for _ in range(rounds):
        seconds = []
        for side in (ours, theirs):
            begin = time.perf_counter()
            side()
            seconds.append(time.perf_counter() - begin)
        ratios.append(seconds[1] / seconds[0])
    return float(np.median(ratios)), difference


def main():
    for kind in ("equal", "unequal", "weighted"):
        ratio, difference = against_pot(kind)
        print(f"20 clouds of about 500 points in space, {kind}: POT / ours {ratio:.1f}, difference {difference:.1e}")


if __name__ == "__main__":
    main()
