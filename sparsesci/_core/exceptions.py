"""Warning classes of the package."""


class SparseSciWarning(UserWarning):
    """Base class of the warnings issued by sparsesci."""


class SketchWarning(SparseSciWarning):
    """A result was computed from a sketch that does not carry the guarantee asked for."""
