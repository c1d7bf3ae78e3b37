"""GMTSAR: the grids of an interferogram, in radar coordinates or (``*_ll``) on a map of longitude and latitude."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from insarfeat.dispatch.lazy import lazy_source
from insarfeat.dispatch.sources import Source
from insarfeat.errors import MissingInput, UnreadableInput
from insarfeat.geometry import los_from_gmtsar
from insarfeat.georeference import GRID_MAPPING, Axis, parse_crs
from insarfeat.io.native_headers import check_size
from insarfeat.io.opening import chunks_of
from insarfeat.io.products.hdf5 import check_netcdf
from insarfeat.io.products.parts import (
    PHASE_SIGN,
    Facts,
    assemble,
    dates_in,
    identity,
    layer_of,
    line_of_sight,
)
from insarfeat.io.products.wanted import Wanted
from insarfeat.io.sources import Decoding, FileIdentity, VariableSource, netcdf_lock, open_raw
from insarfeat.windows import Window

_LAYERS = {  # the first that is there; what is masked by its coherence is second best
    "wrapped_phase": (("phasefilt", "phasefilt_mask", "phase", "phase_mask"), 1.0),
    "coherence": (("corr",), 1.0),
    "unwrapped_phase": (("unwrap", "unwrap_mask"), 1.0),
    "displacement": (("los",), 1e-3),  # millimetres, positive where the range decreases
}
_COMPLEX = (("realfilt", "imagfilt"), ("real", "imag"))
_LOOK = ("east_look", "north_look", "up_look")
_PLAIN = {name for names, _ in _LAYERS.values() for name in names} | {
    name for pair in _COMPLEX for name in pair
}
_KNOWN = {f"{name}{end}.grd" for name in _PLAIN for end in ("", "_ll")} | {f"{name}.grd" for name in _LOOK}
_PAIR = re.compile(r"(\d{4})(\d{3})_(\d{4})(\d{3})")
_SENTINEL = 10
_NETCDF = (b"CDF\x01", b"CDF\x02", b"CDF\x05", b"\x89HDF")


@dataclass(frozen=True, slots=True)
class _Upturned:
    """A source with its rows in the opposite order."""

    source: VariableSource

    @property
    def shape(self) -> tuple[int, ...]:
        """Height and width."""
        return self.source.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        return self.source.dtype

    @property
    def token(self) -> str:
        """Of the source, and that it is turned."""
        return f"upturned-{self.source.token}"

    def fingerprint(self) -> str:
        """Same as the token."""
        return self.token

    def describe(self) -> str:
        """What a person reads in the provenance."""
        return self.source.describe()

    def read(self, lead: tuple[int, ...], window: Window) -> NDArray[Any]:
        """The pixels of a window."""
        mirrored = Window(self.shape[0] - window.bottom, window.left, window.height, window.width)
        return self.source.read(lead, mirrored)[::-1]


@dataclass(frozen=True, slots=True)
class _Complex:
    """Real and imaginary parts out of two files."""

    real: Source
    imaginary: Source

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        return np.dtype(np.complex64)

    @property
    def shape(self) -> tuple[int, ...]:
        """Height and width."""
        return self.real.shape

    @property
    def token(self) -> str:
        """Of both files."""
        return f"complex-{self.real.token}-{self.imaginary.token}"

    def fingerprint(self) -> str:
        """Same as the token."""
        return self.token

    def describe(self) -> str:
        """What a person reads in the provenance."""
        return f"{self.real.describe()} and {self.imaginary.describe()}"

    def read(self, lead: tuple[int, ...], window: Window) -> NDArray[Any]:
        """The pixels of a window."""
        pixels = np.empty((window.height, window.width), self.dtype)
        pixels.real, pixels.imag = self.real.read(lead, window), self.imaginary.read(lead, window)
        return pixels


@dataclass(frozen=True, slots=True)
class _Grid:
    """A grid by its header: the variable and the centres of its pixels."""

    file: FileIdentity
    variable: str
    y: NDArray[np.float64]
    x: NDArray[np.float64]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...] | None
    geographic: bool

    def layer(self, name: str, scale: float = 1.0) -> xr.DataArray:
        """The grid as a layer; lines follow the flight, whose time y counts in radar coordinates."""
        source = self.source(scale, upturned=not self.geographic and self.y[0] > self.y[-1])
        return layer_of(name, lazy_source(source, chunks_of(source, self.chunks)), self.dims, self.coords)

    def source(self, scale: float = 1.0, *, upturned: bool) -> VariableSource | _Upturned:
        """Its pixels."""
        kind = np.dtype("f4") if self.dtype.kind != "f" else self.dtype.newbyteorder("=")
        decoding = Decoding(kind, (), scale)
        source = VariableSource(
            self.file, "netcdf4", (self.variable,), (len(self.y), len(self.x)), kind, decoding
        )
        return _Upturned(source) if upturned else source

    @property
    def dims(self) -> tuple[str, str]:
        """Names of the dimensions."""
        return ("y", "x") if self.geographic else ("line", "sample")

    @property
    def coords(self) -> dict[str, Any]:
        """Coordinates on a map; radar coordinates count pixels, and are told as attributes of the product."""
        if not self.geographic:
            return {}
        wkt = parse_crs("EPSG:4326").to_wkt()
        crs = xr.DataArray(np.int32(0), attrs={"crs_wkt": wkt, "spatial_ref": wkt})
        return {"y": self.y, "x": self.x, GRID_MAPPING: crs}


def recognises(path: Path) -> bool:
    """Whether a path is one of GMTSAR's grids, or a folder with some."""
    return bool(_grids_of(path)) if path.is_dir() else _is_grid(path)


