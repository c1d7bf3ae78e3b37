"""Interferograms of SARscape: rasters without a suffix, each with ``.hdr`` (ENVI) and ``.sml`` beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from insarfeat.errors import UnreadableInput
from insarfeat.io.products.envi import is_envi, read_header
from insarfeat.io.products.flat import FlatRaster
from insarfeat.io.products.flat_headers import Fields, begins_with, listed, xml_root
from insarfeat.io.products.parts import UNVERIFIED, Facts, assemble, pair_in
from insarfeat.io.products.wanted import Wanted

_LAYERS = {
    "fint": "filtered_interferogram", "dint": "interferogram", "cc": "coherence", "upha": "unwrapped_phase",
    "reflat_upha": "unwrapped_phase", "reflat_dint": "interferogram", "reflat_fint": "filtered_interferogram",
    "disp": "displacement", "dem": "elevation", "srdem": "elevation",
}  # fmt: skip
_KINDS = "|".join(sorted(_LAYERS, key=len, reverse=True))
_NAME = re.compile(rf"(?:(?P<root>.*?)_)?(?P<kind>{_KINDS})(?P<map>_geo)?", re.IGNORECASE)
_ALWAYS_MAPS = frozenset({"disp", "dem"})
_PHASES = frozenset({"interferogram", "filtered_interferogram", "unwrapped_phase", "displacement"})
_NO_ZEROS = frozenset({"coherence", "unwrapped_phase", "displacement"})
_CELLS = {"fcomplex": "c8", "dcomplex": "c16", "float": "f4", "double": "f8", "short": "i2", "byte": "u1"}
_ORDERS = {"lsbf": "<", "msbf": ">"}
_UNVERIFIED = (
    "names, sign of the phase and nodata: from SARscape's help, no real product was at hand",
    "0 as nodata of coherence, unwrapped phase and displacement",
)


@dataclass(frozen=True, slots=True)
class _File:
    """A raster whose name says what it holds."""

    path: Path
    root: str
    kind: str
    on_map: bool

    @property
    def product(self) -> str:
        """By what files of one product are told: dates or the common part of the names, and the geometry."""
        days = [f"{day:%Y%m%d}" for day in pair_in(self.root) if day is not None]
        return ("_".join(days) if len(days) == 2 else self.root or self.path.parent.name) + (
            "_geo" if self.on_map else ""
        )

    @property
    def layer(self) -> str:
        return _LAYERS[self.kind]

    @property
    def reflattened(self) -> bool:
        return self.kind.startswith("reflat")


def recognises(path: Path) -> bool:
    """Whether it is a raster with SARscape's two headers, one of the headers, or a folder of such rasters."""
    return any(
        is_envi(_header(one.path)) and begins_with(_own_header(one.path), b"<HEADER_INFO")
        for one in _files(path)
    )


def pairs_of(path: Path) -> list[str]:
    """Pairs of dates, else the names that files have in common; those on a map end in ``_geo``."""
    return sorted({one.product for one in _files(path)})


def read(path: Path, wanted: Wanted) -> xr.Dataset:
    """Read the rasters of a pair, in radar geometry or on a map.

    References: SARscape's help: ``_dint`` is the flattened interferogram, ``_fint`` the filtered one, ``_cc`` the
    coherence, ``_upha`` the unwrapped phase; slant-range displacement is positive where the range gets shorter.
    """
    files = _files(path)
    name = wanted.pair if wanted.pair is not None else min(one.product for one in files)
    chosen: dict[str, _File] = {}
    for one in sorted(files, key=lambda file: file.reflattened):
        if one.product != name:
            continue
        before = chosen.get(one.layer)
        if before is not None and before.reflattened == one.reflattened:
            raise UnreadableInput(
                f"{name} has two rasters for {one.layer}: {before.path.name} and {one.path.name}; give the path of "
                "one"
            )
        chosen[one.layer] = one  # reflattened ones come last, and are made of the others
    filtered = chosen.get("filtered_interferogram")
    if filtered is not None and "interferogram" not in chosen:
        chosen["interferogram"] = chosen.pop("filtered_interferogram")
    layers = list(_layers(chosen))
    primary, secondary = pair_in(name)
    source = {"interferogram_source": chosen["interferogram"].path.name} if "interferogram" in chosen else {}
    facts = Facts(
        primary,
        secondary,
        phase_sign=UNVERIFIED if _PHASES & chosen.keys() else None,
        unverified=_UNVERIFIED,
        more=source,
    )
    return assemble(layers, facts, product=name)


def _files(path: Path) -> list[_File]:
    """The rasters that a path means: all of a folder, or those that belong to a file."""
    if path.is_dir():
        return list(_known(listed(path)))
    bare = path.with_name(path.name.removesuffix(".hdr").removesuffix(".sml"))
    named = next(_known([bare]), None)
    if named is None:
        return []
    # Of other rasters of the same kind beside it, the one that was named is meant.
    return [
        one
        for one in _known(listed(path.parent))
        if one.product == named.product and (one.layer != named.layer or one.path == named.path)
    ]


def _known(paths: list[Path]) -> Iterator[_File]:
    seen = set()
    for path in paths:
        bare = path.with_name(path.name.removesuffix(".hdr"))
        name = _NAME.fullmatch(bare.name)
        if name is None or bare in seen:
            continue
        seen.add(bare)
        if _header(bare).is_file() and _own_header(bare).is_file():  # whole or not
            kind = name["kind"].lower()
            yield _File(bare, name["root"] or "", kind, bool(name["map"]) or kind in _ALWAYS_MAPS)


def _header(raster: Path) -> Path:
    return raster.with_name(raster.name + ".hdr")


def _own_header(raster: Path) -> Path:
    return raster.with_name(raster.name + ".sml")


def _layers(chosen: dict[str, _File]) -> Iterator[xr.DataArray]:
    for layer, one in chosen.items():
        header = read_header(_header(one.path))
        nodata = {*header.nodata, *_checked(one.path, header.layout.dtype)}
        if layer in _NO_ZEROS:
            nodata.add(0.0)
        elif layer.endswith("interferogram"):
            nodata.discard(0.0)  # 0+0j is nodata as it is
        raster = FlatRaster(one.path, header.layout, nodata=tuple(sorted(nodata)))
        if one.on_map and header.frame is None:
            raise UnreadableInput(
                f"{header.name} has no map info, although {one.path.name} should be on a map"
            )
        yield raster.layer(layer, header.frame if one.on_map else None)


def _checked(path: Path, dtype: str) -> tuple[float, ...]:
    """Nodata by SARscape's own header, which must tell of the same numbers."""
    own = _own_header(path)
    root = xml_root(own, "HEADER_INFO")
    about = next((one for one in root.iter() if one.tag.rpartition("}")[2] == "RasterInfo"), None)
    if about is None:
        raise UnreadableInput(f"{own.name} has no element RasterInfo; is it whole?")
    fields = Fields(own.name, {one.tag.rpartition("}")[2].lower(): one.text or "" for one in about})
    if "CellType" in fields and "BytesOrder" in fields:
        cell, order = fields.word("CellType").lower(), fields.word("BytesOrder").lower()
        said = _ORDERS.get(order, "?") + _CELLS.get(cell, "?")
        if "?" not in said and said[1:] != "u1" and said != dtype:
            raise UnreadableInput(
                f"{own.name} tells of numbers of type {said}, and {path.name}.hdr of {dtype}"
            )
    if "NullCellValue" not in fields or fields.word("NullCellValue").lower() in ("nan", "none"):
        return ()
    return (fields.number("NullCellValue"),)
