"""Entries of the registry: one module for each subpackage, each with a dictionary ``ENTRIES`` by public name."""
