"""Sampling rows and points: determinantal and volume sampling, leverage and sensitivity scores, coresets."""

from sparsesci.sampling._projection_dpp import projection_dpp

__all__ = [
    "projection_dpp",
]
