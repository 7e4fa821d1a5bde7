"""Sketching: random linear summaries of tall matrices, and least squares by them."""

from sparsesci._core.exceptions import SketchWarning
from sparsesci.sketching._display import CoefficientIntervalDisplay
from sparsesci.sketching._fwht import fwht
from sparsesci.sketching._gaussian import GaussianSketch
from sparsesci.sketching._lstsq import sketched_lstsq
from sparsesci.sketching._operators import make_sketch, sketch
from sparsesci.sketching._projection import SketchProjection
from sparsesci.sketching._sketched_least_squares import SketchedLeastSquares
from sparsesci.sketching._sketched_regression import SketchedRegression
from sparsesci.sketching._sparse_sign import CountSketch, SparseSignSketch
from sparsesci.sketching._srht import SRHTSketch
from sparsesci.sketching._tensor import TensorSketch, TensorSRHTSketch

__all__ = [
    "CoefficientIntervalDisplay",
    "CountSketch",
    "GaussianSketch",
    "SRHTSketch",
    "SketchProjection",
    "SketchWarning",
    "SketchedLeastSquares",
    "SketchedRegression",
    "SparseSignSketch",
    "TensorSRHTSketch",
    "TensorSketch",
    "fwht",
    "make_sketch",
    "sketch",
    "sketched_lstsq",
]
