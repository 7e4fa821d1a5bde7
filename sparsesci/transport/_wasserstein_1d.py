"""Exact optimal transport on the line."""

import numpy as np

from sparsesci._core.validation import check_flag, check_real
from sparsesci.transport._clouds import check_vector, check_weights
from sparsesci.transport._one_dimensional_kernels import sorted_plan


def wasserstein_1d(u, v, u_weights=None, v_weights=None, p=1, return_plan=False):
    """Return the optimal cost W_p^p between two weighted samples of the line.

    Parameters
    ----------
    u : array-like of shape (n,)
    v : array-like of shape (m,)
    u_weights : array-like of shape (n,) or None, default=None
        Not negative; scaled to sum 1. None for equal ones.
    v_weights : array-like of shape (m,) or None, default=None
    p : float, default=1
        At least 1.
    return_plan : bool, default=False

    Returns
    -------
    cost : float
        The integral over q in (0, 1) of abs(F_u^{-1}(q) - F_v^{-1}(q)) ** p. Its p-th root is the distance.
    plan : tuple of (i, j, mass)
        With ``return_plan``: arrays of the same length, at most n + m - 1, that move ``mass`` from u[i] to v[j].

    Raises
    ------
    TypeError, ValueError
        For arrays that are not 1-d, empty or not finite, weights that are negative, all zero or of another length,
        and p below 1.

    See Also
    --------
    scipy.stats.wasserstein_distance : The case p = 1.

    Notes
    -----
    Sorting and one merge: time O((n + m) log(n + m)), memory O(n + m). The merge subtracts the masses that remain
    (equal masses of n and m points: integers) and so loses none by rounding.

    Examples
    --------
    >>> from sparsesci.transport import wasserstein_1d
    >>> wasserstein_1d([0.0, 1.0], [3.0, 2.0], p=2)
    4.0
    """
    u, v = check_vector(u, "u"), check_vector(v, "v")
    a, b = check_weights(u_weights, len(u), "u_weights"), check_weights(v_weights, len(v), "v_weights")
    p = check_real("p", p, minimum=1)
    return_plan = check_flag("return_plan", return_plan)
    if a is None and b is None:
        # Masses in units of 1 / (n m), so that they are integers.
        a, b = np.full(len(u), float(len(v))), np.full(len(v), float(len(u)))
        total = float(len(u)) * float(len(v))
    else:
        a = np.full(len(u), 1 / len(u)) if a is None else a
        b = np.full(len(v), 1 / len(v)) if b is None else b
        total = 1.0
    order_u, order_v = np.argsort(u, kind="stable"), np.argsort(v, kind="stable")
    order_u, order_v = order_u[a[order_u] > 0], order_v[b[order_v] > 0]
    i, j, mass = sorted_plan(a[order_u], b[order_v])
    i, j, mass = order_u[i], order_v[j], mass / total
    difference = u[i].astype(np.float64) - v[j]
    cost = float(mass @ np.abs(difference) ** p)
    return (cost, (i, j, mass)) if return_plan else cost
