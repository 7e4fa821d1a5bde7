"""CUDA twin of the solver for many small problems: one thread for each, running the scalar code of the CPU.

The work space of a problem lies in global memory; as many problems run at once as fit into a piece of it.
"""

import numpy as np
from numba import config, cuda, njit

from sparsesci._core import cuda as device
from sparsesci.sbl._small_kernels import _layout, _work_sizes, solve

if config.ENABLE_CUDASIM:

    def _plain(array):
        """Return the NumPy array that the simulator has wrapped: compiled functions do not know the wrapping."""
        return array._item._ary

else:

    @njit
    def _plain(array):
        return array


@cuda.jit
def _solve_each(
    Y, dictionaries, gammas, reals, prune_tol, order, counts, shapes, offsets, starts, final_gammas, paths, results,
    numbers, floats, ints, first,
):  # fmt: skip
    slot = cuda.grid(1)
    p = first + slot
    if slot < numbers.shape[0] and p < gammas.shape[0]:
        solve(
            _plain(Y[p % Y.shape[0]]), _plain(dictionaries[p % dictionaries.shape[0]]), _plain(gammas[p]),
            _plain(reals[p]), _plain(prune_tol[p]), _plain(order[p]), _plain(counts), _plain(shapes), _plain(offsets),
            _plain(starts), _plain(final_gammas[p]), _plain(paths[p]), _plain(results[p]), _plain(numbers[slot]),
            _plain(floats[slot]), _plain(ints[slot]),
        )  # fmt: skip


def solve_problems(
    Y, dictionaries, gammas, reals, prune_tol, order, counts, shapes, final_gammas, paths, results, n_jobs=None
):
    """Do what ``_small_kernels.solve_problems`` does, on the GPU."""
    n_problems = gammas.shape[0]
    n_numbers, n_floats, n_ints = _work_sizes(counts, shapes, Y.shape[1])
    per_problem = n_numbers * Y.dtype.itemsize + 8 * (n_floats + n_ints)
    n_slots = max(1, min(n_problems, device.PIECE_BYTES // per_problem))
    work = (
        cuda.device_array((n_slots, n_numbers), Y.dtype),
        cuda.device_array((n_slots, n_floats), np.float64),
        cuda.device_array((n_slots, n_ints), np.int64),
    )
    inputs = [device.as_device(array) for array in (Y, dictionaries, gammas)]
    rest = [device.as_device(array) for array in (prune_tol, order, counts, shapes, *_layout(shapes))]
    # An array without elements cannot lie on a device: a path that nobody asked for goes to one that is dropped.
    wanted = paths if paths.size else np.zeros((n_problems, 1))
    with (
        device.on_device(reals) as reals,
        device.on_device(final_gammas) as final_gammas,
        device.on_device(wanted) as wanted,
        device.on_device(results) as results,
    ):
        for first in range(0, n_problems, n_slots):
            device.for_each(_solve_each, n_slots)(
                *inputs, reals, *rest, final_gammas, wanted, results, *work, first
            )  # fmt: skip
