"""Weak scaling of ``sparsesci.distributed.fit``: as many rows for each worker, from one worker to four.

Run with ``OPENBLAS_NUM_THREADS=1 python benchmarks/dask_weak_scaling.py``. Workers are processes of one thread on this
machine, and the rows lie in their memory before the clock starts. Beyond the number of cores, which is printed, workers
share them: the time then grows as the work for each core does, and nothing is said about the method.
"""

import os
import time

import dask.array as da
import numpy as np
from distributed import Client, LocalCluster, wait

from sparsesci import distributed
from sparsesci.streaming import StreamingPCA

PARTS_PER_WORKER, PART_ROWS, N_FEATURES, N_ROUNDS = 8, 20_000, 200, 5


def rows(block_info=None):
    """Return the rows of one part."""
    return np.random.default_rng(block_info[None]["chunk-location"][0]).standard_normal((PART_ROWS, N_FEATURES))


def median_seconds(n_workers):
    """Return the median time of a fit on ``n_workers`` workers."""
    options = {"n_workers": n_workers, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**options) as cluster, Client(cluster) as client:
        n_parts = PARTS_PER_WORKER * n_workers
        X = da.map_blocks(rows, chunks=((PART_ROWS,) * n_parts, (N_FEATURES,)), dtype=float).persist()
        wait(X)
        seconds = []
        for _ in range(N_ROUNDS + 1):
            begin = time.perf_counter()
            distributed.fit(StreamingPCA(random_state=0), X, scheduler=client)
            seconds.append(time.perf_counter() - begin)
    return float(np.median(seconds[1:]))  # the first one compiles


def main():
    """Print one line for each number of workers."""
    print(f"{os.cpu_count()} cores; {PARTS_PER_WORKER * PART_ROWS} rows of length {N_FEATURES} for each worker")
    first = None
    for n_workers in (1, 2, 3, 4):
        seconds = median_seconds(n_workers)
        first = first or seconds
        print(f"{n_workers} worker(s): time relative to one worker {seconds / first:.2f}")


if __name__ == "__main__":
    main()
