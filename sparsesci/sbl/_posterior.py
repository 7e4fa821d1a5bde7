"""Posterior mean, variance and cost for given hyperparameters, mode by mode."""

import math

import numpy as np

from sparsesci.sbl._mode import decompose
from sparsesci.sbl._problem import check_gammas, check_noise_var, check_problem
from sparsesci.sbl._tensor import mode_products, outer, squared_magnitude

_DENSE_LIMIT = 10**8


class Box:
    """The eigenvectors' coordinates of a problem for given hyperparameters, on the box where these are not zero.

    Attributes
    ----------
    supports : list of ndarray
        Columns in use.
    gammas : list of ndarray
        Their hyperparameters.
    W : list of ndarray of shape (M_k, n_k)
        Their dictionaries' columns in eigenvectors' coordinates.
    D, Z : ndarray of shape (M_1, ..., M_I) and (M_1, ..., M_I, L)
        Variances of the measurements, and the measurements divided by them.
    """

    def __init__(self, Y, dictionaries, gammas, noise_var):
        self.supports = [np.flatnonzero(gamma) for gamma in gammas]
        self.gammas = [gamma[indices] for gamma, indices in zip(gammas, self.supports)]
        parts = [decompose(H[:, indices], gamma) for H, gamma, indices in zip(dictionaries, self.gammas, self.supports)]
        self.eigenvalues = [part[0] for part in parts]
        self.W = [part[2] for part in parts]
        self.noise_var = noise_var
        self.D = noise_var + outer(self.eigenvalues).reshape(Y.shape[:-1])
        self.rotated = mode_products(Y, [part[1].conj().T for part in parts])
        self.Z = self.rotated / self.D[..., np.newaxis]

    @property
    def shape(self):
        return tuple(indices.size for indices in self.supports)

    def prior(self):
        """Return the prior variances on the box."""
        return outer(self.gammas).reshape(self.shape)

    def mean(self):
        """Return the posterior means on the box, of shape (n_1, ..., n_I, L)."""
        return self.prior()[..., np.newaxis] * mode_products(self.Z, [W.conj().T for W in self.W])

    def variance(self):
        """Return the posterior variances on the box."""
        prior = self.prior()
        explained = mode_products(1.0 / self.D, [squared_magnitude(W).T for W in self.W])
        return np.maximum(prior - prior**2 * explained, 0.0)

    def cost(self):
        """Return log det D + |rotated|^2 / D, the second averaged over snapshots."""
        quadratic = np.sum(squared_magnitude(self.rotated) / self.D[..., np.newaxis]) / self.Z.shape[-1]
        return float(np.log(self.D).sum() + quadratic)

    def em_noise(self):
        """Return the noise variance after one step of expectation maximisation."""
        residual = self.noise_var**2 * np.sum(squared_magnitude(self.Z)) / self.Z.shape[-1]
        freedom = self.D.size - self.noise_var * np.sum(1.0 / self.D)
        return float(residual + self.noise_var * freedom) / self.D.size


def scatter(core, supports, shape):
    """Return the dense tensor that is ``core`` on a box and zero elsewhere.

    Raises
    ------
    ValueError
        If it has more than 1e8 elements.
    """
    extra = core.shape[len(shape) :]
    if math.prod(shape) * math.prod(extra) > _DENSE_LIMIT:
        raise ValueError(
            f"the dense coefficients would have {math.prod(shape) * math.prod(extra)} elements, more than "
            f"{_DENSE_LIMIT}: use the core and the supports, or to_sparse()"
        )
    dense = np.zeros((*shape, *extra), dtype=core.dtype)
    dense[np.ix_(*supports)] = core
    return dense


