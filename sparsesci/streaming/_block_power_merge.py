"""Merging two block power summaries."""

import numpy as np

from sparsesci._core.threads import single_threaded_blas
from sparsesci.streaming import _block_power_tally as tally
from sparsesci.streaming._block_power_summary import top_directions

_SUMS = (tally.WEIGHT, tally.WEIGHT_SQUARES, tally.LIGHT, tally.LIGHT_WEIGHT)


def merged(first, second):
    """Return the summary of the rows of both; neither is changed.

    The heaviest rows of both are kept; the light rows of each, and heavy ones for which there is no room, become k rows
    for each schedule. Power iteration begins a new block, from the top directions of the union.
    """
    a, b = first.settled().copy(), second.settled().copy()
    # The summaries are written to all over.
    a._shared = b._shared = frozenset()
    unit = min(a.exponent, b.exponent)
    for state in (a, b):
        if state.exponent != unit:
            state._change_unit(unit - state.exponent)
    with single_threaded_blas():
        move = b.shift - a.shift if a.center else np.zeros(a.d)
        light_scores = a.light_scores() + b.light_scores()
        stacks = [_stack(a, b, move, s) for s in range(a.m)]
        heavy, norms, numbers, evicted = _unite_heavy(a, b, move)
        _add_scalars(a, b, move)
        if a.center:
            a.sums[-1] += b.sums[-1] + b.n_light * move + evicted.sum(axis=0)
        a.heavy, a.heavy_norms, a.heavy_numbers, a.n_heavy = heavy, norms, numbers, len(heavy)
        _begin_anew(a, b, stacks, evicted, light_scores)
    a.peak_rows = max(a.peak_rows, b.peak_rows, a.memory_rows)
    return a


def _light_mean(state):
    return state.n_light, state.sums[-1] / max(state.n_light, 1.0)


def _stack(a, b, move, s):
    """Return rows whose Gram matrix is that of the light rows of both, about their common mean."""
    rows = [state.light_rows(s) for state in (a, b)] + [state.past[s] for state in (a, b) if state.past is not None]
    if a.center:
        (n_a, mean_a), (n_b, mean_b) = _light_mean(a), _light_mean(b)
        if n_a * n_b > 0:
            rows.append(np.sqrt(n_a * n_b / (n_a + n_b)) * (mean_b + move - mean_a)[np.newaxis])
    return np.concatenate(rows)


def _unite_heavy(a, b, move):
    """Return the heaviest of all stored rows, counted from the shift of ``a``, and those for which there is no room."""
    rows = np.concatenate((a.heavy[: a.n_heavy], b.heavy[: b.n_heavy] + move))
    norms = np.concatenate((a.heavy_norms[: a.n_heavy], (rows[a.n_heavy :] ** 2).sum(axis=1)))
    numbers = np.concatenate((a.heavy_numbers[: a.n_heavy], b.heavy_numbers[: b.n_heavy] + int(a.scalars[tally.SEEN])))
    order = np.lexsort((numbers, -norms))
    kept, dropped = order[: a.capacity], order[a.capacity :]
    return rows[kept], norms[kept], numbers[kept], rows[dropped]


def _add_scalars(a, b, move):
    n = b.scalars[tally.SEEN]
    total = b.heavy[: b.n_heavy].sum(axis=0) + (b.sums[-1] if b.center else 0.0)
    squares = b.scalars[tally.SQUARES]
    if a.center:
        squares = squares + 2.0 * (move @ total) + n * (move @ move)
    difference = b.scalars[tally.REFERENCE] - a.scalars[tally.REFERENCE]
    if np.isnan(a.scalars[tally.REFERENCE]):
        a.scalars[tally.REFERENCE] = b.scalars[tally.REFERENCE]
    difference = 0.0 if np.isnan(difference) else difference
    log_total = b.scalars[tally.LOG_TOTAL]
    a.scalars[tally.LOG_RECENT] += b.scalars[tally.LOG_RECENT] + difference * b.scalars[tally.WEIGHT]
    a.scalars[tally.LOG_TOTAL] += log_total + n * difference
    a.scalars[tally.LOG_SQUARES] += b.scalars[tally.LOG_SQUARES] + 2.0 * difference * log_total + n * difference**2
    for place in _SUMS:
        a.scalars[place] += b.scalars[place]
    a.scalars[tally.SEEN] += n
    a.scalars[tally.SQUARES] += squares
    a.scalars[tally.LARGEST] = max(a.scalars[tally.LARGEST], b.scalars[tally.LARGEST])
    a.energies += b.energies
    a.means += b.means


def _begin_anew(a, b, stacks, evicted, light_scores):
    """Keep k rows of each stack, and begin new blocks from the top directions."""
    centre = a.sums[-1] / max(a.n_light, 1.0) if a.center else 0.0
    iterates, a.past = a.iterates.copy(), np.zeros((a.m, a.k, a.d))
    none = np.zeros((0, a.d))
    for s, stack in enumerate(stacks):
        of = a._of(s)
        stack = np.concatenate((stack, evicted - centre))
        components, singular_values = top_directions(stack, none, None, a.iterates[of], a.k)
        a.past[s] = singular_values[:, np.newaxis] * components
        iterates[of] = top_directions(stack, a.heavy, a.mean(), a.iterates[of], a.k)[0]
    if len(evicted):
        energy = ((evicted - centre) @ iterates.T) ** 2
        light_scores = light_scores + energy.sum(axis=0).reshape(a.m, a.k).sum(axis=1)
    a.iterates, a.past_scores, a.n_past = iterates, light_scores, float(a.scalars[tally.SEEN])
    a.n_past_light = float(a.n_light)
    a.sums[: a.m * a.k] = 0.0
    if a.center:
        a.marks = np.repeat(a.sums[-1:], a.m, axis=0)
    a.previous = None
    a.previous_counts[:] = 0
    a.counts[:] = 0
    a.folded[:] = 0
    a.lengths = np.maximum(a.lengths, b.lengths)
