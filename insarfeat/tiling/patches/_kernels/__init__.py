"""Kernels of patches."""
