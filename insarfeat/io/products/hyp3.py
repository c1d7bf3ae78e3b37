"""HyP3 interferograms of ASF: GeoTIFFs and a parameter file, made by GAMMA or, of bursts, by ISCE2.

What the layers mean is from the processors' sources (ASFHyP3/hyp3-gamma, ASFHyP3/hyp3-isce2) and their README files:
angles are in radians, ``amp`` is power already, 1 in ``water_mask`` is land, 0 is nodata elsewhere.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import xarray as xr

from insarfeat.errors import InvalidArgument, MissingInput, UnreadableInput, suggestion
from insarfeat.io.products.parts import (
    PHASE_SIGN,
    Band,
    Facts,
    assemble,
    dates_in,
    files_named,
    identity,
    line_of_sight,
    pair_in,
)
from insarfeat.io.products.wanted import Wanted

_DEGREES = 180 / math.pi
_LARGEST_TEXT = 1_000_000  # bytes; parameter files have one or two thousand

_STEM = r"(?P<stem>S1[A-D]{0,2}_.+_(?P<polarisation>VV|VH|HV|HH)\w*_INT\d{2,3}(?:_G_\w{3})?_[0-9A-F]{4})"
_RASTERS = (
    "wrapped_phase|unw_phase|corr|amp|los_disp|vert_disp|dem"
    "|inc_map|inc_map_ell|lv_theta|lv_phi|water_mask|conncomp"
)
_RASTER = re.compile(rf"{_STEM}_(?P<raster>{_RASTERS})(?P<clip>_clip)?\.tif")
_TEXT = re.compile(rf"{_STEM}\.txt")

_LAYERS: dict[str, tuple[str, dict[str, Any]]] = {
    "wrapped_phase": ("wrapped_phase", {}),
    "unw_phase": ("unwrapped_phase", {}),
    "corr": ("coherence", {}),
    "amp": ("intensity", {}),
    "los_disp": ("displacement", {}),
    "vert_disp": ("vertical_displacement", {}),
    "dem": ("elevation", {}),
    "inc_map": ("local_incidence", {"scale": _DEGREES}),
    "inc_map_ell": ("incidence", {"scale": _DEGREES}),
}
_CLASSES: dict[str, tuple[str, dict[str, Any]]] = {
    "water_mask": ("water", {"scale": -1.0, "offset": 1.0}),
    "conncomp": ("connected_components", {}),
}


@dataclass(frozen=True, slots=True)
class _Product:
    """One interferogram: the beginning of its file names, and its rasters by what they hold."""

    stem: str
    polarisation: str
    rasters: dict[str, Path]

    @property
    def pair(self) -> str:
        first, second = pair_in(self.stem)
        return f"{first:%Y%m%d}_{second:%Y%m%d}" if first and second else self.stem


def recognises(path: Path) -> bool:
    """Whether there is a raster with a name as HyP3 gives it, or it is one, or its parameter file."""
    if path.is_dir():
        return bool(_products(path))
    return bool(_RASTER.fullmatch(path.name) or _TEXT.fullmatch(path.name))


def pairs_of(path: Path) -> list[str]:
    """The interferograms by their dates; by their full names where two have the same dates."""
    return list(_by_name(path))


def read(path: Path, wanted: Wanted) -> xr.Dataset:
    """One interferogram as canonical layers."""
    products = _by_name(path)
    if not products:
        raise MissingInput(
            f"{path.name} has no rasters beside it: of its interferogram only this file is there"
        )
    name = next(iter(products)) if wanted.pair is None else wanted.pair
    if name not in products:
        raise InvalidArgument(
            f"pair {name!r} is not in {path.name}{suggestion(name, products)}; it holds {', '.join(products)}"
        )
    product = products[name]
    if wanted.polarisation is not None:
        wanted.choose("polarisation", [product.polarisation], product.stem)
    folder = path if path.is_dir() else path.parent
    facts = _facts(product, folder / f"{product.stem}.txt").check_order(product.stem)
    return assemble(_layers(product), facts, product=product.stem)


def _products(folder: Path) -> list[_Product]:
    found: dict[str, _Product] = {}
    for path in files_named(folder, _RASTER.pattern):
        match = _RASTER.fullmatch(path.name)
        if match is None:
            continue
        stem, raster = match["stem"], match["raster"]
        product = found.setdefault(stem, _Product(stem, match["polarisation"], {}))
        if match["clip"] is None:
            product.rasters[raster] = path
        else:
            product.rasters.setdefault(raster, path)  # MintPy's users cut all to one area, under this name
    return list(found.values())


def _by_name(path: Path) -> dict[str, _Product]:
    products = _products(path if path.is_dir() else path.parent)
    if not path.is_dir():
        match = _RASTER.fullmatch(path.name) or _TEXT.fullmatch(path.name)
        products = [product for product in products if match is not None and product.stem == match["stem"]]
    pairs = [product.pair for product in products]
    return {product.pair if pairs.count(product.pair) == 1 else product.stem: product for product in products}


def _layers(product: _Product) -> list[xr.DataArray]:
    from insarfeat.geometry import los_from_hyp3

    layers = []
    sights = {name: product.rasters[name] for name in ("lv_theta", "lv_phi") if name in product.rasters}
    if len(sights) == 1:
        missing = "lv_phi" if "lv_theta" in sights else "lv_theta"
        raise MissingInput(
            f"{product.stem}_{missing}.tif is missing; both look vectors are needed, or neither"
        )
    for raster, path in product.rasters.items():
        if raster in _CLASSES:
            name, numbers = _CLASSES[raster]
            layers.append(Band(path, classes=True, declared=False, **numbers).layer(name))
        elif raster in _LAYERS and not (raster == "inc_map_ell" and sights):
            name, numbers = _LAYERS[raster]
            layers.append(Band(path, nodata=(0.0,), floating=raster != "dem", **numbers).layer(name))
            if raster == "vert_disp":
                layers[-1].attrs = {
                    "long_name": "displacement upward, if all of it is vertical",
                    "units": "m",
                }
    if sights:
        theta, phi = (
            Band(sights[name], nodata=(0.0,), floating=True).layer(name) for name in ("lv_theta", "lv_phi")
        )
        layers += line_of_sight(los_from_hyp3(theta, phi))
    return layers


def _facts(product: _Product, text: Path) -> Facts:
    from insarfeat.geometry import SENTINEL1_WAVELENGTH

    primary, secondary = pair_in(product.stem)
    phases = {"wrapped_phase", "unw_phase"} & set(product.rasters)
    facts = Facts(
        primary=primary,
        secondary=secondary,
        polarisation=product.polarisation,
        wavelength=SENTINEL1_WAVELENGTH,
        phase_sign=PHASE_SIGN if phases else None,
        unverified=(
            "no real HyP3 product was at hand: names, units and signs are from the processor's sources",
        ),
        more={"name": product.stem},
    )
    return _with_parameters(facts, text) if text.exists() else facts


def _with_parameters(facts: Facts, text: Path) -> Facts:
    """What the parameter file adds; one of other dates is refused."""
    parameters = _parameters(text)
    for role, named in (("Reference", facts.primary), ("Secondary", facts.secondary)):
        told = dates_in(parameters.get(f"{role} Granule", ""))
        if told and named is not None and told[0] != named:
            raise UnreadableInput(
                f"{text.name} is of other images than its name says: {role} Granule is of {told[0]}, "
                f"and not of {named}"
            )
    direction = parameters.get("Reference Pass Direction", parameters.get("Pass Direction", "")).lower()
    more: dict[str, Any] = dict(facts.more)
    if "Heading" in parameters:
        more["platform_heading_deg"] = _number(parameters, "Heading", text)
    return replace(
        facts,
        orbit_direction=direction if direction in ("ascending", "descending") else None,
        perpendicular_baseline=_number(parameters, "Baseline", text) if "Baseline" in parameters else None,
        more=more,
    )


def _parameters(text: Path) -> dict[str, str]:
    if identity(text).size > _LARGEST_TEXT:
        raise UnreadableInput(f"{text.name} has {text.stat().st_size} bytes: it is no parameter file")
    lines = text.read_text("utf-8", "replace").splitlines()
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def _number(parameters: dict[str, str], key: str, text: Path) -> float:
    try:
        number = float(parameters[key])
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UnreadableInput(f"{text.name}: {key} must be a number; got {parameters[key]!r}")
    return number
