"""Sampling rows and points: determinantal and volume sampling, leverage and sensitivity scores, coresets."""

from sparsesci.sampling._coreset_display import CoresetDisplay
from sparsesci.sampling._kmeans_coreset import KMeansCoreset
from sparsesci.sampling._leverage import leverage_scores, online_leverage_scores
from sparsesci.sampling._lewis import lewis_weights
from sparsesci.sampling._logistic_coreset import LogisticCoreset
from sparsesci.sampling._lp_coreset import LpCoreset
from sparsesci.sampling._lp_regression import LpRegression, QuantileRegression
from sparsesci.sampling._row_sampling import sample_rows
from sparsesci.sampling._sensitivities import lp_sensitivities, total_sensitivity
from sparsesci.sampling._streaming_coreset import StreamingLpCoreset

__all__ = [
    "CoresetDisplay",
    "KMeansCoreset",
    "LogisticCoreset",
    "LpCoreset",
    "LpRegression",
    "QuantileRegression",
    "StreamingLpCoreset",
    "leverage_scores",
    "lewis_weights",
    "lp_sensitivities",
    "online_leverage_scores",
    "sample_rows",
    "total_sensitivity",
]
