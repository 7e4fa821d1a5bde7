"""Benchmarks for asv; see README.md."""
