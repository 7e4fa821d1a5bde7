"""Optimal transport: entropic regularisation by sparse Newton iterations."""

from sparsesci.transport._entropic import entropic_transport, entropic_transport_points
from sparsesci.transport._entropic_divergence import sinkhorn_divergence, transport_cost_gradient
from sparsesci.transport._entropic_transport import EntropicTransport

__all__ = [
    "EntropicTransport",
    "entropic_transport",
    "entropic_transport_points",
    "sinkhorn_divergence",
    "transport_cost_gradient",
]
