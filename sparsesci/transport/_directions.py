"""Directions on the sphere, and weights with which to average over them."""

from functools import lru_cache
from math import comb, isqrt

import numpy as np
import scipy.linalg
from scipy.optimize import minimize
from scipy.special import ndtri
from scipy.stats import qmc

from sparsesci._core.rng import key_from_random_state, normals, stream_of
from sparsesci._core.threads import single_threaded_blas
from sparsesci._core.validation import check_integer, check_option

METHODS = ("auto", "uniform", "orthogonal", "sobol", "fibonacci", "equispaced", "energy")
WEIGHTS = ("kernel", "harmonic", "uniform")
DIRECTIONS, ROTATION, SECOND_LEVEL = 1, 2, 3
LARGEST_KERNEL_RULE = 4096
# Moving more nodes than that takes longer than it is worth; in more dimensions orthogonal blocks do as well.
LARGEST_ENERGY_SET, LARGEST_ENERGY_DIMENSION = 512, 6
_KERNEL_SCALE, _RIDGE = 0.5, 1e-10
_LARGEST_SOBOL = 21201
_ENERGY_WORK, _MOST_ENERGY_STEPS = 8_000_000, 200


def takes_energy(n, d):
    """Return whether nodes of least energy are the most accurate that are offered, and found in a moment."""
    return 3 <= d <= LARGEST_ENERGY_DIMENSION and n <= LARGEST_ENERGY_SET


def default_method(d):
    """Return what "auto" means in dimension ``d``."""
    return {2: "equispaced", 3: "fibonacci"}.get(d, "orthogonal")


def check_method(name, method, d):
    """Return the method that ``method`` means in dimension ``d``; ValueError if it needs another one."""
    check_option(name, method, METHODS)
    if method == "auto":
        return default_method(d)
    needed = {"fibonacci": 3, "equispaced": 2}.get(method, d)
    if needed != d:
        raise ValueError(f"{name}={method!r} needs {needed} features; got {d}")
    if method == "sobol" and d > _LARGEST_SOBOL:
        raise ValueError(f"{name}='sobol' takes at most {_LARGEST_SOBOL} features; got {d}")
    return method


def orthogonal_rows(n_rows, rows_per_block, d, key, stream):
    """Return rows of independent Haar orthogonal matrices, up to ``rows_per_block`` <= d from each."""
    full, rest = divmod(n_rows, rows_per_block)
    blocks = []
    drawn = normals(key, stream, n_rows * d)
    for count, rows, first in ((full, rows_per_block, 0), (1, rest, full * rows_per_block * d)):
        if count and rows:
            G = drawn[first : first + count * rows * d].reshape(count, rows, d)
            with single_threaded_blas():
                Q, R = np.linalg.qr(G.transpose(0, 2, 1))
            # Without the signs the matrix would not be Haar distributed.
            Q *= np.sign(np.diagonal(R, axis1=1, axis2=2))[:, np.newaxis, :]
            blocks.append(Q.transpose(0, 2, 1).reshape(-1, d))
    return np.concatenate(blocks)


def product_blocks(n_blocks, d, key, stream):
    """Return the rows of ``n_blocks`` pairwise independent Haar orthogonal matrices.

    They are products of fewer independent ones from two sets: as good for means and their variances, and much faster
    to make.
    """
    n_left = isqrt(n_blocks - 1) + 1
    n_right = -(-n_blocks // n_left)
    if n_left + n_right >= n_blocks:
        return orthogonal_rows(n_blocks * d, d, d, key, stream)
    factors = orthogonal_rows((n_left + n_right) * d, d, d, key, stream).reshape(-1, d, d)
    with single_threaded_blas():
        products = np.matmul(factors[:n_left, np.newaxis], factors[n_left:])
    return products.reshape(-1, d)[: n_blocks * d]


def _normalised(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _generator(key, stream):
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([int(key), int(stream)])))


