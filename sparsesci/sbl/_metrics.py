"""Figures of merit of sparse recovery and of channel estimates."""

import numpy as np

from sparsesci._core.rng import indices, key_from_random_state, normals
from sparsesci._core.validation import check_integer, check_real
from sparsesci.sbl._problem import check_tensor

_SYMBOLS, _NOISE = 0x5B20, 0x5B21


def _pair(estimate, truth, names):
    estimate, truth = check_tensor(estimate, names[0]), check_tensor(truth, names[1])
    if estimate.shape != truth.shape:
        raise ValueError(f"{names[0]} must have the shape of {names[1]}, {truth.shape}; got {estimate.shape}")
    return estimate, truth


def nmse(estimate, truth):
    """Normalised squared error ``||estimate - truth||^2 / ||truth||^2``.

    Parameters
    ----------
    estimate, truth : array-like of one shape, real or complex
        ``truth`` not zero.

    Returns
    -------
    error : float

    Raises
    ------
    ValueError, TypeError
        If the shapes differ, values are not finite, or ``truth`` is zero.

    Notes
    -----
    O(size).

    Examples
    --------
    >>> from sparsesci.sbl import nmse
    >>> round(nmse([3.0, 0.0], [3.0, 4.0]), 12)
    0.64
    """
    estimate, truth = _pair(estimate, truth, ("estimate", "truth"))
    scale = float(np.linalg.norm(truth))
    if scale == 0.0:
        raise ValueError("truth must not be zero: the error is relative to it")
    return float((np.linalg.norm(estimate - truth) / scale) ** 2)


def support_recovery_rate(estimate, truth, threshold=1e-3):
    """Share of the union of two supports that they have in common.

    Parameters
    ----------
    estimate, truth : array-like of one shape, real or complex
    threshold : float, default=1e-3
        The support of the estimate is where its magnitude exceeds this share of the largest; in [0, 1). That of the
        truth is where it is not zero.

    Returns
    -------
    rate : float
        1.0 where both are empty.

    Raises
    ------
    ValueError, TypeError
        If the shapes differ, values are not finite, or the threshold is out of range.

    Notes
    -----
    O(size).

    References
    ----------
    Y. He, G. Joseph, "Bayesian Algorithms for Kronecker-structured Sparse Vector Recovery With Application to IRS-MIMO
    Channel Estimation", 2023, arXiv:2307.14719; thresholds 1e-3, and 1e-4 for channels, in the authors' public code.

    Examples
    --------
    >>> from sparsesci.sbl import support_recovery_rate
    >>> support_recovery_rate([1.0, 2.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0]) == 1 / 3
    True
    """
    estimate, truth = _pair(estimate, truth, ("estimate", "truth"))
    threshold = check_real("threshold", threshold, minimum=0.0)
    if threshold >= 1.0:
        raise ValueError(f"threshold must be less than 1.0; got {threshold!r}")
    size = np.abs(estimate)
    found, true = size > threshold * size.max(), truth != 0
    union = np.count_nonzero(found | true)
    return 1.0 if union == 0 else float(np.count_nonzero(found & true) / union)


def _check_channels(estimate, truth):
    estimate, truth = _pair(estimate, truth, ("estimate", "truth"))
    if truth.ndim not in (2, 3):
        raise ValueError(f"truth must have shape (n_receive, n_transmit), or one more axis first; got {truth.shape}")
    shape = (-1, *truth.shape[-2:])
    return estimate.reshape(shape), truth.reshape(shape)


def _gains(estimate, truth):
    """Return u^H truth v for the leading singular vectors u, v of each estimate."""
    u, _, vh = np.linalg.svd(estimate, full_matrices=False)
    return np.einsum("im,imn,in->i", u[:, :, 0].conj(), truth, vh[:, 0].conj())


