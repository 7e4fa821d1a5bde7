"""Block power iteration on several schedules at once, with the heaviest rows stored exactly."""

import copy
import math
from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import assert_all_finite

from sparsesci._core.arrays import kernel_view
from sparsesci._core.device import twin
from sparsesci._core.rng import normals, stream_of
from sparsesci._core.threads import effective_n_jobs, single_threaded_blas
from sparsesci.streaming import _block_power_kernels
from sparsesci.streaming import _block_power_tally as tally
from sparsesci.streaming._block_power_driver import absorb_rows, lightest_row
from sparsesci.streaming._block_power_summary import align, orthonormal_rows, square_root_rows, top_directions

_START_STREAM = 0x5350
# A tile of the rows, and a copy of it where they are centred, stay in the second-level cache.
_TILE_BYTES = 1 << 19
_FEWEST_TILE_ROWS = 32
_MOST_TILE_ROWS = 1024
_THREADED_TILE_ROWS = 1024
_CUDA_TILE_ROWS = 8192
_PILOT_ROWS = 32
# Squared norms outside these bounds ask for another unit of length, so that their products neither overflow nor vanish.
_LARGE, _SMALL = 1e140, 1e-140
_COPIED_AT_ONCE = (
    "sums",
    "scalars",
    "energies",
    "means",
    "counts",
    "lengths",
    "rayleigh",
    "heavy_norms",
    "heavy_numbers",
)
_COPIED_ON_WRITE = ("iterates", "previous", "marks", "heavy")


class Answer(NamedTuple):
    """What a summary knows about the top directions. Squared singular values are eigenvalues of A^T A."""

    components: np.ndarray
    singular_values: np.ndarray
    mean: np.ndarray | None
    frobenius_norm: float
    scores: np.ndarray
    best: int
    ordered: bool


