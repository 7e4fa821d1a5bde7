"""The Cramér-Rao bound of blind gain calibration."""

from typing import NamedTuple

import numpy as np
import scipy.linalg

from sparsesci._core.validation import check_real
from sparsesci.calibration._sensing import check_stack, check_vector


class CramerRaoBound(NamedTuple):
    """What :func:`cramer_rao_bound` returns.

    Attributes
    ----------
    x : ndarray of shape (n,)
        Least variance of each entry of an unbiased estimate of the signal.
    gains : ndarray of shape (m,)
        The same for the gains.
    covariance : ndarray of shape (n + m, n + m)
        Bound on the covariance matrix of signal and gains.
    """

    x: np.ndarray
    gains: np.ndarray
    covariance: np.ndarray


def cramer_rao_bound(A, x, gains, sigma):
    """Return the least variance that unbiased estimates of signal and gains can have.

    For ``Y[l, i] = gains[i] * A[l, i] @ x`` plus independent normal noise, where the gains are known to have sum m.

    Parameters
    ----------
    A : array-like of shape (p, m, n)
        Sensing vectors.
    x : array-like of shape (n,)
        The true signal.
    gains : array-like of shape (m,)
        The true gains.
    sigma : float
        Standard deviation of the noise of each reading.

    Returns
    -------
    bound : CramerRaoBound
        A named tuple of ``x`` (n,), ``gains`` (m,) and ``covariance`` (n + m, n + m). The sum of ``x`` is the least
        mean squared error of the signal.

    Raises
    ------
    ValueError
        If shapes do not agree, values are not finite, ``sigma`` is not positive, or signal and gains are not
        identifiable.

    Notes
    -----
    The Fisher matrix of (x, gains), from the Jacobian [diag(gains) A, A x], is restricted to changes of the gains of
    sum zero and inverted there: O(p m n^2 + (n + m)^3) time, O((n + m)^2) memory.

    References
    ----------
    P. Stoica, B. C. Ng, "On the Cramér-Rao bound under parametric constraints", IEEE Signal Processing Letters 5,
    1998.

    Examples
    --------
    >>> from sparsesci.calibration import cramer_rao_bound
    >>> from sparsesci.datasets import make_blind_calibration
    >>> A, Y, x, gains = make_blind_calibration(20, 10, 6, random_state=0)
    >>> bound = cramer_rao_bound(A, x, gains, sigma=0.1)
    >>> bound.x.shape, bound.gains.shape
    ((20,), (10,))
    """
    A = check_stack(A, "A").astype(np.float64)
    p, m, n = A.shape
    x = check_vector(x, "x", n).astype(np.float64)
    gains = check_vector(gains, "gains", m).astype(np.float64)
    sigma = check_real("sigma", sigma, minimum=0, exclusive=True)
    U = A @ x
    rows = A.reshape(p * m, n)
    fisher = np.zeros((n + m, n + m))
    fisher[:n, :n] = (rows * np.tile(gains**2, p)[:, None]).T @ rows
    fisher[:n, n:] = np.einsum("li,lij->ji", gains * U, A)
    fisher[n:, :n] = fisher[:n, n:].T
    fisher[range(n, n + m), range(n, n + m)] = (U**2).sum(axis=0)
    allowed = np.zeros((n + m, n + m - 1))
    allowed[:n, :n] = np.eye(n)
    allowed[n:, n:] = scipy.linalg.null_space(np.ones((1, m)))
    restricted = allowed.T @ fisher @ allowed
    values = np.linalg.eigvalsh(restricted)
    if values[0] <= 1e-13 * values[-1]:
        raise ValueError("signal and gains are not identifiable from A at x and gains: there is no finite bound")
    covariance = sigma**2 * (allowed @ scipy.linalg.solve(restricted, allowed.T, assume_a="pos"))
    variances = np.diagonal(covariance).copy()
    return CramerRaoBound(variances[:n], variances[n:], covariance)
