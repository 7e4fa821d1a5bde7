"""Proximal maps: the exact minimisers over r of ``(r - z)**2 / 2 + mu * g(r)``, element by element.

All take ``z`` (array or number), ``lam``, which multiplies the penalty g, and the step ``mu``. Where there are two
minimisers the one of smaller magnitude is returned. The penalties themselves are in `sparsesci.decomposition.penalty`.

Beware of other conventions: code that goes with the paper thresholds at ``sqrt(lam * mu)`` in place of
``sqrt(2 * lam * mu)`` for l0, so that its lam is twice ours, and likewise for the half penalty.
"""

from sparsesci.decomposition import penalty

__all__ = ["cel0", "half", "l0", "l1", "log", "mcp", "scad", "two_thirds"]


def l1(z, lam, mu=1.0):
    """Soft thresholding, for lam abs(r).

    >>> from sparsesci.decomposition import prox
    >>> prox.l1([2.0, 0.3, -1.0], lam=0.5).tolist()
    [1.5, 0.0, -0.5]
    """
    return penalty.L1().prox(z, lam, mu)


def l0(z, lam, mu=1.0):
    """Hard thresholding at sqrt(2 mu lam), for lam [r != 0]."""
    return penalty.L0().prox(z, lam, mu)


def half(z, lam, mu=1.0):
    """The map for lam sqrt(abs(r)), in closed form by a cosine."""
    return penalty.Half().prox(z, lam, mu)


def two_thirds(z, lam, mu=1.0):
    """The map for lam abs(r)^(2/3), in closed form by a hyperbolic cosine."""
    return penalty.TwoThirds().prox(z, lam, mu)


def cel0(z, lam, mu=1.0, norm=1.0):
    """The map for the continuous exact relaxation of l0 with atoms of that ``norm``."""
    return penalty.CEL0().prox(z, lam, mu, norm)


def mcp(z, lam, mu=1.0, gamma=3.0):
    """The map for the minimax concave penalty, ``gamma > mu``."""
    return penalty.MCP(gamma).prox(z, lam, mu)


def scad(z, lam, mu=1.0, a=3.7):
    """The map for SCAD, ``a > 1 + mu``."""
    return penalty.SCAD(a).prox(z, lam, mu)


def log(z, lam, mu=1.0, eps=1.0):
    """The map for lam log(1 + abs(r) / eps): the larger root of a quadratic, where it is better than zero."""
    return penalty.Log(eps).prox(z, lam, mu)
