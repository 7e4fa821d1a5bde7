"""Sparse tensors seen through one matrix for each mode, and channels by way of a reflecting surface."""

import numpy as np
from sklearn.utils import Bunch

from sparsesci._core.arrays import is_cuda_array
from sparsesci._core.validation import check_flag, check_integer, check_option, check_real, naming
from sparsesci.datasets._problem import generator


def steering_matrix(n_antennas, grid):
    """Responses of a uniform linear array with half a wavelength between antennas.

    Parameters
    ----------
    n_antennas : int
        Number of antennas d.
    grid : int or array-like of shape (R,)
        Directions u, sines of the angles, in [-1, 1]; a number R stands for ``2 r / R - 1`` with r = 0, ..., R - 1.

    Returns
    -------
    A : ndarray of complex128, shape (d, R)
        ``A[n, r] = exp(1j * pi * n * u[r]) / sqrt(d)``.

    Raises
    ------
    TypeError, ValueError
        If ``n_antennas`` is no positive integer, or ``grid`` is no such number or vector.

    Notes
    -----
    O(d R) time and memory.

    References
    ----------
    Y. He, G. Joseph, "Bayesian Algorithms for Kronecker-structured Sparse Vector Recovery With Application to IRS-MIMO
    Channel Estimation", 2023, arXiv:2307.14719, section on the channel.

    Examples
    --------
    >>> from sparsesci.sbl import steering_matrix
    >>> steering_matrix(2, [0.0, 1.0]).real.round(3)
    array([[ 0.707,  0.707],
           [ 0.707, -0.707]])
    """
    d = check_integer("n_antennas", n_antennas, minimum=1)
    if isinstance(grid, (int, np.integer)) and not isinstance(grid, bool):
        R = check_integer("grid", grid, minimum=1)
        directions = 2.0 * np.arange(R) / R - 1.0
    else:
        if is_cuda_array(grid):
            raise TypeError("grid is on a GPU: copy it to the host")
        with naming("grid"):
            directions = np.asarray(grid)
            if directions.dtype.kind not in "buifO":
                raise TypeError(f"grid must be real numbers; got dtype {directions.dtype}")
            directions = directions.astype(np.float64)
        if directions.ndim != 1 or directions.size == 0:
            raise ValueError(f"grid must be a number or a vector of directions; got shape {directions.shape}")
        if not (np.isfinite(directions).all() and (np.abs(directions) <= 1).all()):
            raise ValueError("grid must hold directions in [-1, 1]; it contains others, or NaN or infinity")
    return np.exp(1j * np.pi * np.outer(np.arange(d), directions)) / np.sqrt(d)


