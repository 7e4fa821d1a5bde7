"""Small tables that come with scikit-learn, in the shape of tall least-squares problems."""

import numpy as np
from sklearn.datasets import load_diabetes, load_digits
from sklearn.kernel_approximation import RBFSampler
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.utils import Bunch

from sparsesci._core.validation import check_flag, check_integer, check_real
from sparsesci.datasets._problem import generator

_BLOCK_ROWS = 8192
_DIGITS_DESCRIPTION = """Handwritten digits as a regression: the label from the pixels.

The 1797 pictures of 8 x 8 pixels of scikit-learn's copy of the UCI data set "Optical Recognition of
Handwritten Digits" (E. Alpaydin, C. Kaynak, 1998; CC BY 4.0), scaled to [0, 1].
"""
_DIABETES_DESCRIPTION = """Progression of diabetes in 442 patients, from ten measurements.

scikit-learn's copy of the data of B. Efron, T. Hastie, I. Johnstone, R. Tibshirani, Least angle
regression, Annals of Statistics 32 (2004) 407-499; polynomial features are standardised.
"""


def load_digits_regression(
    n_samples=None,
    n_components=None,
    *,
    jitter=0.05,
    bandwidth=4.0,
    random_state=None,
    return_X_y=False,
):
    """Load the digits as a regression on their labels, made as tall and wide as wanted.

    Parameters
    ----------
    n_samples : int or None, default=None
        Number of rows. None takes the 1797 pictures. With more, they are repeated in turn, and
        every copy after the first carries normal noise on its pixels; with fewer, the first are
        taken.
    n_components : int or None, default=None
        Number of random Fourier features of the Gaussian kernel. None keeps the 64 pixels, three
        of which are constant in the first 1797 rows, so that the matrix then has rank 61.
    jitter : float, default=0.05
        Standard deviation of the noise on repeated pictures, whose pixels are in [0, 1].
    bandwidth : float, default=4.0
        Length scale of the kernel ``exp(-|x - y|^2 / (2 bandwidth^2))``.
    random_state : int, RandomState instance, Generator or None, default=None
        Determines noise and features.
    return_X_y : bool, default=False
        Return ``(X, y)`` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With ``data`` (n_samples, n_components or 64), ``target`` (n_samples,) with the
        labels 0.0 to 9.0, and ``DESCR``; or ``(data, target)`` with ``return_X_y``.

    Raises
    ------
    ValueError
        If a size is less than 1, ``jitter`` is negative or ``bandwidth`` is not positive.

    Notes
    -----
    O(n_samples n_components) time and memory, 64 times as much work as memory. Least squares on
    Gaussian random features with bandwidth 4 is an experiment of E. N. Epperly, arXiv:2311.04362,
    there on the SUSY data.

    Examples
    --------
    >>> from sparsesci.datasets import load_digits_regression
    >>> X, y = load_digits_regression(5000, 100, random_state=0, return_X_y=True)
    >>> X.shape, y[:3].tolist()
    ((5000, 100), [0.0, 1.0, 2.0])
    """
    pixels, labels = load_digits(return_X_y=True)
    pixels = pixels / 16.0
    n = len(pixels) if n_samples is None else check_integer("n_samples", n_samples, minimum=1)
    jitter = check_real("jitter", jitter, minimum=0)
    bandwidth = check_real("bandwidth", bandwidth, minimum=0, exclusive=True)
    check_flag("return_X_y", return_X_y)
    rng = generator(random_state)
    sampler = None
    if n_components is not None:
        sampler = RBFSampler(
            gamma=0.5 / bandwidth**2,
            n_components=check_integer("n_components", n_components, minimum=1),
            random_state=int(rng.integers(2**32)),
        ).fit(pixels)
    X = np.empty((n, pixels.shape[1] if sampler is None else sampler.n_components))
    for start in range(0, n, _BLOCK_ROWS):
        row = np.arange(start, min(n, start + _BLOCK_ROWS))
        block = pixels[row % len(pixels)]
        copies = row >= len(pixels)
        block[copies] += jitter * rng.standard_normal((int(copies.sum()), pixels.shape[1]))
        X[row] = block if sampler is None else sampler.transform(block)
    y = labels[np.arange(n) % len(labels)].astype(np.float64)
    if return_X_y:
        return X, y
    return Bunch(data=X, target=y, DESCR=_DIGITS_DESCRIPTION)


def load_diabetes_regression(degree=1, *, return_X_y=False):
    """Load the diabetes data with polynomial features up to a degree.

    Parameters
    ----------
    degree : int, default=1
        All monomials of the ten measurements up to this degree: 10, 65 and 285 columns for
        degrees 1, 2 and 3.
    return_X_y : bool, default=False
        Return ``(X, y)`` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With ``data`` (442, n_features), columns of zero mean and unit variance, ``target`` (442,),
        ``feature_names`` and ``DESCR``; or ``(data, target)`` with ``return_X_y``.

    Raises
    ------
    ValueError
        If ``degree`` is less than 1.

    Notes
    -----
    Above degree 1 the columns are dependent: sex takes two values only, so that its square is an
    affine function of it.

    Examples
    --------
    >>> from sparsesci.datasets import load_diabetes_regression
    >>> data = load_diabetes_regression(degree=2)
    >>> data.data.shape, data.feature_names[-1]
    ((442, 65), 's6^2')
    """
    degree = check_integer("degree", degree, minimum=1)
    check_flag("return_X_y", return_X_y)
    table = load_diabetes()
    polynomial = PolynomialFeatures(degree, include_bias=False)
    X = StandardScaler().fit_transform(polynomial.fit_transform(table.data))
    if return_X_y:
        return X, table.target
    names = list(polynomial.get_feature_names_out(table.feature_names))
    return Bunch(data=X, target=table.target, feature_names=names, DESCR=_DIABETES_DESCRIPTION)
