"""Streams of rows on which one-pass methods for the top eigenvector are easy or hard."""

import numpy as np

from sparsesci._core.validation import check_integer, check_option, check_real
from sparsesci.datasets._problem import generator

_PLACES = ("first", "last", "shuffled")


def make_spiked(n_samples=20000, n_features=200, gap=3.0, *, random_state=None):
    """Generate independent normal rows, with one direction of larger variance.

    Parameters
    ----------
    n_samples : int, default=20000
    n_features : int, default=200
    gap : float, default=3.0
        Variance of the first column, the others having 1. The gap between the first two eigenvalues of A^T A is
        smaller in a finite sample.
    random_state : int, RandomState instance, Generator or None, default=None

    Returns
    -------
    A : ndarray of shape (n_samples, n_features)

    Notes
    -----
    O(n d) time and memory.

    Examples
    --------
    >>> from sparsesci.datasets import make_spiked
    >>> make_spiked(100, 5, random_state=0).shape
    (100, 5)
    """
    n = check_integer("n_samples", n_samples, minimum=1)
    d = check_integer("n_features", n_features, minimum=1)
    gap = check_real("gap", gap, minimum=0)
    A = generator(random_state).standard_normal((n, d))
    A[:, 0] *= np.sqrt(gap)
    return A


def make_heavy_rows(n_samples=20000, n_features=300, gap=4.0, n_heavy=4, *, random_state=None):
    """Generate light noise and a few heavy rows that alone carry the top direction.

    Noise rows are normal with variance 1 / n and have 0 in the first column; ``n_heavy`` rows are
    ``sqrt(gap / n_heavy) e_0 + e_{1 + i}``. Whoever forgets a heavy row cannot find the top eigenvector.

    Parameters
    ----------
    n_samples : int, default=20000
    n_features : int, default=300
        More than ``n_heavy``.
    gap : float, default=4.0
        Squared norm that the heavy rows have together in the first column.
    n_heavy : int, default=4
        At most ``n_samples``.
    random_state : int, RandomState instance, Generator or None, default=None

    Returns
    -------
    A : ndarray of shape (n_samples, n_features)
        In random order.

    Notes
    -----
    O(n d) time and memory. In the spirit of the lower bound of P. Kacham, D. P. Woodruff, arXiv:2412.11963; the
    instance is ours.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.datasets import make_heavy_rows
    >>> A = make_heavy_rows(1000, 20, n_heavy=3, random_state=0)
    >>> int((np.linalg.norm(A, axis=1) > 1).sum())
    3
    """
    n = check_integer("n_samples", n_samples, minimum=1)
    d = check_integer("n_features", n_features, minimum=2)
    h = check_integer("n_heavy", n_heavy, minimum=1, maximum=min(n, d - 1))
    gap = check_real("gap", gap, minimum=0)
    rng = generator(random_state)
    A = rng.standard_normal((n, d)) / np.sqrt(n)
    A[:, 0] = 0.0
    A[:h] = _spikes(h, d, gap)
    return A[rng.permutation(n)]


def make_oja_hard(n_copies=40, n_features=400, gap=4.0, n_heavy=4, *, random_state=None):
    """Generate a stream on which Oja's rule fails with every fixed rate.

    ``n_heavy`` rows ``sqrt(gap / n_heavy) e_0 + e_{1 + i}``, and ``n_copies`` copies of ``e_j / sqrt(n_copies)`` for
    every other coordinate j. With ``gap = n_heavy`` the gap between the first two eigenvalues of A^T A is ``gap + 1``
    exactly. A rate that is large enough to grow along e_0 from so few rows grows as much along one of the many others.

    Parameters
    ----------
    n_copies : int, default=40
    n_features : int, default=400
        More than ``n_heavy + 1``.
    gap : float, default=4.0
    n_heavy : int, default=4
    random_state : int, RandomState instance, Generator or None, default=None

    Returns
    -------
    A : ndarray of shape (n_heavy + n_copies (n_features - n_heavy - 1), n_features)
        In random order.

    Notes
    -----
    O(n d) time and memory. That such streams exist is proved by P. Kacham, D. P. Woodruff, arXiv:2412.11963; this one
    is ours.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.datasets import make_oja_hard
    >>> A = make_oja_hard(3, 10, gap=2.0, n_heavy=2, random_state=0)
    >>> eigenvalues = np.linalg.eigvalsh(A.T @ A)
    >>> round(float(eigenvalues[-1] / eigenvalues[-2]), 10)
    3.0
    """
    copies = check_integer("n_copies", n_copies, minimum=1)
    d = check_integer("n_features", n_features, minimum=3)
    h = check_integer("n_heavy", n_heavy, minimum=1, maximum=d - 2)
    gap = check_real("gap", gap, minimum=0)
    light = np.repeat(np.eye(d)[h + 1 :], copies, axis=0) / np.sqrt(copies)
    A = np.concatenate((_spikes(h, d, gap), light))
    return A[generator(random_state).permutation(len(A))]


def make_late_signal(n_samples=10000, n_features=200, gap=4.0, where="last", *, random_state=None):
    """Generate noise, and a signal that comes all at once.

    ``n_samples`` normal rows of variance 1 / n with 0 in the first column, and a tenth as many rows
    ``sqrt(gap / (n / 10)) e_0``. With the signal last or first the order is anything but random.

    Parameters
    ----------
    n_samples : int, default=10000
        Number of noise rows, at least 10.
    n_features : int, default=200
    gap : float, default=4.0
    where : {"first", "last", "shuffled"}, default="last"
        Where the signal rows are.
    random_state : int, RandomState instance, Generator or None, default=None

    Returns
    -------
    A : ndarray of shape (n_samples + n_samples // 10, n_features)

    Notes
    -----
    O(n d) time and memory.

    Examples
    --------
    >>> from sparsesci.datasets import make_late_signal
    >>> A = make_late_signal(100, 5, random_state=0)
    >>> A[:-10, 0].any(), A[-10:, 0].all()
    (np.False_, np.True_)
    """
    n = check_integer("n_samples", n_samples, minimum=10)
    d = check_integer("n_features", n_features, minimum=1)
    gap = check_real("gap", gap, minimum=0)
    check_option("where", where, _PLACES)
    rng = generator(random_state)
    noise = rng.standard_normal((n, d)) / np.sqrt(n)
    noise[:, 0] = 0.0
    signal = np.zeros((n // 10, d))
    signal[:, 0] = np.sqrt(gap / (n // 10))
    A = np.concatenate((signal, noise) if where == "first" else (noise, signal))
    return A[rng.permutation(len(A))] if where == "shuffled" else A


def _spikes(h, d, gap):
    rows = np.zeros((h, d))
    rows[:, 0] = np.sqrt(gap / h)
    rows[np.arange(h), 1 + np.arange(h)] = 1.0
    return rows
