"""Functions that surrogate models are tried on."""

import numpy as np

from sparsesci._core.arrays import check_rows
from sparsesci._core.validation import check_real


def _checked(X, n_columns):
    X = check_rows(X, name="X")
    if hasattr(X, "tocsr"):
        raise TypeError("X must be dense: sparse matrices are not supported")
    if X.shape[1] != n_columns:
        raise ValueError(f"X must have {n_columns} columns; got shape {X.shape}")
    return X


def ishigami_function(X, *, a=7.0, b=0.1):
    r"""Evaluate the Ishigami function, :math:`\sin x_1 + a \sin^2 x_2 + b x_3^4 \sin x_1`.

    A smooth function of three variables, usually uniform on :math:`[-\pi, \pi]`, that is not monotone and in which the
    first and the third interact.

    Parameters
    ----------
    X : array-like of shape (n, 3)
    a, b : float, default=7.0 and 0.1

    Returns
    -------
    y : ndarray of shape (n,)

    Raises
    ------
    ValueError, TypeError
        If X does not have three columns of finite numbers, or ``a`` or ``b`` is not finite.

    Notes
    -----
    O(n) time. T. Ishigami, T. Homma, "An importance quantification technique in uncertainty analysis for computer
    models", Proceedings of the First International Symposium on Uncertainty Modeling and Analysis, 1990. Its mean over
    the box is ``a / 2``, its variance ``1/2 + a^2 / 8 + b pi^4 / 5 + b^2 pi^8 / 18``.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.datasets import ishigami_function
    >>> ishigami_function([[np.pi / 2, np.pi / 2, 0.0]])
    array([8.])
    """
    X = _checked(X, 3)
    a, b = check_real("a", a), check_real("b", b)
    first = np.sin(X[:, 0])
    return first * (1 + b * X[:, 2] ** 4) + a * np.sin(X[:, 1]) ** 2


def borehole_function(X):
    r"""Evaluate the borehole function: the flow of water through a hole drilled through two aquifers, in m^3/year.

    .. math:: \frac{2\pi T_u (H_u - H_l)}
       {\ln(r / r_w) \left(1 + \frac{2 L T_u}{\ln(r / r_w) r_w^2 K_w} + \frac{T_u}{T_l}\right)}

    Parameters
    ----------
    X : array-like of shape (n, 8)
        In this order, with the usual ranges: radius of the hole :math:`r_w` in [0.05, 0.15] m, radius of influence r
        in [100, 50000] m, transmissivity :math:`T_u` in [63070, 115600] m^2/yr and head :math:`H_u` in [990, 1110] m
        of the upper aquifer, :math:`T_l` in [63.1, 116] m^2/yr and :math:`H_l` in [700, 820] m of the lower one,
        length L in [1120, 1680] m, and hydraulic conductivity :math:`K_w` in [9855, 12045] m/yr.

    Returns
    -------
    y : ndarray of shape (n,)

    Raises
    ------
    ValueError, TypeError
        If X does not have eight columns of finite numbers, or not 0 < r_w < r.

    Notes
    -----
    O(n) time. W. V. Harper, S. K. Gupta, "Sensitivity/uncertainty analysis of a borehole scenario comparing Latin
    hypercube sampling and deterministic sensitivity approaches", 1983.

    Examples
    --------
    >>> from sparsesci.datasets import borehole_function
    >>> borehole_function([[0.1, 25050, 89335, 1050, 89.55, 760, 1400, 10950]]).round(1)
    array([70.9])
    """
    X = _checked(X, 8)
    hole, influence, upper, upper_head, lower, lower_head, length, conductivity = X.T
    if not ((hole > 0) & (hole < influence)).all():
        raise ValueError("X must have 0 < X[:, 0] < X[:, 1]: the radius of the hole and that of influence")
    ratio = np.log(influence / hole)
    resistance = 1 + 2 * length * upper / (ratio * hole**2 * conductivity) + upper / lower
    return 2 * np.pi * upper * (upper_head - lower_head) / (ratio * resistance)
