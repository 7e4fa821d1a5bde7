"""Entries of sparsesci.sbl, and of its generators in sparsesci.datasets."""

import numpy as np

from sparsesci import sbl
from tests.common.entries import DatasetEntry, EstimatorEntry, FunctionEntry
from tests.common.inputs import REGRESSION_DATA, integers, regression
from tests.common.kinds import (
    Array,
    Bad,
    Device,
    Flag,
    Free,
    Integer,
    Jobs,
    Option,
    RandomState,
    Real,
    of_length,
)


def dictionaries(*shapes):
    """Return integer matrices of the given shapes."""
    return [integers(*shape, seed=10 + k) for k, shape in enumerate(shapes)]


def small_problem(**options):
    """Return a tensor with one large coefficient, and its dictionaries."""
    H = dictionaries((4, 6), (5, 6))
    return {"Y": 5 * np.outer(H[0][:, 2], H[1][:, 4]) + integers(4, 5), "dictionaries": H, **options}


def noise_problem(**options):
    """Return a problem with nothing to be found, so that there are many minima."""
    return {"Y": integers(5, 6, seed=3), "dictionaries": dictionaries((5, 14), (6, 14)), "noise_var": 1.0, **options}


def batch_problem(size):
    H = dictionaries((4, 6), (5, 6))
    signal = np.outer(H[0][:, 2], H[1][:, 4])
    return {"Y": 5 * signal + integers(size, 4, 5, seed=2), "dictionaries": H, "noise_var": 4.0}


def classical_problem(name="y", n_snapshots=None):
    A = integers(12, 20)
    truth = A[:, 3] * 4.0
    if n_snapshots is None:
        return {"A": A, name: truth + integers(12, seed=1)}
    return {"A": A, name: truth[:, np.newaxis] + integers(12, n_snapshots, seed=1)}


TENSOR = Array(
    ndims=(1,),
    complex=True,
    extra=(
        of_length("Y", -1),
        Bad("one axis too many", lambda valid: np.ones((*np.shape(valid), 2, 2)), ValueError),
    ),
)
DICTIONARIES = Free(
    bad=(
        ("none", [], ValueError),
        ("None", None, TypeError),
        ("a number", 3, TypeError),
        ("a word", "dictionary", TypeError),
        ("other rows", dictionaries((3, 6), (5, 6)), ValueError),
        ("one too many", dictionaries((4, 6), (5, 6), (2, 2), (2, 2)), ValueError),
        ("NaN", [np.full((4, 6), np.nan), np.ones((5, 6))], ValueError),
        ("no columns", [np.ones((4, 0)), np.ones((5, 6))], ValueError),
        ("words", [np.full((4, 6), "a"), np.ones((5, 6))], (TypeError, ValueError)),
    )
)
VECTORS = (
    ("too few", [np.ones(6)], ValueError),
    ("other lengths", [np.ones(6), np.ones(7)], ValueError),
    ("negative", [np.ones(6), -np.ones(6)], ValueError),
    ("NaN", [np.ones(6), np.full(6, np.nan)], ValueError),
    ("complex", [np.ones(6), np.ones(6) * 1j], TypeError),
    ("a number", 1.0, TypeError),
    ("a word", "ones", TypeError),
)
NOISE = Real(outside=(0.0, -1.0), none=True)
PRUNE = Free(
    bad=(
        ("negative", -0.1, ValueError),
        ("one", 1.0, ValueError),
        ("NaN", float("nan"), ValueError),
        ("text", "small", TypeError),
        ("too few", [0.1], ValueError),
        ("too many", [0.1, 0.1, 0.1], ValueError),
    )
)
SCALAR_PRUNE = Free(bad=PRUNE.bad[:4])
VERBOSE = Free(bad=(("text", "yes", TypeError), ("None", None, TypeError), ("a fraction", 0.5, TypeError)))
ITERATION = {"max_iter": Integer(), "tol": Real()}
KRON = {
    "noise_var": NOISE,
    "method": Option(),
    "power": Real(outside=(0.4, 1.1)),
    **ITERATION,
    "prune_tol": PRUNE,
    "n_restarts": Integer(minimum=0, words=True),
    "refine": Option(none=True),
    "coupling": Free(
        bad=(
            ("negative", -0.5, ValueError),
            ("too few", [0.5], ValueError),
            ("text", "all", TypeError),
            ("NaN", float("nan"), ValueError),
            ("wrong rows", [np.eye(3), None], ValueError),
            ("negative matrix", [-np.eye(6), None], ValueError),
        )
    ),
    "init": Free(bad=(*VECTORS, ("zero", [np.ones(6), np.zeros(6)], ValueError))),
    "n_snapshots_axis": Free(
        bad=(("text", "last", TypeError), ("a fraction", 1.0, TypeError), ("too large", 7, ValueError))
    ),
    "random_state": RandomState(),
    "n_jobs": Jobs(),
    "verbose": VERBOSE,
    "device": Device(),
}
CLASSICAL = {"noise_var": NOISE, "method": Option(), **ITERATION, "prune_tol": SCALAR_PRUNE, "verbose": VERBOSE}
COLUMNS = Array(complex=True, extra=(of_length("A", 3), of_length("A", -3)))
CHANNELS = Array(ndims=(2, 3), complex=True, extra=(of_length("truth", -1),))


