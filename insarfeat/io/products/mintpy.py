"""MintPy: stacks of interferograms, their geometry, velocity and temporal coherence, in HDF5."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from insarfeat.errors import InsarfeatError, InvalidArgument, UnreadableInput
from insarfeat.geometry import los_from_mintpy
from insarfeat.georeference import GRID_MAPPING, parse_crs
from insarfeat.io.products.hdf5 import Hdf5Header, Hdf5Raster, hdf5_header, is_hdf5
from insarfeat.io.products.parts import UNVERIFIED, Facts, assemble, dates_in, line_of_sight
from insarfeat.io.products.wanted import Wanted

_STACK, _GEOMETRY, _VELOCITY, _COHERENCE = "ifgramStack", "geometry", "velocity", "temporalCoherence"
_KINDS = (_STACK, _VELOCITY, _GEOMETRY, _COHERENCE)
_YEARLY = {"m/year": 1.0, "m/yr": 1.0, "cm/year": 0.01, "mm/year": 0.001}
_ZERO = (0.0,)
_OF_A_PAIR: dict[str, tuple[str, dict[str, Any]]] = {
    "unwrapPhase": ("unwrapped_phase", {"nodata": _ZERO}),
    "wrapPhase": ("wrapped_phase", {"nodata": _ZERO}),
    "coherence": ("coherence", {"nodata": _ZERO}),
    "connectComponent": ("connected_components", {"classes": True}),
}
_OF_THE_PLACE: dict[str, tuple[str, dict[str, Any]]] = {
    "height": ("elevation", {}),
    "latitude": ("latitude", {"nodata": _ZERO}),
    "longitude": ("longitude", {"nodata": _ZERO}),
    "waterMask": ("water", {"scale": -1.0, "offset": 1.0, "classes": True}),  # it is 1 on land
    "shadowMask": ("shadow_mask", {"classes": True}),
}


@dataclass(frozen=True, slots=True)
class _File:
    """A file of MintPy's: its kind, its attributes, the datasets in it."""

    path: Path
    kind: str
    attributes: dict[str, Any]
    datasets: tuple[str, ...]

    @property
    def mapped(self) -> bool:
        """Whether it is on a map, not in radar geometry."""
        return "Y_FIRST" in self.attributes

    def number(self, key: str) -> float:
        """An attribute that must be a finite number."""
        try:
            value = float(self.attributes[key])
        except KeyError:
            raise UnreadableInput(f"{self.path.name} has no attribute {key}; is it whole?") from None
        except (TypeError, ValueError):
            value = np.nan
        if not np.isfinite(value):
            raise UnreadableInput(f"{self.path.name}: {key} cannot be {self.attributes[key]!r}")
        return value

    def optional(self, key: str) -> float | None:
        """An attribute that must be a number where it is."""
        return self.number(key) if key in self.attributes else None


def recognises(path: Path) -> bool:
    """Whether a path is a file of MintPy's, or a folder with some (or with ``inputs`` with some)."""
    return bool(_files(path))


def pairs_of(path: Path) -> list[str]:
    """The interferograms of a stack; for other files the name of the path."""
    stack = next((file for file in _files(path) if file.kind == _STACK), None)
    return [path.name] if stack is None else _pairs(stack)


def read(path: Path, wanted: Wanted) -> xr.Dataset:
    """A pair of the stack, or the velocity, with the geometry and the temporal coherence that lie beside it."""
    main = min(_files(path), key=lambda file: (_KINDS.index(file.kind), file.path.name))
    layers: list[xr.DataArray] = []
    facts = _facts(main)
    if main.kind == _STACK:
        found, facts = _pair(main, wanted.pair)
        layers += found
    for file in [main, *_beside(main)]:
        if file.kind != _STACK:
            layers += _LAYERS[file.kind](file)
    return assemble(layers, facts, product=main.path.name)


