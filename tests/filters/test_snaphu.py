"""The files and tiles that SNAPHU is given, and how its components become labels; it need not run for that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from insarfeat.filters import snaphu
from insarfeat.windows import Shape


def test_tiles_are_no_larger_than_said_and_cover_the_raster() -> None:
    for size in (1, 2048, 2049, 3000, 10_000, 29_123):
        side = snaphu.Side.of(size)
        assert side.tile <= 2048
        edges = [0, *side.edges(), size]
        assert len(edges) == side.count + 1
        assert min(np.diff(edges)) > 0
        # The tile numbered n begins n strides in, and gives half of what it shares to each neighbour.
        for number, edge in enumerate(edges[1:-1], 1):
            assert edge == number * (side.tile - side.overlap) + 200
    rows, columns = snaphu._cut(Shape(100, 40_000))
    assert (rows.count, columns.count) == (1, 1)


def test_components_that_meet_with_a_jump_stay_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snaphu, "_TILE", 100)
    monkeypatch.setattr(snaphu, "_OVERLAP", 40)
    bench = snaphu.Workbench(tmp_path, Shape(160, 90))
    (edge,) = snaphu.Side.of(160).edges()
    labels = np.zeros((160, 90), "u4")
    labels[:edge, :40], labels[edge:, :40] = 1, 2
    labels[:edge, 50:], labels[edge:, 50:] = 3, 4
    phase = np.zeros((160, 90), "f4")
    phase[edge:, 50:] = 2 * np.pi
    labels.tofile(tmp_path / "components")
    phase.tofile(tmp_path / "unwrapped")
    table = bench._labels((snaphu.Side.of(160), snaphu.Side(90, 1)))
    assert table[0] == 0
    assert table[1] == table[2] == 1
    assert {table[3], table[4]} == {2, 3}


def test_small_components_and_those_beyond_the_last_label_are_none(tmp_path: Path) -> None:
    sizes = np.concatenate([[10, 999], np.arange(1000, 1300)])
    labels = np.repeat(np.arange(1, len(sizes) + 1, dtype="u4"), sizes)
    shape = Shape(len(labels) // 500 + 1, 500)
    raster = np.zeros(shape.height * shape.width, "u4")
    raster[: len(labels)] = labels
    raster.tofile(tmp_path / "components")
    np.zeros((shape.height, shape.width), "f4").tofile(tmp_path / "unwrapped")
    table = snaphu.Workbench(tmp_path, shape)._labels(snaphu._cut(shape))
    expected = np.zeros(len(sizes) + 1, int)
    expected[-254:] = np.arange(254, 0, -1)
    np.testing.assert_array_equal(table, expected)


# -- kinds of arrays ------------------------------------------------------------------------------------------
