"""The section of warnings: what a reader must know before believing the page, in plain words, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from insarfeat.plot._grid import MapGrid
from insarfeat.plot._style import style_of
from insarfeat.report.subject import Raster, Section, Subject

MOSTLY_EMPTY = 0.5
"""Share of a layer with data below which its pictures and numbers tell of the smaller part of the scene."""

LOW_COHERENCE = 0.25
"""Median of the coherence below which most of the phase is noise, of which 25 looks already show 0.2."""

INSENSITIVE = 0.05
"""Sensitivity that is as good as none: of 28 mm down the slope, half a wavelength in C band, 1.4 mm are seen."""

MOST_OF_THE_GROUND = 0.5
"""Share of the ground from which on "most" is said."""

_SAME_EVERYWHERE = ("incidence", "heading", "los_east", "los_north", "los_up")  # in a small scene, by nature
_TRUTH = "_true"  # of synthetic scenes: zero where nothing moves


@dataclass(frozen=True, slots=True)
class Caution:
    """One warning.

    Attributes
    ----------
    fact
        What is the matter, a sentence.
    remedy
        What to do about it, a sentence.
    """

    fact: str
    remedy: str


def cautions(subject: Subject) -> Section | None:
    """Everything that is the matter with the dataset or with what was found in it; None where nothing is."""
    found = [one for look in _LOOKS for one in look(subject)]
    if not found:
        return None
    items = "".join(f"<li><b>{escape(one.fact)}</b> {escape(one.remedy)}</li>" for one in found)
    return Section("Warnings", f'<ul class="cautions">{items}</ul>', "warnings")


def _holes(subject: Subject) -> Iterator[Caution]:
    empty = [raster.name for raster in subject.rasters if raster.valid_share == 0.0]
    if empty:
        yield Caution(
            f"{_listed(empty)} {_have(empty)} no valid pixel.",
            "Look at what was read for it: the wrong file, another region, or a nodata value that covers all.",
        )
    for raster in subject.rasters:
        if 0.0 < raster.valid_share < MOSTLY_EMPTY:
            yield Caution(
                f"{raster.name} has no data on {100.0 * (1.0 - raster.valid_share):.0f} % of the scene.",
                "What is said of it holds for the rest only; cut the scene to where there are data.",
            )


def _constant(subject: Subject) -> Iterator[Caution]:
    same = []
    for raster in subject.rasters:
        if raster.name in _SAME_EVERYWHERE or raster.name.endswith(_TRUTH):
            continue
        valid = _valid(raster)
        if (
            valid.size > 1
            and style_of(raster.sample).drawing != "classes"
            and bool((valid == valid[0]).all())
        ):
            same.append(raster.name)
    if same:
        yield Caution(
            f"{_listed(same)} {_have(same)} one and the same value everywhere.",
            "A measured layer never does: it was filled in, or a scale or a nodata value was read wrongly.",
        )


def _coherence(subject: Subject) -> Iterator[Caution]:
    raster = subject.named("coherence")
    valid = np.empty(0) if raster is None else _valid(raster)
    if valid.size and (median := float(np.median(valid))) < LOW_COHERENCE:
        yield Caution(
            f"Half of the ground has a coherence below {median:.2f}: little of this phase can be believed.",
            "Take a pair with fewer days between its images, or of a season without snow, rain and crops; "
            "insarfeat rank tells which of several is best.",
        )


def _sensitivity(subject: Subject) -> Iterator[Caution]:
    raster = subject.named("sensitivity")
    valid = np.empty(0) if raster is None else _valid(raster)
    share = float((np.abs(valid) < INSENSITIVE).mean()) if valid.size else 0.0
    if share > MOST_OF_THE_GROUND:
        yield Caution(
            f"On {100.0 * share:.0f} % of the ground the sensitivity is next to zero: "
            "slides there would hardly leave a sign.",
            "Add the other flight direction, or a more coherent pair; insarfeat blindspots maps what is missed.",
        )


def _place(subject: Subject) -> Iterator[Caution]:
    if not subject.rasters:
        return
    grid = MapGrid.of(subject.rasters[0].whole)
    if not grid.crs and grid.unit != "degree":
        yield Caution(
            "The dataset tells no coordinate reference system.",
            "Nothing in it can be laid on a map; write the CRS into the file (spatial_ref with crs_wkt).",
        )
    if grid.unit == "degree":
        yield Caution(
            "Pixels are measured in degrees, and are not square on the ground.",
            "Models and filters are made for metres: bring the layers to UTM, as insarfeat stack does.",
        )


def _missing(subject: Subject) -> Iterator[Caution]:
    told = [(found.name, str(found.about.get("missing_bands") or "")) for found in subject.detections]
    told.append(("the dataset", str(subject.dataset.attrs.get("missing_bands") or "")))
    for name, bands in told:
        if bands:
            yield Caution(
                f"The model behind {name} had to do without {bands}, with which it was trained.",
                "So it misses more: build the stack with these layers, or take a model that needs fewer.",
            )


_LOOKS: tuple[Callable[[Subject], Iterator[Caution]], ...] = (
    _holes,
    _constant,
    _coherence,
    _sensitivity,
    _place,
    _missing,
)


def _valid(raster: Raster) -> npt.NDArray[Any]:
    values: npt.NDArray[Any] = raster.values
    found: npt.NDArray[Any] = values[np.isfinite(values)]
    return found


def _listed(names: list[str]) -> str:
    """Names as in a sentence.

    >>> _listed(["slope"]), _listed(["slope", "tri", "twi"])
    ('slope', 'slope, tri and twi')
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _have(names: list[str]) -> str:
    return "has" if len(names) == 1 else "have"
