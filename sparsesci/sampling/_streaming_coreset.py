"""Coresets of streams of rows."""

import copy

from sparsesci._core.validation import check_integer
from sparsesci.sampling._lp_coreset import BaseLpCoreset


class StreamingLpCoreset(BaseLpCoreset):
    """A coreset for l_p norms and l_p regression of rows that come one after the other, by merge-and-reduce.

    A buffer of rows is sampled when it is full; two samples of the same number of reductions make, sampled together,
    one of the next. A row takes part in at most ``log2(n / buffer_size) + 2`` reductions, and every sum stays unbiased.

    Parameters
    ----------
    n_samples : int
        How many rows to keep.
    p : float, default=1
    score : {"auto", "uniform", "leverage", "root_leverage", "lewis", "sensitivity", "leverage+sensitivity"}
    scheme : {"systematic", "poisson", "multinomial"}, default="systematic"
    mixture : float, default=0
    augment_target : bool, default=True
    fit_intercept : bool, default=False
    rescale : bool, default=False
        All as in :class:`LpCoreset`.
    buffer_size : int or None, default=None
        How many rows are collected before they are sampled, more than ``n_samples``. None: four times as many.
    random_state : int, RandomState instance, Generator or None, default=None
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_samples_,)
        Numbers of the rows that were kept, in the order of their arrival.
    sample_weight_ : ndarray of shape (n_samples_,)
    n_samples_ : int
        Number of rows that were kept: at most ``n_samples``, but for "poisson" random.
    n_samples_seen_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where ``X`` has feature names that are all strings.

    See Also
    --------
    LpCoreset : One-shot, for rows that are all there.
    online_leverage_scores : For decisions that are taken at once.

    Notes
    -----
    Memory for ``buffer_size`` rows and ``n_samples log2(n / buffer_size)`` more. Time of the scores of 4 rows or so for
    every row that comes. The error grows with the number of reductions, of which there are few.

    References
    ----------
    J. L. Bentley, J. B. Saxe, "Decomposable searching problems I: static-to-dynamic transformation", Journal of
    Algorithms, 1980. P. K. Agarwal, S. Har-Peled, K. R. Varadarajan, "Approximating extent measures of points", Journal
    of the ACM, 2004 (merge-and-reduce). Scores as in :class:`LpCoreset`.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sampling import StreamingLpCoreset
    >>> rng = np.random.default_rng(0)
    >>> coreset = StreamingLpCoreset(100, p=1.5, random_state=0)
    >>> for _ in range(20):
    ...     coreset = coreset.partial_fit(rng.standard_t(3, (300, 4)))
    >>> X, y, weight = coreset.get_coreset()
    >>> X.shape, coreset.n_samples_seen_, bool(abs(weight.sum() / 6000 - 1) < 0.5)
    ((100, 4), 6000, True)
    """

    def __init__(
        self,
        n_samples,
        p=1,
        score="auto",
        scheme="systematic",
        mixture=0,
        augment_target=True,
        *,
        fit_intercept=False,
        rescale=False,
        buffer_size=None,
        random_state=None,
        n_jobs=None,
        device="cpu",
    ):
        self.n_samples = n_samples
        self.p = p
        self.score = score
        self.scheme = scheme
        self.mixture = mixture
        self.augment_target = augment_target
        self.fit_intercept = fit_intercept
        self.rescale = rescale
        self.buffer_size = buffer_size
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.device = device

    def _check_parameters(self):
        super()._check_parameters()
        if self.buffer_size is not None:
            check_integer("buffer_size", self.buffer_size, minimum=self.n_samples + 1)

    def _buffer_size(self):
        return super()._buffer_size() if self.buffer_size is None else self.buffer_size

    def fit(self, X, y=None, sample_weight=None):
        """Take in all rows as a stream, forgetting what was learned before.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_rows, n_features)
        y : array-like of shape (n_rows,) or (n_rows, n_targets), or None, default=None
        sample_weight : array-like of shape (n_rows,) or None, default=None

        Returns
        -------
        self : StreamingLpCoreset

        Raises
        ------
        ValueError, TypeError
            If the data hold NaN or infinity, a weight is negative, or a parameter is out of range. The estimator stays
            as it was.
        """
        draft = copy.copy(self)
        for name in ("_tree", "_coreset", "_parts", "_key"):
            draft.__dict__.pop(name, None)
        draft.partial_fit(X, y, sample_weight)
        self.__dict__ = draft.__dict__
        return self
