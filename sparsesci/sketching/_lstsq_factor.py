"""Factorisation of a sketch: what it says about A, and the basis in which A is well-conditioned."""

import numpy as np
import scipy.linalg

_RANK_TOLERANCE = 30.0


class SketchFactor:
    """QR factorisation of [S A D, S B], and the SVD of its triangle: S A D = Q R, R = U diag(sv) V^T.

    D scales the columns of S A to unit norm. ``W = D V diag(1 / sv)``, over the singular values above the rank
    tolerance, is the whitening basis: A W has condition number (1 + e) / (1 - e), e = sqrt(d / m).

    Parameters
    ----------
    SA : ndarray of shape (m, d), m >= d
    SB : ndarray of shape (m, k)
    scale_columns : bool
        False makes D the identity; truncated solutions then have minimum norm.

    Attributes
    ----------
    singular_values : ndarray of shape (d,)
    rank : int
    start : ndarray of shape (d, k)
        The sketched solution.
    """

    def __init__(self, SA, SB, scale_columns=True):
        self.sketch_size = SA.shape[0]
        scale = _column_norms(SA) if scale_columns else np.ones(SA.shape[1], dtype=SA.dtype)
        self._zero_columns = scale == 0 if scale_columns else np.zeros(len(scale), dtype=bool)
        scale[self._zero_columns] = 1.0
        self.column_scale = 1.0 / scale.astype(np.float64)
        R, QtB = _triangle(SA / scale, SB)
        self._R = R
        self._U, self.singular_values, self._Vt = _svd(R)
        cutoff = _RANK_TOLERANCE * np.finfo(SA.dtype).eps * self.singular_values[0]
        self.rank = int(np.count_nonzero(self.singular_values > cutoff))
        self._kept = self.singular_values[: self.rank, None]
        self.start = self.whiten(self._U[:, : self.rank].T @ QtB)

    @property
    def cond(self):
        """Condition number of A D."""
        smallest = self.singular_values[-1]
        return self.singular_values[0] / smallest if smallest > 0 else np.inf

    @property
    def kept_cond(self):
        """Condition number of A D on the space that W spans."""
        return self.singular_values[0] / self._kept[-1, 0] if self.rank else 1.0

    @property
    def norm(self):
        """Frobenius norm of A D."""
        return np.linalg.norm(self.singular_values)

    @property
    def norm_product(self):
        """Frobenius norm of A D times the norm of its pseudo-inverse."""
        return self.norm / self._kept[-1, 0] if self.rank else 0.0

    @property
    def distortion(self):
        """d / m: the square of the relative error that the sketch makes in lengths."""
        return min(0.5, self.rank / self.sketch_size)

    def whiten(self, Z):
        """Return W Z."""
        X = self.column_scale[:, None] * (self._Vt[: self.rank].T @ (Z / self._kept))
        X[self._zero_columns] = 0.0
        return X

    def whiten_transpose(self, G):
        """Return W^T G."""
        return (self._Vt[: self.rank] @ (self.column_scale[:, None] * G)) / self._kept

    def whitener(self):
        """Return a matrix of the same range as W: triangular, D R^-1, where the rank is full."""
        if self.rank < len(self.singular_values):
            return self.whiten(np.eye(self.rank))
        inverse, _ = scipy.linalg.lapack.dtrtri(self._R)
        return self.column_scale[:, None] * np.triu(inverse)

    def from_whitener(self, M):
        """Return W^T H W, given M = P^T H P for P = ``whitener()``."""
        return M if self.rank < len(self.singular_values) else self._U.T @ M @ self._U

    def from_normal(self, M):
        """Return W^T M W."""
        return self.whiten_transpose(self.whiten_transpose(M).T)

    def backward_error(self, X, G, residual_norms):
        """Return the Karlson-Walden estimates for the columns of X, of which G = A^T (B - A X).

        Only A is perturbed, relative to the Frobenius norm of A D.
        """
        return self._weighted(self._Vt @ (self.column_scale[:, None] * G), X, residual_norms)

    def whitened_backward_error(self, C, X, residual_norms):
        """Return the same from C = W^T G."""
        return self._weighted(self._kept * C, X, residual_norms)

    def _weighted(self, gradient, X, residual_norms):
        sv = self.singular_values[: len(gradient), None]
        scale = np.hypot(sv * self._solution_norms(X), residual_norms)
        # Both are zero for B = 0 only.
        ratio = np.divide(gradient, scale, out=np.zeros(gradient.shape), where=scale > 0)
        return np.linalg.norm(ratio, axis=0) / max(self.norm, np.finfo(float).tiny)

    def relative_residual(self, G, B, norms):
        """Return ||V^T D G|| / (||A D||_F norms + ||D B||), V restricted to the space that W spans."""
        return self._relative(self._Vt[: self.rank] @ (self.column_scale[:, None] * G), B, norms)

    def whitened_relative_residual(self, C, B, norms):
        """Return the same from C = W^T G."""
        return self._relative(self._kept * C, B, norms)

    def _relative(self, residual, B, norms):
        size = self.norm * norms + np.linalg.norm(self.column_scale[:, None] * B, axis=0)
        residual = np.linalg.norm(residual, axis=0)
        return np.divide(residual, size, out=np.zeros(len(size)), where=size > 0)

    def _solution_norms(self, X):
        return np.linalg.norm(X / self.column_scale[:, None], axis=0)

    def image_norms(self, X):
        """Return the norms of the columns of A X as the sketch sees them."""
        coordinates = self._Vt[: self.rank] @ (X / self.column_scale[:, None])
        return np.linalg.norm(self._kept * coordinates, axis=0)

    def forward_accuracy(self, X, residual_norms):
        """Return ||A|| ||x|| + 0.04 cond ||r|| for every column; a forward stable solver reaches eps times it."""
        return self.singular_values[0] * self._solution_norms(X) + 0.04 * self.kept_cond * residual_norms

    def forward_error(self, X, residual_norms, backward_error):
        """Return Wedin's first-order bounds on the relative errors of the columns of D^-1 X."""
        solution = self._solution_norms(X)
        if self.rank == 0:
            return np.zeros(len(solution))
        inverse = 1.0 / self._kept[-1, 0]
        bound = backward_error * self.norm * inverse * (solution + inverse * residual_norms)
        return np.divide(bound, solution, out=np.where(bound > 0, np.inf, 0.0), where=solution > 0)


def _column_norms(A):
    """Return the norms of the columns, without overflow."""
    largest = np.abs(A).max(axis=0)
    safe = np.where(largest > 0, largest, 1).astype(A.dtype)
    return np.linalg.norm(A / safe, axis=0) * largest


def _triangle(A, B):
    """Return R and the leading rows of Q^T B of the QR factorisation of A, in float64."""
    d = A.shape[1]
    stacked = np.empty((A.shape[0], d + B.shape[1]), dtype=A.dtype, order="F")
    stacked[:, :d], stacked[:, d:] = A, B
    geqrf, geqrf_lwork = scipy.linalg.get_lapack_funcs(("geqrf", "geqrf_lwork"), (stacked,))
    size, _ = geqrf_lwork(*stacked.shape)
    factored = geqrf(stacked, lwork=int(size), overwrite_a=True)[0]
    top = factored[:d].astype(np.float64)
    return np.asfortranarray(np.triu(top[:, :d])), top[:, d:]


def _svd(R):
    try:
        return scipy.linalg.svd(R, check_finite=False)
    except scipy.linalg.LinAlgError:
        # Divide and conquer can fail to converge where the older algorithm does not.
        return scipy.linalg.svd(R, check_finite=False, lapack_driver="gesvd")
