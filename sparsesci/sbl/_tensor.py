"""Products of tensors with one matrix for each mode, and outer products of vectors."""

import numpy as np

_USUAL_ENERGY = (1e-6, 1e6)


def mode_product(X, matrix, axis):
    """Return X x_axis matrix: the axis of X is replaced by the rows of ``matrix``; no transposed copy is made."""
    shape = X.shape
    left, right = int(np.prod(shape[:axis])), int(np.prod(shape[axis + 1 :]))
    if right == 1:
        product = X.reshape(left, shape[axis]) @ matrix.T
    else:
        product = np.matmul(matrix, X.reshape(left, shape[axis], right))
    return product.reshape(*shape[:axis], matrix.shape[0], *shape[axis + 1 :])


def mode_products(X, matrices, skip=None):
    """Return X times one matrix along each of its first axes, but for axis ``skip``."""
    for axis, matrix in enumerate(matrices):
        if axis != skip:
            X = mode_product(X, matrix, axis)
    return X


def outer(vectors):
    """Return the flat outer product of vectors, the last varying fastest; an array of one 1 for no vector."""
    product = np.ones(1)
    for vector in vectors:
        product = np.multiply.outer(product, vector).ravel()
    return product


def contract_others(X, vectors, axis):
    """Return the sum of the real tensor X over all axes but one, weighted by one vector for each of the others."""
    shape = X.shape
    left, right = outer(vectors[:axis]), outer(vectors[axis + 1 :])
    panels = X.reshape(left.size, shape[axis], right.size)
    return left @ (panels @ right)


def normalise(gammas):
    """Return factors of unit Euclidean norm but for the last, which takes the scale; all zero if one is zero."""
    norms = [np.linalg.norm(gamma) for gamma in gammas[:-1]]
    scale = np.prod(norms)
    if scale == 0.0:
        return [np.zeros_like(gamma) for gamma in gammas]
    return [gamma / norm for gamma, norm in zip(gammas, norms)] + [gammas[-1] * scale]


def flat_start(lengths, energy):
    """Return equal hyperparameters whose product is one, or where that is far from the data's ``energy``, that.

    Ones are what is published. Updates are relative, so that any start within some orders of magnitude serves, and
    data in unusual units need another one.
    """
    gammas = normalise([np.ones(length) for length in lengths])
    low, high = _USUAL_ENERGY
    if not low <= energy <= high:
        gammas[-1] = gammas[-1] * energy
    return gammas


def squared_magnitude(X):
    """Return |X|^2, element by element."""
    return X.real**2 + X.imag**2 if np.iscomplexobj(X) else X * X
