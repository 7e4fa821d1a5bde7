"""Checking lists of point clouds with weights, and bringing all of them to a common centre and scale."""

from typing import NamedTuple

import numpy as np
import scipy.sparse

from sparsesci._core.validation import naming
from sparsesci.transport._clouds import check_cloud, check_weights, power_of_two

SHAPES = "a list of arrays of shape (n, d), or an array of shape (K, n, d)"


class Clouds(NamedTuple):
    """Centred and scaled clouds, stored feature by feature; ``weights`` holds None where all masses are equal."""

    points: list
    weights: list
    scale: float

    @property
    def n_features(self):
        return self.points[0].shape[0]

    @property
    def sizes(self):
        return np.array([points.shape[1] for points in self.points])


def _check_sequence(values, name, expected):
    """Raise TypeError if ``values`` has no members in an order."""
    if scipy.sparse.issparse(values):
        raise TypeError(f"{name} must be {expected}; got a sparse matrix")
    has_members = hasattr(values, "__len__") and getattr(values, "shape", None) != ()
    if isinstance(values, (str, bytes, dict, set)) or not has_members:
        raise TypeError(f"{name} must be {expected}; got {values!r}")


def _with_masses(cloud):
    """Return whether ``cloud`` is a pair (points, masses), and not a tuple of two points."""
    return isinstance(cloud, tuple) and len(cloud) == 2 and np.ndim(cloud[0]) == 2 and np.ndim(cloud[1]) == 1


def check_clouds(clouds, weights=None, name="clouds", weights_name="weights"):
    """Return (list of float arrays (n_k, d) of one dtype, list of weights or None for each).

    Parameters
    ----------
    clouds : list of array-like of shape (n_k, d), or array-like of shape (K, n, d)
        A member of the list may be a tuple (points, masses).
    weights : list of K array-like or None, array-like of shape (K, n), or None
    """
    _check_sequence(clouds, name, SHAPES)
    if isinstance(clouds, np.ndarray) and clouds.ndim != 3 and clouds.dtype != object:
        raise ValueError(f"{name} must be {SHAPES}; got an array with {clouds.ndim} dimension(s)")
    if len(clouds) == 0:
        raise ValueError(f"{name} must hold at least one cloud; got none")
    points, masses = [], []
    for k, cloud in enumerate(clouds):
        label = f"{name}[{k}]"
        pair = _pair_of(cloud, label)
        points.append(check_cloud(pair[0], label))
        masses.append(check_weights(pair[1], len(points[-1]), f"masses of {label}"))
        if points[-1].shape[1] != points[0].shape[1]:
            raise ValueError(
                f"{name} must all have the same number of features; got {points[0].shape[1]} ({name}[0]) "
                f"and {points[-1].shape[1]} ({label})"
            )
    dtype = np.result_type(*{cloud.dtype for cloud in points})
    points = [cloud.astype(dtype, copy=False) for cloud in points]
    return points, _check_masses(weights, points, masses, name, weights_name)


def _pair_of(cloud, label):
    """Return (points, masses or None) of a member of a list."""
    with naming(label):
        return cloud if _with_masses(cloud) else (cloud, None)


def _check_masses(weights, points, masses, name, weights_name):
    """Return the weights of all clouds, given apart or along with them."""
    if weights is None:
        return masses
    _check_sequence(weights, weights_name, "a list with one array or None for each cloud")
    if any(mass is not None for mass in masses):
        raise ValueError(f"{weights_name} must be None where {name} come with masses of their own")
    if len(weights) != len(points):
        raise ValueError(
            f"{weights_name} must have one array or None for each of the {len(points)} clouds; got {len(weights)}"
        )
    return [check_weights(w, len(points[k]), f"{weights_name}[{k}]") for k, w in enumerate(weights)]


def bring_all_together(points, weights):
    """Return ``Clouds`` centred at the mean of the first and divided by a power of two, without points of no mass."""
    dtype = points[0].dtype
    kept = []
    for k, mass in enumerate(weights):
        some = mass is not None and (mass == 0).any()
        kept.append((points[k][mass > 0], mass[mass > 0]) if some else (points[k], mass))
    first = power_of_two(max(np.abs(cloud).max() for cloud, _ in kept))
    scaled = [cloud.astype(np.float64) / first for cloud, _ in kept]
    centre = np.average(scaled[0], axis=0, weights=kept[0][1])
    for cloud in scaled:
        cloud -= centre
    second = power_of_two(max(np.abs(cloud).max() for cloud in scaled))
    stored = [np.ascontiguousarray((cloud / second).astype(dtype).T) for cloud in scaled]
    return Clouds(stored, [mass for _, mass in kept], first * second)


def split(clouds, n_first):
    """Return the first clouds and the rest; the rest is None if there are no others."""
    first = Clouds(clouds.points[:n_first], clouds.weights[:n_first], clouds.scale)
    rest = Clouds(clouds.points[n_first:], clouds.weights[n_first:], clouds.scale)
    return first, rest if rest.points else None
