"""The evaluation of the semi-dual on a GPU, or on Numba's simulator, inside the solvers."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sparsesci.transport import _semidual_kernels as cpu
from sparsesci.transport import entropic_transport, entropic_transport_points

pytestmark = pytest.mark.cuda


def test_whole_problem():
    C = np.random.default_rng(0).random((3, 2))
    C[2, 1] = np.inf
    on_gpu, on_cpu = (
        entropic_transport(C, reg=0.3, tol=1e-2, n_sinkhorn=0, device=device) for device in ("cuda", "cpu")
    )
    assert on_gpu.converged
    assert_allclose(on_gpu.plan, on_cpu.plan, atol=1e-8)
    assert on_gpu.n_evaluations == on_cpu.n_evaluations


def test_points():
    X = np.random.default_rng(0).random((3, 2))
    on_gpu, on_cpu = (
        entropic_transport_points(X, X[:2] + 1, reg=2.0, tol=1e-2, device=device) for device in ("cuda", "cpu")
    )
    assert_allclose(on_gpu.plan, on_cpu.plan, atol=1e-8)


def test_held_costs_and_no_entries():
    from sparsesci.transport import _semidual_cuda as gpu

    C, r = np.random.default_rng(0).random((5, 4)), np.full(5, 0.2)
    costs = tuple(gpu.hold(array) for array in (C, np.empty((0, 0)), np.empty((0, 0))))
    assert gpu.hold(costs[0]) is costs[0]
    x, sums, indptr, indices, weights = gpu.semidual_pass(*costs, 0, np.zeros(4), 2.0, r, 40.0, cpu.NO_ENTRIES, 1)
    expected = cpu.semidual_pass(C, *[np.empty((0, 0))] * 2, 0, np.zeros(4), 2.0, r, 40.0, cpu.NO_ENTRIES, 1)
    assert_allclose(x, expected[0], rtol=1e-13)
    assert_allclose(sums, expected[1], rtol=1e-13)
    assert indices.size == weights.size == 0
    assert_array_equal(indptr, 0)