class BlockPower:
    """The summary of a stream of rows: iterates and sums of each schedule, and the heaviest rows.

    Row vectors belong to schedule s in blocks of k: rows s k ... s k + k - 1 of ``iterates`` (Z), ``sums`` (G) and
    ``previous`` (G of the block before, with its mean taken out). With centring, rows are counted from ``shift``, the
    mean of the first few, the last row of ``sums`` is the sum of all light rows, and ``marks`` holds what that was at
    the beginning of each block. Everything is in units of ``2**-exponent``.
    """

    def __init__(self, n_features, n_components, factors, first_block, *, capacity, heavy_factor, center, key):
        self.d, self.k, self.m = n_features, n_components, len(factors)
        self.factors = np.asarray(factors, dtype=np.float64)
        self.capacity = capacity
        self.heavy_factor = heavy_factor
        self.center = center
        self.iterates = self._first_iterates(key)
        self.lengths = np.full(self.m, float(first_block))
        self.counts = np.zeros(self.m, dtype=np.int64)
        self.folded = np.zeros(self.m, dtype=np.int64)
        self.previous, self.previous_counts = None, np.zeros(self.m, dtype=np.int64)
        self.sums, self.marks, self.shift = None, None, None
        self.pending = []
        self.exponent = 0
        self.scalars = np.zeros(tally.N_SCALARS)
        self.scalars[tally.REFERENCE] = np.nan
        self.energies = np.zeros((tally.N_ENERGIES, self.m))
        self.means = np.zeros(self.m * self.k)
        self.rayleigh = np.zeros(self.m)
        self.heavy = np.empty((0, n_features))
        self.heavy_norms, self.heavy_numbers = np.empty(0), np.empty(0, dtype=np.int64)
        self.n_heavy = 0
        self.past, self.past_scores, self.n_past, self.n_past_light = None, np.zeros(self.m), 0.0, 0.0
        self.peak_rows = 0
        self._shared = frozenset()
        self._note_memory()

    def _first_iterates(self, key):
        drawn = [normals(key, stream_of(_START_STREAM, s), self.k * self.d) for s in range(self.m)]
        with single_threaded_blas():
            return np.concatenate([orthonormal_rows(rows.reshape(self.k, self.d)) for rows in drawn])

    # What is known so far

    @property
    def n_seen(self):
        """Number of rows, those of merged summaries and those that wait for the pilot included."""
        return int(self.scalars[tally.SEEN]) + len(self.pending)

    @property
    def n_light(self):
        """Number of rows that are not stored."""
        return self.scalars[tally.SEEN] - self.n_heavy

    def identity(self):
        """Return arrays that tell this stream from others, or None where all rows are zero."""
        if self.scalars[tally.LARGEST] == 0 and not any(row.any() for row in self.pending):
            return None
        return [self.scalars, self.means, self.sums, *self.pending]

    @property
    def memory_rows(self):
        """Number of vectors of length d that are held."""
        arrays = (self.iterates, self.sums, self.previous, self.marks, self.heavy, self.past)
        held = sum(len(array.reshape(-1, self.d)) for array in arrays if array is not None)
        return held + (self.shift is not None) + len(self.pending)

    def _note_memory(self):
        self.peak_rows = max(self.peak_rows, self.memory_rows)

    def copy(self):
        """Return a copy that can be written to; large arrays are copied when they are."""
        twin_state = copy.copy(self)
        for name in (*_COPIED_AT_ONCE, "folded", "previous_counts", "past_scores"):
            value = getattr(self, name)
            setattr(twin_state, name, None if value is None else value.copy())
        twin_state.pending = list(self.pending)
        twin_state._shared = frozenset(_COPIED_ON_WRITE)
        return twin_state

    def _own(self, name):
        """Return an array that is this object's alone."""
        value = getattr(self, name)
        if name in self._shared and value is not None:
            value = value.copy()
            setattr(self, name, value)
        self._shared -= {name}
        return value

    # Taking rows in

    def update(self, rows, n_jobs=None, device="cpu"):
        """Take in the rows of a C-ordered array or of a CSR matrix, in order."""
        kernels = twin(_block_power_kernels, device)
        threads = effective_n_jobs(n_jobs)
        tile = max(_FEWEST_TILE_ROWS, min(_MOST_TILE_ROWS, _TILE_BYTES // (8 * self.d)))
        if kernels is not _block_power_kernels:
            tile = _CUDA_TILE_ROWS
        elif threads > 1:
            tile = max(tile, _THREADED_TILE_ROWS)
        with single_threaded_blas():
            for start in range(0, rows.shape[0], tile):
                self._absorb(rows[start : start + tile], kernels, threads)
        self._shared = frozenset()

    def _absorb(self, rows, kernels, threads):
        if self.shift is None and self.center:
            if issparse(rows):
                self._set_shift(np.zeros(self.d))
            else:
                rows = self._gather_pilot(rows, kernels, threads)
        self._begin()
        if rows.shape[0]:
            self._process(rows, kernels, threads)

    def _gather_pilot(self, rows, kernels, threads):
        """Hold back the first rows until there are enough of them for a pilot mean; return the rows that remain."""
        wanted = max(1, min(_PILOT_ROWS, 2 * self.m * self.k + self.capacity))
        taken = rows[: wanted - len(self.pending)]
        assert_all_finite(taken, input_name="X")
        self.pending = self.pending + list(np.array(taken, dtype=np.float64))
        self._note_memory()
        if len(self.pending) == wanted:
            self.flush(kernels, threads)
        return rows[len(taken) :]

    def flush(self, kernels=_block_power_kernels, threads=1):
        """Take in the rows that are held back, with their mean as the pilot."""
        if not self.pending:
            return
        held = np.array(self.pending)
        self.pending = []
        self._fit_unit(held)
        self._set_shift(np.mean(np.ldexp(held, self.exponent), axis=0))
        self._begin()
        with single_threaded_blas():
            self._process(held, kernels, threads)

    def _set_shift(self, shift):
        self.shift = shift

    def _begin(self):
        """Make room for the sums, once rows come that go into them."""
        if self.sums is None and not self.pending:
            self.sums = np.zeros((self.m * self.k + self.center, self.d))
            if self.center:
                self.marks = np.zeros((self.m, self.d))
            self._note_memory()

    def _process(self, rows, kernels, threads):
        tile = _Tile(rows, self, kernels, threads)
        if not self._is_in_range(tile.norms):
            assert_all_finite(rows.data if issparse(rows) else rows, input_name="X")
            self._fit_unit(rows)
            tile = _Tile(rows, self, kernels, threads)
        row, n = 0, rows.shape[0]
        while row < n:
            until_end = max(1, math.ceil((self.lengths - self.counts).min()))
            stop = min(n, row + until_end)
            stop_of_block = stop == row + until_end
            self._take(tile, row, stop)
            self.counts += stop - row
            row = stop
            if stop_of_block:
                for s in np.flatnonzero(self.counts >= self.lengths):
                    self._end_block(s, kernels)
                self._note_memory()

    def _is_in_range(self, norms):
        peak = norms.max()
        return max(peak, self.scalars[tally.LARGEST]) > _SMALL and peak < _LARGE

    def _fit_unit(self, rows):
        """Choose the unit of length such that the largest entry is about one, where it is far from that."""
        largest = abs(rows.data if issparse(rows) else rows).max() if rows.shape[0] else 0.0
        if largest == 0.0:
            return
        exponent = -int(np.frexp(float(largest))[1])
        exponent = min(exponent, 1000)
        size = min(self.exponent - exponent, 500)  # of the largest entry in the present unit, as a power of two
        square = np.ldexp(1.0, 2 * size)
        known = max(square, self.scalars[tally.LARGEST])
        if known < _SMALL or square * self.d >= _LARGE:
            self._change_unit(exponent - self.exponent)

    def _change_unit(self, power):
        """Multiply the unit's inverse by 2**power: exact, but for what underflows."""
        self.exponent += power
        for name, degree in (("sums", 2), ("previous", 2), ("marks", 1), ("heavy", 1), ("heavy_norms", 2), ("past", 1)):
            if getattr(self, name) is not None:
                setattr(self, name, np.ldexp(getattr(self, name), degree * power))
        if self.sums is not None and self.center:
            self.sums[-1] = np.ldexp(self.sums[-1], -power)
        if self.shift is not None:
            self.shift = np.ldexp(self.shift, power)
        self.energies[: tally.TOTAL_SQUARES] = np.ldexp(self.energies[: tally.TOTAL_SQUARES], 2 * power)
        self.energies[tally.TOTAL_SQUARES] = np.ldexp(self.energies[tally.TOTAL_SQUARES], 4 * power)
        self.means = np.ldexp(self.means, power)
        self.rayleigh = np.ldexp(self.rayleigh, 2 * power)
        self.past_scores = np.ldexp(self.past_scores, 2 * power)
        for place in (tally.SQUARES, tally.LARGEST):
            self.scalars[place] = np.ldexp(self.scalars[place], 2 * power)
        self.scalars[tally.REFERENCE] += 2 * power * np.log(2.0)

    def _take(self, tile, row, stop):
        """Take in rows of a tile, none of which ends a block but perhaps the last."""
        while row < stop:
            heavy = self._next_heavy(tile.norms, row, stop)
            if heavy < stop and tile.can_be_walked:
                self._walk(tile, row, stop)
                return
            if heavy > row:
                tile.fold(row, heavy, self.iterates, self.sums)
                self.folded += heavy - row
                self._tally(tile, row, heavy, True)
            if heavy < stop:
                self._store(tile, heavy)
                self._tally(tile, heavy, heavy + 1, False)
            row = heavy + 1

    def _walk(self, tile, row, stop):
        """Take in rows of a tile in compiled code."""
        self._grow(min(self.capacity, self.n_heavy + stop - row))
        self.n_heavy, folded = absorb_rows(
            tile.rows,
            tile.norms,
            tile.projections,
            row,
            stop,
            self.iterates,
            self.sums,
            self._own("heavy"),
            self.heavy_norms,
            self.heavy_numbers,
            self.n_heavy,
            self.capacity,
            self.heavy_factor,
            self.rayleigh.max(),
            self.k,
            self.scalars,
            self.energies,
            self.means,
        )
        self.folded += folded

    def _tally(self, tile, start, stop, light):
        tally.tally_rows(
            tile.norms, tile.projections, start, stop, self.k, light, self.scalars, self.energies, self.means
        )

    def _next_heavy(self, norms, row, stop):
        if self.capacity == 0:
            return stop
        has_room = self.n_heavy < self.capacity
        smallest = 0.0 if has_room else self.heavy_norms.min()
        seen, squares = self.scalars[tally.SEEN], self.scalars[tally.SQUARES]
        return tally.next_heavy_row(
            norms, row, stop, smallest, has_room, self.heavy_factor, self.d, seen, squares, self.rayleigh.max()
        )

    def _store(self, tile, row):
        """Store a heavy row; where there is no room, in the place of the lightest, which is folded into the sums."""
        if self.n_heavy < self.capacity:
            slot = self.n_heavy
            self._grow(slot + 1)
            self.n_heavy += 1
        else:
            slot = self._lightest()
            self._fold_stored(slot, tile.kernels)
        tile.write_row(row, self._own("heavy")[slot])
        self.heavy_norms[slot] = tile.norms[row]
        self.heavy_numbers[slot] = int(self.scalars[tally.SEEN])

    def _grow(self, size):
        if size > len(self.heavy):
            room = min(self.capacity, max(size, 16, 2 * len(self.heavy)))
            for name in ("heavy", "heavy_norms", "heavy_numbers"):
                old = getattr(self, name)
                grown = np.zeros((room, *old.shape[1:]), dtype=old.dtype)
                grown[: len(old)] = old
                setattr(self, name, grown)
            self._shared -= {"heavy"}
            self._note_memory()

    def _lightest(self):
        """Return the place of the stored row of the smallest norm, of several the latest."""
        return lightest_row(self.heavy_norms, self.heavy_numbers, self.n_heavy)

    def _fold_stored(self, slot, kernels):
        projections = np.ones((1, len(self.sums)))
        kernels.fold_rows(self.heavy[slot : slot + 1], self.iterates, projections, self.sums, 1)
        self.folded += 1

    # Ends of blocks

    def _of(self, s):
        return slice(s * self.k, (s + 1) * self.k)

    def mean(self):
        """Return the mean of all rows relative to ``shift``, or None without centring."""
        if not self.center:
            return None
        return (self.sums[-1] + self.heavy[: self.n_heavy].sum(axis=0)) / self.scalars[tally.SEEN]

    def _centred_sums(self, s):
        """Return the sums of the current block of schedule s, with the mean of the block taken out."""
        sums = self.sums[self._of(s)]
        if not self.center or self.folded[s] == 0:
            return sums.copy()
        total = self.sums[-1] - self.marks[s]
        return sums - np.outer(self.iterates[self._of(s)] @ total, total / self.folded[s])

    def _end_block(self, s, kernels):
        """One step of the power method, on the rows of the block."""
        if self.heavy_factor > 0:
            self._release_light_rows(kernels)
        of = self._of(s)
        centred = self._centred_sums(s)
        step = centred * (self.n_light / max(self.folded[s], 1))
        self._add_heavy(self.iterates[of], step, kernels)
        self.rayleigh[s] = self.iterates[of][0] @ step[0] / self.scalars[tally.SEEN]
        if self.past is None:
            if self.previous is None:
                self.previous = np.zeros_like(self.iterates)
                self._shared -= {"previous"}
            self._own("previous")[of] = centred
            self.previous_counts[s] = self.folded[s]
        if step.any():
            self._own("iterates")[of] = orthonormal_rows(step)
        self.sums[of] = 0.0
        if self.center:
            self._own("marks")[s] = self.sums[-1]
        self.counts[s] = self.folded[s] = 0
        self.lengths[s] *= self.factors[s]

    def _add_heavy(self, vectors, step, kernels):
        """step += (vectors Hc^T) Hc, where the rows of Hc are the heavy rows without the mean."""
        if self.n_heavy == 0:
            return
        heavy = self.heavy[: self.n_heavy]
        projections = np.empty((self.n_heavy, len(vectors)))
        kernels.project_rows(heavy, vectors, projections, 1)
        mean = self.mean()
        if mean is not None:
            projections -= vectors @ mean
            step -= np.outer(projections.sum(axis=0), mean)
        kernels.accumulate_rows(heavy, projections, step, 1)

    def _release_light_rows(self, kernels):
        """Fold stored rows that the threshold has overtaken into the sums."""
        seen, squares = self.scalars[tally.SEEN], self.scalars[tally.SQUARES]
        threshold = tally.heavy_threshold(self.heavy_factor, self.d, seen, squares, self.rayleigh.max())
        while self.n_heavy:
            slot = self._lightest()
            if self.heavy_norms[slot] > threshold:
                return
            self._fold_stored(slot, kernels)
            self._remove(slot)

    def _remove(self, slot):
        last = self.n_heavy - 1
        self._own("heavy")[slot] = self.heavy[last]
        self.heavy_norms[slot], self.heavy_numbers[slot] = self.heavy_norms[last], self.heavy_numbers[last]
        self.n_heavy = last

    # The answer

    def settled(self):
        """Return this summary, or a copy into which the rows that are held back have been taken."""
        if not self.pending:
            return self
        state = self.copy()
        state.flush()
        return state

    def scores(self):
        """Return, for each schedule, an estimate of the energy of all rows in its iterate."""
        return self.light_scores() + self.heavy_scores()

    def light_scores(self):
        """Return the share of the scores that is not of stored rows."""
        seen = self.scalars[tally.SEEN]
        scores = self.past_scores.copy()
        if self.scalars[tally.WEIGHT] > 0:
            energy, weight = self.energies[tally.RECENT], self.scalars[tally.WEIGHT]
            if self.center:
                drift = (self.means.reshape(self.m, self.k) ** 2).sum(axis=1)
                energy = energy - drift / max(self.scalars[tally.LIGHT_WEIGHT], 1.0)
            scores += energy / weight * (seen - self.n_past)
        return scores

    def heavy_scores(self):
        """Return the energy of the stored rows in each iterate."""
        projections = self.heavy[: self.n_heavy] @ self.iterates.T
        if self.center:
            projections -= self.iterates @ self.mean()
        return (projections**2).sum(axis=0).reshape(self.m, self.k).sum(axis=1)

    def light_rows(self, s):
        """Return k rows whose Gram matrix stands for the light rows that came after the last merge."""
        of, count = self._of(s), int(self.folded[s] + self.previous_counts[s])
        if self.sums is None or count == 0:
            return np.zeros((0, self.d))
        total = self._centred_sums(s)
        if self.previous is not None and self.previous_counts[s]:
            total = align(total, self.previous[of])
        return square_root_rows(self.iterates[of], total * ((self.n_light - self.n_past_light) / count))

    def few_rows(self, s):
        """Return all rows but the heavy ones that stand for the stream: light ones, merged ones, and their mean."""
        rows = [self.light_rows(s)]
        if self.past is not None:
            rows.append(self.past[s])
        if self.center and self.n_light > 0:
            rows.append(np.sqrt(self.n_light) * (self.sums[-1] / self.n_light - self.mean())[np.newaxis])
        return np.concatenate(rows)

    def answer(self, n_components):
        """Return the ``Answer`` after all rows so far, without changing anything."""
        if self.pending:
            return self.settled().answer(n_components)
        with single_threaded_blas():
            scores = self.scores()
            best = int(np.argmax(scores))
            components, singular_values = self._directions(best, n_components)
            share = self.heavy_scores()[best] / scores[best] if scores[best] > 0 else 0.0
        unit = np.ldexp(1.0, -self.exponent)
        return Answer(
            components=components,
            singular_values=singular_values * unit,
            mean=self.absolute_mean(),
            frobenius_norm=np.sqrt(self._total_square()) * unit,
            scores=scores * unit * unit,
            best=best,
            ordered=tally.looks_ordered(self.scalars, self.energies[:, best], share),
        )

    def _directions(self, s, n_components):
        rows, heavy = self.few_rows(s), self.heavy[: self.n_heavy]
        return top_directions(rows, heavy, self.mean(), self.iterates[self._of(s)], n_components)

    def absolute_mean(self):
        """Return the mean of all rows in the units of the data, or None."""
        return None if not self.center else np.ldexp(self.shift + self.mean(), -self.exponent)

    def heavy_rows(self):
        """Return the stored rows as they came, the largest norm first, of equal ones the earliest."""
        if self.pending:
            return self.settled().heavy_rows()
        order = np.lexsort((self.heavy_numbers[: self.n_heavy], -self.heavy_norms[: self.n_heavy]))
        rows = self.heavy[order] if self.shift is None else self.heavy[order] + self.shift
        return np.ldexp(rows, -self.exponent)

    def _total_square(self):
        """Return the squared Frobenius norm of all rows, without their mean where they are centred, in units."""
        squares = self.scalars[tally.SQUARES]
        if self.center:
            mean = self.mean()
            squares = squares - self.scalars[tally.SEEN] * (mean @ mean)
        return max(float(squares), 0.0)


class _Tile:
    """A few rows, counted from the pilot mean and in the summary's unit, with their norms and projections."""

    def __init__(self, rows, state, kernels, threads):
        self.kernels, self.threads = kernels, threads
        self.scale = float(np.ldexp(1.0, state.exponent))
        self.norms = np.empty(rows.shape[0])
        self.projections = np.ones((rows.shape[0], state.m * state.k + state.center))
        self.csr = None
        self.can_be_walked = kernels is _block_power_kernels
        if issparse(rows) and (state.shift is None or not state.shift.any()):
            self.can_be_walked = False
            rows = rows if rows.has_canonical_format else _canonical(rows)
            self.csr = (kernel_view(rows.data), kernel_view(rows.indices), kernel_view(rows.indptr))
            kernels.row_norms_csr(self.csr[0], self.csr[2], self.scale, self.norms, threads)
            return
        rows = kernel_view(np.ascontiguousarray(rows.toarray() if issparse(rows) else rows))
        if state.shift is None and self.scale == 1.0 and rows.dtype == np.float64:
            self.rows = rows
            kernels.row_norms(rows, self.norms, threads)
            return
        shift = np.zeros(state.d) if state.shift is None else state.shift
        self.rows = np.empty(rows.shape)
        kernels.centre_rows(rows, self.scale, shift, self.rows, self.norms, threads)

    def fold(self, start, stop, iterates, sums):
        """Project rows on the iterates and add them to the sums."""
        projections = self.projections[start:stop]
        if self.csr is None:
            self.kernels.fold_rows(self.rows[start:stop], iterates, projections, sums, self.threads)
            return
        data, indices, indptr = self.csr
        self.kernels.fold_rows_csr(
            data, indices, indptr[start : stop + 1], self.scale, iterates, projections, sums, self.threads
        )

    def write_row(self, row, out):
        """Copy one row."""
        if self.csr is None:
            out[:] = self.rows[row]
            return
        data, indices, indptr = self.csr
        entries = slice(indptr[row], indptr[row + 1])
        out[:] = 0.0
        out[indices[entries]] = data[entries] * self.scale


def _canonical(rows):
    rows = rows.copy()
    rows.sum_duplicates()
    return rows
