"""Debursting: layers of bursts become one layer of the swath."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from insarfeat.bursts.burst import Burst
from insarfeat.bursts.cuts import Cut, cuts
from insarfeat.dispatch.kinds import PROCESSING, is_lazy
from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType


def deburst(layers: Sequence[Any], bursts: Sequence[Burst]) -> Any:
    """Layers of the bursts of a swath as one layer, without gap or overlap.

    Filter first, deburst afterwards: a layer that is computed burst by burst knows no seam, because no window reaches
    from one burst into the next, and the lines that bursts share let each window be full up to the cut. The cuts lie
    in the middle of the valid lines that neighbours share (:func:`cuts`); samples outside a line's valid ones are
    0+0j in the images, so nodata.

    On lazy layers nothing is computed; in a plan each tile reads only the bursts that it touches.

    Parameters
    ----------
    layers
        One layer for each burst, whole, in the same order: NumPy or Dask arrays, DataArrays, or Datasets.
    bursts
        The bursts, earliest first, from :func:`insarfeat.io.read_annotation`.

    Returns
    -------
    The swath's layer, of the same kind. Coordinates along the lines are joined too, unless they begin anew with
    each burst; then they are dropped.

    Examples
    --------
    >>> import numpy as np
    >>> from dataclasses import replace
    >>> from datetime import datetime, timedelta
    >>> from insarfeat.bursts import Antenna, AzimuthAxis, RangePolynomial, SlantRangeAxis, ValidSamples
    >>> first = Burst(
    ...     azimuth=AzimuthAxis(datetime(2025, 4, 6, 2, 20), interval=2e-3, lines=4),
    ...     slant_range=SlantRangeAxis(5.34e-3, sampling_rate=6.4345e7, samples=2),
    ...     antenna=Antenna(5.405e9, steering_rate=1.590368784, platform_speed=7590.0),
    ...     fm_rate=RangePolynomial(5.34e-3, (-2312.0,)),
    ...     doppler_centroid=RangePolynomial(5.34e-3, (0.0,)),
    ...     valid=ValidSamples(first=(0, 0, 0, 0), last=(1, 1, 1, 1)),
    ... )
    >>> later = first.azimuth.first_time + timedelta(seconds=2 * 2e-3)
    >>> second = replace(first, azimuth=replace(first.azimuth, first_time=later))
    >>> deburst([np.full((4, 2), 1), np.full((4, 2), 2)], [first, second])[:, 0]
    array([1, 1, 1, 2, 2, 2])
    """
    found = cuts(bursts)
    if len(layers) != len(bursts):
        raise InvalidArgument(f"there must be one layer for each burst; got {len(layers)} for {len(bursts)}")
    xarray = sys.modules.get("xarray")
    if xarray is not None and all(isinstance(layer, xarray.Dataset) for layer in layers):
        names = list(layers[0].data_vars)
        if any(list(layer.data_vars) != names for layer in layers):
            raise InvalidArgument(
                f"all bursts must have the same layers; the first has {', '.join(map(str, names))}"
            )
        joined = {name: deburst([layer[name] for layer in layers], bursts) for name in names}
        return xarray.Dataset(joined, attrs=layers[0].attrs)
    for number, (layer, burst) in enumerate(zip(layers, bursts, strict=True)):
        shape = tuple(getattr(layer, "shape", ()))
        if shape[-2:] != (burst.lines, burst.samples):
            raise GridMismatch(
                f"layer {number} is {' x '.join(map(str, shape[-2:])) or 'no raster'}, its burst "
                f"{burst.lines} x {burst.samples}; deburst whole bursts, and multilook or crop afterwards"
            )
    if xarray is not None and all(isinstance(layer, xarray.DataArray) for layer in layers):
        return _labelled(layers, found)
    for layer in layers:
        if not (isinstance(layer, np.ndarray) or is_lazy(layer)):
            raise InvalidType(
                "layers must be all NumPy or Dask arrays, all DataArrays or all Datasets; got "
                + ", ".join(sorted({type(layer).__name__ for layer in layers}))
            )
    return _joined(layers, found)


def _joined(layers: Sequence[Any], found: Sequence[Cut]) -> Any:
    if any(is_lazy(layer) for layer in layers):
        from insarfeat.dispatch.expression import Piece
        from insarfeat.dispatch.lazy import join_lazily

        return join_lazily([Piece(cut.first_line, cut.line_count, cut.at_line) for cut in found], layers)
    return np.concatenate(
        [layer[..., cut.first_line : cut.last_line + 1, :] for layer, cut in zip(layers, found, strict=True)],
        axis=-2,
    )


def _labelled(layers: Sequence[Any], found: Sequence[Cut]) -> Any:
    import xarray as xr

    first = layers[0]
    lines = first.dims[-2]
    coords: dict[Hashable, Any] = {
        name: coordinate for name, coordinate in first.coords.items() if lines not in coordinate.dims
    }
    for name, coordinate in first.coords.items():
        if coordinate.dims == (lines,) and all(name in layer.coords for layer in layers):
            parts = [
                layer.coords[name].values[cut.first_line : cut.last_line + 1]
                for layer, cut in zip(layers, found, strict=True)
            ]
            values = np.concatenate(parts)
            steps = values[1:] > values[:-1]
            if steps.all() or not steps.any():
                coords[name] = (lines, values, coordinate.attrs)
    attributes = dict(first.attrs)
    before = attributes.get(PROCESSING)
    attributes[PROCESSING] = " | ".join(
        [*([str(before)] if before else []), f"bursts.deburst({len(layers)})"]
    )
    data = _joined([layer.data for layer in layers], found)
    return xr.DataArray(data, coords, first.dims, first.name, attributes)
