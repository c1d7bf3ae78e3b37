"""Interferograms of GAMMA: big-endian numbers without a header, and parameter files that tell their size."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from insarfeat.errors import MissingInput, UnreadableInput
from insarfeat.geometry import los_from_hyp3
from insarfeat.io.products.flat import FlatRaster, Layout
from insarfeat.io.products.flat_headers import listed
from insarfeat.io.products.gamma_par import Parameters, is_parameters, parameters_in
from insarfeat.io.products.parts import PHASE_SIGN, Facts, assemble, line_of_sight, pair_in
from insarfeat.io.products.wanted import Wanted

_PAIR = re.compile(r"(?<!\d)((?:19|20)\d{6})[-_]((?:19|20)\d{6})(?!\d)")
_FOREIGN = re.compile(
    "par|off2?|offs|offsets|snr|cc[ps]|coffs|sim|lt|mask|tab|base|baseline|bmp|ras|tiff?|png|jpg|kml|xml|hdr|rsc|vrt|"
    "txt|log|sh|py|pl|md|ps|cpt|grd|nc|h5"
)
_FILTERED = frozenset({"filt", "adf", "sm", "sm1", "sm2", "smooth"})
_WORDS = (  # the first that is found counts: an .adf.unw is unwrapped, a .diff.cc a coherence
    ("coherence", frozenset({"cc", "cor", "coh"})),
    ("unwrapped_phase", frozenset({"unw"})),
    ("displacement", frozenset({"disp"})),
    ("elevation", frozenset({"hgt", "dem"})),
    ("interferogram", frozenset({"diff", "diff0", "adf"})),
    ("undifferenced_interferogram", frozenset({"int", "flt"})),
)
_STAND_INS = (
    ("interferogram", "filtered_interferogram"),
    ("interferogram", "undifferenced_interferogram"),
    ("coherence", "filtered_coherence"),
)
_MAP_WORDS = frozenset({"geo", "eqa", "utm", "map"})
_PHASES = frozenset({"interferogram", "unwrapped_phase", "displacement"})


@dataclass(frozen=True, slots=True)
class _File:
    """A raster whose name says what it holds, and the parameter file that its size fits."""

    path: Path
    layer: str
    pair: str | None
    size: Parameters

    @property
    def product(self) -> str | None:
        """The pair, with ``_geo`` where it lies on a map."""
        return None if self.pair is None else self.pair + ("_geo" if self.size.on_map else "")


def recognises(path: Path) -> bool:
    """Whether it is a folder with GAMMA's parameter files and rasters, or one of these."""
    if path.is_file() and _layer_of(path.name) is None and not is_parameters(path):
        return False
    inside = listed(path if path.is_dir() else path.parent)
    return any(_layer_of(one.name) for one in inside) and any(is_parameters(one) for one in inside)


def pairs_of(path: Path) -> list[str]:
    """Pairs of dates in file names, ``D1_D2``; those on a map end in ``_geo``."""
    folder = path if path.is_dir() else path.parent
    sizes, _ = parameters_in(folder)
    found, unsized = set(), set()
    for one in _wanted_files(path):
        if (pair := _pair_of(one.name)) is not None and _layer_of(one.name) is not None:
            fits = [size for size in sizes if size.fits(one, _itemsize(one.name, size))]
            if fits:
                found.add((pair, _nearest(one, fits).on_map))
            else:
                unsized.add(pair)  # is told when it is read
    found |= {(pair, False) for pair in unsized - {pair for pair, _ in found}}
    return sorted(pair + ("_geo" if on_map else "") for pair, on_map in found) or [folder.name]


def read(path: Path, wanted: Wanted) -> xr.Dataset:
    """Read the rasters of a pair, in radar geometry or on the map of a DEM parameter file.

    References: GAMMA's manual, ``SLC_intf``, ``dispmap`` (displacement is positive toward the sensor),
    ``look_vector`` (angles in radians, elevation and from east, toward the sensor), ``DEM_par`` (the corner is the
    place of the first pixel, its centre). The sign of the phase was checked with Mexico City, which sinks (PyRate's
    sample).
    """
    folder = path if path.is_dir() else path.parent
    name = wanted.pair if wanted.pair is not None else pairs_of(path)[0]
    sizes, problems = parameters_in(folder)
    files = [
        _File(one, layer, pair, _size_of(one, sizes, problems))
        for one in _wanted_files(path)
        if (layer := _layer_of(one.name))
        and (pair := _pair_of(one.name)) in (None, name.removesuffix("_geo"))
    ]
    files = _of_one_grid(files, name.endswith("_geo"))
    chosen = {layer: _one(layer, files, path) for layer in dict.fromkeys(one.layer for one in files)}
    for layer, other in _STAND_INS:
        if layer not in chosen and other in chosen:
            chosen[layer] = chosen.pop(other)
    layers = [_raster(one).layer(layer, one.size.frame) for layer, one in chosen.items()]
    angles = {str(layer.name): layer for layer in layers if layer.name in ("lv_theta", "lv_phi")}
    layers = [layer for layer in layers if layer.name not in angles]
    if len(angles) == 1:
        missing = "lv_theta" if "lv_phi" in angles else "lv_phi"
        raise MissingInput(f"{folder.name} has {next(iter(angles))}, but no {missing} to go with it")
    if angles:
        layers += line_of_sight(los_from_hyp3(angles["lv_theta"], angles["lv_phi"]))
    primary, secondary = pair_in(name)
    images = [size for size in sizes if size.wavelength is not None]
    facts = Facts(
        primary,
        secondary,
        orbit_direction=images[0].orbit_direction if images else None,
        wavelength=images[0].wavelength if images else None,
        phase_sign=PHASE_SIGN if _PHASES & chosen.keys() else None,
        more={
            f"{layer}_source": chosen[layer].path.name
            for layer in ("interferogram", "coherence")
            if layer in chosen
        },
    )
    return assemble(layers, facts, product=name)


