"""Cases and signatures of the CUDA twins of sparsesci.decomposition."""

import numpy as np

from sparsesci.decomposition._descent_kernels import GREEDY
from tests.twins.calls import Case

FLOATS = ("float64", "float32")
TOLERANCE = {"float64": 1e-9, "float32": 1e-3}
# The CPU solves for the support of l1 exactly; the GPU stops at the tolerance of the descent.
DESCENT_TOLERANCE = {"float64": 1e-6, "float32": 1e-3}


def coding(dtype, n=3, size=37, features=12):
    rng = np.random.default_rng(0)
    D = rng.standard_normal((size, features))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    X = rng.standard_normal((n, features)) * 2
    return {
        "gram": (D @ D.T).astype(dtype),
        "correlations": (X @ D.T).astype(dtype),
        "codes": np.zeros((n, size), dtype),
        "n_jobs": 1,
    }, np.sum(X**2, axis=1)


def pursuit(dtype, k, eps, recursive):
    arguments, energies = coding(dtype)
    return {**arguments, "energies": energies, "k": k, "eps": eps, "recursive": recursive}


def descent(dtype, kind, positive=False, size=9):
    # Few and weakly coherent atoms: every step costs the simulator many barriers between its threads.
    features = 4 * size
    arguments, _ = coding(dtype, n=1, size=size, features=features)
    tol = 1e-8 if dtype == "float64" else 1e-6
    penalty = {"order": GREEDY, "kind": kind, "lam": 1.5, "param": 4.0, "positive": positive}
    stopping = {"n_features": features, "tol": tol, "max_iter": 50}
    return {**arguments, **penalty, **stopping, "converged": np.zeros(1, dtype=bool)}


CASES = {
    "sparsesci.decomposition._pursuit_cuda": {
        "pursue": tuple(
            Case(
                f"{dtype} {k} {eps} {recursive}",
                lambda dtype=dtype, k=k, eps=eps, recursive=recursive: pursuit(dtype, k, eps, recursive),
                TOLERANCE[dtype],
            )
            for dtype, k, eps, recursive in (
                ("float64", 5, 0.0, False),
                ("float64", 12, 1.0, True),
                ("float32", 4, 0.0, True),
            )
        )
    },
    "sparsesci.decomposition._descent_cuda": {
        "descend": tuple(
            Case(
                f"{dtype} kind {kind} {positive} {size} atoms",
                lambda dtype=dtype, kind=kind, positive=positive, size=size: descent(dtype, kind, positive, size),
                DESCENT_TOLERANCE[dtype],
            )
            for dtype, kind, positive, size in (
                *((("float64", kind, False, 9)) for kind in range(8)),
                ("float64", 0, False, 34),
                ("float32", 1, False, 9),
                ("float64", 0, True, 9),
            )
        )
    },
}
DEVICE_ONLY = {}
SIGNATURES = {
    "sparsesci.decomposition._pursuit_cuda": {
        "pursue_patches": [
            f"void({t}[:, ::1], {t}[:, ::1], float64[::1], int64, float64, boolean, float64, float64, {t}[:, ::1], "
            f"{t}[:, :, ::1], {t}[:, ::1], {t}[:, ::1], {t}[:, :, ::1], {t}[:, ::1], int64[:, ::1])"
            for t in FLOATS
        ]
    },
    "sparsesci.decomposition._descent_cuda": {
        "descend_patches": [
            f"void(int64, {t}[:, ::1], {t}[:, ::1], float64, float64, boolean, float64, int64, {t}[:, ::1], "
            f"boolean[::1], {t}[:, ::1], float64[::1])"
            for t in FLOATS
        ]
    },
}
