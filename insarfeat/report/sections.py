"""The sections of a report. A new one is a function more in :data:`SECTIONS`."""

from __future__ import annotations

import base64
from collections.abc import Callable
from html import escape

import numpy as np

from insarfeat.layers import LAYERS
from insarfeat.plot import picture, png
from insarfeat.plot._grid import MapGrid
from insarfeat.plot._style import Style, as_drawn, style_of
from insarfeat.report._svg import histogram, number, shares
from insarfeat.report.blind import blind_in
from insarfeat.report.cautions import cautions
from insarfeat.report.detections import found_in
from insarfeat.report.loadings import composites
from insarfeat.report.subject import Raster, Section, Subject

_DRAWN_AS = {
    "sequential": "dark is low, bright is high",
    "signed": "white is zero, red positive, blue negative",
    "cyclic": "colours close a circle",
    "terrain": "relief lit from the north-west",
    "light": "dark is shade, bright is lit",
    "amplitude": "grey in dB",
    "classes": "one colour per class",
}


def overview(subject: Subject) -> Section | None:
    """Size, place and layers of the dataset, with statistics of the samples."""
    if not subject.rasters:
        return Section("Overview", "<p>The dataset has no raster layer.</p>", "overview")
    step = max(raster.step for raster in subject.rasters)
    basis = "all pixels" if step == 1 else f"a sample, every {_ordinal(step)} row and column"
    stacked = any(raster.choice for raster in subject.rasters)
    head = "".join(
        f"<th>{title}</th>"
        for title in ("layer", "meaning", "unit", "type", "valid", "minimum", "median", "maximum")
    )
    body = "".join(_statistics(raster) for raster in subject.rasters)
    return Section(
        "Overview",
        f"{_table(_place(subject.rasters[0]))}"
        f'<div class="wide"><table class="layers"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        f"<p>Valid share, minimum, median and maximum are those of {basis}"
        f"{', of the first slice of layers with more than two dims' if stacked else ''}."
        " Of complex layers they tell the magnitude.</p>",
        "overview",
    )


def pictures(subject: Subject) -> Section | None:
    """Map of every layer; classes lie on the relief where there is an elevation."""
    if not subject.rasters:
        return None
    elevation = subject.named("elevation")
    figures = "".join(_map(raster, elevation) for raster in subject.rasters)
    return Section("Maps", f'<div class="maps">{figures}</div>', "maps")


def histograms(subject: Subject) -> Section | None:
    """Distribution of the values of every layer."""
    if not subject.rasters:
        return None
    figures = "".join(_distribution(raster) for raster in subject.rasters)
    return Section(
        "Distributions",
        f'<div class="distributions">{figures}</div>'
        "<p>Outermost 0.5 % on either side left out; units as on the maps.</p>",
        "distributions",
    )


def validity(subject: Subject) -> Section | None:
    """Why pixels cannot be used: the share of each cause, and of pixels with none."""
    raster = subject.named("invalid_causes")
    if raster is None:
        return None
    from insarfeat.tiling import cause_shares

    found = cause_shares(raster.sample)
    rows = "".join(
        f"<li><span>{escape(name.replace('_', ' '))}</span> {100.0 * share:.3g} %"
        f'<i style="width:{100.0 * share:.1f}%"></i></li>'
        for name, share in found.items()
    )
    note = "" if raster.step == 1 else f" Of a sample, every {_ordinal(raster.step)} row and column."
    return Section(
        "Validity",
        f'<figure><ul class="shares">{rows}</ul></figure>'
        f"<p>A pixel may have several causes; valid are those with none.{note}</p>",
        "validity",
    )


def provenance(subject: Subject) -> Section | None:
    """Attributes of the dataset, and what was done to each variable."""
    parts = []
    if subject.dataset.attrs:
        parts.append(_table({str(name): str(value) for name, value in subject.dataset.attrs.items()}))
    done = {
        str(name): str(variable.attrs["processing"])
        for name, variable in subject.dataset.variables.items()
        if "processing" in variable.attrs
    }
    if done:
        parts.append(f"<h3>Processing</h3>{_table(done)}")
    return Section("Provenance", "".join(parts) or "<p>The dataset has no attributes.</p>", "provenance")


