"""Sparse Bayesian learning: sparse coefficients with their uncertainty, for one dictionary or a product of many."""

from sparsesci.datasets._sbl import steering_matrix
from sparsesci.sbl._batch import kron_sbl_batch
from sparsesci.sbl._classical import mmv_sbl, sbl
from sparsesci.sbl._estimator import KroneckerSBL, SparseBayesianRegressor
from sparsesci.sbl._greedy import cosamp, kron_omp, omp
from sparsesci.sbl._kron import kron_sbl
from sparsesci.sbl._metrics import nmse, spectral_efficiency, support_recovery_rate, symbol_error_rate
from sparsesci.sbl._posterior import kron_posterior, sbl_cost

__all__ = [
    "KroneckerSBL",
    "SparseBayesianRegressor",
    "cosamp",
    "kron_omp",
    "kron_posterior",
    "kron_sbl",
    "kron_sbl_batch",
    "mmv_sbl",
    "nmse",
    "omp",
    "sbl",
    "sbl_cost",
    "spectral_efficiency",
    "steering_matrix",
    "support_recovery_rate",
    "symbol_error_rate",
]
