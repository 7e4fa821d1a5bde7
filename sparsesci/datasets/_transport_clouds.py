"""Point clouds in space: shapes to transport into each other."""

import numpy as np

from sparsesci._core.validation import check_integer, check_real, naming
from sparsesci.datasets._problem import generator

_ARC_POINTS = 1 << 14


def _trefoil(t):
    return np.stack([np.sin(t) + 2 * np.sin(2 * t), np.cos(t) - 2 * np.cos(2 * t), -np.sin(3 * t)], axis=-1)


def _in_ball(rng, n):
    """Return points that are uniform in the unit ball."""
    return _on_sphere(rng, n) * rng.random((n, 1)) ** (1 / 3)


def _on_sphere(rng, n):
    directions = rng.standard_normal((n, 3))
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def make_trefoil_knot(n_samples=2048, *, thickness=0.2, random_state=None):
    """Draw points from a trefoil knot.

    The knot is (sin t + 2 sin 2t, cos t - 2 cos 2t, -sin 3t): about 6 wide and 2 high. Points are uniform along it,
    each moved to a place that is uniform in the ball of radius ``thickness`` around it.

    Parameters
    ----------
    n_samples : int, default=2048
    thickness : float, default=0.2
        Not negative.
    random_state : int, RandomState instance, Generator or None, default=None

    Returns
    -------
    X : ndarray of shape (n_samples, 3)

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong type or out of range.

    Examples
    --------
    >>> from sparsesci.datasets import make_trefoil_knot
    >>> make_trefoil_knot(100, random_state=0).shape
    (100, 3)
    """
    n = check_integer("n_samples", n_samples, minimum=1)
    thickness = check_real("thickness", thickness, minimum=0)
    rng = generator(random_state)
    t = np.linspace(0, 2 * np.pi, _ARC_POINTS)
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(_trefoil(t), axis=0), axis=1))])
    places = _trefoil(np.interp(rng.random(n) * length[-1], length, t))
    return places + thickness * _in_ball(rng, n)


def make_slab(n_samples=2048, *, size=(6.0, 6.0, 0.5), random_state=None):
    """Draw points that are uniform in a box around the origin.

    Parameters
    ----------
    n_samples : int, default=2048
    size : tuple of three floats, default=(6.0, 6.0, 0.5)
        Lengths of the edges, not negative.
    random_state : int, RandomState instance, Generator or None, default=None

    Returns
    -------
    X : ndarray of shape (n_samples, 3)

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong type or out of range.

    Examples
    --------
    >>> from sparsesci.datasets import make_slab
    >>> bool(abs(make_slab(100, random_state=0)[:, 2]).max() <= 0.25)
    True
    """
    n = check_integer("n_samples", n_samples, minimum=1)
    with naming("size"):
        edges = tuple(size)
    if len(edges) != 3:
        raise ValueError(f"size must have three entries; got {size!r}")
    edges = np.array([check_real("size", edge, minimum=0) for edge in edges])
    return (generator(random_state).random((n, 3)) - 0.5) * edges


def make_sphere(n_samples=2048, *, radius=1.0, thickness=0.0, random_state=None):
    """Draw points from a sphere around the origin.

    Parameters
    ----------
    n_samples : int, default=2048
    radius : float, default=1.0
        Greater than 0.
    thickness : float, default=0.0
        Not negative: points are moved to places that are uniform in the ball of this radius around them.
    random_state : int, RandomState instance, Generator or None, default=None

    Returns
    -------
    X : ndarray of shape (n_samples, 3)

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong type or out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.datasets import make_sphere
    >>> bool(np.allclose(np.linalg.norm(make_sphere(100, radius=2.0, random_state=0), axis=1), 2.0))
    True
    """
    n = check_integer("n_samples", n_samples, minimum=1)
    radius = check_real("radius", radius, minimum=0, exclusive=True)
    thickness = check_real("thickness", thickness, minimum=0)
    rng = generator(random_state)
    return radius * _on_sphere(rng, n) + thickness * _in_ball(rng, n)
