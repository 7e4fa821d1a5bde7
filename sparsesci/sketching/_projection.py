"""Random projection of features by a sketch."""

import copy
import warnings

import numpy as np
import scipy.linalg
import scipy.sparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import DataDimensionalityWarning
from sklearn.random_projection import johnson_lindenstrauss_min_dim
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from sparsesci._core.device import resolve_device, twin
from sparsesci._core.rng import signs
from sparsesci._core.threads import effective_n_jobs, run_ranges
from sparsesci._core.validation import check_flag, check_integer, check_option, check_real
from sparsesci.sketching import _fwht_kernels, _srht_kernels
from sparsesci.sketching._operators import make_sketch

_KINDS = ("srht", "sparse_sign", "countsketch", "gaussian")
_DTYPES = [np.float64, np.float32]
_BLOCK_BYTES = 1 << 20


class SketchProjection(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Reduce the number of features by a random sketch: ``X @ S.T``.

    Distances and inner products between samples are kept up to a relative error ``eps``, by the Johnson-Lindenstrauss
    lemma. Takes the place of ``sklearn.random_projection``, and adds the SRHT, which needs no stored matrix and
    costs O(log n_features) operations for each entry of ``X``, whatever the number of components.

    Parameters
    ----------
    n_components : int or "auto", default="auto"
        Number of features afterwards, m. "auto" takes what the lemma asks for with ``eps`` and the number of samples.
    eps : float, default=0.1
        In (0, 1): distortion of squared distances that "auto" is to stay below.
    sketch : {"srht", "sparse_sign", "countsketch", "gaussian"}, default="srht"
    compute_inverse_components : bool, default=False
        Whether ``fit`` computes the pseudo-inverse of S; otherwise every ``inverse_transform`` does.
    random_state : int, RandomState instance, Generator or None, default=None
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where sketches are applied; the product with a Gaussian one always runs on the CPU.

    Attributes
    ----------
    n_components_ : int
        m.
    sketch_ : LinearOperator of shape (n_components_, n_features_in_)
        S.
    components_ : ndarray or CSR array of shape (n_components_, n_features_in_)
        S as an array; that of the SRHT is made when it is read.
    inverse_components_ : ndarray of shape (n_features_in_, n_components_)
        Pseudo-inverse of S, with ``compute_inverse_components``.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where ``X`` has feature names that are all strings.

    See Also
    --------
    sketch : Reduces the number of rows.

    Notes
    -----
    Time for n samples of d features, N being d padded to a power of two: O(n N log N) for the SRHT, O(8 nnz(X)) for
    "sparse_sign", O(nnz(X)) for "countsketch", O(n d m) for "gaussian". Memory besides the result: 1 MiB for
    each thread, or N numbers if that is more, for the SRHT; O(m d) for "gaussian", O(8 d) and O(d) for the sparse ones.

    References
    ----------
    N. Ailon, B. Chazelle, "Approximate nearest neighbors and the fast Johnson-Lindenstrauss transform", STOC 2006;
    J. A. Tropp, "Improved analysis of the subsampled randomized Hadamard transform", 2011, arXiv:1011.1595.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sketching import SketchProjection
    >>> X = np.random.default_rng(0).standard_normal((25, 3000))
    >>> projection = SketchProjection(n_components=1000, random_state=0)
    >>> Z = projection.fit_transform(X)
    >>> Z.shape
    (25, 1000)
    >>> ratio = np.linalg.norm(Z, axis=1) / np.linalg.norm(X, axis=1)
    >>> bool(np.abs(ratio - 1).max() < 0.1)
    True
    """

    def __init__(
        self,
        n_components="auto",
        *,
        eps=0.1,
        sketch="srht",
        compute_inverse_components=False,
        random_state=None,
        n_jobs=None,
        device="cpu",
    ):
        self.n_components = n_components
        self.eps = eps
        self.sketch = sketch
        self.compute_inverse_components = compute_inverse_components
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.device = device

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def fit(self, X, y=None):
        """Choose the sketch; only the shape of ``X`` matters.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : None
            Ignored.

        Returns
        -------
        self : SketchProjection

        Raises
        ------
        ValueError
            If "auto" asks for more components than there are features, if ``n_components`` is above the number
            of features padded to a power of two with ``sketch="srht"``, or if ``X`` holds NaN or infinity.

        Warns
        -----
        DataDimensionalityWarning
            If there will be more components than features.
        """
        check_option("sketch", self.sketch, _KINDS)
        eps = check_real("eps", self.eps, minimum=0, maximum=1, exclusive=True)
        compute_inverse = check_flag("compute_inverse_components", self.compute_inverse_components)
        if not isinstance(self.n_components, str):
            check_integer("n_components", self.n_components, minimum=1)
        elif self.n_components != "auto":
            raise ValueError(f"n_components must be 'auto' or an integer; got {self.n_components!r}")
        self._check_execution()
        draft = copy.copy(self)
        X = validate_data(draft, X, accept_sparse=["csr", "csc"], dtype=_DTYPES)
        m = self._choose_size(X.shape, eps)
        draft.sketch_ = make_sketch(self.sketch, m, X.shape[1], random_state=self.random_state, dtype=X.dtype)
        draft.n_components_ = m
        draft._stored = _stored_components(draft.sketch_)
        vars(draft).pop("inverse_components_", None)
        if compute_inverse:
            draft.inverse_components_ = draft._pseudo_inverse()
        # All at once, so that a failed fit leaves a fitted object as it was.
        self.__dict__ = draft.__dict__
        return self

    def transform(self, X):
        """Return ``X @ S.T``.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components_)
            CSR array for sparse ``X`` and a sparse sketch.
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, accept_sparse="csr", dtype=_DTYPES)
        self._check_execution()
        if self.sketch_.kind == "srht":
            return self._transform_srht(X)
        if scipy.sparse.issparse(self._stored) and not scipy.sparse.issparse(X):
            # Faster than the product with a sparse matrix: it reads X by columns, a block at a time.
            projected = self.sketch_.sketch(X.T, n_jobs=self.n_jobs, device=self.device)
            return np.ascontiguousarray(projected.T)
        return safe_sparse_dot(X, self._stored.astype(X.dtype, copy=False).T)

    def inverse_transform(self, X):
        """Return the samples with the smallest norm, or nearest, whose projections are the rows of ``X``.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_components_)

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features_in_)
            ``X`` times the transpose of the pseudo-inverse of S.
        """
        check_is_fitted(self)
        X = check_array(X, dtype=_DTYPES, accept_sparse=["csr", "csc"])
        if X.shape[1] != self.n_components_:
            raise ValueError(f"X must have {self.n_components_} columns, one for each component; got {X.shape[1]}")
        inverse = getattr(self, "inverse_components_", None)
        if inverse is None:
            inverse = self._pseudo_inverse()
        return X @ inverse.T.astype(X.dtype, copy=False)

    @property
    def components_(self):
        check_is_fitted(self)
        return self.sketch_.todense() if self._stored is None else self._stored

    @property
    def _n_features_out(self):
        return self.n_components_

    def _check_execution(self):
        effective_n_jobs(self.n_jobs)
        resolve_device(self.device)

    def _choose_size(self, shape, eps):
        n_samples, n_features = shape
        if isinstance(self.n_components, str):
            m = int(johnson_lindenstrauss_min_dim(n_samples, eps=eps))
            if not 0 < m <= n_features:
                raise ValueError(
                    f"n_components='auto' with eps={eps} and n_samples = {n_samples} asks for {m} components, which is "
                    f"not between 1 and n_features = {n_features}; give a larger eps or a number"
                )
            return m
        if self.n_components > n_features:
            warnings.warn(
                f"n_components={self.n_components} is higher than n_features = {n_features}: the dimensionality of "
                "the problem will not be reduced.",
                DataDimensionalityWarning,
                stacklevel=3,
            )
        padded = 1 << (n_features - 1).bit_length()
        if self.sketch == "srht" and self.n_components > padded:
            raise ValueError(
                f"n_components must be at most {padded}, n_features = {n_features} padded to a power of two; "
                f"got {self.n_components}"
            )
        return self.n_components

    def _pseudo_inverse(self):
        components = self.components_
        if scipy.sparse.issparse(components):
            components = components.toarray()
        return scipy.linalg.pinv(components, check_finite=False)

    def _transform_srht(self, X):
        """Transform blocks of rows: signs, FWHT along each row, the sampled elements."""
        n, d = X.shape
        S = self.sketch_
        column_signs = signs(S.key, _srht_kernels.SIGN_STREAM, d)
        scale = X.dtype.type(1.0 / np.sqrt(S.shape[0]))
        kernels = twin(_fwht_kernels, self.device)
        out = np.empty((n, S.shape[0]), dtype=X.dtype)

        def task(start, stop):
            rows = X[start:stop]
            padded = np.zeros((stop - start, S.n_padded, 1), dtype=X.dtype)
            if scipy.sparse.issparse(rows):
                rows = rows.toarray()
            np.multiply(rows, column_signs, out=padded[:, :d, 0])
            kernels.fwht_inplace(padded, 1)
            np.multiply(padded[:, S.rows, 0], scale, out=out[start:stop])

        block = max(1, _BLOCK_BYTES // (S.n_padded * X.dtype.itemsize))
        run_ranges(task, n, block, self.n_jobs)
        return out


def _stored_components(sketch):
    """Return the array that the transform multiplies by, None for a kind that needs none."""
    if sketch.kind == "srht":
        return None
    return sketch.todense() if sketch.kind == "gaussian" else sketch.to_sparse()
