"""Optimal transport: sliced Wasserstein distances with variance reduction, entropic transport by sparse Newton."""

from sparsesci.transport._directions import sphere_directions, sphere_quadrature
from sparsesci.transport._entropic import entropic_transport, entropic_transport_points
from sparsesci.transport._entropic_divergence import sinkhorn_divergence, transport_cost_gradient
from sparsesci.transport._entropic_transport import EntropicTransport
from sparsesci.transport._sliced_wasserstein import sliced_wasserstein_distance
from sparsesci.transport._wasserstein_1d import wasserstein_1d

__all__ = [
    "EntropicTransport",
    "entropic_transport",
    "entropic_transport_points",
    "sinkhorn_divergence",
    "sliced_wasserstein_distance",
    "sphere_directions",
    "sphere_quadrature",
    "transport_cost_gradient",
    "wasserstein_1d",
]
