"""Rows of which a few matter much: heavy tails, rare directions, gross outliers, far tiny clusters."""

from typing import NamedTuple

import numpy as np

from sparsesci._core.validation import check_integer, check_option, check_real
from sparsesci.datasets._problem import generator

_LAWS = ("t2", "mix")


class RobustRegression(NamedTuple):
    """Rows, targets, and the coefficients that the targets were made with."""

    X: np.ndarray
    y: np.ndarray
    coef: np.ndarray


class LabelledPoints(NamedTuple):
    """Points and the numbers of their clusters."""

    X: np.ndarray
    labels: np.ndarray


def make_heavy_tailed_rows(n_samples=1000, n_features=6, law="t2", *, random_state=None):
    """Generate rows that a uniform sample misrepresents.

    "t2": independent Student t variables with 2 degrees of freedom. "mix": two blocks of columns, normal with standard
    deviations 1 and 0.1; but the last 2 % of the rows have nothing in the first block, and a standard deviation of 10
    in the second: directions that only a few rows know well.

    Parameters
    ----------
    n_samples : int, default=1000
    n_features : int, default=6
        At least 2 for "mix".
    law : {"t2", "mix"}, default="t2"
    random_state : int, RandomState instance, Generator or None, default=None

    Returns
    -------
    A : ndarray of shape (n_samples, n_features)

    Notes
    -----
    O(n d) time and memory.

    Examples
    --------
    >>> from sparsesci.datasets import make_heavy_tailed_rows
    >>> make_heavy_tailed_rows(100, 4, random_state=0).shape
    (100, 4)
    """
    check_option("law", law, _LAWS)
    n = check_integer("n_samples", n_samples, minimum=1)
    d = check_integer("n_features", n_features, minimum=1 if law == "t2" else 2)
    rng = generator(random_state)
    if law == "t2":
        return rng.standard_t(2, (n, d))
    A = rng.standard_normal((n, d))
    first, n_rare = d - d // 2, max(1, n // 50)
    A[:, first:] *= 0.1
    A[n - n_rare :, :first] = 0.0
    A[n - n_rare :, first:] *= 100.0
    return A


def make_robust_regression(n_samples=20000, n_features=10, *, random_state=None):
    """Generate a regression with heavy-tailed rows, rows of high leverage and gross outliers.

    Student t rows with 3 degrees of freedom, of which 30 (or a tenth, if there are fewer than 300) have half of their
    columns multiplied by 50; coefficients are standard normal; Laplace noise of scale 1, and 2 % of the targets are off
    by normal errors of standard deviation 50.

    Parameters
    ----------
    n_samples : int, default=20000
    n_features : int, default=10
    random_state : int, RandomState instance, Generator or None, default=None

    Returns
    -------
    problem : RobustRegression
        With ``X`` of shape (n_samples, n_features), ``y`` of shape (n_samples,) and ``coef`` of shape (n_features,).

    Notes
    -----
    O(n d) time and memory. Median regression is at home here; least squares is not.

    Examples
    --------
    >>> from sparsesci.datasets import make_robust_regression
    >>> problem = make_robust_regression(200, 3, random_state=0)
    >>> problem.X.shape, problem.y.shape, problem.coef.shape
    ((200, 3), (200,), (3,))
    """
    n = check_integer("n_samples", n_samples, minimum=1)
    d = check_integer("n_features", n_features, minimum=1)
    rng = generator(random_state)
    X = rng.standard_t(3, (n, d))
    far = rng.choice(n, min(30, n // 10), replace=False)
    X[far, : max(1, d // 2)] *= 50.0
    coef = rng.standard_normal(d)
    y = X @ coef + rng.laplace(size=n)
    outliers = rng.choice(n, n // 50, replace=False)
    y[outliers] += 50.0 * rng.standard_normal(len(outliers))
    return RobustRegression(X, y, coef)


def make_far_clusters(n_samples=20000, n_features=8, n_clusters=5, distance=30.0, *, random_state=None):
    """Generate one large Gaussian cloud and a few tiny clusters far away from it.

    One in 200 points belongs to one of the tiny clusters, whose centres lie at the given distance in random directions
    and whose standard deviation is 0.1. A uniform sample may miss some of them, at great cost for k-means.

    Parameters
    ----------
    n_samples : int, default=20000
        At least 200.
    n_features : int, default=8
    n_clusters : int, default=5
        Number of tiny clusters, each of which has at least one point.
    distance : float, default=30.0
    random_state : int, RandomState instance, Generator or None, default=None

    Returns
    -------
    problem : LabelledPoints
        With ``X`` of shape (n_samples, n_features), in random order, and ``labels`` of shape (n_samples,): 0 for the
        cloud, 1, 2, ... for the clusters.

    Notes
    -----
    O(n d) time and memory.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.datasets import make_far_clusters
    >>> problem = make_far_clusters(2000, random_state=0)
    >>> np.bincount(problem.labels).tolist()
    [1990, 2, 2, 2, 2, 2]
    """
    n = check_integer("n_samples", n_samples, minimum=200)
    d = check_integer("n_features", n_features, minimum=1)
    k = check_integer("n_clusters", n_clusters, minimum=1, maximum=n)
    distance = check_real("distance", distance, minimum=0)
    rng = generator(random_state)
    n_far = max(n // 200, k)
    labels = np.zeros(n, dtype=np.int64)
    labels[:n_far] = 1 + np.arange(n_far) % k
    directions = rng.standard_normal((k, d))
    directions *= distance / np.linalg.norm(directions, axis=1, keepdims=True)
    X = rng.standard_normal((n, d))
    X[:n_far] = directions[labels[:n_far] - 1] + 0.1 * X[:n_far]
    order = rng.permutation(n)
    return LabelledPoints(X[order], labels[order])
