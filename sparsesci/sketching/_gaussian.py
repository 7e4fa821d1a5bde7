"""Gaussian sketch."""

import numpy as np

from sparsesci._core.device import twin
from sparsesci.sketching import _gaussian_kernels
from sparsesci.sketching._operators import SketchOperator

_BLOCK_COLUMNS = 1024


class GaussianSketch(SketchOperator):
    """Dense Gaussian sketch with independent N(0, 1 / m) entries, generated where they are needed.

    The sketch for which the law of sketched least squares is exact; the slowest to apply.

    Parameters
    ----------
    n_components : int
        Number of rows of the sketch, m.
    n_rows : int
        Number of rows that are sketched, n.
    random_state : int, RandomState instance, Generator or None, default=None
    dtype : {float64, float32}, default=float

    Notes
    -----
    Time O(m n d) and the generation of m n normal variates; memory O(1024 m + m d) per range of rows. Nothing of the
    sketch is stored.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sketching import GaussianSketch
    >>> S = GaussianSketch(200, 1000, random_state=0)
    >>> bool(0.8 < np.linalg.norm(S @ np.ones(1000)) / np.sqrt(1000) < 1.2)
    True
    """

    kind = "gaussian"
    certified = True

    @property
    def _scale(self):
        return 1.0 / np.sqrt(self.shape[0])

    def _accumulate(self, A, out, row_offset, n_jobs, device):
        twin(_gaussian_kernels, device).gaussian_accumulate(A, self.key, row_offset, out, n_jobs)

    def _transposed_product(self, y):
        m, n = self.shape
        result = np.empty(n, dtype=np.result_type(y, self.dtype))
        for start in range(0, n, _BLOCK_COLUMNS):
            stop = min(n, start + _BLOCK_COLUMNS)
            columns = np.empty((stop - start, m), dtype=self.dtype)
            _gaussian_kernels.gaussian_columns(self.key, start, stop, columns, None)
            result[start:stop] = columns @ y
        return result * self._scale

    def todense(self):
        """Return S as an array of shape (n_components, n_rows)."""
        columns = np.empty(self.shape[::-1], dtype=self.dtype)
        _gaussian_kernels.gaussian_columns(self.key, 0, self.shape[1], columns, None)
        columns *= self._scale
        return columns.T
