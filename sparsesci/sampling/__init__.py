"""Sampling rows and points: determinantal and volume sampling, leverage and sensitivity scores, coresets."""

from sparsesci.sampling._candidate_set import CandidateSetBasis
from sparsesci.sampling._design import Design, optimal_design
from sparsesci.sampling._display_design import DesignDisplay
from sparsesci.sampling._polynomials import OrthogonalPolynomials
from sparsesci.sampling._projection_dpp import projection_dpp
from sparsesci.sampling._weighted_least_squares import WeightedLeastSquares

__all__ = [
    "CandidateSetBasis",
    "Design",
    "DesignDisplay",
    "OrthogonalPolynomials",
    "WeightedLeastSquares",
    "optimal_design",
    "projection_dpp",
]
