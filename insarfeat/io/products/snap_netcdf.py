"""NetCDF as SNAP exports it (CF or BEAM profile), with the names that bands have in BEAM-DIMAP."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from insarfeat.dispatch.lazy import lazy_source
from insarfeat.errors import InsarfeatError, InvalidArgument, UnreadableInput
from insarfeat.georeference import GRID_MAPPING, parse_crs
from insarfeat.io.native_headers import check_size
from insarfeat.io.opening import chunks_of
from insarfeat.io.products.hdf5 import check_netcdf
from insarfeat.io.products.parts import PHASE_SIGN, Facts, assemble, identity, layer_of
from insarfeat.io.products.wanted import Wanted
from insarfeat.io.sources import Decoding, VariableSource, netcdf_lock, open_raw

_OF_A_PAIR = {  # what a name begins with, and what the layer is; the first that is there
    "interferogram": ("i_ifg_",),
    "coherence": ("coh_",),
    "wrapped_phase": ("phase_ifg_", "phase_"),
    "unwrapped_phase": ("unw_phase_", "unw_"),
}
_OF_THE_PLACE = {
    "displacement": ("displacement", "displacement_"),
    "elevation": ("elevation", "dem"),
    "incidence": ("incidenceanglefromellipsoid", "incident_angle", "incidence_angle"),
    "local_incidence": ("localincidenceangle",),
    "latitude": ("orthorectifiedlat", "latitude", "lat"),
    "longitude": ("orthorectifiedlon", "longitude", "lon"),
}
_OWN_ZERO = frozenset({"elevation", "latitude", "longitude"})  # 0 may be true here
_DAY = re.compile(r"(?<![A-Za-z0-9])(\d{2}[A-Za-z]{3}\d{4})(?![A-Za-z0-9])")
_POLARISATION = re.compile(r"(?<![A-Za-z0-9])(VV|VH|HH|HV)(?![A-Za-z0-9])", re.IGNORECASE)
_SWATH = re.compile(r"(?<![A-Za-z0-9])((?:IW|EW)\d)(?![A-Za-z0-9])", re.IGNORECASE)
_MARKS = re.compile(r"(i_ifg|q_ifg|coh|unw_phase|phase_ifg)_", re.IGNORECASE)
_NETCDF = (b"CDF\x01", b"CDF\x02", b"CDF\x05", b"\x89HDF")
_MEGAHERTZ = 299.792458  # metres times 1e6 per second
_LONGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class _Band:
    """A band and what its name tells."""

    name: str
    variable: xr.Variable

    @property
    def days(self) -> tuple[date, ...]:
        """Days of the images, as 04Sep2023, in the order of the name."""
        found = []
        for text in _DAY.findall(self.name):
            try:
                found.append(datetime.strptime(text.title(), "%d%b%Y").date())
            except ValueError:
                continue
        return tuple(found)

    @property
    def pair(self) -> str | None:
        """The pair as ``20230904_20230916``."""
        return "_".join(f"{day:%Y%m%d}" for day in self.days[:2]) if len(self.days) >= 2 else None

    def fits(self, polarisation: str | None, swath: str | None, pair: str | None) -> bool:
        """Whether nothing in its name says that it is of another polarisation, swath or pair."""
        told = (
            (_word(_POLARISATION, self.name), polarisation),
            (_word(_SWATH, self.name), swath),
            (self.pair, pair),
        )
        return all(mine is None or meant is None or mine == meant for mine, meant in told)


@dataclass(frozen=True, slots=True)
class _Header:
    """What the file says of itself."""

    path: Path
    bands: tuple[_Band, ...]
    variables: dict[str, xr.Variable]
    metadata: dict[str, Any]

    def of_pairs(self) -> list[_Band]:
        """Bands of interferograms."""
        return [band for band in self.bands if _MARKS.match(band.name)]


def recognises(path: Path) -> bool:
    """Whether a path is such a file, or a folder with just one."""
    return _file(path) is not None


def pairs_of(path: Path) -> list[str]:
    """Pairs of dates that the names of bands tell; else the name of the path."""
    pairs = sorted({band.pair for band in _header(_must(path)).of_pairs() if band.pair is not None})
    return pairs or [path.name]


def read(path: Path, wanted: Wanted) -> xr.Dataset:
    """The bands of one pair, polarisation and swath, and what holds for all of them."""
    header = _header(_must(path))
    bands = header.of_pairs()
    pairs = sorted({band.pair for band in bands if band.pair is not None})
    pair = wanted.pair if wanted.pair in pairs else (pairs[0] if pairs else None)
    swath = _one_of(wanted, "swath", _SWATH, bands, header)
    polarisation = _one_of(wanted, "polarisation", _POLARISATION, bands, header)
    fitting = [band for band in header.bands if band.fits(polarisation, swath, pair)]
    shape = _shape(header)
    dims, coords = _grid(header, shape)
    layers = []
    for name, beginnings in (_OF_A_PAIR | _OF_THE_PLACE).items():
        band = _first(fitting, beginnings, shape, whole=name in _OF_THE_PLACE)
        if band is not None:
            layers.append(_layer(header, name, band, dims, coords))
    days = next((band.days for band in bands if band.pair == pair and band.pair is not None), (None, None))
    return assemble(layers, _facts(header, days[0], days[1], polarisation, swath), product=header.path.name)


def _layer(
    header: _Header, name: str, band: _Band, dims: tuple[str, str], coords: dict[str, Any]
) -> xr.DataArray:
    names: tuple[str, ...] = (band.name,)
    kind = np.dtype("f4")
    variable = band.variable
    if variable.dtype.kind == "f":
        kind = variable.dtype.newbyteorder("=")
    if name == "interferogram":
        imaginary = f"q{band.name[1:]}"
        other = header.variables.get(imaginary)
        if other is None or other.shape != variable.shape:
            raise UnreadableInput(f"{header.path.name} has {band.name}, and no {imaginary} of the same size")
        names = (band.name, imaginary)
    attributes = variable.attrs
    check_size(header.path, band.name, variable.shape, variable.dtype)
    nodata = [_number(attributes.get(key), np.nan) for key in ("_FillValue", "missing_value")]
    if name == "interferogram":  # 0 is nodata in both parts only, as 0+0j
        nodata = [number for number in nodata if number != 0.0]
    elif name not in _OWN_ZERO:
        nodata.append(0.0)
    decoding = Decoding(
        kind,
        tuple(dict.fromkeys(number for number in nodata if np.isfinite(number))),
        _number(attributes.get("scale_factor"), 1.0),
        _number(attributes.get("add_offset"), 0.0),
    )
    dtype = kind if len(names) == 1 else np.result_type(kind, np.complex64)
    source = VariableSource(identity(header.path), "netcdf4", names, variable.shape, dtype, decoding)
    data = lazy_source(source, chunks_of(source, variable.encoding.get("chunksizes")))
    return layer_of(name, data, dims, coords)


def _facts(
    header: _Header, primary: date | None, secondary: date | None, polarisation: str | None, swath: str | None
) -> Facts:
    frequency = _number(_of(header.metadata, "radar_frequency"), 0.0)  # megahertz
    direction = str(_of(header.metadata, "PASS") or "").lower()
    return Facts(
        primary,
        secondary,
        polarisation=polarisation,
        orbit_direction=direction or None,
        wavelength=_MEGAHERTZ / frequency if frequency > 0 else None,
        phase_sign=PHASE_SIGN,
        unverified=("all of it: no real product was at hand, only SNAP's own code",),
        more={} if swath is None else {"swath": swath},
    )


def _grid(header: _Header, shape: tuple[int, int]) -> tuple[tuple[str, str], dict[str, Any]]:
    """Dimensions and coordinates: a matrix beside the CRS, or axes of latitude and longitude, or radar geometry."""
    crs = header.variables.get("crs")
    wkt = crs.attrs.get("crs_wkt", crs.attrs.get("wkt")) if crs is not None else None
    if crs is not None and wkt and "i2m" in crs.attrs:
        try:
            a, b, c, d, e, f = (float(number) for number in str(crs.attrs["i2m"]).split(","))
        except ValueError as error:
            raise UnreadableInput(f"{header.path.name}: crs:i2m is no matrix of six numbers") from error
        if b or c or not (a and d) or not np.isfinite((a, d, e, f)).all():
            raise UnreadableInput(f"{header.path.name} lies on a rotated or impossible grid (crs:i2m)")
        axes = (f + d * (np.arange(shape[0]) + 0.5), e + a * (np.arange(shape[1]) + 0.5))
    else:
        found = [
            _axis(header, names, size) for names, size in zip((_LATITUDES, _LONGITUDES), shape, strict=True)
        ]
        if found[0] is None or found[1] is None:
            return ("line", "sample"), {}
        axes, wkt = (found[0], found[1]), "EPSG:4326"
    try:
        text = parse_crs(str(wkt)).to_wkt()
    except InvalidArgument as error:
        raise UnreadableInput(f"{header.path.name}: {error}") from error
    mapping = xr.DataArray(np.int32(0), attrs={"crs_wkt": text, "spatial_ref": text})
    return ("y", "x"), {"y": axes[0], "x": axes[1], GRID_MAPPING: mapping}


_LATITUDES, _LONGITUDES = ("lat_intern", "lat", "latitude"), ("lon_intern", "lon", "longitude")


def _axis(header: _Header, names: tuple[str, ...], size: int) -> np.ndarray[Any, Any] | None:
    for name in names:
        variable = header.variables.get(name)
        if variable is not None and variable.ndim == 1:
            values = np.asarray(variable.values, np.float64)
            steps = np.diff(values)
            even = len(steps) and np.isfinite(values).all() and np.ptp(steps) <= 0.02 * abs(steps[0])
            if len(values) != size or not even or steps[0] == 0:
                raise UnreadableInput(f"{header.path.name}: {name} holds no {size} coordinates at even steps")
            return values
    return None


def _shape(header: _Header) -> tuple[int, int]:
    """Size of the product: that of its bands; tie points, and what else is smaller, do not count."""
    bands = header.of_pairs() or header.bands
    height, width = bands[0].variable.shape
    return height, width


def _first(
    bands: list[_Band], beginnings: tuple[str, ...], shape: tuple[int, int], *, whole: bool
) -> _Band | None:
    for beginning in beginnings:
        for band in bands:
            name = band.name.lower()
            fits = name == beginning or (beginning.endswith("_") and name.startswith(beginning))
            # Tie points have a raster of their own under the name of a layer; bands of a pair must be of one size.
            if fits and (not whole or band.variable.shape == shape):
                return band
    return None


def _one_of(
    wanted: Wanted, what: str, pattern: re.Pattern[str], bands: list[_Band], header: _Header
) -> str | None:
    there = sorted({found for band in bands if (found := _word(pattern, band.name)) is not None})
    if not there and getattr(wanted, what) is None:
        return None
    return wanted.choose(what, there, header.path.name)


def _word(pattern: re.Pattern[str], name: str) -> str | None:
    match = pattern.search(name.replace("_", " "))
    return match.group(1).upper() if match else None


def _number(value: Any, other: float) -> float:
    try:
        return other if value is None else float(np.asarray(value).reshape(-1)[0])
    except (TypeError, ValueError, IndexError):
        return other


def _of(metadata: dict[str, Any], key: str) -> Any:
    """A value of SNAP's abstracted metadata, whose names are paths joined by ``:`` (or its escape)."""
    end = re.compile(rf"Abstracted_Metadata(:|%3a|_){key}", re.IGNORECASE)
    return next((value for name, value in metadata.items() if end.fullmatch(str(name))), None)


