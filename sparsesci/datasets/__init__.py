"""Generators of the simulated experiments, bundled real data, and loaders of other data."""

from sparsesci.datasets._calibration import make_blind_calibration
from sparsesci.datasets._fetch import clear_data_home, get_data_home
from sparsesci.datasets._images import load_image_regression
from sparsesci.datasets._least_squares import make_hilbert, make_least_squares, make_vandermonde
from sparsesci.datasets._linf import (
    make_gaussian_regression,
    make_high_leverage_regression,
    make_linf_hard_instance,
)
from sparsesci.datasets._sampling_functions import borehole_function, ishigami_function
from sparsesci.datasets._sampling_rows import make_far_clusters, make_heavy_tailed_rows, make_robust_regression
from sparsesci.datasets._sbl import make_irs_mimo_channel, make_kronecker_sparse
from sparsesci.datasets._sparse import make_kronecker_regression, make_sparse_regression
from sparsesci.datasets._sparse_codes import make_sparse_codes
from sparsesci.datasets._spectral import fetch_samson
from sparsesci.datasets._streaming import make_heavy_rows, make_late_signal, make_oja_hard, make_spiked
from sparsesci.datasets._tabular import load_diabetes_regression, load_digits_regression
from sparsesci.datasets._transport_clouds import make_slab, make_sphere, make_trefoil_knot
from sparsesci.datasets._transport_entropic import load_digits_transport, make_gaussian_clouds, make_random_assignment
from sparsesci.datasets._unmixing import load_usgs_library, make_unmixing_scene

__all__ = [
    "borehole_function",
    "clear_data_home",
    "fetch_samson",
    "get_data_home",
    "ishigami_function",
    "load_diabetes_regression",
    "load_digits_regression",
    "load_digits_transport",
    "load_image_regression",
    "load_usgs_library",
    "make_blind_calibration",
    "make_far_clusters",
    "make_gaussian_clouds",
    "make_gaussian_regression",
    "make_heavy_rows",
    "make_heavy_tailed_rows",
    "make_high_leverage_regression",
    "make_hilbert",
    "make_irs_mimo_channel",
    "make_kronecker_regression",
    "make_kronecker_sparse",
    "make_late_signal",
    "make_least_squares",
    "make_linf_hard_instance",
    "make_oja_hard",
    "make_random_assignment",
    "make_robust_regression",
    "make_slab",
    "make_sparse_codes",
    "make_sparse_regression",
    "make_sphere",
    "make_spiked",
    "make_trefoil_knot",
    "make_unmixing_scene",
    "make_vandermonde",
]
