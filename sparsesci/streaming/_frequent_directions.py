"""Frequent Directions: a deterministic sketch of the rows with a guarantee for any order."""

import copy

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import assert_all_finite

from sparsesci._core.threads import single_threaded_blas
from sparsesci._core.validation import check_integer
from sparsesci.streaming._base import StreamingTransformer
from sparsesci.streaming._block_power_summary import top_directions, with_fixed_signs


class FrequentDirections(StreamingTransformer):
    """A sketch B of at most 2 l rows with B^T B close to A^T A, for rows in any order.

    For every unit vector x and every j < l, ``0 <= x^T (A^T A - B^T B) x <= ||A - A_j||_F^2 / (l - j)``, A_j being the
    best approximation of rank j. Sketches can be merged, and the bound holds for the union. Nothing is random.

    Parameters
    ----------
    n_directions : int, default=16
        l. The buffer has twice as many rows.
    chunk_size : int, default=1024
        Number of rows that ``fit`` takes at a time. The result does not depend on it.
    verbose : int, default=0
        Whether ``fit`` shows a progress bar.

    Attributes
    ----------
    components_ : ndarray of shape (min(n_directions, n_features), n_features)
        Right singular vectors of the sketch, largest singular value first; orthonormal, and the entry of the largest
        magnitude of each is positive. Where the sketch has a smaller rank, coordinate axes fill up.
    singular_values_ : ndarray of shape (min(n_directions, n_features),)
        Of the sketch.
    sketch_ : ndarray of shape (at most 2 n_directions, n_features)
        B.
    error_bound_ : float
        What has been cut off in all: ``x^T (A^T A - B^T B) x`` is at most this for every unit vector x. Never larger
        than the bound above.
    mean_ : ndarray of shape (n_features,)
        Zero: rows are not centred.
    memory_rows_, peak_memory_rows_ : int
        How many vectors of length n_features are held, now and at most.
    n_samples_seen_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where ``X`` has feature names that are all strings.

    See Also
    --------
    StreamingPCA : More accurate in the same memory for rows in random order, where the spectrum is flat.

    Notes
    -----
    Time O(l d) for a row, in products of matrices with 2 l rows; memory 2 l d. The sketch is cut back by the
    eigenvalues of B B^T, so that directions below 1e-8 of the largest singular value are lost.

    References
    ----------
    E. Liberty, "Simple and Deterministic Matrix Sketching", KDD 2013, arXiv:1206.0594. M. Ghashami, E. Liberty, J. M.
    Phillips, D. P. Woodruff, "Frequent Directions: Simple and Deterministic Matrix Sketching", SIAM Journal on
    Computing, 2016, arXiv:1501.01711.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.streaming import FrequentDirections
    >>> A = np.random.default_rng(0).standard_normal((2000, 30)) * 0.9 ** np.arange(30)
    >>> model = FrequentDirections(10).fit(A)
    >>> error = np.linalg.norm(A.T @ A - model.sketch_.T @ model.sketch_, 2)
    >>> bool(error <= model.error_bound_ <= np.linalg.norm(A) ** 2 / 10)
    True
    """

    def __init__(self, n_directions=16, *, chunk_size=1024, verbose=0):
        self.n_directions = n_directions
        self.chunk_size = chunk_size
        self.verbose = verbose

    def _check_parameters(self):
        check_integer("n_directions", self.n_directions, minimum=1)
        check_integer("chunk_size", self.chunk_size, minimum=1)
        check_integer("verbose", int(self.verbose) if isinstance(self.verbose, bool) else self.verbose)

    def _new_summary(self, n_features):
        return _Sketch(n_features, self.n_directions)

    def _learn(self):
        dtype, d = self._dtype, self.n_features_in_
        sketch = self._summary.rows()
        k = min(self._summary.size, d)
        with single_threaded_blas():
            none = np.zeros((0, d))
            # In a unit in which squares neither overflow nor vanish.
            exponent = np.frexp(np.abs(sketch).max())[1] if sketch.size else 0
            components, singular_values = top_directions(np.ldexp(sketch, -exponent), none, None, none, k)
            singular_values = np.ldexp(singular_values, exponent)
        return {
            "components": with_fixed_signs(components).astype(dtype),
            "singular_values": singular_values.astype(dtype),
            "mean": np.zeros(d, dtype),
            "sketch": sketch.astype(dtype),
            "error_bound": self._summary.cut,
        }

    singular_values_ = property(lambda self: self._value("singular_values"))
    sketch_ = property(lambda self: self._value("sketch"))
    error_bound_ = property(lambda self: self._value("error_bound"))

    def merge(self, other):
        """Take in the sketch of other rows. The guarantee holds for all rows of both.

        Parameters
        ----------
        other : FrequentDirections
            Fitted with the same number of directions, on other rows. Not changed.

        Returns
        -------
        self : FrequentDirections

        Raises
        ------
        TypeError
            If ``other`` is no FrequentDirections.
        ValueError
            If the two do not fit together, or were merged before. Both stay as they were.
        """
        parts = self._check_shard(other)
        draft = copy.copy(self)
        draft._summary = self._summary.copy()
        draft._summary.take_sketch(other._summary)
        draft._dtype = np.result_type(self._dtype, other._dtype)
        draft._merged_parts = parts
        draft._learned = None
        return self._become(draft)

    def _shard_traits(self):
        return {**super()._shard_traits(), "n_directions": self._summary.size}


