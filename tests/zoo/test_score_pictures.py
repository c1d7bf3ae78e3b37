"""Pictures of scores: what stands on them, and that nobody loads matplotlib before one is drawn."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from insarfeat.errors import InvalidArgument
from zoo.scores import (
    ON_SYNTHETIC,
    Curve,
    precision_recall_picture,
    reliability,
    reliability_picture,
)

pytest.importorskip("matplotlib")

CURVE = Curve(np.array([0.9, 0.8]), np.array([1.0, 0.5]), np.array([0.25, 0.75]))


def words(figure) -> str:
    return figure.get_supxlabel().replace("\n", " ")


def test_each_curve_is_a_line_of_steps_with_its_name() -> None:
    figure = precision_recall_picture({"CF": CURVE, "CS": CURVE}, on_synthetic=True)
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["CF", "CS"]
    assert axes.lines[0].get_xdata().tolist() == [0.0, 0.25, 0.75]
    assert axes.lines[0].get_ydata().tolist() == [1.0, 1.0, 0.5]
    assert axes.lines[0].get_drawstyle() == "steps-pre"
    assert axes.lines[0].get_linestyle() != axes.lines[1].get_linestyle()


def test_a_picture_of_synthetic_scenes_says_so() -> None:
    assert words(precision_recall_picture({"CF": CURVE}, on_synthetic=True)) == ON_SYNTHETIC
    assert words(precision_recall_picture({"CF": CURVE}, on_synthetic=False)) == ""


def test_reliability_shows_filled_bins_beside_the_diagonal() -> None:
    table = reliability(np.array([0.05, 0.95, 0.95]), [0, 1, 0])
    figure = reliability_picture({"network": table}, on_synthetic=True)
    diagonal, line = figure.axes[0].lines
    assert list(diagonal.get_xdata()) == list(diagonal.get_ydata()) == [0.0, 1.0]
    np.testing.assert_allclose(line.get_xdata(), [0.05, 0.95], rtol=1e-6)
    assert line.get_ydata().tolist() == [0.0, 0.5]


def test_a_picture_can_be_saved(tmp_path) -> None:
    precision_recall_picture({"CF": CURVE}, on_synthetic=True).savefig(tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes()[:4] == b"\x89PNG"


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="nothing to draw"):
        precision_recall_picture({}, on_synthetic=True)


def test_scores_load_neither_torch_nor_matplotlib() -> None:
    code = (
        "import sys, zoo.scores;"
        "heavy = {'torch', 'matplotlib', 'xarray', 'sklearn', 'pandas'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
