"""Streaming top eigenvectors, row by row in plain NumPy: what the kernels and estimators are held to."""

import heapq

import numpy as np


def top_directions(A, k):
    """Return the top k right singular vectors and singular values of ``A``."""
    _, s, vt = np.linalg.svd(A, full_matrices=False)
    return vt[:k], s[:k]


def correlation(v, w):
    """Return the squared correlation of two vectors."""
    return float((v @ w) ** 2 / (v @ v) / (w @ w))


def subspace_correlation(U, V):
    """Return the mean squared cosine between two subspaces, given by orthonormal rows."""
    return float(np.linalg.norm(U @ V.T) ** 2 / len(U))


class BlockPower:
    """Multi-schedule block power iteration with a buffer of heavy rows, without centring.

    ``starts`` is a list of (k, d) arrays of orthonormal rows, one for each growth factor.
    """

    def __init__(self, starts, factors, first_block=32, max_heavy=64):
        self.Z = [start.copy() for start in starts]
        self.factors, self.capacity = factors, max_heavy
        self.k, self.d = starts[0].shape
        self.G = [np.zeros((self.k, self.d)) for _ in starts]
        self.previous = [np.zeros((self.k, self.d)) for _ in starts]
        self.previous_count = [0] * len(starts)
        self.length = [float(first_block)] * len(starts)
        self.count = [0] * len(starts)
        self.folded = [0] * len(starts)
        self.score, self.weight = np.zeros(len(starts)), 0.0
        self.seen, self.squares = 0, 0.0
        self.heap = []

    def heavy(self):
        """Return the matrix of the stored rows."""
        return np.array([row for _, _, row in self.heap]).reshape(-1, self.d)

    def take(self, a):
        """Take in one row."""
        q = a @ a
        self.squares += q
        self.seen += 1
        keep = np.exp(-1 / (0.25 * self.seen))
        self.score *= keep
        self.weight = keep * self.weight + 1
        is_heavy = self.capacity > 0 and q > 0 and (len(self.heap) < self.capacity or q > self.heap[0][0])
        if is_heavy:
            # Of equal norms the latest is at the top of the heap.
            heapq.heappush(self.heap, (q, -self.seen, a))
            if len(self.heap) > self.capacity:
                self.fold(heapq.heappop(self.heap)[2])
        else:
            self.score += [np.sum((Z @ a) ** 2) for Z in self.Z]
            self.fold(a)
        for s in range(len(self.Z)):
            self.count[s] += 1
            if self.count[s] >= np.ceil(self.length[s]):
                self.end_block(s)

    def fold(self, a):
        for Z, G in zip(self.Z, self.G):
            G += np.outer(Z @ a, a)
        self.folded = [count + 1 for count in self.folded]

    def end_block(self, s):
        heavy = self.heavy()
        n_light = self.seen - len(heavy)
        g = self.G[s] * (n_light / max(self.folded[s], 1)) + self.Z[s] @ heavy.T @ heavy
        self.previous[s], self.previous_count[s] = self.G[s], self.folded[s]
        if g.any():
            self.Z[s] = np.linalg.svd(g, full_matrices=False)[2]
        self.G[s] = np.zeros((self.k, self.d))
        self.count[s] = self.folded[s] = 0
        self.length[s] *= self.factors[s]

    def light(self, s):
        """Return rows whose Gram matrix stands for the light rows."""
        G, previous = self.G[s], self.previous[s]
        u, _, vt = np.linalg.svd(G @ previous.T)
        n_light = self.seen - len(self.heap)
        total = (G + u @ vt @ previous) * (n_light / (self.folded[s] + self.previous_count[s]))
        S = (self.Z[s] @ total.T + total @ self.Z[s].T) / 2
        values, vectors = np.linalg.eigh(S)
        values = np.maximum(values, 0.05 * np.linalg.norm(total, 2))
        return vectors @ np.diag(values**-0.5) @ vectors.T @ total

    def scores(self):
        heavy = self.heavy()
        return self.score / self.weight * self.seen + [np.sum((heavy @ Z.T) ** 2) for Z in self.Z]

    def answer(self, s=None):
        """Return components and singular values of one schedule, by default of that with the largest score."""
        s = int(np.argmax(self.scores())) if s is None else s
        return top_directions(np.concatenate((self.light(s), self.heavy())), self.k)


def frequent_directions(A, ell):
    """Return the Frequent Directions sketch of the rows of ``A``, with a buffer of 2 ell rows."""
    buffer = np.zeros((0, A.shape[1]))
    for a in A:
        buffer = np.concatenate((buffer, a[np.newaxis]))
        if len(buffer) == 2 * ell:
            _, s, vt = np.linalg.svd(buffer, full_matrices=False)
            cut = s[ell - 1] ** 2 if len(s) >= ell else 0.0
            buffer = (np.sqrt(np.maximum(s**2 - cut, 0.0))[:, np.newaxis] * vt)[: ell - 1]
    return buffer


def oja(A, rate, start):
    """Return the unit vector after Oja's rule with one rate, and the logarithm of its norm without normalisation."""
    v, growth = start / np.linalg.norm(start), 0.0
    for a in A:
        v = v + rate * (a @ v) * a
        size = np.linalg.norm(v)
        v, growth = v / size, growth + np.log(size)
    return v, growth


def grid_answer(A, rates, start):
    """Return the answer of the grid of Oja rates: the smallest rate that has grown by log d, or the largest row."""
    largest = A[np.argmax((A**2).sum(axis=1))]
    for rate in sorted(rates):
        v, growth = oja(A, rate, start)
        if growth >= np.log(A.shape[1]):
            return v if rate * (largest @ largest) < 1 else largest / np.linalg.norm(largest)
    return largest / np.linalg.norm(largest)