def pairs_of(path: Path) -> list[str]:
    """The one interferogram of a folder, by its dates where they can be told."""
    folder = path if path.is_dir() else path.parent
    primary, secondary = _dates(folder)
    if primary is None or secondary is None:
        return [folder.name if _PAIR.search(folder.name) else path.name]
    return [f"{primary:%Y%m%d}_{secondary:%Y%m%d}"]


def read(path: Path, wanted: Wanted) -> xr.Dataset:
    """The grids on a map where there are some, else those in radar coordinates; of a file, those of its own kind."""
    folder = path if path.is_dir() else path.parent
    there = _grids_of(folder)
    on_map = any(name.endswith("_ll.grd") for name in there)
    if not path.is_dir():
        on_map = path.name.endswith("_ll.grd") or path.stem in _LOOK
    end = "_ll" if on_map else ""
    layers = []
    for name, (stems, scale) in _LAYERS.items():
        found = next((there[f"{stem}{end}.grd"] for stem in stems if f"{stem}{end}.grd" in there), None)
        if found is not None:
            layers.append(_grid(found, geographic=on_map).layer(name, scale))
    more: dict[str, Any] = {}
    if not on_map:
        layers += _interferogram(there)
        more = _radar_axes(there)
    layers += _look(there) if on_map else []
    return assemble(layers, _facts(folder, more), product=folder.name)


def _interferogram(there: dict[str, Path]) -> list[xr.DataArray]:
    """The complex interferogram before the phase filter.

    GMTSAR turns its grids upside down between this and the phase: here the LAST line of the flight has the least y.
    """
    for real, imaginary in _COMPLEX:
        pair = [there.get(f"{name}.grd") for name in (real, imaginary)]
        if pair[0] is None and pair[1] is None:
            continue
        if pair[0] is None or pair[1] is None:
            missing = imaginary if pair[1] is None else real
            raise MissingInput(
                f"{missing}.grd is missing; {real}.grd and {imaginary}.grd make the interferogram"
            )
        grids = [_grid(path, geographic=False) for path in pair if path is not None]
        if grids[0].source(upturned=False).shape != grids[1].source(upturned=False).shape:
            raise UnreadableInput(f"{real}.grd and {imaginary}.grd are not of one size")
        parts = [grid.source(upturned=grid.y[0] < grid.y[-1]) for grid in grids]
        source = _Complex(*parts)
        return [
            layer_of("interferogram", lazy_source(source, chunks_of(source, grids[0].chunks)), grids[0].dims)
        ]
    return []


def _look(there: dict[str, Path]) -> list[xr.DataArray]:
    """The line of sight, where ``calc_look_vector.csh`` has made its three grids."""
    names = [f"{name}.grd" for name in _LOOK]
    missing = [name for name in names if name not in there]
    if len(missing) == len(names):
        return []
    if missing:
        raise MissingInput(f"{', '.join(missing)} missing: the line of sight needs {', '.join(names)}")
    return line_of_sight(
        los_from_gmtsar(*(_grid(there[name], geographic=True).layer(name) for name in names))
    )


def _radar_axes(there: dict[str, Path]) -> dict[str, Any]:
    """Where the first pixel lies in the full image, and how many of that image's pixels one stands for."""
    grid = _grid(next(iter(there.values())), geographic=False)
    more: dict[str, Any] = {}
    for name, centres in (("azimuth", np.sort(grid.y)), ("range", grid.x)):
        more |= {f"{name}_first": float(centres[0]), f"{name}_step": float(centres[1] - centres[0])}
    return more


