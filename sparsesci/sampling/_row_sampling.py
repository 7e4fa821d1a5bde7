"""Unbiased samples of rows by scores: Poisson, systematic, and independent draws."""

import warnings

import numpy as np
from sklearn.utils import check_array

from sparsesci._core.exceptions import SparseSciWarning
from sparsesci._core.rng import key_from_random_state, uniforms
from sparsesci._core.validation import check_integer, check_option, check_real, naming

SCHEMES = ("systematic", "poisson", "multinomial")
# Streams of random numbers.
_KEEP, _ORDER, _START, _DRAWS = 16, 17, 18, 19


def sample_rows(scores, n_samples, *, scheme="systematic", mixture=0.0, random_state=None):
    """Sample rows with probabilities that follow their scores, and weights that make every sum unbiased.

    For all values f_i that are zero where the score is, the expectation of ``sum(weights * f[indices])`` is
    ``sum(f)``.

    Parameters
    ----------
    scores : array-like of shape (n,)
        Not negative. Rows with score 0 are never sampled.
    n_samples : int
        How many rows are wanted; at most n, but for "multinomial".
    scheme : {"systematic", "poisson", "multinomial"}, default="systematic"
        The first two keep row i with probability ``pi_i = min(1, c q_i)``, c such that these add up to ``n_samples``,
        and give it the weight ``1 / pi_i``. "poisson" decides for every row independently, so that the number of rows
        is random; "systematic" takes every row in which, in a random order, the sum of the probabilities passes one of
        ``n_samples`` equidistant marks: exactly as many rows, with less variance. "multinomial" draws ``n_samples``
        times independently, weight ``1 / (n_samples q_i)``, and adds up the weights of repeated draws.
    mixture : float, default=0.0
        Share of the uniform distribution, over the rows with positive scores, in the q_i: bounds the weights by
        ``n / (mixture n_samples)``.
    random_state : int, RandomState instance, Generator or None, default=None

    Returns
    -------
    indices : ndarray of shape (n_kept,), int64
        Increasing.
    weights : ndarray of shape (n_kept,), float64

    Raises
    ------
    ValueError, TypeError
        If a score is negative or not finite, all are zero, or ``n_samples`` is out of range.

    Warns
    -----
    SparseSciWarning
        If fewer rows than asked for have a positive score: all of them are returned, with weights 1.

    Notes
    -----
    O(n log n) time, O(n) memory.

    References
    ----------
    W. G. Madow, "On the theory of systematic sampling, II", Annals of Mathematical Statistics, 1949 (systematic); J.
    Hájek, "Asymptotic theory of rejective sampling with varying probabilities from a finite population", Annals of
    Mathematical Statistics, 1964 (Poisson).

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sampling import sample_rows
    >>> indices, weights = sample_rows([4.0, 1.0, 1.0, 0.0, 2.0], 2, random_state=0)
    >>> len(indices), int(indices[0]), float(weights[0])
    (2, 0, 1.0)
    """
    n_samples = check_integer("n_samples", n_samples, minimum=1)
    check_option("scheme", scheme, SCHEMES)
    mixture = check_real("mixture", mixture, minimum=0, maximum=1)
    scores = check_scores(scores)
    check_count(n_samples, len(scores), scheme)
    key = key_from_random_state(random_state)
    return draw_rows(scores, n_samples, scheme, mixture, key, stacklevel=3)


def check_scores(scores):
    """Return scores as float64; ValueError unless they are finite, not negative and not all zero."""
    with naming("scores"):
        if getattr(getattr(scores, "dtype", None), "kind", None) in ("m", "M", "c"):
            raise TypeError(f"must be real numbers; got dtype {scores.dtype}")
        scores = check_array(scores, ensure_2d=False, dtype=np.float64, input_name="scores")
        if scores.ndim != 1:
            raise ValueError(f"must be 1-d; got {scores.ndim} dimension(s)")
        if (scores < 0).any():
            raise ValueError("must not be negative")
        if not scores.any():
            raise ValueError("must not be zero everywhere")
    return scores


def check_count(n_samples, n, scheme):
    """Raise ValueError if a scheme without repetition cannot take ``n_samples`` of n rows."""
    if scheme != "multinomial" and n_samples > n:
        raise ValueError(
            f"n_samples must be at most the number of rows for scheme={scheme!r}; got n_samples={n_samples} and "
            f"n_samples = {n} rows in the data"
        )


def draw_rows(scores, n_samples, scheme, mixture, key, stacklevel=2):
    """Return sorted row numbers and weights of checked scores; see ``sample_rows``."""
    positive = np.flatnonzero(scores > 0)
    q = scores[positive] / scores.max()
    q = (1 - mixture) * (q / q.sum()) + mixture / len(q)
    if scheme == "multinomial":
        chosen, weights = _multinomial(q, n_samples, uniforms(key, _DRAWS, n_samples))
        return positive[chosen], weights
    if len(positive) <= n_samples:
        if len(positive) < n_samples:
            warnings.warn(
                f"only {len(positive)} rows have a positive score, fewer than n_samples={n_samples}: all of them are "
                "returned, with weights 1",
                SparseSciWarning,
                stacklevel=stacklevel,
            )
        return positive, np.ones(len(positive))
    pi = inclusion_probabilities(q, n_samples)
    if scheme == "poisson":
        chosen = np.flatnonzero(uniforms(key, _KEEP, len(pi)) < pi)
    else:
        order = np.argsort(uniforms(key, _ORDER, len(pi)), kind="stable")
        chosen = systematic(pi, order, n_samples, float(uniforms(key, _START, 1)[0]))
    return positive[chosen], 1.0 / pi[chosen]


def inclusion_probabilities(q, n_samples):
    """Return min(1, c q_i) for the c with which they add up to ``n_samples``, for positive q, more than that many."""
    order = np.argsort(-q, kind="stable")
    descending = q[order]
    # After k rows that are certain, c is what the others need.
    remaining = np.cumsum(descending[::-1])[::-1]
    certain = np.arange(n_samples)
    factors = (n_samples - certain) / remaining[:n_samples]
    k = int(np.argmax(factors * descending[:n_samples] < 1.0)) if (factors * descending[:n_samples] < 1).any() else -1
    if k < 0:
        # Rounding only: the last factor is at most the inverse of the largest of the rest.
        k = n_samples - 1
    pi = np.ones(len(q))
    pi[order[k:]] = np.minimum(1.0, factors[k] * descending[k:])
    return pi


def systematic(pi, order, n_samples, start):
    """Return the rows in which the running sum of ``pi``, in the given order, passes start, start + 1, ...

    Rows that are certain are taken apart, so that there are exactly ``n_samples`` rows whatever the rounding.
    """
    certain = np.flatnonzero(pi >= 1.0)
    order = order[pi[order] < 1.0]
    n_marks = n_samples - len(certain)
    if n_marks <= 0 or not len(order):
        return certain
    passed = np.cumsum(pi[order])
    passed *= n_marks / passed[-1]
    chosen = order[np.searchsorted(passed, start + np.arange(n_marks), side="right")]
    return np.sort(np.concatenate((certain, chosen)))


def _multinomial(q, n_samples, draws):
    """Return the distinct rows of independent draws, and the sums of their weights."""
    passed = np.cumsum(q)
    drawn = np.searchsorted(passed, draws * passed[-1], side="right")
    chosen, counts = np.unique(drawn, return_counts=True)
    return chosen, counts / (n_samples * (q[chosen] / passed[-1]))
