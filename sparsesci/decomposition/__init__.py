"""Decomposition: sparse coding and dictionary learning beyond l1."""

from sparsesci.decomposition import penalty, prox  # noqa: F401
from sparsesci.decomposition._coder import SparseCoder
from sparsesci.decomposition._encode import sparse_encode
from sparsesci.decomposition._learning import DictionaryLearning, MiniBatchDictionaryLearning
from sparsesci.decomposition._receptive_fields import circular_variance, fit_gabor, grating_responses, whiten_dog

__all__ = [
    "DictionaryLearning",
    "MiniBatchDictionaryLearning",
    "SparseCoder",
    "circular_variance",
    "fit_gabor",
    "grating_responses",
    "sparse_encode",
    "whiten_dog",
]
