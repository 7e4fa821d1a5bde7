"""Sketches of Kronecker products that never form the product: TensorSRHT and TensorSketch."""

import math

import numpy as np
import scipy.fft
import scipy.sparse

from sparsesci._core.arrays import check_rows, kernel_view, row_chunks
from sparsesci._core.device import twin
from sparsesci._core.rng import indices, random_words, signs
from sparsesci._core.threads import sum_ranges
from sparsesci._core.validation import check_integer
from sparsesci.sketching import _fwht_kernels, _sparse_sign_kernels, _srht_kernels
from sparsesci.sketching._operators import SketchOperator

_KEY_STREAM = 6
_ROW_STREAM = 7
_MAX_RANGES = 16
_BLOCK_ROWS = 1 << 16


class TensorOperator(SketchOperator):
    """A sketch of products of q factors, whose entries are products of entries of one small sketch for each factor.

    Subclasses give ``_add_factor(A, factor, row_offset, out, n_jobs, device)``, which adds to ``out`` the sketch of
    rows of one factor, and ``_join(parts, multiply)``, which combines the sketched factors by the row-wise product
    ``multiply``.
    """

    def __init__(self, n_components, n_rows, *, random_state=None, dtype=float):
        self.factor_sizes = _check_factor_sizes(n_rows)
        super().__init__(n_components, math.prod(self.factor_sizes), random_state=random_state, dtype=dtype)
        self.factor_keys = tuple(_derived_key(self.key, factor) for factor in range(len(self.factor_sizes)))

    def sketch_factors(self, factors, *, n_jobs=None, device="cpu"):
        """Return ``S @ kron(A_1, ..., A_q)``.

        Parameters
        ----------
        factors : sequence of q array-likes or sparse matrices
            A_i has shape (n_i, d_i).
        n_jobs : int or None, default=None
            Number of threads (joblib's meaning). The result does not depend on it.
        device : {"cpu", "cuda", "auto"}, default="cpu"

        Returns
        -------
        SA : ndarray of shape (n_components, d_1 * ... * d_q)

        Raises
        ------
        ValueError
            If there are not q factors of n_i rows each, or one is empty or holds NaN or infinity.
        """
        return self._sketch_product(factors, _face_splitting_product, n_jobs, device)

    def sketch_khatri_rao(self, factors, *, n_jobs=None, device="cpu"):
        """Return ``S @ khatri_rao(A_1, ..., A_q)``, the product whose columns are Kronecker products of columns.

        Parameters
        ----------
        factors : sequence of q array-likes or sparse matrices
            A_i has shape (n_i, d), with the same d.
        n_jobs, device
            As in ``sketch_factors``.

        Returns
        -------
        SA : ndarray of shape (n_components, d)

        Raises
        ------
        ValueError
            As ``sketch_factors``, and if the factors differ in their numbers of columns.
        """
        return self._sketch_product(factors, np.multiply, n_jobs, device)

    def sketch_tensor(self, B, *, n_jobs=None, device="cpu"):
        """Return ``S @ b`` for the right-hand side ``b = B.ravel()`` of a problem with a Kronecker matrix.

        Parameters
        ----------
        B : array-like of shape (n_1, ..., n_q) or (n_1, ..., n_q, k)
            One array, or k of them along the last axis.
        n_jobs, device
            As in ``sketch_factors``.

        Returns
        -------
        SB : ndarray of shape (n_components,) or (n_components, k)
        """
        B = np.asarray(B)
        sizes = self.factor_sizes
        if B.shape[: len(sizes)] != sizes or B.ndim > len(sizes) + 1:
            raise ValueError(f"B must have shape {sizes}, or {sizes} and one more axis; got {B.shape}")
        return self.sketch(B.reshape((self.shape[1],) + B.shape[len(sizes) :]), n_jobs=n_jobs, device=device)

    def _sketch_product(self, factors, multiply, n_jobs, device):
        factors = list(factors)
        if len(factors) != len(self.factor_sizes):
            raise ValueError(f"factors must be {len(self.factor_sizes)} matrices; got {len(factors)}")
        checked = []
        for q, (A, size) in enumerate(zip(factors, self.factor_sizes)):
            A = check_rows(A, name=f"factors[{q}]", allow_complex=True)
            if A.shape[0] != size:
                raise ValueError(f"factors[{q}] must have {size} rows; got {A.shape[0]}")
            checked.append(A)
        if multiply is np.multiply and len({A.shape[1] for A in checked}) > 1:
            raise ValueError(f"factors must have the same number of columns; got {[A.shape[1] for A in checked]}")
        dtype = np.result_type(*(A.dtype for A in checked))
        parts = [self._sketch_factor(A.astype(dtype, copy=False), q, n_jobs, device) for q, A in enumerate(checked)]
        return self._join(parts, multiply)

    def _sketch_factor(self, A, factor, n_jobs, device):
        out = np.zeros((self.shape[0], A.shape[1]), dtype=A.dtype)
        real = out.view(out.real.dtype)
        if scipy.sparse.issparse(A):
            self._add_factor(A, factor, 0, out, n_jobs, device)
        else:
            for start, rows in row_chunks(A):
                self._add_factor(kernel_view(rows.view(real.dtype)), factor, start, real, n_jobs, device)
        return out