def rectangular(truth_ndims=None):
    """Return the kinds of an estimate and the truth."""
    kind = Array(ndims=truth_ndims, complex=True, extra=(of_length("the other", -1),))
    return {"estimate": kind, "truth": kind}


ENTRIES = {
    "datasets.make_irs_mimo_channel": DatasetEntry(
        parameters={
            "snr_db": Real(outside=()),
            "n_transmit": Integer(),
            "n_receive": Integer(),
            "n_reflect": Integer(),
            "n_pilots": Integer(),
            "n_patterns": Integer(),
            "grid_size": Integer(),
            "n_paths": Integer(too_large=19),
            "random_state": RandomState(),
        },
        arguments=lambda: {"snr_db": 10.0, "n_reflect": 16},
    ),
    "datasets.make_kronecker_sparse": DatasetEntry(
        parameters={
            "n_measurements": Free(
                bad=(("a number", 3, TypeError), ("zero", (0, 3), ValueError), ("none", (), ValueError))
            ),
            "n_features": Free(bad=(("too few", (5,), ValueError), ("a fraction", (5.0, 4), TypeError))),
            "n_nonzero": Free(
                bad=(("too large", 9, ValueError), ("zero", 0, ValueError), ("too few", (1,), ValueError))
            ),
            "snr_db": Real(outside=()),
            "core": Option(),
            "complex_valued": Flag(),
            "n_snapshots": Integer(none=True),
            "random_state": RandomState(),
        },
        arguments=lambda: {"n_measurements": (4, 5), "n_features": (6, 7), "n_nonzero": 2},
    ),
    "sbl.KroneckerSBL": EstimatorEntry(
        make=lambda: sbl.KroneckerSBL(
            dictionaries((5, 14), (6, 14)), n_snapshots_axis=0, noise_var=1.0, refine=None, max_iter=60, random_state=0
        ),
        parameters={
            **KRON,
            "init": Free(bad=VECTORS[:1] + VECTORS[5:]),
            "coupling": Free(bad=KRON["coupling"].bad[:5]),
            "dictionaries": Free(bad=DICTIONARIES.bad[:-3]),
            "X": Array(ndims=(2, 3), complex=True),
        },
        arguments=lambda: {"X": integers(4, 5, 6, seed=3)},
        large_arguments=lambda: {"X": integers(4, 5, 6, seed=3)},
        grid={"power": [0.5, 1.0]},
        samples_by_features=False,
        tolerance=1e-6,
    ),
    "sbl.SparseBayesianRegressor": EstimatorEntry(
        make=sbl.SparseBayesianRegressor,
        parameters={
            **CLASSICAL,
            "fit_intercept": Flag(),
            "complex_valued": Flag(),
            "X": Array(dates=True, extra=(of_length("y", 5), of_length("y", -5))),
            "y": REGRESSION_DATA["y"].__class__(
                ndims=(1, 2), dates=True, extra=(of_length("X", 5), of_length("X", -5))
            ),
        },
        arguments=lambda: regression(60, 3),
        grid={"method": ["em", "mm"], "prune_tol": [0.0, 1e-3]},
        for_sklearn=lambda: [
            sbl.SparseBayesianRegressor(**options) for options in ({}, {"method": "em"}, {"fit_intercept": False})
        ],
        tolerance=1e-8,
    ),
    "sbl.cosamp": FunctionEntry(
        parameters={
            "A": COLUMNS,
            "y": Array(ndims=(1,), complex=True),
            "n_nonzero": Integer(too_large=13),
            "noise_var": NOISE,
            "max_iter": Integer(),
        },
        arguments=lambda: {**classical_problem(), "n_nonzero": 3},
        collect=vars,
    ),
    "sbl.kron_omp": FunctionEntry(
        parameters={
            "Y": TENSOR,
            "dictionaries": DICTIONARIES,
            "noise_var": NOISE,
            "eps": Real(none=True),
            "max_per_mode": Integer(),
        },
        arguments=lambda: small_problem(max_per_mode=2),
        collect=vars,
    ),
    "sbl.kron_posterior": FunctionEntry(
        parameters={
            "Y": TENSOR,
            "dictionaries": DICTIONARIES,
            "gammas": Free(bad=VECTORS),
            "noise_var": Real(outside=(0.0, -1.0)),
            "return_var": Free(),
        },
        arguments=lambda: small_problem(gammas=[np.ones(6), np.arange(6.0)], noise_var=0.5),
    ),
    "sbl.kron_sbl": FunctionEntry(
        parameters={"Y": TENSOR, "dictionaries": DICTIONARIES, **KRON},
        arguments=lambda: small_problem(noise_var=4.0),
        large_arguments=lambda: noise_problem(n_restarts=10, refine="backward", max_iter=60),
        collect=vars,
        tolerance=1e-6,
    ),
    "sbl.kron_sbl_batch": FunctionEntry(
        parameters={
            "Y": Array(ndims=(3,), complex=True, extra=(Bad("other rows", lambda Y: Y[:, :-1], ValueError),)),
            "dictionaries": DICTIONARIES,
            "noise_var": Free(
                bad=(
                    ("zero", 0.0, ValueError),
                    ("NaN", float("nan"), ValueError),
                    ("text", "small", TypeError),
                    ("too few", np.ones(1), ValueError),
                    ("a negative one", np.array([1.0, 1.0, -1.0]), ValueError),
                )
            ),
            "power": Real(outside=(0.4, 1.1)),
            **ITERATION,
            "prune_tol": PRUNE,
            "n_jobs": Jobs(),
            "device": Device(),
        },
        arguments=lambda: batch_problem(3),
        large_arguments=lambda: batch_problem(20),
        collect=lambda batch: {
            "gammas": batch.gammas,
            "cost": batch.cost,
            "n_iter": batch.n_iter,
            "last": vars(batch[-1]),
        },
        tolerance=1e-6,
    ),
    "sbl.mmv_sbl": FunctionEntry(
        parameters={"A": COLUMNS, "Y": Array(complex=True), **CLASSICAL},
        arguments=lambda: classical_problem("Y", 4),
        collect=vars,
        tolerance=1e-6,
    ),
    "sbl.nmse": FunctionEntry(
        parameters=rectangular(), arguments=lambda: {"estimate": integers(4, 3), "truth": integers(4, 3, seed=1)}
    ),
    "sbl.omp": FunctionEntry(
        parameters={
            "A": COLUMNS,
            "y": Array(ndims=(1,), complex=True),
            "n_nonzero": Integer(too_large=13, none=True),
            "noise_var": NOISE,
        },
        arguments=lambda: {**classical_problem(), "n_nonzero": 3},
        collect=vars,
    ),
    "sbl.sbl": FunctionEntry(
        parameters={"A": COLUMNS, "y": Array(ndims=(1, 2), complex=True), **CLASSICAL},
        arguments=classical_problem,
        collect=vars,
        tolerance=1e-6,
    ),
    "sbl.sbl_cost": FunctionEntry(
        parameters={
            "Y": TENSOR,
            "dictionaries": DICTIONARIES,
            "gammas": Free(bad=VECTORS),
            "noise_var": Real(outside=(0.0, -1.0)),
        },
        arguments=lambda: small_problem(gammas=[np.ones(6), np.arange(6.0)], noise_var=0.5),
    ),
    "sbl.spectral_efficiency": FunctionEntry(
        parameters={"estimate": CHANNELS, "truth": CHANNELS, "snr_db": Real(outside=())},
        arguments=lambda: {"estimate": integers(2, 4, 3), "truth": integers(2, 4, 3, seed=1), "snr_db": 10.0},
    ),
    "sbl.steering_matrix": FunctionEntry(
        parameters={
            "n_antennas": Integer(),
            "grid": Free(
                bad=(
                    ("zero", 0, ValueError),
                    ("beyond", [0.0, 1.5], ValueError),
                    ("NaN", [float("nan")], ValueError),
                    ("a word", "fine", (TypeError, ValueError)),
                    ("complex", [1j], TypeError),
                    ("empty", [], ValueError),
                )
            ),
        },
        arguments=lambda: {"n_antennas": 4, "grid": 6},
    ),
    "sbl.support_recovery_rate": FunctionEntry(
        parameters={**rectangular(), "threshold": Real(outside=(-1.0, 1.0))},
        arguments=lambda: {"estimate": integers(4, 3), "truth": integers(4, 3, seed=1)},
    ),
    "sbl.symbol_error_rate": FunctionEntry(
        parameters={
            "estimate": CHANNELS,
            "truth": CHANNELS,
            "snr_db": Real(outside=()),
            "n_symbols": Integer(),
            "random_state": RandomState(),
        },
        arguments=lambda: {
            "estimate": integers(2, 4, 3),
            "truth": integers(2, 4, 3, seed=1),
            "snr_db": 0.0,
            "n_symbols": 1000,
        },
    ),
}
