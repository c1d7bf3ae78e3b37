"""Layers of a scene as patches need them: canonical names, one grid, lazy, classes as uint8."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch.sources import ChunkedSource, Source
from insarfeat.errors import GridMismatch, InvalidArgument
from insarfeat.layers import EVENT_BANDS, LAYERS, NODATA_BYTE
from insarfeat.windows import Window

if TYPE_CHECKING:
    import xarray as xr

PAIR = "pair"
"""Name of the dimension along which a scene holds several pairs."""

_SIDE = 2048
_NUMBERED = re.compile(r"band[ _]?(\d+)", re.IGNORECASE)
_CRS_ATTRIBUTES = frozenset({"crs_wkt", "spatial_ref", "grid_mapping_name"})


@dataclass(frozen=True, slots=True)
class Taken:
    """One index of a source's first dimension, and its numbers as classes where they are."""

    source: Source
    lead: tuple[int, ...]
    classes: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Leading dimensions that are left, height, width."""
        return self.source.shape[len(self.lead) :]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        return np.dtype(np.uint8) if self.classes else self.source.dtype

    @property
    def stored_chunk(self) -> Any:
        """Of the source; None where it has none."""
        return getattr(self.source, "stored_chunk", None)

    @property
    def token(self) -> str:
        """That of the source, and what is taken."""
        return f"{self.source.token}{self._what}"

    def fingerprint(self) -> str:
        """That of the source, and what is taken."""
        return f"{self.source.fingerprint()}{self._what}"

    def describe(self) -> str:
        """What a person reads in the provenance."""
        return self.source.describe()

    def read(self, lead: tuple[int, ...], window: Window) -> NDArray[Any]:
        """The pixels of a window."""
        pixels = self.source.read((*self.lead, *lead), window)
        return as_classes(pixels) if self.classes else pixels

    @property
    def _what(self) -> str:
        return f"{list(self.lead)}{' as classes' if self.classes else ''}"


def as_classes(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Whole numbers from 0 to 254; what is none of them, as NaN, is nodata.

    >>> as_classes(np.array([0.0, 1.0, np.nan, -9999.0]))
    array([  0,   1, 255, 255], dtype=uint8)
    """
    if pixels.dtype.kind == "b":
        return pixels.astype(np.uint8)
    whole = np.rint(pixels)
    held = (whole >= 0) & (whole < NODATA_BYTE)  # NaN is neither
    return np.where(held, whole, NODATA_BYTE).astype(np.uint8)


def taken(layer: xr.DataArray, number: int | None = None, *, classes: bool = False) -> xr.DataArray:
    """One index of the first dimension, or a layer's numbers as classes; still lazy, and still the file's pixels."""
    import xarray as xr

    from insarfeat.dispatch.expression import Leaf
    from insarfeat.dispatch.lazy import lazy_source, value_of

    if layer.chunks is None:
        layer = layer.chunk({} if number is None else {layer.dims[0]: 1})
    first = 0 if number is None else 1
    producer = value_of(layer.data)[0].producer
    data: Any
    if isinstance(producer, Leaf) and not isinstance(producer.source, ChunkedSource):
        source = Taken(producer.source, () if number is None else (number,), classes)
        data = lazy_source(source, layer.data.chunks[first:])
    else:  # somebody else's chunks, or an expression
        data = layer.data if number is None else layer.data[number]
        data = data.map_blocks(as_classes, dtype=np.uint8) if classes else data
    dims = layer.dims[first:]
    coords = {key: one.variable for key, one in layer.coords.items() if set(one.dims) <= set(dims)}
    return xr.DataArray(data, coords, dims, layer.name, layer.attrs)


