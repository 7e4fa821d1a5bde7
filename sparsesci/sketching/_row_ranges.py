"""Sets of row numbers as sorted disjoint ranges: int64 arrays of shape (k, 2) with rows (start, stop)."""

import numpy as np

EMPTY = np.empty((0, 2), dtype=np.int64)


def consecutive(start, count):
    """Return the set of ``count`` rows from ``start`` on."""
    return np.array([[start, start + count]], dtype=np.int64)


def from_sorted(indices):
    """Return the set of the rows in ``indices``, which increase strictly."""
    breaks = np.flatnonzero(np.diff(indices) > 1)
    starts = indices[np.concatenate(([0], breaks + 1))]
    stops = indices[np.concatenate((breaks, [-1]))] + 1
    return np.stack((starts, stops), axis=1)


def count(ranges):
    """Return the number of rows in the set."""
    return int((ranges[:, 1] - ranges[:, 0]).sum())


def first_overlap(a, b):
    """Return the first row that both sets hold, or None."""
    both = np.concatenate((a, b))
    both = both[np.argsort(both[:, 0], kind="stable")]
    overlapping = np.flatnonzero(both[1:, 0] < both[:-1, 1])
    return int(both[overlapping[0] + 1, 0]) if overlapping.size else None


def first_missing(a, b):
    """Return the first row of ``b`` that ``a`` does not hold, or None."""
    for start, stop in b:
        which = np.searchsorted(a[:, 0], start, side="right") - 1
        held_until = a[which, 1] if which >= 0 else start
        if held_until < stop:
            return int(max(start, held_until))
    return None


def union(a, b):
    """Return the union of two disjoint sets."""
    return _between(np.concatenate((a[:, 0], b[:, 0])), np.concatenate((a[:, 1], b[:, 1])))


def difference(a, b):
    """Return ``a`` without its subset ``b``."""
    return _between(np.concatenate((a[:, 0], b[:, 1])), np.concatenate((a[:, 1], b[:, 0])))


def _between(opening, closing):
    """Return the ranges from each edge where rows begin to the next where they end."""
    # An edge that both opens and closes is where two ranges touch.
    edges, change = np.unique(np.concatenate((opening, closing)), return_inverse=True)
    steps = np.bincount(change, weights=np.repeat((1, -1), (opening.size, closing.size)), minlength=edges.size)
    return np.stack((edges[steps > 0], edges[steps < 0]), axis=1)


def check_indices(indices, n_rows):
    """Return the checked row numbers in increasing order, and the order that sorts them; None if they are sorted."""
    indices = np.asarray(indices)
    if indices.dtype.kind not in "iu":
        raise TypeError(f"indices must be integers; got dtype {indices.dtype}")
    if indices.shape != (n_rows,):
        raise ValueError(f"indices must have shape ({n_rows},), one for each row of X; got {indices.shape}")
    indices = indices.astype(np.int64)
    order = None
    if (np.diff(indices) < 0).any():
        order = np.argsort(indices, kind="stable")
        indices = indices[order]
    if indices[0] < 0:
        raise ValueError(f"indices must not be negative; got {indices[0]}")
    repeated = np.flatnonzero(np.diff(indices) == 0)
    if repeated.size:
        raise ValueError(f"indices must be distinct; got {indices[repeated[0]]} more than once")
    return indices, order
