"""What the solvers return."""

from dataclasses import dataclass, field

import numpy as np
import scipy.sparse

from sparsesci.sbl._posterior import scatter


@dataclass
class KronSBLResult:
    """Coefficients on a box, and what was learned with them; they are zero beyond the box.

    Attributes
    ----------
    core : ndarray of shape (n_1, ..., n_I) or (n_1, ..., n_I, L)
        Posterior mean on the box.
    variance : ndarray of shape (n_1, ..., n_I)
        Posterior variance on the box.
    supports : list of ndarray of int64
        The columns of each mode that span the box.
    gammas : list of ndarray of shape (N_k,)
        Hyperparameters of all columns; the factors but the last have unit norm.
    noise_var : float
    cost : float
        ``sbl_cost`` of the hyperparameters.
    cost_path : ndarray
        The cost before the first sweep and after every sweep of the run that won.
    n_iter : int
    converged : bool
    shape : tuple of int
        (N_1, ..., N_I)
    """

    core: np.ndarray
    variance: np.ndarray
    supports: list
    gammas: list
    noise_var: float
    cost: float
    cost_path: np.ndarray = field(repr=False)
    n_iter: int = 0
    converged: bool = False
    shape: tuple = ()

    def to_dense(self):
        """Return all coefficients, of shape (N_1, ..., N_I) or (N_1, ..., N_I, L); at most 1e8 elements."""
        return scatter(self.core, self.supports, self.shape)

    def to_sparse(self):
        """Return all coefficients as a ``scipy.sparse.coo_array`` of shape (N, 1) or (N, L), rows in C order."""
        rows = np.zeros(1, dtype=np.int64)
        for indices, length in zip(self.supports, self.shape):
            rows = (rows[:, np.newaxis] * length + indices).ravel()
        n_snapshots = int(np.prod(self.core.shape[len(self.shape) :]))
        values = self.core.reshape(rows.size, n_snapshots)
        columns = np.tile(np.arange(n_snapshots), rows.size)
        size = int(np.prod(self.shape, dtype=object))
        return scipy.sparse.coo_array(
            (values.ravel(), (np.repeat(rows, n_snapshots), columns)), shape=(size, n_snapshots)
        )


@dataclass
class SBLResult:
    """Coefficients of classical sparse Bayesian learning.

    Attributes
    ----------
    x : ndarray of shape (N,) or (N, L)
        Posterior mean, zero where ``gamma`` is.
    variance : ndarray of shape (N,)
        Posterior variance.
    gamma : ndarray of shape (N,)
        Prior variances.
    support : ndarray of int64
        Where ``gamma`` is not zero.
    noise_var : float
    cost : float
    cost_path : ndarray
        The cost before the first iteration and after every iteration.
    n_iter : int
    converged : bool
    """

    x: np.ndarray
    variance: np.ndarray
    gamma: np.ndarray
    support: np.ndarray
    noise_var: float
    cost: float
    cost_path: np.ndarray = field(repr=False)
    n_iter: int = 0
    converged: bool = False

    def to_dense(self):
        """Return the coefficients, ``x``."""
        return self.x

    def to_sparse(self):
        """Return the coefficients as a ``scipy.sparse.coo_array`` of shape (N, 1) or (N, L)."""
        return scipy.sparse.coo_array(self.x.reshape(self.x.shape[0], -1))