def kron_posterior(Y, dictionaries, gammas, noise_var, return_var=True):
    """Posterior mean and variance of the coefficients for given hyperparameters.

    The model is ``Y = X x_1 H_1 ... x_I H_I + noise`` with independent coefficients of variances
    ``gamma_1[i_1] * ... * gamma_I[i_I]``. Nothing is approximated, and no covariance matrix is formed.

    Parameters
    ----------
    Y : array-like of shape (M_1, ..., M_I), (M_1, ..., M_I, L) or (M,)
        Measurements, real or complex; with a last axis for snapshots, or flat in C order.
    dictionaries : sequence of I arrays of shape (M_k, N_k)
    gammas : sequence of I arrays of shape (N_k,)
        Not negative.
    noise_var : float
        Variance of the noise; for complex data E|noise|^2.
    return_var : bool, default=True
        Whether to return the variances too.

    Returns
    -------
    mean : ndarray of shape (N_1, ..., N_I) or (N_1, ..., N_I, L)
    var : ndarray of shape (N_1, ..., N_I)
        Only with ``return_var``.

    Raises
    ------
    ValueError, TypeError
        If shapes do not fit together, values are not finite, a hyperparameter is negative, ``noise_var <= 0``, or
        the dense result would have more than 1e8 elements.

    Notes
    -----
    Time O(M sum_k M_k + sum_k M_k^2 N_k + N max_k M_k) and memory O(M + N), with M and N the products of the M_k and
    the N_k.

    References
    ----------
    Y. He, G. Joseph, "Bayesian Algorithms for Kronecker-structured Sparse Vector Recovery With Application to IRS-MIMO
    Channel Estimation", 2023, arXiv:2307.14719. The identities are elementary consequences of the structure.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sbl import kron_posterior
    >>> mean, var = kron_posterior([[2.0, 4.0]], [np.eye(1), np.eye(2)], [[1.0], [1.0, 3.0]], 1.0)
    >>> mean, var
    (array([[1., 3.]]), array([[0.5 , 0.75]]))
    """
    problem = check_problem(Y, dictionaries)
    gammas = check_gammas(gammas, problem.shape)
    noise_var = check_noise_var(noise_var, none=False)
    box = Box(problem.Y, problem.dictionaries, gammas, noise_var)
    real = problem.dtype if problem.dtype.kind == "f" else np.zeros(0, problem.dtype).real.dtype
    mean = box.mean().astype(problem.dtype, copy=False)
    mean = scatter(mean[..., 0] if problem.single else mean, box.supports, problem.shape)
    if not return_var:
        return mean
    return mean, scatter(box.variance().astype(real, copy=False), box.supports, problem.shape)


def sbl_cost(Y, dictionaries, gammas, noise_var):
    """Type-II cost ``log det Phi + y^H Phi^-1 y`` of hyperparameters.

    ``Phi = noise_var I + H diag(gamma) H^H`` with H the Kronecker product of the dictionaries and gamma that of the
    factors. For real data this is -2 log evidence, for complex data -log evidence, both without constants; with
    snapshots, the average.

    Parameters
    ----------
    Y : array-like of shape (M_1, ..., M_I), (M_1, ..., M_I, L) or (M,)
        Measurements, real or complex; with a last axis for snapshots, or flat in C order.
    dictionaries : sequence of I arrays of shape (M_k, N_k)
        One matrix for classical sparse Bayesian learning.
    gammas : sequence of I arrays of shape (N_k,)
        Not negative.
    noise_var : float
        Variance of the noise; for complex data E|noise|^2.

    Returns
    -------
    cost : float

    Raises
    ------
    ValueError, TypeError
        As ``kron_posterior``.

    Notes
    -----
    Time O(M sum_k M_k + sum_k M_k^2 N_k), memory O(M).

    References
    ----------
    M. E. Tipping, "Sparse Bayesian Learning and the Relevance Vector Machine", JMLR 2001; for the Kronecker structure
    Y. He, G. Joseph, "Bayesian Algorithms for Kronecker-structured Sparse Vector Recovery With Application to IRS-MIMO
    Channel Estimation", 2023, arXiv:2307.14719.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sbl import sbl_cost
    >>> bool(np.isclose(sbl_cost([2.0], [np.eye(1)], [[1.0]], 1.0), np.log(2) + 2))
    True
    """
    problem = check_problem(Y, dictionaries)
    gammas = check_gammas(gammas, problem.shape)
    return Box(problem.Y, problem.dictionaries, gammas, check_noise_var(noise_var, none=False)).cost()
