"""Oja's rule with one rate, the classical baseline."""

import copy

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import assert_all_finite

from sparsesci._core.arrays import kernel_view
from sparsesci._core.device import resolve_device, twin
from sparsesci._core.rng import key_from_random_state, normals, stream_of
from sparsesci._core.threads import single_threaded_blas
from sparsesci._core.validation import check_flag, check_integer, check_option, check_real
from sparsesci.streaming import _oja_kernels
from sparsesci.streaming._base import StreamingTransformer
from sparsesci.streaming._block_power_summary import orthonormal_rows, top_directions, with_fixed_signs

_START_STREAM = 0x4F4A
_TILE_ROWS = 64
_SCHEDULES = ("inverse", "constant")


class OjaPCA(StreamingTransformer):
    """Oja's rule: every row a pulls the components towards itself, V <- V + rate (V a) a^T.

    The rate has to suit the scale and the spectrum of the data, and there are data for which no fixed rate does (Kacham
    and Woodruff): a baseline to compare with; :class:`StreamingPCA` needs no rate.

    Parameters
    ----------
    n_components : int, default=1
    learning_rate : float, default=1.0
        The rate, in units of one over a squared norm of rows.
    schedule : {"inverse", "constant"}, default="inverse"
        "inverse": the rate of row i is ``learning_rate / (i + offset)``.
    offset : float, default=10.0
        Positive.
    block_size : int, default=16
        The components are orthonormalised after so many rows.
    center : bool, default=True
        Whether the mean of the rows so far is taken out of each row.
    chunk_size : int, default=1024
        Number of rows that ``fit`` takes at a time. The result does not depend on it.
    random_state : int, RandomState instance, Generator or None, default=None
        Where the starting vectors come from.
    device : {"cpu", "cuda", "auto"}, default="cpu"
    verbose : int, default=0
        Whether ``fit`` shows a progress bar.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Orthonormal; not ordered. The entry of the largest magnitude of each is positive.
    mean_ : ndarray of shape (n_features,)
        Zero without centring.
    memory_rows_, peak_memory_rows_ : int
        How many vectors of length n_features are held, now and at most.
    n_samples_seen_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where ``X`` has feature names that are all strings.

    See Also
    --------
    StreamingPCA : Needs no rate; with ``order="arbitrary"`` it tries a grid of them.

    Notes
    -----
    Time O(k d) for a row, and O(k^2 d) for every orthonormalisation; memory O(k d). Rows follow each other strictly, so
    there are no threads. Rows of a CSR matrix are made dense one tile at a time.

    References
    ----------
    E. Oja, "A simplified neuron model as a principal component analyzer", Journal of Mathematical Biology, 1982.
    P. Jain, C. Jin, S. M. Kakade, P. Netrapalli, A. Sidford, "Streaming PCA: Matching Matrix Bernstein and Near-Optimal
    Finite Sample Guarantees for Oja's Algorithm", COLT 2016, arXiv:1602.06929.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.streaming import OjaPCA
    >>> X = np.random.default_rng(0).standard_normal((5000, 20))
    >>> X[:, 3] *= 3
    >>> model = OjaPCA(random_state=0).fit(X)
    >>> bool(model.components_[0, 3] ** 2 > 0.99)
    True
    """

    def __init__(
        self,
        n_components=1,
        *,
        learning_rate=1.0,
        schedule="inverse",
        offset=10.0,
        block_size=16,
        center=True,
        chunk_size=1024,
        random_state=None,
        device="cpu",
        verbose=0,
    ):
        self.n_components = n_components
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.offset = offset
        self.block_size = block_size
        self.center = center
        self.chunk_size = chunk_size
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def _check_parameters(self):
        check_integer("n_components", self.n_components, minimum=1)
        check_real("learning_rate", self.learning_rate, minimum=0, exclusive=True)
        check_option("schedule", self.schedule, _SCHEDULES)
        check_real("offset", self.offset, minimum=0, exclusive=True)
        check_integer("block_size", self.block_size, minimum=1)
        check_flag("center", self.center)
        check_integer("chunk_size", self.chunk_size, minimum=1)
        resolve_device(self.device)
        check_integer("verbose", int(self.verbose) if isinstance(self.verbose, bool) else self.verbose)

    def _new_summary(self, n_features):
        if self.n_components > n_features:
            raise ValueError(
                f"n_components must be at most the number of features, {n_features}; got {self.n_components}"
            )
        key = key_from_random_state(self.random_state)
        offset = float(self.offset) if self.schedule == "inverse" else None
        return _Oja(
            n_features, self.n_components, float(self.learning_rate), offset, self.block_size, bool(self.center), key
        )

    def _resources(self):
        return {"device": self.device}

    def _learn(self):
        mean, dtype = self._summary.mean, self._dtype
        return {
            "components": with_fixed_signs(self._summary.orthonormal()).astype(dtype),
            "mean": np.zeros(self.n_features_in_, dtype) if mean is None else mean.astype(dtype),
        }

    def merge(self, other):
        """Take in what was learned from other rows, by averaging the projections on the components.

        Parameters
        ----------
        other : OjaPCA
            Fitted with the same parameters, on other rows. Not changed. Both should have converged.

        Returns
        -------
        self : OjaPCA

        Raises
        ------
        TypeError
            If ``other`` is no OjaPCA.
        ValueError
            If the two do not fit together, or were merged before. Both stay as they were.
        """
        parts = self._check_shard(other)
        draft = copy.copy(self)
        draft._summary = self._summary.merged(other._summary)
        draft._dtype = np.result_type(self._dtype, other._dtype)
        draft._merged_parts = parts
        draft._learned = None
        return self._become(draft)

    def _shard_traits(self):
        summary = self._summary
        return {
            **super()._shard_traits(),
            "number of components": len(summary.vectors),
            "learning_rate": summary.rate,
            "offset (schedule)": summary.offset,
            "block_size": summary.block_size,
            "center": summary.mean is not None,
        }


