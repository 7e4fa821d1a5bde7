"""Sparse Bayesian learning."""

__all__ = []
