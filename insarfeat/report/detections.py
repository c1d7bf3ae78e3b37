"""The section about what was found: outlines on maps, a table, and how both compare with the truth."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from insarfeat import georeference
from insarfeat.plot import detections, png
from insarfeat.plot._grid import MapGrid
from insarfeat.plot._outlines import PlacedOutline, placed_outlines
from insarfeat.plot._style import style_of
from insarfeat.report._marks import MARKING, SORTING, overlay
from insarfeat.report.found import Found
from insarfeat.report.subject import Raster, Section, Subject

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from insarfeat.report.groups import Hits

MOST_ROWS = 200
"""Rows of a table at most, the best first."""

_CELLS = 2000  # along a side, for the share of the scene
_PHASES = ("wrapped_phase", "interferogram")
_FRINGES = "eight levels in a turn with sharp edges, noise pale: for faint rings; phase and data are the same"


@dataclass(frozen=True, slots=True)
class Row:
    """One detection, as its table tells it.

    Attributes
    ----------
    outline
        In the CRS of the scene.
    label, pair, status
        Class, pair and what an expert says of it, empty where they are not known.
    score, area
        Score, and area in square metres; NaN where they are not known.
    """

    outline: PlacedOutline
    label: str
    pair: str
    score: float
    area: float
    status: str = ""

    @property
    def middle(self) -> tuple[float, float]:
        """Centre of the box about it, (x, y)."""
        west, south, east, north = self.outline.bounds
        return (west + east) / 2.0, (south + north) / 2.0


@dataclass(frozen=True, slots=True)
class Rows:
    """What a result has in the scene, the best first, and how many it has outside of it."""

    inside: tuple[Row, ...]
    outside: int


def found_in(subject: Subject) -> Section | None:
    """Results one after another: outlines over phase and relief, how they meet the truth, and a table."""
    if not subject.detections:
        return None
    truth = subject.named("landslide")
    # Of several pairs none is the truth of all; and what a model has predicted is no truth.
    if truth is not None and (truth.whole.ndim != 2 or "model" in subject.dataset.attrs):
        truth = None
    parts = [_result(found, subject, truth) for found in subject.detections]
    script = SORTING + MARKING if any('class="sortable"' in part for part in parts) else ""
    return Section("Detections", "\n".join(parts), "detections", script)


def rows_of(found: Found, layer: xr.DataArray) -> Rows:
    """Detections in the scene of a layer, the best first."""
    from insarfeat.inventory.feature_boxes import _properties_in
    from insarfeat.inventory.polygons import _as_geojson, _things_in

    things = list(_things_in(found.features))
    attributes = [known for thing in things for known in _properties_in(_as_geojson(thing))]
    outlines = placed_outlines(things, layer)
    grid = MapGrid.of(layer)
    inside = [outline for outline in outlines if _reaches(outline, grid)]
    areas = np.array([_number(known.get("area_m2")) for known in attributes])
    if any(not math.isfinite(areas[outline.number]) for outline in inside):
        areas = np.where(np.isfinite(areas), areas, _areas(things, len(areas), layer))
    rows = [
        Row(
            outline,
            str(known.get("class") or known.get("Class") or ""),
            str(known.get("pair") or known.get("IFG") or ""),
            _number(known.get("score")),
            float(areas[outline.number]),
            str(known.get("status") or known.get("decision") or ""),
        )
        for outline in inside
        for known in (attributes[outline.number],)
    ]
    rows.sort(key=lambda row: -row.score if math.isfinite(row.score) else math.inf)
    return Rows(tuple(rows), len(outlines) - len(inside))


def _result(found: Found, subject: Subject, truth: Raster | None) -> str:
    heading = f"<h3>{escape(found.name)}</h3>{found.banner}"
    heading += _circumstances(found.about)
    base = next(iter(subject.rasters), None)
    if base is None:
        return f"{heading}<p>The dataset has no raster layer to lay them on.</p>"
    layer = base.whole[(0,) * (base.whole.ndim - 2)]
    rows = rows_of(found, layer)
    words = _counted(rows)
    if rows.inside:
        share = _covered(rows, layer)
        words += (
            f" {'It covers' if len(rows.inside) == 1 else 'Together they cover'} {share:.2g} % of the scene."
        )
    if truth is not None:
        from insarfeat.report.groups import hits_of

        words += " " + _compared(hits_of(truth.whole, tuple(row.outline for row in rows.inside)))
    figures = "".join(_figure(found, rows, ground, truth) for ground in _grounds(subject))
    table = _table(rows, layer) if rows.inside else ""
    return (
        f'<div class="result">{heading}<p class="told">{escape(words)}</p>'
        f'<div class="maps found">{figures}{table}</div></div>'
    )


def _circumstances(about: Mapping[str, Any]) -> str:
    told = []
    if about.get("threshold") not in (None, ""):
        told.append(f"Threshold {_number(about['threshold']):.3g}: less probable places are not shown.")
    if about.get("missing_bands"):
        told.append(f"The model had to do without {about['missing_bands']}.")
    return f"<p>{escape(' '.join(told))}</p>" if told else ""


def _counted(rows: Rows) -> str:
    outside = ""
    if rows.outside:
        lie, are = ("lies", "is") if rows.outside == 1 else ("lie", "are")
        outside = f" {rows.outside} {lie} outside of the scene and {are} left out."
    if not rows.inside:
        return f"Nothing was found.{outside}"
    number = len(rows.inside)
    return f"{number} {'place was' if number == 1 else 'places were'} found.{outside}"


def _covered(rows: Rows, layer: xr.DataArray) -> float:
    """Percent of the scene inside of outlines: who covers everything touches every slide."""
    from rasterio.features import rasterize
    from rasterio.transform import Affine

    grid = MapGrid.of(layer)
    height, width = (min(size, _CELLS) for size in layer.shape)
    across, down = (grid.x.high - grid.x.low) / width, (grid.y.high - grid.y.low) / height
    place = Affine(across, 0.0, grid.x.low, 0.0, -down, grid.y.high)
    shapes = [(_geojson(row.outline), 1) for row in rows.inside]
    return 100.0 * float(rasterize(shapes, (height, width), transform=place, dtype="uint8").mean())


def _compared(hits: Hits) -> str:
    """How what was found meets the truth, in plain words.

    >>> from insarfeat.report.groups import Hits
    >>> print(_compared(Hits(slides=3, touched=1, outlines=4, astray=2)))  # doctest: +NORMALIZE_WHITESPACE
    1 of 3 true slides (connected parts of the layer landslide) is touched by a detection; 2 of 4 detections touch
    none.
    """
    if not hits.slides:
        missed = f"; the {hits.outlines} found {'touches' if hits.outlines == 1 else 'touch'} none"
        return f"The truth (layer landslide) has no slide here{missed if hits.outlines else ''}."
    slides = "true slide (a connected part" if hits.slides == 1 else "true slides (connected parts"
    text = (
        f"{hits.touched} of {hits.slides} {slides} of the layer landslide) "
        f"{'is' if 1 in (hits.touched, hits.slides) else 'are'} touched by a detection"
    )
    if not hits.outlines:
        return f"{text}."
    plural = "detection touches" if hits.outlines == 1 else "detections touch"
    return f"{text}; {hits.astray} of {hits.outlines} {plural} none."


@dataclass(frozen=True, slots=True)
class _Ground:
    """What outlines are drawn over: a layer, its fringes with a coherence, or the relief."""

    raster: Raster
    name: str
    fringes: bool = False
    coherence: Raster | None = None

    def draw(self, outlines: list[dict[str, Any]], truth: Raster | None) -> Figure:
        whole = self.raster.whole
        layer = whole[(0,) * (whole.ndim - 2)]
        below = None if truth is None or truth.whole.shape != layer.shape else truth.whole
        if not self.fringes:
            return detections(layer, outlines, truth=below)
        trust = None if self.coherence is None else self.coherence.whole
        trust = None if trust is None else trust[(0,) * (trust.ndim - 2)]
        if trust is not None and trust.shape != layer.shape:
            trust = None
        return detections(layer, outlines, truth=below, over="fringes", coherence=trust)


def _grounds(subject: Subject) -> list[_Ground]:
    """A phase, its fringes and the elevation, or else the first layer."""
    phase = next((raster for name in _PHASES if (raster := subject.named(name)) is not None), None)
    elevation = subject.named("elevation")
    grounds = []
    if phase is not None:
        grounds = [_Ground(phase, phase.name)]
        if style_of(phase.sample).drawing == "cyclic":  # whatever the file says of its classes
            grounds.append(_Ground(phase, "fringes", True, subject.named("coherence")))
    if elevation is not None:
        grounds.append(_Ground(elevation, "relief"))
    return grounds or [_Ground(raster, raster.name) for raster in subject.rasters[:1]]


def _figure(found: Found, rows: Rows, ground: _Ground, truth: Raster | None) -> str:
    figure = ground.draw([_geojson(row.outline) for row in rows.inside], truth)
    listed = rows.inside[:MOST_ROWS]
    marks = overlay(figure, [row.outline for row in listed], [_in_short(*one) for one in enumerate(listed)])
    packed = base64.b64encode(png(figure)).decode()
    notes = [
        ground.raster.choice,
        _FRINGES if ground.fringes else "",
        "numbers are those of the table, where there is room" if rows.inside else "",
    ]
    caption = "; ".join(note for note in notes if note)
    alternative = f"Outlines of {found.name} over {ground.name}. {_counted(rows)}"
    return (
        f'<figure><div class="stage"><img src="data:image/png;base64,{packed}" alt="{escape(alternative)}">'
        f"{marks if listed else ''}</div>"
        f"<figcaption><b>over {escape(ground.name)}</b> {escape(caption)}</figcaption></figure>"
    )


def _in_short(place: int, row: Row) -> str:
    """What is known of a detection, in a few words."""
    score = f"score {row.score:.3f}" if math.isfinite(row.score) else ""
    area = f"{_grouped(row.area)} m²" if math.isfinite(row.area) else ""
    return ", ".join(part for part in (str(place + 1), row.label, score, area) if part)


def _table(rows: Rows, layer: xr.DataArray) -> str:
    several = len({row.pair for row in rows.inside}) > 1
    unit = MapGrid.of(layer).unit
    place = {"m": "easting, northing (m)", "degree": "longitude, latitude", "px": "column, row"}.get(
        unit, "x, y"
    )
    judged = any(row.status for row in rows.inside)
    titles = ["number", "class", "score", "area (m²)", place]
    titles += [*(["status"] if judged else []), *(["pair"] if several else [])]
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in titles)
    digits = {"degree": 5, "unknown": 4}.get(unit, 0)
    body = []
    for number, row in enumerate(rows.inside[:MOST_ROWS], start=1):
        x, y = row.middle
        cells = [
            _cell(str(number), number),
            _cell(row.label or "–", row.label),
            _cell(f"{row.score:.3f}" if math.isfinite(row.score) else "–", row.score),
            _cell(_grouped(row.area), row.area),
            _cell(f"{x:.{digits}f}, {y:.{digits}f}", x),
            *([_cell(row.status or "–", row.status)] if judged else []),
            *([_cell(row.pair or "–", row.pair)] if several else []),
        ]
        body.append(f"<tr>{''.join(cells)}</tr>")
    rest = len(rows.inside) - len(body)
    more = (
        f"<p>{rest} more {'is' if rest == 1 else 'are'} not listed; the file holds all.</p>" if rest else ""
    )
    return (
        '<div class="listed"><p class="hint" hidden>A click on a row marks it in the figures, a click on an outline '
        "marks its row; arrow keys go from row to row.</p>"
        f'<div class="wide tall" tabindex="0"><table class="sortable"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>{more}{_meanings(rows.inside[:MOST_ROWS])}</div>"
    )


def _meanings(rows: tuple[Row, ...]) -> str:
    """Full names of the classes that are in a table of detections.

    >>> _meanings((Row(PlacedOutline((), 0), "RG", "", 0.5, 1.0), Row(PlacedOutline((), 1), "mine", "", 0.5, 1.0)))
    '<p class="codes">Classes: RG rock glacier.</p>'
    """
    from insarfeat.synth.classes import ARTEFACT, CLASSES

    names = {code: known.name for code, known in CLASSES.items()}
    names[ARTEFACT] = "artefact, which looks like a landslide and is none"
    there = {row.label for row in rows}
    told = "; ".join(f"{code} {name}" for code, name in names.items() if code in there)
    return f'<p class="codes">Classes: {told}.</p>' if told else ""


def _cell(text: str, value: float | str) -> str:
    """A cell with what it is sorted by, nothing where it is not known."""
    unknown = isinstance(value, float) and not math.isfinite(value)
    key = "" if unknown else escape(repr(value) if isinstance(value, float) else str(value))
    return f'<td data-value="{key}">{escape(text)}</td>'


def _grouped(area: float) -> str:
    """An area with thin spaces between thousands.

    >>> _grouped(1234567.8) == "1\u202f234\u202f568", _grouped(float("nan"))
    (True, '–')
    """
    return f"{area:,.0f}".replace(",", "\u202f") if math.isfinite(area) else "–"


def _reaches(outline: PlacedOutline, grid: MapGrid) -> bool:
    """Whether the box about an outline reaches into the scene."""
    west, south, east, north = outline.bounds
    return west < grid.x.high and east > grid.x.low and south < grid.y.high and north > grid.y.low


def _areas(things: list[Any], count: int, layer: xr.DataArray) -> NDArray[np.float64]:
    """Square metres of features whose file tells none; NaN where nothing tells a CRS."""
    from insarfeat.inventory import areas_of
    from insarfeat.inventory.polygons import _crs_of_polygons

    own = any(_crs_of_polygons(thing) is not None for thing in things)
    crs = None if own else georeference.crs_of(layer)
    return areas_of(things, crs) if own or crs is not None else np.full(count, np.nan)


def _geojson(outline: PlacedOutline) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [ring.tolist() for ring in outline.rings]}


def _number(value: Any) -> float:
    """A number, NaN for what is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
