"""Interferograms of SNAP in BEAM-DIMAP: ``X.dim`` tells of the bands, ``X.data`` holds them, big-endian."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import xarray as xr

from insarfeat.errors import InsarfeatError, MissingInput, UnreadableInput
from insarfeat.io.products.dimap import Band, Dimap
from insarfeat.io.products.flat import complex_layer
from insarfeat.io.products.flat_headers import SPEED_OF_LIGHT, Fields, MapFrame, begins_with, listed
from insarfeat.io.products.parts import PHASE_SIGN, Facts, assemble
from insarfeat.io.products.wanted import Wanted

_LAYERS = {
    "i_ifg": "interferogram", "coh": "coherence", "coh_ifg": "coherence", "phase": "wrapped_phase",
    "phase_ifg": "wrapped_phase", "unw_phase": "unwrapped_phase", "unw_phase_ifg": "unwrapped_phase",
    "displacement": "displacement", "elevation": "elevation", "localincidenceangle": "local_incidence",
    "incidenceanglefromellipsoid": "incidence", "layover_shadow_mask": "shadow_layover",
    "intensity": "intensity", "amplitude": "intensity", "orthorectifiedlat": "latitude",
    "orthorectifiedlon": "longitude", "latitude": "latitude", "longitude": "longitude",
}  # fmt: skip
_TIES = {"incident_angle": "incidence", "latitude": "latitude", "longitude": "longitude"}
_OF_PAIRS = frozenset({"interferogram", "coherence", "wrapped_phase", "unwrapped_phase", "displacement"})
_MASK = (0, 2, 1, 3)  # SNAP has 1 for layover and 2 for shadow
_SIGN = "sign of displacement: SNAP's older versions have it positive away from the satellite"
_VERTICAL = "incidence at ties: Sentinel-1 has it from the geocentric vertical, about 0.03 degrees less"


def recognises(path: Path) -> bool:
    """Whether it is a ``.dim``, its data folder, a file in that, or a folder of ``.dim`` files."""
    return bool(_headers(path))


def pairs_of(path: Path) -> list[str]:
    """The pairs of all headers; one that several headers hold is told by the header's name, as ``X/D1_D2``."""
    return list(_pairs(path))


def read(path: Path, wanted: Wanted) -> xr.Dataset:
    """Read the bands of a pair, in radar geometry or on the product's map.

    References: SNAP, ``InterferogramOp`` (primary times the conjugate of the secondary, which was first turned by the
    phases to remove; bands end in the dates of primary and secondary), ``PhaseToDisplacementOp``, ``TiePointGrid``,
    ``DimapProductConstants``; the classes of ``layover_shadow_mask`` are those of its help.
    """
    pairs = _pairs(path)
    header, pair = pairs[wanted.pair] if wanted.pair in pairs else next(iter(pairs.values()))
    product = Dimap.read(header)
    bands = [
        band for band in product.bands() if band.kind in (*_LAYERS, "q_ifg") and band.pair in (None, pair)
    ]
    kept: dict[str, str | None] = {}
    for what in ("polarisation", "swath"):
        there = sorted({str(one) for band in bands if (one := getattr(band, what)) is not None})
        asked = bool(there) or getattr(wanted, what) is not None
        kept[what] = wanted.choose(what, there, header.name) if asked else None
        bands = [band for band in bands if getattr(band, what) in (None, kept[what])]
    frame = product.frame()
    layers = list(_layers(bands, frame, header.name))
    if layers and frame is None:
        there = [str(layer.name) for layer in layers]
        names = {name: layer for name, layer in _TIES.items() if layer not in there}
        layers += product.ties(names, layers[0].shape)
    found = {str(layer.name) for layer in layers}
    stored = {_LAYERS.get(band.kind) for band in bands}
    primary, secondary = next((band.days[:2] for band in bands if band.pair is not None), (None, None))
    about = product.metadata()
    doubts = {
        _SIGN: "displacement" in found,
        _VERTICAL: "incidence" in found and "incidence" not in stored,
    }
    facts = Facts(
        primary,
        secondary,
        polarisation=kept["polarisation"],
        orbit_direction=about.word("PASS").lower() if "PASS" in about else None,
        wavelength=_wavelength(about),
        phase_sign=PHASE_SIGN if found & _OF_PAIRS - {"coherence"} else None,
        unverified=tuple(doubt for doubt, holds in doubts.items() if holds),
    )
    return assemble(layers, facts, product=header.name)


def _headers(path: Path) -> list[Path]:
    """The ``.dim`` files that a path means."""
    if path.suffix.lower() == ".dim":
        found = [path]
    elif path.is_dir() and path.suffix.lower() != ".data":
        found = [one for one in listed(path) if one.suffix.lower() == ".dim"]
    else:
        inside = next((one for one in (path, *path.parents[:2]) if one.suffix.lower() == ".data"), None)
        found = [inside.with_suffix(".dim")] if inside is not None else []
    return [one for one in found if begins_with(one, b"<Dimap_Document")]


def _pairs(path: Path) -> dict[str, tuple[Path, str | None]]:
    """Header and pair by the name under which a caller asks for them; a damaged header counts as one."""
    found: list[tuple[Path, str | None]] = []
    for header in _headers(path):
        try:
            bands = Dimap.read(header).bands()
        except InsarfeatError:
            bands = []
        inside = {band.pair for band in bands if band.pair and _LAYERS.get(band.kind) in _OF_PAIRS}
        found += [(header, pair) for pair in sorted(inside)] or [(header, None)]
    several = Counter(pair for _, pair in found)
    return {
        (header.stem if pair is None else pair if several[pair] == 1 else f"{header.stem}/{pair}"): (
            header,
            pair,
        )
        for header, pair in found
    }


def _layers(bands: list[Band], frame: MapFrame | None, name: str) -> Iterator[xr.DataArray]:
    found: dict[str, Band] = {}
    for band in bands:
        layer = _LAYERS.get(band.kind)
        if layer is None or (band.kind == "amplitude" and any(one.kind == "intensity" for one in bands)):
            continue
        if layer in found:
            raise UnreadableInput(
                f"{name} has two bands for {layer}: {found[layer].path.stem} and {band.path.stem}; leave one in"
            )
        found[layer] = band
        if layer == "interferogram":
            other = next((one for one in bands if one.kind == "q_ifg" and one.days == band.days), None)
            if other is None:
                raise MissingInput(f"{name} has {band.path.stem}, but no q_ifg band to go with it")
            yield complex_layer(layer, (band.raster(), other.raster()), frame)
        else:
            recode = _MASK if layer == "shadow_layover" else ()
            yield band.raster(squared=band.kind == "amplitude", recode=recode).layer(layer, frame)
    if "interferogram" not in found and any(band.kind == "q_ifg" for band in bands):
        raise MissingInput(f"{name} has a q_ifg band, but no i_ifg band to go with it")


def _wavelength(about: Fields) -> float | None:
    """From the frequency, which is in megahertz; SNAP writes 99999 where it knows none."""
    megahertz = about.number("radar_frequency", default=0.0)
    return SPEED_OF_LIGHT / (megahertz * 1e6) if 100 < megahertz < 90_000 else None
