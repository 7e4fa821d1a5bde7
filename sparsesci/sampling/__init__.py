"""Sampling rows and points: determinantal and volume sampling, leverage and sensitivity scores, coresets."""

from sparsesci.sampling._candidate_set import CandidateSetBasis
from sparsesci.sampling._coreset_display import CoresetDisplay
from sparsesci.sampling._design import Design, optimal_design
from sparsesci.sampling._display_design import DesignDisplay
from sparsesci.sampling._finite_dpp import KDPP, FiniteDPP
from sparsesci.sampling._kmeans_coreset import KMeansCoreset
from sparsesci.sampling._leverage import leverage_scores, online_leverage_scores
from sparsesci.sampling._lewis import lewis_weights
from sparsesci.sampling._logistic_coreset import LogisticCoreset
from sparsesci.sampling._lp_coreset import LpCoreset
from sparsesci.sampling._lp_regression import LpRegression, QuantileRegression
from sparsesci.sampling._polynomials import OrthogonalPolynomials
from sparsesci.sampling._projection_dpp import projection_dpp
from sparsesci.sampling._row_sampling import sample_rows
from sparsesci.sampling._sensitivities import lp_sensitivities, total_sensitivity
from sparsesci.sampling._streaming_coreset import StreamingLpCoreset
from sparsesci.sampling._symmetric_polynomials import log_elementary_symmetric_polynomials
from sparsesci.sampling._volume import VolumeSampler, volume_sample
from sparsesci.sampling._volume_regression import VolumeSampledRegression
from sparsesci.sampling._weighted_least_squares import WeightedLeastSquares

__all__ = [
    "KDPP",
    "CandidateSetBasis",
    "CoresetDisplay",
    "Design",
    "DesignDisplay",
    "FiniteDPP",
    "KMeansCoreset",
    "LogisticCoreset",
    "LpCoreset",
    "LpRegression",
    "OrthogonalPolynomials",
    "QuantileRegression",
    "StreamingLpCoreset",
    "VolumeSampledRegression",
    "VolumeSampler",
    "WeightedLeastSquares",
    "leverage_scores",
    "lewis_weights",
    "log_elementary_symmetric_polynomials",
    "lp_sensitivities",
    "online_leverage_scores",
    "optimal_design",
    "projection_dpp",
    "sample_rows",
    "total_sensitivity",
    "volume_sample",
]
