"""Coding with a fixed dictionary, as a transformer; what it shares with dictionary learning."""

import copy

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from sparsesci.decomposition._encode import check_coder, check_dictionary, encode

DTYPES = (np.float64, np.float32)
_OPTIONS = (
    "penalty alpha n_nonzero eps algorithm selection debias positive step tol max_iter n_jobs device".split()  # noqa: SIM905
)


class CodingMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """``transform`` and ``inverse_transform`` with the dictionary ``components_``."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _coder(self, **changes):
        """Return the checked options of the coder, some of them changed."""
        given = {name: getattr(self, name) for name in _OPTIONS if hasattr(self, name)}
        return check_coder(**{**given, **changes})

    def transform(self, X):
        """Return the codes of samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components)
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=DTYPES)
        return encode(X, self.components_, self._transform_coder())

    def inverse_transform(self, X):
        """Return what codes stand for: ``X @ components_``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes.

        Returns
        -------
        samples : ndarray of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        X = check_array(X, dtype=DTYPES)
        if X.shape[1] != len(self.components_):
            raise ValueError(f"X must have {len(self.components_)} columns, one for each atom; got {X.shape[1]}")
        return X @ self.components_.astype(X.dtype, copy=False)

    @property
    def _n_features_out(self):
        return len(self.components_)


class SparseCoder(CodingMixin):
    """Codes samples by few atoms of a given dictionary.

    Parameters
    ----------
    dictionary : array-like of shape (n_components, n_features) or "dct", default="dct"
        Atoms of any norm but zero; "dct" is a cosine dictionary with twice as many atoms as there are features.
    penalty : str or object, default="cel0"
        See :func:`sparse_encode`, also for the other parameters.
    alpha : float or None, default=None
        Weight of the penalty.
    n_nonzero : int or None, default=None
    eps : float or None, default=None
    algorithm : {"auto", "ista", "fista", "cd", "omp", "ormp", "homotopy"}, default="auto"
    selection : {"auto", "cyclic", "greedy"}, default="auto"
    debias : bool, default=False
    positive : bool, default=False
    step : float or None, default=None
    tol : float, default=1e-4
    max_iter : int, default=1000
    n_jobs : int or None, default=None
    device : {"cpu", "cuda", "auto"}, default="cpu"

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        The dictionary.
    n_iter_ : int
        1: ``fit`` looks at the samples once and does not iterate; ``max_iter`` is about ``transform``.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)

    See Also
    --------
    sparse_encode : The function behind ``transform``.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.decomposition import SparseCoder
    >>> coder = SparseCoder(np.eye(3), n_nonzero=1)
    >>> coder.fit_transform([[3.0, 0.2, -2.0]])
    array([[3., 0., 0.]])
    """

    def __init__(
        self,
        dictionary="dct",
        *,
        penalty="cel0",
        alpha=None,
        n_nonzero=None,
        eps=None,
        algorithm="auto",
        selection="auto",
        debias=False,
        positive=False,
        step=None,
        tol=1e-4,
        max_iter=1000,
        n_jobs=None,
        device="cpu",
    ):
        self.dictionary = dictionary
        self.penalty = penalty
        self.alpha = alpha
        self.n_nonzero = n_nonzero
        self.eps = eps
        self.algorithm = algorithm
        self.selection = selection
        self.debias = debias
        self.positive = positive
        self.step = step
        self.tol = tol
        self.max_iter = max_iter
        self.n_jobs = n_jobs
        self.device = device

    def fit(self, X, y=None):
        """Check the options and the number of features; nothing is learned.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : None
            Ignored.

        Returns
        -------
        self : SparseCoder

        Raises
        ------
        ValueError, TypeError
            As :func:`sparse_encode`.
        """
        self._coder()
        draft = copy.copy(self)
        X = validate_data(draft, X, dtype=DTYPES)
        if isinstance(self.dictionary, str):
            if self.dictionary != "dct":
                raise ValueError(f"dictionary must be an array or 'dct'; got {self.dictionary!r}")
            draft.components_ = cosine_dictionary(X.shape[1]).astype(X.dtype)
        else:
            dictionary = check_dictionary(self.dictionary)
            if X.shape[1] != dictionary.shape[1]:
                raise ValueError(f"X must have {dictionary.shape[1]} features, as the dictionary; got {X.shape[1]}")
            draft.components_ = np.array(dictionary)
        draft.n_iter_ = 1
        # All at once, so that a failed fit leaves a fitted object as it was.
        self.__dict__ = draft.__dict__
        return self

    def _transform_coder(self):
        return self._coder()


def cosine_dictionary(n_features):
    """Return 2 n_features cosines of increasing frequency as atoms of norm one."""
    frequency = np.arange(2 * n_features)[:, None]
    atoms = np.cos(np.pi * frequency * (np.arange(n_features) + 0.5) / (2 * n_features))
    return atoms / np.linalg.norm(atoms, axis=1, keepdims=True)