SECTIONS: tuple[Callable[[Subject], Section | None], ...] = (
    cautions,
    overview,
    found_in,
    blind_in,
    pictures,
    histograms,
    validity,
    composites,
    provenance,
)
"""What a report consists of, in this order; a section that returns None is left out."""


def _place(raster: Raster) -> dict[str, str]:
    """Size, pixel size, reference system and extent of a raster, in words."""
    grid = MapGrid.of(raster.whole)
    rows, columns = raster.whole.shape[-2:]
    place = {"size": f"{rows} rows x {columns} columns"}
    if grid.unit != "px":
        unit = {"m": " m", "degree": "°"}.get(grid.unit, "")
        place["pixel size"] = f"{abs(grid.x.step):.10g}{unit} across, {abs(grid.y.step):.10g}{unit} down"
        across, down = (f"{axis.low:.10g} to {axis.high:.10g}{unit}" for axis in (grid.x, grid.y))
        place["extent"] = f"x {across}, y {down}"
    place["reference system"] = grid.crs or "none"
    return place


def _statistics(raster: Raster) -> str:
    """Row of the table of layers."""
    values = np.abs(raster.values) if raster.sample.dtype.kind == "c" else raster.values
    valid = values[np.isfinite(values)]
    extremes = np.percentile(valid, (0, 50, 100)) if valid.size else np.full(3, np.nan)
    cells = (
        _meaning(raster),
        str(raster.whole.attrs.get("units", "")),
        str(raster.whole.dtype),
        f"{100.0 * raster.valid_share:.4g} %",
        *(number(float(value)) for value in extremes),
    )
    return f"<tr><th>{escape(raster.name)}</th>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def _map(raster: Raster, elevation: Raster | None) -> str:
    style = style_of(raster.sample)
    below = elevation.sample if elevation is not None and _lies_on(raster, elevation, style) else None
    packed = base64.b64encode(png(picture(raster.sample, background=below))).decode()
    notes = [
        raster.choice,
        _DRAWN_AS[style.drawing],
        f"every {_ordinal(raster.step)} pixel" if raster.step > 1 else "",
        "" if raster.valid_share == 1.0 else f"{100.0 * (1.0 - raster.valid_share):.3g} % without data, grey",
    ]
    caption = "; ".join(note for note in notes if note)
    alternative = f"Map of {raster.name}, {_meaning(raster)}. {_in_words(raster, style)}"
    return (
        f'<figure><img src="data:image/png;base64,{packed}" alt="{escape(alternative)}">'
        f"<figcaption><b>{escape(raster.name)}</b> {escape(caption)}</figcaption></figure>"
    )


def _lies_on(raster: Raster, elevation: Raster, style: Style) -> bool:
    """Whether the relief can carry this layer."""
    return style.drawing == "classes" and raster.sample.dims == elevation.sample.dims


def _distribution(raster: Raster) -> str:
    style = style_of(raster.sample)
    if style.drawing == "classes":
        chart = shares(raster.values, style.flags)
    else:
        chart = histogram(as_drawn(raster.values, style), f"Histogram of {raster.name}", style.unit)
    return f"<figure>{chart}<figcaption><b>{escape(raster.name)}</b></figcaption></figure>"


def _in_words(raster: Raster, style: Style) -> str:
    """Values of a map for readers who cannot see it."""
    values = as_drawn(raster.values, style)
    valid = values[np.isfinite(values)]
    if valid.size == 0:
        return "No valid pixel."
    if style.drawing == "classes":
        told = (f"{meaning} {100.0 * float((valid == value).mean()):.3g} %" for value, meaning in style.flags)
        return f"{', '.join(told).replace('_', ' ')}."
    low, middle, high = np.percentile(valid, (2, 50, 98))
    return f"Mostly {number(low)} to {number(high)} {style.unit}, median {number(middle)}."


def _meaning(raster: Raster) -> str:
    known = LAYERS.get(raster.name)
    return str(raster.whole.attrs.get("long_name", known.long_name if known else ""))


def _ordinal(count: int) -> str:
    return {2: "2nd", 3: "3rd"}.get(count, f"{count}th")


def _table(rows: dict[str, str]) -> str:
    """Two columns: name and value."""
    cells = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows.items()
    )
    return f'<div class="wide"><table class="facts">{cells}</table></div>'
