"""The section about composites: how much of each layer a principal component is made of."""

from __future__ import annotations

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
    title = _title(raster)
    if title is None:
        return None
    heading = f"<h3>{escape(raster.name)}</h3>"
    composite = _shipped(title)
    if composite is None:
        return (
            f"{heading}<p>A principal component by the composite {escape(repr(title))}, whose loadings the file does "
            "not hold: its values are comparable only with those of the same composite.</p>"
        )
    loadings = composite.loadings[0]
    share = composite.shares[0]
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{loading:+.3f}</td><td>{mean:.4g}</td><td>{scale:.4g}</td></tr>"
        for name, loading, mean, scale in zip(
            composite.names, loadings, composite.means, composite.scales, strict=True
        )
    )
    chart = signed_bars(composite.names, loadings, f"Loadings of {raster.name}: {_in_words(composite)}")
    return (
        f"{heading}<p>Component 1 of {len(composite.variances)} of the composite {escape(title)}. It explains "
        f"{100.0 * share:.0f} % of the variance of its layers ({_rest(composite)}). {escape(_source(composite))}</p>"
        f'<div class="maps"><figure class="loadings">{chart}<figcaption><b>loadings</b> where the component is high, '
        "layers to the right are high and those to the left low</figcaption></figure>"
        '<div class="wide"><table><thead><tr><th>layer</th><th>loading</th><th>mean</th><th>deviation</th></tr>'
        "</thead>"
        f"<tbody>{rows}</tbody></table><p>value = sum of loading x (layer - mean) / deviation</p></div></div>"
    )


def _title(raster: Raster) -> str | None:
    """Name of the composite that made the layer, told by its attribute ``processing``."""
    found = _TITLE.findall(str(raster.whole.attrs.get("processing", "")))
    return found[-1] if found else None


def _shipped(title: str) -> Composite | None:
    from insarfeat.terrain.reference import REFERENCE, shipped

    return shipped(title) if title == REFERENCE else None


def _in_words(composite: Composite) -> str:
    return ", ".join(
        f"{name} {loading:+.2f}" for name, loading in zip(composite.names, composite.loadings[0], strict=True)
    )


def _rest(composite: Composite) -> str:
    others = [f"{100.0 * share:.0f} %" for share in composite.shares[1:]]
    return f"the others {', '.join(others)}" if others else "the others were not kept"


def _source(composite: Composite) -> str:
    """What it was fitted to, as far as the composite tells."""
    named = [str(one["name"]) for one in composite.source.get("inputs", []) if "name" in one]
    on = f" of {'; '.join(named)}" if named else ""
    pixel = composite.source.get("pixel")
    size = f" of {float(pixel):g} m" if pixel is not None and np.isfinite(float(pixel)) else ""
    return f"Fitted to {composite.pixels / 1e6:.2g} million pixels{size}{on}, not to this scene."
