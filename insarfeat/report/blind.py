"""The section about ground on which nothing could have been found: the map of ``insarfeat blindspots``."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import xarray as xr

from insarfeat import georeference
from insarfeat.errors import GridMismatch
from insarfeat.plot import picture, png
from insarfeat.plot._grid import MapGrid
from insarfeat.plot._reasons import LOOKS, looks_of
from insarfeat.plot._sample import with_nan
from insarfeat.plot._style import style_of
from insarfeat.report.subject import Section, Subject

LAYER = "blind_spot"
"""Layer by which such a map is known: 0 where the slide of its question would have been found, else why not."""


@dataclass(frozen=True, slots=True)
class _Reason:
    """Why a slide would not have been found, in words, and what would help."""

    words: str
    because: str
    help: str

    @classmethod
    def named(cls, meaning: str) -> _Reason:
        """The reason behind a flag; one that is not known speaks for itself."""
        words = meaning.replace("_", " ")
        return _REASONS.get(meaning) or cls(words, f"of {words}", "–")


_REASONS = {
    "visible": _Reason(LOOKS["visible"].words, "", "–"),
    "layover_or_shadow": _Reason(
        LOOKS["layover_or_shadow"].words,
        "it lies in layover or shadow",
        "the other flight direction, or another incidence",
    ),
    "line_of_sight": _Reason(
        LOOKS["line_of_sight"].words, "it moves across the line of sight", "the other flight direction"
    ),
    "low_coherence": _Reason(
        LOOKS["low_coherence"].words,
        "there is too little coherence",
        "fewer days between the images, a dry and snow-free season",
    ),
    "too_small_or_slow": _Reason(
        LOOKS["too_small_or_slow"].words,
        "it is too small or too slow",
        "more days between the images for slow ones, finer pixels for small ones",
    ),
}


@dataclass(frozen=True, slots=True)
class Share:
    """Part of the ground.

    Attributes
    ----------
    words
        What holds on it.
    because
        The same as the end of a sentence.
    help
        What would change that.
    percent
        Of the ground that is known.
    """

    words: str
    because: str
    help: str
    percent: float


@dataclass(frozen=True, slots=True, eq=False)
class BlindSpots:
    """Where a model could not have found a slide: what ``insarfeat blindspots`` writes. It has a grid of its own.

    Attributes
    ----------
    name
        Heading on the page.
    layer
        uint8 (y, x) with classes: 0 where the slide of the question would have been found, else why not.
    about
        What is told of it: ``area`` (km2), ``speed`` (cm a year), ``probability``, ``model``, ``version``,
        ``statement``.

    Examples
    --------
    >>> flags = {"flag_values": np.array([0, 3], "u1"), "flag_meanings": "visible low_coherence"}
    >>> layer = xr.DataArray(np.array([[0, 0, 0, 3]], "u1"), dims=("y", "x"), attrs=flags, name="blind_spot")
    >>> spots = BlindSpots.of(layer.to_dataset().assign_attrs(area=0.1, speed=30.0, probability=0.5), "map")
    >>> print(spots.words)
    On 75 % of the ground a slide of 0.1 km2 at 30 cm a year would have been found with a probability of 0.5 or more.
    On 25 % it would not, most of all because there is too little coherence (25 %).
    """

    name: str
    layer: xr.DataArray
    about: Mapping[str, Any]

    @classmethod
    def of(cls, dataset: xr.Dataset, name: str) -> BlindSpots | None:
        """The map in a dataset; None where it has none."""
        layer = dataset.get(LAYER)
        if layer is None or layer.ndim != 2 or "flag_meanings" not in layer.attrs:
            return None
        return cls(name, layer.compute(), dict(dataset.attrs))

    @property
    def shares(self) -> tuple[Share, ...]:
        """Shares of the ground: of what would have been found, then of each reason, the largest first."""
        values = self._known()
        found = []
        for value, meaning in style_of(self.layer).flags:
            reason = _Reason.named(meaning)
            percent = 100.0 * float((values == value).mean()) if values.size else 0.0
            found.append((value, Share(reason.words, reason.because, reason.help, percent)))
        found.sort(key=lambda one: (one[0] != 0, -one[1].percent))
        return tuple(share for _, share in found)

    @property
    def words(self) -> str:
        """The shares in sentences."""
        if not self._known().size:
            return "The map knows nothing of any ground."
        missing = ""
        if self.without_data:
            missing = (
                f"\n{_percent(self.without_data)} of the map has no data, so nothing is known there; the shares are "
                "those of the ground with data."
            )
        seen, *blind = self.shares
        told = f"On {_percent(seen.percent)} of the ground {self._slide} would have been found{self._likely}."
        if seen.percent < 100.0 and blind:
            main = blind[0]
            told += (
                f"\nOn {_percent(100.0 - seen.percent)} it would not, most of all because {main.because} "
                f"({_percent(main.percent)})."
            )
        return told + missing

    def check_place(self, stack: xr.DataArray) -> None:
        """Raise GridMismatch where the map and a raster in the same CRS have no ground in common."""
        mine, theirs = georeference.crs_of(self.layer), georeference.crs_of(stack)
        if mine is None or theirs is None or not mine.equals(theirs, ignore_axis_order=True):
            return
        here, there = MapGrid.of(self.layer), MapGrid.of(stack)
        if "px" in (here.unit, there.unit):  # one row or column: no pixel size, and so no place
            return
        for own, other in ((here.x, there.x), (here.y, there.y)):
            if own.high <= other.low or own.low >= other.high:
                raise GridMismatch(
                    f"{self.name} is a map of blind spots of other ground than the stack's; report it with the stack "
                    "that it was made from"
                )

    def drawing(self, elevation: xr.DataArray | None) -> bytes:
        """The map as a PNG, on the faint shading of an elevation; hatched where there are no data."""
        layer = self._filled.assign_attrs(long_name="where the slide would have been found, and why not")
        return png(picture(layer, background=self._below(elevation)))

    @property
    def without_data(self) -> float:
        """Percent of the map of which nothing is known."""
        return 100.0 * (1.0 - float(self._known().size) / self.layer.size)

    @property
    def _filled(self) -> xr.DataArray:
        return self.layer.assign_attrs(_FillValue=255)

    def _known(self) -> Any:
        values = with_nan(self._filled)
        return values[np.isfinite(values)]

    def _below(self, elevation: xr.DataArray | None) -> xr.DataArray | None:
        """The elevation on the cells of the map."""
        if elevation is None or elevation.dims != self.layer.dims:
            return None
        own, other = georeference.crs_of(self.layer), georeference.crs_of(elevation)
        if own is None or other is None or not own.equals(other, ignore_axis_order=True):
            return None
        places = {dim: self.layer[dim] for dim in self.layer.dims}
        found: xr.DataArray = elevation.sel(places, method="nearest")
        return found.assign_coords(places)

    @property
    def _slide(self) -> str:
        if "area" in self.about and "speed" in self.about:
            return f"a slide of {float(self.about['area']):g} km2 at {float(self.about['speed']):g} cm a year"
        return "the slide that was asked after"

    @property
    def _likely(self) -> str:
        if "probability" not in self.about:
            return ""
        return f" with a probability of {float(self.about['probability']):g} or more"


def blind_in(subject: Subject) -> Section | None:
    """Where nothing could have been found, and why; and where no map tells that, that it is not known."""
    if subject.blind_spots:
        elevation = subject.named("elevation")
        below = None if elevation is None else elevation.sample
        parts = [_told(spots, below) for spots in subject.blind_spots]
        return Section("Blind spots", "".join(parts), "blind-spots")
    if subject.detections:
        model = next(
            (str(found.about["model"]) for found in subject.detections if found.about.get("model")), "NAME"
        )
        return Section(
            "Blind spots",
            "<p>Ground without a detection is not safe ground: nobody knows yet where slides would have been missed. "
            f"<code>insarfeat blindspots STACK --model {escape(model)}</code> maps that, and its "
            "<code>blindspots.nc</code>, given to <code>insarfeat report</code> with the other results, fills this "
            "section.</p>",
            "blind-spots",
        )
    return None


def _told(spots: BlindSpots, elevation: xr.DataArray | None) -> str:
    packed = base64.b64encode(spots.drawing(elevation)).decode()
    model = str(spots.about.get("model", ""))
    version = f", version {spots.about['version']}" if model and "version" in spots.about else ""
    who = f"<b>{escape(model + version)}.</b> " if model else ""
    statement = str(spots.about.get("statement", ""))
    banner = f'<p class="banner" role="note">{who}{escape(statement)}</p>' if who or statement else ""
    rows = "".join(
        f"<tr><th>{escape(share.words)}</th><td>{_percent(share.percent)}"
        f'<i style="width:{share.percent:.1f}%"></i></td><td>{escape(share.help)}</td></tr>'
        for share in spots.shares
    )
    missed = any(share.percent for share in spots.shares[1:])
    warned = " Where a slide would have been missed, empty ground is not safe ground." if missed else ""
    alternative = f"Map of blind spots, {spots.name}. {spots.words}".replace("\n", " ")
    return (
        f"<h3>{escape(spots.name)}</h3>{banner}"
        f'<p class="told">{escape(" ".join(spots.words.splitlines()) + warned)}</p>'
        f'<div class="maps"><figure><img src="data:image/png;base64,{packed}" alt="{escape(alternative)}">'
        f"<figcaption><b>blind spots</b> {escape(_caption(spots))}</figcaption></figure>"
        '<div class="wide"><table class="reasons"><thead><tr><th>on the ground with data</th><th>share</th>'
        f"<th>what would help</th></tr></thead><tbody>{rows}</tbody></table></div></div>"
    )


def _caption(spots: BlindSpots) -> str:
    """What the colours are."""
    if looks_of(style_of(spots.layer)) is None:
        return "in the colours of their reasons"
    told = "blue where the slide would have been found, elsewhere the colour of the reason why not"
    return f"{told}; hatched where there are no data" if spots.without_data else told


def _percent(value: float) -> str:
    """A share in whole percent, which are as many digits as it deserves.

    >>> _percent(41.3), _percent(0.2), _percent(99.8), _percent(0.0)
    ('41 %', 'less than 1 %', 'more than 99 %', '0 %')
    """
    if 0.0 < value < 0.5:
        return "less than 1 %"
    if 99.5 < value < 100.0:
        return "more than 99 %"
    return f"{value:.0f} %"
