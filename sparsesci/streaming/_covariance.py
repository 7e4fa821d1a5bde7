"""The exact answer, from all d^2 second moments."""

import numpy as np

from sparsesci._core.threads import single_threaded_blas
from sparsesci.streaming import _block_power_tally as tally
from sparsesci.streaming._block_power import Answer, BlockPower

_NEVER = float(1 << 62)


class Covariance(BlockPower):
    """Block power iteration on all coordinate axes at once, in one block that never ends: the covariance itself."""

    def __init__(self, n_features, *, center, key):
        super().__init__(n_features, n_features, (1.0,), _NEVER, capacity=0, heavy_factor=0.0, center=center, key=key)

    def _first_iterates(self, key):
        return np.eye(self.d)

    def answer(self, n_components):
        if self.pending:
            return self.settled().answer(n_components)
        with single_threaded_blas():
            second_moments = self._centred_sums(0)
            largest = np.abs(second_moments).max()
            values, vectors = np.linalg.eigh(second_moments / (largest if largest > 0 else 1.0))
        unit = np.ldexp(1.0, -self.exponent)
        values = np.maximum(values[::-1][:n_components], 0.0) * largest
        return Answer(
            components=np.ascontiguousarray(vectors.T[::-1][:n_components]),
            singular_values=np.sqrt(values) * unit,
            mean=self.absolute_mean(),
            frobenius_norm=np.sqrt(self._total_square()) * unit,
            scores=values.sum(keepdims=True) * unit * unit,
            best=0,
            ordered=False,
        )


def merged_covariances(first, second):
    """Return the covariance of the rows of both; neither is changed."""
    a, b = first.settled().copy(), second.settled().copy()
    unit = min(a.exponent, b.exponent)
    for state in (a, b):
        if state.exponent != unit:
            state._change_unit(unit - state.exponent)
    n = b.scalars[tally.SEEN]
    a.scalars[tally.LARGEST] = max(a.scalars[tally.LARGEST], b.scalars[tally.LARGEST])
    a.scalars[tally.SQUARES] += b.scalars[tally.SQUARES]
    if a.center:
        move, total = b.shift - a.shift, b.sums[-1]
        cross = np.outer(move, total)
        a.sums[:-1] += b.sums[:-1] + cross + cross.T + n * np.outer(move, move)
        a.sums[-1] += total + n * move
        a.scalars[tally.SQUARES] += 2.0 * (move @ total) + n * (move @ move)
    else:
        a.sums += b.sums
    a.scalars[tally.SEEN] += n
    a.counts += b.counts
    a.folded += b.folded
    return a
