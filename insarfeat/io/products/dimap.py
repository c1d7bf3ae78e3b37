"""BEAM-DIMAP, SNAP's own format: which bands and tie points a header tells of, and where they are stored."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import xarray as xr

from insarfeat.errors import GridMismatch, UnreadableInput
from insarfeat.io.products.envi import read_header
from insarfeat.io.products.flat import FlatRaster, Layout
from insarfeat.io.products.flat_headers import Fields, MapFrame, children_of, crs_text, xml_root
from insarfeat.io.products.tie_points import TieGrid

_TYPES = {
    "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4", "float32": "f4", "float64": "f8",
}  # fmt: skip
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True, slots=True)
class Band:
    """A stored band: what its name says, where its header entry is, and its file."""

    kind: str
    days: tuple[date, ...]
    polarisation: str | None
    swath: str | None
    fields: Fields
    path: Path

    @property
    def pair(self) -> str | None:
        """As ``"20230904_20230916"``; None for bands of no pair."""
        return "_".join(f"{day:%Y%m%d}" for day in self.days[:2]) if len(self.days) > 1 else None

    def raster(self, *, squared: bool = False, recode: tuple[int, ...] = ()) -> FlatRaster:
        """How its numbers lie and what they mean; with ``recode`` they are classes."""
        fields = self.fields
        used = fields.switch("NO_DATA_VALUE_USED") and not recode
        number = used and fields.word("NO_DATA_VALUE").lower() != "nan"
        if fields.switch("LOG10_SCALED"):
            raise UnreadableInput(
                f"{fields.name} holds logarithms, which are not supported: convert it in SNAP"
            )
        return FlatRaster(
            self.path,
            _layout(self.path, fields),
            nodata=(fields.number("NO_DATA_VALUE"),) if number else (),
            scale=fields.number("SCALING_FACTOR"),
            offset=fields.number("SCALING_OFFSET"),
            classes=bool(recode),
            squared=squared,
            recode=recode,
        )


@dataclass(frozen=True, slots=True)
class Dimap:
    """The header of a product."""

    path: Path
    root: ElementTree.Element

    @classmethod
    def read(cls, path: Path) -> Dimap:
        """Read a ``.dim``."""
        return cls(path, xml_root(path, "Dimap_Document"))

    def bands(self) -> list[Band]:
        """The bands that are stored; virtual ones are formulas over these."""
        files = {
            fields.whole("BAND_INDEX"): self._data_file(fields.name, one, "DATA_FILE_PATH")
            for one in self.root.iterfind("Data_Access/Data_File")
            if "BAND_INDEX" in (fields := children_of(self.path.name, one))
        }
        bands = []
        for one in self.root.iterfind("Image_Interpretation/Spectral_Band_Info"):
            fields = children_of(f"{self.path.name}: a band", one)
            fields = Fields(f"{self.path.name}: band {fields.word('BAND_NAME')}", fields.values)
            formula = "VIRTUAL_BAND" in fields and fields.switch("VIRTUAL_BAND")
            if formula or one.find("Filter_Band_Info") is not None:
                continue
            place = files.get(fields.whole("BAND_INDEX"))
            if place is None:
                raise UnreadableInput(f"{fields.name} has no Data_File in the header; is it whole?")
            bands.append(Band(*_said(fields.word("BAND_NAME")), fields, place))
        return bands

    def ties(self, names: dict[str, str], shape: tuple[int, ...]) -> Iterator[xr.DataArray]:
        """Layers known at ties only, between which SNAP interpolates as this does, by the names of the ties."""
        size = self.root.find("Raster_Dimensions")
        if size is None:
            raise UnreadableInput(f"{self.path.name} has no element Raster_Dimensions; is it whole?")
        scene = children_of(f"{self.path.name}: Raster_Dimensions", size)
        if (scene.count("NROWS"), scene.count("NCOLS")) != shape:
            raise GridMismatch(
                f"{scene.name} tells of {scene.count('NROWS')} x {scene.count('NCOLS')} pixels, and its bands have "
                f"{shape[0]} x {shape[1]}"
            )
        files = {
            fields.whole("TIE_POINT_GRID_INDEX"): self._data_file(
                fields.name, one, "TIE_POINT_GRID_FILE_PATH"
            )
            for one in self.root.iterfind("Data_Access/Tie_Point_Grid_File")
            if "TIE_POINT_GRID_INDEX" in (fields := children_of(self.path.name, one))
        }
        for one in self.root.iterfind("Tie_Point_Grids/Tie_Point_Grid_Info"):
            fields = children_of(f"{self.path.name}: tie points", one)
            layer = names.get(re.sub(r"^(IW|EW)\d_", "", fields.word("TIE_POINT_GRID_NAME")).lower())
            place = files.get(fields.whole("TIE_POINT_GRID_INDEX"))
            if layer is None or place is None:
                continue
            ties = FlatRaster(place, _layout(place, fields)).source(layer)
            offset = (fields.number("OFFSET_Y"), fields.number("OFFSET_X"))
            step = (fields.number("STEP_Y"), fields.number("STEP_X"))
            yield TieGrid(ties, shape, offset, step).layer(layer)

    def frame(self) -> MapFrame | None:
        """The map, if the product lies on one."""
        wkt = self.root.findtext("Coordinate_Reference_System/WKT")
        text = self.root.findtext("Geoposition/IMAGE_TO_MODEL_TRANSFORM")
        if not wkt and not text:
            return None
        if not wkt or not text:
            raise UnreadableInput(
                f"{self.path.name} has only one of Coordinate_Reference_System/WKT and "
                "Geoposition/IMAGE_TO_MODEL_TRANSFORM; is it whole?"
            )
        names = ("scale x", "shear y", "shear x", "scale y", "x", "y")
        said = Fields(
            f"{self.path.name}: IMAGE_TO_MODEL_TRANSFORM", dict(zip(names, text.split(","), strict=False))
        )
        step_x, shear_y, shear_x, step_y, left, top = (said.number(name) for name in names)
        if shear_x or shear_y:
            raise UnreadableInput(
                f"{self.path.name} lies on a rotated grid, which is not supported: warp it first"
            )
        return MapFrame(left, top, step_x, step_y, crs_text(wkt.strip(), self.path.name))

    def metadata(self) -> Fields:
        """The attributes that SNAP has for every radar product."""
        about = self.root.find(".//MDElem[@name='Abstracted_Metadata']")
        attributes = () if about is None else about.iterfind("MDATTR")
        return Fields(self.path.name, {one.get("name", "").lower(): one.text or "" for one in attributes})

    def _data_file(self, name: str, element: ElementTree.Element, tag: str) -> Path:
        """The raster that an entry names, in the data folder of the header: both may have been renamed together."""
        entry = element.find(tag)
        named = "" if entry is None else entry.get("href", "")
        parts = named.replace("\\", "/").split("/")
        if not parts[-1] or parts[-1] == "..":
            raise UnreadableInput(f"{name}: {tag} names no file; is it whole?")
        within = self.path.with_suffix(".data") / ("tie_point_grids" if tag.startswith("TIE") else "")
        return within / (parts[-1].removesuffix(".hdr") + ".img")


def _said(name: str) -> tuple[str, tuple[date, ...], str | None, str | None]:
    """Kind, days, polarisation and swath from a band's name, as ``i_ifg_IW1_VV_04Sep2023_16Sep2023``."""
    kind: list[str] = []
    days: list[date] = []
    polarisation = swath = None
    for word in name.split("_"):
        if (day := _day(word)) is not None:
            days.append(day)
        elif re.fullmatch(r"[HV]{2}", word):
            polarisation = word
        elif re.fullmatch(r"(IW|EW|WV)\d", word):
            swath = word
        else:
            kind.append(word.lower())
    return "_".join(kind), tuple(days), polarisation, swath


