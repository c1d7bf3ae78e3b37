"""Kernels of flow: numba functions that know nothing of kinds, tiles or metadata."""
