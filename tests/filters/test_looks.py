"""Multilooking against its definition: means of valid pixels, most frequent values of masks, coherence of cells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS
from scenes import pair, read_band, speckle

from insarfeat import filters
from insarfeat.errors import InvalidArgument, InvalidType


def test_multilook_is_the_mean_of_the_valid_pixels() -> None:
    image = speckle(9, 7)
    image[0, 0], image[0, 1], image[4:6, 2:4] = np.nan, 0, np.nan
    result = filters.multilook(image, looks=(2, 2))
    assert result.shape == (4, 3)
    assert result[0, 0] == pytest.approx((image[1, 0] + image[1, 1]) / 2)
    assert np.isnan(result[2, 1])
    np.testing.assert_allclose(result[3, 2], image[6:8, 4:6].mean(), rtol=1e-6)


def test_a_mask_takes_the_most_frequent_value_of_its_valid_pixels() -> None:
    mask = np.array([[0, 0, 1, 0, 255, 255, 3, 3], [0, 1, 1, 0, 255, 255, 255, 2]], "u1")
    result = filters.multilook(mask, looks=(2, 2))
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, [[0, 1, 255, 3]])  # of two as frequent, the larger
    np.testing.assert_array_equal(filters.multilook(mask == 1, looks=(2, 4)), [[0, 0]])


def test_each_raster_of_a_dataset_is_looked_in_its_own_way() -> None:
    dataset = xr.Dataset(
        {
            "elevation": (("y", "x"), np.arange(16.0, dtype="f4").reshape(4, 4)),
            "landslide": (("y", "x"), np.eye(4, dtype="u1")),
        },
        {"y": [30.0, 20.0, 10.0, 0.0], "x": [0.0, 10.0, 20.0, 30.0]},
    )
    result = filters.multilook(dataset, looks=(2, 2))
    assert result["elevation"].dtype == np.float32
    assert result["landslide"].dtype == np.uint8
    np.testing.assert_array_equal(result["y"], [25.0, 5.0])
    np.testing.assert_array_equal(result["landslide"], [[1, 0], [0, 1]])


def test_looks_are_chosen_for_a_target_pixel() -> None:
    image = speckle(300, 260)
    assert filters.multilook(image, looks="auto", resolution=(14.0, 3.7)).shape == (150, 32)
    assert filters.multilook(image, looks="auto", pixel=100.0, resolution=20.0).shape == (60, 52)
    assert filters.multilook(image, looks="auto", pixel=5.0, resolution=20.0).shape == image.shape


def test_looks_on_a_geographic_grid_follow_the_ground() -> None:
    """At 60 degrees north a degree of longitude is half as long."""
    grid = xr.DataArray(
        speckle(60, 60),
        {
            "lat": 60 - 0.0001 * np.arange(60),
            "lon": 0.0001 * np.arange(60),
            "spatial_ref": ((), 0, {"crs_wkt": CRS.from_epsg(4326).to_wkt()}),
        },
        ("lat", "lon"),
        "interferogram",
    )
    result = filters.multilook(grid, looks="auto", pixel=30.0)  # rows of 11.1 m, columns of 5.6 m
    assert result.shape == (20, 12)
    assert result["lat"].values[0] == pytest.approx(60 - 0.0001)


@given(st.integers(0, 99), st.sampled_from([(1, 1), (2, 3), (4, 9)]), st.floats(0, 0.9))
def test_coherence_of_cells_equals_its_definition(seed: int, looks: tuple[int, int], holes: float) -> None:
    a, b = pair(13, 20, coherence=0.6, seed=seed)
    rng = np.random.default_rng(seed)
    a[rng.random(a.shape) < holes] = np.nan
    b[rng.random(b.shape) < holes / 3] = 0
    result = filters.multilook_coherence(a, b, looks=looks)
    for i, j in np.ndindex(result.shape):
        cell = np.s_[i * looks[0] : (i + 1) * looks[0], j * looks[1] : (j + 1) * looks[1]]
        p, q = a[cell].astype("c16"), b[cell].astype("c16")
        good = ~np.isnan(p) & (q != 0)
        if not good.any():
            assert np.isnan(result[i, j])
            continue
        p, q = p[good], q[good]
        expected = abs((p * q.conj()).sum()) / np.sqrt((abs(p) ** 2).sum() * (abs(q) ** 2).sum())
        assert result[i, j] == pytest.approx(expected, abs=1e-6)


def test_cells_of_incoherent_images_average_to_nothing_when_unbiased() -> None:
    a, b = pair(400, 400, coherence=0.0)
    raw = filters.multilook_coherence(a, b, looks=(4, 8)).mean()
    unbiased = filters.multilook_coherence(a, b, looks=(4, 8), unbiased=True).mean()
    assert raw == pytest.approx(np.sqrt(np.pi / (4 * 32)), abs=0.01)
    assert unbiased < raw / 2


def test_the_real_pair_is_as_coherent_as_its_source_says(test_data: Path) -> None:
    folder = test_data / "slc_amsterdam_sarxarray"
    images = [read_band(folder / f"slc_{day}_vv.tif") for day in ("20230319", "20230331")]
    sliding = filters.coherence(*images, window=(3, 9))
    assert np.nanmedian(sliding) == pytest.approx(0.82, abs=0.01)
    assert np.nanmedian(filters.multilook_coherence(*images, looks=(3, 9))) == pytest.approx(0.82, abs=0.02)


@pytest.mark.parametrize("looks", [(0, 1), (1, -1), 3, (1, 2, 3), "ab", (1.5, 2), None])
def test_impossible_looks_are_refused(looks: object) -> None:
    with pytest.raises(InvalidArgument, match="looks must be two whole numbers"):
        filters.multilook(speckle(5, 5), looks=looks)  # type: ignore[arg-type]


def test_a_target_pixel_needs_a_known_size() -> None:
    with pytest.raises(InvalidArgument, match='looks="auto" needs resolution='):
        filters.multilook(speckle(5, 5), looks="auto")
    with pytest.raises(InvalidArgument, match="pixel must be a positive number"):
        filters.multilook(speckle(5, 5), looks="auto", pixel=-1.0, resolution=5.0)
    with pytest.raises(InvalidArgument, match='resolution= is for looks="auto"'):
        filters.multilook(speckle(5, 5), looks=(2, 2), resolution=5.0)
    with pytest.raises(InvalidType, match="x must be a raster"):
        filters.multilook(7, looks="auto", resolution=5.0)


def test_angles_are_averaged_as_directions_where_the_name_tells_that_they_are() -> None:
    phase = xr.DataArray(np.array([[3.0, -3.0], [3.1, -3.1]], "f4"), dims=("y", "x"), name="wrapped_phase")
    (found,) = filters.multilook(phase, looks=(2, 2)).values.ravel()
    assert abs(abs(found) - np.pi) < 1e-5
    aspect = xr.DataArray(np.array([[350.0, 30.0]]), dims=("y", "x"), name="aspect")
    np.testing.assert_allclose(filters.multilook(aspect, looks=(1, 2)).values, [[10.0]], atol=1e-9)
    angles = xr.DataArray(np.random.default_rng(0).uniform(-50, 50, (20, 30)), dims=("y", "x"))
    for looks in ((1, 4), (3, 2)):
        expected = filters.multilook(angles, looks=looks)
        directions = filters.multilook(np.exp(1j * np.radians(angles)), looks=looks)
        means = filters.multilook(angles.rename("heading"), looks=looks)
        np.testing.assert_allclose(means, np.degrees(np.angle(directions)), atol=1e-6)
        assert means.shape == expected.shape
    both = filters.multilook(xr.Dataset({"aspect": aspect, "slope": aspect.rename("slope")}), looks=(1, 2))
    np.testing.assert_allclose([both["aspect"].item(), both["slope"].item()], [10.0, 190.0], atol=1e-9)
    assert both["aspect"].name == "aspect"
