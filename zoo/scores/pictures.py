"""Pictures of scores: precision over recall, and what probabilities were worth. Needs the extra ``plot``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from insarfeat.errors import InvalidArgument
from zoo.scores.calibration import Reliability
from zoo.scores.values import Curve, origin_note

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")  # Okabe and Ito
_LINES = ("-", "--", "-.", ":")


def precision_recall_picture(curves: Mapping[str, Curve], *, on_synthetic: bool | None) -> Figure:
    """Draw precision over recall, one line per curve.

    Parameters
    ----------
    curves
        By name, as the legend shows it.
    on_synthetic
        Whether they were reached on synthetic scenes, or None where that is not known; it then stands below.

    Returns
    -------
    Figure
        Made without pyplot, so that threads may draw at the same time; save it with ``figure.savefig``.

    Raises
    ------
    MissingExtra
        Where matplotlib is not installed.

    Examples
    --------
    >>> curve = Curve(np.array([0.9, 0.8]), np.array([1.0, 0.5]), np.array([0.5, 1.0]))
    >>> precision_recall_picture({"CF": curve}, on_synthetic=True).axes[0].get_xlabel()
    'recall'
    """
    figure, axes = _square(curves, on_synthetic)
    for place, (name, curve) in enumerate(curves.items()):
        # A step holds its precision from the recall before it on; the first begins at no recall.
        axes.step(
            np.append(0.0, curve.recall),
            np.append(curve.precision[:1], curve.precision),
            where="pre",
            label=name,
            **_looks(place),
        )
    return _finished(figure, axes, "recall", "precision")


def reliability_picture(tables: Mapping[str, Reliability], *, on_synthetic: bool | None) -> Figure:
    """Draw how often slides were true over the probability that was told; the diagonal is what should be.

    Parameters
    ----------
    tables
        By name, as the legend shows it, such as before and after a temperature.
    on_synthetic
        Whether they were reached on synthetic scenes, or None where that is not known; it then stands below.

    Returns
    -------
    Figure
        Made without pyplot. Empty bins are left out.

    Raises
    ------
    MissingExtra
        Where matplotlib is not installed.

    Examples
    --------
    >>> from zoo.scores import reliability
    >>> table = reliability(np.array([0.2, 0.9]), [False, True])
    >>> reliability_picture({"network": table}, on_synthetic=True).axes[0].get_ylabel()
    'share of slides'
    """
    figure, axes = _square(tables, on_synthetic)
    axes.plot([0.0, 1.0], [0.0, 1.0], color="0.6", linewidth=0.8)
    for place, (name, table) in enumerate(tables.items()):
        filled = table.counts > 0
        label = f"{name}, error {table.expected_calibration_error:.3f}"
        axes.plot(
            table.confidence[filled],
            table.frequency[filled],
            marker="o",
            markersize=4,
            label=label,
            **_looks(place),
        )
    return _finished(figure, axes, "probability", "share of slides")


def _square(lines: Mapping[str, object], on_synthetic: bool | None) -> tuple[Figure, Any]:
    if not lines:
        raise InvalidArgument("there is nothing to draw; give at least one named line")
    from insarfeat.plot import require

    require()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 4.8), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    if note := origin_note(on_synthetic):
        figure.supxlabel(note.replace(": ", ":\n").replace("; ", ";\n"), fontsize=7, color="0.3")
    return figure, figure.add_subplot()


def _looks(place: int) -> dict[str, Any]:
    """Colour, and another kind of line for those who do not see colours."""
    return {
        "color": _COLOURS[place % len(_COLOURS)],
        "linestyle": _LINES[place % len(_LINES)],
        "linewidth": 1.5,
    }


def _finished(figure: Figure, axes: Any, across: str, up: str) -> Figure:
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.set_xlabel(across, fontsize=8)
    axes.set_ylabel(up, fontsize=8)
    axes.tick_params(labelsize=8, length=3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(fontsize=8, frameon=False)
    return figure
