"""Files in and out: stacks as NetCDF, Zarr or GeoTIFF that GIS programs, xarray and networks all open."""

from insarfeat.io.opening import open_stack

__all__ = ["open_stack"]
