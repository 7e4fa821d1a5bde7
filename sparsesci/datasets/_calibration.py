"""Simulated readings of sensors with unknown gains."""

from typing import NamedTuple

import numpy as np

from sparsesci._core.validation import check_integer, check_option, check_real
from sparsesci.datasets._problem import generator


class BlindCalibrationProblem(NamedTuple):
    """Readings of sensors with unknown gains: ``Y[l, i] = gains[i] * A[l, i] @ x`` plus noise."""

    A: np.ndarray
    Y: np.ndarray
    x: np.ndarray
    gains: np.ndarray


def make_blind_calibration(n=128, m=64, p=6, rho=0.5, noise=0.0, kind="gaussian", random_state=None, *, n_nonzero=None):
    """Generate readings of sensors with unknown gains, for blind calibration.

    Parameters
    ----------
    n : int, default=128
        Length of the signal.
    m : int, default=64
        Number of sensors.
    p : int, default=6
        Number of snapshots.
    rho : float in [0, 1), default=0.5
        The gains are uniform, shifted to mean one, and scaled so that the largest deviation from one is rho.
    noise : float, default=0.0
        Standard deviation of the noise of every reading.
    kind : {"gaussian", "sign"}, default="gaussian"
        Entries of the sensing vectors: standard normal, or +1 and -1.
    random_state : int, RandomState instance, Generator or None, default=None
    n_nonzero : int or None, default=None
        If given, the signal has only so many entries that are not zero.

    Returns
    -------
    problem : BlindCalibrationProblem
        A named tuple of ``A`` (p, m, n), ``Y`` (p, m), ``x`` (n,), with standard normal entries, and ``gains`` (m,).

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong type or out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.datasets import make_blind_calibration
    >>> A, Y, x, gains = make_blind_calibration(20, 10, 4, rho=0.3, random_state=0)
    >>> np.allclose(Y, gains * (A @ x))
    True
    >>> round(float(np.abs(gains - 1).max()), 12)
    0.3
    """
    n, m, p = check_integer("n", n, minimum=1), check_integer("m", m, minimum=2), check_integer("p", p, minimum=1)
    rho = check_real("rho", rho, minimum=0)
    if rho >= 1:
        raise ValueError(f"rho must be less than 1; got {rho}")
    noise = check_real("noise", noise, minimum=0)
    check_option("kind", kind, ("gaussian", "sign"))
    if n_nonzero is not None:
        n_nonzero = check_integer("n_nonzero", n_nonzero, minimum=1, maximum=n)
    rng = generator(random_state)
    if kind == "gaussian":
        A = rng.standard_normal((p, m, n))
    else:
        A = 2.0 * rng.integers(0, 2, size=(p, m, n)) - 1.0
    x = rng.standard_normal(n)
    if n_nonzero is not None:
        x[rng.permutation(n)[n_nonzero:]] = 0
    deviation = rng.uniform(-1, 1, m)
    deviation -= deviation.mean()
    gains = 1 + rho * deviation / np.abs(deviation).max()
    Y = gains * (A @ x)
    if noise:
        Y += noise * rng.standard_normal((p, m))
    return BlindCalibrationProblem(A, Y, x, gains)
