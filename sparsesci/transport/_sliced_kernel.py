"""Kernels between point clouds from sliced Wasserstein distances."""

import warnings

import numpy as np

from sparsesci._core.exceptions import SparseSciWarning
from sparsesci._core.rng import key_from_random_state
from sparsesci._core.threads import effective_n_jobs
from sparsesci._core.validation import check_flag, check_integer, check_option, check_real
from sparsesci.transport import _directions
from sparsesci.transport._pairwise import all_costs, check_both, check_rule, check_sizes

_RULES = (None, "auto", "none", "kernel", "harmonic")
_BANDWIDTHS = ("median", "scale")


def _check_gamma(gamma):
    if isinstance(gamma, str) or gamma is None:
        return check_option("gamma", gamma, _BANDWIDTHS)
    return check_real("gamma", gamma, minimum=0, exclusive=True)


def positive_rule(d, p, n_projections, projections, sampling, control_variate, degree):
    """Return what ``check_rule`` returns, with weights that are not negative where "auto" chooses them."""
    check_option("control_variate", control_variate, _RULES)
    method = _directions.check_method("sampling", sampling, d)
    if control_variate == "auto":
        n = check_integer("n_projections", n_projections, minimum=1)
        if sampling == "auto" and _directions.takes_energy(n, d):
            sampling = method = "energy"
        smooth = method in ("fibonacci", "energy") and projections is None
        control_variate = "kernel" if smooth and n <= _directions.LARGEST_KERNEL_RULE else None
    return check_rule(d, p, n_projections, projections, sampling, control_variate, degree)


def _bandwidth(gamma, costs, symmetric):
    """Return gamma as a number: one over the median, or over the mean, of the costs between different clouds."""
    if not isinstance(gamma, str):
        return gamma
    different = costs[np.triu_indices(len(costs), 1)] if symmetric else costs.reshape(-1)
    if different.size == 0 or different.max() == 0:
        return 1.0
    typical = np.median(different) if gamma == "median" else different.mean()
    return float(1 / (typical if typical > 0 else different.mean()))


def sliced_wasserstein_kernel(
    clouds,
    clouds2=None,
    gamma="median",
    *,
    weights=None,
    weights2=None,
    p=2,
    n_projections=100,
    projections=None,
    sampling="auto",
    control_variate="auto",
    degree=None,
    n_quantiles=None,
    random_state=None,
    n_jobs=None,
    batch_size=None,
    return_gamma=False,
):
    """Return the kernel matrix exp(-gamma SW_p^p) between point clouds.

    It is positive definite for 1 <= p <= 2, because one rule with weights that are not negative serves all pairs: for
    p = 2 it is the Gaussian kernel of the sliced Wasserstein distance, for p = 1 the Laplacian one.

    Parameters
    ----------
    clouds : list of K array-like of shape (n_k, d), or array-like of shape (K, n, d)
        A cloud of the list may be a tuple (points, masses).
    clouds2 : list of K2 array-like of shape (m_k, d), array-like of shape (K2, m, d), or None, default=None
        None for the kernel within ``clouds``.
    gamma : {"median", "scale"} or float, default="median"
        "median" is one over the median, "scale" one over the mean, of SW_p^p between different clouds: of all pairs of
        ``clouds`` and ``clouds2`` if that is given. To apply a kernel to new clouds, give them the number that
        ``return_gamma`` returned, and the same ``random_state``.
    weights : list of K array-like of shape (n_k,) or None, or None, default=None
        Not negative; scaled to sum 1. None for equal ones.
    weights2 : list of K2 array-like of shape (m_k,) or None, or None, default=None
    p : float, default=2
        From 1 to 2.
    n_projections : int, default=100
    projections : array-like of shape (n_projections, d) or None, default=None
        Directions to use instead; they are normalised.
    sampling : {"auto", "uniform", "orthogonal", "sobol", "fibonacci", "equispaced", "energy"}, default="auto"
        As in :func:`sphere_directions`, but "auto" is "energy" for 3 <= d <= 6 and up to 512 directions.
    control_variate : {"auto", "kernel", "harmonic", "none"} or None, default="auto"
        Weights of the directions. "auto" takes kernel weights for "fibonacci" and
        "energy", which are positive, and equal ones otherwise. A rule with negative
        weights, which the others may have, is used with a warning.
    degree : int or None, default=None
        Even degree for "harmonic".
    n_quantiles : int or None, default=None
        As in :func:`pairwise_sliced_wasserstein`.
    random_state : int, RandomState instance, Generator or None, default=None
    n_jobs : int or None, default=None
        Number of threads (joblib's meaning). The result does not depend on it.
    batch_size : int or None, default=None
        As in :func:`pairwise_sliced_wasserstein`.
    return_gamma : bool, default=False

    Returns
    -------
    kernel : ndarray of shape (K, K) or (K, K2)
    gamma : float
        With ``return_gamma``.

    Raises
    ------
    TypeError, ValueError
        As :func:`pairwise_sliced_wasserstein`; for p above 2, and a gamma that is not positive.

    Notes
    -----
    Time and memory are those of :func:`pairwise_sliced_wasserstein`. SW_p^p of a shared rule is the p-th power of an
    L_p distance, which is conditionally negative definite for p <= 2.

    References
    ----------
    S. Kolouri, Y. Zou, G. K. Rohde, "Sliced Wasserstein Kernels for Probability Distributions", CVPR 2016,
    arXiv:1511.03198; M. Carrière, M. Cuturi, S. Oudot, "Sliced Wasserstein Kernel for Persistence Diagrams", ICML
    2017, arXiv:1706.03358 (p = 1).

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.transport import sliced_wasserstein_kernel
    >>> X = np.random.default_rng(0).standard_normal((50, 2))
    >>> sliced_wasserstein_kernel([X, X + 1, X + 2], gamma=0.1, random_state=0).round(2)
    array([[1.  , 0.9 , 0.67],
           [0.9 , 1.  , 0.9 ],
           [0.67, 0.9 , 1.  ]])
    """
    points, masses, n_first = check_both(clouds, clouds2, weights, weights2)
    p = check_real("p", p, minimum=1, maximum=2)
    gamma = _check_gamma(gamma)
    return_gamma = check_flag("return_gamma", return_gamma)
    options = positive_rule(points[0].shape[1], p, n_projections, projections, sampling, control_variate, degree)
    n_quantiles, batch_size = check_sizes(n_quantiles, batch_size)
    effective_n_jobs(n_jobs)
    key = key_from_random_state(random_state)
    costs, scale, rule_weights = all_costs(points, masses, n_first, options, p, n_quantiles, key, n_jobs, batch_size)
    if rule_weights.min() < 0:
        warnings.warn(
            "some directions have negative weights, so the kernel may not be positive definite; take "
            "control_variate='none' if it has to be",
            SparseSciWarning,
            stacklevel=2,
        )
    costs = (costs ** (1 / p) * scale) ** p
    number = _bandwidth(gamma, costs, clouds2 is None)
    kernel = np.exp(-number * costs)
    return (kernel, number) if return_gamma else kernel
