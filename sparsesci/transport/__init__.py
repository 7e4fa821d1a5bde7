"""Optimal transport: entropic regularisation by sparse Newton iterations."""

from sparsesci.transport._entropic import entropic_transport, entropic_transport_points

__all__ = ["entropic_transport", "entropic_transport_points"]