def make_kronecker_sparse(
    n_measurements=(8, 12, 15),
    n_features=(15, 15, 15),
    n_nonzero=3,
    *,
    snr_db=25.0,
    core="rank_one",
    complex_valued=False,
    n_snapshots=None,
    random_state=None,
):
    """Generate a sparse tensor on a box, measured by one Gaussian matrix for each mode.

    Parameters
    ----------
    n_measurements, n_features : sequence of int
        Rows M_k and columns N_k of the dictionaries.
    n_nonzero : int or sequence of int, default=3
        Sides K_k of the box, at most N_k.
    snr_db : float, default=25.0
        Ratio of the mean squared noise-free measurement to the variance of the noise, in decibels.
    core : {"rank_one", "general"}, default="rank_one"
        Whether the coefficients on the box are an outer product of normal vectors, or independent normal numbers.
    complex_valued : bool, default=False
        Whether dictionaries, coefficients and noise are (circularly symmetric) complex.
    n_snapshots : int or None, default=None
        Number of measurements with coefficients of their own on the same box; None for one without an axis for it.
    random_state : int, RandomState instance, Generator or None, default=None

    Returns
    -------
    problem : Bunch
        ``Y`` (M_1, ..., M_I[, L]), ``dictionaries`` (list), ``coef`` (N_1, ..., N_I[, L]), ``supports`` (list of sorted
        indices) and ``noise_var``.

    Raises
    ------
    TypeError, ValueError
        If sizes are no positive integers or do not fit together, or an option is not valid.

    Notes
    -----
    Memory O(N) for ``coef``. Rank-one coefficients with the default sizes are the published experiment; general cores
    are our own addition.

    References
    ----------
    Y. He, G. Joseph, "Bayesian Algorithms for Kronecker-structured Sparse Vector Recovery With Application to IRS-MIMO
    Channel Estimation", 2023, arXiv:2307.14719, section on simulations.

    Examples
    --------
    >>> from sparsesci.datasets import make_kronecker_sparse
    >>> problem = make_kronecker_sparse((4, 5), (6, 7), 2, random_state=0)
    >>> problem.Y.shape, int((problem.coef != 0).sum())
    ((4, 5), 4)
    """
    M = _check_sizes("n_measurements", n_measurements)
    N = _check_sizes("n_features", n_features)
    if len(M) != len(N):
        raise ValueError(f"n_features must have as many entries as n_measurements, {len(M)}; got {len(N)}")
    K = _check_sizes("n_nonzero", [n_nonzero] * len(N) if np.ndim(n_nonzero) == 0 else n_nonzero)
    if len(K) != len(N) or any(k > n for k, n in zip(K, N)):
        raise ValueError(f"n_nonzero must be at most n_features in every mode, {N}; got {n_nonzero!r}")
    snr_db = check_real("snr_db", snr_db)
    check_option("core", core, ("rank_one", "general"))
    check_flag("complex_valued", complex_valued)
    if n_snapshots is not None:
        n_snapshots = check_integer("n_snapshots", n_snapshots, minimum=1)
    rng = generator(random_state)
    dictionaries = [_normal(rng, (m, n), complex_valued) for m, n in zip(M, N)]
    supports = [np.sort(rng.choice(n, k, replace=False)) for n, k in zip(N, K)]
    L = n_snapshots or 1
    if core == "general":
        box = _normal(rng, (*K, L), complex_valued)
    else:
        box = np.stack([_rank_one(rng, K, complex_valued) for _ in range(L)], axis=-1)
    clean = box
    for axis, (H, indices) in enumerate(zip(dictionaries, supports)):
        clean = np.moveaxis(np.tensordot(H[:, indices], clean, axes=(1, axis)), 0, axis)
    noise_var = float(np.mean(np.abs(clean) ** 2)) / 10 ** (snr_db / 10)
    Y = clean + np.sqrt(noise_var) * _normal(rng, clean.shape, complex_valued)
    coef = np.zeros((*N, L), dtype=box.dtype)
    coef[np.ix_(*supports)] = box
    if n_snapshots is None:
        Y, coef = Y[..., 0], coef[..., 0]
    return Bunch(
        Y=np.ascontiguousarray(Y), dictionaries=dictionaries, coef=coef, supports=supports, noise_var=noise_var
    )


def _rank_one(rng, sizes, complex_valued):
    product = np.ones(())
    for size in sizes:
        product = np.multiply.outer(product, _normal(rng, size, complex_valued))
    return product


def _normal(rng, shape, complex_valued):
    """Return standard normal numbers; E|z|^2 = 1 also where they are complex."""
    if not complex_valued:
        return rng.standard_normal(shape)
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / np.sqrt(2)


def _check_sizes(name, sizes):
    if isinstance(sizes, (str, dict, set)) or not hasattr(sizes, "__len__"):
        raise TypeError(f"{name} must be a sequence of integers; got {sizes!r}")
    if len(sizes) == 0:
        raise ValueError(f"{name} must have at least one entry; got {sizes!r}")
    return tuple(check_integer(name, size, minimum=1) for size in sizes)


