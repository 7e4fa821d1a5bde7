"""One mode of the measurement-space solver: its columns still in use, and their eigendecomposition."""

from dataclasses import dataclass

import numpy as np

from sparsesci.sbl._tensor import squared_magnitude


@dataclass
class Mode:
    """A dictionary with the hyperparameters of its columns.

    Attributes
    ----------
    H : ndarray of shape (r, n)
        The columns in use, compressed to at most n rows.
    active : ndarray of shape (n,)
        Which columns of the original dictionary they are.
    delta : ndarray of shape (d,)
        What is updated; gamma itself, unless it is coupled.
    coupling : ndarray of shape (n, d) or None
        gamma = coupling @ delta.
    """

    H: np.ndarray
    active: np.ndarray
    delta: np.ndarray
    coupling: np.ndarray | None = None

    def __post_init__(self):
        self.refresh()

    @property
    def gamma(self):
        return self.delta if self.coupling is None else self.coupling @ self.delta

    def refresh(self):
        """Compute the eigenvalues and rotated columns of the present hyperparameters."""
        self.eigenvalues, self.basis, self.W = decompose(self.H, self.gamma)

    def gradient(self, sums, gram):
        """Return the linear and the quadratic terms s and q of the columns."""
        s = squared_magnitude(self.W).T @ sums
        q = np.einsum("mi,mi->i", self.W.conj(), gram @ self.W).real
        return s, np.maximum(q, 0.0)

    def trial(self, ratio, exponent):
        """Return a copy whose hyperparameters are multiplied by ratio ** exponent."""
        return Mode(self.H, self.active, self.delta * ratio**exponent, self.coupling)

    def update_ratio(self, s, q):
        """Return q / s of what is updated, 0 where nothing of the data reaches it."""
        if self.coupling is not None:
            s, q = self.coupling.T @ s, self.coupling.T @ q
        floor = max(s.max(), 0.0) * 1e-300
        return np.divide(q, s, out=np.zeros_like(q), where=s > floor)

    def scaled(self, factor):
        """Multiply the hyperparameters by a positive number."""
        self.delta = self.delta * factor
        self.eigenvalues = self.eigenvalues * factor

    def pruned(self, tol):
        """Return the mode without the entries up to ``tol`` times the largest, or itself if there is none."""
        gamma = self.gamma
        keep = gamma > tol * gamma.max()
        if keep.all():
            return self
        coupling, delta = self.coupling, self.delta[keep] if self.coupling is None else self.delta
        if coupling is not None:
            coupling = coupling[keep]
            used = coupling.any(axis=0)
            coupling, delta = np.ascontiguousarray(coupling[:, used]), delta[used]
        return Mode(np.ascontiguousarray(self.H[:, keep]), self.active[keep], delta, coupling)

    def full_gamma(self, length):
        """Return the hyperparameters of all columns of the original dictionary."""
        full = np.zeros(length)
        full[self.active] = self.gamma
        return full


def decompose(H, gamma):
    """Return eigenvalues and eigenvectors U of H diag(gamma) H^H, and U^H H."""
    A = (H * gamma) @ H.conj().T
    values, vectors = np.linalg.eigh((A + A.conj().T) / 2)
    return np.maximum(values, 0.0), vectors, vectors.conj().T @ H