class _Sketch:
    """A buffer of 2 l rows that is cut back to fewer than l whenever it is full."""

    def __init__(self, n_features, size):
        self.size = size
        self.buffer = np.zeros((2 * size, n_features))
        self.filled = 0
        self.cut = 0.0
        self.n_seen = 0

    memory_rows = property(lambda self: len(self.buffer))
    peak_rows = memory_rows

    def identity(self):
        """Return arrays that tell this stream from others, or None where the sketch is zero."""
        return [self.buffer, np.array([self.n_seen])] if self.buffer.any() else None

    def copy(self):
        state = copy.copy(self)
        state.buffer = self.buffer.copy()
        return state

    def rows(self):
        """Return a copy of the sketch."""
        return self.buffer[: self.filled].copy()

    def update(self, rows):
        assert_all_finite(rows.data if issparse(rows) else rows, input_name="X")
        n, start = rows.shape[0], 0
        with single_threaded_blas():
            while start < n:
                count = min(n - start, len(self.buffer) - self.filled)
                piece = rows[start : start + count]
                self._append(piece.toarray() if issparse(piece) else piece)
                start += count
        self.n_seen += n

    def _append(self, piece):
        place = self.buffer[self.filled : self.filled + len(piece)]
        place[:] = piece
        self.filled += len(piece)
        if self.filled == len(self.buffer):
            self._cut_back()

    def _cut_back(self):
        """Take the l-th largest eigenvalue off all of them, which leaves fewer than l rows."""
        largest = np.abs(self.buffer).max()
        if largest > 0:
            scaled = self.buffer / largest
            values, vectors = np.linalg.eigh(scaled @ scaled.T)
            values, vectors = values[::-1], vectors[:, ::-1]
            cut = max(values[self.size - 1], 0.0)
            kept = values[: self.size - 1] > cut
            weights = np.sqrt((values[: self.size - 1][kept] - cut) / values[: self.size - 1][kept])
            self.buffer[: len(weights)] = weights[:, np.newaxis] * (
                vectors[:, : self.size - 1][:, kept].T @ self.buffer
            )
            self.filled = len(weights)
            self.cut += float(cut * largest) * float(largest)
        else:
            self.filled = 0
        self.buffer[self.filled :] = 0.0

    def take_sketch(self, other):
        """Add the rows of another sketch."""
        rows, start = other.rows(), 0
        with single_threaded_blas():
            while start < len(rows):
                count = min(len(rows) - start, len(self.buffer) - self.filled)
                self._append(rows[start : start + count])
                start += count
        self.cut += other.cut
        self.n_seen += other.n_seen
