"""Warnings of the subpackage."""

from sparsesci._core.exceptions import SparseSciWarning


class StreamingWarning(SparseSciWarning):
    """The answer of a streaming method rests on less than it should: the order of the rows, or too few of them."""
