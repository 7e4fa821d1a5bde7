"""Cases and signatures of the CUDA twin of determinantal sampling."""

import numpy as np

from tests.twins.calls import KEY, Case


def orthonormal(n, k, dtype):
    return np.linalg.qr(np.random.default_rng(0).standard_normal((n, k)))[0].astype(dtype)


def law_case(dtype, shape):
    name = f"{np.dtype(dtype).name} {shape}"
    return Case(name, lambda: {"V": orthonormal(*shape, dtype), "n_jobs": 1}, 1e-14)


def sums(weights):
    """Return the law of weights (n_laws, N) in a single block."""
    prefix = np.cumsum(weights, axis=1)
    return {"prefix": prefix, "cumulative": np.ascontiguousarray(prefix[:, -1:])}


def draws(dtype, shape, size, n_samples):
    """Return a call for samples of all columns."""
    V = orthonormal(*shape, dtype)
    return {
        "V": V,
        "columns": np.arange(shape[1])[np.newaxis],
        "counts": np.full(n_samples, shape[1]),
        "sizes": np.full(n_samples, size),
        **sums(np.sum(V.astype(np.float64) ** 2, axis=1)[np.newaxis]),
        "key": KEY,
        "out": np.full((n_samples, size), -1),
        "trials": np.zeros(n_samples, dtype=np.int64),
        "n_jobs": 1,
    }


def mixed_draws():
    """Return a call for samples of different columns and sizes, one of them empty."""
    V = orthonormal(20, 4, np.float64)
    return {
        **draws(np.float64, (20, 4), 3, 3),
        "columns": np.array([[0, 2, 3, 0], [1, 0, 0, 0], [0, 0, 0, 0]]),
        "counts": np.array([3, 1, 0]),
        "sizes": np.array([3, 1, 0]),
        **sums(np.ascontiguousarray(V.T**2)),
    }


CASES = {
    "sparsesci.sampling._projection_dpp_cuda": {
        "row_law": (law_case(np.float64, (1030, 2)), law_case(np.float32, (9, 2))),
        "column_laws": (law_case(np.float64, (12, 2)),),
        "rejection_samples": (
            Case("all columns", lambda: draws(np.float64, (20, 4), 4, 2)),
            Case("fewer rows, float32", lambda: draws(np.float32, (12, 3), 2, 2)),
            Case("some columns", mixed_draws),
        ),
    }
}

DEVICE_ONLY = {}

_INTEGERS = "int64[:, ::1], int64[::1], int64[::1]"
_LAW = "float64[:, ::1], float64[:, ::1]"
_SCRATCH = "float64[:, :, ::1], float64[:, :, ::1], float64[:, ::1]"

SIGNATURES = {
    "sparsesci.sampling._projection_dpp_cuda": {
        "square_entries": [f"void({t}[:, ::1], float64[:, ::1])" for t in ("float64", "float32")],
        "square_rows": [f"void({t}[:, ::1], float64[:, ::1])" for t in ("float64", "float32")],
        "scan_blocks": ["void(float64[:, ::1], float64[:, ::1])"],
        "draw_samples": [
            f"void({t}[:, ::1], {_INTEGERS}, {_LAW}, uint64, int64, int64[:, ::1], int64[::1], {_SCRATCH})"
            for t in ("float64", "float32")
        ],
    }
}
