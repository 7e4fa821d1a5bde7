"""What designs need to know of a basis, whatever measure it is orthonormal for."""

from abc import ABC, abstractmethod

import numpy as np


class Basis(ABC):
    """Orthonormal functions of a probability measure, and draws from that measure and from those it induces.

    Points are drawn as *places*: arrays of the basis's own coordinates, one row or number for each point.

    Attributes
    ----------
    dimension : int
    n_functions : int
    """

    def __len__(self):
        return self.n_functions

    @abstractmethod
    def evaluate(self, X, *, n_jobs=None, device="cpu"):
        """Return the functions at the rows of X, (n, m)."""

    @abstractmethod
    def _draw_measure(self, key, first, n, n_jobs):
        """Return the places of draws first ... first + n - 1 of the measure."""

    @abstractmethod
    def _draw_christoffel(self, key, first, n, n_jobs):
        """The same for the density k_m / m with respect to the measure."""

    @abstractmethod
    def _draw_dpp(self, key, first, count, n_jobs):
        """Return the places (count, m, ...) of samples first ... first + count - 1 of the projection DPP.

        The order of the points of a sample is random.
        """

    @abstractmethod
    def _directions(self, places, n_jobs, device):
        """Return phi / |phi| (n, m) and |phi|^2 (n,) at the places (n, ...)."""

    @abstractmethod
    def _points(self, places):
        """Return the points (n, dimension) at the places."""

    def _indices(self, places):
        """Return the numbers of the points in a pool of candidates, or None where there is none."""
        return None


def unit_rows(rows):
    """Return rows / |rows| and |rows|^2; rows of zeros stay zero."""
    squares = np.einsum("ij,ij->i", rows, rows)
    return rows / np.sqrt(np.where(squares > 0, squares, 1.0))[:, np.newaxis], squares
