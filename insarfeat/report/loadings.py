"""The section about composites: how much of each layer a principal component is made of."""

from __future__ import annotations

import json
import re
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from insarfeat.report._svg import signed_bars
from insarfeat.report.subject import Raster, Section, Subject

if TYPE_CHECKING:
    from insarfeat.terrain.composite import Composite

_TITLE = re.compile(r"terrain\.components\('([^']+)'\)")


def composites(subject: Subject) -> Section | None:
    """Loadings of the composites among the layers, what they explain, and what they were fitted to."""
    parts = [part for raster in subject.rasters if (part := _told(raster)) is not None]
    return Section("Composites", "".join(parts), "composites") if parts else None


def _told(raster: Raster) -> str | None:
    attrs = raster.whole.attrs
    if "loadings" not in attrs:
        return None
    loadings = {str(name): float(loading) for name, loading in json.loads(str(attrs["loadings"])).items()}
    composite = _shipped(_title(raster))
    head, cells = ["layer", "loading"], [[name, f"{loading:+.3f}"] for name, loading in loadings.items()]
    if composite is not None:
        head += ["mean", "deviation"]
        for cell, mean, scale in zip(cells, composite.means, composite.scales, strict=True):
            cell += [f"{mean:.4g}", f"{scale:.4g}"]
    rows = "".join(
        f"<tr><th>{escape(name)}</th>{''.join(f'<td>{value}</td>' for value in values)}</tr>"
        for name, *values in cells
    )
    words = ", ".join(f"{name} {loading:+.2f}" for name, loading in loadings.items())
    chart = signed_bars(tuple(loadings), tuple(loadings.values()), f"Loadings of {raster.name}: {words}")
    heading = "".join(f"<th>{title}</th>" for title in head)
    return (
        f"<h3>{escape(raster.name)}</h3><p>{escape(_origin(raster, composite))}</p>"
        f'<div class="maps"><figure class="loadings">{chart}<figcaption><b>loadings</b> where the component is high, '
        "layers to the right are high and those to the left low</figcaption></figure>"
        f'<div class="wide"><table><thead><tr>{heading}</tr></thead>'
        f"<tbody>{rows}</tbody></table><p>value = sum of loading x (layer - mean) / deviation</p></div></div>"
    )


def _origin(raster: Raster, composite: Composite | None) -> str:
    """What explains how much, fitted to what."""
    title = _title(raster)
    share = raster.whole.attrs.get("explained_variance_ratio")
    told = "A principal component" + (f" of the composite {title}" if title else "") + "."
    if share is not None:
        told += f" It explains {100.0 * float(share):.0f} % of the variance of its layers."
    if composite is None:
        return f"{told} Its values are comparable only with those of the same composite."
    return f"{told} {_source(composite)}"


def _title(raster: Raster) -> str:
    """Name of the composite that made the layer, told by its attribute ``processing``."""
    found: list[str] = _TITLE.findall(str(raster.whole.attrs.get("processing", "")))
    return found[-1] if found else ""


def _shipped(title: str) -> Composite | None:
    from insarfeat.terrain.reference import REFERENCE, shipped

    return shipped(title) if title == REFERENCE else None


def _source(composite: Composite) -> str:
    """What it was fitted to, as far as the composite tells."""
    named = [str(one["name"]) for one in composite.source.get("inputs", []) if "name" in one]
    on = f" of {'; '.join(named)}" if named else ""
    pixel = composite.source.get("pixel")
    size = f" of {float(pixel):g} m" if pixel is not None and np.isfinite(float(pixel)) else ""
    return f"Fitted to {composite.pixels / 1e6:.2g} million pixels{size}{on}, not to this scene."
