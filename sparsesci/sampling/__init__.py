"""Sampling rows and points: determinantal and volume sampling, leverage and sensitivity scores, coresets."""

from sparsesci.sampling._polynomials import OrthogonalPolynomials

__all__ = [
    "OrthogonalPolynomials",
]