def _sobol(n, d, key, stream):
    bits = _generator(key, stream)
    points = qmc.Sobol(d, scramble=True, seed=bits).random_base2(max(0, (n - 1).bit_length()))[:n]
    return _normalised(ndtri(np.clip(points, 1e-12, 1 - 1e-12)))


@lru_cache(maxsize=32)
def _fixed_nodes(method, n, d):
    """Return a fixed node set: Fibonacci's on the half sphere, that of least energy, or one scramble of Sobol's."""
    if method == "sobol":
        nodes = _sobol(n, d, 0x5EED, 0)
    elif method == "energy":
        start = _fixed_nodes("fibonacci" if d == 3 else "sobol", n, d)
        nodes = _least_energy(start) if n <= LARGEST_ENERGY_SET else start.copy()
    else:
        i = np.arange(n) + 0.5
        z, angle = 1 - i / n, np.pi * (1 + np.sqrt(5)) * i
        radius = np.sqrt((1 - z) * (1 + z))
        nodes = np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=1)
    nodes.flags.writeable = False
    return nodes


def _kernel_of_cosines(cosines):
    """Return an even Matern kernel of points of the sphere by their inner products, and its exponential factor."""
    distance = _KERNEL_SCALE * np.sqrt(np.maximum(0.0, 6 - 6 * cosines**2))
    exponential = np.exp(-distance)
    return (1 + distance) * exponential, exponential


