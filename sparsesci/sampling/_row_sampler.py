"""What samplers of rows share beside their scores."""

from sklearn.base import BaseEstimator
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_is_fitted


class RowSampler(BaseEstimator):
    """Base of estimators whose ``fit`` sets ``sample_indices_`` and ``sample_weight_``."""

    def fit_resample(self, X, y=None, sample_weight=None):
        """Fit, and return the rows that were kept, as they came.

        Parameters
        ----------
        X, y, sample_weight : see ``fit``

        Returns
        -------
        X_resampled : of the type of ``X``, of shape (n_kept, n_features)
        y_resampled : of the type of ``y``; None if ``y`` is
        sample_weight : ndarray of shape (n_kept,)
            For estimators that take ``sample_weight``.
        """
        self.fit(X, y, sample_weight)
        kept = self.sample_indices_
        y = None if y is None else _safe_indexing(y, kept)
        return _safe_indexing(X, kept), y, self.sample_weight_.copy()

    @property
    def n_samples_(self):
        check_is_fitted(self)
        return len(self.sample_indices_)