def make_irs_mimo_channel(
    snr_db=20.0,
    *,
    n_transmit=6,
    n_receive=16,
    n_reflect=256,
    n_pilots=3,
    n_patterns=6,
    grid_size=18,
    n_paths=3,
    random_state=None,
):
    """Generate measurements of a channel from a mobile station over a reflecting surface to a base station.

    Angles of arrival at the surface and at the base station come in ``n_paths`` neighbours of the grid; the surface
    shows ``n_patterns`` patterns of signs, and the mobile sends ``n_pilots`` QPSK pilots in each. The cascaded channel
    depends on differences of angles at the surface only, so that a grid of one difference serves.

    Parameters
    ----------
    snr_db : float, default=20.0
        Ratio of the mean squared noise-free measurement to the variance of the noise, in decibels.
    n_transmit, n_receive, n_reflect : int, default=6, 16, 256
        Antennas of the mobile and of the base station, elements of the surface.
    n_pilots, n_patterns : int, default=3, 6
    grid_size : int, default=18
        Directions in every grid.
    n_paths : int, default=3
        Neighbouring paths on each side, less than ``grid_size``.
    random_state : int, RandomState instance, Generator or None, default=None

    Returns
    -------
    problem : Bunch
        ``Y`` (patterns, pilots, receive), complex; ``dictionaries``, its three matrices with ``grid_size`` columns;
        ``noise_var``; ``channels`` (patterns, receive, transmit), the true channel under each pattern;
        ``channel_factors``, three matrices F with ``channels[i] = (X x_1 F_1 x_2 F_2 x_3 F_3)[i].T`` for the true
        coefficients X; ``coef`` (grid_size, grid_size, grid_size), those coefficients.

    Raises
    ------
    TypeError, ValueError
        If a size is no positive integer, ``n_paths`` exceeds the grid, or ``snr_db`` is not finite.

    References
    ----------
    Y. He, G. Joseph, "Bayesian Algorithms for Kronecker-structured Sparse Vector Recovery With Application to IRS-MIMO
    Channel Estimation", 2023, arXiv:2307.14719, section on channel estimation, with the parameters of the authors'
    public code. There pilots and patterns are drawn once for all trials, here for each.

    Examples
    --------
    >>> from sparsesci.datasets import make_irs_mimo_channel
    >>> problem = make_irs_mimo_channel(20.0, random_state=0)
    >>> problem.Y.shape, [H.shape for H in problem.dictionaries]
    ((6, 3, 16), [(6, 18), (3, 18), (16, 18)])
    """
    snr_db = check_real("snr_db", snr_db)
    sizes = {
        "n_transmit": n_transmit, "n_receive": n_receive, "n_reflect": n_reflect, "n_pilots": n_pilots,
        "n_patterns": n_patterns, "grid_size": grid_size,
    }  # fmt: skip
    ms, bs, irs, pilots, patterns, R = (check_integer(name, size, minimum=1) for name, size in sizes.items())
    paths = check_integer("n_paths", n_paths, minimum=1, maximum=R)
    rng = generator(random_state)
    A_ms, A_bs, A_irs = (steering_matrix(d, R) for d in (ms, bs, irs))
    arrive_irs = rng.integers(R - paths + 1) + np.arange(paths)
    arrive_bs = rng.integers(R - paths + 1) + np.arange(paths)
    leave_ms, leave_irs = rng.integers(R, size=2)
    gains_in, gains_out = _normal(rng, (2, paths), True)
    G1 = np.sqrt(ms * irs / paths) * np.outer(A_irs[:, arrive_irs] @ gains_in, A_ms[:, leave_ms].conj())
    G2 = np.sqrt(bs * irs / paths) * np.outer(A_bs[:, arrive_bs] @ gains_out, A_irs[:, leave_irs].conj())
    X = (rng.choice([-1, 1], (ms, pilots)) + 1j * rng.choice([-1, 1], (ms, pilots))) / np.sqrt(2 * ms)
    while True:
        Omega = rng.choice([-1.0, 1.0], (irs, patterns)) / np.sqrt(irs)
        channels = np.stack([G2 * Omega[:, i] @ G1 for i in range(patterns)])
        if np.linalg.norm(channels) >= 1e-5:
            break
    clean = np.stack([(H @ X).T for H in channels])
    noise_var = float(np.mean(np.abs(clean) ** 2)) / 10 ** (snr_db / 10)
    B = A_irs[:, :1] * A_irs.conj()
    factors = [Omega.T @ B, A_ms.conj(), A_bs]
    coef = np.zeros((R, R, R), dtype=complex)
    # a_irs(leave)^* a_irs(arrive) is the column of B whose angle is their difference, modulo the grid.
    at_irs = np.zeros(R, dtype=complex)
    np.add.at(at_irs, (leave_irs - arrive_irs) % R, gains_in)
    at_bs = np.zeros(R, dtype=complex)
    at_bs[arrive_bs] = gains_out
    at_ms = np.eye(R)[leave_ms]
    scale = irs * np.sqrt(ms * bs) / paths
    coef = scale * np.einsum("i,j,k->ijk", at_irs, at_ms, at_bs)
    return Bunch(
        Y=clean + np.sqrt(noise_var) * _normal(rng, clean.shape, True),
        dictionaries=[factors[0], X.T @ factors[1], factors[2]],
        noise_var=noise_var,
        channels=channels,
        channel_factors=factors,
        coef=coef,
    )
