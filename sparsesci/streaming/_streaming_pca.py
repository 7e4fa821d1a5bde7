"""Principal components of a stream of rows, in one pass and in memory that is counted in rows."""

import copy
import math
import warnings

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sparsesci._core.device import resolve_device
from sparsesci._core.rng import key_from_random_state
from sparsesci._core.threads import effective_n_jobs
from sparsesci._core.validation import check_flag, check_integer, check_option, check_real, naming
from sparsesci.streaming._base import StreamingTransformer
from sparsesci.streaming._block_power import BlockPower
from sparsesci.streaming._block_power_merge import merged
from sparsesci.streaming._block_power_summary import with_fixed_signs
from sparsesci.streaming._covariance import Covariance, merged_covariances
from sparsesci.streaming._rate_grid import RateGrid
from sparsesci.streaming._shuffle import ShuffledSummary
from sparsesci.streaming._warnings import StreamingWarning

_METHODS = ("block-power", "oja-grid", "exact", "auto")
_ORDERS = ("random", "arbitrary")
_NO_RANK = 1e-12


class StreamingPCA(StreamingTransformer):
    """Principal component analysis in one pass over the rows, keeping a few vectors of length n_features.

    Blocks of rows drive a power method, several side by side with blocks that grow at different speeds; the rows of the
    largest norms are stored and count exactly. Meant for rows in random order. Results do not depend on how the
    rows are divided into chunks, to the last bit.

    Parameters
    ----------
    n_components : int, default=1
        Number of components, k.
    method : {"block-power", "oja-grid", "exact", "auto"}, default="block-power"
        "oja-grid" is Oja's rule on a grid of rates, for any order, and for one component only. "exact" keeps all
        n_features^2 second moments. "auto" is "exact" where that takes no more rows than "block-power", and otherwise
        what suits ``order``.
    order : {"random", "arbitrary"}, default="random"
        What is known about the order of the rows. With "arbitrary", "block-power" becomes "oja-grid".
    growth_factors : sequence of float, default=(1.1, 1.2, 1.35, 1.6, 2.0)
        By how much each schedule's blocks grow, all greater than 1. Slow growth means many steps on little data each,
        fast growth few steps on much. The time of a pass is proportional to their number.
    first_block : int, default=32
        Number of rows in the first block of every schedule.
    max_heavy_rows : int, default=64
        How many rows of the largest norms are stored.
    heavy_factor : float, default=0.0
        If positive, only rows are stored whose squared norm is above this factor / max(log d, 1) times the larger of
        the average d-th part of all squared norms and the top eigenvalue. 0: no threshold.
    center : bool, default=True
        Whether the mean is taken out.
    n_samples_hint : int or None, default=None
        If given, there is one schedule with equal blocks, as many as 2 log d, as in the theory; ``growth_factors`` and
        ``first_block`` are not used. Less accurate than growing blocks in all our measurements.
    n_oversamples : int, default=0
        Number of further directions that are followed and not reported.
    shuffle_buffer : int, default=0
        If positive, rows pass through a buffer of so many rows, from which a random one is taken for each that comes.
        Helps with an order that is random but locally.
    chunk_size : int, default=1024
        Number of rows that ``fit`` takes at a time. The result does not depend on it.
    random_state : int, RandomState instance, Generator or None, default=None
        Where the starting vectors, and the choices of the shuffle buffer, come from.
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
    verbose : int, default=0
        Whether ``fit`` shows a progress bar.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Orthonormal rows; the entry of the largest magnitude of each is positive.
    explained_variance_ : ndarray of shape (n_components,)
        Squared singular values divided by n - 1, or by n without centring.
    explained_variance_ratio_ : ndarray of shape (n_components,)
        Shares of the total variance, which is known exactly.
    singular_values_ : ndarray of shape (n_components,)
        Estimates of the singular values of the (centred) matrix.
    mean_ : ndarray of shape (n_features,)
        Zero without centring.
    noise_variance_ : float
        Average variance in the other directions.
    frobenius_norm_ : float
        Norm of the (centred) matrix.
    heavy_rows_ : ndarray of shape (n_heavy_rows_, n_features)
        The rows that are stored, as they came, the largest norm first. With centring, norms are distances from the
        mean of the first rows.
    n_heavy_rows_ : int
    memory_rows_, peak_memory_rows_ : int
        How many vectors of length n_features are held, now and at most: no more than 3 m k + max_heavy_rows + 2 for m
        schedules, m more with centring, and ``shuffle_buffer``.
    schedule_scores_ : ndarray of shape (n_schedules,)
        Estimates of the energy of all rows in each schedule's iterate; with "oja-grid", the growth of each rate.
    best_schedule_ : int
        The one that the components are from.
    gap_estimate_ : float
        Ratio of the first two eigenvalues; NaN for one component.
    order_warning_ : bool
        Whether the rows of the last quarter differ from those before: see Notes.
    n_samples_seen_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where ``X`` has feature names that are all strings.

    See Also
    --------
    top_eigenvector : The same for one component, as a function.
    FrequentDirections : Deterministic, with a guarantee for any order, and far less accurate in the same memory where
    the
        spectrum is flat.

    Notes
    -----
    Time O(m k d) for a dense row, O(m k nnz) for a row of a CSR matrix, and O((k + max_heavy_rows) k d) at the end of a
    block. Memory O((m k + max_heavy_rows) d). ``partial_fit`` copies the m k sums and iterates, so that it happens
    entirely
    or not at all; heavy rows only where new ones come. A CSR matrix is centred without being made dense. Stored rows
    are dense.

    Beside these, ``fit`` works on a tile of rows: half a megabyte of float64 and at least 32 rows on one thread, up to
    1024 rows on several, copied where rows are centred, float32 or not C-ordered.

    *Published* (Kacham and Woodruff): for rows in random order and a gap R between the first two eigenvalues of
    A^T A, O(h d polylog d) bits are enough for a squared correlation 1 - O(1 / sqrt(R)), h being the number of rows
    with a
    norm of at least ||A||_F / sqrt(d polylog d), and storing these is unavoidable. *Ours*: growing blocks, several
    schedules and their scores, the buffer without threshold, the Nystrom form of the last block, centring, more than
    one
    component, merging, and the warning about the order: these are practical forms of the two ingredients, stored heavy
    rows
    and a power method on fresh blocks, and not the authors' algorithm. The method "oja-grid" reconstructs the idea of
    Price and Xun with our constants.

    The order is doubted where, over about the last quarter of the stream, the mean logarithm of the squared norms or
    the energy in the iterate is off by five standard errors. That finds much, not everything.

    Squared norms are computed; for entries below 1e-70 or above 1e70 another unit of length is chosen.

    References
    ----------
    P. Kacham, D. P. Woodruff, "Approximating the Top Eigenvector in Random Order Streams", NeurIPS 2024,
    arXiv:2412.11963.
    E. Price, Z. Xun, "Spectral Guarantees for Adversarial Streaming PCA", FOCS 2024, arXiv:2408.10332.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.streaming import StreamingPCA
    >>> X = np.random.default_rng(0).standard_normal((5000, 50))
    >>> X[:, 7] *= 2
    >>> model = StreamingPCA(random_state=0)
    >>> for start in range(0, 5000, 500):
    ...     model = model.partial_fit(X[start : start + 500])
    >>> int(model.components_[0].argmax()), model.n_samples_seen_, model.peak_memory_rows_
    (7, 5000, 86)
    >>> bool(model.components_[0, 7] ** 2 > 0.98)
    True
    """

    def __init__(
        self,
        n_components=1,
        *,
        method="block-power",
        order="random",
        growth_factors=(1.1, 1.2, 1.35, 1.6, 2.0),
        first_block=32,
        max_heavy_rows=64,
        heavy_factor=0.0,
        center=True,
        n_samples_hint=None,
        n_oversamples=0,
        shuffle_buffer=0,
        chunk_size=1024,
        random_state=None,
        n_jobs=None,
        device="cpu",
        verbose=0,
    ):
        self.n_components = n_components
        self.method = method
        self.order = order
        self.growth_factors = growth_factors
        self.first_block = first_block
        self.max_heavy_rows = max_heavy_rows
        self.heavy_factor = heavy_factor
        self.center = center
        self.n_samples_hint = n_samples_hint
        self.n_oversamples = n_oversamples
        self.shuffle_buffer = shuffle_buffer
        self.chunk_size = chunk_size
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.device = device
        self.verbose = verbose

    # Setting up

    def _check_parameters(self):
        """Raise for parameters that are wrong whatever the data are."""
        check_integer("n_components", self.n_components, minimum=1)
        check_option("method", self.method, _METHODS)
        check_option("order", self.order, _ORDERS)
        self._factors()
        check_integer("first_block", self.first_block, minimum=1)
        check_integer("max_heavy_rows", self.max_heavy_rows, minimum=0)
        check_real("heavy_factor", self.heavy_factor, minimum=0)
        check_flag("center", self.center)
        if self.n_samples_hint is not None:
            check_integer("n_samples_hint", self.n_samples_hint, minimum=1)
        check_integer("n_oversamples", self.n_oversamples, minimum=0)
        check_integer("shuffle_buffer", self.shuffle_buffer, minimum=0)
        check_integer("chunk_size", self.chunk_size, minimum=1)
        effective_n_jobs(self.n_jobs)
        resolve_device(self.device)
        check_integer("verbose", int(self.verbose) if isinstance(self.verbose, bool) else self.verbose)
        if self.n_components > 1 and self._kind(None) == "oja-grid":
            raise ValueError(f"n_components must be 1 for rows in arbitrary order; got {self.n_components}")

    def _factors(self):
        with naming("growth_factors"):
            factors = tuple(self.growth_factors)
            if not factors:
                raise ValueError(f"growth_factors must not be empty; got {self.growth_factors!r}")
        if self.n_samples_hint is not None:
            return (1.0,)
        for factor in factors:
            check_real("growth_factors", factor, minimum=1, exclusive=True)
        return factors

    def _kind(self, n_features):
        """Return which summary is kept."""
        grid = self.method == "oja-grid" or (self.method != "exact" and self.order == "arbitrary")
        if self.method == "exact":
            return "exact"
        if self.method == "auto" and n_features is not None:
            rows = 3 * len(self._factors()) * self.n_components + self.max_heavy_rows
            if n_features <= rows:
                return "exact"
        return "oja-grid" if grid and not (self.method == "auto" and n_features is None) else "block-power"

    def _new_summary(self, n_features):
        if self.n_components > n_features:
            raise ValueError(
                f"n_components must be at most the number of features, {n_features}; got {self.n_components}"
            )
        key = key_from_random_state(self.random_state)
        kind = self._kind(n_features)
        if kind == "oja-grid" and self.n_components > 1:
            raise ValueError(f"n_components must be 1 for rows in arbitrary order; got {self.n_components}")
        if kind == "exact":
            summary = Covariance(n_features, center=self.center, key=key)
        elif kind == "oja-grid":
            summary = RateGrid(n_features, center=self.center, key=key)
        else:
            summary = self._block_power(n_features, key)
        return ShuffledSummary(summary, self.shuffle_buffer, key) if self.shuffle_buffer else summary

    def _block_power(self, n_features, key):
        block = self.first_block
        if self.n_samples_hint is not None:
            n_blocks = max(1, math.ceil(2 * math.log(n_features)))
            block = max(1, self.n_samples_hint // n_blocks)
        return BlockPower(
            n_features,
            min(n_features, self.n_components + self.n_oversamples),
            self._factors(),
            block,
            capacity=self.max_heavy_rows,
            heavy_factor=float(self.heavy_factor),
            center=bool(self.center),
            key=key,
        )

    def _resources(self):
        return {"n_jobs": self.n_jobs, "device": self.device}

    # The answer

    def _learn(self):
        """Turn the summary into what the attributes show."""
        n, d = self._summary.n_seen, self.n_features_in_
        answer = self._summary.answer(self.n_components)
        centred = answer.mean is not None
        values = answer.singular_values
        missing = int((values <= _NO_RANK * max(answer.frobenius_norm, np.finfo(float).tiny)).sum())
        if missing:
            values = np.where(np.arange(len(values)) < len(values) - missing, values, 0.0)
            warnings.warn(
                f"The rows have variance in {len(values) - missing} of {len(values)} components only; the others are "
                "arbitrary directions with variance 0.",
                StreamingWarning,
                stacklevel=4,
            )
        if answer.ordered:
            warnings.warn(
                "rows do not look randomly ordered; use order='arbitrary' or shuffle_buffer",
                StreamingWarning,
                stacklevel=4,
            )
        scale = math.sqrt(max(n - 1, 1) if centred else n)
        variances, total = (values / scale) ** 2, (answer.frobenius_norm / scale) ** 2
        rest = d - len(values)
        with np.errstate(divide="ignore", invalid="ignore"):
            gap = variances[0] / variances[1] if len(values) > 1 and variances[0] > 0 else np.nan
        dtype = self._dtype
        return {
            "components": np.ascontiguousarray(with_fixed_signs(answer.components), dtype=dtype),
            "mean": np.zeros(d, dtype) if answer.mean is None else answer.mean.astype(dtype),
            "singular_values": values.astype(dtype),
            "explained_variance": variances.astype(dtype),
            "explained_variance_ratio": (variances / total if total > 0 else np.zeros(len(values))).astype(dtype),
            "noise_variance": max(total - variances.sum(), 0.0) / rest if rest else 0.0,
            "frobenius_norm": float(answer.frobenius_norm),
            "schedule_scores": answer.scores,
            "best_schedule": answer.best,
            "gap_estimate": float(gap),
            "order_warning": answer.ordered,
        }

    singular_values_ = property(lambda self: self._value("singular_values"))
    explained_variance_ = property(lambda self: self._value("explained_variance"))
    explained_variance_ratio_ = property(lambda self: self._value("explained_variance_ratio"))
    noise_variance_ = property(lambda self: self._value("noise_variance"))
    frobenius_norm_ = property(lambda self: self._value("frobenius_norm"))
    schedule_scores_ = property(lambda self: self._value("schedule_scores"))
    best_schedule_ = property(lambda self: self._value("best_schedule"))
    gap_estimate_ = property(lambda self: self._value("gap_estimate"))
    order_warning_ = property(lambda self: self._value("order_warning"))

    @property
    def heavy_rows_(self):
        check_is_fitted(self)
        return self._summary.heavy_rows().astype(self._dtype, copy=False)

    @property
    def n_heavy_rows_(self):
        return len(self.heavy_rows_)

    def get_covariance(self):
        """Return the covariance of the model: the components and, in all other directions, the noise variance.

        Returns
        -------
        covariance : ndarray of shape (n_features, n_features)
        """
        components, noise = self.components_, self.noise_variance_
        covariance = (components.T * (self.explained_variance_ - noise)) @ components
        covariance.flat[:: len(covariance) + 1] += noise
        return covariance

    def merge(self, other):
        """Take in the summary of other rows.

        Shards should each be representative of the whole (rows assigned at random): the light rows of each are known
        only through its own top directions. For small gaps nothing better is possible in little memory (Price and Xun).

        Parameters
        ----------
        other : StreamingPCA
            Fitted with the same method, schedules, number of components and centring, on other rows. Not changed.
            Equal rows in equal order are taken for the same shard, and refused.

        Returns
        -------
        self : StreamingPCA

        Raises
        ------
        TypeError
            If ``other`` is no StreamingPCA.
        ValueError
            If the two do not fit together, were merged before, or use "oja-grid", which cannot be merged. Both stay as
            they were.
        """
        parts = self._check_shard(other)
        draft = copy.copy(self)
        mine, theirs = (_without_buffer(estimator._summary) for estimator in (self, other))
        draft._summary = merged_covariances(mine, theirs) if isinstance(mine, Covariance) else merged(mine, theirs)
        draft._dtype = np.result_type(self._dtype, other._dtype)
        draft._merged_parts = parts
        draft._learned = None
        return self._become(draft)

    def _shard_traits(self):
        summary = _without_buffer(self._summary, drain=False)
        if isinstance(summary, RateGrid):
            raise ValueError(
                f"other cannot be merged with method='oja-grid': {type(self).__name__} needs another method"
            )
        return {
            **super()._shard_traits(),
            "method": type(summary).__name__,
            "number of components": summary.k,
            "growth_factors": tuple(summary.factors.tolist()),
            "max_heavy_rows": summary.capacity,
            "center": summary.center,
        }


def _without_buffer(summary, drain=True):
    if not isinstance(summary, ShuffledSummary):
        return summary
    return summary.drained() if drain else summary.summary
