"""Sampling rows and points: determinantal and volume sampling, leverage and sensitivity scores, coresets."""

__all__ = []
