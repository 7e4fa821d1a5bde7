"""Expectation maximisation with Kronecker-structured hyperparameters: the published methods, and a rank-one M-step.

The published methods fit the factors to the tensor of second moments, by alternating minimisation ("am"), by
successive singular value decompositions ("svd"), or by one pass of the first ("ksbl"). "rank1" fits the best rank-one
tensor without forming the tensor of moments.
"""

import math

import numpy as np

from sparsesci.sbl._measurement_space import Solution
from sparsesci.sbl._posterior import Box
from sparsesci.sbl._tensor import contract_others, mode_product, normalise, squared_magnitude

TENSOR_LIMIT = 10**8
_INNER_TOL = 1e-5
_MAX_PASSES = 1000
_RANK_ONE_PASSES = 50
_RANK_ONE_TOL = 1e-8


def expectation_maximisation(
    Y, dictionaries, gammas, noise_var, *, method, learn_noise, prune_tol, max_iter, tol, on_sweep=None
):
    """Iterate and return the ``Solution``."""
    lengths = [H.shape[1] for H in dictionaries]
    noise_floor = 1e-12 * float(squared_magnitude(Y).mean())
    path, converged, iteration = [], False, 0
    active = [np.flatnonzero(gamma) for gamma in gammas]
    gammas = normalise([gamma[indices] for gamma, indices in zip(gammas, active)])
    while iteration < max_iter and not converged:
        iteration += 1
        keep = [gamma >= threshold * gamma.max() for gamma, threshold in zip(gammas, prune_tol)]
        active = [indices[mask] for indices, mask in zip(active, keep)]
        gammas = [gamma[mask] for gamma, mask in zip(gammas, keep)]
        box = Box(Y, [H[:, indices] for H, indices in zip(dictionaries, active)], gammas, noise_var)
        path.append(box.cost())
        old, gammas = gammas, _M_STEPS[method](box, gammas)
        if any(not gamma.any() for gamma in gammas):
            return Solution([np.zeros(length) for length in lengths], noise_var, path[-1], iteration, True, path)
        change = _relative_change(gammas, old)
        if learn_noise:
            new = max(box.em_noise(), noise_floor)
            change, noise_var = max(change, abs(new - noise_var) / noise_var), new
        converged = change <= tol
        if on_sweep is not None:
            on_sweep(path[-1])
    full = []
    for gamma, indices, length in zip(gammas, active, lengths):
        spread = np.zeros(length)
        spread[indices] = gamma
        full.append(spread)
    cost = Box(Y, dictionaries, full, noise_var).cost()
    return Solution(full, noise_var, cost, iteration, converged, [*path, cost])


def _relative_change(new, old):
    """Return ||new - old|| / ||old|| of the outer products of two lists of vectors."""
    return _distance(new, old) / math.prod(float(np.linalg.norm(gamma)) for gamma in old)


def _distance(new, old):
    """Return the norm of the difference of two outer products, without forming them and without cancellation."""
    total = 0.0
    # new x new - old x old = sum over modes of old x ... x (new - old) x ... x new; Gram matrix of these terms.
    modes = range(len(new))

    def factor(term, mode):
        if mode < term:
            return old[mode]
        return new[mode] - old[mode] if mode == term else new[mode]

    for a in modes:
        for b in modes:
            total += math.prod(float(factor(a, k) @ factor(b, k)) for k in modes)
    return math.sqrt(max(total, 0.0))


def second_moment(box):
    """Return E|x|^2 under the posterior on the box, averaged over snapshots."""
    return box.variance() + squared_magnitude(box.mean()).mean(axis=-1)


def _alternating_pass(moment, gammas):
    gammas = list(gammas)
    for k in range(len(gammas)):
        inverse = [1.0 / gamma for gamma in gammas]
        gammas[k] = contract_others(moment, inverse, k) * (gammas[k].size / moment.size)
    return normalise(gammas)


def _alternating(box, gammas):
    moment = second_moment(box)
    for _ in range(_MAX_PASSES):
        new = _alternating_pass(moment, gammas)
        change, gammas = _distance(new, gammas), new
        if change <= _INNER_TOL:
            break
    return gammas


def _one_pass(box, gammas):
    return _alternating_pass(second_moment(box), gammas)


def _singular_vectors(box, gammas):
    factors, rest = [], second_moment(box)
    while rest.ndim > 1:
        u, rows = _leading_pair(rest.reshape(rest.shape[0], -1))
        factors.append(u)
        rest = rows.reshape(rest.shape[1:])
    return [*factors, rest]


def _leading_pair(matrix):
    """Return the leading left singular vector of a matrix without negative entries, and that times the matrix."""
    rows, columns = matrix.shape
    if rows <= columns:
        u = np.abs(np.linalg.eigh(matrix @ matrix.T)[1][:, -1])
    else:
        u = np.abs(matrix @ np.linalg.eigh(matrix.T @ matrix)[1][:, -1])
        u /= np.linalg.norm(u)
    return u, u @ matrix


class Contraction:
    """Contractions of the tensor of second moments with a vector for each of the other modes, without the tensor."""

    def __init__(self, box):
        self.box = box
        self.magnitudes = [squared_magnitude(W) for W in box.W]

    def __call__(self, vectors, axis):
        """Return the sum over all other modes of the moments times ``vectors``; the one of ``axis`` is not used."""
        box = self.box
        gammas = box.gammas
        weights = [gamma**2 * vector for gamma, vector in zip(gammas, vectors)]
        total = math.prod(float(gammas[j] @ vectors[j]) for j in range(len(gammas)) if j != axis)
        images = [magnitude @ weight for magnitude, weight in zip(self.magnitudes, weights)]
        explained = self.magnitudes[axis].T @ contract_others(1.0 / box.D, images, axis)
        T = box.Z
        for j, (W, weight) in enumerate(zip(box.W, weights)):
            if j != axis:
                T = mode_product(T, _root((W * weight) @ W.conj().T), j)
        T = np.moveaxis(T, axis, 0).reshape(T.shape[axis], -1)
        data = squared_magnitude(box.W[axis].conj().T @ T).sum(axis=1) / box.Z.shape[-1]
        return gammas[axis] * total - gammas[axis] ** 2 * (explained - data)


def _root(P):
    """Return R with R^H R = P for a positive semidefinite P."""
    values, vectors = np.linalg.eigh((P + P.conj().T) / 2)
    return np.sqrt(np.maximum(values, 0.0))[:, np.newaxis] * vectors.conj().T


def _rank_one(box, gammas):
    contract = Contraction(box)
    for _ in range(_RANK_ONE_PASSES):
        old = gammas
        gammas = list(gammas)
        for k in range(len(gammas)):
            norms = math.prod(float(gamma @ gamma) for j, gamma in enumerate(gammas) if j != k)
            gammas[k] = np.maximum(contract(gammas, k), 0.0) / norms
            if not gammas[k].any():
                return gammas
        gammas = normalise(gammas)
        if _relative_change(gammas, old) <= _RANK_ONE_TOL:
            break
    return gammas


_M_STEPS = {"am": _alternating, "svd": _singular_vectors, "ksbl": _one_pass, "rank1": _rank_one}


def tensor_size(dictionaries):
    """Return the number of coefficients."""
    return math.prod(H.shape[1] for H in dictionaries)
