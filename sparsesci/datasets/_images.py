"""A tall regression on real data: every pixel of a photograph from its neighbourhood."""

import numpy as np
from sklearn.datasets import load_sample_image
from sklearn.utils import Bunch

from sparsesci._core.validation import check_flag, check_integer, check_option, naming

_IMAGES = ("china.jpg", "flower.jpg")
_CHANNELS = ("red", "green", "blue")
_BLOCK_ROWS = 16384
_DESCRIPTION = """Regression of the pixels of a photograph on their neighbourhoods.

Each sample is one pixel; the target is one of its channels, and the features are the values of all
channels in the square window around it, the pixel itself left out. Values are in [0, 1]. Samples
run through the picture line by line; pixels closer to the border than the radius are left out.
Neighbouring pixels are strongly correlated, so the problem is tall, real and ill-conditioned.

The photographs come with scikit-learn. Both are licensed under CC BY 2.0 and were published on
Flickr: china.jpg by danielbuechele, flower.jpg by vultilion.
"""


class ImageRegressionChunks:
    """The samples of an image regression, made chunk by chunk when they are asked for.

    Iterating gives pairs (X, y); the object can be iterated over any number of times, and holds
    only the picture.

    Attributes
    ----------
    n_samples, n_features : int
        Size of the whole problem.
    chunk_rows : int
        Rows of each chunk; the last may have fewer.
    feature_names : list of str
    """

    def __init__(self, picture, radius, target_channel, chunk_rows):
        height, width, n_channels = picture.shape
        side = 2 * radius + 1
        self.chunk_rows = chunk_rows
        self._line = width - 2 * radius
        self._picture = picture
        self._radius = radius
        self._target_channel = target_channel
        self._windows = np.lib.stride_tricks.sliding_window_view(picture, (side, side), axis=(0, 1))
        offsets = [
            (channel, row - radius, column - radius)
            for channel in range(n_channels)
            for row in range(side)
            for column in range(side)
        ]
        self._keep = [i for i, (_, row, column) in enumerate(offsets) if row or column]
        names = _CHANNELS if n_channels == len(_CHANNELS) else [str(c) for c in range(n_channels)]
        self.feature_names = [
            f"{names[channel]}({row:+d},{column:+d})" for channel, row, column in (offsets[i] for i in self._keep)
        ]
        self.n_samples = (height - 2 * radius) * self._line
        self.n_features = len(self._keep)

    def __len__(self):
        return -(-self.n_samples // self.chunk_rows)

    def __iter__(self):
        for start in range(0, self.n_samples, self.chunk_rows):
            yield self.rows(start, min(self.n_samples, start + self.chunk_rows))

    def rows(self, start, stop):
        """Return samples ``start`` ... ``stop - 1`` as X (stop - start, n_features) and y."""
        row, column = np.divmod(np.arange(start, stop), self._line)
        X = self._windows[row, column].reshape(stop - start, -1)[:, self._keep]
        row += self._radius
        column += self._radius
        return np.ascontiguousarray(X), self._picture[row, column, self._target_channel]


def load_image_regression(
    image="china.jpg",
    *,
    radius=2,
    target_channel=1,
    return_X_y=False,
    chunk_rows=None,
):
    """Load the regression of each pixel of a photograph on its neighbourhood.

    A tall least-squares problem on real, correlated data that needs no download: with the default
    radius 269 028 samples and 72 features, with radius 3 266 914 samples and 144 features.

    Parameters
    ----------
    image : {"china.jpg", "flower.jpg"} or array of shape (height, width, channels)
        One of scikit-learn's two photographs (427 x 640 pixels), or a picture of your own: integer
        pixels are divided by the largest value of their type, floats are taken as they are.
    radius : int, default=2
        Half-width of the window: it has 2 radius + 1 pixels on each side.
    target_channel : int, default=1
        Channel of the target: 0 red, 1 green, 2 blue.
    return_X_y : bool, default=False
        Return ``(X, y)`` instead of a Bunch.
    chunk_rows : int or None, default=None
        If given, return an iterable over chunks ``(X, y)`` of that many rows, which are made when
        asked for, so that the whole problem is never in memory. The iterable has the attributes
        ``n_samples``, ``n_features``, ``feature_names`` and ``chunk_rows``, a length, and can be
        used again.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With ``data`` (n_samples, n_features) and ``target`` (n_samples,), float64,
        ``feature_names`` ("green(-1,+2)" is the green value one line above, two pixels to the
        right) and ``DESCR``. Or ``(data, target)`` with ``return_X_y``, or an iterable over
        ``(data, target)`` with ``chunk_rows``.

    Raises
    ------
    ValueError
        If the image is unknown, not three-dimensional, not finite or smaller than the window, or
        an option is out of range.

    Notes
    -----
    With c channels there are c ((2 radius + 1)^2 - 1) features. O(n_samples n_features) time;
    memory as much for the whole problem, and O(chunk_rows n_features) by chunks.

    Examples
    --------
    >>> from sparsesci.datasets import load_image_regression
    >>> X, y = load_image_regression(radius=1, return_X_y=True)
    >>> X.shape, y.shape
    ((271150, 24), (271150,))
    >>> chunks = load_image_regression(radius=2, chunk_rows=50_000)
    >>> chunks.n_samples, chunks.n_features, len(chunks)
    (269028, 72, 6)
    """
    picture = _read_picture(image)
    largest = (min(picture.shape[:2]) - 1) // 2
    radius = check_integer("radius", radius, minimum=1, maximum=largest)
    channel = check_integer("target_channel", target_channel, minimum=0, maximum=picture.shape[2] - 1)
    check_flag("return_X_y", return_X_y)
    if chunk_rows is not None:
        if return_X_y:
            raise ValueError("return_X_y and chunk_rows cannot be used together")
        chunk_rows = check_integer("chunk_rows", chunk_rows, minimum=1)
        return ImageRegressionChunks(picture, radius, channel, chunk_rows)
    chunks = ImageRegressionChunks(picture, radius, channel, _BLOCK_ROWS)
    X = np.empty((chunks.n_samples, chunks.n_features))
    y = np.empty(chunks.n_samples)
    start = 0
    for block, target in chunks:
        stop = start + len(target)
        X[start:stop], y[start:stop] = block, target
        start = stop
    if return_X_y:
        return X, y
    return Bunch(data=X, target=y, feature_names=chunks.feature_names, DESCR=_DESCRIPTION)


def _read_picture(image):
    """Return the picture as float64 (height, width, channels)."""
    if isinstance(image, str):
        check_option("image", image, _IMAGES)
        image = load_sample_image(image)
    with naming("image"):
        image = np.asarray(image)
    if image.ndim != 3 or image.size == 0:
        raise ValueError(f"image must have shape (height, width, channels) and pixels; got {image.shape}")
    if image.dtype.kind not in "buif":
        raise TypeError(f"image must be an array of real numbers; got dtype {image.dtype}")
    if min(image.shape[:2]) < 3:
        raise ValueError(f"image must have at least 3 x 3 pixels; got {image.shape[:2]}")
    scale = np.iinfo(image.dtype).max if image.dtype.kind in "ui" else 1
    picture = image / np.float64(scale)
    if not np.isfinite(picture).all():
        raise ValueError("image must be finite; it contains NaN or infinity")
    return picture
