"""Penalties of sparse coding.

Each is a small object with a ``value`` and a proximal map ``prox``; ``penalty=`` of the coders and of dictionary
learning takes one of them, or its name for the default parameters: "l1", "l0", "half", "two_thirds", "cel0", "mcp",
"scad", "log". The objective is always half the squared error plus the sum of g over the codes, with lam inside g.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sparsesci._core.validation import check_real, naming
from sparsesci.decomposition import _prox_scalar

__all__ = ["CEL0", "L0", "L1", "MCP", "SCAD", "Half", "Log", "TwoThirds", "by_name"]


@dataclass(frozen=True)
class Penalty:
    """Base class: ``kind`` is the number by which kernels know a penalty, ``param`` its further parameter."""

    kind: ClassVar[int]
    convex: ClassVar[bool] = False

    @property
    def param(self):
        return 1.0

    def check(self, largest_step=1.0):
        """Raise ValueError unless the proximal map is defined for steps up to ``largest_step``."""

    def value(self, r, lam, norm=1.0):
        """Return g(r), element by element.

        Parameters
        ----------
        r : array-like
        lam : float
        norm : float or array-like, default=1.0
            Norms of the atoms (CEL0 only).

        Returns
        -------
        g : ndarray of the shape of ``r``, or a float
        """
        lam = check_real("lam", lam, minimum=0)
        r, norm = np.broadcast_arrays(_numbers(r, "r"), _numbers(norm, "norm"))
        out = np.empty(r.shape)
        _prox_scalar.penalty_vector(self.kind, r.ravel(), lam, self.param, norm.ravel(), out.reshape(-1))
        return out if out.ndim else float(out)

    def prox(self, z, lam, mu=1.0, norm=1.0, *, positive=False):
        """Return the minimiser over r of ``(r - z)**2 / 2 + mu * g(r)``, element by element.

        Parameters
        ----------
        z : array-like
        lam : float
        mu : float, default=1.0
            Step.
        norm : float or array-like, default=1.0
            Norms of the atoms (CEL0 only).
        positive : bool, default=False
            Minimise over r >= 0.

        Returns
        -------
        r : ndarray of the shape of ``z``, or a float
            Where there are two minimisers, the one of smaller magnitude.

        Raises
        ------
        ValueError
            If ``lam`` or ``mu`` is not positive, or the penalty's parameter does not allow the step.
        """
        lam = check_real("lam", lam, minimum=0)
        mu = check_real("mu", mu, minimum=0, exclusive=True)
        self.check(mu)
        z, norm = np.broadcast_arrays(_numbers(z, "z"), _numbers(norm, "norm"))
        out = np.empty(z.shape)
        flat = z.ravel(), lam, mu, self.param, norm.ravel(), bool(positive), out.reshape(-1)
        _prox_scalar.prox_vector(self.kind, *flat)
        return out if out.ndim else float(out)


def _numbers(values, name):
    with naming(name):
        array = np.asarray(values)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"{name} must be real numbers; got dtype {array.dtype}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite")
    return array.astype(np.float64)


@dataclass(frozen=True)
class L1(Penalty):
    """lam abs(r): soft thresholding."""

    kind: ClassVar[int] = _prox_scalar.L1
    convex: ClassVar[bool] = True


@dataclass(frozen=True)
class L0(Penalty):
    """lam where r is not zero: hard thresholding at sqrt(2 mu lam)."""

    kind: ClassVar[int] = _prox_scalar.L0


@dataclass(frozen=True)
class Half(Penalty):
    """lam sqrt(abs(r))."""

    kind: ClassVar[int] = _prox_scalar.HALF


@dataclass(frozen=True)
class TwoThirds(Penalty):
    """lam abs(r)^(2/3)."""

    kind: ClassVar[int] = _prox_scalar.TWO_THIRDS


@dataclass(frozen=True)
class CEL0(Penalty):
    """Continuous exact relaxation of the l0 penalty, which depends on the norm of the atom.

    lam - norm^2 / 2 (abs(r) - sqrt(2 lam) / norm)^2 for abs(r) up to sqrt(2 lam) / norm, and lam beyond. At unit step
    and with unit atoms its proximal map is hard thresholding.
    """

    kind: ClassVar[int] = _prox_scalar.CEL0


@dataclass(frozen=True)
class MCP(Penalty):
    """Minimax concave penalty; ``gamma`` must exceed every step."""

    gamma: float = 3.0
    kind: ClassVar[int] = _prox_scalar.MCP

    @property
    def param(self):
        return float(self.gamma)

    def check(self, largest_step=1.0):
        gamma = check_real("gamma", self.gamma)
        if gamma <= largest_step:
            raise ValueError(f"gamma of the penalty MCP must be greater than the step, {largest_step:g}; got {gamma}")


@dataclass(frozen=True)
class SCAD(Penalty):
    """Smoothly clipped absolute deviation; ``a`` must exceed one plus every step."""

    a: float = 3.7
    kind: ClassVar[int] = _prox_scalar.SCAD

    @property
    def param(self):
        return float(self.a)

    def check(self, largest_step=1.0):
        a = check_real("a", self.a)
        if a <= 1 + largest_step:
            raise ValueError(
                f"a of the penalty SCAD must be greater than one plus the step, {1 + largest_step:g}; got {a}"
            )


@dataclass(frozen=True)
class Log(Penalty):
    """lam log(1 + abs(r) / eps)."""

    eps: float = 1.0
    kind: ClassVar[int] = _prox_scalar.LOG

    @property
    def param(self):
        return float(self.eps)

    def check(self, largest_step=1.0):
        check_real("eps", self.eps, minimum=0, exclusive=True)


_NAMED = {
    "l1": L1,
    "l0": L0,
    "half": Half,
    "l1/2": Half,
    "two_thirds": TwoThirds,
    "l2/3": TwoThirds,
    "cel0": CEL0,
    "mcp": MCP,
    "scad": SCAD,
    "log": Log,
}


def by_name(penalty):
    """Return the penalty of that name with default parameters; a penalty is returned as it is.

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    if isinstance(penalty, Penalty):
        return penalty
    if not isinstance(penalty, str) or penalty not in _NAMED:
        expected = ", ".join(repr(name) for name in _NAMED)
        raise ValueError(f"penalty must be one of {expected}, or an object of penalty.*; got {penalty!r}")
    return _NAMED[penalty]()