def _pair(stack: _File, wanted: str | None) -> tuple[list[xr.DataArray], Facts]:
    pairs = _pairs(stack)
    index = pairs.index(wanted) if wanted in pairs else 0
    layers = [
        Hdf5Raster(stack.path, dataset, (index,), **meaning).layer(name, *_grid(stack))
        for dataset, (name, meaning) in _OF_A_PAIR.items()
        if dataset in stack.datasets
    ]
    primary, secondary = (date.fromisoformat(one) for one in pairs[index].split("_"))
    with hdf5_header(stack.path) as header:
        baseline = _of_pair(header, "bperp", index)
        kept = _of_pair(header, "dropIfgram", index)
    more = {} if kept is None else {"used_in_inversion": bool(kept)}
    return layers, _facts(
        stack, primary, secondary, perpendicular_baseline=baseline, phase_sign=UNVERIFIED, more=more
    )


def _of_pair(header: Hdf5Header, dataset: str, index: int) -> float | None:
    if not header.has(dataset):
        return None
    values = header.vector(dataset).reshape(-1)
    if len(values) <= index or values.dtype.kind not in "fiub":
        raise UnreadableInput(f"{header.name}: {dataset} holds no number for pair {index + 1}")
    return float(values[index])


def _geometry(file: _File) -> list[xr.DataArray]:
    layers = [
        Hdf5Raster(file.path, dataset, **meaning).layer(name, *_grid(file))
        for dataset, (name, meaning) in _OF_THE_PLACE.items()
        if dataset in file.datasets
    ]
    for layer in layers:
        if layer.name == "shadow_mask":  # MintPy no longer knows which of the two it is
            layer.attrs.update(long_name="radar shadow or layover", units="1")
    if "incidenceAngle" in file.datasets and "azimuthAngle" in file.datasets:
        incidence, azimuth = (
            Hdf5Raster(file.path, dataset).layer(dataset, *_grid(file))
            for dataset in ("incidenceAngle", "azimuthAngle")
        )
        sight = los_from_mintpy(incidence, azimuth)
        layers += line_of_sight(sight)
        if file.optional("ANTENNA_SIDE") == 1.0:  # the radar looks to the left
            layers[-1] = layers[-1].copy(data=sight.incidence_and_heading(look="left").heading.data)
        return layers
    if "incidenceAngle" in file.datasets:
        layers.append(Hdf5Raster(file.path, "incidenceAngle", nodata=_ZERO).layer("incidence", *_grid(file)))
    return layers


def _velocity(file: _File) -> list[xr.DataArray]:
    """The velocity and its deviation. Both are 0 where there is none, and rightly at the point of reference."""
    unit = str(file.attributes.get("UNIT", "m/year"))
    if unit not in _YEARLY:
        raise UnreadableInput(f"{file.path.name}: UNIT cannot be {unit!r}; known are {', '.join(_YEARLY)}")
    row, column = file.optional("REF_Y"), file.optional("REF_X")
    reference = None if row is None or column is None else (int(row), int(column))
    names = {"velocity": "velocity", "velocityStd": "velocity_deviation"}
    return [
        Hdf5Raster(file.path, dataset, nodata=_ZERO, scale=_YEARLY[unit], spared=reference).layer(
            name, *_grid(file)
        )
        for dataset, name in names.items()
        if dataset in file.datasets
    ]


def _coherence(file: _File) -> list[xr.DataArray]:
    return [Hdf5Raster(file.path, _COHERENCE, nodata=_ZERO).layer("temporal_coherence", *_grid(file))]


_LAYERS = {_GEOMETRY: _geometry, _VELOCITY: _velocity, _COHERENCE: _coherence}


def _facts(file: _File, primary: date | None = None, secondary: date | None = None, **known: Any) -> Facts:
    direction = str(file.attributes.get("ORBIT_DIRECTION", "")).lower()
    more = dict(known.pop("more", {}))
    for key, name in (("START_DATE", "first_date"), ("END_DATE", "last_date"), ("PLATFORM", "mission")):
        if key in file.attributes and file.kind != _STACK:
            more[name] = str(file.attributes[key])
    return Facts(
        primary,
        secondary,
        orbit_direction=direction or None,
        wavelength=file.optional("WAVELENGTH"),
        unverified=("sign of the phase", "real files of a stack or of geometry: MintPy's own code only")
        if file.kind in (_STACK, _GEOMETRY)
        else (),
        more=more,
        **known,
    )


