"""Cases and signatures of the CUDA twins of sparsesci.calibration."""

import numpy as np

from tests.twins.calls import KEY, Case, integers

MODULE = "sparsesci.calibration._sensing_cuda"
TYPES = (np.float64, np.float32)


def stored(dtype, shape, adjoint):
    name, given, made = ("r", 0, 1) if adjoint else ("x", 1, 0)
    return {
        "A": integers(shape, dtype),
        name: integers(shape[given], dtype, seed=1),
        "out": np.zeros(shape[made], dtype),
        "n_jobs": 1,
    }


def signs(dtype, n_rows, n, adjoint):
    given = {"r": integers(n_rows, dtype)} if adjoint else {"x": integers(n, dtype)}
    return {"key": KEY, **given, "out": np.zeros(n if adjoint else n_rows, dtype), "n_jobs": 1}


def stored_cases(adjoint):
    return tuple(
        Case(f"{np.dtype(t).name} {shape}", lambda t=t, shape=shape: stored(t, shape, adjoint))
        for t, shape in zip((*TYPES, np.float64), ((7, 5), (3, 300), (9, 4)))
    )


def sign_cases(adjoint):
    return tuple(
        Case(f"{np.dtype(t).name} {n_rows} x {n}", lambda t=t, r=n_rows, n=n: signs(t, r, n, adjoint))
        for t, n_rows, n in ((np.float64, 6, 150), (np.float32, 4, 33))
    )


CASES = {
    MODULE: {
        "resident": (Case("float64", lambda: {"A": integers((4, 3), np.float64)}),),
        "sensing_forward": stored_cases(False),
        "sensing_adjoint": stored_cases(True),
        "sign_forward": sign_cases(False),
        "sign_adjoint": sign_cases(True),
    }
}
DEVICE_ONLY = {}
FLOATS = ("float64", "float32")
SIGNATURES = {
    MODULE: {
        "forward_rows": [f"void({t}[:, ::1], {t}[::1], {t}[::1])" for t in FLOATS],
        "adjoint_columns": [f"void({t}[:, ::1], {t}[::1], {t}[:, :, ::1])" for t in FLOATS],
        "forward_signs": [f"void(uint64, {t}[::1], {t}[::1])" for t in FLOATS],
        "adjoint_signs": [f"void(uint64, {t}[::1], {t}[:, :, ::1])" for t in FLOATS],
    }
}
