"""What is measured of an interferogram against what it was made of."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from pair_scenes import PIXEL, between, mountains, on_map, patches, plane, speckled, turbulence

import insarfeat
from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType
from insarfeat.filters import phase_coherence, phase_deviation
from insarfeat.pairs import Quality, assess
from insarfeat.pairs.cells import Spacing, gather
from insarfeat.pairs.trend import fit_trend

SIZE = 512


def phase_of(image: np.ndarray) -> np.ndarray:
    return np.angle(image).astype("f4")


def noisy(seed: int, phase: np.ndarray, coherence: float = 0.6, looks: int = 4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.asarray(speckled(rng, phase.shape, coherence, looks) * np.exp(1j * phase))


def numbers(found: Quality) -> np.ndarray:
    return np.array([value for value in dataclasses.astuple(found) if isinstance(value, float)])


@pytest.mark.parametrize("seed", range(4))
def test_fringes_of_a_plane_are_counted_with_their_sign(seed: int) -> None:
    down, across = np.random.default_rng(seed).uniform(-25, 25, 2)
    found = assess(
        {"wrapped_phase": phase_of(noisy(seed, plane((SIZE, SIZE), down, across)))}, resolution=PIXEL
    )
    assert found.fringes_down == pytest.approx(down, abs=0.03)
    assert found.fringes_across == pytest.approx(across, abs=0.03)
    assert found.ramp == pytest.approx(math.hypot(down, across), abs=0.03)


@pytest.mark.parametrize("turns", [0.02, 0.11, 0.3, -0.45])
def test_a_plane_steeper_than_the_cells_is_found_as_well(turns: float) -> None:
    wanted = turns * SIZE
    image = noisy(1, plane((SIZE, SIZE), wanted, -0.7 * wanted))
    found = assess({"interferogram": image}, resolution=PIXEL)
    assert found.fringes_down == pytest.approx(wanted, abs=0.05)
    assert found.fringes_across == pytest.approx(-0.7 * wanted, abs=0.05)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("slope", [-1.2, -0.1, 0.4, 2.0])
def test_the_stratified_part_is_found_beside_a_plane_with_its_sign(seed: int, slope: float) -> None:
    dem = mountains(seed, SIZE)
    image = noisy(seed, plane((SIZE, SIZE), 3.3, -5.2) + slope / 100 * dem)
    found = assess({"interferogram": image, "elevation": dem}, resolution=PIXEL)
    relief = np.ptp(np.percentile(dem, [5, 95]))
    assert found.stratified_slope == pytest.approx(slope, abs=0.01)
    assert found.stratified == pytest.approx(abs(slope) / 100 * relief, rel=0.03, abs=0.1)
    assert found.fringes_down == pytest.approx(3.3, abs=0.05)
    assert found.fringes_across == pytest.approx(-5.2, abs=0.05)


def test_a_hillside_is_told_from_a_plane() -> None:
    # Elevation and plane are nearly the same: only what the one has and the other has not can tell.
    y, x = np.mgrid[:SIZE, :SIZE]
    dem = 2.0 * x + 60 * np.sin(y / 40) * np.cos(x / 40)
    assert np.corrcoef(dem.ravel(), x.ravel())[0, 1] > 0.99
    image = noisy(1, plane((SIZE, SIZE), 0.0, -4.0) + 0.008 * dem)
    found = assess({"interferogram": image, "elevation": dem}, resolution=PIXEL)
    assert found.stratified_slope == pytest.approx(0.8, abs=0.02)
    assert found.fringes_across == pytest.approx(-4.0, abs=0.05)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("deviation", [0.5, 1.5])
def test_turbulence_is_measured_and_hardly_moves_the_stratified_part(seed: int, deviation: float) -> None:
    size = 1024
    dem, air = mountains(seed, size), turbulence(seed, size, deviation)
    image = noisy(seed, plane((size, size), 7.0, 4.0) + 0.005 * dem + air)
    found = assess({"interferogram": image, "elevation": dem}, resolution=PIXEL)
    assert found.turbulence == pytest.approx(between(air, PIXEL).std(), rel=0.12)
    relief = np.ptp(np.percentile(dem, [5, 95]))
    assert abs(found.stratified - 0.005 * relief) < 0.2 * deviation


def test_least_squares_on_the_unwrapped_truth_are_led_astray_further_by_turbulence() -> None:
    ours, theirs = [], []
    for seed in range(6):
        dem, air = mountains(seed, SIZE), turbulence(seed, SIZE, 1.0)
        image = noisy(seed, 0.005 * dem + air)
        found = assess({"interferogram": image, "elevation": dem}, resolution=PIXEL)
        y, x = np.mgrid[:SIZE, :SIZE]
        terms = np.stack([np.ones(dem.size), y.ravel(), x.ravel(), dem.ravel()], axis=1)
        fitted = np.linalg.lstsq(terms, (0.005 * dem + air).ravel(), rcond=None)[0]
        ours.append(found.stratified_slope - 0.5)
        theirs.append(100 * fitted[3] - 0.5)
    assert np.std(ours) < 0.5 * np.std(theirs)


@pytest.mark.parametrize("seed", range(4))
def test_wild_turbulence_invents_no_stratified_part_larger_than_itself(seed: int) -> None:
    # Beyond the shortest lag differences wrap: what they seem to say must not count.
    image = noisy(seed, turbulence(seed, SIZE, 9.0))
    found = assess({"interferogram": image}, elevation=mountains(seed, SIZE), resolution=PIXEL)
    assert found.stratified < 4.5


def test_noise_makes_the_stratified_part_less_certain_but_not_wrong() -> None:
    dem = mountains(3, SIZE)
    for coherence, looks in ((0.2, 1), (0.4, 1), (0.6, 4)):
        image = noisy(3, plane((SIZE, SIZE), 1, 1) + 0.005 * dem, coherence, looks)
        found = assess({"interferogram": image}, elevation=dem, resolution=PIXEL)
        error = found.stratified - 0.005 * np.ptp(np.percentile(dem, [5, 95]))
        assert abs(error) < 0.2


def test_level_ground_has_no_stratified_part_to_tell() -> None:
    image = noisy(1, plane((SIZE, SIZE), 2, 1))
    found = assess({"interferogram": image}, elevation=np.full((SIZE, SIZE), 55.0), resolution=PIXEL)
    assert math.isnan(found.stratified)
    assert found.fringes_down == pytest.approx(2.0, abs=0.05)


def test_calm_air_has_no_turbulence_however_noisy_the_phase() -> None:
    for coherence in (0.9, 0.5, 0.3):
        found = assess({"interferogram": noisy(2, plane((SIZE, SIZE), 2, 3), coherence)}, resolution=PIXEL)
        assert found.turbulence < 0.05


@pytest.mark.parametrize("looks", [1, 4, 10])
@pytest.mark.parametrize("coherence", [0.2, 0.4, 0.6, 0.8, 0.95])
def test_noise_is_that_of_the_coherence_and_the_looks(coherence: float, looks: int) -> None:
    image = noisy(3, plane((SIZE, SIZE), 20.0, -14.0), coherence, looks)
    found = assess({"wrapped_phase": phase_of(image)}, resolution=PIXEL)
    wanted = float(phase_deviation(np.array([[coherence]]), looks=looks)[0, 0])
    assert found.noise == pytest.approx(wanted, rel=0.1 if looks == 1 else 0.065)


def test_noise_does_not_care_for_fringes() -> None:
    flat, steep = (noisy(3, plane((SIZE, SIZE), turns, turns)) for turns in (0, 40))
    found = [assess({"interferogram": image}, resolution=PIXEL).noise for image in (flat, steep)]
    assert found[0] == pytest.approx(found[1], rel=1e-3)


def test_half_noise_and_holes_leave_everything_else_as_it_was() -> None:
    for seed in range(4):
        size = 1024
        dem, air, bad = mountains(seed, size), turbulence(seed, size, 0.7), patches(seed, size)
        rng = np.random.default_rng(seed)
        image = noisy(seed, plane((size, size), -6.0, 9.0) + 0.007 * dem + air)
        image[bad] = speckled(rng, image.shape, 0.0, 4)[bad]
        image[200:400, 300:700] = np.nan
        coherence = np.where(bad, 0.1, 0.6)
        found = assess({"interferogram": image, "coherence": coherence}, elevation=dem, resolution=PIXEL)
        there = np.isfinite(image)
        assert found.coverage == pytest.approx(there.mean(), abs=1e-6)
        assert found.decorrelated == pytest.approx(bad[there].mean(), abs=1e-6)
        assert found.mean_coherence == pytest.approx(coherence[there].mean(), abs=1e-6)
        assert found.stratified_slope == pytest.approx(0.7, abs=0.06)
        assert found.fringes_down == pytest.approx(-6.0, abs=0.4)  # turbulence has a plane of its own
        assert found.fringes_across == pytest.approx(9.0, abs=0.4)
        assert found.turbulence == pytest.approx(between(air, PIXEL)[~bad].std(), rel=0.15)


def test_single_pixels_of_noise_strewn_over_half_of_the_scene_do_no_harm() -> None:
    rng = np.random.default_rng(5)
    dem = mountains(5, SIZE)
    phase = plane((SIZE, SIZE), 5.0, -3.0) + 0.01 * dem
    strewn = rng.random(phase.shape) < 0.5
    phase[strewn] = rng.uniform(-np.pi, np.pi, strewn.sum())
    found = assess({"wrapped_phase": phase}, elevation=dem, resolution=PIXEL)
    assert found.stratified_slope == pytest.approx(1.0, abs=0.02)
    assert found.fringes_down == pytest.approx(5.0, abs=0.1)
    assert found.fringes_across == pytest.approx(-3.0, abs=0.1)


def test_nothing_but_noise_has_no_plane() -> None:
    for seed in range(5):
        image = speckled(np.random.default_rng(seed), (SIZE, SIZE), 0.0, 4)
        found = assess({"interferogram": image}, elevation=mountains(seed, SIZE), resolution=PIXEL)
        assert math.isnan(found.ramp)
        assert math.isnan(found.stratified)
        assert math.isnan(found.turbulence)
        assert 1.65 < found.noise < 1.82


def test_where_there_is_no_coherence_that_of_the_phase_takes_its_place() -> None:
    phase = phase_of(noisy(6, plane((SIZE, SIZE), 1, 1), 0.3))
    found = assess({"wrapped_phase": phase}, resolution=PIXEL)
    own = phase_coherence(phase)
    assert found.coherence_from == "phase"
    assert found.mean_coherence == pytest.approx(own.mean(), rel=1e-6)
    assert found.decorrelated == pytest.approx((own < 0.3).mean(), abs=1e-6)


def test_without_elevation_nothing_is_said_of_a_stratified_part() -> None:
    found = assess({"interferogram": noisy(1, plane((SIZE, SIZE), 1, 1))}, resolution=PIXEL)
    assert math.isnan(found.stratified)
    assert math.isnan(found.stratified_slope)


def test_without_lengths_everything_counts_in_pixels() -> None:
    air = turbulence(3, SIZE, 1.0)
    found = assess({"interferogram": noisy(3, plane((SIZE, SIZE), 2, 3) + air)})
    assert found.unit == "pixels"
    assert found.turbulence == pytest.approx(between(air, 1.0, 64, 320).std(), rel=0.12)


def test_pixels_need_not_be_square() -> None:
    air = turbulence(4, SIZE, 1.0)
    wide = np.repeat(air, 4, axis=1)
    image = noisy(4, wide, 0.8)
    found = assess({"interferogram": image}, resolution=(PIXEL, PIXEL / 4))
    assert found.turbulence == pytest.approx(between(air, PIXEL).std(), rel=0.12)


@pytest.mark.parametrize("chunks", [(512, 512), (100, 100), (7, 300), (301, 64)])
@pytest.mark.parametrize("kind", ["interferogram", "wrapped_phase"])
def test_any_chunking_gives_the_same_numbers(chunks: tuple[int, int], kind: str) -> None:
    dem = mountains(7, SIZE).astype("f4")
    image = noisy(7, plane((SIZE, SIZE), 90.0, 80.0) + 0.01 * dem).astype(
        "c8"
    )  # steep: taken off and summed again
    image[40:90, 100:400] = np.nan
    phase = image if kind == "interferogram" else phase_of(image)
    coherence = np.random.default_rng(7).random((SIZE, SIZE)).astype("f4")
    arrays = {kind: phase, "coherence": coherence, "elevation": dem}
    whole = assess(arrays, resolution=PIXEL)
    lazy = assess({name: da.from_array(one, chunks) for name, one in arrays.items()}, resolution=PIXEL)
    np.testing.assert_array_equal(numbers(lazy), numbers(whole))
    alone = {"lazy": da.from_array(phase, chunks), "whole": phase}
    by_phase = [numbers(assess({kind: one}, resolution=PIXEL)) for one in alone.values()]
    np.testing.assert_array_equal(*by_phase)


def test_single_and_double_precision_agree() -> None:
    phase = np.angle(noisy(8, plane((SIZE, SIZE), 5, 5)))
    single, double = (
        assess({"wrapped_phase": phase.astype(kind)}, resolution=PIXEL) for kind in ("f4", "f8")
    )
    np.testing.assert_allclose(numbers(single), numbers(double), rtol=2e-3, atol=2e-5)


def test_a_complex_and_a_real_phase_and_an_unwrapped_one_are_one() -> None:
    image = noisy(8, plane((SIZE, SIZE), 5, 5))
    wrapped = np.angle(image)
    turns = 2 * np.pi * np.round(plane((SIZE, SIZE), 5, 5) / (2 * np.pi))
    given = [{"interferogram": image}, {"wrapped_phase": wrapped}, {"unwrapped_phase": wrapped + turns}]
    first, *others = (numbers(assess(layers, resolution=PIXEL)) for layers in given)
    for other in others:
        np.testing.assert_allclose(other, first, rtol=1e-5, atol=1e-6)


def test_lengths_come_from_the_coordinates() -> None:
    image = noisy(9, plane((SIZE, SIZE), 5, 5) + turbulence(9, SIZE, 1.0))
    mapped = assess(on_map(interferogram=image))
    assert mapped.unit == "m"
    bare = assess({"interferogram": image}, resolution=PIXEL)
    np.testing.assert_allclose(numbers(mapped), numbers(bare), rtol=1e-3)


def test_inputs_are_left_alone() -> None:
    phase = phase_of(noisy(1, plane((64, 64), 1, 1)))
    before = phase.copy()
    assess({"wrapped_phase": phase}, resolution=PIXEL)
    np.testing.assert_array_equal(phase, before)


@pytest.mark.parametrize("shape", [(2, 2), (3, 50), (20, 20), (9, 1000)])
def test_small_rasters_are_judged_too(shape: tuple[int, int]) -> None:
    found = assess({"wrapped_phase": np.zeros(shape, "f4"), "elevation": np.zeros(shape, "f4")})
    assert found.coverage == 1
    assert found.mean_coherence == 1


def test_an_empty_interferogram_has_no_coverage_and_no_numbers() -> None:
    found = assess({"wrapped_phase": np.full((64, 64), np.nan, "f4")}, elevation=np.ones((64, 64)))
    assert found.coverage == 0
    assert math.isnan(found.mean_coherence)
    assert math.isnan(found.noise)


def test_elevation_on_another_grid_is_brought_over() -> None:
    dem = mountains(2, SIZE)
    phase = on_map(interferogram=noisy(2, plane((SIZE, SIZE), 2, 2) + 0.01 * dem))
    coarse = on_map(elevation=dem)["elevation"].coarsen(y=2, x=2).mean()
    coarse = coarse.copy(data=coarse.values.round().astype("i2"))
    found = assess(phase, elevation=coarse)
    assert found.stratified_slope == pytest.approx(1.0, abs=0.03)


def test_elevation_of_another_place_is_refused() -> None:
    phase = on_map(interferogram=noisy(2, plane((64, 64), 2, 2)))
    elsewhere = on_map(elevation=mountains(2, 64))["elevation"].assign_coords(x=phase.x + 9e4)
    with pytest.raises(GridMismatch, match="elevation"):
        assess(phase, elevation=elsewhere)


def test_layers_that_do_not_fit_are_refused() -> None:
    phase = np.zeros((64, 64), "f4")
    with pytest.raises(InvalidType, match="layers must be a Dataset"):
        assess(phase)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match=r"hold no 'interferogram'.*There are: slope, tri"):
        assess({"slope": phase, "tri": phase})
    with pytest.raises(GridMismatch, match="coherence is 32 x 64 pixels, the phase 64 x 64"):
        assess({"wrapped_phase": phase, "coherence": phase[:32]})
    with pytest.raises(InvalidArgument, match="coherence must be from 0 to 1, and its mean is 140"):
        assess({"wrapped_phase": phase, "coherence": np.full((64, 64), 140, "u1")})
    with pytest.raises(InvalidArgument, match="one pair is judged at a time"):
        assess({"wrapped_phase": np.zeros((3, 64, 64), "f4")})
    with pytest.raises(InvalidType, match="with NaN for nodata; got MaskedArray"):
        assess({"wrapped_phase": np.ma.masked_less(phase, -1)})


def test_memory_is_bounded_by_cells_of_more_pixels() -> None:
    huge = da.zeros((60_000, 60_000), chunks=(4096, 4096), dtype="f4")
    looks = Spacing(1.0, 1.0, "m").looks
    assert looks == (125, 125)
    made: list[tuple[int, int]] = []

    def stop(sums: object, parameters: tuple[int, int]) -> None:
        made.append((parameters[0], parameters[1]))
        raise RuntimeError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("insarfeat.pairs.cells._sums", stop)
        with pytest.raises(RuntimeError):
            gather(huge, None, None, Spacing(30.0, 30.0, "m"))
    rows, columns = made[0]
    assert (60_000 // rows) * (60_000 // columns) <= 2**21


def test_a_trend_of_nothing_is_nothing() -> None:
    found = fit_trend(np.zeros((5, 5), complex))
    assert math.isnan(found.down)
    assert found.strength == 0


def layer_of(path: Path, nodata: Callable[[xr.DataArray], xr.DataArray]) -> xr.DataArray:
    stack = insarfeat.open_stack(path)
    (name,) = stack.data_vars
    return nodata(stack[name].compute())


def test_a_real_pair_over_morocco(test_data: Path) -> None:
    folder = test_data / "ifg_morocco_eotools"
    if not folder.is_dir():
        pytest.skip("no sample ifg_morocco_eotools")
    phase = layer_of(folder / "phi_vv.tif", lambda one: one.where(one > -100))
    coherence = layer_of(folder / "coh_vv.tif", lambda one: one.where(one > 0))
    dem = layer_of(folder / "dem_iw1_60m.tif", lambda one: one)
    found = assess(xr.Dataset({"wrapped_phase": phase, "coherence": coherence}), elevation=dem)
    # Least squares on the phase, which hardly wraps here, with elevation and polynomials of orders 0 to 3: -0.60 to
    # -0.69 rad per 100 m. Differences are damped by the elevation's own errors, on ground as gentle as this.
    assert found.coverage == pytest.approx(0.83, abs=0.01)
    assert -0.8 < found.stratified_slope < -0.4
    assert found.mean_coherence == pytest.approx(float(coherence.where(phase.notnull()).mean()), abs=0.003)
    assert found.ramp < 0.5


def test_real_pairs_over_mexico_have_the_planes_of_their_unwrapped_phases(test_data: Path) -> None:
    folder = test_data / "ifg_mexico_pyrate_cropA"
    if not folder.is_dir():
        pytest.skip("no sample ifg_mexico_pyrate_cropA")
    for pair in ("20180319-20180331", "20180506-20180530", "20180307-20180331"):
        unwrapped = layer_of(folder / f"cropA_{pair}_VV_8rlks_eqa_unw.tif", lambda one: one.where(one != 0))
        wrapped = xr.zeros_like(unwrapped) + np.angle(np.exp(1j * unwrapped.values))
        found = assess(xr.Dataset({"wrapped_phase": wrapped}))
        there = np.isfinite(unwrapped.values)
        y, x = np.nonzero(there)
        terms = np.stack([np.ones(y.size), y, x], axis=1)
        fitted = np.linalg.lstsq(terms, unwrapped.values[there], rcond=None)[0]
        turns = fitted[1:] * unwrapped.shape / (2 * np.pi)
        assert found.fringes_down == pytest.approx(turns[0], abs=0.15)
        assert found.fringes_across == pytest.approx(turns[1], abs=0.15)