class TensorSRHTSketch(TensorOperator):
    """Subsampled randomised Hadamard transform for Kronecker products, S = P (H D_1 x ... x H D_q) / sqrt(m).

    Every factor is padded to a power of two and gets its own signs D_i; P selects m index tuples, each entry
    independent and uniform. A row of ``S @ kron(A_1, ..., A_q)`` is the Kronecker product of one row of each
    transformed factor, so that the product of the factors is never formed.

    Parameters
    ----------
    n_components : int
        Number of rows of the sketch, m.
    n_rows : tuple of at least two ints
        Numbers of rows n_1, ..., n_q of the factors.
    random_state : int, RandomState instance, Generator or None, default=None
    dtype : {float64, float32}, default=float

    Attributes
    ----------
    factor_sizes : tuple of int
        The numbers of rows of the factors.
    rows : ndarray of shape (n_components, q)
        The sampled rows of the Hadamard matrices.

    Notes
    -----
    ``sketch_factors`` takes time O(sum_i n_i d_i log m + m prod_i d_i) and memory for the result. ``sketch``, of a
    matrix of n = prod_i n_i rows without structure, takes time O(n d (log m + m / n_q)). The sketch is dense and
    unbiased, E[S^T S] = I, but ``S @ x`` is a polynomial of degree q in the random signs: the tails of its error
    are heavier than those of the SRHT, and the law by which regression is certified holds asymptotically only, for
    factors and residuals in general position.

    References
    ----------
    Z. Song, M. Ye, J. Yin, L. Zhang, "A Nearly-Optimal Bound for Fast Regression with l_inf Guarantee", ICML 2023,
    arXiv:2302.00248; the construction goes back to T. D. Ahle et al., "Oblivious sketching of high-degree polynomial
    kernels", SODA 2020, arXiv:1909.01410.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sketching import TensorSRHTSketch
    >>> rng = np.random.default_rng(0)
    >>> A1, A2 = rng.standard_normal((30, 2)), rng.standard_normal((20, 3))
    >>> S = TensorSRHTSketch(64, (30, 20), random_state=0)
    >>> bool(np.allclose(S.sketch_factors([A1, A2]), S @ np.kron(A1, A2)))
    True
    """

    kind = "tensor_srht"
    certified = True

    def __init__(self, n_components, n_rows, *, random_state=None, dtype=float):
        super().__init__(n_components, n_rows, random_state=random_state, dtype=dtype)
        padded = [_next_power_of_two(size) for size in self.factor_sizes]
        m = self.shape[0]
        self.rows = np.stack([indices(key, _ROW_STREAM, m, N) for key, N in zip(self.factor_keys, padded)], axis=1)

    @property
    def _scale(self):
        return 1.0 / np.sqrt(self.shape[0])

    def _add_factor(self, A, factor, row_offset, out, n_jobs, device):
        """out += (P_i H D_i)[:, row_offset : row_offset + len(A)] @ A for one factor i."""
        kernels = twin(_srht_kernels, device)
        key, rows = self.factor_keys[factor], np.ascontiguousarray(self.rows[:, factor])
        if scipy.sparse.issparse(A):
            kernels.srht_accumulate_csr(A.data, A.indices, A.indptr, key, rows, row_offset, out, n_jobs)
        else:
            kernels.srht_accumulate(A, key, rows, row_offset, out, n_jobs)

    def _join(self, parts, multiply):
        product = parts[0]
        product *= self._scale
        for part in parts[1:]:
            product = multiply(product, part)
        return product

    def _accumulate(self, A, out, row_offset, n_jobs, device):
        # The rows that share all but the last index are a piece of one factor; the others only give them a sign.
        inner = self.factor_sizes[-1]
        first, last = row_offset // inner, (row_offset + A.shape[0] - 1) // inner
        n_ranges = min(_MAX_RANGES, last - first + 1)
        edges = np.linspace(first, last + 1, n_ranges + 1).astype(np.int64)
        last_factor = len(self.factor_sizes) - 1

        def add_slabs(partial, begin, end):
            for slab in range(begin, end):
                start, stop = max(slab * inner, row_offset), min((slab + 1) * inner, row_offset + A.shape[0])
                transformed = np.zeros(out.shape, dtype=out.dtype)
                rows = A[start - row_offset : stop - row_offset]
                self._add_factor(rows, last_factor, start - slab * inner, transformed, n_jobs, device)
                transformed *= self._leading_signs(slab).astype(out.dtype)[:, np.newaxis]
                partial += transformed

        sum_ranges(add_slabs, edges, out, n_jobs)

    def _leading_signs(self, slab):
        """Return the (m,) product over all factors but the last of the entries of P_i H D_i in column ``slab``."""
        numbers = np.unravel_index(slab, self.factor_sizes[:-1])
        odd = np.zeros(self.shape[0], dtype=np.int64)
        sign = 1
        for factor, number in enumerate(numbers):
            odd ^= self.rows[:, factor] & int(number)
            sign *= int(signs(self.factor_keys[factor], _srht_kernels.SIGN_STREAM, 1, first=int(number))[0])
        return sign * (1 - 2 * _parity(odd))

    def _transposed_product(self, y):
        padded = tuple(_next_power_of_two(size) for size in self.factor_sizes)
        spectrum = np.zeros((1, math.prod(padded), 1), dtype=np.result_type(y, self.dtype))
        # Index tuples may repeat.
        np.add.at(spectrum[0, :, 0], np.ravel_multi_index(self.rows.T, padded), y)
        _fwht_kernels.fwht_inplace(spectrum.view(spectrum.real.dtype), None)
        result = spectrum.reshape(padded)[tuple(slice(size) for size in self.factor_sizes)]
        for factor, size in enumerate(self.factor_sizes):
            factor_signs = signs(self.factor_keys[factor], _srht_kernels.SIGN_STREAM, size)
            result = result * np.expand_dims(factor_signs, tuple(range(1, len(padded) - factor)))
        return result.reshape(-1) * self._scale


