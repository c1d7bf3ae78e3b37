"""The Gaussian against its gain in metres, brute force and nodata; the chain of the documents as one call."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import CRS
from scenes import distance, noisy_fringes, speckle

from insarfeat import filters
from insarfeat.errors import InvalidArgument


def brute_force(
    image: NDArray[np.complex64], sigma: float, pixel: tuple[float, float]
) -> NDArray[np.complex128]:
    """The definition, pixel by pixel, in double precision."""
    good = ~np.isnan(image) & (image != 0)
    out = np.full(image.shape, np.nan + 1j * np.nan)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    reach = [np.ceil(4 * sigma / size) for size in pixel]
    for i, j in np.argwhere(good):
        near = good & (abs(y - i) <= reach[0]) & (abs(x - j) <= reach[1])
        weight = np.exp(-(((y - i) * pixel[0]) ** 2 + ((x - j) * pixel[1]) ** 2) / (2 * sigma**2))[near]
        out[i, j] = (weight * image[near]).sum() / weight.sum()
    return out


@given(st.integers(0, 99), st.sampled_from([(10.0, 10.0), (14.0, 4.0), (30.0, 90.0)]), st.floats(0, 0.9))
def test_it_equals_its_definition(seed: int, pixel: tuple[float, float], holes: float) -> None:
    image = speckle(17, 23, seed=seed)
    rng = np.random.default_rng(seed)
    image[rng.random(image.shape) < holes] = np.nan
    image[rng.random(image.shape) < 0.05] = 0
    result = filters.gaussian(image, width=106.0, resolution=pixel)
    np.testing.assert_allclose(result, brute_force(image, 20.0, pixel), atol=2e-6)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("spacing", [(5.0, 5.0), (14.0, 4.0)])
def test_fringes_of_the_given_width_keep_half_of_their_amplitude(
    axis: int, spacing: tuple[float, float]
) -> None:
    place = np.mgrid[:400, :400][axis] * spacing[axis]
    wave = np.exp(2j * np.pi * place / 100.0)
    result = filters.gaussian(wave, width=100.0, resolution=spacing)
    assert abs(result[200, 200]) == pytest.approx(0.5, abs=0.01)
    np.testing.assert_allclose(np.angle(result[200, 200] / wave[200, 200]), 0, atol=1e-6)


def test_on_a_geographic_grid_the_width_is_on_the_ground() -> None:
    """At 60 degrees north columns are half as far apart as rows: the filter reaches twice as many of them."""
    impulse = np.full((81, 81), 1e-6, "c8")
    impulse[40, 40] = 1
    grid = xr.DataArray(
        impulse,
        {
            "lat": 60 - 0.0002 * (np.arange(81) - 40),
            "lon": 0.0002 * np.arange(81),
            "spatial_ref": ((), 0, {"crs_wkt": CRS.from_epsg(4326).to_wkt()}),
        },
        ("lat", "lon"),
        "interferogram",
    )
    result = np.abs(filters.gaussian(grid, width=300.0).values)
    spread = [
        np.sqrt((np.arange(-40, 41) ** 2 * profile).sum() / profile.sum())
        for profile in (result[:, 40] - 1e-6, result[40] - 1e-6)
    ]
    assert spread[0] * 22.28 == pytest.approx(
        300 / 5.3, rel=0.01
    )  # metres per 0.0002 degrees of latitude there
    assert spread[1] * 11.17 == pytest.approx(300 / 5.3, rel=0.01)


def test_a_phase_is_filtered_as_phasors() -> None:
    phase = np.angle(speckle(20, 30))
    phase[3, 4:9] = np.nan
    by_phase = filters.gaussian(phase, width=100.0, resolution=20.0)
    by_phasor = np.angle(filters.gaussian(np.exp(1j * phase), width=100.0, resolution=20.0))
    np.testing.assert_allclose(by_phase, by_phasor, atol=1e-5)
    assert np.isnan(by_phase[3, 4:9]).all()


def test_the_chain_is_its_three_parts() -> None:
    image, _ = noisy_fringes(90, 70)
    image[20:25, 30:40] = np.nan
    parts = filters.wrapped_phase(
        filters.goldstein(filters.gaussian(image, width=100.0, resolution=15.0), window=32, alpha=1.0)
    )
    np.testing.assert_array_equal(filters.filtered_phase(image, resolution=15.0), parts)


def test_the_chain_is_one_pass_over_chunks() -> None:
    image, _ = noisy_fringes(90, 70)
    lazy = filters.filtered_phase(da.from_array(image, chunks=(40, 33)), resolution=15.0)
    own = [layer for name, layer in lazy.dask.layers.items() if name == lazy.name]
    assert len(own) == 1
    # One task per chunk, the expression itself, and nothing else but the source's chunks.
    assert len(lazy.dask) == 3 * 3 + 1 + len(da.from_array(image, chunks=(40, 33)).dask)
    np.testing.assert_array_equal(
        lazy.compute(scheduler="sync"), filters.filtered_phase(image, resolution=15.0)
    )


def test_the_chain_takes_phases_too() -> None:
    image, _ = noisy_fringes(64, 64)
    phase = filters.wrapped_phase(image)
    unit = np.exp(1j * phase).astype("c8")
    apart = distance(
        filters.filtered_phase(phase, resolution=15.0), filters.filtered_phase(unit, resolution=15.0)
    )
    # The low-pass of a phase gives a phase: what is filtered next has lost its magnitude.
    assert np.median(apart) < 0.05


@pytest.mark.parametrize("width", [0, -5, float("inf"), float("nan"), "wide", None])
def test_impossible_widths_are_refused(width: object) -> None:
    with pytest.raises(InvalidArgument, match="width must be a positive number of metres"):
        filters.gaussian(speckle(5, 5), width=width, resolution=10.0)  # type: ignore[arg-type]


def test_a_width_of_thousands_of_pixels_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="width is too large: its Gaussian would reach over 7548"):
        filters.gaussian(speckle(5, 5), width=10_000.0, resolution=1.0)


def test_bare_arrays_need_a_resolution() -> None:
    with pytest.raises(InvalidArgument, match="a bare array needs resolution="):
        filters.gaussian(speckle(5, 5), width=100.0)
