"""What the streaming estimators share: taking chunks in, projecting on components, and telling shards apart."""

import copy
import hashlib

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_array
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import check_is_fitted, validate_data

from sparsesci._core.progress import progress_bar
from sparsesci._core.threads import run_ranges, single_threaded_blas
from sparsesci._core.validation import naming
from sparsesci.streaming._chunks import half_precision_up, is_stream, row_pieces

_DTYPES = [np.float64, np.float32]
_PRODUCT_ELEMENTS = 1 << 18


def _product(X, matrix, *, before=None, after=None, n_jobs=None):
    """Return (X - before) @ matrix + after, by blocks of rows: the same bits for every number of threads."""
    out = np.empty((X.shape[0], matrix.shape[1]), dtype=np.result_type(X, matrix))
    matrix = np.ascontiguousarray(matrix)

    def task(start, stop):
        rows = X[start:stop] if before is None else X[start:stop] - before
        np.matmul(rows, matrix, out=out[start:stop])
        if after is not None:
            out[start:stop] += after

    with single_threaded_blas():
        run_ranges(task, len(X), max(1, _PRODUCT_ELEMENTS // X.shape[1]), n_jobs)
    return out


class StreamingTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Base of the estimators that keep a summary of a stream of rows and project on components.

    A subclass has ``_check_parameters()``, ``_new_summary(n_features)`` and ``_learn(summary, draft)``, which turns the
    summary into a dictionary of learned values, ``components`` and ``mean`` among them.
    """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def __sklearn_is_fitted__(self):
        return "_summary" in vars(self)

    def fit(self, X, y=None):
        """Learn from all rows in one pass, forgetting what was learned before.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or iterable of such chunks
            A memory map is read piece by piece. An iterator of chunks is consumed.
        y : ignored

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If the data hold NaN or infinity, or there are none. The estimator stays as it was.
        """
        draft = copy.copy(self)
        for name in ("_summary", "_learned", "_parts", "_dtype"):
            draft.__dict__.pop(name, None)
        draft._check_parameters()
        chunks = X if is_stream(X) else draft._pieces(X)
        any_chunk = False
        for chunk in progress_bar(chunks, desc=type(self).__name__, verbose=getattr(self, "verbose", 0)):
            draft._take(chunk, reset=not any_chunk, checked=chunks is not X)
            any_chunk = True
        if not any_chunk:
            raise ValueError("X must hold at least one chunk of rows; it is an empty iterable")
        draft._learned = draft._learn()
        return self._become(draft)

    def _pieces(self, X):
        X = self._check_rows(X, reset=True)
        size = getattr(self, "chunk_size", 1024)
        n_pieces = -(-X.shape[0] // size)
        return _Sized(row_pieces(X, size), n_pieces)

    def partial_fit(self, X, y=None):
        """Take in more rows.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If the data hold NaN or infinity, or have another number of features. The estimator stays as it was.
        """
        draft = copy.copy(self)
        draft._check_parameters()
        first_call = "_summary" not in vars(self)
        if not first_call:
            draft._summary = self._summary.copy()
        draft._take(X, reset=first_call)
        draft._learned = None
        return self._become(draft)

    def _take(self, X, *, reset, checked=False):
        if not checked:
            X = self._check_rows(X, reset=reset)
        if reset:
            self._begin(X)
        self._dtype = np.result_type(self._dtype, X.dtype)
        for piece in row_pieces(X, getattr(self, "chunk_size", 1024)):
            self._summary.update(piece, **self._resources())

    def _begin(self, X):
        self._summary = self._new_summary(X.shape[1])
        self._dtype = X.dtype
        self._merged_parts = ()

    def _resources(self):
        return {}

    def _check_rows(self, X, *, reset):
        """Return the rows as a float array or CSR matrix. NaN is found later, at no pass over the data."""
        if getattr(X, "dtype", None) is not None and getattr(X.dtype, "kind", "") in ("m", "M"):
            raise TypeError(f"X must be numeric; got dtype {X.dtype}")
        with naming("X"):
            return validate_data(
                self,
                half_precision_up(X),
                reset=reset,
                accept_sparse="csr",
                dtype=_DTYPES,
                ensure_all_finite=False,
            )

    def _become(self, draft):
        """Take over all that a copy of this estimator has learned, in one step that nothing interrupts."""
        self.__dict__ = draft.__dict__
        return self

    def _value(self, name):
        """Return something learned, as of the last row."""
        if "_summary" not in vars(self):
            raise NotFittedError(
                f"This {type(self).__name__} instance is not fitted yet: call fit or partial_fit first."
            )
        if self._learned is None:
            self._learned = self._learn()
        return self._learned[name]

    components_ = property(lambda self: self._value("components"))
    mean_ = property(lambda self: self._value("mean"))

    @property
    def n_samples_seen_(self):
        check_is_fitted(self)
        return self._summary.n_seen

    @property
    def memory_rows_(self):
        check_is_fitted(self)
        return self._summary.memory_rows

    @property
    def peak_memory_rows_(self):
        check_is_fitted(self)
        return self._summary.peak_rows

    @property
    def _n_features_out(self):
        return self.components_.shape[0]

    def transform(self, X):
        """Project rows on the components.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_components)
        """
        check_is_fitted(self)
        X = validate_data(self, half_precision_up(X), reset=False, accept_sparse="csr", dtype=_DTYPES)
        components = self.components_
        if issparse(X):
            return safe_sparse_dot(X, components.T, dense_output=True) - self.mean_ @ components.T
        return _product(X, components.T, before=self.mean_ if self.mean_.any() else None, n_jobs=self._n_jobs())

    def inverse_transform(self, X):
        """Return the rows of the original space whose projections are ``X``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        with naming("X"):
            X = check_array(half_precision_up(X), dtype=_DTYPES, input_name="X")
            if X.shape[1] != self._n_features_out:
                raise ValueError(f"X must be of shape (n_samples, {self._n_features_out}); got {X.shape}")
        return _product(X, self.components_, after=self.mean_, n_jobs=self._n_jobs())

    def _n_jobs(self):
        return getattr(self, "n_jobs", None)

    # Shards

    def _own_part(self):
        """Return what tells this estimator's rows from those of others, or None where they are all zero."""
        arrays = self._summary.identity()
        if arrays is None:
            return None
        digest = hashlib.sha256()
        for array in arrays:
            digest.update(np.ascontiguousarray(0.0 if array is None else array).tobytes())
        return digest.hexdigest()

    def _check_shard(self, other):
        """Raise unless ``other`` can be merged with this estimator; return the parts that the union consists of."""
        if not isinstance(other, type(self)):
            raise TypeError(f"other must be a {type(self).__name__}; got {type(other).__name__}")
        check_is_fitted(self)
        check_is_fitted(other)
        mine, theirs = self._shard_traits(), other._shard_traits()
        for name, value in mine.items():
            if value != theirs[name]:
                raise ValueError(f"other must have the same {name} to be merged; got {value} and {theirs[name]}")
        if other is self:
            raise ValueError("other must hold other rows; it is the estimator itself")
        parts = [(*estimator._merged_parts, estimator._own_part()) for estimator in (self, other)]
        if {part for part in parts[0] if part is not None} & {part for part in parts[1] if part is not None}:
            raise ValueError("other must hold other rows; some of its rows have been merged already")
        return parts[0] + parts[1]

    def _shard_traits(self):
        names = getattr(self, "feature_names_in_", None)
        return {
            "number of features": self.n_features_in_,
            "feature names": None if names is None else tuple(names),
        }


class _Sized:
    """An iterator with a length, for progress bars."""

    def __init__(self, iterator, length):
        self._iterator, self._length = iterator, length

    def __len__(self):
        return self._length

    def __iter__(self):
        return iter(self._iterator)
