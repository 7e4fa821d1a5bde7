"""Whitening of images, and statistics of learned receptive fields."""

import numpy as np
import scipy.optimize
from sklearn.utils import Bunch

from sparsesci._core.validation import check_integer, check_real, naming

_MEAN_VARIANCE = 0.1
_WIDTHS = (0.12, 0.2)
_FIELDS = ("x0", "y0", "theta", "sigma_x", "sigma_y", "frequency", "phase", "amplitude")


def whiten_dog(images, *, f0=0.4, variance=_MEAN_VARIANCE):
    """Whiten images by a band-pass filter, as the retina roughly does.

    Every image is rescaled to [0, 1], centred, given unit standard deviation, and filtered in the Fourier domain by
    ``rho * exp(-(rho / (f0 * height))**4)``, with rho in cycles per image; then all are scaled together to a given mean
    variance.

    Parameters
    ----------
    images : array-like of shape (height, width) or (n_images, height, width)
    f0 : float, default=0.4
        Cut-off, as a share of the height.
    variance : float, default=0.1
        Mean variance of the result.

    Returns
    -------
    whitened : ndarray of the shape of ``images``, float64

    Raises
    ------
    ValueError
        If an image is constant or not finite, shapes are wrong, or ``f0`` or ``variance`` is not positive.

    References
    ----------
    B. A. Olshausen, D. J. Field, "Sparse coding with an overcomplete basis set: a strategy employed by V1?", Vision
    Research 37, 1997, for the filter; the settings are those of the code of Rentzeperis et al., arXiv:2301.10002.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.decomposition import whiten_dog
    >>> image = np.random.default_rng(0).standard_normal((32, 32)).cumsum(axis=0)
    >>> bool(np.isclose(whiten_dog(image).var(), 0.1))
    True
    """
    images = _image_stack(images, "images")
    f0 = check_real("f0", f0, minimum=0, exclusive=True)
    variance = check_real("variance", variance, minimum=0, exclusive=True)
    stack = images.reshape(-1, *images.shape[-2:])
    flat = stack.reshape(len(stack), -1)
    ranges = np.ptp(flat, axis=1)
    if not ranges.all():
        raise ValueError(f"images must not be constant; image {np.flatnonzero(ranges == 0)[0]} is")
    height, width = stack.shape[1:]
    rows, columns = np.fft.fftfreq(height) * height, np.fft.rfftfreq(width) * width
    rho = np.hypot(rows[:, None], columns[None])
    response = rho * np.exp(-((rho / (f0 * height)) ** 4))
    scaled = (flat - flat.min(axis=1, keepdims=True)) / ranges[:, None]
    scaled -= scaled.mean(axis=1, keepdims=True)
    scaled /= scaled.std(axis=1, keepdims=True)
    whitened = np.fft.irfft2(np.fft.rfft2(scaled.reshape(stack.shape)) * response, s=(height, width))
    power = whitened.reshape(len(stack), -1).var(axis=1).mean()
    if power <= 0:
        raise ValueError("images must have variance in the pass-band of the filter")
    return (whitened * np.sqrt(variance / power)).reshape(images.shape)


def fit_gabor(fields, *, shape=None):
    """Fit a Gabor function to each receptive field by least squares.

    The function is ``amplitude * exp(-u**2 / (2 sigma_x**2) - v**2 / (2 sigma_y**2)) * cos(2 pi frequency u + phase)``
    with ``u = (x - x0) cos(theta) + (y - y0) sin(theta)`` and ``v = -(x - x0) sin(theta) + (y - y0) cos(theta)``; x
    counts columns and y rows. It is fitted from several starts, at the peak of the Fourier spectrum.

    Parameters
    ----------
    fields : array-like of shape (height, width), (n_fields, height, width) or (n_fields, n_features)
        Receptive fields; with ``shape`` also as the rows of ``components_``.
    shape : (int, int) or None, default=None
        Height and width, where fields are given as vectors.

    Returns
    -------
    fit : :class:`~sklearn.utils.Bunch`
        ``x0``, ``y0``, ``theta`` in [0, pi), ``sigma_x``, ``sigma_y``, ``frequency`` in cycles per pixel, ``phase`` in
        (-pi, pi], ``amplitude`` > 0 and ``r2``, the share of the field's energy that is explained: arrays of shape
        (n_fields,), or numbers for one field. Keep those with ``r2`` of 0.8 or more, say.

    Raises
    ------
    ValueError
        If shapes are wrong or values are not finite.

    Notes
    -----
    Some tens of milliseconds per field. A field that is zero gets ``r2`` of zero.

    References
    ----------
    J. P. Jones, L. A. Palmer, "An evaluation of the two-dimensional Gabor filter model of simple receptive fields in
    cat striate cortex", Journal of Neurophysiology 58, 1987.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.decomposition import fit_gabor
    >>> y, x = np.mgrid[:12, :12]
    >>> field = np.exp(-((x - 6) ** 2 + (y - 5) ** 2) / 8) * np.cos(2 * np.pi * 0.2 * (x - 6))
    >>> fit = fit_gabor(field)
    >>> round(fit.frequency, 3), round(fit.r2, 3)
    (0.2, 1.0)
    """
    fields = _field_stack(fields, shape)
    stack = fields.reshape(-1, *fields.shape[-2:])
    fitted = np.array([_fit_one(field) for field in stack])
    if fields.ndim == 2:
        fitted = [float(value) for value in fitted[0]]
    else:
        fitted = list(fitted.T)
    return Bunch(**dict(zip((*_FIELDS, "r2"), fitted)))


