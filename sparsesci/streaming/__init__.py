"""Streaming: top eigenvectors and principal components in one pass over the rows."""

from sparsesci.streaming._frequent_directions import FrequentDirections
from sparsesci.streaming._oja import OjaPCA
from sparsesci.streaming._streaming_pca import StreamingPCA
from sparsesci.streaming._top_eigenvector import top_eigenvector
from sparsesci.streaming._warnings import StreamingWarning

__all__ = ["FrequentDirections", "OjaPCA", "StreamingPCA", "StreamingWarning", "top_eigenvector"]