def _grid(path: Path, *, geographic: bool) -> _Grid:
    """Read the header of a grid."""
    file = identity(path)
    check_netcdf(path)
    try:
        with netcdf_lock(), open_raw(file, "netcdf4") as stored:
            flat = {str(name): one for name, one in stored.variables.items() if one.ndim == 2}
            attributes = dict(stored.attrs)
            if not flat and "z" in stored.variables:
                raise UnreadableInput(
                    f"{path.name} is a grid of GMT 3; convert it: gmt grdconvert {path.name} {path.name}"
                )
            if len(flat) != 1:
                raise UnreadableInput(f"{path.name} holds {len(flat)} rasters; a grid of GMT holds one")
            ((name, variable),) = flat.items()
            axes = [stored.variables.get(dim) for dim in variable.dims]
            if any(axis is None or axis.size > 1 << 20 for axis in axes):
                raise UnreadableInput(f"{path.name} has no coordinates of its pixels")
            y, x = (_centres(path, axis, attributes) for axis in axes if axis is not None)
    except UnreadableInput:
        raise
    except Exception as error:  # the libraries below raise whatever they meet first
        raise UnreadableInput(f"{path.name} is not a readable grid of GMT: {error}") from error
    if variable.dtype.kind not in "fiu":
        raise UnreadableInput(f"{path.name} holds {variable.dtype}, which are no pixels")
    check_size(path, name, variable.shape, variable.dtype)
    if geographic and not (np.abs(y).max() <= 90.5 and np.abs(x).max() <= 360.5):
        raise UnreadableInput(f"{path.name} holds no longitudes and latitudes, as its name has it")
    chunks = variable.encoding.get("chunksizes")
    return _Grid(file, name, y, x, variable.dtype, chunks, geographic)


def _centres(path: Path, axis: xr.Variable, attributes: dict[Any, Any]) -> NDArray[np.float64]:
    """Centres of pixels; they must agree with the range and the registration that the grid tells of itself."""
    found = np.asarray(axis.values, np.float64)
    steps = np.diff(found)
    even = len(steps) and np.isfinite(found).all() and steps[0] and np.ptp(steps) <= 0.02 * abs(steps[0])
    if not even:
        raise UnreadableInput(f"{path.name}: the coordinates {axis.dims[0]} do not lie at even steps")
    axis_found = Axis.of(found, axis.dims[0])
    outer = axis.attrs.get("actual_range", axis.attrs.get("valid_range"))
    if outer is not None and np.size(outer) == 2:
        half = 0.5 * abs(axis_found.step) if attributes.get("node_offset", 0) else 0.0
        said = float(np.min(outer)) + half
        if not abs(said - found.min()) <= 0.02 * abs(axis_found.step):
            raise UnreadableInput(
                f"{path.name}: by its range and registration {axis.dims[0]} begins at {said:.10g}, its coordinates "
                f"at {found.min():.10g}"
            )
    return found


def _facts(folder: Path, more: dict[str, Any]) -> Facts:
    primary, secondary = _dates(folder)
    named = _PAIR.search(folder.name)
    if named is not None:
        if named.group(1) + named.group(2) >= named.group(3) + named.group(4):
            raise UnreadableInput(
                f"{folder.name} names an earlier image second: are the dates swapped? Phases and displacements would "
                "have the wrong sign"
            )
        more["gmtsar_pair"] = named.group()
    wavelengths = {value for prm in _prms(folder) if (value := _prm(prm, "radar_wavelength")) is not None}
    return Facts(
        primary,
        secondary,
        wavelength=wavelengths.pop() if len(wavelengths) == 1 else None,
        phase_sign=PHASE_SIGN,
        unverified=("all of it: no real product was at hand, only GMTSAR's own code",),
        more=more,
    )


def _dates(folder: Path) -> tuple[date | None, date | None]:
    """Days of the two images: from a name of yyyymmdd, else from that of a folder of Sentinel-1.

    Folders are named by year and day, which counts from 0 for Sentinel-1 and from 1 for ALOS, so others are not told.
    """
    found = dates_in(folder.name)
    if len(found) == 2:
        return found[0], found[1]
    named = _PAIR.search(folder.name)
    prms = _prms(folder)
    if named is None or not prms or any(_prm(prm, "SC_identity") != _SENTINEL for prm in prms):
        return None, None
    years, days = named.groups()[::2], named.groups()[1::2]
    first, second = (
        date(int(year), 1, 1) + timedelta(int(day)) for year, day in zip(years, days, strict=True)
    )
    return first, second


def _prms(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.PRM") if path.is_file() and path.stat().st_size < 1 << 20)


def _prm(path: Path, key: str) -> float | None:
    """A number of a parameter file, whose lines are ``key = value``."""
    match = re.search(rf"^\s*{key}\s*=\s*(\S+)", path.read_text(errors="replace"), re.MULTILINE)
    try:
        return None if match is None else float(match.group(1))
    except ValueError as error:
        raise UnreadableInput(f"{path.name}: {key} cannot be {match.group(1)!r}") from error  # type: ignore[union-attr]


def _grids_of(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in sorted(folder.glob("*.grd")) if _is_grid(path)}


def _is_grid(path: Path) -> bool:
    """Whether a file has the name of a grid of GMTSAR and is NetCDF; GMT's own binary form (``=bf``) is not."""
    if path.name not in _KNOWN:
        return False
    try:
        with path.open("rb") as file:
            return file.read(4) in _NETCDF
    except OSError:
        return False