class _Oja:
    """The components and the mean so far."""

    def __init__(self, n_features, n_components, rate, offset, block_size, center, key):
        self.rate, self.offset, self.block_size = rate, offset, block_size
        start = normals(key, stream_of(_START_STREAM, 0), n_components * n_features)
        with single_threaded_blas():
            self.vectors = orthonormal_rows(start.reshape(n_components, n_features))
        self.mean = np.zeros(n_features) if center else None
        self.n_seen = 0

    @property
    def memory_rows(self):
        return len(self.vectors) + (self.mean is not None)

    peak_rows = memory_rows

    def identity(self):
        """Return arrays that tell this stream from others."""
        return [self.vectors, np.array([self.n_seen])]

    def copy(self):
        state = copy.copy(self)
        state.vectors = self.vectors.copy()
        state.mean = None if self.mean is None else self.mean.copy()
        return state

    def update(self, rows, device="cpu"):
        kernels = twin(_oja_kernels, device)
        with single_threaded_blas():
            for start in range(0, rows.shape[0], _TILE_ROWS):
                tile = rows[start : start + _TILE_ROWS]
                self._follow(kernel_view(np.ascontiguousarray(tile.toarray() if issparse(tile) else tile)), kernels)
        if not np.isfinite(self.vectors).all():
            raise ValueError("learning_rate is too large for rows of this norm: the components overflow")

    def _follow(self, tile, kernels):
        assert_all_finite(tile, input_name="X")
        rows = np.empty(tile.shape)
        if self.mean is None:
            rows[:] = tile
        else:
            _oja_kernels.subtract_running_mean(tile, 1.0, self.n_seen, self.mean, rows)
        numbers = self.n_seen + 1.0 + np.arange(len(rows))
        steps = np.full(len(rows), self.rate) if self.offset is None else self.rate / (numbers + self.offset)
        first = 0
        while first < len(rows):
            stop = min(len(rows), first + self.block_size - self.n_seen % self.block_size)
            self._step(rows[first:stop], steps[first:stop], kernels)
            self.n_seen += stop - first
            if self.n_seen % self.block_size == 0 and np.isfinite(self.vectors).all():
                self.vectors = self.orthonormal()
            first = stop

    def _step(self, rows, steps, kernels):
        k = len(self.vectors)
        kernels.oja_rows(rows, steps, np.ones(k), self.vectors, np.zeros(k), np.zeros(k), 0, 0, 1)

    def orthonormal(self):
        """Return the components with orthonormal rows, in their order."""
        if len(self.vectors) == 1:
            return self.vectors / np.linalg.norm(self.vectors)
        q, r = np.linalg.qr((self.vectors / np.linalg.norm(self.vectors, axis=1, keepdims=True)).T)
        return np.ascontiguousarray((q * np.where(np.diagonal(r) < 0, -1.0, 1.0)).T)

    def merged(self, other):
        """Return a state of the rows of both."""
        state, n = self.copy(), self.n_seen + other.n_seen
        stacked = [np.sqrt(each.n_seen / n) * each.orthonormal() for each in (self, other)]
        with single_threaded_blas():
            none = np.zeros((0, self.vectors.shape[1]))
            state.vectors = top_directions(np.concatenate(stacked), none, None, self.vectors, len(self.vectors))[0]
        if self.mean is not None:
            state.mean = self.mean + (other.n_seen / n) * (other.mean - self.mean)
        state.n_seen = n
        return state
