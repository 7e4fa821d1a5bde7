"""Time, memory and accuracy of sparsesci.streaming."""

import numpy as np
from sklearn.decomposition import IncrementalPCA

from sparsesci.datasets import make_heavy_rows, make_oja_hard, make_spiked
from sparsesci.streaming import FrequentDirections, OjaPCA, StreamingPCA

SCHEDULES = {1: (1.35,), 3: (1.1, 1.35, 2.0), 5: (1.1, 1.2, 1.35, 1.6, 2.0)}


class OnePass:
    """StreamingPCA on 40000 rows of length 1000, beside one read of them (``time_read``)."""

    params = ([1, 3, 5], [True, False], [1, 2])
    param_names = ("n_schedules", "center", "n_jobs")

    def setup(self, n_schedules, center, n_jobs):
        self.X = np.random.default_rng(0).standard_normal((40_000, 1000))
        self.model = StreamingPCA(growth_factors=SCHEDULES[n_schedules], center=center, n_jobs=n_jobs, random_state=0)
        self.model.fit(self.X[:1000])

    def time_fit(self, n_schedules, center, n_jobs):
        self.model.fit(self.X)

    def time_read(self, n_schedules, center, n_jobs):
        self.X.sum()

    def peakmem_fit(self, n_schedules, center, n_jobs):
        self.model.fit(self.X)


class Peers:
    """The same data, 5000 rows of them, by others."""

    params = ([(1, 50), (8, 100)],)
    param_names = ("components_and_batch",)

    def setup(self, components_and_batch):
        self.X = np.random.default_rng(0).standard_normal((5000, 1000))

    def time_incremental_pca(self, components_and_batch):
        n_components, batch_size = components_and_batch
        IncrementalPCA(n_components, batch_size=batch_size).fit(self.X)

    def time_frequent_directions(self, components_and_batch):
        FrequentDirections(16).fit(self.X)

    def time_oja(self, components_and_batch):
        OjaPCA(random_state=0).fit(self.X)


class Accuracy:
    """One minus the squared correlation, median of five streams."""

    params = (["small gap", "clear gap", "heavy rows", "hard for Oja"],)
    param_names = ("stream",)

    def track_lost_correlation(self, stream):
        make = {
            "small gap": lambda seed: make_spiked(20000, 200, 1.5, random_state=seed),
            "clear gap": lambda seed: make_spiked(20000, 200, 3.0, random_state=seed),
            "heavy rows": lambda seed: make_heavy_rows(20000, 300, 4.0, 4, random_state=seed),
            "hard for Oja": lambda seed: make_oja_hard(40, 400, 4.0, 4, random_state=seed),
        }[stream]
        lost = []
        for seed in range(5):
            A = make(seed)
            found = StreamingPCA(center=False, random_state=0).fit(A).components_[0]
            lost.append(1 - (found @ np.linalg.eigh(A.T @ A)[1][:, -1]) ** 2)
        return float(np.median(lost))
