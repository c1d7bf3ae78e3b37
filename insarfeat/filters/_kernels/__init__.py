"""Kernels of the phase filters. A pixel is nodata if it is NaN or 0+0j."""
