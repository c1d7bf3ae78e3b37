"""Plain rasters and stacks: whatever open_stack opens, and folders of GeoTIFFs of one pair.

A plain raster does not tell what it is. Who knows states it (:class:`Stated`); names are guessed only where they
leave no doubt, and every guess is kept in the attributes. What this package wrote comes back as it was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from insarfeat.dispatch.lazy import lazy_source, value_of
from insarfeat.dispatch.sources import Source
from insarfeat.errors import GridMismatch, InsarfeatError, InvalidArgument, UnreadableInput, suggestion
from insarfeat.io.opening import open_stack
from insarfeat.io.products.parts import (
    PHASE_SIGN,
    UNVERIFIED,
    Facts,
    assemble,
    check_same_grid,
    dates_in,
    files_named,
    open_header,
    pair_in,
    with_more,
)
from insarfeat.io.products.wanted import Stated, Wanted
from insarfeat.layers import LAYERS, NODATA_BYTE
from insarfeat.windows import Window

_TIFF = r".+\.tiff?"
_STACKS = frozenset({".tif", ".tiff", ".nc", ".nc4", ".cdf", ".h5", ".hdf5", ".grd"})
_ZARR = ("zarr.json", ".zgroup")
_POLARISATIONS = frozenset({"VV", "VH", "HV", "HH"})
_PHASES = ("wrapped_phase", "interferogram", "unwrapped_phase")
_CORE = (*_PHASES, "coherence")
_DERIVED = frozenset(
    {"avg", "average", "mean", "median", "min", "max", "std", "stdev", "deviation", "error", "uncertainty"}
    | {"temporal", "weight", "mask", "quality", "lv"}
)


@dataclass(frozen=True, slots=True)
class Restated:
    """A raster as somebody states it: with another nodata, of the other sign, or of a canonical layer's type."""

    source: Source
    dtype: np.dtype[Any]
    nodata: float | None
    turned: bool
    name: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Leading dimensions, height, width."""
        return self.source.shape

    @property
    def token(self) -> str:
        """The source's, and what is made of it."""
        return f"restated-{self.name}-{self.dtype}-{self.nodata}-{self.turned}-{self.source.token}"

    def fingerprint(self) -> str:
        """The source's, and what is made of it."""
        return f"restated-{self.name}-{self.dtype}-{self.nodata}-{self.turned}-{self.source.fingerprint()}"

    def describe(self) -> str:
        """What a person reads in the provenance."""
        return f"{self.source.describe()} as {self.name}{', turned' if self.turned else ''}"

    def read(self, lead: tuple[int, ...], window: Window) -> NDArray[Any]:
        """The pixels of a window."""
        stored = self.source.read(lead, window)
        void = np.isnan(stored) if stored.dtype.kind in "fc" else np.zeros(stored.shape, bool)
        if self.nodata is not None:
            void |= stored == self.nodata
        if self.dtype.kind in "u":
            return np.where(void, NODATA_BYTE, np.clip(stored, 0, NODATA_BYTE)).astype(self.dtype)
        pixels = stored.astype(self.dtype)
        if self.dtype.kind in "fc":
            pixels[void] = np.nan
        if self.turned:
            pixels = np.conj(pixels) if self.dtype.kind == "c" else -pixels
            if self.name == "wrapped_phase":  # from (-pi, pi] into (-pi, pi], and not into [-pi, pi)
                pixels[pixels <= -self.dtype.type(np.pi)] *= -1
        return pixels


def recognises(path: Path) -> bool:
    """Whether it is named as a raster or a stack, or is a folder with GeoTIFFs in it."""
    if path.is_dir():
        return _is_zarr(path) or bool(files_named(path, _TIFF))
    return path.is_file() and path.suffix.lower() in _STACKS


def pairs_of(path: Path) -> list[str]:
    """The interferograms that the names tell; else the name of the file or folder."""
    if path.is_dir() and not _is_zarr(path):
        pairs = sorted({pair for file in files_named(path, _TIFF) if (pair := _pair(file.stem))})
        return pairs or [path.name]
    return [_pair(path.stem) or path.name]


def read(path: Path, wanted: Wanted) -> xr.Dataset:
    """The rasters with canonical names where they are stated or plain."""
    if path.is_dir() and not _is_zarr(path):
        return _of_folder(path, wanted)
    dataset = _opened(path)
    if "insarfeat_version" in dataset.attrs:
        if wanted.stated is not None:
            raise InvalidArgument(
                f"stated is for rasters of others; {path.name} was written by insarfeat and tells its own "
                "conventions: leave stated out"
            )
        return dataset
    rasters = {str(name): layer for name, layer in dataset.data_vars.items() if layer.ndim >= 2}
    single = len(rasters) == 1
    found = {name: _Raster(path.stem if single else name, name, layer) for name, layer in rasters.items()}
    named, guesses = _named(list(found.values()), wanted.stated, path.name)
    facts = _facts(_pair(path.stem), path.name, named, guesses, wanted).check_order(path.name)
    rest = dataset.drop_vars([raster.band for raster in named.values()])
    layers = {name: _restated(name, raster.layer, wanted.stated) for name, raster in named.items()}
    return rest.assign(layers).assign_attrs(facts.attributes)


