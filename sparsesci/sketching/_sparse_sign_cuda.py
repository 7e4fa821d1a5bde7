"""CUDA twin of the sparse sign embedding (CountSketch for one nonzero per column).

The pattern of a piece of rows is generated first and sorted by sample within each tile of rows, so that nothing has
to be added atomically: a thread owns elements of the samples, and gathers for each of them, in the order of the rows,
the signed entries of its column of the tile, which lies in shared memory. The input is read once.

The rows are grouped otherwise than on the CPU: results agree to rounding, and exactly where all sums are exact. With
one nonzero per column and few rows (one slot here, one range there) the sums have the same bits too.
"""

import numpy as np
from numba import cuda, int32, uint64

from sparsesci._core import cuda as device
from sparsesci._core.cuda import THREADS, padded, tile_of, tile_shape
from sparsesci._core.rng import random_words, select_word
from sparsesci.sketching._sparse_sign_kernels import PATTERN_STREAM, word_row, word_sign

_CSR_TILE_ROWS = 1024
_PATTERN_ENTRIES = 1 << 24


@cuda.jit
def draw_pattern(key, n_components, first, positions, signs):
    """Write the rows and signs of columns first + i of the sketch to positions[i] and signs[i], one thread for each.

    Floyd's algorithm, as on the CPU: an entry that an earlier one has taken becomes the last row of its bound.
    """
    i = cuda.grid(1)
    if i < positions.shape[0]:
        nnz = positions.shape[1]
        begin = uint64(first + i) * uint64(nnz)
        words = random_words(key, PATTERN_STREAM, begin >> uint64(2))
        for q in range(nnz):
            number = begin + uint64(q)
            if q > 0 and number & uint64(3) == 0:
                words = random_words(key, PATTERN_STREAM, number >> uint64(2))
            word = select_word(words, number & uint64(3))
            bound = n_components - nnz + q + 1
            drawn = word_row(word, bound)
            for earlier in range(q):
                if positions[i, earlier] == drawn:
                    drawn = bound - 1
            positions[i, q] = drawn
            signs[i, q] = word_sign(word)


@cuda.jit
def sort_tiles(positions, signs, tile_rows, pointers, sources):
    """Sort the entries of each tile of rows by sample, one block of threads for each tile.

    Entries pointers[tile, t] ... pointers[tile, t + 1] - 1 of sources[tile] belong to sample t: each is twice its row
    in the tile, plus one if it is negative, in the order of the rows.
    """
    totals = cuda.shared.array(THREADS, int32)
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    tile, n_samples, nnz = cuda.blockIdx.x, pointers.shape[1] - 1, positions.shape[1]
    begin = tile * tile_rows
    count = min(tile_rows, positions.shape[0] - begin)
    for t in range(thread, n_samples + 1, n_threads):
        pointers[tile, t] = 0
    cuda.syncthreads()
    for i in range(thread, count, n_threads):
        for q in range(nnz):
            cuda.atomic.add(pointers, (tile, positions[begin + i, q] + 1), 1)
    cuda.syncthreads()

    # An exclusive scan of the counts: each thread adds up its share, then starts from the shares before it.
    low, high = thread * n_samples // n_threads, (thread + 1) * n_samples // n_threads
    total = 0
    for t in range(low, high):
        total += pointers[tile, t + 1]
    totals[thread] = total
    cuda.syncthreads()
    running = 0
    for earlier in range(thread):
        running += totals[earlier]
    for t in range(low, high):
        length = pointers[tile, t + 1]
        pointers[tile, t + 1] = running
        running += length
    cuda.syncthreads()

    # pointers[tile, t + 1] moves from the beginning to the end of sample t.
    for i in range(thread, count, n_threads):
        for q in range(nnz):
            place = cuda.atomic.add(pointers, (tile, positions[begin + i, q] + 1), 1)
            sources[tile, place] = 2 * i + (1 if signs[begin + i, q] < 0 else 0)
    cuda.syncthreads()

    # In which order the threads came is chance: insertion sort makes it that of the rows.
    for t in range(thread, n_samples, n_threads):
        first = pointers[tile, t]
        for e in range(first + 1, pointers[tile, t + 1]):
            source = sources[tile, e]
            place = e
            while place > first and sources[tile, place - 1] > source:
                sources[tile, place] = sources[tile, place - 1]
                place -= 1
            sources[tile, place] = source


