"""Transport problems: random assignment, clouds of normal points, and images of digits on a grid of pixels."""

import numpy as np
from scipy.ndimage import zoom
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits
from sklearn.utils import Bunch

from sparsesci._core.rng import key_from_random_state
from sparsesci._core.validation import check_flag, check_integer, check_option, check_real

_DIGITS_DESCRIPTION = """Transport between two images of handwritten digits.

Masses are the pixels of two of the 1797 pictures of 8 x 8 pixels of scikit-learn's copy of the UCI data set
"Optical Recognition of Handwritten Digits" (E. Alpaydin, C. Kaynak, 1998; CC BY 4.0), enlarged by linear
interpolation to 28 x 28, plus a background. Costs are distances between pixels, divided by the largest.
"""
_ENLARGED = 3.5
_MOST_IMAGES = 1797


def _generator(random_state):
    """Return NumPy's generator for a random_state; an integer seeds it directly, as in the experiments."""
    key = key_from_random_state(random_state)
    if isinstance(random_state, (int, np.integer)):
        return np.random.default_rng(int(random_state))
    return np.random.default_rng(int(key))


def make_random_assignment(n_samples=500, *, random_state=None):
    """Return the costs of a random assignment problem.

    Parameters
    ----------
    n_samples : int, default=500
        Number of rows, and of columns.
    random_state : int, RandomState instance, Generator or None, default=None
        Determines the costs; an integer s stands for ``numpy.random.default_rng(s)``.

    Returns
    -------
    C : ndarray of shape (n_samples, n_samples)
        Independent and uniform on [0, 1).

    Raises
    ------
    ValueError
        If ``n_samples`` is less than 1.

    Notes
    -----
    The random assignment of X. Tang et al., ICLR 2024, arXiv:2401.12253, has n = 500 and
    regularisation 1 / 1200.

    Examples
    --------
    >>> from sparsesci.datasets import make_random_assignment
    >>> make_random_assignment(3, random_state=0).round(2).tolist()
    [[0.64, 0.27, 0.04], [0.02, 0.81, 0.91], [0.61, 0.73, 0.54]]
    """
    n = check_integer("n_samples", n_samples, minimum=1)
    return _generator(random_state).random((n, n))


def make_gaussian_clouds(n_samples=800, n_features=2, *, scale=0.7, shift=1.0, random_state=None):
    """Return two clouds of normal points, the second one scaled and shifted.

    Parameters
    ----------
    n_samples : int, default=800
        Number of points of each.
    n_features : int, default=2
        Dimension.
    scale : float, default=0.7
        Standard deviation of the second cloud in every direction; positive.
    shift : float, default=1.0
        Mean of the second cloud in every direction.
    random_state : int, RandomState instance, Generator or None, default=None
        Determines the points; an integer s stands for ``numpy.random.default_rng(s)``.

    Returns
    -------
    X, Y : ndarrays of shape (n_samples, n_features)
        X is standard normal.

    Raises
    ------
    ValueError
        If a size is less than 1 or ``scale`` is not positive.

    Notes
    -----
    Between the distributions, the squared cost of optimal transport is
    ``n_features * (shift**2 + (1 - scale)**2)``.

    Examples
    --------
    >>> from sparsesci.datasets import make_gaussian_clouds
    >>> X, Y = make_gaussian_clouds(100, random_state=0)
    >>> X.shape, Y.shape
    ((100, 2), (100, 2))
    """
    n = check_integer("n_samples", n_samples, minimum=1)
    d = check_integer("n_features", n_features, minimum=1)
    scale = check_real("scale", scale, minimum=0.0, exclusive=True)
    shift = check_real("shift", shift)
    generator = _generator(random_state)
    X = generator.standard_normal((n, d))
    return X, scale * generator.standard_normal((n, d)) + shift


def load_digits_transport(first=0, second=1, *, metric="sqeuclidean", background=0.01, return_problem=False):
    """Load two images of digits as a transport problem between their 784 pixels.

    Parameters
    ----------
    first, second : int, default=0, 1
        Numbers of the pictures among scikit-learn's digits.
    metric : {"sqeuclidean", "euclidean", "cityblock"}, default="sqeuclidean"
        Distance between pixels, which lie on a grid in the unit square.
    background : float, default=0.01
        Added to every pixel, the largest of which is 16, before the masses are normalised;
        not negative.
    return_problem : bool, default=False
        Return ``(C, a, b)`` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With ``C`` (784, 784), of largest entry 1, ``a``, ``b`` (784,), ``points`` (784, 2) and
        ``DESCR``; or ``(C, a, b)``.

    Raises
    ------
    ValueError
        If there is no such picture, or for an unknown metric or a negative background.

    Notes
    -----
    In the setting of the experiments on MNIST of X. Tang et al., ICLR 2024, arXiv:2401.12253,
    with other images.

    Examples
    --------
    >>> from sparsesci.datasets import load_digits_transport
    >>> C, a, b = load_digits_transport(return_problem=True)
    >>> C.shape, round(float(a.sum()), 12)
    ((784, 784), 1.0)
    """
    numbers = [
        check_integer(name, value, minimum=0, maximum=_MOST_IMAGES - 1)
        for name, value in (("first", first), ("second", second))
    ]
    check_option("metric", metric, ("sqeuclidean", "euclidean", "cityblock"))
    background = check_real("background", background, minimum=0.0)
    return_problem = check_flag("return_problem", return_problem)
    images = load_digits().images
    masses = [zoom(images[number], _ENLARGED, order=1).ravel() + background for number in numbers]
    a, b = (mass / mass.sum() for mass in masses)
    side = np.linspace(0.0, 1.0, round(np.sqrt(a.size)))
    points = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
    C = cdist(points, points, metric)
    C /= C.max()
    if return_problem:
        return C, a, b
    return Bunch(C=C, a=a, b=b, points=points, DESCR=_DIGITS_DESCRIPTION)
