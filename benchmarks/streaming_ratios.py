"""How many reads of the data a pass of StreamingPCA takes, and how many times as long IncrementalPCA: ratios.

Run with ``OPENBLAS_NUM_THREADS=1 taskset -c 1 python benchmarks/streaming_ratios.py``. Calls alternate in one process,
and medians of ratios are printed. The unit is the time of ``X.sum()``.
"""

import time

import numpy as np
from sklearn.decomposition import IncrementalPCA

from sparsesci.streaming import StreamingPCA

SCHEDULES = {1: (1.35,), 3: (1.1, 1.35, 2.0), 5: (1.1, 1.2, 1.35, 1.6, 2.0)}
N_ROWS, N_FEATURES, N_PEER_ROWS, N_ROUNDS = 60_000, 1000, 5000, 5


def seconds(call):
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def main():
    """Print one line for each contender."""
    X = np.random.default_rng(0).standard_normal((N_ROWS, N_FEATURES))
    models = {
        f"{m} schedule(s), {'centred' if center else 'not centred'}": StreamingPCA(
            growth_factors=factors, center=center, random_state=0
        )
        for m, factors in SCHEDULES.items()
        for center in (False, True)
    }
    for model in models.values():
        model.fit(X[:2000])
    ratios = {name: [] for name in (*models, "IncrementalPCA(8), batch 100")}
    for _ in range(N_ROUNDS):
        unit = seconds(X.sum)
        for name, model in models.items():
            ratios[name].append(seconds(lambda model=model: model.fit(X)) / unit)
        peer = seconds(lambda: IncrementalPCA(8, batch_size=100).fit(X[:N_PEER_ROWS])) * N_ROWS / N_PEER_ROWS
        ratios["IncrementalPCA(8), batch 100"].append(peer / unit)
    for name, values in ratios.items():
        print(f"{name:40s} {np.median(values):8.2f}")


if __name__ == "__main__":
    main()
