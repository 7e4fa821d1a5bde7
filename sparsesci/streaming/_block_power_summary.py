"""Small dense linear algebra on a few long rows: orthonormalising, aligning, square roots, and top directions."""

import numpy as np

_FLOOR = 0.05
_RANK_TOLERANCE = 1e-13
_REFINEMENTS = 2


def orthonormal_rows(rows):
    """Return the right singular vectors of ``rows`` (k, d), k <= d, by decreasing singular value."""
    rows = rows / np.abs(rows).max()
    if len(rows) == 1:
        return rows / np.linalg.norm(rows)
    return np.linalg.svd(rows, full_matrices=False)[2]


def align(current, previous):
    """Return current + W previous, W being the orthogonal matrix that brings previous closest to current."""
    u, _, vt = np.linalg.svd(_scaled(current) @ _scaled(previous).T)
    return current + (u @ vt) @ previous


def _scaled(rows):
    largest = np.abs(rows).max()
    return rows / largest if largest > 0 else rows


def square_root_rows(iterates, sums):
    """Return S^(-1/2) sums with S = iterates sums^T: rows whose Gram matrix is the Nystrom form of M, sums = Z M.

    Eigenvalues of S below a twentieth of the norm of ``sums`` are raised to that.
    """
    size = np.linalg.norm(sums, 2)
    if size == 0:
        return np.zeros((0, sums.shape[1]))
    product = iterates @ (sums / size).T
    values, vectors = np.linalg.eigh((product + product.T) / 2)
    roots = vectors / np.sqrt(np.maximum(values, _FLOOR)) @ vectors.T
    return np.sqrt(size) * (roots @ (sums / size))


def top_directions(rows, heavy, mean, start, n_components):
    """Return the top right singular vectors, and the singular values, of ``rows`` above ``heavy - mean``.

    The Gram matrix of the rows gives them to about the square root of the precision, and power steps refine them; no
    copy of ``heavy`` is made. Directions of which there are not enough are made up from ``start`` and the coordinate
    axes, with the value 0.

    Parameters
    ----------
    rows : ndarray of shape (r, d)
    heavy : ndarray of shape (h, d)
    mean : ndarray of shape (d,) or None
    start : ndarray of shape (at least n_components, d), orthonormal
    n_components : int

    Returns
    -------
    components : ndarray of shape (n_components, d), orthonormal
    singular_values : ndarray of shape (n_components,), decreasing
    """
    both = _Stacked(rows, heavy, mean)
    values, vectors = np.linalg.eigh(both.gram())
    values, vectors = values[::-1], vectors[:, ::-1]
    kept = min(n_components, int((values > _RANK_TOLERANCE * max(values[0], 0.0)).sum())) if len(values) else 0
    if kept == 0:
        return _completed(np.zeros((0, rows.shape[1])), start, n_components), np.zeros(n_components)
    directions = both.transposed(vectors[:, :kept])
    for _ in range(_REFINEMENTS):
        directions = np.linalg.qr((directions / np.linalg.norm(directions, axis=1, keepdims=True)).T)[0].T
        projected = both.projected(directions)
        directions = both.transposed(projected)
    directions = np.linalg.qr((directions / np.linalg.norm(directions, axis=1, keepdims=True)).T)[0].T
    _, values, rotation = np.linalg.svd(both.projected(directions), full_matrices=False)
    singular_values = np.zeros(n_components)
    singular_values[:kept] = values
    return _completed(rotation @ directions, start, n_components), singular_values


class _Stacked:
    """The matrix [rows; heavy - mean], without making it."""

    def __init__(self, rows, heavy, mean):
        self.rows, self.heavy = rows, heavy
        self.mean = np.zeros(rows.shape[1]) if mean is None else mean

    def gram(self):
        size = len(self.rows)
        gram = np.empty((size + len(self.heavy),) * 2)
        along = self.heavy @ self.mean
        gram[:size, :size] = self.rows @ self.rows.T
        gram[size:, :size] = self.heavy @ self.rows.T - self.rows @ self.mean
        gram[:size, size:] = gram[size:, :size].T
        gram[size:, size:] = self.heavy @ self.heavy.T
        gram[size:, size:] += self.mean @ self.mean - along - along[:, np.newaxis]
        return gram

    def projected(self, directions):
        return np.concatenate((self.rows @ directions.T, self.heavy @ directions.T - directions @ self.mean))

    def transposed(self, weights):
        size = len(self.rows)
        of_heavy = weights[size:]
        return weights[:size].T @ self.rows + of_heavy.T @ self.heavy - np.outer(of_heavy.sum(axis=0), self.mean)


def _completed(found, start, n_components):
    """Return ``found`` with orthonormal rows added from ``start``, or else from the coordinate axes."""
    d = found.shape[1]
    candidate = 0
    while len(found) < n_components:
        if candidate < len(start):
            row = start[candidate]
        else:
            row = np.zeros(d)
            row[candidate - len(start)] = 1.0
        candidate += 1
        for _ in range(2):
            row = row - (found @ row) @ found
        size = np.linalg.norm(row)
        if size > 1e-6:
            found = np.concatenate((found, row[np.newaxis] / size))
    return found


def with_fixed_signs(components):
    """Return the rows with the sign for which the entry of the largest magnitude is positive."""
    largest = np.abs(components).argmax(axis=1)
    signs = np.sign(components[np.arange(len(components)), largest])
    return components * np.where(signs == 0, 1.0, signs)[:, np.newaxis]
