"""Subsampled randomised Hadamard transform."""

import numpy as np
import scipy.sparse

from sparsesci._core.device import twin
from sparsesci._core.rng import indices, sample_without_replacement, signs
from sparsesci.sketching import _fwht_kernels, _srht_kernels
from sparsesci.sketching._operators import SketchOperator

_ROW_STREAM = 2
_EXTENSION_STREAM = 5
_MAX_PADDED = 1 << 47


class SRHTSketch(SketchOperator):
    """Subsampled randomised Hadamard transform, S = P H D / sqrt(m).

    D holds n random signs, H is the unnormalised Sylvester-Hadamard matrix of order N, the next power of two, and P
    selects m of its rows without replacement. Dense, so it carries the l-infinity guarantee of sketched regression.

    Parameters
    ----------
    n_components : int
        Number of rows of the sketch, m <= N.
    n_rows : int
        Number of rows that are sketched, n.
    random_state : int, RandomState instance, Generator or None, default=None
    dtype : {float64, float32}, default=float

    Attributes
    ----------
    rows : ndarray of shape (n_components,)
        The sampled rows of H, sorted.
    n_padded : int
        N.

    Raises
    ------
    ValueError
        If ``n_components`` exceeds N.

    Notes
    -----
    S S^T = (N / m) I exactly for n = N, and S^T S = I exactly for m = N. ``sketch`` reads the input once: time
    O(n d (log k + m / k)) for blocks of k rows with k close to m, memory O((k + m) d) per range of rows.

    References
    ----------
    N. Ailon, B. Chazelle, "Approximate nearest neighbors and the fast Johnson-Lindenstrauss transform", STOC 2006;
    J. A. Tropp, "Improved analysis of the subsampled randomized Hadamard transform", 2011, arXiv:1011.1595.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sketching import SRHTSketch
    >>> S = SRHTSketch(16, 16, random_state=0)
    >>> np.allclose(S.T @ (S @ np.arange(16.0)), np.arange(16.0))
    True
    """

    kind = "srht"
    certified = True

    def __init__(self, n_components, n_rows, *, random_state=None, dtype=float):
        super().__init__(n_components, n_rows, random_state=random_state, dtype=dtype)
        self.n_padded = 1 << (self.shape[1] - 1).bit_length()
        if self.shape[0] > self.n_padded:
            raise ValueError(
                f"n_components must be at most {self.n_padded}, the number of rows padded to a power of two; "
                f"got {self.shape[0]}"
            )
        self.rows = sample_without_replacement(self.key, _ROW_STREAM, self.n_padded, self.shape[0])

    @property
    def _scale(self):
        return 1.0 / np.sqrt(self.shape[0])

    def _extended(self, n_rows):
        """Return a sketch of any number of rows that agrees with this one on the first ``n_padded`` rows.

        These meet only the low bits of a sampled row's number. The bits above are drawn at random.
        """
        extended = super()._extended(max(n_rows, self.shape[1]))
        if n_rows > self.n_padded:
            high = indices(self.key, _EXTENSION_STREAM, self.shape[0], _MAX_PADDED // self.n_padded)
            extended.rows = self.rows + self.n_padded * high
            extended.n_padded = _MAX_PADDED
            extended.shape = (self.shape[0], _MAX_PADDED)
        return extended

    def _accumulate(self, A, out, row_offset, n_jobs, device):
        kernels = twin(_srht_kernels, device)
        if scipy.sparse.issparse(A):
            arrays = A.data, A.indices, A.indptr
            kernels.srht_accumulate_csr(*arrays, self.key, self.rows, row_offset, out, n_jobs)
        else:
            kernels.srht_accumulate(A, self.key, self.rows, row_offset, out, n_jobs)

    def _transposed_product(self, y):
        padded = np.zeros((1, self.n_padded, 1), dtype=np.result_type(y, self.dtype))
        padded[0, self.rows, 0] = y
        real = padded.view(padded.real.dtype)
        _fwht_kernels.fwht_inplace(real, None)
        n = self.shape[1]
        return padded[0, :n, 0] * signs(self.key, _srht_kernels.SIGN_STREAM, n) * self._scale
