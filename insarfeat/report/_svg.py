"""Small vector graphics that take the colours of the page."""

from __future__ import annotations

from collections.abc import Sequence
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


def signed_bars(names: Sequence[str], values: Sequence[float], label: str) -> str:
    """Return bars to the right of a line for positive values and to its left for negative ones, as SVG.

    >>> signed_bars(["slope", "twi"], [0.6, -0.5], "loadings").count("<path")
    2
    """
    most = max(map(abs, values)) or 1.0
    middle, reach, line = 0.5 * _WIDTH, 0.5 * _WIDTH - 40.0, 26
    parts = []
    for place, (name, value) in enumerate(zip(names, values, strict=True)):
        top, length = place * line + 12, abs(value) / most * reach
        left = middle if value >= 0 else middle - length
        end, anchor = (left + length + 4, "start") if value >= 0 else (left - 4, "end")
        # The name stands on the empty side.
        beside, other = (middle - 6, "end") if value >= 0 else (middle + 6, "start")
        parts.append(
            f'<path d="M{left:.1f} {top}h{length:.1f}v16h{-length:.1f}z"/>'
            f'<text x="{beside:.1f}" y="{top + 12}" text-anchor="{other}">{escape(name)}</text>'
            f'<text x="{end:.1f}" y="{top + 12}" text-anchor="{anchor}">{value:+.2f}</text>'
        )
    height = len(parts) * line + 12
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(label)}">{"".join(parts)}'
        f'<line x1="{middle:.1f}" x2="{middle:.1f}" y1="4" y2="{height - 4}"/></svg>'
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