def _must(path: Path) -> Path:
    found = _file(path)
    if found is None:
        raise UnreadableInput(f"{path.name} is no NetCDF file of SNAP's")
    return found


def _file(path: Path) -> Path | None:
    if not path.is_dir():
        return path if _is_snap(path) else None
    found = [file for file in sorted(path.glob("*.nc")) if _is_snap(file)]
    return found[0] if len(found) == 1 else None


def _is_snap(path: Path) -> bool:
    if path.suffix.lower() != ".nc":
        return False
    try:
        with path.open("rb") as file:
            if file.read(4) not in _NETCDF:
                return False
        return bool(_header(path).of_pairs())
    except (OSError, InsarfeatError):
        return False


def _header(path: Path) -> _Header:
    file = identity(path)
    check_netcdf(path)
    try:
        with netcdf_lock(), open_raw(file, "netcdf4", decode_times=False) as stored:
            if "insarfeat_version" in stored.attrs:
                raise UnreadableInput(f"{path.name} was written by insarfeat")
            kept: dict[str, xr.Variable] = {}
            for name, variable in stored.variables.items():
                short = variable.ndim < 2 and variable.size <= _LONGEST
                kept[str(name)] = variable.load() if short else variable.copy(deep=False)
    except UnreadableInput:
        raise
    except Exception as error:  # the libraries below raise whatever they meet first
        raise UnreadableInput(f"{path.name} is not a readable NetCDF file: {error}") from error
    bands = [
        _Band(name, variable)
        for name, variable in kept.items()
        if variable.ndim == 2 and variable.dtype.kind in "fiu" and 0 < max(variable.shape) <= _LONGEST
    ]
    metadata = dict(kept["metadata"].attrs) if "metadata" in kept else {}
    return _Header(path, tuple(bands), kept, metadata)
