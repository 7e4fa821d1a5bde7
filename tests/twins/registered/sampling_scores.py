"""Cases and signatures of the CUDA twins of weighted Gram matrices, norms and the pass of k-means++.

Entries are small integers, whose sums are exact.
"""

import numpy as np

from tests.twins.calls import Case, csr_parts, integers

N, D = 5, 17


def triangular(d):
    return np.triu(integers((d, d), np.float64, 2))


def weights(n=N):
    return 1.0 + np.arange(n) % 3


def gram_csr():
    return {**csr_parts((N, 5), np.float64), "q": weights(), "d": 5, "n_jobs": 1}


def norms_csr():
    return {**csr_parts((N, 5), np.float32), "M": triangular(5), "out": np.empty(N), "n_jobs": 1}


def nearest(power, dtype):
    A = integers((N, 3), dtype)
    return {
        "A": A,
        "centre": A[2].astype(np.float64) + 1,
        "label": 4,
        "weights": weights(),
        "power": power,
        "costs": np.where(np.arange(N) % 2, np.inf, 3.0),
        "labels": np.arange(N),
        "n_jobs": 1,
    }


CASES = {
    "sparsesci.sampling._gram_cuda": {
        "weighted_gram": (
            Case("weights", lambda: {"A": integers((N, D), np.float64), "q": weights(), "n_jobs": 1}),
            Case("float32", lambda: {"A": integers((N, 3), np.float32), "q": None, "n_jobs": 1}),
        ),
        "weighted_gram_csr": (Case("weights", gram_csr),),
        "reweighted_gram": (
            Case(
                "roots",
                lambda: {
                    "A": integers((N, 3), np.float64),
                    "M": triangular(3),
                    "reweight": lambda squares, start, stop: squares + 1,
                    "n_jobs": 1,
                },
            ),
        ),
        "transformed_norms": tuple(
            Case(
                f"{d} columns",
                lambda d=d: {"A": integers((3, d), np.float64), "M": triangular(d), "out": np.empty(3), "n_jobs": 1},
            )
            for d in (3, 34)
        ),
        "transformed_norms_csr": (Case("float32", norms_csr),),
    },
    "sparsesci.sampling._kmeans_coreset_cuda": {
        "update_nearest": (
            Case("squares", lambda: nearest(2, np.float64)),
            Case("distances", lambda: nearest(1, np.float32), 1e-15),
        ),
    },
}

DEVICE_ONLY = {}
SIGNATURES = {
    "sparsesci.sampling._gram_cuda": {
        "gram_kernel": [f"void({t}[:, ::1], float64[::1], float64[:, :, ::1])" for t in ("float64", "float32")],
        "norms_kernel": [f"void({t}[:, ::1], float64[:, ::1], float64[::1])" for t in ("float64", "float32")],
    },
    "sparsesci.sampling._kmeans_coreset_cuda": {
        "nearest_kernel": [
            f"void({t}[:, ::1], float64[::1], int64, int64, float64[::1], int64[::1])" for t in ("float64", "float32")
        ],
        "sums_kernel": ["void(float64[::1], float64[::1], int64, float64[::1])"],
    },
}
