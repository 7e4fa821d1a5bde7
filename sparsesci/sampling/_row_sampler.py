"""What samplers of rows share beside their scores."""

import scipy.sparse
from sklearn.base import BaseEstimator
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples, check_is_fitted


def take_rows(X, which):
    """Return some of the rows of an array, a frame, a list or a sparse matrix, in its own type if possible."""
    if scipy.sparse.issparse(X) and X.format not in ("csr", "csc", "lil"):
        X = X.tocsr()
    return _safe_indexing(X, which)


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
        return self._taken(X, y)

    def resample(self, X, y=None):
        """Return the kept ones of other rows that belong to those of ``fit``.

        Parameters
        ----------
        X : array-like or sparse matrix with as many rows as in ``fit``
        y : array-like with as many rows, or None, default=None

        Returns
        -------
        X_resampled, y_resampled, sample_weight : as of ``fit_resample``

        Raises
        ------
        ValueError
            If there are not as many rows.
        """
        check_is_fitted(self)
        n = len(self.scores_)
        for name, rows in (("X", X), ("y", y)):
            if rows is not None and _num_samples(rows) != n:
                raise ValueError(f"{name} must have {n} rows, as in fit; got {_num_samples(rows)}")
        return self._taken(X, y)

    def _taken(self, X, y):
        kept = self.sample_indices_
        return take_rows(X, kept), None if y is None else take_rows(y, kept), self.sample_weight_.copy()

    @property
    def n_samples_(self):
        check_is_fitted(self)
        return len(self.sample_indices_)
