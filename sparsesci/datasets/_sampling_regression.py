"""Regressions with gross errors, on which least squares fail."""

from typing import NamedTuple

import numpy as np

from sparsesci._core.validation import check_integer, check_real
from sparsesci.datasets._problem import generator


class ContaminatedRegression(NamedTuple):
    """Features ``X``, target ``y``, true coefficients ``coef``, and which targets are gross errors."""

    X: np.ndarray
    y: np.ndarray
    coef: np.ndarray
    is_outlier: np.ndarray


def make_contaminated_regression(
    n_samples=1000, n_features=5, *, n_leverage=0, outliers=0.02, outlier_scale=50.0, random_state=None
):
    """Generate a regression with heavy-tailed features, Laplace noise and gross errors.

    Entries of the features follow Student's t with three degrees of freedom; some rows have half of theirs multiplied
    by 50, so that a uniform sample of rows misses directions that matter.

    Parameters
    ----------
    n_samples, n_features : int, default=1000, 5
    n_leverage : int, default=0
        Number of rows with features multiplied by 50.
    outliers : float, default=0.02
        Share of targets with a gross error, in [0, 1].
    outlier_scale : float, default=50.0
        Standard deviation of the gross errors; that of the noise is sqrt(2).
    random_state : int, RandomState instance, Generator or None, default=None

    Returns
    -------
    problem : ContaminatedRegression
        A named tuple of ``X`` (n_samples, n_features), ``y`` (n_samples,), ``coef`` (n_features,), which is 1, 2, 3,
        ..., and ``is_outlier`` (n_samples,).

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong type or out of range.

    Examples
    --------
    >>> from sparsesci.datasets import make_contaminated_regression
    >>> X, y, coef, is_outlier = make_contaminated_regression(500, 3, random_state=0)
    >>> X.shape, coef, int(is_outlier.sum())
    ((500, 3), array([1., 2., 3.]), 10)
    """
    n_samples = check_integer("n_samples", n_samples, minimum=1)
    n_features = check_integer("n_features", n_features, minimum=1)
    n_leverage = check_integer("n_leverage", n_leverage, minimum=0, maximum=n_samples)
    outliers = check_real("outliers", outliers, minimum=0, maximum=1)
    outlier_scale = check_real("outlier_scale", outlier_scale, minimum=0)
    rng = generator(random_state)
    X = rng.standard_t(3, (n_samples, n_features))
    X[rng.choice(n_samples, n_leverage, replace=False), : -(-n_features // 2)] *= 50
    coef = np.arange(1.0, n_features + 1)
    y = X @ coef + rng.laplace(size=n_samples)
    is_outlier = np.zeros(n_samples, dtype=bool)
    is_outlier[rng.choice(n_samples, round(outliers * n_samples), replace=False)] = True
    y[is_outlier] += outlier_scale * rng.standard_normal(int(is_outlier.sum()))
    return ContaminatedRegression(X, y, coef, is_outlier)