def _wanted_files(path: Path) -> list[Path]:
    """All files of a folder, or of one file's pair; of those that hold the same as it, only itself."""
    if path.is_dir():
        return [one for one in listed(path) if one.is_file()]
    layer, pair, mapped = _layer_of(path.name), _pair_of(path.name), _is_map_name(path.name)
    return [
        one
        for one in listed(path.parent)
        if one == path
        or (
            one.is_file()
            and (pair is None or _pair_of(one.name) in (None, pair))
            and (layer is None or _layer_of(one.name) != layer or _pair_of(one.name) != pair)
            and (
                layer is None
                or pair is None
                or _pair_of(one.name) is None
                or _is_map_name(one.name) == mapped
            )
        )
    ]


def _words(name: str) -> list[str]:
    return re.split(r"[._\-]", name.lower())


def _pair_of(name: str) -> str | None:
    found = _PAIR.search(name)
    return f"{found[1]}_{found[2]}" if found else None


def _is_map_name(name: str) -> bool:
    return not _MAP_WORDS.isdisjoint(_words(name))


def _layer_of(name: str) -> str | None:
    """What a file holds, by the words in its name."""
    lower, words = name.lower(), _words(name)
    if any(map(_FOREIGN.fullmatch, words)) or lower.endswith(("par", "_sim_unw")):
        return None
    for angle in ("lv_theta", "lv_phi"):
        if angle in lower:
            return angle
    for layer, known in _WORDS:
        if not known.isdisjoint(words):
            filtered = layer in ("interferogram", "undifferenced_interferogram", "coherence")
            if filtered and not _FILTERED.isdisjoint(words):
                return "filtered_" + layer.removeprefix("undifferenced_")
            return layer
    return None


def _itemsize(name: str, size: Parameters) -> int:
    layer = _layer_of(name) or ""
    if layer.endswith("interferogram"):
        return 8
    return size.dem_itemsize if layer == "elevation" else 4


def _size_of(path: Path, sizes: list[Parameters], problems: list[str]) -> Parameters:
    fits = [size for size in sizes if size.fits(path, _itemsize(path.name, size))]
    if fits:
        return _chosen(path, fits)
    told = [f"{size.path.name} tells of {size.height} x {size.width}" for size in sizes[:6]] + problems[:3]
    raise UnreadableInput(
        f"{path.name} has {path.stat().st_size} bytes, which fits no parameter file beside it: is it cut short, or "
        f"is its .off, .diff_par or DEM par elsewhere? {'; '.join(told) or 'There is none'}"
    )


def _chosen(path: Path, fits: list[Parameters]) -> Parameters:
    """Of parameter files that fit the size, one of the same pair, and of the geometry that the name tells."""
    if len({(size.height, size.width) for size in fits}) > 1:
        fits = [size for size in fits if _pair_of(size.path.name) == _pair_of(path.name) is not None] or fits
    if len({(size.height, size.width) for size in fits}) > 1:
        told = ", ".join(sorted(size.path.name for size in fits))
        raise UnreadableInput(
            f"{path.name} could have the size of any of {told}: leave one of them beside it"
        )
    return _nearest(path, fits)


def _nearest(path: Path, fits: list[Parameters]) -> Parameters:
    mapped = _is_map_name(path.name)
    return min(fits, key=lambda size: (size.on_map != mapped, size.path.name))


def _of_one_grid(files: list[_File], on_map: bool) -> list[_File]:
    """The files of a pair in one geometry, and those of no pair that have their size, as a DEM in it has."""
    of_pair = [one for one in files if one.pair is not None and one.size.on_map == on_map]
    if not of_pair:
        on_map = sum(one.size.on_map for one in files) * 2 > len(files)
        return [one for one in files if one.size.on_map == on_map]
    shapes = {(one.size.height, one.size.width) for one in of_pair}
    shared = [one for one in files if one.pair is None and one.size.on_map == on_map]
    return of_pair + [one for one in shared if (one.size.height, one.size.width) in shapes]


def _one(layer: str, files: list[_File], path: Path) -> _File:
    """The one file of a layer: what was named, or else what there is once."""
    found = [one for one in files if one.layer == layer]
    if len(found) > 1:
        names = ", ".join(one.path.name for one in found)
        raise UnreadableInput(f"{path.name} has several rasters for {layer}: {names}; give the path of one")
    return found[0]


def _raster(one: _File) -> FlatRaster:
    size = one.size
    complex_valued = one.layer.endswith("interferogram")
    angle = one.layer.startswith("lv_")  # of which 0 in both is nodata, and 0 in one is not
    stored = "c8" if complex_valued else "i2" if _itemsize(one.path.name, size) == 2 else "f4"
    layout = Layout(size.height, size.width, ">" + stored)
    nodata = () if complex_valued or angle else (0.0,)
    scale, offset = size.dem_scale if one.layer == "elevation" else (1.0, 0.0)
    return FlatRaster(one.path, layout, nodata=nodata, scale=scale, offset=offset)
