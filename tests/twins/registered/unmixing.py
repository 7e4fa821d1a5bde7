"""Cases and signatures of the CUDA twins of sparsesci.unmixing."""

import numpy as np

from sparsesci.unmixing._blind_kernels import GINI, HOYER, NO_MAP, PassOptions
from sparsesci.unmixing._pixels import PixelRows
from tests.twins.calls import Case

TOLERANCE = 1e-9


def scene(n, L, K, dtype=np.float64, *, masked=False, dependent=False, seed=0):
    """Return PixelRows of noisy mixtures, and the spectra (K, L)."""
    rng = np.random.default_rng(seed)
    E = rng.random((K, L)) + 0.1
    if dependent:
        E[-1] = 0.5 * (E[0] + E[1]) + 1e-5 * rng.random(L)
    X = rng.dirichlet(np.full(K, 0.5), n) @ E * rng.uniform(0.5, 1.5, (n, 1)) + 0.05 * rng.random((n, L))
    keep = np.flatnonzero(np.arange(n) % 5 != 2) if masked else None
    return PixelRows(X.astype(dtype), keep), E


def active_set_arguments(n, L, K, simplex, dtype=np.float64, **options):
    X, E = scene(n, L, K, dtype, **options)
    G = E @ E.T
    scale = np.abs(G).max()
    return {
        "X": X,
        "W": E / scale,
        "G": G / scale,
        "simplex": simplex,
        "tol": 1e-10,
        "A": np.empty((len(X), K)),
        "n_jobs": 1,
    }


def pass_arguments(options, n=70, L=37, K=3, dtype=np.float64, masked=False):
    X, E = scene(n, L, K, dtype, masked=masked, seed=1)
    rng = np.random.default_rng(2)
    W = E * rng.uniform(0.5, 2.0, L)
    return {
        "X": X,
        "weights": rng.integers(1, 4, len(X)).astype(float),
        "W": W,
        "G": W @ E.T,
        "column_scale": rng.uniform(0.5, 1.5, K),
        "options": options,
        "A": rng.random((len(X), K)) + 0.01,
        "h": rng.uniform(0.0, 0.7, len(X)),
        "n_jobs": 1,
    }


OPTIONS = {
    "no penalty": PassOptions(0.0, 0.0, NO_MAP, 0.75, 1.0),
    "given map, soft sum": PassOptions(0.3, 0.5, NO_MAP, 0.75, 1.0),
    "gini": PassOptions(0.3, 0.0, GINI, 0.75, 1.0),
    "damped hoyer": PassOptions(0.3, 0.0, HOYER, 0.75, 0.5),
}
EXACT = {
    "start": PassOptions(0.0, 0.0, NO_MAP, 0.0, 1.0, offset=1e-3),
    "soft sum": PassOptions(0.2, 0.5, GINI, 0.75, 1.0),
    "simplex": PassOptions(0.2, 0.0, HOYER, 0.75, 1.0, simplex=True),
}

CASES = {
    "sparsesci.unmixing._abundance_cuda": {
        "active_set_abundances": tuple(
            Case(
                f"{label}, simplex {simplex}",
                lambda s=simplex, a=sizes, o=options: active_set_arguments(*a, s, **o),
                tol,
            )
            for simplex in (True, False)
            for label, sizes, options, tol in (
                ("one pixel", (1, 5, 2), {}, TOLERANCE),
                ("one endmember", (3, 5, 1), {}, TOLERANCE),
                ("masked", (70, 37, 4), {"masked": True}, TOLERANCE),
                ("float32", (40, 33, 9), {"dtype": np.float32}, TOLERANCE),
                ("18 endmembers", (35, 40, 18), {}, TOLERANCE),
                # The matrix has a condition number of about 1e12.
                ("nearly dependent", (40, 20, 3), {"dependent": True}, 1e-3),
            )
        ),
    },
    "sparsesci.unmixing._blind_cuda": {
        "multiplicative_pass": (
            *(Case(label, lambda o=options: pass_arguments(o), TOLERANCE) for label, options in OPTIONS.items()),
            Case("masked float32", lambda: pass_arguments(OPTIONS["gini"], dtype=np.float32, masked=True), TOLERANCE),
            Case("9 endmembers", lambda: pass_arguments(OPTIONS["gini"], n=40, K=9), TOLERANCE),
        ),
        "exact_pass": (
            *(Case(label, lambda o=options: pass_arguments(o), TOLERANCE) for label, options in EXACT.items()),
            Case("masked float32", lambda: pass_arguments(EXACT["simplex"], dtype=np.float32, masked=True), TOLERANCE),
            Case("18 endmembers", lambda: pass_arguments(EXACT["start"], n=35, K=18), TOLERANCE),
        ),
    },
}
DEVICE_ONLY = {}

MATRIX, VECTOR = "float64[:, ::1]", "float64[::1]"
QUADRATIC = f"{MATRIX}, {MATRIX}, {VECTOR}, boolean, float64, boolean, {MATRIX}, {MATRIX}, {MATRIX}"
SIGNATURES = {
    "sparsesci.unmixing._abundance_cuda": {
        "_project": [f"void({t}[:, ::1], {MATRIX}, {MATRIX})" for t in ("float32", "float64")],
        "_accumulate": [f"void({VECTOR}, {MATRIX}, {t}[:, ::1], float64[:, :, ::1])" for t in ("float32", "float64")],
        "_solve_few": [f"void({QUADRATIC})"],
        "_solve_many": [
            f"void({QUADRATIC}, int64[:, :, ::1], float64[:, :, :, ::1], float64[:, :, ::1], float64[:, :, ::1], int64)"
        ],
    },
    "sparsesci.unmixing._blind_cuda": {
        "_set_ones": [f"void({VECTOR})"],
        "_multiply": [
            f"void({MATRIX}, {MATRIX}, {VECTOR}, {VECTOR}, float64, float64, int64, float64, float64, {MATRIX}, "
            f"{VECTOR}, {MATRIX}, {MATRIX}, {MATRIX})"
        ],
        "_linear_terms": [f"void({MATRIX}, {VECTOR}, {VECTOR}, float64, float64, float64, {MATRIX})"],
        "_finish": [
            f"void({VECTOR}, float64, float64, int64, float64, float64, float64, {MATRIX}, {VECTOR}, {MATRIX}, "
            f"{MATRIX})"
        ],
    },
}
