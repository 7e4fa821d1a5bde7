"""Shared machinery: random numbers, threads, devices, validation, progress."""
