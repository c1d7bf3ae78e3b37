"""What the page says beside pictures: blind spots, composites and warnings."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import insarfeat
from insarfeat import report
from insarfeat.errors import GridMismatch
from insarfeat.report.cautions import cautions
from insarfeat.terrain.reference import shipped

pytest.importorskip("matplotlib")

CRS = "EPSG:32632"


def on_map(shape: tuple[int, int], pixel: float, east: float = 620_000.0, crs: str = CRS) -> dict:
    import pyproj

    rows, columns = shape
    return {
        "y": 4_905_000.0 - pixel * (np.arange(rows) + 0.5),
        "x": east + pixel * (np.arange(columns) + 0.5),
        "spatial_ref": ((), 0, {"crs_wkt": pyproj.CRS.from_user_input(crs).to_wkt()}),
    }


def stack(shape: tuple[int, int] = (16, 24), **layers: np.ndarray) -> xr.Dataset:
    """Coherent layers on a map of 15 m."""
    rng = np.random.default_rng(0)
    made = {
        "wrapped_phase": rng.uniform(-3, 3, shape),
        "coherence": rng.uniform(0.3, 0.9, shape),
        "elevation": rng.normal(size=shape),
        **layers,
    }
    return xr.Dataset({name: (("y", "x"), values) for name, values in made.items()}, on_map(shape, 15.0))


# As ``insarfeat blindspots`` writes it.
FLAGS = {
    "flag_values": np.arange(5, dtype="u1"),
    "flag_meanings": "visible layover_or_shadow line_of_sight low_coherence too_small_or_slow",
}
ASKED = {
    "area": 0.1,
    "speed": 30.0,
    "probability": 0.5,
    "model": "m-v1",
    "version": 2,
    "statement": "Be careful.",
}


def blind(values: object, east: float = 620_000.0) -> xr.Dataset:
    cells = np.asarray(values, "u1")
    layer = xr.DataArray(cells, on_map(cells.shape, 120.0, east), ("y", "x"), attrs=FLAGS, name="blind_spot")
    return xr.Dataset({"blind_spot": layer, "recall": layer.astype("f4")}, attrs=ASKED)


def section(page: str, anchor: str) -> str:
    return page.partition(f'<section id="{anchor}">')[2].partition("</section>")[0]


def words(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text))


def written(dataset: xr.Dataset, folder: Path, *results: object) -> str:
    path = report.write_report(dataset, folder / "page.html", detections=results)
    return path.read_text(encoding="utf-8")


# -- blind spots ----------------------------------------------------------------------------------------------


def test_a_map_of_blind_spots_on_cells_of_its_own_joins_the_page(tmp_path: Path):
    insarfeat.write(blind([[0, 3, 3], [0, 2, 255]]), tmp_path / "blindspots.nc")
    gathered = report.gather(stack(), [tmp_path / "blindspots.nc"])
    assert "blind_spot" not in gathered.dataset
    told = section(written(gathered.dataset, tmp_path, *gathered.detections), "blind-spots")
    assert "<b>m-v1, version 2.</b> Be careful." in told
    assert 'alt="Map of blind spots, blindspots.nc. On 40 % of the ground' in told
    assert (
        "On 40 % of the ground a slide of 0.1 km2 at 30 cm a year would have been found with a probability of 0.5 or "
        "more. On 60 % it would not, most of all because there is too little coherence (40 %)." in told
    )


def test_the_table_has_what_was_seen_first_and_then_the_reasons_by_their_share():
    spots = report.BlindSpots.of(blind([[0, 3, 3, 3, 1], [2, 2, 255, 255, 255]]), "map")
    assert [(share.words, round(share.percent)) for share in spots.shares] == [
        ("would have been found", 14),
        ("too little coherence", 43),
        ("moves across the line of sight", 29),
        ("layover or shadow", 14),
        ("too small or too slow", 0),
    ]


def test_where_all_would_have_been_found_nothing_is_said_of_reasons():
    spots = report.BlindSpots.of(blind([[0, 0]]), "map")
    assert spots.words.startswith("On 100 % of the ground")
    assert "would not" not in spots.words


def test_a_map_that_knows_nothing_says_so():
    assert "knows nothing" in report.BlindSpots.of(blind([[255, 255]]), "map").words


def test_ground_without_data_is_told_and_no_share_counts_it(tmp_path: Path):
    told = section(
        written(stack(), tmp_path, report.BlindSpots.of(blind([[0, 3, 255], [0, 0, 255]]), "map")),
        "blind-spots",
    )
    assert "On 75 % of the ground" in told
    assert (
        "33 % of the map has no data, so nothing is known there; the shares are those of the ground with data."
        in told
    )
    assert "blue where the slide would have been found" in told
    assert "hatched where there are no data" in told


def test_where_all_is_known_nothing_is_said_of_no_data(tmp_path: Path):
    told = section(
        written(stack(), tmp_path, report.BlindSpots.of(blind([[0, 3], [0, 0]]), "map")), "blind-spots"
    )
    assert "no data" not in told
    assert "hatched" not in told


def test_reasons_that_are_not_known_here_are_told_in_their_own_words():
    layer = blind([[0, 1]])
    layer["blind_spot"].attrs.update(flag_values=np.array([0, 1], "u1"), flag_meanings="visible deep_snow")
    assert "because of deep snow (50 %)" in report.BlindSpots.of(layer, "map").words


def test_the_picture_lies_on_the_relief_of_the_stack():
    spots = report.BlindSpots.of(blind([[0, 3], [3, 0]]), "map")
    elevation = stack(elevation=np.add.outer(np.arange(16.0), np.arange(24.0)))["elevation"]
    assert spots.drawing(elevation) != spots.drawing(None)
    np.testing.assert_array_equal(
        spots._below(elevation).values,  # the pixels nearest to the centres of the cells
        elevation.sel(y=spots.layer.y, x=spots.layer.x, method="nearest").values,
    )


def test_a_map_of_other_ground_is_refused(tmp_path: Path):
    insarfeat.write(blind([[0, 3], [0, 0]], east=700_000.0), tmp_path / "elsewhere.nc")
    with pytest.raises(GridMismatch, match=r"elsewhere\.nc is a map of blind spots of other ground"):
        report.gather(stack(), [tmp_path / "elsewhere.nc"])


def test_other_results_are_no_maps_of_blind_spots():
    assert report.BlindSpots.of(stack(), "stack") is None


def test_detections_without_a_map_of_blind_spots_are_told_what_is_missing(tmp_path: Path):
    found = report.Found("a", {"type": "FeatureCollection", "features": []}, {"model": "m-v1"})
    told = words(section(written(stack(), tmp_path, found), "blind-spots"))
    assert "Ground without a detection is not safe ground" in told
    assert "insarfeat blindspots STACK --model m-v1" in told


def test_a_page_without_results_says_nothing_of_blind_spots(tmp_path: Path):
    assert not section(written(stack(), tmp_path), "blind-spots")


# -- composites -----------------------------------------------------------------------------------------------


def composite_page(processing: str, folder: Path, **attrs: Any) -> str:
    dataset = stack(terrain_pc1=np.random.default_rng(1).normal(size=(16, 24)))
    dataset["terrain_pc1"].attrs |= {"processing": processing, **attrs}
    return section(written(dataset, folder), "composites")


def reference_page(folder: Path) -> str:
    title = "reference-15m-v1"
    return composite_page(
        f"terrain.components('{title}') | geometry.regrid()", folder, **shipped(title).told(0)
    )


def test_the_reference_composite_is_told_with_loadings_variance_and_origin(tmp_path: Path):
    told = reference_page(tmp_path)
    text = words(told)
    # First of four components of standardised layers: 2.363 of 4.
    assert "explains 59 % of the variance" in text
    assert "Alps around Davos" in text
    assert "not to this scene" in text
    rows = re.findall(r"<tr><th>(\w+)</th><td>([+-][\d.]+)</td>", told)
    assert rows == [("slope", "+0.604"), ("convexity", "+0.247"), ("tri", "+0.594"), ("twi", "-0.471")]


def test_bars_of_loadings_go_to_the_side_of_their_sign_in_proportion(tmp_path: Path):
    told = reference_page(tmp_path)
    bars = [tuple(map(float, bar)) for bar in re.findall(r'd="M([\d.]+) \d+h([\d.]+)v', told)]
    middle = float(re.search(r'<line x1="([\d.]+)"', told)[1])
    lengths = np.array([length for _, length in bars])
    assert [start == middle for start, _ in bars] == [True, True, True, False]
    assert bars[3][0] + bars[3][1] == pytest.approx(middle, abs=0.11)
    np.testing.assert_allclose(
        lengths / lengths[0], np.array([0.604, 0.247, 0.594, 0.471]) / 0.604, atol=2e-3
    )


def test_a_composite_of_ones_own_is_told_by_the_layer_itself(tmp_path: Path):
    scene = insarfeat.synth.scene(seed=1, size=64)
    layer = insarfeat.terrain.terrain_pc1(scene["elevation"], components="fit")
    text = words(section(written(layer.to_dataset(name="terrain_pc1"), tmp_path), "composites"))
    for name, loading in json.loads(layer.attrs["loadings"]).items():
        assert f"{name} {loading:+.3f}" in text
    assert f"explains {100 * layer.attrs['explained_variance_ratio']:.0f} % of the variance" in text
    assert "comparable only with those of the same composite" in text


def test_stacks_without_composites_have_no_such_section(tmp_path: Path):
    assert not section(written(stack(), tmp_path), "composites")


# -- warnings -------------------------------------------------------------------------------------------------


def facts(dataset: xr.Dataset, *found: report.Found) -> list[str]:
    told = cautions(report.Subject.of(dataset, found))
    return [] if told is None else re.findall(r"<b>(.*?)</b>", told.html)


def test_a_sound_stack_has_no_warnings(tmp_path: Path):
    assert facts(stack()) == []
    assert "Warnings" not in written(stack(), tmp_path)


def test_warnings_stand_first_and_say_what_to_do(tmp_path: Path):
    page = written(stack(coherence=np.full((16, 24), 0.1) + np.eye(16, 24) * 0.1), tmp_path)
    assert page.index('<section id="warnings">') < page.index('<section id="overview">')
    assert "Take a pair with fewer days between its images" in section(page, "warnings")


@pytest.mark.parametrize(
    ("layers", "fact"),
    [
        ({"slope": np.full((16, 24), np.nan)}, "slope has no valid pixel."),
        (
            {"slope": np.where(np.eye(16, 24), np.arange(24.0), np.nan)},
            "slope has no data on 96 % of the scene.",
        ),
        ({"slope": np.full((16, 24), 3.0)}, "slope has one and the same value everywhere."),
        (
            {"slope": np.full((16, 24), 3.0), "tri": np.zeros((16, 24))},
            "slope and tri have one and the same value everywhere.",
        ),
        (
            {"coherence": np.linspace(0.1, 0.3, 384).reshape(16, 24)},
            "Half of the ground has a coherence below 0.20: little of this phase can be believed.",
        ),
        (
            {"sensitivity": np.where(np.arange(24) < 18, 0.0, 0.5) * np.ones((16, 1))},
            "On 75 % of the ground the sensitivity is next to zero: slides there would hardly leave a sign.",
        ),
    ],
)
def test_what_is_the_matter_with_layers_is_told(layers: dict[str, np.ndarray], fact: str):
    assert facts(stack(**layers)) == [fact]


@pytest.mark.parametrize(
    "layers",
    [
        {"slope": np.where(np.arange(24) < 12, np.nan, np.arange(24.0)) * np.ones((16, 1))},  # half is there
        {"coherence": np.linspace(0.2, 0.32, 384).reshape(16, 24)},
        {"landslide": np.zeros((16, 24), "u1")},  # classes may be one
        {"incidence": np.full((16, 24), 39.0)},
        {"sensitivity": np.where(np.arange(24) < 12, 0.0, 0.5) * np.ones((16, 1))},
    ],
)
def test_what_is_nothing_to_worry_about_is_not_told(layers: dict[str, np.ndarray]):
    assert facts(stack(**layers)) == []


def test_a_stack_without_a_reference_system_is_told():
    assert facts(stack().drop_vars("spatial_ref")) == ["The dataset tells no coordinate reference system."]


def test_pixels_in_degrees_are_told():
    made = xr.Dataset(
        {"slope": (("lat", "lon"), np.eye(3))}, {"lat": [44.2, 44.1, 44.0], "lon": [10.0, 10.1, 10.2]}
    )
    assert facts(made) == ["Pixels are measured in degrees, and are not square on the ground."]


def test_layers_that_a_model_had_to_do_without_are_told_once_for_each_result():
    nothing = {"type": "FeatureCollection", "features": []}
    found = [report.Found("a", nothing, {"missing_bands": "intensity"}), report.Found("b", nothing)]
    assert facts(stack(), *found) == [
        "The model behind a had to do without intensity, with which it was trained."
    ]
    predicted = stack().assign_attrs(missing_bands="displacement")
    assert "behind the dataset had to do without displacement" in facts(predicted)[0]


def test_warnings_escape_what_the_data_say():
    nasty = "<script>"
    found = report.Found(nasty, {"type": "FeatureCollection", "features": []}, {"missing_bands": nasty})
    assert "<script>" not in cautions(report.Subject.of(stack(), [found])).html