class TensorSketch(TensorOperator):
    """CountSketch of Kronecker products by way of FFTs.

    Each factor has a CountSketch of its own. Row ``(i_1, ..., i_q)`` of the product goes, with the product of the
    signs, to the sum of the positions modulo m; so the sketch of a product is the circular convolution of those of the
    factors.

    Parameters
    ----------
    n_components : int
        Number of rows of the sketch, m.
    n_rows : tuple of at least two ints
        Numbers of rows n_1, ..., n_q of the factors.
    random_state : int, RandomState instance, Generator or None, default=None
    dtype : {float64, float32}, default=float

    Attributes
    ----------
    factor_sizes : tuple of int
        The numbers of rows of the factors.

    Notes
    -----
    ``sketch_factors`` takes time O(sum_i nnz(A_i) + m log m prod_i d_i). Unbiased, E[S^T S] = I, and sparse, with one
    entry in each column: regression with it has no l-infinity guarantee.

    References
    ----------
    N. Pham, R. Pagh, "Fast and scalable polynomial kernels via explicit feature maps", KDD 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.sketching import TensorSketch
    >>> rng = np.random.default_rng(0)
    >>> A1, A2 = rng.standard_normal((30, 2)), rng.standard_normal((20, 3))
    >>> S = TensorSketch(64, (30, 20), random_state=0)
    >>> bool(np.allclose(S.sketch_factors([A1, A2]), S @ np.kron(A1, A2)))
    True
    """

    kind = "tensor_sketch"
    _scale = 1.0

    def _add_factor(self, A, factor, row_offset, out, n_jobs, device):
        kernels = twin(_sparse_sign_kernels, device)
        common = self.factor_keys[factor], 1, row_offset, out, n_jobs
        if scipy.sparse.issparse(A):
            kernels.sparse_sign_accumulate_csr(A.data, A.indices, A.indptr, *common)
        else:
            kernels.sparse_sign_accumulate(A, *common)

    def _join(self, parts, multiply):
        m = self.shape[0]
        if parts[0].dtype.kind == "c":
            transform, inverse = scipy.fft.fft, scipy.fft.ifft
        else:
            transform, inverse = scipy.fft.rfft, scipy.fft.irfft
        product = transform(parts[0], axis=0)
        for part in parts[1:]:
            product = multiply(product, transform(part, axis=0))
        return np.ascontiguousarray(inverse(product, n=m, axis=0))

    def _pattern(self, start, stop):
        """Return the rows and the signs of the entries in columns start ... stop - 1 of the sketch."""
        numbers = np.unravel_index(np.arange(start, stop), self.factor_sizes)
        rows, entries = 0, 1
        for key, size, number in zip(self.factor_keys, self.factor_sizes, numbers):
            positions, column_signs = _sparse_sign_kernels.sparse_sign_pattern(key, 1, self.shape[0], 0, size)
            rows = rows + positions[number, 0]
            entries = entries * column_signs[number, 0]
        return rows % self.shape[0], entries

    def _accumulate(self, A, out, row_offset, n_jobs, device):
        if device == "cuda":
            raise ValueError("device must be 'cpu' or 'auto' to sketch a matrix without product structure")
        for start in range(0, A.shape[0], _BLOCK_ROWS):
            block = A[start : start + _BLOCK_ROWS]
            n = block.shape[0]
            rows, entries = self._pattern(row_offset + start, row_offset + start + n)
            columns = scipy.sparse.csc_array((entries.astype(out.dtype), rows, np.arange(n + 1)), (self.shape[0], n))
            product = columns @ block
            out += product.toarray() if scipy.sparse.issparse(product) else product

    def _transposed_product(self, y):
        rows, entries = self._pattern(0, self.shape[1])
        return y[rows] * entries


def _check_factor_sizes(n_rows):
    try:
        sizes = tuple(n_rows)
    except TypeError as error:
        raise TypeError(f"n_rows must be a tuple of integers, one for each factor; got {n_rows!r}") from error
    if len(sizes) < 2:
        raise ValueError(f"n_rows must name at least two factors; got {n_rows!r}")
    return tuple(check_integer("n_rows", size, minimum=1) for size in sizes)


def _derived_key(key, factor):
    """Return the key of one factor's sketch."""
    low, high, _, _ = random_words(np.uint64(key), np.uint64(_KEY_STREAM), np.uint64(factor))
    return np.uint64(int(low) | (int(high) << 32))


def _next_power_of_two(size):
    return 1 << (size - 1).bit_length()


def _parity(bits):
    """Return 1 where the number of ones in the non-negative int64 is odd, else 0."""
    for shift in (32, 16, 8, 4, 2, 1):
        bits = bits ^ (bits >> shift)
    return bits & 1


def _face_splitting_product(a, b):
    """Return the matrix whose rows are the Kronecker products of the rows of ``a`` and ``b``."""
    return (a[:, :, np.newaxis] * b[:, np.newaxis, :]).reshape(a.shape[0], -1)
