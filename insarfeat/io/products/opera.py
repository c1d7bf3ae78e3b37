"""OPERA CSLC-S1: geocoded single-look complex bursts in HDF5, and their STATIC files with the geometry."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from insarfeat.errors import InsarfeatError, InvalidArgument, MissingInput, UnreadableInput
from insarfeat.geometry import los_from_opera
from insarfeat.georeference import GRID_MAPPING, parse_crs
from insarfeat.io.products.hdf5 import Hdf5Header, Hdf5Raster, hdf5_header, is_hdf5
from insarfeat.io.products.parts import Facts, assemble, line_of_sight
from insarfeat.io.products.wanted import Wanted

_POLARISATIONS = ("VV", "VH", "HH", "HV")
_INPUT = "metadata/processing_information/input_burst_metadata"
_OUTSIDE = 127.0
_BURST = re.compile(r"t\d{3}[-_]\d{6}[-_](?:iw|ew)\d", re.IGNORECASE)


def recognises(path: Path) -> bool:
    """Whether a path is a CSLC or STATIC file, or a folder with some."""
    return bool(_files(path))


def pairs_of(path: Path) -> list[str]:
    """The images: one for each CSLC file in a folder; a STATIC file stands by itself only where there is no other."""
    files = _main_files(path)
    return [path.name] if len(files) < 2 else [file.stem for file in files]


def read(path: Path, wanted: Wanted) -> xr.Dataset:
    """The image of one burst and, where its STATIC file is there, the geometry."""
    main = _chosen(path, wanted)
    layers: list[xr.DataArray] = []
    with hdf5_header(main) as header:
        coords = _coords(header)
        facts, burst = _facts(header), _burst_id(header, main)
        there = [one for one in _POLARISATIONS if header.has(f"data/{one}")]
        static = main if header.has("data/los_east") else None
    if there:
        polarisation = wanted.choose("polarisation", there, main.name)
        layers.append(Hdf5Raster(main, f"data/{polarisation}").layer("image", ("y", "x"), coords))
    static = static or _static_of(main, burst)
    if static is not None:
        with hdf5_header(static) as header:
            layers += _geometry(static, header, _coords(header))
    return assemble(layers, facts, product=main.name)


def _geometry(path: Path, header: Hdf5Header, coords: dict[str, Any]) -> list[xr.DataArray]:
    """Layers of a STATIC file; its numbers are NaN, in some versions 0, where the radar does not look."""

    def layer(dataset: str, name: str, **meaning: Any) -> xr.DataArray:
        return Hdf5Raster(path, f"data/{dataset}", **meaning).layer(name, ("y", "x"), coords)

    found = line_of_sight(los_from_opera(layer("los_east", "los_east"), layer("los_north", "los_north")))
    if header.has("data/local_incidence_angle"):
        found.append(layer("local_incidence_angle", "local_incidence", nodata=(0.0,)))
    if header.has("data/layover_shadow_mask"):
        mask = layer("layover_shadow_mask", "shadow_layover", nodata=(_OUTSIDE,), classes=True)
        found.append(mask)
    return found


def _coords(header: Hdf5Header) -> dict[str, Any]:
    """Centres of the pixels and the CRS."""
    coords: dict[str, Any] = {}
    for dim in ("y", "x"):
        coords[dim] = header.centres(f"data/{dim}_coordinates")
        step, said = coords[dim][1] - coords[dim][0], header.optional(f"data/{dim}_spacing", float)
        if said is not None and not abs(step - said) <= 1e-3 * abs(said):
            raise UnreadableInput(
                f"{header.name}: data/{dim}_spacing is {said:g}, and the coordinates lie {step:g} apart"
            )
    code = header.scalar("data/projection", int)
    try:
        wkt = parse_crs(f"EPSG:{code}").to_wkt()
    except InvalidArgument as error:
        raise UnreadableInput(
            f"{header.name}: data/projection is {code}, no EPSG code that is known"
        ) from error
    return coords | {GRID_MAPPING: xr.DataArray(np.int32(0), attrs={"crs_wkt": wkt, "spatial_ref": wkt})}


def _facts(header: Hdf5Header) -> Facts:
    direction = header.optional("identification/orbit_pass_direction", str)
    more = {
        "acquired": header.optional("identification/zero_doppler_start_time", str),
        "mission": header.optional("identification/mission_id", str),
        "burst_id": header.optional("identification/burst_id", str),
        "track": header.optional("identification/track_number", int),
    }
    return Facts(
        polarisation=header.optional(f"{_INPUT}/polarization", str),
        orbit_direction=direction.lower() if direction else None,
        wavelength=header.optional(f"{_INPUT}/wavelength", float),
        unverified=("pixels of the image, and STATIC files: only the layout of a real file was at hand",),
        more={name: value for name, value in more.items() if value is not None},
    )


def _burst_id(header: Hdf5Header, path: Path) -> str:
    """The burst as ``t087_185683_iw2``."""
    named = header.optional("identification/burst_id", str) or ""
    match = _BURST.search(named) or _BURST.search(path.name)
    return match.group().lower().replace("-", "_") if match else ""


def _static_of(main: Path, burst: str) -> Path | None:
    """The STATIC file of a burst beside it; the newest of several, whose names end with their version."""
    beside = [
        path
        for path in sorted(main.parent.glob("*.h5"))
        if path != main and "static" in path.name.lower() and burst and _names(path, burst) and _kind(path)
    ]
    return beside[-1] if beside else None


def _names(path: Path, burst: str) -> bool:
    match = _BURST.search(path.name)
    return match is not None and match.group().lower().replace("-", "_") == burst


def _chosen(path: Path, wanted: Wanted) -> Path:
    files = _main_files(path)
    if not files:
        raise MissingInput(f"{path.name} holds no CSLC-S1 file")
    return next((file for file in files if file.stem == wanted.pair), files[0])


def _main_files(path: Path) -> list[Path]:
    found = _files(path)
    return [file for file, kind in found.items() if kind == "image"] or list(found)


def _files(path: Path) -> dict[Path, str]:
    """Files that a path means, and what each is."""
    candidates = sorted(path.glob("*.h5")) if path.is_dir() else [path]
    return {file: kind for file in candidates if (kind := _kind(file)) is not None}


def _kind(path: Path) -> str | None:
    """Whether a file is an image or a STATIC file, from its header; None for any other."""
    if path.suffix.lower() != ".h5" or not is_hdf5(path):
        return None
    if re.match(r"OPERA_L2_CSLC-S1", path.name):  # a damaged one is told by what reads it
        return "static" if "STATIC" in path.name else "image"
    try:
        with hdf5_header(path) as header:
            if not (header.has("data/projection") and header.has("data/x_coordinates")):
                return None
            if any(header.has(f"data/{one}") for one in _POLARISATIONS):
                return "image"
            return "static" if header.has("data/los_east") else None
    except InsarfeatError:
        return None
