"""Kronecker-structured sparse Bayesian learning, with every matrix of the size of the dictionary product formed."""

from functools import reduce

import numpy as np


def kron(arrays):
    """Return the Kronecker product of vectors or matrices, the last varying fastest."""
    return reduce(np.kron, arrays)


def covariance(dictionaries, gammas, noise_var):
    """Return the covariance of the measurements."""
    H = kron(dictionaries)
    return noise_var * np.eye(len(H)) + (H * kron(gammas)) @ H.conj().T


def cost(y, dictionaries, gammas, noise_var):
    """Return log det Phi + y^H Phi^-1 y, the second averaged over the columns of y."""
    Phi = covariance(dictionaries, gammas, noise_var)
    y = y.reshape(len(Phi), -1)
    quadratic = np.sum(y.conj() * np.linalg.solve(Phi, y)).real / y.shape[1]
    return np.linalg.slogdet(Phi)[1] + quadratic


def posterior(y, dictionaries, gammas, noise_var):
    """Return mean and covariance of the coefficients."""
    H, gamma = kron(dictionaries), kron(gammas)
    gain = (gamma[:, None] * H.conj().T) @ np.linalg.inv(covariance(dictionaries, gammas, noise_var))
    return gain @ y, np.diag(gamma) - gain @ H * gamma


def second_moment(y, dictionaries, gammas, noise_var):
    """Return E|x|^2 under the posterior, averaged over snapshots, as a tensor."""
    mean, Sigma = posterior(y.reshape(y.shape[0], -1), dictionaries, gammas, noise_var)
    moment = np.diagonal(Sigma).real + np.mean(np.abs(mean) ** 2, axis=1)
    return moment.reshape([len(gamma) for gamma in gammas])


def normalise(gammas):
    """Return factors of unit norm but for the last, which takes the scale."""
    norms = [np.linalg.norm(gamma) for gamma in gammas[:-1]]
    return [gamma / norm for gamma, norm in zip(gammas, norms)] + [gammas[-1] * np.prod(norms)]


def am_pass(moment, gammas):
    """Return the factors after one round of alternating minimisation."""
    gammas = list(gammas)
    for k in range(len(gammas)):
        inverse = [1 / gamma if j != k else np.ones_like(gamma) for j, gamma in enumerate(gammas)]
        others = tuple(j for j in range(len(gammas)) if j != k)
        weighted = moment * kron(inverse).reshape(moment.shape)
        gammas[k] = weighted.sum(axis=others) * len(gammas[k]) / moment.size
    return normalise(gammas)


def am_step(moment, gammas, inner_tol=1e-5, max_passes=1000):
    """Return the factors after alternating minimisation to a tolerance on the full product."""
    for _ in range(max_passes):
        new = am_pass(moment, gammas)
        change = np.linalg.norm(kron(new) - kron(gammas))
        gammas = new
        if change <= inner_tol:
            break
    return gammas


def svd_step(moment):
    """Return the factors of successive rank-one approximations."""
    gammas, rest = [], moment
    while rest.ndim > 1:
        u, sigma, vh = np.linalg.svd(rest.reshape(len(rest), -1), full_matrices=False)
        gammas.append(np.abs(u[:, 0]))
        rest = sigma[0] * np.abs(vh[0]).reshape(rest.shape[1:])
    return [*gammas, rest]


def published_em(y, dictionaries, noise_var, method, *, prune_tol, max_iter=150, tol=1e-4):
    """Return dense mean, factors and number of iterations of the published iterations on pruned factors."""
    active = [np.arange(H.shape[1]) for H in dictionaries]
    gammas = normalise([np.ones(len(indices)) for indices in active])
    for iteration in range(1, max_iter + 1):  # noqa: B007
        keep = [gamma >= prune_tol * gamma.max() for gamma in gammas]
        active = [indices[mask] for indices, mask in zip(active, keep)]
        gammas = [gamma[mask] for gamma, mask in zip(gammas, keep)]
        H = [dictionary[:, indices] for dictionary, indices in zip(dictionaries, active)]
        moment = second_moment(y, H, gammas, noise_var)
        old = kron(gammas)
        if method == "am":
            gammas = am_step(moment, gammas)
        else:
            gammas = am_pass(moment, gammas) if method == "ksbl" else svd_step(moment)
        if np.linalg.norm(kron(gammas) - old) <= tol * np.linalg.norm(old):
            break
    mean, _ = posterior(y, H, gammas, noise_var)
    dense = np.zeros([H.shape[1] for H in dictionaries], dtype=mean.dtype)
    dense[np.ix_(*active)] = mean.reshape([len(indices) for indices in active])
    return dense.ravel(), gammas, iteration


def mm_sweep(y, dictionaries, gammas, noise_var, power):
    """Return the factors after one sweep of multiplicative updates, without guard."""
    H = kron(dictionaries)
    gammas = list(gammas)
    for k in range(len(gammas)):
        Phi = covariance(dictionaries, gammas, noise_var)
        inverse = np.linalg.inv(Phi)
        one = [gamma if j != k else np.ones_like(gamma) for j, gamma in enumerate(gammas)]
        weights = kron(one)
        s = weights * np.einsum("mi,mn,ni->i", H.conj(), inverse, H).real
        q = weights * np.abs(H.conj().T @ (inverse @ y)) ** 2
        others = tuple(j for j in range(len(gammas)) if j != k)
        shape = [len(gamma) for gamma in gammas]
        s, q = s.reshape(shape).sum(axis=others), q.reshape(shape).sum(axis=others)
        gammas[k] = gammas[k] * (q / s) ** power
    return gammas
