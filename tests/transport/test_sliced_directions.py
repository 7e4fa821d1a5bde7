"""Directions and quadrature rules on the sphere."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sparsesci.transport import sphere_directions, sphere_quadrature
from sparsesci.transport._directions import product_blocks
from tests.reference import sliced_wasserstein as reference


@pytest.mark.parametrize("method", ["auto", "uniform", "orthogonal", "sobol", "energy"])
@pytest.mark.parametrize("d", [1, 2, 3, 7])
def test_unit_length(method, d):
    T = sphere_directions(11, d, method, random_state=0)
    assert T.shape == (11, d)
    assert_allclose(np.linalg.norm(T, axis=1), 1, rtol=1e-14)


def test_orthogonal_blocks():
    T = sphere_directions(11, 4, "orthogonal", random_state=0)
    for block in (T[:4], T[4:8], T[8:]):
        assert_allclose(block @ block.T, np.eye(len(block)), atol=1e-14)


def test_products_of_blocks_are_pairwise_independent():
    """Means of t_1^4 over a block have no correlation between blocks that share a factor: 2000 draws, 5.5 errors."""
    means = []
    for seed in range(2000):
        blocks = product_blocks(7, 3, np.uint64(seed), 1).reshape(7, 3, 3)
        assert_allclose(blocks @ blocks.transpose(0, 2, 1), np.broadcast_to(np.eye(3), (7, 3, 3)), atol=1e-13)
        means.append((blocks[:, :, 0] ** 4).mean(axis=1))
    means = np.array(means)
    assert np.abs(means.mean(axis=0) - 1 / 5).max() < 5.5 * means.std() / np.sqrt(2000)
    correlations = np.corrcoef(means.T)[np.triu_indices(7, 1)]
    assert np.abs(correlations).max() < 5.5 / np.sqrt(2000)


@pytest.mark.parametrize("method", ["uniform", "orthogonal", "sobol", "fibonacci", "energy"])
def test_first_row_is_uniform(method):
    """E t_i^2 = 1/3 and E t_i^4 = 1/5 over 2000 draws, within 5.5 standard errors."""
    T = np.stack([sphere_directions(3, 3, method, random_state=seed)[0] for seed in range(2000)])
    for power, mean in ((2, 1 / 3), (4, 1 / 5)):
        spread = np.sqrt((1 / (2 * power + 1) - mean**2) / 2000)
        assert (np.abs((T**power).mean(axis=0) - mean) < 5.5 * spread).all()


def test_kernel_weights_are_accurate_and_positive():
    T, w = sphere_quadrature(100, 3, random_state=0)
    assert_allclose(w.sum(), 1, rtol=1e-14)
    assert 0.6 / 100 < w.min() < w.max() < 1.4 / 100
    errors = {
        2: [w @ T[:, 0] ** 2 - 1 / 3, w @ (T[:, 0] * T[:, 1])],
        4: [w @ T[:, 0] ** 4 - 1 / 5, w @ (T[:, 0] * T[:, 1]) ** 2 - 1 / 15],
        6: [w @ T[:, 2] ** 6 - 1 / 7],
    }
    for degree, bound in ((2, 4e-6), (4, 2e-5), (6, 2e-5)):
        assert np.abs(errors[degree]).max() < bound


@pytest.mark.parametrize(("d", "start"), [(3, "fibonacci"), (4, "sobol"), (6, "sobol")])
def test_moved_nodes_integrate_better(d, start):
    """E t_1^8 = 7!! / (d (d + 2) (d + 4) (d + 6)), over 20 rotations; weights are positive and nearly equal."""
    truth = 105 / np.prod(d + 2.0 * np.arange(4))
    errors = {}
    for method in (start, "energy"):
        rules = [sphere_quadrature(90, d, method, random_state=seed) for seed in range(20)]
        errors[method] = np.sqrt(np.mean([(w @ T[:, 0] ** 8 - truth) ** 2 for T, w in rules]))
    assert errors["energy"] < errors[start] / 4
    w = rules[0][1]
    assert 0.8 / 90 < w.min() < w.max() < 1.1 / 90


def test_harmonic_weights_are_exact_for_polynomials():
    for method in ("fibonacci", "uniform"):
        T, w = sphere_quadrature(400, 3, method, weights="harmonic", degree=8, random_state=0)
        for degree in (0, 2, 4, 6, 8):
            assert_allclose(w @ T[:, 1] ** degree, 1 / (degree + 1), atol=1e-12)
        assert_allclose(w @ (T[:, 0] ** 2 * T[:, 1] ** 2), 1 / 15, atol=1e-12)


@pytest.mark.parametrize(("d", "value"), [(3, 3.1122041), (6, 3.5877139)])
def test_published_gaussian_integrand(d, value):
    """The true values of the published experiment, and an error far below that of plain Monte Carlo."""
    g, _, _ = reference.gaussian_integrand(d)
    method = "fibonacci" if d == 3 else "sobol"
    T, w = sphere_quadrature(500, d, method, random_state=0)
    # 5.5 times the root mean square errors over rotations, 7e-6 and 6e-3.
    assert abs(w @ g(T) - value) < (4e-5 if d == 3 else 3.3e-2)


@pytest.mark.parametrize(("degree", "message"), [(3, "even"), (10, "between 2 and 8")])
def test_degree_refused(degree, message):
    with pytest.raises(ValueError, match=message):
        sphere_quadrature(60, 3, weights="harmonic", degree=degree)