def _grid(file: _File) -> tuple[tuple[str, str], dict[str, Any]]:
    """Dimensions and coordinates. X_FIRST and Y_FIRST are of the corner of the first pixel, not of its centre."""
    height, width = int(file.number("LENGTH")), int(file.number("WIDTH"))
    if not 1 <= min(height, width) <= max(height, width) <= 1 << 20:
        raise UnreadableInput(f"{file.path.name}: LENGTH and WIDTH cannot be {height} and {width}")
    if not file.mapped:
        return ("line", "sample"), {}
    coords: dict[str, Any] = {}
    for dim, size in (("y", height), ("x", width)):
        first, step = file.number(f"{dim.upper()}_FIRST"), file.number(f"{dim.upper()}_STEP")
        if step == 0:
            raise UnreadableInput(f"{file.path.name}: {dim.upper()}_STEP cannot be 0")
        coords[dim] = first + step * (np.arange(size) + 0.5)
    wkt = _wkt(file)
    coords[GRID_MAPPING] = xr.DataArray(np.int32(0), attrs={"crs_wkt": wkt, "spatial_ref": wkt})
    return ("y", "x"), coords


def _wkt(file: _File) -> str:
    """The CRS: by its number, else by the zone of UTM, else longitudes and latitudes by their unit."""
    attributes = file.attributes
    zone = str(attributes.get("UTM_ZONE", ""))
    code = str(attributes.get("EPSG", ""))
    if not code and zone[:-1].isdigit() and zone[-1].isalpha():
        code = (
            f"{327 if zone[-1].upper() == 'S' else 326}{int(zone[:-1]):02d}"  # the letter is the hemisphere's
        )
    if not code and str(attributes.get("X_UNIT", "degrees")).startswith("deg"):
        code = "4326"
    try:
        return parse_crs(f"EPSG:{int(code)}").to_wkt()
    except (ValueError, InvalidArgument) as error:
        raise UnreadableInput(
            f"{file.path.name}: its CRS cannot be told from EPSG={code!r} and UTM_ZONE={zone!r}"
        ) from error


def _pairs(stack: _File) -> list[str]:
    with hdf5_header(stack.path) as header:
        days: NDArray[Any] = header.vector("date")
    pairs = []
    for row in days.reshape(len(days), -1):
        text = [one.decode("ascii", "replace") if isinstance(one, bytes) else str(one) for one in row]
        found = [dates_in(one)[:1] for one in text]
        if len(found) != 2 or not all(found):
            raise UnreadableInput(f"{stack.path.name}: date cannot be {' '.join(text)[:40]!r}")
        pairs.append("_".join(f"{one[0]:%Y%m%d}" for one in found))
    return pairs


def _beside(main: _File) -> list[_File]:
    """Geometry and temporal coherence in the same geometry as the main file, radar's or a map's, one of each."""
    folder = main.path.parent
    folders = [folder, folder / "inputs", *([folder.parent] if folder.name == "inputs" else [])]
    found: dict[str, _File] = {}
    for place in folders:
        for file in _inside(place):
            if file.kind in (_GEOMETRY, _COHERENCE) and file.mapped == main.mapped:
                found.setdefault(file.kind, file)
    return [file for kind, file in found.items() if kind != main.kind and main.kind != _COHERENCE]


def _files(path: Path) -> list[_File]:
    if not path.is_dir():
        file = _file(path)
        return [] if file is None else [file]
    return _inside(path) or _inside(path / "inputs")


def _inside(folder: Path) -> list[_File]:
    paths = sorted(folder.glob("*.h5")) if folder.is_dir() else []
    return [file for path in paths if (file := _file(path)) is not None]


def _file(path: Path) -> _File | None:
    """A file by its header; None for any that is not MintPy's, or of no kind that is read."""
    if path.suffix.lower() != ".h5" or not is_hdf5(path):
        return None
    try:
        with hdf5_header(path) as header:
            attributes = header.attributes
            kind = str(attributes.get("FILE_TYPE", ""))
            if kind not in _KINDS or "WIDTH" not in attributes:
                return None
            return _File(path, kind, attributes, tuple(header.names()))
    except InsarfeatError:
        return None
