"""Pictures of single layers, each in the colours that fit its meaning. Needs the extra ``plot``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType, missing_extra
from insarfeat.plot._sample import thinned

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["picture", "png", "require", "thinned"]


def picture(layer: xr.DataArray, *, background: xr.DataArray | None = None) -> Figure:
    """Draw one two-dimensional layer, north up, in the colours that the table of layers gives it.

    Phases get a cyclic colour map, values with a meaningful zero one that is symmetric about it, elevations
    a relief, intensities and radar images grey in dB, classes a legend, complex interferograms their phase as
    colour and their magnitude as brightness. No data is grey. Where a side exceeds 1200 pixels, only every
    n-th one is read.

    Parameters
    ----------
    layer
        Layer with dims (y, x), NumPy or Dask. Its name, or else its attribute ``drawn_as``, is looked up in
        the table of canonical layers; other layers are drawn by their values alone.
    background
        Layer on the same grid that lends its shading, as a rule the elevation. Class 0 is transparent on it.

    Returns
    -------
    Figure
        Made without pyplot, so that threads may draw at the same time. Save it with ``figure.savefig`` or
        :func:`png`.

    Raises
    ------
    MissingExtra
        Where matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> slope = xr.DataArray(np.eye(4) * 30.0, dims=("y", "x"), name="slope", attrs={"units": "degree"})
    >>> [axes.get_ylabel() for axes in picture(slope).axes]
    ['row', '°']
    """
    _check_layer("layer", layer)
    if background is not None:
        _check_layer("background", background)
        if background.shape != layer.shape:
            raise GridMismatch(
                f"background has shape {background.shape} and layer {layer.shape}; both must lie on one "
                "grid: reproject the background first"
            )
    require()
    from insarfeat.plot._figure import draw

    return draw(layer, background)


def png(figure: Figure, *, dpi: int = 110) -> bytes:
    r"""Return a figure as a PNG of at most 256 colours, which keeps pages small.

    >>> import numpy as np
    >>> png(picture(xr.DataArray(np.zeros((4, 4)), dims=("y", "x"), name="slope")))[:4]
    b'\x89PNG'
    """
    require()
    from insarfeat.plot._figure import encode

    return encode(figure, dpi)


def require() -> None:
    """Raise MissingExtra where pictures cannot be drawn; call it before long work that ends with one."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise missing_extra("pictures", "plot") from error


def _check_layer(name: str, layer: object) -> None:
    if not isinstance(layer, xr.DataArray):
        raise InvalidType(
            f"{name} is a {type(layer).__name__}; it must be an xarray.DataArray: pick one, as in "
            "dataset['slope']"
        )
    if layer.ndim != 2:
        fix = f": pick one, as in {name}.isel({layer.dims[0]}=0)" if layer.ndim > 2 else ""
        raise InvalidArgument(f"{name} has dims {layer.dims}; it must have two, (y, x){fix}")
    if layer.dtype.kind not in "fiubc":
        raise InvalidType(f"{name} has dtype {layer.dtype}; it must be numeric or bool")
    if layer.size == 0:
        raise InvalidArgument(f"{name} has shape {layer.shape}; it must have at least one pixel")
