"""Products of interferometric processors, each by a reader of its own, as one lazy Dataset of canonical layers."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from insarfeat.errors import InvalidArgument, UnreadableInput, check_exists, suggestion
from insarfeat.io.products.wanted import Stated, Wanted

__all__ = ["READERS", "Found", "Reader", "Stated", "Wanted", "list_products", "open_product"]

_DEEPEST = 4
_PLAIN = "rasters"
_OF_FOLDERS = frozenset({".tif", ".tiff"})  # rasters that their folder is read with


@dataclass(frozen=True, slots=True)
class Reader:
    """One format: its name, what people call it, and the module that reads it.

    The module has ``recognises(path)``, which looks at names and headers only; ``pairs_of(path)``, which names the
    interferograms in it; and ``read(path, wanted)``, which gives the Dataset.
    """

    name: str
    title: str

    def __getattr__(self, function: str) -> Any:
        return getattr(importlib.import_module(f"insarfeat.io.products.{self.name}"), function)


READERS = (
    Reader("safe", "Sentinel-1 SLC, SAFE"),
    Reader("opera", "OPERA CSLC-S1"),
    Reader("hyp3", "HyP3 InSAR, GAMMA or burst"),
    Reader("licsar", "LiCSAR"),
    Reader("mintpy", "MintPy"),
    Reader("isce2", "ISCE2 topsStack"),
    Reader("snap", "SNAP BEAM-DIMAP"),
    Reader("snap_netcdf", "SNAP NetCDF"),
    Reader("gmtsar", "GMTSAR"),
    Reader("sarscape", "SARscape"),
    Reader("gamma", "GAMMA"),
    Reader("mirage", "MIRAGE"),
    Reader(_PLAIN, "rasters and stacks: GeoTIFF, NetCDF, Zarr"),
)
"""All readers, the most particular first; the first that recognises a path reads it."""


@dataclass(frozen=True, slots=True)
class Found:
    """One interferogram (or one other product) in a folder: where it is, which pair, and what it is called."""

    path: Path
    pair: str | None
    title: str

    @property
    def name(self) -> str:
        """What people call it: the pair where there are several in one place, else the file or folder."""
        return self.pair or self.path.name


def open_product(
    path: str | Path,
    *,
    pair: str | None = None,
    polarisation: str | None = None,
    swath: str | None = None,
    stated: Stated | None = None,
) -> xr.Dataset:
    """Open what a processor wrote as one lazy Dataset of canonical layers; only headers are read.

    Which processor it was is told from names and headers. Whatever the product's own conventions are, the layers have
    NaN for nodata, degrees, line-of-sight vectors from ground to satellite, phase of primary x conj(secondary) with
    the earlier image first, and displacement positive toward the satellite. What of that could not be checked against
    the real product is named in the attribute ``unverified``.

    Parameters
    ----------
    path
        The product's folder, or a file in it.
    pair
        Which interferogram, as ``"20230904_20230916"``, where there are several in one place.
    polarisation, swath
        Of SLC products that hold several, as ``"VV"`` and ``"IW2"``.
    stated
        What nobody can tell from a plain raster: :class:`Stated`.

    Returns
    -------
    Dataset on the product's own grid: a map with ``spatial_ref``, or radar geometry (line, sample).

    Raises
    ------
    MissingInput, UnreadableInput, GridMismatch, InvalidArgument
        A file of the product is not there, is damaged or cut short, has another size or CRS than the rest; or the
        pair, polarisation or swath is not in it.

    Examples
    --------
    >>> import insarfeat, tempfile, xarray as xr, numpy as np
    >>> layer = xr.DataArray(np.ones((2, 3), "f4"), dims=("y", "x"), name="coherence")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = insarfeat.write(layer, folder + "/stack.nc")
    ...     insarfeat.open_product(path).attrs["product"]
    'rasters and stacks: GeoTIFF, NetCDF, Zarr'
    """
    place = Path(path)
    check_exists(place)
    wanted = Wanted(pair, polarisation, swath, stated)
    reader = reader_of(place)
    if reader is None:
        raise UnreadableInput(_unknown(place))
    if stated is not None and reader.name != _PLAIN:
        raise InvalidArgument(
            f"stated is for plain rasters, whose conventions nobody can tell; {place.name} is "
            f"{reader.title}, and its own are known: leave stated out"
        )
    return _opened(reader, place, wanted)


def list_products(folder: str | Path) -> list[Found]:
    """All interferograms under a folder, in the order of their names; nothing but names and headers is read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     list_products(folder)
    []
    """
    place = Path(folder)
    check_exists(place)
    return list(_search(place, _DEEPEST, set()))


def reader_of(path: Path) -> Reader | None:
    """The reader that recognises a path."""
    return next((reader for reader in READERS if reader.recognises(path)), None)


def _search(place: Path, deeper: int, seen: set[Path]) -> Iterator[Found]:
    """Products at a place and, unless a product is all of it, below; links do not lead anywhere twice."""
    real = place.resolve()
    if real in seen:
        return
    seen.add(real)
    reader = reader_of(place)
    if reader is not None:
        pairs = reader.pairs_of(place)
        several = len(pairs) > 1
        yield from (Found(place, pair if several else None, reader.title) for pair in pairs)
    if not place.is_dir() or not deeper or (reader is not None and not _is_folder_of_rasters(reader, place)):
        return
    for inner in sorted(place.iterdir()):
        if inner.name.startswith(".") or inner.name.endswith(".partial"):
            continue
        if reader is None or inner.suffix.lower() not in _OF_FOLDERS:
            yield from _search(inner, deeper - 1, seen)


def _is_folder_of_rasters(reader: Reader, place: Path) -> bool:
    """Whether the rasters of a folder are not all of it: a DEM may lie beside the folders of products."""
    return reader.name == _PLAIN and not any((place / name).exists() for name in ("zarr.json", ".zgroup"))


def _opened(reader: Reader, place: Path, wanted: Wanted) -> xr.Dataset:
    pairs = reader.pairs_of(place)
    if wanted.pair is not None and wanted.pair not in pairs:
        raise InvalidArgument(
            f"pair {wanted.pair!r} is not in {place.name}{suggestion(wanted.pair, pairs)}; it holds "
            f"{_named(pairs) or 'no named pairs'}"
        )
    if wanted.pair is None and len(pairs) > 1:
        raise InvalidArgument(
            f"{place.name} ({reader.title}) holds {len(pairs)} interferograms: name one with pair=, of "
            f"{_named(pairs)}"
        )
    dataset: xr.Dataset = reader.read(place, wanted)
    return dataset.assign_attrs(product=reader.title)


def _named(pairs: list[str], most: int = 6) -> str:
    shown = ", ".join(pairs[:most])
    return f"{shown} and {len(pairs) - most} more" if len(pairs) > most else shown


def _unknown(place: Path) -> str:
    known = "; ".join(reader.title for reader in READERS)
    inside = ""
    if place.is_dir():
        names = sorted(inner.name for inner in place.iterdir())
        inside = f" It holds {_named(names, 5)}." if names else " It is empty."
        if any(found for found in _search(place, 1, set())):
            inside += " Products lie in it: open them one by one (insarfeat info FOLDER, insarfeat.io.list_products)."
    return f"{place.name} is no product that is known.{inside} Known are: {known}"