@dataclass(frozen=True, slots=True)
class _Raster:
    """A raster before it has a canonical name: what its file and its band are called."""

    file: str
    band: str
    layer: xr.DataArray

    @property
    def words(self) -> set[str]:
        """What the names are made of."""
        return _words(f"{self.file} {self.band}")

    @property
    def name(self) -> str:
        """Its own name, the band's where that says more."""
        return self.file if self.band in (self.file, "band_1") else self.band


def _of_folder(folder: Path, wanted: Wanted) -> xr.Dataset:
    pair = wanted.pair if wanted.pair is not None else pairs_of(folder)[0]
    files = _of_polarisation(_of_pair(files_named(folder, _TIFF), pair), folder.name, wanted)
    rasters = []
    for file in files:
        dataset = _opened(file)
        several = len(dataset.data_vars) > 1
        for band, layer in dataset.data_vars.items():
            rasters.append(_Raster(f"{file.stem}_{band}" if several else file.stem, str(band), layer))
    named, guesses = _named(rasters, wanted.stated, folder.name)
    named, left_out = _on_one_grid(named, wanted.stated, folder.name)
    facts = _facts(pair if _pair(pair) else None, folder.name, named, guesses, wanted)
    if left_out:
        facts = with_more(facts, left_out="; ".join(left_out))
    layers = [_restated(name, raster.layer, wanted.stated) for name, raster in named.items()]
    return assemble(layers, facts, product=folder.name)


def _opened(path: Path) -> xr.Dataset:
    """A stack; for GeoTIFFs the header is looked at first."""
    try:
        if path.suffix.lower() in (".tif", ".tiff"):
            with open_header(path):
                pass
        return open_stack(path)
    except InsarfeatError:
        raise
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise UnreadableInput(f"{path.name} has a damaged header: {error}") from error


def _of_pair(files: list[Path], pair: str) -> list[Path]:
    """Rasters of a pair, of one of its images, and of no date at all."""
    days = set(dates_in(pair))
    if _pair(pair) is None:
        return files
    return [file for file in files if set(dates_in(file.stem)) <= days]


def _of_polarisation(files: list[Path], product: str, wanted: Wanted) -> list[Path]:
    of_file = {file: {word.upper() for word in _words(file.stem)} & _POLARISATIONS for file in files}
    there = sorted(set().union(*of_file.values()))
    if len(there) < 2 and wanted.polarisation is None:
        return files
    chosen = wanted.choose("polarisation", there, product)
    return [file for file in files if not of_file[file] or chosen in of_file[file]]


def _named(
    rasters: list[_Raster], stated: Stated | None, product: str
) -> tuple[dict[str, _Raster], dict[str, str]]:
    """Rasters by their names, and which of the names are guesses."""
    names: dict[str, list[_Raster]] = {}
    wishes = dict(stated.layers) if stated is not None else {}
    guesses: dict[str, str] = {}
    guessed = {id(raster): name for name, raster in _guesses(rasters, wishes).items()}
    for raster in rasters:
        key = next((key for key in (raster.file, raster.band) if key in wishes), None)
        name = wishes[key] if key is not None else guessed.get(id(raster), raster.name)
        if key is None and id(raster) in guessed and name != raster.name:
            guesses[raster.name] = name
        names.setdefault(name, []).append(raster)
    known = {key for raster in rasters for key in (raster.file, raster.band)}
    for key, name in wishes.items():
        if key not in known:
            raise InvalidArgument(
                f"stated names the raster {key!r}, which is not in {product}{suggestion(key, known)}; it holds "
                f"{', '.join(sorted(raster.name for raster in rasters))}"
            )
        if name not in LAYERS:
            hint = suggestion(name, LAYERS) or ": see insarfeat.layers.LAYERS"
            raise InvalidArgument(f"stated names {key!r} a {name!r}, which is no canonical layer{hint}")
    for name, several in names.items():
        if len(several) > 1:
            raise InvalidArgument(
                f"{product}: {' and '.join(raster.file for raster in several)} are both {name}; state layers= so "
                "that each has a name of its own"
            )
    return {name: several[0] for name, several in names.items()}, guesses


def _guesses(rasters: list[_Raster], wishes: Mapping[str, str]) -> dict[str, _Raster]:
    """Canonical names that exactly one raster can have, and nobody stated."""
    candidates: dict[str, list[_Raster]] = {}
    for raster in rasters:
        if raster.file in wishes or raster.band in wishes:
            continue
        if (name := _guess(raster)) is not None and name not in wishes.values():
            candidates.setdefault(name, []).append(raster)
    return {name: several[0] for name, several in candidates.items() if len(several) == 1}


