"""Optimal transport: sliced Wasserstein distances with variance reduction, entropic transport by sparse Newton."""

from sparsesci.transport._directions import sphere_directions, sphere_quadrature
from sparsesci.transport._embedding import SlicedWassersteinEmbedding
from sparsesci.transport._entropic import entropic_transport, entropic_transport_points
from sparsesci.transport._entropic_divergence import sinkhorn_divergence, transport_cost_gradient
from sparsesci.transport._entropic_transport import EntropicTransport
from sparsesci.transport._max_sliced import max_sliced_wasserstein_distance
from sparsesci.transport._pairwise import pairwise_sliced_wasserstein
from sparsesci.transport._sliced_barycenter import sliced_wasserstein_barycenter
from sparsesci.transport._sliced_flow import sliced_wasserstein_flow
from sparsesci.transport._sliced_gradient import sliced_wasserstein_gradient
from sparsesci.transport._sliced_kernel import sliced_wasserstein_kernel
from sparsesci.transport._sliced_wasserstein import sliced_wasserstein_distance
from sparsesci.transport._wasserstein_1d import wasserstein_1d

__all__ = [
    "EntropicTransport",
    "SlicedWassersteinEmbedding",
    "entropic_transport",
    "entropic_transport_points",
    "max_sliced_wasserstein_distance",
    "pairwise_sliced_wasserstein",
    "sinkhorn_divergence",
    "sliced_wasserstein_barycenter",
    "sliced_wasserstein_distance",
    "sliced_wasserstein_flow",
    "sliced_wasserstein_gradient",
    "sliced_wasserstein_kernel",
    "sphere_directions",
    "sphere_quadrature",
    "transport_cost_gradient",
    "wasserstein_1d",
]
