"""Interferograms of ISCE2's topsStack: ``merged/interferograms/D1_D2`` with ``merged/geom_reference`` beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import xarray as xr

from insarfeat.errors import MissingInput
from insarfeat.geometry import los_from_isce2
from insarfeat.io.products.flat import FlatRaster
from insarfeat.io.products.flat_headers import listed
from insarfeat.io.products.isce_xml import is_described, properties, read_layout
from insarfeat.io.products.parts import PHASE_SIGN, Facts, assemble, line_of_sight, pair_in
from insarfeat.io.products.wanted import Wanted

_OF_PAIR = re.compile(r"(filt_)?fine\.(int|cor|unw|unw\.conncomp)", re.IGNORECASE)
_OF_GEOMETRY = re.compile(r"(hgt|lat|lon|los|incLocal|shadowMask)\.rdr", re.IGNORECASE)
_GEOMETRY_FOLDERS = ("geom_reference", "geom_master")
_HEADERS = (".xml", ".vrt", ".hdr")
_MIXED_MASK = "shadowMask.rdr is averaged where looks were taken, which mixes its classes"


@dataclass(frozen=True, slots=True)
class _Place:
    """What lies at a path: folders of pairs by name, and the folder of the geometry."""

    pairs: dict[str, Path] = field(default_factory=dict)
    geometry: Path | None = None


def recognises(path: Path) -> bool:
    """Whether it is a pair, a folder of pairs, a geometry folder or a file of one, with ISCE2's headers."""
    place = _place(path)
    return bool(place.pairs) or place.geometry is not None


def pairs_of(path: Path) -> list[str]:
    """The folders of pairs; of a geometry without any, its own name."""
    place = _place(path)
    return sorted(place.pairs) or [path.name]


def read(path: Path, wanted: Wanted) -> xr.Dataset:
    """Read a pair and its geometry, or the geometry alone, in radar geometry.

    ``interferogram`` and ``coherence`` are the unfiltered ones where they were kept, else those of the filtered
    phase; which file each is from is in the attributes. References: isce2, ``topsStack/generateIgram.py`` (reference
    times the conjugate of secondary; folders are named reference_secondary), ``topozero/src/topozero.f90`` (angles,
    local incidence in band 2, masks).
    """
    place = _place(path)
    name = wanted.pair or (next(iter(place.pairs)) if place.pairs else path.name)
    folder = place.pairs.get(name)
    rasters = {} if folder is None else dict(_of_pair(folder))
    if folder is not None and not rasters:
        raise MissingInput(f"{folder.name} has no fine.int, filt_fine.int, filt_fine.cor or filt_fine.unw")
    layers = [raster.layer(layer) for layer, raster in rasters.items()]
    if place.geometry is not None:
        layers += _geometry(place.geometry)
    primary, secondary = pair_in(name)
    sources = {
        f"{layer}_source": rasters[layer].path.name
        for layer in ("interferogram", "coherence")
        if layer in rasters
    }
    masked = any(layer.name == "shadow_layover" for layer in layers)
    facts = Facts(
        primary,
        secondary,
        wavelength=_wavelength(folder or path),
        phase_sign=PHASE_SIGN if rasters else None,
        unverified=(_MIXED_MASK,) if masked else (),
        more=sources,
    )
    return assemble(layers, facts, product=name)


def _place(path: Path) -> _Place:
    folder = path if path.is_dir() else path.parent
    if not path.is_dir():
        name = path.name
        for suffix in _HEADERS:
            name = name.removesuffix(suffix)
        if not (_OF_PAIR.fullmatch(name) or _OF_GEOMETRY.fullmatch(name)):
            return _Place()
    if _holds(folder, _OF_PAIR):
        return _Place({folder.name: folder}, _geometry_of(folder, folder.parent, folder.parent.parent))
    if _holds(folder, _OF_GEOMETRY):
        return _Place(geometry=folder)
    for inner in (folder / "merged" / "interferograms", folder / "interferograms", folder):
        pairs = {one.name: one for one in listed(inner) if one.is_dir() and _holds(one, _OF_PAIR)}
        if pairs:
            return _Place(pairs, _geometry_of(inner.parent))
    return _Place()


def _holds(folder: Path, names: re.Pattern[str]) -> bool:
    bare = {one.name.removesuffix(suffix) for one in listed(folder) for suffix in (*_HEADERS, "")}
    return any(names.fullmatch(name) and is_described(folder / name) for name in bare)


def _geometry_of(*around: Path) -> Path | None:
    folders = (place / name for place in around for name in _GEOMETRY_FOLDERS)
    return next((folder for folder in folders if _holds(folder, _OF_GEOMETRY)), None)


def _of_pair(folder: Path) -> Iterator[tuple[str, FlatRaster]]:
    for layer, names in (
        ("interferogram", ("fine.int", "filt_fine.int")),
        ("filtered_interferogram", ("filt_fine.int",)),
        ("coherence", ("fine.cor", "filt_fine.cor")),
        ("filtered_coherence", ("filt_fine.cor",)),
    ):
        found = next((path for path in (folder / name for name in names) if _there(path)), None)
        # What stands in for the unfiltered one is not given twice.
        if found is not None and (not layer.startswith("filtered") or _there(folder / found.name[5:])):
            layout = read_layout(found)
            nodata = () if layer.endswith("interferogram") else (0.0,)
            yield layer, FlatRaster(found, layout, layout.bands, nodata)
    unwrapped = folder / "filt_fine.unw"
    if _there(unwrapped):
        layout = read_layout(unwrapped)
        yield "unwrapped_phase", FlatRaster(unwrapped, layout, layout.bands, (0.0,))  # after the amplitude
    components = folder / "filt_fine.unw.conncomp"
    if _there(components):
        yield "connected_components", FlatRaster(components, read_layout(components), classes=True)


def _geometry(folder: Path) -> Iterator[xr.DataArray]:
    for layer, name in (("elevation", "hgt"), ("latitude", "lat"), ("longitude", "lon")):
        if _there(path := folder / f"{name}.rdr"):
            yield FlatRaster(path, read_layout(path), nodata=(0.0,)).layer(layer)
    if _there(path := folder / "los.rdr"):
        layout = read_layout(path)
        incidence, azimuth = (FlatRaster(path, layout, band).layer(f"band_{band}") for band in (1, 2))
        yield from line_of_sight(los_from_isce2(incidence, azimuth))
    if _there(path := folder / "incLocal.rdr"):
        yield FlatRaster(path, read_layout(path), 2, (0.0,)).layer("local_incidence")
    if _there(path := folder / "shadowMask.rdr"):
        yield FlatRaster(path, read_layout(path), classes=True, recode=(0, 1, 2, 3)).layer("shadow_layover")


def _there(path: Path) -> bool:
    """Whether a raster is there, or at least its header, so that a missing raster is told."""
    return path.exists() or is_described(path)


def _wavelength(folder: Path) -> float | None:
    """The wavelength from the reference's annotation, which lies beside ``merged``."""
    for place in (folder, *folder.parents[:3]):
        for swath in ("IW1", "IW2", "IW3"):
            if (annotation := place / "reference" / f"{swath}.xml").is_file():
                fields = properties(annotation, "productmanager_name", deep=True)
                return fields.number("radarwavelength") if "radarwavelength" in fields else None
    return None