def _least_energy(start):
    """Return nodes moved from ``start`` so that the sum of the kernel over all pairs is about least."""
    n = len(start)

    def energy(flat):
        rows = flat.reshape(start.shape)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        T = rows / lengths
        cosines = T @ T.T
        values, exponential = _kernel_of_cosines(cosines)
        # The derivative of (1 + r) exp(-r) with r^2 = 6 c^2 (1 - x^2) is 6 c^2 x exp(-r).
        slope = 12 * _KERNEL_SCALE**2 * (cosines * exponential) @ T / n
        slope = (slope - np.sum(slope * T, axis=1, keepdims=True) * T) / lengths
        return values.sum() / n, slope.reshape(-1)

    steps = min(_MOST_ENERGY_STEPS, _ENERGY_WORK // n**2)
    options = {"maxiter": steps, "ftol": 0.0, "gtol": 1e-14, "maxcor": 20}
    with single_threaded_blas():
        found = minimize(energy, start.reshape(-1), jac=True, method="L-BFGS-B", options=options)
    return _normalised(found.x.reshape(start.shape))


def draw(method, n, d, key, index=0, fixed=False):
    """Return the ``index``-th independent set of ``n`` directions; with ``fixed`` a rotation of a fixed Sobol set."""
    stream = stream_of(DIRECTIONS, index)
    if d == 1:
        return np.ones((n, 1))
    if method == "uniform":
        return _normalised(normals(key, stream, n * d).reshape(n, d))
    if method == "orthogonal":
        return orthogonal_rows(n, d, d, key, stream)
    if method == "sobol" and not fixed:
        return _sobol(n, d, key, stream)
    if method == "equispaced":
        bits = _generator(key, stream)
        angle = np.pi * (np.arange(n) + bits.random()) / n
        return np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _rotated_nodes(method, n, d, key, stream_of(ROTATION, index))


def _rotated_nodes(method, n, d, key, stream):
    return _normalised(_fixed_nodes(method, n, d) @ orthogonal_rows(d, d, d, key, stream))


def rotated(method, n, d, weights, degree, key, stream):
    """Return a fixed node set in a random rotation, and its weights."""
    with single_threaded_blas():
        return _rotated_nodes(method, n, d, key, stream), _fixed_weights(method, n, d, weights, degree)


def kernel_weights(nodes):
    """Return the worst-case optimal weights, with sum one, for an even Matern kernel on the sphere."""
    K = _kernel_of_cosines(nodes @ nodes.T)[0]
    K[np.diag_indices(len(K))] = 1 + _RIDGE
    solved = scipy.linalg.cho_solve(scipy.linalg.cho_factor(K, lower=True), np.ones(len(K)))
    return solved / solved.sum()


def harmonic_columns(degree, d):
    """Return the number of monomials of total degree ``degree`` in ``d`` variables."""
    return comb(d + degree - 1, degree)


def largest_degree(n, d):
    """Return the largest even degree up to 16 whose monomials ``n`` directions can determine, 0 if none."""
    return max((k for k in range(0, 17, 2) if 1.3 * harmonic_columns(k, d) <= n), default=0)


def check_degree(degree, n, d):
    """Return an even degree that ``n`` directions allow; None stands for the largest."""
    largest = largest_degree(n, d)
    if degree is None:
        degree = largest
    degree = check_integer("degree", degree, minimum=0)
    if degree % 2:
        raise ValueError(f"degree must be even; got {degree}")
    if degree < 2 or degree > largest:
        raise ValueError(
            f"degree must be between 2 and {largest}, the largest for {n} directions in {d} dimensions; got {degree}"
        )
    return degree


def harmonic_weights(nodes, degree):
    """Return the weights that integrate every even polynomial up to ``degree`` exactly, of least norm."""
    from itertools import combinations_with_replacement

    d = nodes.shape[1]
    powers = [np.bincount(c, minlength=d) for c in combinations_with_replacement(range(d), degree)]
    table = nodes[np.newaxis] ** np.arange(degree + 1)[:, np.newaxis, np.newaxis]
    columns = np.stack([np.prod([table[e, :, k] for k, e in enumerate(power) if e], axis=0) for power in powers])
    below = np.prod([d + 2.0 * k for k in range(degree // 2)])
    odd = {e: float(np.prod(np.arange(e - 1, 0, -2.0))) for e in range(0, degree + 1, 2)}
    means = np.array([0.0 if (p % 2).any() else np.prod([odd[e] for e in p]) / below for p in powers])
    scale = np.linalg.norm(columns, axis=1)
    return np.linalg.lstsq(columns / scale[:, np.newaxis], means / scale, rcond=None)[0]


@lru_cache(maxsize=16)
def _fixed_weights(method, n, d, weights, degree):
    nodes = _fixed_nodes(method, n, d)
    solved = kernel_weights(nodes) if weights == "kernel" else harmonic_weights(nodes, degree)
    solved.flags.writeable = False
    return solved


def rule(method, n, d, weights, degree, key, index=0):
    """Return directions and weights; those of a rotated node set are computed once and kept."""
    if weights == "uniform" or d == 1:
        return draw(method, n, d, key, index), np.full(n, 1 / n)
    nodes = draw(method, n, d, key, index, fixed=True)
    with single_threaded_blas():
        if method in ("fibonacci", "sobol", "energy"):
            return nodes, _fixed_weights(method, n, d, weights, degree).copy()
        return nodes, kernel_weights(nodes) if weights == "kernel" else harmonic_weights(nodes, degree)


def sphere_directions(n_directions, n_features, method="auto", random_state=None):
    """Draw directions, points of the unit sphere, for averages of even functions.

    Parameters
    ----------
    n_directions : int
    n_features : int
        Dimension d of the space.
    method : {"auto", "uniform", "orthogonal", "sobol", "fibonacci", "equispaced", "energy"}, \
default="auto"
        "uniform": independent. "orthogonal": rows of Haar orthogonal matrices. "sobol": a scrambled Sobol sequence,
        mapped by the normal quantile function. "fibonacci" (d = 3): a spiral on the half sphere, randomly rotated.
        "energy" (d > 1): that spiral or a Sobol sequence, moved until the energy of the kernel of
        :func:`sphere_quadrature` is about least, and randomly rotated; more than 512 nodes are not moved. "equispaced"
        (d = 2): equal angles on the half circle, randomly rotated. "auto" takes "equispaced" for d = 2, "fibonacci" for
        d = 3 and "orthogonal" otherwise.
    random_state : int, RandomState instance, Generator or None, default=None

    Returns
    -------
    directions : ndarray of shape (n_directions, n_features)
        Rows of unit length. All ones for d = 1.

    Raises
    ------
    TypeError, ValueError
        For sizes that are not positive integers, and a method that is unknown or made for another dimension.

    Notes
    -----
    Time O(n_directions d), for "orthogonal" O(n_directions d^2), for "energy" O(n_directions^2), once for each number.

    References
    ----------
    V. Petrovic, R. Bardenet, A. Desolneux, "Repulsive Monte Carlo on the sphere for the sliced Wasserstein distance",
    2025, arXiv:2509.10166; K. Nguyen, N. Bariletto, N. Ho, "Quasi-Monte Carlo for 3D Sliced Wasserstein", ICLR 2024,
    arXiv:2309.11713.

    Examples
    --------
    >>> from sparsesci.transport import sphere_directions
    >>> T = sphere_directions(5, 5, method="orthogonal", random_state=0)
    >>> bool(abs(T @ T.T - [[float(i == j) for i in range(5)] for j in range(5)]).max() < 1e-12)
    True
    """
    n = check_integer("n_directions", n_directions, minimum=1)
    d = check_integer("n_features", n_features, minimum=1)
    method = check_method("method", method, d)
    return draw(method, n, d, key_from_random_state(random_state))


def sphere_quadrature(n_directions, n_features, method="auto", *, weights="kernel", degree=None, random_state=None):
    """Return directions and weights of a rule for averages of even functions over the unit sphere.

    Parameters
    ----------
    n_directions : int
    n_features : int
    method : {"auto", "uniform", "orthogonal", "sobol", "fibonacci", "equispaced", "energy"}, \
default="auto"
        As in :func:`sphere_directions`; here "sobol" is a random rotation of one fixed scramble.
    weights : {"kernel", "harmonic", "uniform"}, default="kernel"
        "kernel": optimal in the worst case for a rotation-invariant Matern kernel. "harmonic": exact for even
        polynomials up to ``degree``.
    degree : int or None, default=None
        Even degree for "harmonic"; None takes the largest, up to 16, that the number of directions allows.
    random_state : int, RandomState instance, Generator or None, default=None

    Returns
    -------
    directions : ndarray of shape (n_directions, n_features)
    weights : ndarray of shape (n_directions,)
        With sum one; some may be negative.

    Raises
    ------
    TypeError, ValueError
        As :func:`sphere_directions`; for a degree that is odd or too large for the number of directions.

    Notes
    -----
    Time O(n_directions^3) for "kernel", once for each size of a rotated node set.

    References
    ----------
    R. Leluc, A. Dieuleveut, F. Portier, J. Segers, A. Zhuman, "Sliced-Wasserstein Estimation with Spherical Harmonics
    as Control Variates", ICML 2024, arXiv:2402.01493, whose estimate "harmonic" rewrites as a rule with weights. The
    use of kernel weights here is our own.

    Examples
    --------
    >>> from sparsesci.transport import sphere_quadrature
    >>> T, w = sphere_quadrature(100, 3, random_state=0)
    >>> bool(abs(w @ T[:, 0] ** 4 - 1 / 5) < 1e-4)
    True
    """
    n = check_integer("n_directions", n_directions, minimum=1)
    d = check_integer("n_features", n_features, minimum=1)
    method = check_method("method", method, d)
    check_option("weights", weights, WEIGHTS)
    if degree is not None:
        check_integer("degree", degree, minimum=0)
    if weights == "harmonic":
        degree = check_degree(degree, n, d)
    return rule(method, n, d, weights, degree, key_from_random_state(random_state))
