"""Cases and signatures of the CUDA twin of the evaluation of the semi-dual."""

import numpy as np

from tests.twins.calls import Case, integers

MATRIX, SQEUCLIDEAN, EUCLIDEAN, CITYBLOCK = 0, 1, 2, 3


def semidual(metric=MATRIX, dtype=np.float64, shape=(5, 140), eta=1.5, threshold=1e-3, huge=False):
    def arguments():
        n, m = shape
        C, X, Yt = np.zeros((1, 1)), np.zeros((1, 1)), np.zeros((1, 1))
        if metric == MATRIX:
            C = integers(shape, dtype)
            if huge:
                C[1, :100] = 1e30
        else:
            X, Yt = integers((n, 2), np.float64), integers((2, m), np.float64, seed=1)
        return {
            "C": C,
            "X": X,
            "Yt": Yt,
            "metric": metric,
            "y": integers((m,), np.float64, seed=2) / 4,
            "eta": eta,
            "r": np.arange(1.0, n + 1) / (n * (n + 1) / 2),
            "cut": 745.0,
            "threshold": threshold,
            "n_jobs": 1,
        }

    return arguments


CASES = {
    "sparsesci.transport._semidual_cuda": {
        "hold": (Case("float64", lambda: {"array": integers((3, 4), np.float64)}),),
        "semidual_pass": (
            Case("float64", semidual(), 1e-13),
            Case("float32", semidual(dtype=np.float32, shape=(3, 33)), 1e-13),
            Case("huge costs", semidual(huge=True, shape=(3, 140)), 1e-13),
            Case("large eta", semidual(eta=700.0, shape=(3, 9)), 1e-11),
            Case("two slots", semidual(shape=(17, 3)), 1e-13),
            Case("sqeuclidean", semidual(SQEUCLIDEAN, shape=(3, 33)), 1e-13),
            Case("euclidean", semidual(EUCLIDEAN, shape=(3, 5)), 1e-13),
            Case("cityblock", semidual(CITYBLOCK, shape=(3, 5)), 1e-13),
        ),
    }
}
DEVICE_ONLY = {}


def with_costs(rest):
    """Return signatures for both types of costs, of which ``rest`` follows."""
    points = "float64[:, ::1], float64[:, ::1], int64, float64[::1], float64"
    return [f"void({t}[:, ::1], {points}, {rest})" for t in ("float64", "float32")]


VECTOR, MATRIX_OF_INTEGERS = "float64[::1]", "int64[:, ::1]"
SIGNATURES = {
    "sparsesci.transport._semidual_cuda": {
        "sum_rows": with_costs(f"{VECTOR}, {VECTOR}"),
        "sum_columns": with_costs(f"{VECTOR}, {VECTOR}, {VECTOR}, float64[:, ::1]"),
        "count_entries": with_costs(f"{VECTOR}, {VECTOR}, float64, {MATRIX_OF_INTEGERS}"),
        "write_entries": with_costs(f"{VECTOR}, {VECTOR}, float64, {MATRIX_OF_INTEGERS}, int32[::1], {VECTOR}"),
    }
}
