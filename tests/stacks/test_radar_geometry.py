"""Stacks from products in radar geometry: by the places of their pixels, and by orbit and DEM."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from pyproj import Transformer

from insarfeat import geometry
from insarfeat.errors import GridMismatch, InvalidArgument
from insarfeat.georeference import grid_of
from insarfeat.io import read_swath
from insarfeat.stacks import Recipe
from insarfeat.stacks.layers import stack_layers
from insarfeat.stacks.sources import Sources

PLAIN = Recipe.named("detection").changed(phase={"gaussian": None, "alpha": 0.0})
ANGLES = {"incidence": 39.0, "heading": -12.0}


def radar(layer: Any, name: str) -> xr.DataArray:
    return xr.DataArray(layer, dims=("line", "sample"), name=name)


def places(rows: int = 240, columns: int = 320) -> tuple[Any, Any]:
    """Latitudes and longitudes of an image whose lines run obliquely over the map, pixels of 14 x 4 m."""
    line, sample = np.mgrid[:rows, :columns]
    latitude = 46.0 - 1.25e-4 * line - 0.8e-5 * sample
    longitude = 10.0 + 5e-5 * sample - 3.5e-5 * line
    return latitude, longitude


def fringes(latitude: Any, longitude: Any) -> Any:
    return 2 * np.pi * (latitude - 46.0) / 0.004 + 2 * np.pi * (longitude - 10.0) / 0.006


def dem_over(latitude: Any, longitude: Any, margin: float = 0.01) -> xr.DataArray:
    grid = geometry.map_grid(
        (
            longitude.min() - margin, latitude.min() - margin, longitude.max() + margin, latitude.max() + margin,
        ),
        "EPSG:4326",
        resolution=0.0003,
    )  # fmt: skip
    y, x = np.mgrid[: grid.y.size, : grid.x.size]
    from insarfeat.geometry.maps import map_named

    there = map_named(grid)
    heights = (800 + 100 * np.sin(x / 17) + 80 * np.cos(y / 23)).astype("f4")
    return xr.DataArray(heights, there.coords, there.dims, "elevation")


def degrees_of(layer: xr.DataArray) -> tuple[Any, Any]:
    grid = grid_of(layer)
    x, y = np.meshgrid(layer.x.values, layer.y.values)
    longitude, latitude = Transformer.from_crs(grid.crs_wkt, "EPSG:4326", always_xy=True).transform(x, y)
    return latitude, longitude


def given_by_places() -> dict[str, Any]:
    latitude, longitude = places()
    return {
        "interferogram": radar(np.exp(1j * fringes(latitude, longitude)).astype("c8"), "interferogram"),
        "coherence": radar(np.full(latitude.shape, 0.9, "f4"), "coherence"),
        "latitude": radar(latitude, "latitude"),
        "longitude": radar(longitude, "longitude"),
        "dem": dem_over(latitude, longitude),
        **ANGLES,
    }


def test_phases_come_to_where_their_pixels_lie() -> None:
    found = stack_layers(PLAIN.changed(layers=("wrapped_phase", "coherence")), Sources.of(given_by_places()))
    phase = found["wrapped_phase"]
    latitude, longitude = degrees_of(phase)
    seen = np.isfinite(phase.values)
    assert seen.sum() > 0.8 * 240 * 320 * 14 * 4 / 15**2
    apart = np.abs(np.exp(1j * phase.values) - np.exp(1j * fringes(latitude, longitude)))
    assert apart[seen].max() < 0.02
    np.testing.assert_allclose(found["coherence"].values[seen], 0.9, rtol=1e-5)


def test_the_whole_detection_stack_covers_image_and_ground() -> None:
    found = stack_layers(Recipe.named("detection"), Sources.of(given_by_places()))
    for name, layer in found.data_vars.items():
        assert np.isfinite(layer.values).mean() > 0.3, name
    assert np.isfinite(found["terrain_pc1"].values).all()


def test_images_are_multilooked_to_about_the_stacks_pixels() -> None:
    latitude, longitude = places()
    noise = np.random.default_rng(0).standard_normal((2, *latitude.shape, 2)) @ [1, 1j]
    primary = noise[0]
    secondary = primary * np.exp(-1j * fringes(latitude, longitude))
    sources = given_by_places()
    del sources["interferogram"], sources["coherence"]
    sources |= {
        "primary": radar(primary.astype("c8"), "primary"),
        "secondary": radar(secondary.astype("c8"), "secondary"),
    }
    from insarfeat.stacks.scene import Scene

    scene = Scene(PLAIN, Sources.of(sources))
    assert scene.looks == (1, 4)
    lookup = geometry.CoordinateLookup(latitude, longitude)
    assert scene.interferogram.shape == (240, 80)
    with pytest.raises(GridMismatch, match="cropped or multilooked without the lookup"):
        geometry.geocode(scene.interferogram, lookup, scene.target)
    found = scene.wrapped_phase
    apart = np.abs(np.exp(1j * found.values) - np.exp(1j * fringes(*degrees_of(found))))
    assert np.isfinite(found.values).sum() > 2000
    assert np.nanmedian(apart) < 0.05
    assert np.nanmedian(scene.coherence.values) > 0.9


def test_orbit_and_dem_take_the_place_of_latitudes_and_longitudes(test_data: Path) -> None:
    (archive,) = sorted((test_data / "s1meta_hyp3isce2").glob("*20250406*.zip"))
    with zipfile.ZipFile(archive) as opened:
        name = next(name for name in opened.namelist() if "iw2" in name and name.endswith(".xml"))
        swath = read_swath(io.BytesIO(opened.read(name)))
    looks = (10, 40)
    image = swath.grid.multilooked(*looks)
    lines, samples = image.shape
    line, sample = np.mgrid[:lines, :samples]
    phase = 0.02 * line + 0.03 * sample
    outline = swath.footprint()
    middle = (float(outline.latitude.mean()), float(outline.longitude.mean()))
    grid = geometry.map_grid(
        (middle[1] - 0.05, middle[0] - 0.05, middle[1] + 0.05, middle[0] + 0.05),
        "EPSG:4326",
        resolution=0.002,
    )
    from insarfeat.geometry.maps import map_named

    there = map_named(grid)
    dem = xr.DataArray(
        np.full((grid.y.size, grid.x.size), 300.0, "f4"), there.coords, there.dims, "elevation"
    )
    sources = {
        "interferogram": radar(np.exp(1j * phase).astype("c8"), "interferogram"),
        "annotation": swath,
        "dem": dem,
        "grid": dem,
    }
    recipe = PLAIN.changed(layers=("wrapped_phase", "incidence"), grid={"crs": "own", "resolution": None})
    with pytest.raises(InvalidArgument, match="geoid= is needed"):
        stack_layers(recipe, Sources.of(sources))
    found = stack_layers(recipe, Sources.of({**sources, "geoid": 40.0}))
    latitude, longitude = degrees_of(found["wrapped_phase"])
    place = image.locate(latitude, longitude, 340.0)
    expected = 0.02 * place.line + 0.03 * place.sample
    apart = np.abs(np.exp(1j * found["wrapped_phase"].values) - np.exp(1j * expected))
    assert np.isfinite(apart).mean() > 0.9
    assert np.nanmax(apart) < 0.01
    assert 30 < float(found["incidence"].mean()) < 46


def test_without_places_it_is_told_what_is_needed() -> None:
    sources = given_by_places()
    del sources["latitude"], sources["longitude"]
    with pytest.raises(InvalidArgument, match="the stack's map is not known"):
        stack_layers(PLAIN, Sources.of(sources))
    with pytest.raises(InvalidArgument, match=r"give latitude= and longitude=, or annotation= and geoid="):
        stack_layers(PLAIN, Sources.of({**sources, "grid": sources["dem"]}))


def test_of_a_whole_product_the_swath_over_the_scene_is_taken(test_data: Path) -> None:
    from insarfeat.geometry.maps import map_named
    from insarfeat.stacks.placement import Placement

    (archive,) = sorted((test_data / "s1meta_hyp3isce2").glob("*20250406*.zip"))
    with zipfile.ZipFile(archive) as opened:
        names = [name for name in opened.namelist() if "annotation/s1" in name and name.endswith(".xml")]
        swaths = {name: read_swath(io.BytesIO(opened.read(name))) for name in names}
    for swath in swaths.values():
        outline = swath.footprint()
        latitude, longitude = float(outline.latitude[:4].mean()), float(outline.longitude[:4].mean())
        grid = geometry.map_grid(
            (longitude - 0.02, latitude - 0.02, longitude + 0.02, latitude + 0.02),
            "EPSG:4326",
            resolution=0.002,
        )
        there = map_named(grid)
        dem = xr.DataArray(np.zeros((grid.y.size, grid.x.size), "f4"), there.coords, there.dims, "elevation")
        placed = Placement(PLAIN, Sources.of({"annotation": archive, "dem": dem}))
        assert placed.swath is not None
        assert placed.swath.name == swath.name
