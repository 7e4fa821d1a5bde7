"""Sampling rows and points: determinantal and volume sampling, leverage and sensitivity scores, coresets."""

from sparsesci.sampling._leverage import leverage_scores, online_leverage_scores
from sparsesci.sampling._lewis import lewis_weights
from sparsesci.sampling._lp_regression import LpRegression, QuantileRegression
from sparsesci.sampling._row_sampling import sample_rows

__all__ = [
    "LpRegression",
    "QuantileRegression",
    "leverage_scores",
    "lewis_weights",
    "online_leverage_scores",
    "sample_rows",
]
