"""The walk through a tile of rows in compiled code, on one thread, for dense rows.

It does what ``BlockPower`` does row by row otherwise, with the same kernels in the same order, and so to the same bits.
Rows that are to be stored are frequent at the beginning of a stream, and every one of them interrupts the folding.
"""

import numpy as np
from numba import njit

from sparsesci.streaming._block_power_kernels import accumulate_range, fold_tiles, project_range
from sparsesci.streaming._block_power_tally import SEEN, SQUARES, next_heavy_row, tally_rows


@njit(nogil=True, cache=True)
def lightest_row(norms, numbers, count):
    """Return the place of the smallest of the first ``count`` norms, of equal ones the latest."""
    place = 0
    for i in range(1, count):
        if norms[i] < norms[place] or (norms[i] == norms[place] and numbers[i] > numbers[place]):
            place = i
    return place


@njit(nogil=True, cache=True)
def absorb_rows(
    x,
    norms,
    projections,
    start,
    stop,
    iterates,
    sums,
    heavy,
    heavy_norms,
    heavy_numbers,
    n_heavy,
    capacity,
    factor,
    largest_eigenvalue,
    n_components,
    scalars,
    energies,
    means,
):
    """Take in rows start <= i < stop of ``x``; return how many rows are stored then, and how many have been folded.

    ``heavy`` has room for all rows that may have to be stored.
    """
    n_vectors, d = iterates.shape
    n_sums = projections.shape[1]
    flat, z, g, stored = x.reshape(-1), iterates.reshape(-1), sums.reshape(-1), heavy.reshape(-1)
    single = np.ones((1, n_sums))
    folded, row = 0, start
    while row < stop:
        has_room = n_heavy < capacity
        place = n_heavy if has_room else lightest_row(heavy_norms, heavy_numbers, n_heavy)
        smallest = 0.0 if has_room else heavy_norms[place]
        seen, squares = scalars[SEEN], scalars[SQUARES]
        at = next_heavy_row(norms, row, stop, smallest, has_room, factor, d, seen, squares, largest_eigenvalue)
        fold_tiles(flat[row * d : at * d], d, z, n_vectors, projections[row:at], g, at - row)
        tally_rows(norms, projections, row, at, n_components, True, scalars, energies, means)
        folded += at - row
        if at < stop:
            if has_room:
                n_heavy += 1
            else:
                evicted = stored[place * d : (place + 1) * d]
                project_range(evicted, d, z, n_vectors, single, 0, 1)
                accumulate_range(evicted, d, single, 0, 1, g, 0, d)
                folded += 1
            heavy[place] = x[at]
            heavy_norms[place] = norms[at]
            heavy_numbers[place] = np.int64(scalars[SEEN])
            tally_rows(norms, projections, at, at + 1, n_components, False, scalars, energies, means)
        row = at + 1
    return n_heavy, folded
