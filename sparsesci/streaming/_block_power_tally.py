"""Running statistics of a stream of rows, and the decision which rows are stored as heavy ones."""

import numpy as np
from numba import njit

# Places in the array of scalars.
SEEN, SQUARES, WEIGHT, WEIGHT_SQUARES, REFERENCE, LOG_RECENT, LOG_TOTAL, LOG_SQUARES, LIGHT, LIGHT_WEIGHT, LARGEST = (
    range(11)
)
N_SCALARS = 11
# Rows of the array of energies, one column for each schedule.
RECENT, TOTAL, TOTAL_SQUARES = range(3)
N_ENERGIES = 3
# A row counts for 1 / e of the newest when a quarter of the stream has passed since.
_FORGETTING = 4.0
_FEWEST_ROWS = 256
_STANDARD_ERRORS = 5.0
_SURGE = 3.0
_HEAVY_SHARE = 0.1


@njit(nogil=True, cache=True)
def tally_rows(norms, projections, start, stop, n_components, light, scalars, energies, means):
    """Take rows into the statistics: light ones with their projections, a heavy one without.

    The weights of what came before are those of the spectrum of a recent quarter of the stream. ``means`` holds the
    running sum of the projections under the same weights.
    """
    n_schedules = energies.shape[1]
    for i in range(start, stop):
        q = norms[i]
        scalars[SEEN] += 1.0
        scalars[SQUARES] += q
        scalars[LARGEST] = max(scalars[LARGEST], q)
        keep = np.exp(-_FORGETTING / scalars[SEEN])
        scalars[WEIGHT] = keep * scalars[WEIGHT] + 1.0
        scalars[WEIGHT_SQUARES] = keep * keep * scalars[WEIGHT_SQUARES] + 1.0
        scalars[LOG_RECENT] *= keep
        if q > 0.0:
            if np.isnan(scalars[REFERENCE]):
                scalars[REFERENCE] = np.log(q)
            size = np.log(q) - scalars[REFERENCE]
            scalars[LOG_RECENT] += size
            scalars[LOG_TOTAL] += size
            scalars[LOG_SQUARES] += size * size
        scalars[LIGHT_WEIGHT] = keep * scalars[LIGHT_WEIGHT] + (1.0 if light else 0.0)
        scalars[LIGHT] += 1.0 if light else 0.0
        for s in range(n_schedules):
            energies[RECENT, s] *= keep
            energy = 0.0
            for c in range(s * n_components, (s + 1) * n_components):
                means[c] *= keep
                if light:
                    energy += projections[i, c] * projections[i, c]
                    means[c] += projections[i, c]
            if light:
                energies[RECENT, s] += energy
                energies[TOTAL, s] += energy
                energies[TOTAL_SQUARES, s] += energy * energy


@njit(nogil=True, cache=True)
def next_heavy_row(norms, start, stop, smallest, has_room, factor, n_features, seen, squares, largest_eigenvalue):
    """Return the first row from ``start`` on that is to be stored, or ``stop``.

    ``seen`` and ``squares`` are the number of rows before ``start`` and the sum of their squared norms.
    """
    for i in range(start, stop):
        seen += 1.0
        squares += norms[i]
        threshold = 0.0
        if factor > 0.0:
            threshold = heavy_threshold(factor, n_features, seen, squares, largest_eigenvalue)
        if norms[i] > threshold and (has_room or norms[i] > smallest):
            return i
    return stop


@njit(nogil=True, cache=True)
def heavy_threshold(factor, n_features, seen, squares, largest_eigenvalue):
    """Return the squared norm above which a row is heavy: a share of the average, or of the top eigenvalue."""
    average = squares / min(float(n_features), seen)
    return factor / max(np.log(float(n_features)), 1.0) * max(average, largest_eigenvalue * seen)


def looks_ordered(scalars, energies, heavy_share):
    """Return whether the recent rows differ from all rows by more than chance would explain.

    Compared are, over about the last quarter of the stream, the logarithm of the squared norms (both ways) and the
    energy of light rows in the iterate. The latter grows by itself while the iterate converges, so that a loss counts
    from five standard errors on, a gain only if it is threefold as well; and where the iterate turns to heavy rows, it
    says nothing.
    """
    n, n_light = scalars[SEEN], scalars[LIGHT]
    if n < _FEWEST_ROWS or n_light < _FEWEST_ROWS:
        return False
    spread = np.sqrt(scalars[WEIGHT_SQUARES]) / scalars[WEIGHT]

    def excess(recent, total, squares, count):
        mean = total / count
        error = spread * np.sqrt(max(squares / count - mean**2, 0.0))
        return recent - mean, _STANDARD_ERRORS * max(error, 1e-7 * np.sqrt(squares / count)), mean

    size, bound, _ = excess(scalars[LOG_RECENT] / scalars[WEIGHT], scalars[LOG_TOTAL], scalars[LOG_SQUARES], n)
    if abs(size) > bound > 0:
        return True
    if heavy_share > _HEAVY_SHARE:
        return False
    recent = energies[RECENT] / scalars[LIGHT_WEIGHT]
    gain, bound, mean = excess(recent, energies[TOTAL], energies[TOTAL_SQUARES], n_light)
    return bool(bound > 0 and (gain < -bound or gain > max(bound, (_SURGE - 1) * mean)))
