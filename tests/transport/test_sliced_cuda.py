"""The CUDA twin of the sliced costs on rows longer than a tile, and through the public function."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sparsesci._core.device import cuda_problem
from sparsesci.transport import _sliced_costs_kernels, sliced_wasserstein_distance
from tests.twins.registered.transport_sliced import arguments


@pytest.mark.cuda
@pytest.mark.parametrize(("n", "m", "weighted"), [(9, 9, False), (3, 10, True)])
def test_rows_of_several_tiles(n, m, weighted, monkeypatch):
    from sparsesci.transport import _sliced_costs_cuda

    monkeypatch.setattr(_sliced_costs_cuda, "_LOG2_TILE", 2)
    found, expected = (arguments(n, m, 2, 1, 2.0, weighted=weighted) for _ in range(2))
    _sliced_costs_cuda.sliced_costs(**found)
    _sliced_costs_kernels.sliced_costs(**expected)
    assert_allclose(found["out"], expected["out"], rtol=1e-13)


@pytest.mark.cuda
def test_distance_on_the_device():
    X, Y = np.random.default_rng(0).standard_normal((2, 7, 5))
    options = {"n_projections": 4, "random_state": 0}
    expected = sliced_wasserstein_distance(X, Y, **options)
    assert_allclose(sliced_wasserstein_distance(X, Y, device="cuda", **options), expected, rtol=1e-13)


@pytest.mark.skipif(cuda_problem() is None, reason="there is a GPU, or the simulator")
def test_no_gpu_is_told():
    with pytest.raises(RuntimeError, match="device='cuda'"):
        sliced_wasserstein_distance(np.ones((3, 2)), np.ones((3, 2)), device="cuda")
