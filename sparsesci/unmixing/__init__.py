"""Hyperspectral unmixing: endmembers, abundances, and both at once from scenes with broken bands."""

from sparsesci.unmixing._abundances import fcls, nnls_abundances, scls, ucls
from sparsesci.unmixing._display import (
    AbundanceMapDisplay,
    BandNoiseDisplay,
    EndmemberDisplay,
    GuidanceMapDisplay,
)
from sparsesci.unmixing._extraction import extract_endmembers, nfindr, sivm, spa, vca
from sparsesci.unmixing._io import read_cube
from sparsesci.unmixing._library import clsunsal, sunsal
from sparsesci.unmixing._linear_unmixer import LinearUnmixer
from sparsesci.unmixing._metrics import (
    abundance_angle,
    abundance_rmse,
    match_endmembers,
    reconstruction_error,
    spectral_angle,
    spectral_information_divergence,
    unmixing_report,
)
from sparsesci.unmixing._noise import band_noise, estimate_n_endmembers, outlier_bands
from sparsesci.unmixing._plots import plot_abundances, plot_channel_weights, plot_endmembers, plot_guidance_map
from sparsesci.unmixing._robust import RobustSparseUnmixing
from sparsesci.unmixing._sparse_nmf import SparseNMFUnmixing

RRLbS = RobustSparseUnmixing
atgp = spa

__all__ = [
    "AbundanceMapDisplay",
    "BandNoiseDisplay",
    "EndmemberDisplay",
    "GuidanceMapDisplay",
    "LinearUnmixer",
    "RRLbS",
    "RobustSparseUnmixing",
    "SparseNMFUnmixing",
    "abundance_angle",
    "abundance_rmse",
    "atgp",
    "band_noise",
    "clsunsal",
    "estimate_n_endmembers",
    "extract_endmembers",
    "fcls",
    "match_endmembers",
    "nfindr",
    "nnls_abundances",
    "outlier_bands",
    "plot_abundances",
    "plot_channel_weights",
    "plot_endmembers",
    "plot_guidance_map",
    "read_cube",
    "reconstruction_error",
    "scls",
    "sivm",
    "spa",
    "spectral_angle",
    "spectral_information_divergence",
    "sunsal",
    "ucls",
    "unmixing_report",
    "vca",
]