def layers_of(dataset: xr.Dataset, scene: str) -> xr.Dataset:
    """Rasters on one grid, lazy, classes as uint8, with the coordinates that say where they lie."""
    all_named = named(dataset)
    found = {
        str(name): layer
        for name, layer in all_named.data_vars.items()
        if layer.ndim >= 2 and layer.dtype.kind in "fiubc"
    }
    if not found:
        raise InvalidArgument(
            f"{scene} holds no raster; its variables are {', '.join(map(str, dataset.variables)) or 'none'}"
        )
    first_name, first = next(iter(found.items()))
    dims = first.dims[-2:]
    for name, layer in found.items():
        if layer.dims[-2:] != dims or layer.dims[:-2] not in ((), (PAIR,)):
            raise GridMismatch(
                f"{scene}: {name} has the dimensions {layer.dims} and {first_name} has {first.dims}; layers must be "
                f"{dims} or {(PAIR, *dims)}: transpose or rename what is called otherwise, or leave it out"
            )
    kept = {
        key: one for key, one in all_named.coords.items() if one.ndim <= 1 and set(one.dims) <= {PAIR, *dims}
    }
    crs = {
        key: one.variable
        for key, one in all_named.data_vars.items()
        if one.ndim == 0 and _CRS_ATTRIBUTES & set(one.attrs)
    }
    import xarray as xr

    bare = {name: _lazy(layer, name).variable for name, layer in found.items()}
    return xr.Dataset(bare, {**kept, **crs}, all_named.attrs)


def _lazy(layer: xr.DataArray, name: str) -> xr.DataArray:
    """The layer in chunks if it has none; what holds classes as uint8."""
    if layer.chunks is None:
        sides = {dim: min(size, _SIDE) for dim, size in layer.sizes.items() if size}
        layer = layer.chunk({**sides, **({PAIR: 1} if PAIR in layer.dims else {})})
    known = LAYERS.get(name)
    if known is not None:
        layer = layer.assign_attrs(known.attributes | layer.attrs)
    classes = layer.dtype.kind == "b" or (known is not None and known.dtype == "uint8")
    return taken(layer, classes=True) if classes and layer.dtype != np.uint8 else layer


def named(dataset: xr.Dataset) -> xr.Dataset:
    """The same with canonical names, where bands have numbers only or are in one variable."""
    rasters = [str(name) for name, layer in dataset.data_vars.items() if layer.ndim >= 2]
    if len(rasters) == 1 and dataset[rasters[0]].ndim == 3 and dataset[rasters[0]].dims[0] != PAIR:
        whole = dataset[rasters[0]]
        names = _names_along(whole)
        rest = dataset.drop_vars(rasters).drop_dims([whole.dims[0]], errors="ignore")
        return rest.assign({name: _described(taken(whole, k), name) for k, name in enumerate(names)})
    numbers = [int(match[1]) for name in rasters if (match := _NUMBERED.fullmatch(name))]
    if sorted(numbers) != list(range(1, len(EVENT_BANDS) + 1)) or len(rasters) != len(numbers):
        return dataset
    ordered = sorted(zip(numbers, rasters, strict=True))
    bands = {EVENT_BANDS[number - 1]: dataset[name] for number, name in ordered}
    return dataset.drop_vars(rasters).assign({name: _described(band, name) for name, band in bands.items()})


def _names_along(whole: xr.DataArray) -> tuple[str, ...]:
    """Names of the bands that are in one variable."""
    count, told = whole.shape[0], whole.coords.get(whole.dims[0])
    names = () if told is None else tuple(map(str, told.values))
    if names and len(set(names)) == count and all(name in LAYERS for name in names):
        return names
    if count != len(EVENT_BANDS):
        raise InvalidArgument(
            f"{whole.name} has {count} bands along {whole.dims[0]!r} that nobody names; the event stack has "
            f"{len(EVENT_BANDS)}. Give each its name, as in stack.to_dataset({whole.dims[0]!r}), or call the "
            f"dimension {PAIR!r} if it is pairs"
        )
    return EVENT_BANDS


def _described(layer: xr.DataArray, name: str) -> xr.DataArray:
    return layer.rename(name).assign_attrs(LAYERS[name].attributes)
