"""Optimal transport: sliced Wasserstein distances with variance reduction."""

from sparsesci.transport._directions import sphere_directions, sphere_quadrature
from sparsesci.transport._max_sliced import max_sliced_wasserstein_distance
from sparsesci.transport._sliced_barycenter import sliced_wasserstein_barycenter
from sparsesci.transport._sliced_flow import sliced_wasserstein_flow
from sparsesci.transport._sliced_gradient import sliced_wasserstein_gradient
from sparsesci.transport._sliced_wasserstein import sliced_wasserstein_distance
from sparsesci.transport._wasserstein_1d import wasserstein_1d

__all__ = [
    "max_sliced_wasserstein_distance",
    "sliced_wasserstein_barycenter",
    "sliced_wasserstein_distance",
    "sliced_wasserstein_flow",
    "sliced_wasserstein_gradient",
    "sphere_directions",
    "sphere_quadrature",
    "wasserstein_1d",
]
