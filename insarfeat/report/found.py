"""What somebody or some model has found in a scene: outlines with scores, and where they come from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from insarfeat.errors import InvalidArgument, InvalidType

VECTORS = (".gpkg", ".geojson", ".json")
"""Files of outlines that a report takes."""

_ABOUT = ("model", "version", "threshold", "training_data", "statement", "missing_bands")
_HALF = 0.5  # the threshold of a probability that tells none


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One result: outlines in a scene, with class, score and area where they are known.

    Attributes
    ----------
    name
        Heading on the page.
    features
        Polygons as for :func:`insarfeat.inventory.areas_of`, none at all where nothing was found. The attributes
        ``class``, ``score``, ``area_m2`` and ``pair`` of features are heeded.
    about
        Where they come from: ``model``, ``version``, ``threshold``, ``missing_bands``, and ``statement``, what must
        be said wherever they are shown.

    Examples
    --------
    >>> found = Found("by eye", {"type": "FeatureCollection", "features": []}, {"statement": "Looked at once."})
    >>> found.statement, found.model
    ('Looked at once.', '')
    """

    name: str
    features: Any
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.about, Mapping):
            raise InvalidType(f"about is a {type(self.about).__name__}; it must be a dict of what is known")

    @property
    def statement(self) -> str:
        """What must be said of it."""
        return str(self.about.get("statement", ""))

    @property
    def model(self) -> str:
        """Name of the model with its version, empty where no model is known."""
        if not self.about.get("model"):
            return ""
        version = self.about.get("version", "")
        return f"{self.about['model']}, version {version}" if version != "" else str(self.about["model"])

    @property
    def banner(self) -> str:
        """Model and statement as HTML, empty where neither is known."""
        if not (self.model or self.statement):
            return ""
        who = f"<b>{escape(self.model)}.</b> " if self.model else ""
        return f'<p class="banner" role="note">{who}{escape(self.statement)}</p>'

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Found:
        """Read a .gpkg or .geojson: what ``insarfeat predict`` has written, or any other polygons.

        Of the files with several layers that the package writes (an inventory of places, a review, the labels made of
        it) the main one is taken.

        Raises
        ------
        MissingInput, UnreadableInput, MissingExtra
            Where there is no such file; where it is damaged; where the extra ``vector`` is needed and missing.
        InvalidArgument
            Where a file of others has several layers of polygons.
        """
        from insarfeat.report.written import read_main_layer

        written = read_main_layer(Path(path))
        features: dict[str, Any] = {
            "type": "FeatureCollection",
            "features": list(written.features),
            "crs": {"type": "name", "properties": {"name": written.crs}},
        }
        about = {name: written.metadata[name] for name in _ABOUT if name in written.metadata}
        return cls(Path(path).name, features, about or _said_by_all(features["features"]))

    @classmethod
    def of_mask(cls, result: xr.Dataset, name: str) -> Found | None:
        """Outlines of a predicted mask: groups of pixels that touch, at a corner too, with their mean probability.

        Parameters
        ----------
        result
            With the layer ``landslide`` (uint8), or ``landslide_probability`` alone: then where it reaches the
            attribute ``threshold`` (0.5 without one). Of one pair or several.
        name
            Heading on the page.

        Returns
        -------
        Found or None
            None where it has neither layer.
        """
        from insarfeat.report.groups import outlined_groups

        probability = result.get("landslide_probability")
        mask = result.get("landslide")
        if mask is not None and mask.dtype != np.uint8:
            raise InvalidArgument(
                f"{name}: landslide holds {mask.dtype}; it must be uint8: 1 in landslides, 0 elsewhere, 255 nodata"
            )
        if mask is None and probability is not None:
            threshold = float(result.attrs.get("threshold", _HALF))
            mask = (probability >= threshold).astype(np.uint8).rename("landslide")
        if mask is None:
            return None
        about = {key: result.attrs[key] for key in _ABOUT if key in result.attrs}
        return cls(name, outlined_groups(mask, probability), about)


def _said_by_all(features: list[Mapping[str, Any]]) -> dict[str, Any]:
    """What every feature says of its origin, if all say the same: a row that was copied elsewhere still tells it."""
    if not features:
        return {}
    said: dict[str, Any] = {}
    for name in _ABOUT:
        values = [feature["properties"].get(name) for feature in features]
        if values[0] is not None and all(value == values[0] for value in values):
            said[name] = values[0]
    return said
