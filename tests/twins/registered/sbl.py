"""Cases and signatures of the CUDA twins of sparsesci.sbl."""

import numpy as np

from tests.twins.calls import Case


def normal(shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    numbers = rng.standard_normal(shape)
    return numbers if dtype == np.float64 else numbers + 1j * rng.standard_normal(shape)


def eigenvalues(size, seed):
    return np.random.default_rng(seed).exponential(size=size)


def cost_arguments(dtype, shape):
    return {
        "rotated": normal(shape, dtype),
        "factors": eigenvalues(shape[0], 1),
        "last": eigenvalues(shape[1], 2) * 1e30,
        "noise_var": 0.1,
    }


def weight_arguments(dtype, left, middle, right):
    rotated = normal((left * middle, right), dtype)
    return {
        "rotated": rotated,
        "left": eigenvalues(left, 1),
        "middle": eigenvalues(middle, 2),
        "right": eigenvalues(right, 3),
        "noise_var": 0.1,
        "weighted": np.zeros_like(rotated),
    }


def problem_arguments(dtype, learn_noise, with_paths, per_problem):
    """Return the call for three problems with two modes, one of them tall, and two snapshots."""
    rows, columns, snapshots, n, max_iter = (4, 5), (6, 3), 2, 3, 12
    stored = rows[0] * columns[0] + rows[1] * columns[1]
    dictionaries = normal((n if per_problem else 1, stored), dtype, seed=1)
    gammas = np.zeros((n, 11))
    gammas[:, :6] = 6**-0.5
    gammas[:, 6:9] = 6**0.5
    H = [dictionaries[0, :24].reshape(4, 6), dictionaries[0, 24:].reshape(5, 3)]
    signal = 3 * np.multiply.outer(np.outer(H[0][:, 2], H[1][:, 1]), np.ones(2))
    Y = signal.reshape(1, -1) + 0.3 * normal((n, 40), dtype, seed=2)
    return {
        "Y": Y,
        "dictionaries": dictionaries,
        "gammas": gammas,
        "reals": np.tile([0.1, 1.0, 1e-4, 0.0], (n, 1)),
        "prune_tol": np.full((n, 2), 1e-2),
        "order": np.array([[0, 1], [1, 0], [0, 1]]),
        "counts": np.array([2, snapshots, 20, max_iter, learn_noise, 5]),
        "shapes": np.array([4, 6, 5, 3]),
        "final_gammas": np.zeros((n, 11)),
        "paths": np.zeros((n, max_iter + 1 if with_paths else 0)),
        "results": np.zeros((n, 4)),
        "n_jobs": 1,
    }


DTYPES = (np.float64, np.complex128)
CASES = {
    "sparsesci.sbl._passes_cuda": {
        "cost_sums": tuple(
            Case(f"{dtype.__name__} {shape}", lambda d=dtype, s=shape: cost_arguments(d, s), 1e-14)
            for dtype in DTYPES
            for shape in ((1, 7), (300, 5), (6, 40))
        ),
        "mode_weights": tuple(
            Case(f"{dtype.__name__} {shape}", lambda d=dtype, s=shape: weight_arguments(d, *s), 1e-14)
            for dtype in DTYPES
            for shape in ((1, 5, 12), (6, 4, 1), (3, 4, 5))
        ),
    },
    "sparsesci.sbl._small_cuda": {
        "solve_problems": tuple(
            Case(
                f"{dtype.__name__} {learn_noise} {with_paths} {per_problem}",
                lambda a=(dtype, learn_noise, with_paths, per_problem): problem_arguments(*a),
                1e-8,
            )
            for dtype, learn_noise, with_paths, per_problem in (
                (np.float64, 0, True, False),
                (np.complex128, 1, True, True),
            )
        ),
    },
}
DEVICE_ONLY = {}
SIGNATURES = {
    "sparsesci.sbl._passes_cuda": {
        "_cost_rows": tuple(
            f"void({name}[:, ::1], float64[::1], float64[::1], float64, float64[:, ::1])"
            for name in ("float64", "complex128")
        ),
        "_weigh_rows": tuple(
            f"void({name}[:, ::1], float64[::1], float64[::1], float64[::1], float64, {name}[:, ::1], float64[::1])"
            for name in ("float64", "complex128")
        ),
    },
    "sparsesci.sbl._small_cuda": {
        "_solve_each": tuple(
            f"void({name}[:, ::1], {name}[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], int64[:, ::1], "
            "int64[::1], int64[::1], int64[::1], int64[::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], "
            f"{name}[:, ::1], float64[:, ::1], int64[:, ::1], int64)"
            for name in ("float64", "complex128")
        ),
    },
}
