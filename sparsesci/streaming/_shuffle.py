"""A buffer that hands rows on in another order."""

import numpy as np
from scipy.sparse import issparse

from sparsesci._core.rng import indices, stream_of

_SHUFFLE_STREAM = 0x5348
_PIECE = 64


class ShuffledSummary:
    """A summary whose rows pass through a buffer: every new row displaces a uniformly chosen one.

    The choice depends on the number of the row only. Rows that are still in the buffer are taken in, in random order,
    when an answer is asked for.
    """

    def __init__(self, summary, size, key):
        self.summary, self.size, self.key = summary, size, key
        self.buffer = None
        self.n_taken = 0

    n_seen = property(lambda self: self.n_taken)

    def identity(self):
        """Return arrays that tell this stream from others, or None where all rows are zero."""
        inner = self.summary.identity()
        if self.buffer is None or not self.n_taken:
            return inner
        held = self.buffer[: min(self.n_taken, self.size)]
        return [*(inner or []), held] if inner is not None or held.any() else None

    @property
    def memory_rows(self):
        return self.summary.memory_rows + (0 if self.buffer is None else len(self.buffer))

    @property
    def peak_rows(self):
        return self.summary.peak_rows + (0 if self.buffer is None else len(self.buffer))

    def copy(self):
        state = ShuffledSummary(self.summary.copy(), self.size, self.key)
        state.buffer = None if self.buffer is None else self.buffer.copy()
        state.n_taken = self.n_taken
        return state

    def update(self, rows, n_jobs=None, device="cpu"):
        for start in range(0, rows.shape[0], _PIECE):
            piece = rows[start : start + _PIECE]
            displaced = self._exchange(piece.toarray() if issparse(piece) else piece)
            if len(displaced):
                self.summary.update(displaced, n_jobs, device)

    def _exchange(self, piece):
        """Put rows into the buffer and return those that leave it."""
        if self.buffer is None:
            self.buffer = np.empty((self.size, piece.shape[1]))
        places = indices(self.key, stream_of(_SHUFFLE_STREAM, 0), len(piece), self.size, first=self.n_taken)
        displaced = np.empty((len(piece), piece.shape[1]))
        count = 0
        for row, place in zip(piece, places):
            if self.n_taken >= self.size:
                displaced[count] = self.buffer[place]
                count += 1
            else:
                place = self.n_taken
            self.buffer[place] = row
            self.n_taken += 1
        return displaced[:count]

    def drained(self):
        """Return the summary after all rows."""
        state = self.summary.copy()
        if self.n_taken:
            held = self.buffer[: min(self.n_taken, self.size)]
            order = indices(self.key, stream_of(_SHUFFLE_STREAM, 1), len(held), 1 << 62)
            state.update(held[np.argsort(order, kind="stable")])
        return state

    def answer(self, n_components):
        return self.drained().answer(n_components)

    def heavy_rows(self):
        return self.drained().heavy_rows()
