"""The terrain composite that ships: what it is, and that it says the same of the same ground."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from insarfeat import terrain
from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.terrain.reference import shipped


@pytest.fixture
def ground() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:90, :110] * 15.0
    dem = 900 + 0.4 * x + 80 * np.sin(y / 150) + rng.normal(0, 1, x.shape)
    dem[40, 50] = np.nan
    return dem.astype("f4"), rng.normal(6, 2, x.shape).astype("f4")


def test_the_reference_is_like_the_published_loadings() -> None:
    """Those of Mondini et al.: slope 0.580, TRI 0.518, TWI -0.543, convexity 0.318."""
    reference = shipped("reference-15m-v1")
    loadings = dict(zip(reference.names, reference.loadings[0], strict=True))
    published = {"slope": 0.580, "tri": 0.518, "twi": -0.543, "convexity": 0.318}
    for name, expected in published.items():
        assert loadings[name] == pytest.approx(expected, abs=0.1)
    assert reference.shares[0] == pytest.approx(0.6, abs=0.03)
    assert np.allclose(np.array(reference.loadings) @ np.array(reference.loadings).T, np.eye(4))
    assert [len(item["sha256"]) for item in reference.source["inputs"]] == [64, 64]


def test_the_page_tells_the_loadings_of_the_file() -> None:
    page = (Path(__file__).parents[2] / "docs" / "terrain.md").read_text()
    reference = shipped("reference-15m-v1")
    for loading in reference.loadings[0]:
        assert f"{loading:.3f}" in page
    assert f"with {100 * reference.shares[0]:.0f} % of the variance" in page


def test_it_is_the_weighted_sum_of_the_standardised_layers(ground: Any) -> None:
    dem, twi = ground
    reference = shipped("reference-15m-v1")
    layers = {
        "slope": terrain.slope(dem, resolution=15.0),
        "convexity": terrain.convexity(dem, radius=10),
        "tri": terrain.tri(dem, variant="saga"),
        "twi": twi,
    }
    expected = sum(
        loading * (layers[name] - mean) / scale
        for name, loading, mean, scale in zip(
            reference.names, reference.loadings[0], reference.means, reference.scales, strict=True
        )
    )
    found = terrain.terrain_pc1(dem, twi=twi, resolution=15.0)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(dem))


def test_the_same_ground_has_the_same_value_in_every_scene(ground: Any) -> None:
    dem, twi = ground
    crop = np.s_[12:80, 12:100]
    whole = terrain.terrain_pc1(dem, twi=twi, resolution=15.0)[crop]
    alone = terrain.terrain_pc1(dem[crop], twi=twi[crop], resolution=15.0)
    np.testing.assert_array_equal(alone[11:-11, 11:-11], whole[11:-11, 11:-11])
    own = [
        terrain.terrain_pc1(d, twi=w, resolution=15.0, components="fit")
        for d, w in ((dem, twi), (dem[crop], twi[crop]))
    ]
    assert np.nanmax(np.abs(own[0][crop] - own[1])[11:-11, 11:-11]) > 0.01


def test_every_kind_gives_its_kind(ground: Any) -> None:
    dem, twi = ground
    coords = {"y": -15.0 * np.arange(90), "x": 15.0 * np.arange(110)}
    expected = terrain.terrain_pc1(dem, twi=twi, resolution=15.0)
    chunked = terrain.terrain_pc1(da.from_array(dem, chunks=40), twi=twi, resolution=15.0)
    assert isinstance(chunked, da.Array)
    np.testing.assert_array_equal(chunked.compute(), expected)
    labelled = terrain.terrain_pc1(
        xr.DataArray(dem, coords, ("y", "x")).chunk(y=33), twi=xr.DataArray(twi, coords, ("y", "x"))
    )
    assert labelled.name == "terrain_pc1"
    assert labelled.attrs["units"] == "1"
    assert labelled.attrs["processing"].endswith("terrain.components('reference-15m-v1')")
    np.testing.assert_array_equal(labelled.values, expected)


def test_a_composite_of_ones_own_is_one_argument_away(ground: Any, tmp_path: Path) -> None:
    dem, twi = ground
    fitted = terrain.terrain_pc1(dem, twi=twi, resolution=15.0, components="fit")
    assert np.nanmean(fitted) == pytest.approx(0, abs=1e-3)
    layers = terrain.attributes(dem, ["slope", "convexity", terrain.Tri("saga")], resolution=15.0) | {
        "twi": twi
    }
    own = terrain.PrincipalComponents(1).fit(layers)
    own.save(tmp_path / "own.json")
    for components in (own, own.composite_, tmp_path / "own.json", str(tmp_path / "own.json")):
        found = terrain.terrain_pc1(dem, twi=twi, resolution=15.0, components=components)
        np.testing.assert_array_equal(found, fitted)


def test_pixels_of_another_size_are_told(ground: Any, caplog: pytest.LogCaptureFixture) -> None:
    dem, twi = ground
    with caplog.at_level(logging.WARNING):
        terrain.terrain_pc1(dem, twi=twi, resolution=14.0)
        assert not caplog.records
        terrain.terrain_pc1(dem, twi=twi, resolution=30.0)
    assert "was fitted at pixels of 15 m, and these are 30 x 30 m" in caplog.text


def test_what_is_missing_or_wrong_is_named(ground: Any) -> None:
    dem, twi = ground
    with pytest.raises(InvalidArgument, match="components must be 'reference-15m-v1', 'fit'"):
        terrain.terrain_pc1(dem, twi=twi, resolution=15.0, components="reference")
    with pytest.raises(InvalidType, match="components must be a name, a path"):
        terrain.terrain_pc1(dem, twi=twi, resolution=15.0, components=3)
    other = terrain.PrincipalComponents().fit({"slope": dem, "twi": twi})
    with pytest.raises(InvalidArgument, match="were fitted on slope, twi"):
        terrain.terrain_pc1(dem, twi=twi, resolution=15.0, components=other)