def _gabor(parameters, x, y):
    x0, y0, theta, sigma_x, sigma_y, frequency, cosine, sine = parameters
    u = (x - x0) * np.cos(theta) + (y - y0) * np.sin(theta)
    v = -(x - x0) * np.sin(theta) + (y - y0) * np.cos(theta)
    envelope = np.exp(-0.5 * (u / sigma_x) ** 2 - 0.5 * (v / sigma_y) ** 2)
    angle = 2 * np.pi * frequency * u
    return envelope * (cosine * np.cos(angle) + sine * np.sin(angle))


def _fit_one(field):
    height, width = field.shape
    energy = float(np.sum(field**2))
    if energy == 0:
        return [0.5 * (width - 1), 0.5 * (height - 1), 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    scaled = field / np.sqrt(energy)
    y, x = np.mgrid[:height, :width].astype(float)
    side = max(height, width)
    weights = scaled**2
    centre = np.sum(weights * x), np.sum(weights * y)
    padded = np.abs(np.fft.fft2(scaled, (4 * height, 4 * width)))
    row, column = np.unravel_index(np.argmax(padded[:, : 2 * width]), (4 * height, 2 * width))
    across, along = column / (4 * width), np.fft.fftfreq(4 * height)[row]
    frequency, theta = max(np.hypot(across, along), 0.5 / side), np.arctan2(along, across)
    lower = [-side, -side, -np.inf, 0.3, 0.3, 0.0, -np.inf, -np.inf]
    upper = [2 * side, 2 * side, np.inf, 2 * side, 2 * side, 0.75, np.inf, np.inf]
    best = None
    for narrow in _WIDTHS:
        for wide in _WIDTHS:
            start = [*centre, theta, max(narrow * side, 0.5), max(wide * side, 0.5), min(frequency, 0.7), 0.0, 0.0]
            # The two linear parameters are best for the others to begin with.
            basis = np.stack([_gabor([*start[:6], *unit], x, y).ravel() for unit in ((1, 0), (0, 1))], axis=1)
            start[6:] = np.linalg.lstsq(basis, scaled.ravel(), rcond=None)[0]
            fit = scipy.optimize.least_squares(
                lambda parameters: (_gabor(parameters, x, y) - scaled).ravel(),
                start,
                bounds=(lower, upper),
                max_nfev=200,
            )
            if best is None or fit.cost < best.cost:
                best = fit
    return _canonical(best.x, np.sqrt(energy), 1 - 2 * best.cost)


def _canonical(parameters, scale, r2):
    """Return the fitted parameters with theta in [0, pi), a phase and a positive amplitude, and r2."""
    x0, y0, theta, sigma_x, sigma_y, frequency, cosine, sine = parameters
    turns = np.floor(theta / np.pi)
    if turns % 2:  # half a turn changes the sign of u
        sine = -sine
    theta -= turns * np.pi
    amplitude, phase = np.hypot(cosine, sine) * scale, np.arctan2(-sine, cosine)
    return [x0, y0, theta, sigma_x, sigma_y, frequency, phase, amplitude, r2]


def grating_responses(fields, *, shape=None, n_orientations=24, n_frequencies=12):
    """Return the response of each receptive field to the best grating of every orientation.

    The response is the largest over spatial frequencies of the modulus of the field's Fourier integral, which is the
    largest over phases of its product with a grating of amplitude one.

    Parameters
    ----------
    fields : array-like of shape (height, width), (n_fields, height, width) or (n_fields, n_features)
    shape : (int, int) or None, default=None
        Height and width, where fields are given as vectors.
    n_orientations : int, default=24
        Orientations of the wave vector, evenly over [0, pi).
    n_frequencies : int, default=12
        Frequencies, evenly up to half a cycle per pixel.

    Returns
    -------
    responses : ndarray of shape (n_fields, n_orientations), or (n_orientations,) for one field

    Raises
    ------
    ValueError, TypeError
        If shapes are wrong, values are not finite, or a number is not a positive integer.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.decomposition import grating_responses
    >>> field = np.cos(2 * np.pi * 0.25 * np.arange(12)) * np.ones((12, 1))
    >>> int(np.argmax(grating_responses(field)))
    0
    """
    n_orientations = check_integer("n_orientations", n_orientations, minimum=1)
    n_frequencies = check_integer("n_frequencies", n_frequencies, minimum=1)
    fields = _field_stack(fields, shape)
    stack = fields.reshape(-1, *fields.shape[-2:])
    height, width = stack.shape[1:]
    y, x = np.mgrid[:height, :width]
    angles = np.arange(n_orientations) * np.pi / n_orientations
    frequencies = 0.5 * np.arange(1, n_frequencies + 1) / n_frequencies
    responses = np.empty((len(stack), n_orientations))
    for which, angle in enumerate(angles):
        u = (x * np.cos(angle) + y * np.sin(angle)).ravel()
        gratings = np.exp(2j * np.pi * np.outer(frequencies, u))
        responses[:, which] = np.abs(stack.reshape(len(stack), -1) @ gratings.T).max(axis=1)
    return responses if fields.ndim == 3 else responses[0]


def circular_variance(responses, angles=None):
    """Return the circular variance of orientation tuning: 0 for one orientation only, 1 for all alike.

    It is ``1 - abs(sum(R * exp(2j * angle))) / sum(R)``.

    Parameters
    ----------
    responses : array-like of shape (..., n_orientations)
        Responses to gratings, not negative.
    angles : array-like of shape (n_orientations,) or None, default=None
        In radians; None is evenly over [0, pi).

    Returns
    -------
    variance : ndarray of shape (...), or float
        NaN where all responses are zero.

    Raises
    ------
    ValueError
        If responses are negative or not finite, or shapes do not agree.

    References
    ----------
    D. L. Ringach, R. M. Shapley, M. J. Hawken, "Orientation selectivity in macaque V1: diversity and laminar
    dependence", Journal of Neuroscience 22, 2002.

    Examples
    --------
    >>> from sparsesci.decomposition import circular_variance
    >>> circular_variance([1.0, 0.0, 0.0, 0.0])
    0.0
    """
    responses = _real_array(responses, "responses")
    if responses.ndim == 0:
        raise ValueError("responses must have at least one dimension")
    if responses.size and responses.min() < 0:
        raise ValueError("responses must not be negative")
    n = responses.shape[-1]
    angles = np.arange(n) * np.pi / n if angles is None else _real_array(angles, "angles")
    if angles.shape != (n,):
        raise ValueError(f"angles must have shape ({n},), as the last axis of responses; got {angles.shape}")
    total = responses.sum(axis=-1)
    resultant = np.abs(responses @ np.exp(2j * angles))
    variance = 1 - np.divide(resultant, total, out=np.full(total.shape, np.nan), where=total > 0)
    return float(variance) if np.ndim(variance) == 0 else variance


def _real_array(values, name):
    if hasattr(values, "toarray"):
        raise TypeError(f"{name} must be a dense array; got {type(values).__name__}")
    with naming(name):
        array = np.asarray(values)
        if array.dtype.kind == "O":
            array = array.astype(np.float64)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be real numbers; got dtype {array.dtype}")
    if array.size == 0 or not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite and not empty")
    return array.astype(np.float64)


def _image_stack(images, name):
    array = _real_array(images, name)
    if array.ndim not in (2, 3) or min(array.shape[-2:]) < 2:
        raise ValueError(f"{name} must be an image or a stack of images, at least 2 x 2; got shape {array.shape}")
    return array


def _field_stack(fields, shape):
    """Return one field (height, width) or several; with ``shape`` they are given as vectors."""
    if shape is None:
        return _image_stack(fields, "fields")
    try:
        height, width = shape
    except (TypeError, ValueError) as error:
        raise ValueError(f"shape must be a pair of integers; got {shape!r}") from error
    height = check_integer("shape[0]", height, minimum=2)
    width = check_integer("shape[1]", width, minimum=2)
    fields = _real_array(fields, "fields")
    if fields.ndim != 2 or fields.shape[1] != height * width:
        raise ValueError(f"fields must have {height} x {width} columns to go with shape; got {fields.shape}")
    return _image_stack(fields.reshape(-1, height, width), "fields")
