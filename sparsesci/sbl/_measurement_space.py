"""The block solver in measurement space: nothing of the size of the dictionary product is formed.

For fixed other modes the covariance is affine in the hyperparameters of one, the log-determinant is majorised by its
tangent and the quadratic term by an inverse: the minimiser of both multiplies them by ``(q / s) ** 0.5``, and the cost
can never rise. Larger exponents are tried first and kept if the cost agrees.
"""

from dataclasses import dataclass, field

import numpy as np

from sparsesci.sbl import _passes_kernels
from sparsesci.sbl._mode import Mode
from sparsesci.sbl._tensor import mode_product, mode_products, outer, squared_magnitude

_REFRESH_SWEEPS = 50
_SLACK = 1e-12
_NOISE_FLOOR = 1e-12


@dataclass
class Solution:
    """Where the solver ended."""

    gammas: list
    noise_var: float
    cost: float
    n_iter: int = 0
    converged: bool = False
    cost_path: list = field(default_factory=list)


class MeasurementSpaceSolver:
    """State of one run of the block solver.

    Parameters
    ----------
    Y : ndarray of shape (M_1, ..., M_I, L)
    dictionaries : list of ndarray of shape (M_k, N_k)
    gammas : list of ndarray of shape (N_k,)
        Where to start; columns with 0 are left out.
    noise_var : float
    learn_noise : bool
    couplings : list of ndarray of shape (N_k, d_k) or None
    kernels : module
        The launchers of passes over the tensor.
    """

    def __init__(self, Y, dictionaries, gammas, noise_var, learn_noise, couplings=None, kernels=_passes_kernels):
        self.Y, self.noise_var, self.learn_noise, self.kernels = Y, noise_var, learn_noise, kernels
        self.lengths = [H.shape[1] for H in dictionaries]
        self.n_snapshots = Y.shape[-1]
        self.n_measurements = Y.size // self.n_snapshots
        self.energy = float(squared_magnitude(Y).sum()) / self.n_snapshots
        self.noise_floor = _NOISE_FLOOR * self.energy / self.n_measurements
        couplings = couplings or [None] * len(dictionaries)
        self.modes = [
            _start(H, gamma, coupling) for H, gamma, coupling in zip(dictionaries, gammas, couplings, strict=True)
        ]
        self.compress()

    # Factors and coordinates

    @property
    def factors(self):
        """Eigenvalues of all modes; the snapshots are a mode with eigenvalues one."""
        return [mode.eigenvalues for mode in self.modes] + [np.ones(self.n_snapshots)]

    def compress(self):
        """Turn modes with fewer columns than rows, and the data with them, to as many rows as columns."""
        for axis, mode in enumerate(self.modes):
            rows, columns = mode.H.shape
            if columns < rows:
                Q, R = np.linalg.qr(mode.H)
                self.Y = mode_product(self.Y, Q.conj().T, axis)
                self.modes[axis] = Mode(R, mode.active, mode.delta, mode.coupling)
        self.rotate()

    def rotate(self):
        """Compute the data in the eigenvectors' coordinates afresh."""
        self.rotated = np.ascontiguousarray(mode_products(self.Y, [mode.basis.conj().T for mode in self.modes]))
        kept = float(squared_magnitude(self.Y).sum()) / self.n_snapshots
        self.lost_energy = max(self.energy - kept, 0.0)
        self.n_lost = self.n_measurements - self.Y.size // self.n_snapshots

    def sums(self, rotated, factors):
        """Return cost, sum of |rotated|^2 / D^2 and sum of 1 / D, with the directions lost to compression."""
        rows = outer(factors[:-2])
        last = outer(factors[-2:])
        log_det, quadratic, squared, trace = (
            self.kernels.cost_sums(rotated.reshape(rows.size, last.size), rows, last, self.noise_var) / self.n_snapshots
        )
        cost = log_det + quadratic + self.n_lost * np.log(self.noise_var) + self.lost_energy / self.noise_var
        squared += self.lost_energy / self.noise_var**2
        return cost, squared, trace + self.n_lost / self.noise_var

    def statistics(self, axis):
        """Return s and q of one mode: minus their difference is the gradient of the cost."""
        factors = self.factors
        left, middle, right = outer(factors[:axis]), factors[axis], outer(factors[axis + 1 :])
        weighted = np.empty_like(self.rotated)
        sums = self.kernels.mode_weights(
            self.rotated.reshape(-1, right.size),
            left,
            middle,
            right,
            self.noise_var,
            weighted.reshape(-1, right.size),
        )
        gram = _gram(weighted.reshape(left.size, middle.size, right.size))
        return self.modes[axis].gradient(sums / self.n_snapshots, gram / self.n_snapshots)

    # Iteration

    def run(self, *, power, tol, max_iter, prune_tol, order=None, on_sweep=None):
        """Sweep until the hyperparameters stand still, and return the ``Solution``."""
        cost = self.sums(self.rotated, self.factors)[0]
        path, converged, sweep = [cost], False, 0
        while sweep < max_iter and not converged:
            sweep += 1
            before = [(mode.active, mode.gamma) for mode in self.modes]
            noise_before = self.noise_var
            for axis in order if order is not None else range(len(self.modes)):
                cost = self.update(axis, cost, power)
            if self.vanished():
                return self.solution(path, cost, sweep, True)
            if self.learn_noise:
                cost = self.update_noise()
            self.normalise()
            change = self.change(before)
            if self.learn_noise:
                change = max(change, abs(self.noise_var - noise_before) / noise_before)
            converged = change <= tol
            if self.prune(prune_tol):
                cost = self.sums(self.rotated, self.factors)[0]
            elif sweep % _REFRESH_SWEEPS == 0:
                self.rotate()
            path.append(cost)
            if on_sweep is not None:
                on_sweep(cost)
        return self.solution(path, cost, sweep, converged)

    def update(self, axis, cost, power):
        """Update one mode and return the new cost."""
        mode = self.modes[axis]
        ratio = mode.update_ratio(*self.statistics(axis))
        exponent = power
        while True:
            new = mode.trial(ratio, exponent)
            rotated = mode_product(self.rotated, new.basis.conj().T @ mode.basis, axis)
            factors = self.factors
            factors[axis] = new.eigenvalues
            new_cost = self.sums(rotated, factors)[0]
            if exponent <= 0.5 or new_cost <= cost + _SLACK * abs(cost):
                break
            exponent = max(0.5, exponent / 2)
        self.modes[axis], self.rotated = new, rotated
        return new_cost

    def vanished(self):
        """Return whether all hyperparameters of a mode are zero, so that the coefficients are."""
        return any(not mode.delta.any() for mode in self.modes)

    def update_noise(self):
        """Update the noise variance, by a step that cannot raise the cost, and return the new cost."""
        _, squared, trace = self.sums(self.rotated, self.factors)
        self.noise_var = max(self.noise_var * np.sqrt(squared / trace), self.noise_floor)
        return self.sums(self.rotated, self.factors)[0]

    def normalise(self):
        """Move the scale of all modes to the last."""
        for mode in self.modes[:-1]:
            norm = float(np.linalg.norm(mode.gamma))
            mode.scaled(1.0 / norm)
            self.modes[-1].scaled(norm)

    def change(self, before):
        """Return the largest change of a hyperparameter since ``before``, relative to the largest of its mode."""
        change = 0.0
        for mode, (_, old) in zip(self.modes, before):
            new = mode.gamma
            # ``old`` of the last mode had the scale of the others' norms before this sweep.
            change = max(change, float(np.abs(new - old).max() / new.max()))
        return change

    def prune(self, prune_tol):
        """Drop small hyperparameters; return whether there were any."""
        pruned = [mode.pruned(tol) for mode, tol in zip(self.modes, prune_tol)]
        if all(new is old for new, old in zip(pruned, self.modes)):
            return False
        self.modes = pruned
        self.compress()
        return True

    def solution(self, path, cost, n_iter, converged):
        if self.vanished():
            gammas = [np.zeros(length) for length in self.lengths]
        else:
            gammas = [mode.full_gamma(length) for mode, length in zip(self.modes, self.lengths)]
        return Solution(gammas, self.noise_var, float(cost), n_iter, converged, path)


def _start(H, gamma, coupling):
    active = np.flatnonzero(gamma)
    if coupling is None:
        return Mode(np.ascontiguousarray(H[:, active]), active, gamma[active])
    # Coupled columns start from the given values divided by what the coupling adds up to.
    delta = gamma / np.maximum(coupling.sum(axis=1), 1e-300)
    used = coupling[active].any(axis=0)
    return Mode(
        np.ascontiguousarray(H[:, active]), active, delta[used], np.ascontiguousarray(coupling[active][:, used])
    )


def _gram(panels):
    """Return the sum over l of panels[l] @ panels[l]^H."""
    left, middle, right = panels.shape
    if right == 1:
        flat = panels.reshape(left, middle)
        return flat.T @ flat.conj()
    if left == 1:
        return panels[0] @ panels[0].conj().T
    if left * middle * middle <= 1 << 22:
        return np.matmul(panels, panels.conj().transpose(0, 2, 1)).sum(axis=0)
    return sum(panel @ panel.conj().T for panel in panels)
