"""Signals that are sparse in a known dictionary, and patches of whitened photographs."""

from typing import NamedTuple

import numpy as np

from sparsesci._core.validation import check_integer, check_real
from sparsesci.datasets._problem import generator


class SparseCodesProblem(NamedTuple):
    """Samples ``X``, unit atoms in the rows of ``dictionary``, and ``codes`` with X = codes @ dictionary + noise."""

    X: np.ndarray
    dictionary: np.ndarray
    codes: np.ndarray


def make_sparse_codes(n_samples=500, n_components=40, n_features=25, n_nonzero=3, noise=0.0, random_state=None):
    """Generate samples that are combinations of few atoms of a random dictionary.

    Parameters
    ----------
    n_samples, n_components, n_features : int, default=500, 40, 25
    n_nonzero : int, default=3
        Number of atoms in every sample.
    noise : float, default=0.0
        Standard deviation of the noise of every feature.
    random_state : int, RandomState instance, Generator or None, default=None

    Returns
    -------
    problem : SparseCodesProblem
        A named tuple of ``X`` (n_samples, n_features), ``dictionary`` (n_components, n_features), of norm one, and
        ``codes`` (n_samples, n_components), whose entries that are not zero have random signs and sizes in [1, 2].

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong type or out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.datasets import make_sparse_codes
    >>> X, dictionary, codes = make_sparse_codes(50, random_state=0)
    >>> np.allclose(X, codes @ dictionary)
    True
    """
    n_samples = check_integer("n_samples", n_samples, minimum=1)
    n_components = check_integer("n_components", n_components, minimum=1)
    n_features = check_integer("n_features", n_features, minimum=1)
    n_nonzero = check_integer("n_nonzero", n_nonzero, minimum=1, maximum=n_components)
    noise = check_real("noise", noise, minimum=0)
    rng = generator(random_state)
    dictionary = rng.standard_normal((n_components, n_features))
    dictionary /= np.linalg.norm(dictionary, axis=1, keepdims=True)
    chosen = np.argsort(rng.random((n_samples, n_components)), axis=1)[:, :n_nonzero]
    values = rng.uniform(1, 2, chosen.shape) * rng.choice([-1.0, 1.0], chosen.shape)
    codes = np.zeros((n_samples, n_components))
    np.put_along_axis(codes, chosen, values, axis=1)
    X = codes @ dictionary
    if noise:
        X += noise * rng.standard_normal(X.shape)
    return SparseCodesProblem(X, dictionary, codes)
