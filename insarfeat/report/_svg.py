"""Small vector graphics that take the colours of the page."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from insarfeat.plot._sample import value_range

_WIDTH, _HEIGHT, _BASE = 320, 120, 100
_BINS = 48


def number(value: float) -> str:
    """Return a number in at most four significant digits, a dash for NaN.

    >>> number(0.123456), number(12345.0), number(float("nan"))
    ('0.1235', '1.234e+04', '–')
    """
    return "–" if np.isnan(value) else f"{value + 0.0:.4g}"


def histogram(values: npt.NDArray[Any], label: str, unit: str) -> str:
    """Return a histogram of the finite values as SVG; the outermost 0.5 percent on either side are left out.

    >>> histogram(np.array([0.0, 1.0, np.nan]), "coherence", "").count("<path")
    1
    """
    valid = values[np.isfinite(values)]
    low, high = value_range(valid, tail=0.5)
    counts, _ = np.histogram(valid, bins=_BINS, range=(low, high))
    heights = counts / max(counts.max(), 1) * (_BASE - 4)
    step = _WIDTH / _BINS
    bars = "".join(
        f"M{index * step:.1f} {_BASE}v{-height:.1f}h{step - 0.8:.1f}v{height:.1f}z"
        for index, height in enumerate(heights)
        if height > 0
    )
    most = escape(f"{number(high)} {unit}".strip())
    ends = (
        f'<text x="0" y="{_HEIGHT - 4}">{number(low)}</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT - 4}" text-anchor="end">{most}</text>'
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(label)}">'
        f'<path d="{bars}"/><line x1="0" x2="{_WIDTH}" y1="{_BASE}" y2="{_BASE}"/>{ends}</svg>'
    )


def shares(values: npt.NDArray[Any], classes: tuple[tuple[int, str], ...]) -> str:
    """Return a list of classes with the share of each among the finite values.

    >>> "25 %" in shares(np.array([0.0, 0.0, 0.0, 1.0]), ((0, "stable"), (1, "slide")))
    True
    """
    valid = values[np.isfinite(values)]
    rows = []
    for value, meaning in classes:
        percent = 100.0 * float((valid == value).mean()) if valid.size else 0.0
        rows.append(
            f"<li><span>{escape(meaning.replace('_', ' '))}</span> {percent:.3g} %"
            f'<i style="width:{percent:.1f}%"></i></li>'
        )
    return f'<ul class="shares">{"".join(rows)}</ul>'