def symbol_error_rate(estimate, truth, snr_db, n_symbols=100_000, *, random_state=None):
    """Share of QPSK symbols decided wrongly when an estimate of the channel steers both ends.

    One symbol at a time is sent along the leading right singular vector of the *estimate* and received along the left
    one; the receiver divides by the gain that it expects, and decides. The gain of the true channel is normalised so
    that the best pair of vectors has the signal-to-noise ratio ``snr_db``.

    Parameters
    ----------
    estimate, truth : array-like of shape (n_receive, n_transmit) or (n_channels, n_receive, n_transmit)
    snr_db : float
        Signal-to-noise ratio in decibels.
    n_symbols : int, default=100000
        Number of symbols for each channel.
    random_state : int, RandomState instance, Generator or None, default=None
        Draws symbols and noise.

    Returns
    -------
    rate : float
        Average over channels.

    Raises
    ------
    ValueError, TypeError
        If shapes differ or are wrong, values are not finite, or an option is not valid.

    Notes
    -----
    O(n_channels n_symbols). The normalisation by the spectral norm is our own: the authors' code works at the
    measurements' ratio.

    References
    ----------
    Y. He, G. Joseph, "Bayesian Algorithms for Kronecker-structured Sparse Vector Recovery With Application to IRS-MIMO
    Channel Estimation", 2023, arXiv:2307.14719.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sbl import symbol_error_rate
    >>> symbol_error_rate(np.eye(2), np.eye(2), 20.0, 1000, random_state=0)
    0.0
    """
    estimate, truth = _check_channels(estimate, truth)
    snr_db = check_real("snr_db", snr_db)
    n_symbols = check_integer("n_symbols", n_symbols, minimum=1)
    key = key_from_random_state(random_state)
    scales = np.linalg.norm(truth, ord=2, axis=(1, 2))
    gains = _gains(estimate, truth) / np.where(scales > 0, scales, 1.0)
    expected = np.linalg.norm(estimate, ord=2, axis=(1, 2))
    size = len(truth) * n_symbols
    quadrants = indices(key, _SYMBOLS, size, 4).reshape(len(truth), -1)
    sent = np.exp(1j * np.pi * (2 * quadrants + 1) / 4)
    noise = normals(key, _NOISE, 2 * size).reshape(2, len(truth), -1)
    received = gains[:, np.newaxis] * sent + (noise[0] + 1j * noise[1]) * np.sqrt(0.5 / 10 ** (snr_db / 10))
    # What the receiver expects is real and positive, as u and v belong to a singular value; without one it guesses.
    received[expected == 0] = 1.0 + 1.0j
    decided = (received.real < 0).astype(int) * 1 + (received.imag < 0) * 2
    true = (sent.real < 0).astype(int) * 1 + (sent.imag < 0) * 2
    return float(np.mean(decided != true))


def spectral_efficiency(estimate, truth, snr_db):
    """Bits per second and hertz along the leading singular vectors of an estimate of the channel.

    ``log2(1 + snr |u^H H v|^2 / ||H||_2^2)`` with u and v of the estimate; averaged over channels. The definition is
    our own.

    Parameters
    ----------
    estimate, truth : array-like of shape (n_receive, n_transmit) or (n_channels, n_receive, n_transmit)
        ``truth`` not zero.
    snr_db : float
        Signal-to-noise ratio in decibels.

    Returns
    -------
    efficiency : float

    Raises
    ------
    ValueError, TypeError
        If shapes differ or are wrong, values are not finite, a true channel is zero, or ``snr_db`` is not finite.

    Notes
    -----
    One singular value decomposition for each channel.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sbl import spectral_efficiency
    >>> round(spectral_efficiency(np.diag([2.0, 1.0]), np.diag([2.0, 1.0]), 0.0), 12)
    1.0
    """
    estimate, truth = _check_channels(estimate, truth)
    snr_db = check_real("snr_db", snr_db)
    scales = np.linalg.norm(truth, ord=2, axis=(1, 2))
    if not scales.all():
        raise ValueError("truth must not be zero: the gain is relative to it")
    gains = np.abs(_gains(estimate, truth)) ** 2 / scales**2
    return float(np.mean(np.log2(1 + 10 ** (snr_db / 10) * gains)))
