"""Cases and signatures of the CUDA twins of sparsesci.streaming.

Entries are small integers where all sums are then exact; vectors that are normalised are compared to rounding.
"""

import numpy as np

from tests.twins.calls import Case, csr_parts, integers

N, D = 7, 35


def matrix(n, d, seed=0):
    return integers((n, d), np.float64, seed)


def sums(n_sums):
    return {"projections": matrix(N, n_sums, seed=3), "G": matrix(n_sums, D, seed=4), "n_jobs": 1}


def centre_arguments(dtype):
    return {
        "A": integers((N, D), dtype),
        "scale": 4.0,
        "shift": np.arange(float(D)),
        "out": np.empty((N, D)),
        "norms": np.empty(N),
        "n_jobs": 1,
    }


def csr_arguments(dtype):
    return {**csr_parts((N, D), dtype), "scale": 2.0}


def oja_arguments(period):
    return {
        "A": matrix(N, D) / 8,
        "steps": np.linspace(0.5, 1.0, N),
        "rates": np.array([0.01, 0.1, 0.5]),
        "V": matrix(3, D, seed=2) + 0.5,
        "logs": np.ones(3),
        "energies": np.ones(3),
        "first_number": 5,
        "period": period,
        "n_jobs": 1,
    }


CASES = {
    "sparsesci.streaming._block_power_cuda": {
        "row_norms": (Case("float64", lambda: {"A": matrix(N, D), "out": np.empty(N), "n_jobs": 1}),),
        "centre_rows": tuple(
            Case(np.dtype(dtype).name, lambda t=dtype: centre_arguments(t)) for dtype in (np.float64, np.float32)
        ),
        "project_rows": (
            Case(
                "3 vectors",
                lambda: {"A": matrix(N, D), "Z": matrix(3, D, 1), "projections": matrix(N, 4, seed=3), "n_jobs": 1},
            ),
        ),
        "accumulate_rows": (Case("3 sums", lambda: {"A": matrix(N, D), **sums(3)}),),
        "fold_rows": tuple(
            Case(f"{r} vectors, {s} sums", lambda r=r, s=s: {"A": matrix(N, D), "Z": matrix(r, D, 1), **sums(s)})
            for r, s in ((1, 1), (5, 6))
        ),
        "row_norms_csr": (
            Case(
                "float32",
                lambda: {
                    **{name: part for name, part in csr_arguments(np.float32).items() if name != "indices"},
                    "out": np.empty(N),
                    "n_jobs": 1,
                },
            ),
        ),
        "fold_rows_csr": tuple(
            Case(np.dtype(dtype).name, lambda t=dtype: {**csr_arguments(t), "Z": matrix(2, D, 1), **sums(3)})
            for dtype in (np.float64, np.float32)
        ),
    },
    "sparsesci.streaming._oja_cuda": {
        "oja_rows": tuple(
            Case(f"period {period}", lambda period=period: oja_arguments(period), 1e-12) for period in (0, 1, 8)
        ),
    },
}

DEVICE_ONLY = {}
SIGNATURES = {
    "sparsesci.streaming._block_power_cuda": {
        "project_kernel": ["void(float64[:, ::1], float64[:, ::1], float64[:, ::1])"],
        "norms_kernel": ["void(float64[:, ::1], float64[::1])"],
        "centre_kernel": [f"void({t}[:, ::1], float64, float64[::1], float64[:, ::1])" for t in ("float64", "float32")],
        "accumulate_kernel": ["void(float64[:, ::1], float64[:, ::1], float64[:, :, ::1])"],
    },
    "sparsesci.streaming._oja_cuda": {
        "oja_kernel": [
            "void(float64[:, ::1], float64[::1], float64[::1], float64[:, ::1], "
            "float64[::1], float64[::1], int64, int64)"
        ],
    },
}
