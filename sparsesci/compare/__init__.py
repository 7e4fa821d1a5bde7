"""Head-to-head comparisons: methods of this package against what a user would pick instead."""

from sparsesci.compare._run import list_methods, run

__all__ = ["list_methods", "run"]
