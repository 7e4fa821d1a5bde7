"""What the estimators of this subpackage share: cubes and matrices in, proportions and maps out."""

import warnings

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from sparsesci._core.device import is_cuda_array
from sparsesci._core.validation import check_integer
from sparsesci.unmixing._extraction import check_count, rank_limit
from sparsesci.unmixing._moments import Moments
from sparsesci.unmixing._noise import hfc_of
from sparsesci.unmixing._pixels import as_matrix, check_mask, check_matrix, ensure_finite

_DTYPES = [np.float64, np.float32]


class SceneEstimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Base class: checks scenes and puts results into shape."""

    def _check_scene(self, X, mask, *, reset, check_finite=True):
        """Return (X, image shape or None, mask or None) with X (n_pixels, n_bands)."""
        if is_cuda_array(X):
            check_matrix(X, "X")
        X, image = as_matrix(X)
        # Integers on disk are converted block by block.
        if isinstance(X, np.memmap) and X.ndim == 2 and X.dtype.kind in "iu" and X.size:
            validate_data(self, X, reset=reset, skip_check_array=True)
        else:
            X = validate_data(self, X, reset=reset, dtype=_DTYPES, ensure_all_finite=False)
        mask = check_mask(mask, X.shape[0])
        if check_finite:
            mask = ensure_finite(X, "X", mask)
        return X, image, mask

    @property
    def components_(self):
        """The endmembers, under scikit-learn's name."""
        if "endmembers_" not in vars(self):
            raise AttributeError(f"this {type(self).__name__} is not fitted: it has no components_")
        return self.endmembers_

    @property
    def _n_features_out(self):
        return self.endmembers_.shape[0]

    def _keep_abundances(self, abundances, image):
        """Set ``abundances_`` (n_pixels, K), and for a cube ``abundance_maps_``."""
        self.abundances_ = abundances
        for name in ("abundance_maps_",):
            if image is not None:
                setattr(self, name, abundances.reshape(*image, -1))
            elif hasattr(self, name):
                delattr(self, name)

    def _become(self, draft):
        """Take over what a draft has learned, all at once."""
        self.__dict__ = draft.__dict__
        return self

    def inverse_transform(self, X):
        """Mix the endmembers in given proportions.

        Parameters
        ----------
        X : array-like of shape (n_pixels, n_endmembers) or (rows, cols, n_endmembers)
            Abundances.

        Returns
        -------
        spectra : ndarray of shape (n_pixels, n_bands) or (rows, cols, n_bands)
        """
        check_is_fitted(self)
        A, image = as_matrix(X)
        A = check_matrix(A, "X")
        if A.shape[1] != len(self.endmembers_):
            raise ValueError(
                f"X has {A.shape[1]} abundances per pixel, but {type(self).__name__} has {len(self.endmembers_)} "
                "endmembers"
            )
        spectra = A @ self.endmembers_.astype(A.dtype, copy=False)
        return spectra if image is None else spectra.reshape(*image, -1)


def choose_count(n_endmembers, rows, m, good):
    """Return the number of endmembers: the one asked for, or one estimated on the good bands."""
    if n_endmembers is not None:
        n_endmembers = check_integer("n_endmembers", n_endmembers, minimum=1)
        check_count(n_endmembers, rows)
        return n_endmembers
    inner = Moments(m.total, m.mean[good], m.correlation[np.ix_(good, good)])
    return max(1, min(hfc_of(inner).n_endmembers, rank_limit(inner), len(rows), rows.n_bands + 1))


def proportions(A, zero=None):
    """Return A divided by its row sums, and the row sums; rows that sum to zero, or are ``zero``, become NaN."""
    totals = A.sum(axis=1)
    empty = totals <= 0 if zero is None else (totals <= 0) | zero
    if empty.any():
        warnings.warn(
            f"{int(empty.sum())} pixel(s) have no abundances (they are zero): their proportions are NaN",
            RuntimeWarning,
            stacklevel=4,
        )
    return A / np.where(empty, np.nan, totals)[:, None], np.where(empty, 0.0, totals)