def _day(word: str) -> date | None:
    found = re.fullmatch(r"(\d{1,2})([A-Za-z]{3})(\d{4})", word, re.ASCII)
    if not found or found[2].lower() not in _MONTHS:
        return None
    try:
        return date(int(found[3]), _MONTHS.index(found[2].lower()) + 1, int(found[1]))
    except ValueError:
        return None


def _layout(path: Path, fields: Fields) -> Layout:
    """By the product's header; the ENVI header of the band, where there is one, must say the same."""
    stored = fields.word("DATA_TYPE").lower()
    if stored not in _TYPES:
        raise UnreadableInput(f"{fields.name}: DATA_TYPE {stored!r} is nothing that is known")
    rows = fields.count("BAND_RASTER_HEIGHT", "NROWS")
    layout = Layout(rows, fields.count("BAND_RASTER_WIDTH", "NCOLS"), ">" + _TYPES[stored])
    own = path.with_suffix(".hdr")
    if not own.is_file():
        return layout
    said = read_header(own).layout
    if (said.height, said.width) != (layout.height, layout.width):
        raise GridMismatch(
            f"{own.name} tells of {said.height} x {said.width} pixels, and {fields.name} of {layout.height} x "
            f"{layout.width}"
        )
    if np.dtype(said.dtype).newbyteorder("=") != np.dtype(layout.dtype).newbyteorder("="):
        raise UnreadableInput(
            f"{own.name} tells of numbers of type {said.dtype}, and {fields.name} of {stored}"
        )
    return said
