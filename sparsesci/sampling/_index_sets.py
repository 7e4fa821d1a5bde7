"""Index sets of product bases: which product of one-dimensional functions belongs to a basis."""

import math

import numpy as np

from sparsesci._core.validation import check_integer, naming

_LARGEST = 1_000_000


def index_set_of(dimension, index_set, total_degree, hyperbolic_cross, max_degree, is_fourier):
    """Return the (m, dimension) int64 index set that exactly one of the four describes; a constant one for none.

    Degrees come in the order of their sum, then with the first coordinates first. Along a Fourier coordinate a
    frequency k > 0 stands for both its cosine (index 2k - 1) and its sine (2k).
    """
    if index_set is not None:
        return check_index_set(index_set, dimension)
    if total_degree is not None:
        bound = check_integer("total_degree", total_degree, minimum=0)
        costs, budget = _additive(dimension, bound), bound
    elif hyperbolic_cross is not None:
        bound = check_integer("hyperbolic_cross", hyperbolic_cross, minimum=0)
        costs, budget = None, bound
    else:
        return _with_sines(_box(_degrees_per_coordinate(max_degree, dimension)), is_fourier)
    orders = _grow(dimension, budget, multiplicative=costs is None)
    return _with_sines(orders, is_fourier)


def _additive(dimension, bound):
    _refuse_large(math.comb(dimension + bound, bound))
    return True


def _refuse_large(count):
    if count > _LARGEST:
        raise ValueError(f"the index set would have more than {_LARGEST} members ({count}): lower the degree")


def _grow(dimension, budget, multiplicative):
    """Return all degrees with sum <= budget, or with product of (degree + 1) <= budget + 1."""
    rows = np.zeros((1, 0), dtype=np.int64)
    used = np.ones(1, dtype=np.int64) if multiplicative else np.zeros(1, dtype=np.int64)
    for _ in range(dimension):
        room = (budget + 1) // used if multiplicative else budget + 1 - used
        _refuse_large(int(room.sum()))
        parent = np.repeat(np.arange(len(rows)), room)
        degree = np.arange(len(parent)) - np.repeat(np.cumsum(room) - room, room)
        rows = np.column_stack([rows[parent], degree])
        used = used[parent] * (degree + 1) if multiplicative else used[parent] + degree
    return _ordered(rows)


def _box(degrees):
    _refuse_large(math.prod(int(degree) + 1 for degree in degrees))
    grids = np.meshgrid(*[np.arange(degree + 1) for degree in degrees], indexing="ij")
    return _ordered(np.stack([grid.ravel() for grid in grids], axis=1))


def _ordered(rows):
    keys = [-rows[:, c] for c in range(rows.shape[1] - 1, -1, -1)] + [rows.sum(axis=1)]
    return rows[np.lexsort(keys)]


def _degrees_per_coordinate(max_degree, dimension):
    if np.ndim(max_degree) == 0:
        return [check_integer("max_degree", max_degree, minimum=0)] * dimension
    with naming("max_degree"):
        degrees = list(max_degree)
    if len(degrees) != dimension:
        raise ValueError(f"max_degree must be one integer or one for each of {dimension} coordinates; got {max_degree}")
    return [check_integer("max_degree", degree, minimum=0) for degree in degrees]


def _with_sines(orders, is_fourier):
    """Replace frequencies of Fourier coordinates by the indices of their cosines and sines."""
    rows = orders
    for c in np.flatnonzero(is_fourier):
        positive = rows[:, c] > 0
        copies = 1 + positive
        _refuse_large(int(copies.sum()))
        parent = np.repeat(np.arange(len(rows)), copies)
        second = np.arange(len(parent)) - np.repeat(np.cumsum(copies) - copies, copies)
        rows = rows[parent].copy()
        rows[:, c] = np.where(rows[:, c] > 0, 2 * rows[:, c] - 1 + second, 0)
    return rows


def check_index_set(index_set, dimension):
    """Return an explicit index set as a C-ordered (m, dimension) int64 array of distinct rows, not negative."""
    with naming("index_set"):
        array = np.asarray(index_set)
    if array.dtype.kind not in "iu":
        raise TypeError(f"index_set must hold integers; got dtype {array.dtype}")
    if array.ndim == 1:
        array = array[:, np.newaxis]
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"index_set must have shape (m,) or (m, dimension), not empty; got {np.shape(index_set)}")
    if dimension is not None and array.shape[1] != dimension:
        raise ValueError(f"index_set must have {dimension} columns, one for each coordinate; got {array.shape[1]}")
    if array.min() < 0:
        raise ValueError(f"index_set must not hold negative degrees; got {array.min()}")
    if len(np.unique(array, axis=0)) != len(array):
        raise ValueError("index_set must not hold a row twice: the functions would be dependent")
    return np.ascontiguousarray(array, dtype=np.int64)


def mirrored_coordinates(index_set, is_fourier):
    """Return for each coordinate whether exchanging cosines and sines along it maps the set to itself."""
    members = {tuple(row) for row in index_set.tolist()}
    mirrored = np.zeros(index_set.shape[1], dtype=np.bool_)
    for c in np.flatnonzero(is_fourier):
        partner = index_set.copy()
        degree = partner[:, c]
        partner[:, c] = np.where(degree == 0, 0, np.where(degree % 2 == 1, degree + 1, degree - 1))
        mirrored[c] = all(tuple(row) in members for row in partner.tolist())
    return mirrored
