"""Kernels of the terrain layers."""
