"""Cases and signatures of the CUDA twin of the sliced costs of sparsesci.transport."""

import numpy as np

from tests.twins.calls import Case


def arguments(n, m, d, rows, p, *, weighted=False, dtype=np.float64, batch_size=None):
    rng = np.random.default_rng(0)
    # Few different values, so that there are ties.
    x, y = rng.integers(-3, 4, (d, n)).astype(dtype), rng.integers(-4, 3, (d, m)).astype(dtype)
    a, b = rng.integers(1, 4, n).astype(float), rng.integers(1, 4, m).astype(float)
    T = rng.standard_normal((rows, d))
    T[0] = np.eye(d)[0]
    return {
        "x_points": x,
        "y_points": y,
        "x_weights": a / a.sum() if weighted else None,
        "y_weights": b / b.sum() if weighted else None,
        "directions": T / np.linalg.norm(T, axis=1, keepdims=True),
        "p": p,
        "out": np.zeros(rows),
        "batch_size": batch_size,
        "n_jobs": 1,
    }


CASES = {
    "sparsesci.transport._sliced_costs_cuda": {
        "sliced_costs": (
            Case("equal sizes", lambda: arguments(5, 5, 3, 3, 2.0), 1e-13),
            Case("unequal sizes in chunks", lambda: arguments(6, 4, 2, 3, 1.0, batch_size=2), 1e-13),
            Case("weights", lambda: arguments(5, 7, 2, 2, 2.5, weighted=True), 1e-13),
            Case("float32", lambda: arguments(4, 4, 18, 9, 3.0, dtype=np.float32), 1e-6),
            Case("one point", lambda: arguments(1, 3, 4, 2, 2.0), 1e-13),
        ),
    },
}
DEVICE_ONLY = {}

FLOATS = ("float32", "float64")
SIGNATURES = {
    "sparsesci.transport._sliced_costs_cuda": {
        "project_rows": [f"void({t}[:, ::1], float64[:, ::1], int64, {t}[:, ::1])" for t in FLOATS],
        "sort_tiles": [f"void({t}[:, ::1], int32[:, ::1], int64)" for t in FLOATS],
        "merge_far": [f"void({t}[:, ::1], int32[:, ::1], int64, int64)" for t in FLOATS],
        "merge_tiles": [f"void({t}[:, ::1], int32[:, ::1], int64, int64)" for t in FLOATS],
        "mass_levels": ["void(int32[:, ::1], float64[::1], float64[:, ::1])"],
        "equal_rows": [f"void({t}[:, ::1], {t}[:, ::1], int64, float64, int64, float64[::1])" for t in FLOATS],
        "merged_rows": [
            f"void({t}[:, ::1], {t}[:, ::1], float64[:, ::1], float64[:, ::1], float64, float64, int64, float64[::1])"
            for t in FLOATS
        ],
    },
}