def _guess(raster: _Raster) -> str | None:
    """What a raster is by its name and type, if that leaves no doubt."""
    words, kind = raster.words, raster.layer.dtype.kind
    if raster.name in LAYERS:
        return raster.name
    if words & _DERIVED:
        return None
    if kind == "c":
        found = words & {"int", "ifg", "igram", "interferogram", "flat", "diff", "filt"}
        return "interferogram" if found else None
    if words & {"dem", "dsm", "dtm", "elevation", "hgt", "height"}:
        return "elevation"
    if kind != "f":
        return None
    if any(word.startswith("unw") for word in words):
        return "unwrapped_phase"
    if words & {"phase", "pha", "phi", "wrapped", "wrap"}:
        return "wrapped_phase"
    if words & {"cc", "cor", "corr", "correlation"} or any(word.startswith("coh") for word in words):
        return "coherence"
    return None


def _on_one_grid(
    named: dict[str, _Raster], stated: Stated | None, product: str
) -> tuple[dict[str, _Raster], list[str]]:
    """Rasters on the grid of the phase or coherence; of others those that nobody named are left out, and told."""
    core = next((named[name] for name in _CORE if name in named), None)
    if core is None:
        return named, []
    wishes = stated.layers.values() if stated is not None else ()
    kept, left_out = {}, []
    for name, raster in named.items():
        try:
            check_same_grid(core.layer, raster.layer, product)
        except GridMismatch:
            if name in _CORE or name in wishes:
                raise
            left_out.append(f"{raster.file} ({' x '.join(map(str, raster.layer.shape))}, on another grid)")
            continue
        kept[name] = raster
    return kept, left_out


def _restated(name: str, layer: xr.DataArray, stated: Stated | None) -> xr.DataArray:
    """A layer under its name; pixels pass through a source of their own only where something is to be done."""
    nodata = stated.nodata if stated is not None else None
    turned = stated is not None and stated.phase_sign != PHASE_SIGN and name in _PHASES
    known = LAYERS.get(name)
    dtype = layer.dtype
    if known is not None and known.drawing == "classes":
        dtype = np.dtype("u1")
    elif dtype.kind in "iub" and (known is not None or nodata is not None):
        dtype = np.dtype("f4")
    attributes = (known.attributes if known is not None else {}) | layer.attrs
    if dtype == layer.dtype and nodata is None and not turned:
        return layer.rename(name).assign_attrs(attributes)
    value, _ = value_of(layer.data)
    source = Restated(value.producer.source, dtype, nodata, turned, name)  # type: ignore[union-attr]
    return xr.DataArray(lazy_source(source, layer.data.chunks), layer.coords, layer.dims, name, attributes)


def _facts(
    pair: str | None, product: str, named: Mapping[str, _Raster], guesses: Mapping[str, str], wanted: Wanted
) -> Facts:
    stated = wanted.stated
    primary, secondary = pair_in(pair) if pair is not None else (None, None)
    if stated is not None:
        primary = _day(stated.primary, "primary", primary, product)
        secondary = _day(stated.secondary, "secondary", secondary, product)
    has_phase = bool(named.keys() & set(_PHASES))
    polarisations = {word.upper() for raster in named.values() for word in raster.words} & _POLARISATIONS
    silent = has_phase and stated is None
    sign = UNVERIFIED if silent else PHASE_SIGN if has_phase else None
    more = {"guessed_names": "; ".join(f"{own}: {name}" for own, name in guesses.items())} if guesses else {}
    return Facts(
        primary=primary,
        secondary=secondary,
        polarisation=polarisations.pop() if len(polarisations) == 1 else None,
        phase_sign=sign,
        unverified=("the sign of the phase: nobody stated it",) if silent else (),
        more=more,
    )


def _day(text: str | None, role: str, named: date | None, product: str) -> date | None:
    """A stated day, which must not contradict the names."""
    if text is None:
        return named
    try:
        day = date.fromisoformat(text)
    except (ValueError, TypeError) as error:
        raise InvalidArgument(f'stated {role} must be a date as "2023-09-04"; got {text!r}') from error
    if named is not None and day != named:
        raise InvalidArgument(f"stated {role} is {day}, and the names in {product} tell {named}")
    return day


def _is_zarr(path: Path) -> bool:
    return any((path / name).exists() for name in _ZARR)


def _words(text: str) -> set[str]:
    return {word for word in re.split(r"[^a-z]+", text.lower()) if word}


def _pair(text: str) -> str | None:
    first, second = pair_in(text)
    return f"{first:%Y%m%d}_{second:%Y%m%d}" if first and second else None
