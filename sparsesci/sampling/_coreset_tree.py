"""Merge-and-reduce: weighted rows in a buffer, and coresets of coresets in a binary tree."""

import hashlib
from typing import NamedTuple

import numpy as np
import scipy.sparse


class Rows(NamedTuple):
    """Weighted rows: a dense or CSR matrix, targets or None, weights, and the numbers of the rows."""

    X: object
    y: np.ndarray | None
    weights: np.ndarray
    indices: np.ndarray

    n_rows = property(lambda self: self.X.shape[0])

    def take(self, which):
        return Rows(self.X[which], None if self.y is None else self.y[which], self.weights[which], self.indices[which])

    def digest(self):
        """Return what tells these rows from others."""
        found = hashlib.sha256()
        X = self.X.toarray() if scipy.sparse.issparse(self.X) else self.X
        for array in (X, self.weights, self.indices):
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()

    def shifted(self, by):
        return self._replace(indices=self.indices + by)


def joined(parts):
    """Return the union of several ``Rows``, in order of their numbers."""
    if len(parts) == 1:
        return parts[0]
    X = [part.X for part in parts]
    X = scipy.sparse.vstack(X, format="csr") if scipy.sparse.issparse(X[0]) else np.concatenate(X)
    union = Rows(
        X,
        None if parts[0].y is None else np.concatenate([part.y for part in parts]),
        np.concatenate([part.weights for part in parts]),
        np.concatenate([part.indices for part in parts]),
    )
    if (np.diff(union.indices) < 0).any():
        union = union.take(np.argsort(union.indices, kind="stable"))
    return union


class CoresetTree:
    """A buffer of rows that is reduced when it is full, and at most one coreset on every level.

    Two coresets of a level make, reduced together, one of the next. What is held depends on the order of the rows, and
    not on how they are divided into batches.

    Parameters
    ----------
    buffer_size : int
    reduce : callable
        ``reduce(rows)`` returns a weighted sample of them. Not held, but passed where it is needed.
    """

    def __init__(self, buffer_size):
        self.buffer_size = buffer_size
        self.buffer, self.n_buffered = [], 0
        self.levels = []
        self.n_seen = 0

    def copy(self):
        other = CoresetTree(self.buffer_size)
        other.buffer, other.n_buffered = list(self.buffer), self.n_buffered
        other.levels, other.n_seen = list(self.levels), self.n_seen
        return other

    def add(self, rows, reduce):
        """Take in rows, whose numbers are counted from the first one on that was ever seen."""
        self._append(rows, reduce)
        self.n_seen += rows.n_rows

    def _append(self, rows, reduce):
        start = 0
        while start < rows.n_rows:
            count = min(rows.n_rows - start, self.buffer_size - self.n_buffered)
            # A copy: the caller may go on to use the memory of the rows.
            self.buffer.append(rows.take(np.arange(start, start + count)))
            self.n_buffered += count
            start += count
            if self.n_buffered == self.buffer_size:
                full = reduce(joined(self.buffer))
                self.buffer, self.n_buffered = [], 0
                self.carry(full, 0, reduce)

    def carry(self, rows, level, reduce):
        """Put a coreset on a level; if one is there already, both together go to the next."""
        while level < len(self.levels) and self.levels[level] is not None:
            rows = reduce(joined([self.levels[level], rows]))
            self.levels[level] = None
            level += 1
        self.levels += [None] * (level + 1 - len(self.levels))
        self.levels[level] = rows

    def merge(self, other, reduce):
        """Take in what another tree holds; its rows are counted on from those of this one."""
        for level, rows in enumerate(other.levels):
            if rows is not None:
                self.carry(rows.shifted(self.n_seen), level, reduce)
        for rows in other.buffer:
            self._append(rows.shifted(self.n_seen), reduce)
        self.n_seen += other.n_seen

    def parts(self):
        """Return all rows that are held, as a list of ``Rows``."""
        return [rows for rows in self.levels if rows is not None] + self.buffer

    def digest(self):
        found = hashlib.sha256(str(self.n_seen).encode())
        for rows in self.parts():
            found.update(rows.digest().encode())
        return found.hexdigest()
