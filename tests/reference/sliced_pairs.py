"""Plain versions of sliced distances between many clouds: one pair and one direction at a time."""

import numpy as np

from tests.reference import sliced_wasserstein as single


def costs(clouds, others, directions, rule, weights=None, other_weights=None, p=2):
    """Return the weighted sums over the rule of the costs between all pairs."""
    out = np.zeros((len(clouds), len(others)))
    for i, X in enumerate(clouds):
        for j, Y in enumerate(others):
            a = None if weights is None else weights[i]
            b = None if other_weights is None else other_weights[j]
            out[i, j] = rule @ single.costs(X, Y, directions, a, b, p)
    return out


def quantiles(u, size, a=None):
    """Return the quantiles at (k + 1/2) / size: the least value whose cumulated mass is at least the level."""
    a = np.full(len(u), 1 / len(u)) if a is None else np.asarray(a) / np.sum(a)
    order = np.argsort(u, kind="stable")
    levels = np.cumsum(a[order])
    places = [int(np.argmax(levels >= (k + 0.5) / size - 1e-12)) for k in range(size)]
    return u[order][places]


def embedding(X, directions, rule, size, a=None, p=2):
    """Return the scaled quantiles of all projections, direction by direction."""
    return np.concatenate(
        [(weight / size) ** (1 / p) * quantiles(X @ t, size, a) for t, weight in zip(directions, rule)]
    )
