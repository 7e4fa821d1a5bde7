"""Sampling rows and points: determinantal and volume sampling, leverage and sensitivity scores, coresets."""

from sparsesci.sampling._finite_dpp import KDPP, FiniteDPP
from sparsesci.sampling._projection_dpp import projection_dpp
from sparsesci.sampling._symmetric_polynomials import log_elementary_symmetric_polynomials
from sparsesci.sampling._volume import VolumeSampler, volume_sample
from sparsesci.sampling._volume_regression import VolumeSampledRegression

__all__ = [
    "KDPP",
    "FiniteDPP",
    "VolumeSampledRegression",
    "VolumeSampler",
    "log_elementary_symmetric_polynomials",
    "projection_dpp",
    "volume_sample",
]
