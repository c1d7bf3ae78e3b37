"""Slides in a measured interferogram: what they touch changes as they say, and nothing else does."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import xarray as xr

from insarfeat import synth
from insarfeat.errors import InvalidArgument
from insarfeat.synth import PLAIN

STYLE = PLAIN.with_(
    regions="apennines", phase_filter="none", artefacts=0.0, slides=4.0, jitter=0.0, days=24.0, covered=0.0,
    coherence_window=3.0, looks=12.0,
)  # fmt: skip
SEED = 6


@functools.cache
def measured(size: int = 128) -> xr.Dataset:
    """Something like a measurement, with a hole."""
    rng = np.random.default_rng(1)
    made = synth.scene(3, size=size, without=["displacement", "artefacts", "noise"], style=STYLE)
    ground = made[["elevation", "interferogram", "coherence"]].copy(deep=True)
    noise = rng.normal(0.0, 0.05, (2, size, size))
    ground["interferogram"] += noise[0] + 1j * noise[1]
    ground["interferogram"] = ground["interferogram"].astype("complex64")
    ground["coherence"][:] = 0.7
    ground["interferogram"][60:70, 20:30] = np.nan
    ground["coherence"][60:70, 20:30] = np.nan
    return ground


@functools.cache
def with_slides(size: int = 128, **changed: Any) -> xr.Dataset:
    return synth.scene(SEED, ground=measured(size), style=STYLE.with_(**changed))


def touched(made: xr.Dataset) -> Any:
    return made["landslide_id"].values > 0


def test_there_are_slides() -> None:
    assert touched(with_slides()).sum() > 100
    assert (with_slides()["landslide"] == 1).any()


def test_interferogram_outside_slides_is_the_measured_one_bit_for_bit() -> None:
    made = with_slides()
    outside = ~touched(made)
    assert np.array_equal(
        made["interferogram"].values[outside], measured()["interferogram"].values[outside], equal_nan=True
    )


def test_ground_without_coherence_outside_slides_is_left_as_it_is_too() -> None:
    ground = measured().copy(deep=True)
    ground["coherence"][5:8, 5:8] = 0.0
    made = synth.scene(SEED, ground=ground, style=STYLE)
    assert not touched(made)[5:8, 5:8].any()
    assert np.array_equal(
        made["interferogram"].values[5:8, 5:8], ground["interferogram"].values[5:8, 5:8], equal_nan=True
    )


def test_coherence_outside_slides_is_the_measured_one() -> None:
    made = with_slides()
    # Away from slides by more than the window that coherence is estimated in.
    near = np.array(
        [np.roll(touched(made), (row, column), (0, 1)) for row in (-2, 0, 2) for column in (-2, 0, 2)]
    )
    outside = ~near.any(axis=0)
    np.testing.assert_allclose(
        made["coherence"].values[outside], measured()["coherence"].values[outside], atol=1e-6
    )


@pytest.mark.parametrize("unit", [0.05, 300.0])
def test_coherence_does_not_hang_on_the_unit_of_the_intensity(unit: float) -> None:
    ground = measured().copy(deep=True)
    ground["intensity"] = np.abs(ground["interferogram"]) * np.float32(unit)
    made = synth.scene(SEED, ground=ground, style=STYLE)
    outside = ~touched(made) & np.isfinite(made["coherence"].values)
    assert made["coherence"].values[outside].mean() == pytest.approx(
        np.nanmean(ground["coherence"].values[outside]), abs=0.05
    )


def test_phase_inside_slides_is_turned_by_their_true_phase() -> None:
    made = with_slides()
    turned = made["interferogram"].values * np.conj(measured()["interferogram"].values)
    strong = touched(made) & (made["coherence_true"].values > 0.5) & np.isfinite(turned)
    assert strong.sum() > 30
    away = np.angle(turned[strong] * np.exp(-1j * made["phase_true"].values[strong]))
    assert abs(np.mean(away)) < 0.05
    assert np.std(away) < 0.5


def test_coherence_is_lost_where_slides_cost_it() -> None:
    event = synth.scene(SEED, ground=measured(), style=STYLE.with_(regions="event"), classes=["EV"])
    inside = (event["landslide"].values == 1) & (measured()["coherence"].values > 0.5)
    assert inside.sum() > 10
    assert event["coherence_true"].values[inside].mean() < 0.6 * measured()["coherence"].values[inside].mean()


def test_nodata_stays_nodata_and_does_not_spread_through_the_interferogram() -> None:
    made = with_slides()
    assert np.array_equal(np.isnan(made["interferogram"]), np.isnan(measured()["interferogram"]))
    assert np.isnan(made["wrapped_phase"].values[62:68, 22:28]).all()


def test_nodata_is_not_valid() -> None:
    made = with_slides()
    assert (made["valid_mask"].values[60:70, 20:30] == 0).all()


def test_zeros_of_the_interferogram_are_nodata() -> None:
    ground = measured().copy(deep=True)
    ground["interferogram"][:4] = 0.0
    assert np.isnan(synth.scene(SEED, ground=ground, style=STYLE)["interferogram"].values[:4]).all()


def test_a_wrapped_phase_does_in_place_of_an_interferogram() -> None:
    phase = xr.ufuncs.angle(measured()["interferogram"]).astype("float32")
    ground = measured().drop_vars("interferogram").assign(wrapped_phase=phase)
    made = synth.scene(SEED, ground=ground, style=STYLE)
    outside = ~touched(made) & np.isfinite(phase.values)
    near = np.array([np.roll(~outside, (row, column), (0, 1)) for row in (-1, 0, 1) for column in (-1, 0, 1)])
    outside = ~near.any(axis=0)
    np.testing.assert_allclose(made["wrapped_phase"].values[outside], phase.values[outside], atol=1e-5)


def test_the_grid_is_that_of_the_ground() -> None:
    made = with_slides()
    np.testing.assert_array_equal(made["x"], measured()["x"])
    np.testing.assert_array_equal(made["y"], measured()["y"])
    assert made["spatial_ref"].attrs["crs_wkt"] == measured()["spatial_ref"].attrs["crs_wkt"]
    np.testing.assert_array_equal(made["elevation"], measured()["elevation"])


def test_without_background_only_the_ground_is_taken() -> None:
    made = synth.scene(SEED, ground=measured(), style=STYLE, without=["background"])
    assert np.isfinite(made["interferogram"]).all()
    np.testing.assert_array_equal(made["elevation"], measured()["elevation"])


def test_chunks_of_a_background_agree_with_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("insarfeat.synth.chunked.CHUNK", 64)
    lazy = synth.scene(SEED, ground=measured(), style=STYLE, lazy=True).compute()
    for name in ("interferogram", "coherence_true", "landslide", "phase_true"):
        np.testing.assert_array_equal(lazy[name], with_slides()[name], err_msg=name)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda ground: ground.drop_vars("elevation"), "Dataset without elevation"),
        (lambda ground: ground.drop_vars("coherence"), "has an interferogram and no coherence"),
        (lambda ground: ground.isel(y=slice(None, None, -1)), "has y upwards"),
        (lambda ground: ground.assign_coords(x=ground["x"] / 1e5, y=ground["y"] / 1e5), "degrees"),
        (lambda ground: ground.isel(x=slice(0, 20)), "20 pixels along x; it must have 32 or more"),
        (lambda ground: ground.isel(x=slice(None, None, 2)), "square pixels"),
    ],
)
def test_grounds_that_cannot_be_used_are_refused_with_the_fix(change: Any, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        synth.scene(SEED, ground=change(measured()), style=STYLE)


def test_holes_in_the_elevation_are_refused() -> None:
    ground = measured().copy(deep=True)
    ground["elevation"][3, 3] = np.nan
    with pytest.raises(
        InvalidArgument, match="ground has nodata, under which nothing can be placed: fill it"
    ):
        synth.scene(SEED, ground=ground, style=STYLE)
