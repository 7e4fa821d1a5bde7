"""CUDA twin of the subsampled randomised Hadamard transform: one pass over the rows.

As on the CPU, H_N is the Kronecker product of H_{N/k} and H_k. Block number q of k rows, in a panel of columns, is
given its random signs on the way into shared memory and transformed there; sampled row i of the whole transform then
takes row ``i mod k`` of it with the sign of ``popcount((i // k) & q)``. A block of threads owns a slot and a panel and
walks over its share of the row blocks, so that the samples of a slot are sums in a fixed order.

The sums are grouped otherwise than on the CPU: results agree to rounding, and exactly where all sums are exact.
"""

from numba import cuda, uint32, uint64

from sparsesci._core import cuda as device
from sparsesci._core.cuda import padded, tile_of, tile_shape
from sparsesci._core.rng import random_words, select_word
from sparsesci.sketching._fwht_cuda import hadamard_step
from sparsesci.sketching._srht_kernels import SIGN_STREAM

# One bit for each row of the tallest tile: 2**13 rows of one column in single precision.
_SIGN_WORDS = 256


@cuda.jit
def srht_tiles(x, key, rows, row_offset, log2_rows, log2_width, n_tiles, partial):
    """Add tiles of ``x`` (n, d), rows ``row_offset`` and on of the whole, to ``partial`` (slots, m, d).

    The grid is (panels, slots). The ``n_tiles`` blocks of 2**log2_rows rows begin with the one that holds
    ``row_offset``.
    """
    tile = cuda.shared.array(0, x.dtype)
    signs = cuda.shared.array(_SIGN_WORDS, uint32)
    held = cuda.local.array(4, x.dtype)
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    slot, n_slots = cuda.blockIdx.y, cuda.gridDim.y
    within = thread & ((1 << log2_width) - 1)
    column = (cuda.blockIdx.x << log2_width) + within
    exists = column < x.shape[1]
    log2_size = log2_rows + log2_width
    size = 1 << log2_size
    n_pairs = rows.size << log2_width
    first_tile = row_offset >> log2_rows
    for q in range(first_tile + slot * n_tiles // n_slots, first_tile + (slot + 1) * n_tiles // n_slots):
        begin = (q << log2_rows) - row_offset
        for w in range(thread, 1 << (log2_rows - 5), n_threads):
            number = uint64((q << (log2_rows - 5)) + w)
            signs[w] = select_word(random_words(key, SIGN_STREAM, number >> uint64(2)), number & uint64(3))
        cuda.syncthreads()

        # Four loads are under way before the first of them is used.
        for e in range(thread, size, 4 * n_threads):
            for j in range(4):
                row = begin + ((e + j * n_threads) >> log2_width)
                held[j] = 0
                if exists and 0 <= row < x.shape[0]:
                    held[j] = x[row, column]
            for j in range(4):
                row = (e + j * n_threads) >> log2_width
                negative = (signs[row >> 5] >> (row & 31)) & 1
                tile[padded(e + j * n_threads, log2_width)] = -held[j] if negative else held[j]
        cuda.syncthreads()

        log2_stride = log2_width
        while log2_stride < log2_size:
            levels = min(4, log2_size - log2_stride)
            hadamard_step(tile, size, log2_stride, levels, log2_width, thread, n_threads)
            log2_stride += levels
            cuda.syncthreads()

        for pair in range(thread, n_pairs if exists else 0, 4 * n_threads):
            for j in range(4):
                if pair + j * n_threads < n_pairs:
                    held[j] = partial[slot, (pair + j * n_threads) >> log2_width, column]
            for j in range(4):
                if pair + j * n_threads < n_pairs:
                    sample = (pair + j * n_threads) >> log2_width
                    row = rows[sample] & ((1 << log2_rows) - 1)
                    value = tile[padded((row << log2_width) + within, log2_width)]
                    negative = cuda.popc((rows[sample] >> log2_rows) & q) & 1
                    partial[slot, sample, column] = held[j] - value if negative else held[j] + value
        cuda.syncthreads()


def _accumulate(pieces, n_rows, key, rows, row_offset, out):
    """Add the device arrays of ``pieces``, of up to ``n_rows`` rows each, to ``out``."""
    n_samples, d = out.shape
    tile = tile_of(out.dtype)
    log2_rows, log2_width = tile_shape(n_samples, d, out.dtype)
    n_panels = -(-d >> log2_width)
    n_slots = device.slot_count(-(-n_rows >> log2_rows), n_panels, n_samples * d * out.dtype.itemsize)
    rows = device.as_device(rows)
    kernel = device.configured(srht_tiles, (n_panels, n_slots), tile.threads, tile.shared_bytes)
    with device.slots_of(n_slots, out) as partial:
        for start, x in pieces:
            offset = row_offset + start
            n_tiles = ((offset + x.shape[0] - 1) >> log2_rows) - (offset >> log2_rows) + 1
            sizes = log2_rows, log2_width, n_tiles
            kernel(x, key, rows, offset, *sizes, partial)


def srht_accumulate(A, key, rows, row_offset, out, n_jobs):
    """out += (P H D)[:, row_offset : row_offset + len(A)] @ A, unnormalised.

    Parameters
    ----------
    A : host or device array of shape (n, d), C-ordered, float32 or float64, n > 0
    key : numpy.uint64
    rows : ndarray of shape (m,), int64
        Sampled rows of the Hadamard matrix.
    row_offset : int
        Global index of the first row of ``A``.
    out : host or device array of shape (m, d), C-ordered, of the dtype of ``A``
    n_jobs : int or None
        Not used: the parameter of the CPU twin.
    """
    n_rows, d = A.shape
    log2_rows, _ = tile_shape(*out.shape, out.dtype)
    piece_rows = min(n_rows, device.rows_per_piece(d * out.dtype.itemsize, 1 << log2_rows))
    _accumulate(device.row_pieces(A, piece_rows), piece_rows, key, rows, row_offset, out)


def srht_accumulate_csr(data, indices, indptr, key, rows, row_offset, out, n_jobs):
    """The same for a CSR matrix given by its three host arrays; ``data`` has the dtype of ``out``.

    The rows are written out as dense ones, a piece at a time, so the time is that of a dense matrix.
    """
    n_rows, d = indptr.size - 1, out.shape[1]
    log2_rows, _ = tile_shape(*out.shape, out.dtype)
    # Small pieces are read from the second-level cache, where they have just been written.
    piece_rows = min(n_rows, device.rows_per_piece(d * out.dtype.itemsize, 1 << log2_rows, fraction=8))
    pieces = device.dense_pieces(data, indices, indptr, d, piece_rows)
    _accumulate(pieces, piece_rows, key, rows, row_offset, out)
