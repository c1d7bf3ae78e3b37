"""Kernels of radar geometry."""
