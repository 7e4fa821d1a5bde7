"""Oja's rule on a grid of rates, for rows in any order."""

import math

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import assert_all_finite

from sparsesci._core.arrays import kernel_view
from sparsesci._core.device import twin
from sparsesci._core.rng import normals, stream_of
from sparsesci._core.threads import effective_n_jobs
from sparsesci.streaming import _block_power_kernels, _oja_kernels
from sparsesci.streaming._block_power import Answer

_START_STREAM = 0x5047
_TILE_ROWS = 32
_PERIOD = 8
# The active rates are those with rate * F2 / d in [2**_LOWEST, 2**_HIGHEST].
_LOWEST, _HIGHEST = -6, 10
_N_RATES = _HIGHEST - _LOWEST + 1


class RateGrid:
    """Vectors that follow Oja's rule with rates that are powers of two apart, and the row of the largest norm.

    Rates are multiples of 1 / ||first row||^2, and rows are taken in units of a power of two close to the norm of the
    first row that is not zero, so that the answer does not depend on the scale of the data.
    """

    def __init__(self, n_features, *, center, key):
        self.d, self.center, self.key = n_features, center, key
        self.exponent = None
        self.unit = 1.0
        self.n = 0
        self.squares, self.largest = 0.0, 0.0
        self.largest_row = np.zeros(n_features)
        self.mean = np.zeros(n_features) if center else None
        self.lowest = None
        self.vectors = np.zeros((_N_RATES, n_features))
        self.logs, self.energies = np.zeros(_N_RATES), np.zeros(_N_RATES)
        self.peak_rows = self.memory_rows

    n_seen = property(lambda self: self.n)

    @property
    def memory_rows(self):
        return _N_RATES + 1 + self.center

    def copy(self):
        state = object.__new__(RateGrid)
        state.__dict__ = {
            name: value.copy() if isinstance(value, np.ndarray) else value for name, value in vars(self).items()
        }
        return state

    def update(self, rows, n_jobs=None, device="cpu"):
        """Take in the rows of a C-ordered array or of a CSR matrix, in order."""
        threads = effective_n_jobs(n_jobs)
        kernels = twin(_oja_kernels, device)
        for start in range(0, rows.shape[0], _TILE_ROWS):
            tile = rows[start : start + _TILE_ROWS]
            self._follow(tile.toarray() if issparse(tile) else tile, kernels, threads)

    def _follow(self, tile, kernels, threads):
        tile = kernel_view(np.ascontiguousarray(tile))
        rows, norms = np.empty(tile.shape), np.empty(len(tile))
        self._choose_unit(tile)
        scale = math.ldexp(1.0, self.exponent or 0)
        if self.center:
            _oja_kernels.subtract_running_mean(tile, scale, self.n, self.mean, rows)
        else:
            np.multiply(tile, scale, out=rows)
        _block_power_kernels.row_norms(rows, norms, 1)
        if not np.isfinite(norms).all():
            assert_all_finite(tile, input_name="X")
            raise ValueError("X has rows that are more than 1e150 times as long as the first; scale them down")
        first = 0
        while first < len(rows):
            stop = self._until_window_moves(norms, first)
            if self.lowest is not None:
                rates = 2.0 ** (self.lowest + np.arange(_N_RATES)) / self.unit
                piece, steps = rows[first:stop], np.ones(stop - first)
                number = self.n + first
                kernels.oja_rows(piece, steps, rates, self.vectors, self.logs, self.energies, number, _PERIOD, threads)
            first = stop
        longest = int(norms.argmax())
        if norms[longest] > self.largest:
            self.largest, self.largest_row = float(norms[longest]), rows[longest].copy()
        self.n += len(rows)

    def _choose_unit(self, tile):
        if self.exponent is None:
            sizes = np.abs(tile).max(axis=1)
            if not np.isfinite(sizes).all():
                assert_all_finite(tile, input_name="X")
            if sizes.any():
                self.exponent = max(-1000, min(1000, -math.frexp(float(sizes[np.flatnonzero(sizes)[0]]))[1]))

    def _until_window_moves(self, norms, first):
        """Bring the window of rates up to date for row ``first``; return up to where it stays so."""
        for i in range(first, len(norms)):
            squares = self.squares + norms[i]
            if squares > 0:
                if self.squares == 0:
                    self.unit = float(norms[i])
                lowest = _LOWEST - math.floor(math.log2(squares / self.unit / self.d))
                if self.lowest is None or lowest < self.lowest:
                    if i > first:
                        return i
                    self._move_window(lowest)
            self.squares = squares
        return len(norms)

    def _move_window(self, lowest):
        """Drop the largest rates and start smaller ones."""
        kept = 0 if self.lowest is None else max(0, _N_RATES - (self.lowest - lowest))
        vectors = self.vectors.copy()
        fresh = _N_RATES - kept
        self.vectors[:fresh] = self._start()
        self.vectors[fresh:] = vectors[:kept]
        self.logs = np.concatenate((np.zeros(fresh), self.logs[:kept]))
        self.energies = np.concatenate((np.zeros(fresh), self.energies[:kept]))
        self.lowest = lowest

    def _start(self):
        start = normals(self.key, stream_of(_START_STREAM, 0), self.d)
        return start / np.linalg.norm(start)

    def heavy_rows(self):
        """Return the rows that are stored exactly: none but the largest, which is not counted as such."""
        return np.zeros((0, self.d))

    def growth(self):
        """Return for each active rate the logarithm of the norm that its vector would have without normalisation."""
        norms = np.linalg.norm(self.vectors, axis=1)
        return self.logs + np.log(np.where(norms > 0, norms, 1.0))

    def answer(self, n_components):
        """Return the vector of the smallest rate that has grown by log d, or the largest row where none has."""
        growth = self.growth()
        grown = np.flatnonzero(growth >= math.log(self.d))
        best = int(grown[0]) if len(grown) else 0
        lowest = 0 if self.lowest is None else self.lowest
        if self.largest == 0:
            vector, energy = self._start(), 0.0
        elif len(grown) and 2.0 ** (lowest + best) * self.largest / self.unit < 1:
            vector, energy = self.vectors[best], self.energies[best]
        else:
            vector, energy = self.largest_row, self.largest
        unit = math.ldexp(1.0, -(self.exponent or 0))
        return Answer(
            components=(vector / np.linalg.norm(vector))[np.newaxis],
            singular_values=np.sqrt(np.array([energy])) * unit,
            mean=None if self.mean is None else self.mean * unit,
            frobenius_norm=math.sqrt(self.squares) * unit,
            scores=growth,
            best=best,
            ordered=False,
        )
