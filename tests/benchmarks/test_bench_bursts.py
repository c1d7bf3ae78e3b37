"""The benchmark of full bursts, on bursts small enough for a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import insarfeat
from benchmarks import bursts
from insarfeat import filters

SHAPE, EVERY = (60, 500), 50


def test_a_run_goes_from_disk_to_disk_and_says_what_it_took(tmp_path: Path) -> None:
    bursts.make(tmp_path, 2, SHAPE)
    row = bursts.run(tmp_path, 2, 64, SHAPE, EVERY)
    assert (row["height"], row["width"]) == (EVERY + SHAPE[0] - 6, 500)
    assert row["tasks"] == 2 * 8
    assert 0 < row["reading_share"] < 1
    assert 0 < row["writing_share"] < 1
    assert row["peak_mb"] >= row["imports_mb"]
    table = bursts.as_table([row])
    assert "| 2 burst(s), 104 x 500 | 64 |" in table
    assert not list(tmp_path.glob("tmp*"))


def test_its_images_are_as_coherent_as_they_are_made(tmp_path: Path) -> None:
    bursts.make(tmp_path, 1, SHAPE)
    stored = insarfeat.open_stack(tmp_path / "burst-0.zarr")
    primary, secondary = stored["primary"].values, stored["secondary"].values
    assert (primary == 0).mean() == (secondary == 0).mean() > 0.8  # the invalid frame of so small a burst
    inside = np.s_[3:-3, 200:-200]
    found = filters.coherence(primary[inside], secondary[inside], window=(9, 21))
    y, x = np.mgrid[3:57, 200:300]
    made = 0.5 + 0.4 * np.sin(y / 211) * np.sin(x / 389)
    assert abs(np.nanmean(found) - made.mean()) < 0.05
