"""Small problems for the tests of sparsesci.sbl."""

from types import SimpleNamespace

import numpy as np

from sparsesci.sbl._tensor import normalise


def random_problem(seed=0, rows=(4, 5, 5), columns=(6, 6, 6), *, complex_valued=False, n_snapshots=None, noise_var=0.3):
    """Return random dictionaries, measurements and hyperparameters."""
    rng = np.random.default_rng(seed)

    def normal(*shape):
        real = rng.standard_normal(shape)
        return real + 1j * rng.standard_normal(shape) if complex_valued else real

    tail = () if n_snapshots is None else (n_snapshots,)
    return SimpleNamespace(
        H=[normal(m, n) for m, n in zip(rows, columns)],
        Y=normal(*rows, *tail),
        gammas=normalise([rng.random(n) + 0.1 for n in columns]),
        noise_var=noise_var,
    )


def flat(Y, modes=3):
    """Return measurements as a matrix with one column for each snapshot."""
    return Y.reshape(int(np.prod(Y.shape[:modes])), -1)
