"""Elementary symmetric polynomials by their logarithms, and the choice of k eigenvectors that they govern."""

import numpy as np
from numba import njit, uint64
from sklearn.utils import check_array

from sparsesci._core.rng import random_words, stream_of, uniform_from_words
from sparsesci._core.validation import check_integer, naming

EIGENVECTORS = 3


def log_elementary_symmetric_polynomials(lam, k):
    """Return the logarithms of the elementary symmetric polynomials of degrees 0 to k.

    The polynomial of degree j is the sum over all sets of j of the numbers of their product. Logarithms neither
    overflow nor underflow, however many numbers there are and however large or small.

    Parameters
    ----------
    lam : array-like of shape (n,)
        Numbers that are not negative.
    k : int
        The highest degree. Those above n are zero, and their logarithms minus infinity.

    Returns
    -------
    logarithms : ndarray of shape (k + 1,)

    Raises
    ------
    ValueError
        If ``lam`` is not a vector of finite numbers that are not negative, or ``k`` is negative.

    Notes
    -----
    Time O(n k) with one logarithm and one exponential each, memory O(k).

    References
    ----------
    A. Kulesza, B. Taskar, "Determinantal point processes for machine learning", Foundations and Trends in Machine
    Learning 2012, arXiv:1207.6083, algorithm 7, here in logarithms.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sampling import log_elementary_symmetric_polynomials
    >>> np.exp(log_elementary_symmetric_polynomials([1.0, 2.0, 3.0], 3)).round(12)
    array([ 1.,  6., 11.,  6.])
    """
    k = check_integer("k", k, minimum=0)
    with naming("lam"):
        if np.asarray(lam).dtype.kind in "mM":
            raise TypeError("expected numbers, got dates")
        lam = check_array(lam, dtype=np.float64, ensure_2d=False, input_name="lam")
        if lam.ndim != 1 or lam.min() < 0.0:
            raise ValueError(f"expected a vector of numbers that are not negative, got shape {lam.shape}")
    logarithms = np.full(k + 1, -np.inf)
    logarithms[0] = 0.0
    with np.errstate(divide="ignore"):
        _add_numbers(np.log(lam), logarithms)
    return logarithms


@njit(cache=True)
def _log_add(x, y):
    """Return log(exp(x) + exp(y))."""
    high, low = max(x, y), min(x, y)
    if low == -np.inf:
        return high
    return high + np.log1p(np.exp(low - high))


@njit(nogil=True, cache=True)
def _add_numbers(log_lam, logarithms):
    """Turn the logarithms of the polynomials of no numbers into those of ``log_lam``."""
    for n in range(log_lam.size):
        for degree in range(min(n + 1, logarithms.size - 1), 0, -1):
            logarithms[degree] = _log_add(logarithms[degree], log_lam[n] + logarithms[degree - 1])


@njit(nogil=True, cache=True)
def log_table(log_lam, k):
    """Return table[n, j] (len(log_lam) + 1, k + 1): log of the polynomial of degree j of the first n numbers."""
    table = np.full((log_lam.size + 1, k + 1), -np.inf)
    table[:, 0] = 0.0
    for n in range(log_lam.size):
        for degree in range(1, min(n + 1, k) + 1):
            table[n + 1, degree] = _log_add(table[n, degree], log_lam[n] + table[n, degree - 1])
    return table


@njit(nogil=True, cache=True)
def selection_probabilities(log_lam, k):
    """Return for every number the probability that a set of k, in proportion to its product, contains it.

    The polynomials without one number are put together from those of the numbers before and after it: nothing is
    divided out.
    """
    before, after = log_table(log_lam, k), log_table(log_lam[::-1].copy(), k)
    n = log_lam.size
    probabilities = np.empty(n)
    for j in range(n):
        without = -np.inf
        for degree in range(k):
            without = _log_add(without, before[j, degree] + after[n - 1 - j, k - 1 - degree])
        probabilities[j] = np.exp(log_lam[j] + without - before[n, k])
    return probabilities


@njit(cache=True)
def _uniform(key, sample, number):
    words = random_words(key, stream_of(EIGENVECTORS, sample), number)
    return uniform_from_words(words[0], words[1])


@njit(nogil=True, cache=True)
def select_independently(probabilities, key, columns, counts):
    """Write to ``columns[s]`` the numbers that sample s keeps, each with its own probability, and how many they are."""
    for s in range(counts.size):
        count = 0
        for j in range(probabilities.size):
            if _uniform(key, uint64(s), j) < probabilities[j]:
                columns[s, count] = j
                count += 1
        counts[s] = count


@njit(nogil=True, cache=True)
def select_exactly(log_lam, table, k, key, columns):
    """Write to ``columns[s, :k]`` the k numbers of sample s, chosen in proportion to their product."""
    for s in range(columns.shape[0]):
        left = k
        for n in range(log_lam.size, 0, -1):
            if left == 0:
                break
            log_probability = log_lam[n - 1] + table[n - 1, left - 1] - table[n, left]
            if left == n or np.log(1.0 - _uniform(key, uint64(s), n)) < log_probability:
                left -= 1
                columns[s, left] = n - 1
