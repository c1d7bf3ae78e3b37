"""How a training went, as a picture."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.training.log import Row, replace

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TRAINING, _VALIDATION = "#0072b2", "#d55e00"  # of the palette of Okabe and Ito, light and dark in grey, too
_SCORES = ("#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
_LOSS = "loss"
_NO_SCORES = (_LOSS, "threshold")
_SCORE_NAMES = {"map": "mAP", "map_0.3": "mAP at IoU 0.3", "iou": "IoU", "f1": "F1"}

_log = logging.getLogger(__name__)


def write_curves(rows: Sequence[Row], path: Path, note: str = "") -> None:
    """Draw the curves of a log as PNG. Without matplotlib there is none, which is told with the first epoch."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
    except ImportError:
        if len(rows) == 1:
            _log.info('no %s: pictures need the extra "plot"', path.name)
        return
    figure = draw_curves(rows, note)
    FigureCanvasAgg(figure)
    drawn = BytesIO()
    figure.savefig(drawn, format="png")
    replace(path, drawn.getvalue())


def draw_curves(rows: Sequence[Row], note: str = "") -> Figure:
    """Return a figure with losses to the left and the scores of the validation to the right, by epoch.

    Parameters
    ----------
    rows
        As :func:`zoo.training.log.read_log` gives them.
    note
        What stands below.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(7.6, 3.2), layout="constrained", dpi=110)
    left, right = figure.subplots(1, 2)
    _line(left, rows, [row.losses.get(_LOSS) for row in rows], "training", _TRAINING)
    _line(left, rows, [row.validation.get(_LOSS) for row in rows], "validation", _VALIDATION)
    left.set_ylabel("loss")
    names = list(dict.fromkeys(name for row in rows for name in row.validation if name not in _NO_SCORES))
    for number, name in enumerate(names):
        colour = _SCORES[number % len(_SCORES)]
        _line(
            right,
            rows,
            [row.validation.get(name) for row in rows],
            _SCORE_NAMES.get(name, name.replace("_", " ")),
            colour,
        )
    right.set_ylabel("on validation data")
    right.set_ylim(0.0, 1.0)
    for axes in (left, right):
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_xlim(0.5, max((row.epoch for row in rows), default=1) + 0.5)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(visible=True, linewidth=0.4, alpha=0.5)
        if axes.get_legend_handles_labels()[1]:
            axes.legend(fontsize=8, frameon=False)
    if note:
        figure.supxlabel(note, fontsize=7, color="0.3")
    return figure


def _line(axes: Axes, rows: Sequence[Row], values: Sequence[float | None], label: str, colour: str) -> None:
    known = [(row.epoch, value) for row, value in zip(rows, values, strict=True) if value is not None]
    if known:
        epochs, heights = zip(*known, strict=True)
        axes.plot(epochs, heights, label=label, color=colour, linewidth=1.4, marker="o", markersize=2.5)
