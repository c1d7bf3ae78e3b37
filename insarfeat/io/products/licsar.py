"""LiCSAR interferograms, and LiCSBAS velocities of the same frames: GeoTIFFs in longitude and latitude.

The processor is comet-licsar/licsar_proc, on GAMMA: 0 is nodata, coherence is 0 to 255 in bytes. LiCSBAS takes
displacement toward the satellite to be minus the wavelength / 4 pi times the unwrapped phase, the first date being
the earlier one; the inflation of the caldera of Sierra Negra in 2017 has that sign in a real pair.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from insarfeat.errors import InvalidArgument, MissingInput, UnreadableInput, suggestion
from insarfeat.io.products.parts import (
    PHASE_SIGN,
    Band,
    Facts,
    assemble,
    files_named,
    line_of_sight,
    names_of,
    open_header,
    pair_in,
)
from insarfeat.io.products.wanted import Wanted

_FRAME = re.compile(r"(?<!\d)\d{3}[AD]_\d{5}_\d{6}(?!\d)")
_RASTER = re.compile(
    r"(?P<of>.*?(?<!\d)(?P<pair>\d{8}_\d{8}))\.geo\.(?P<raster>diff_pha|diff_unfiltered_pha|unw|cc)\.tif"
)
_SERIES = re.compile(r"(?P<of>\d{3}[AD]_\d{5}_\d{6})[_.](?P<raster>vel|vstd|mask)\.geo\.tif")
_GEOMETRY = re.compile(r"(?P<of>.*?)(?:\.geo\.(?P<new>[ENU]|hgt)|[_.](?P<old>[ENU]|hgt)\.geo)\.tif")

_STACKS = ("GEOC", "interferograms")  # what LiCSBAS and LiCSAR call the folder of all pairs

_SERIES_LAYERS: dict[str, tuple[str, dict[str, Any]]] = {
    "vel": ("velocity", {"scale": 1e-3}),
    "vstd": ("velocity_deviation", {"scale": 1e-3}),
    "mask": ("valid_mask", {"classes": True}),
}


@dataclass(frozen=True, slots=True)
class _Product:
    """One interferogram, or the velocity of one frame: what it is called, and its rasters by what they hold."""

    folder: Path
    name: str
    rasters: dict[str, Path] = field(default_factory=dict)

    @property
    def frame(self) -> str | None:
        """The frame that names tell: its own, or that of the folders it lies in."""
        for text in (self.name, *(part.name for part in (self.folder, *self.folder.parents))):
            if match := _FRAME.search(text):
                return match.group()
        return None


def recognises(path: Path) -> bool:
    """Whether a folder, or its folders of pairs, hold rasters named as LiCSAR's or LiCSBAS's; or it is one."""
    if path.is_dir():
        return bool(_products(path))
    return bool(_RASTER.fullmatch(path.name) or _SERIES.fullmatch(path.name))


def pairs_of(path: Path) -> list[str]:
    """The interferograms by their dates; velocities by their frames."""
    return list(_products(path))


def read(path: Path, wanted: Wanted) -> xr.Dataset:
    """One interferogram, or the velocity of one frame, as canonical layers."""
    products = _products(path)
    name = next(iter(products)) if wanted.pair is None else wanted.pair
    if name not in products:
        raise InvalidArgument(
            f"pair {name!r} is not in {path.name}{suggestion(name, products)}; it holds {', '.join(products)}"
        )
    product = products[name]
    facts = _facts(product).check_order(product.name)
    return assemble([*_layers(product), *_geometry(product)], facts, product=product.name)


def _products(path: Path) -> dict[str, _Product]:
    """What is in a folder, in its folders of pairs, or belongs to a file; by pair, or by name where two share one."""
    if not path.is_dir():
        match = _RASTER.fullmatch(path.name) or _SERIES.fullmatch(path.name)
        inside = _in_folder(path.parent)
        return {key: one for key, one in inside.items() if match is not None and one.name == match["of"]}
    found = _in_folder(path)
    inner = sorted(one for one in path.iterdir() if one.is_dir() and not one.name.startswith("."))
    pairs = [folder for folder in inner if re.fullmatch(r"\d{8}_\d{8}", folder.name)]
    # A folder with other folders too is no stack of LiCSAR's: other products may lie in those.
    if not found and (
        path.name.startswith(_STACKS) or len(pairs) + (path / "metadata" in inner) == len(inner)
    ):
        for folder in pairs:
            found |= _in_folder(folder)
    return found


def _in_folder(folder: Path) -> dict[str, _Product]:
    products: dict[str, _Product] = {}
    for path in files_named(folder, r".+\.tif"):
        if match := _RASTER.fullmatch(path.name) or _SERIES.fullmatch(path.name):
            product = products.setdefault(match["of"], _Product(folder, match["of"]))
            product.rasters[match["raster"]] = path
    pairs = {name: _pair(name) for name in products}
    alone = {name: list(pairs.values()).count(pair) == 1 for name, pair in pairs.items()}
    return {pairs[name] if alone[name] else name: product for name, product in products.items()}


def _pair(name: str) -> str:
    match = re.search(r"\d{8}_\d{8}$", name)
    return match.group() if match else name


def _layers(product: _Product) -> list[xr.DataArray]:
    rasters = product.rasters
    layers = [
        Band(rasters[kind], **numbers).layer(name)
        for kind, (name, numbers) in _SERIES_LAYERS.items()
        if kind in rasters
    ]
    phases = [rasters[kind] for kind in ("diff_pha", "diff_unfiltered_pha") if kind in rasters]
    names = ("wrapped_phase", "unfiltered_wrapped_phase")
    for name, path in zip(names, phases, strict=False):
        layers.append(Band(path, nodata=(0.0,), floating=True).layer(name))
        layers[-1].attrs |= {"units": "radian"}
    if "unw" in rasters:
        layers.append(Band(rasters["unw"], nodata=(0.0,), floating=True).layer("unwrapped_phase"))
    if "cc" in rasters:
        layers.append(_coherence(rasters["cc"]))
    return layers


def _coherence(path: Path) -> xr.DataArray:
    """Coherence from bytes; older products have it as it is."""
    with open_header(path) as (_, stored):
        stored_type = np.dtype(stored.dtypes[0])
    if stored_type.kind != "f" and stored_type != np.uint8:
        raise UnreadableInput(
            f"{path.name} holds {stored_type} numbers; coherence is float32, or uint8 up to 255"
        )
    scale = 1 / 255 if stored_type == np.uint8 else 1.0
    return Band(path, nodata=(0.0,), scale=scale).layer("coherence")


def _geometry(product: _Product) -> list[xr.DataArray]:
    """Line of sight and elevation, if they lie in the folder, above it or in a folder "metadata" there."""
    from insarfeat.geometry import los_from_licsar

    above = product.folder.parent
    for folder in (product.folder, above, above / "metadata", above.parent / "metadata"):
        found = _geometry_in(folder, product)
        if found:
            break
    vector = [found.get(name) for name in "ENU"]
    layers = []
    if any(vector):
        if missing := [name for name, path in zip("ENU", vector, strict=True) if path is None]:
            there = names_of([path for path in vector if path is not None])
            raise MissingInput(
                f"{there} has no {' and no '.join(missing)} beside it; the line of sight needs E, N and U"
            )
        parts = [
            Band(path, nodata=(0.0,), floating=True).layer(path.stem) for path in vector if path is not None
        ]
        layers = line_of_sight(los_from_licsar(*parts))
    if "hgt" in found:
        layers.append(Band(found["hgt"], nodata=(0.0,)).layer("elevation"))
    return layers


def _geometry_in(folder: Path, product: _Product) -> dict[str, Path]:
    """Geometry of the product's frame; of any, if there is only one and the product's is not known."""
    by_frame: dict[str, dict[str, Path]] = {}
    for path in files_named(folder, r".+\.tif"):
        if match := _GEOMETRY.fullmatch(path.name):
            by_frame.setdefault(match["of"], {})[match["new"] or match["old"]] = path
    if product.frame is not None:
        return by_frame.get(product.frame, {})
    if len(by_frame) > 1:
        raise UnreadableInput(
            f"{folder.name} has the geometry of several frames ({', '.join(sorted(by_frame))}), and {product.name} "
            "does not tell which is its own: put each frame into a folder of its name"
        )
    return next(iter(by_frame.values()), {})


def _facts(product: _Product) -> Facts:
    from insarfeat.geometry import SENTINEL1_WAVELENGTH

    frame = product.frame
    is_phase = bool({"diff_pha", "diff_unfiltered_pha", "unw"} & set(product.rasters))
    primary, secondary = pair_in(_pair(product.name))
    filtered = {"phase_filter": "LiCSAR's, adaptive"} if "diff_pha" in product.rasters else {}
    return Facts(
        primary=primary,
        secondary=secondary,
        orbit_direction=None if frame is None else {"A": "ascending", "D": "descending"}[frame[3]],
        wavelength=SENTINEL1_WAVELENGTH,
        phase_sign=PHASE_SIGN if is_phase else None,
        more=filtered | ({} if frame is None else {"frame": frame}),
    )