@cuda.jit
def gather_tiles(x, pointers, sources, log2_rows, log2_width, partial):
    """Add the tiles of ``x`` (n, d) to ``partial`` (slots, m, d). The grid is (panels, slots)."""
    tile = cuda.shared.array(0, x.dtype)
    held = cuda.local.array(4, x.dtype)
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    slot, n_slots = cuda.blockIdx.y, cuda.gridDim.y
    within = thread & ((1 << log2_width) - 1)
    column = (cuda.blockIdx.x << log2_width) + within
    exists = column < x.shape[1]
    size = 1 << (log2_rows + log2_width)
    n_tiles, n_pairs = pointers.shape[0], partial.shape[1] << log2_width
    for number in range(slot * n_tiles // n_slots, (slot + 1) * n_tiles // n_slots):
        begin = number << log2_rows
        # Four loads are under way before the first of them is used.
        for e in range(thread, size, 4 * n_threads):
            for j in range(4):
                row = begin + ((e + j * n_threads) >> log2_width)
                if exists and row < x.shape[0]:
                    held[j] = x[row, column]
            for j in range(4):
                tile[padded(e + j * n_threads, log2_width)] = held[j]
        cuda.syncthreads()
        for pair in range(thread, n_pairs if exists else 0, n_threads):
            sample = pair >> log2_width
            first, last = pointers[number, sample], pointers[number, sample + 1]
            if first < last:
                total = partial[slot, sample, column]
                for e in range(first, last):
                    source = sources[number, e]
                    value = tile[padded(((source >> 1) << log2_width) + within, log2_width)]
                    total += -value if source & 1 else value
                partial[slot, sample, column] = total
        cuda.syncthreads()


@cuda.jit
def gather_tiles_csr(data, indices, indptr, pointers, sources, tile_rows, partial):
    """Add the tiles of a CSR matrix to ``partial`` (slots, m, d), one thread for each sample.

    The grid is (blocks of samples, slots). A thread takes entries one after the other, so a row may repeat a column.
    """
    sample = cuda.grid(1)
    slot, n_slots = cuda.blockIdx.y, cuda.gridDim.y
    n_tiles = pointers.shape[0]
    if sample < partial.shape[1]:
        for number in range(slot * n_tiles // n_slots, (slot + 1) * n_tiles // n_slots):
            for e in range(pointers[number, sample], pointers[number, sample + 1]):
                source = sources[number, e]
                row = number * tile_rows + (source >> 1)
                for entry in range(indptr[row], indptr[row + 1]):
                    value = data[entry]
                    partial[slot, sample, indices[entry]] += -value if source & 1 else value


def _sorted_pattern(key, nnz, n_components, first, n_rows, tile_rows):
    """Return the pointers and sources of ``n_rows`` columns of the sketch from ``first`` on: see ``sort_tiles``."""
    positions = cuda.device_array((n_rows, nnz), np.int32)
    signs = cuda.device_array((n_rows, nnz), np.int8)
    device.for_each(draw_pattern, n_rows)(key, n_components, first, positions, signs)
    n_tiles = -(-n_rows // tile_rows)
    pointers = cuda.device_array((n_tiles, n_components + 1), np.int32)
    sources = cuda.device_array((n_tiles, tile_rows * nnz), np.int16)
    device.configured(sort_tiles, n_tiles, THREADS)(positions, signs, tile_rows, pointers, sources)
    return pointers, sources


def _rows_with_pattern(n_rows, piece_rows, nnz, n_components, tile_rows):
    """Return how many of ``piece_rows`` rows may be taken at once so that their pattern stays small too."""
    entries_per_tile = tile_rows * nnz + n_components
    fitting = max(1, _PATTERN_ENTRIES // entries_per_tile) * tile_rows
    return min(n_rows, piece_rows, fitting)


def sparse_sign_accumulate(A, key, nnz_per_column, row_offset, out, n_jobs):
    """out += S[:, row_offset : row_offset + len(A)] @ A with entries +1 and -1.

    Parameters
    ----------
    A : host or device array of shape (n, d), C-ordered, float32 or float64, n > 0
    key : numpy.uint64
    nnz_per_column : int
    row_offset : int
        Global index of the first row of ``A``.
    out : host or device array of shape (m, d), C-ordered, of the dtype of ``A``
    n_jobs : int or None
        Not used: the parameter of the CPU twin.
    """
    n_rows, (n_components, d) = A.shape[0], out.shape
    tile = tile_of(out.dtype)
    log2_rows, log2_width = tile_shape(n_components, d, out.dtype)
    piece_rows = device.rows_per_piece(d * out.dtype.itemsize, 1 << log2_rows)
    piece_rows = _rows_with_pattern(n_rows, piece_rows, nnz_per_column, n_components, 1 << log2_rows)
    n_panels = -(-d >> log2_width)
    n_slots = device.slot_count(-(-piece_rows >> log2_rows), n_panels, n_components * d * out.dtype.itemsize)
    kernel = device.configured(gather_tiles, (n_panels, n_slots), tile.threads, tile.shared_bytes)
    with device.slots_of(n_slots, out) as partial:
        for start, x in device.row_pieces(A, piece_rows):
            pattern = _sorted_pattern(key, nnz_per_column, n_components, row_offset + start, x.shape[0], 1 << log2_rows)
            kernel(x, *pattern, log2_rows, log2_width, partial)


def sparse_sign_accumulate_csr(data, indices, indptr, key, nnz_per_column, row_offset, out, n_jobs):
    """The same for a CSR matrix given by its three host arrays; ``data`` has the dtype of ``out``."""
    n_rows, (n_components, d) = indptr.size - 1, out.shape
    piece_rows = _rows_with_pattern(n_rows, n_rows, nnz_per_column, n_components, _CSR_TILE_ROWS)
    n_blocks = -(-n_components // THREADS)
    n_slots = device.slot_count(-(-piece_rows // _CSR_TILE_ROWS), n_blocks, n_components * d * out.dtype.itemsize)
    kernel = device.configured(gather_tiles_csr, (n_blocks, n_slots), THREADS)
    with device.slots_of(n_slots, out) as partial:
        for start, *matrix in device.csr_pieces(data, indices, indptr, piece_rows):
            pattern = _sorted_pattern(
                key, nnz_per_column, n_components, row_offset + start, matrix[2].size - 1, _CSR_TILE_ROWS
            )
            kernel(*matrix, *pattern, _CSR_TILE_ROWS, partial)


def sparse_sign_pattern(key, nnz_per_column, n_components, start, stop):
    """Return the rows (stop - start, nnz) int64 and signs (stop - start, nnz) int8 of columns start ... stop - 1."""
    n_columns = stop - start
    positions = cuda.device_array((n_columns, nnz_per_column), np.int64)
    signs = cuda.device_array((n_columns, nnz_per_column), np.int8)
    if n_columns > 0:
        device.for_each(draw_pattern, n_columns)(key, n_components, start, positions, signs)
    return positions.copy_to_host(), signs.copy_to_host()
