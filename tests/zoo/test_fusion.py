"""Results of many pairs as one: places, and counts per pixel."""

from __future__ import annotations

from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import insarfeat
from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType
from insarfeat.georeference import crs_of, parse_crs
from zoo.detections import Detections
from zoo.fusion import fuse
from zoo.fusion.sightings import SeenPair, independent
from zoo.shapes import Outline, rectangle

DAYS = ("20230904", "20230916", "20230928", "20231010", "20231022", "20231103", "20231115")
PAIRS = tuple(f"{one}_{other}" for one, other in pairwise(DAYS))
LOOSE = ("20230101_20230113", "20230301_20230313", "20230501_20230513", "20230701_20230713")
"""Pairs without a common day."""


def seen(
    pair: str, *boxes: tuple[float, ...], orbit: str = "A", score: float = 0.5, label: str = "RG"
) -> Detections:
    """Boxes (row0, col0, row1, col1) found in a pair."""
    columns = {
        "class": [label] * len(boxes),
        "score": [score] * len(boxes),
        "area_m2": [float((b[2] - b[0]) * (b[3] - b[1])) for b in boxes],
    }
    return Detections.of_boxes(
        boxes, columns, pair=pair, orbit=orbit, about={"model": "m", "training_data": "synthetic"}
    )


def box(left: float, top: float = 0, size: float = 10) -> tuple[float, ...]:
    return top, left, top + size, left + size


def row(found: Detections, number: int = 0) -> dict[str, Any]:
    return dict(found.table.iloc[number])


def test_what_comes_back_is_one_place_and_what_does_not_is_unconfirmed() -> None:
    found = fuse([seen(PAIRS[0], box(0), box(100)), seen(PAIRS[1], box(1)), seen(PAIRS[2], box(0, 1))])
    assert found.table["times_seen"].tolist() == [3, 1]
    assert found.table["confirmed"].tolist() == [True, False]
    assert found.table["share_seen"].tolist() == [1.0, 1 / 3]
    assert row(found)["pairs_seen"] == " ".join(PAIRS[:3])
    assert (row(found)["first_seen"], row(found)["last_seen"]) == ("2023-09-04", "2023-10-10")
    assert (row(found)["first"], row(found)["last"]) == ("2023-09-04", "2023-10-10")


def test_a_chain_of_shifted_boxes_is_not_one_place() -> None:
    # Each overlaps the next one by 0.54, the next but one by 0.25: linking neighbours would make one of all.
    found = fuse([seen(LOOSE[n % 4], box(3 * n + 100 * (n // 4))) for n in range(4)])
    assert found.table["times_seen"].tolist() == [3, 1]
    long = fuse([seen(f"2023{n:02}01_2023{n:02}13", box(3 * n)) for n in range(1, 13)])
    assert len(long) >= 4
    widths = long.table["east"] - long.table["west"]
    assert (widths == 10).all()
    assert long.table["times_seen"].sum() == 12


def test_the_outline_is_the_one_that_pairs_agree_with_best() -> None:
    # Likeness to the others, in sum: 1.43, 1.67, 1.63 and 1.05. The one with the highest score is off to the side.
    parts = [seen(pair, box(left)) for pair, left in zip(LOOSE, (0, 2, 4), strict=False)]
    found = fuse([*parts, seen(LOOSE[3], box(7), score=0.9)])
    assert len(found) == 1
    assert row(found)["west"] == 2
    assert row(found)["score"] == 0.9
    assert row(found)["mean_score"] == pytest.approx((3 * 0.5 + 0.9) / 4)


def test_one_sighting_across_two_places_does_not_make_them_one() -> None:
    parts = [seen(pair, box(0), box(10)) for pair in LOOSE]
    found = fuse([*parts, seen(PAIRS[0], (0, 0, 10, 20))])
    assert sorted(zip(found.table["west"], found.table["east"], strict=True)) == [(0, 10), (10, 20)]
    assert sorted(found.table["times_seen"]) == [4, 5]


def test_each_detection_goes_to_the_place_that_is_most_like_it() -> None:
    # The place at 6 is found first, being seen more often; the detection at 2.5 is more like the one at 0.
    parts = [seen(pair, box(0), box(6)) for pair in LOOSE[:3]]
    found = fuse([*parts, seen(LOOSE[3], box(6)), seen(PAIRS[0], box(2.5))])
    assert sorted(zip(found.table["west"], found.table["times_seen"], strict=True)) == [(0, 4), (6, 4)]


def test_a_small_slide_on_a_large_one_is_a_place_of_its_own() -> None:
    found = fuse([seen(pair, box(0, size=40), box(10, 10, size=10)) for pair in LOOSE])
    assert sorted(found.table["area_m2"]) == [100.0, 1600.0]
    assert found.table["times_seen"].tolist() == [4, 4]


def test_the_order_of_the_results_does_not_matter() -> None:
    random = np.random.default_rng(4)
    parts = [
        seen(
            pair,
            *(box(*random.uniform(0, 60, 2), random.uniform(5, 15)) for _ in range(6)),
            orbit="AD"[n % 2],
            score=0.1 * n,
        )
        for n, pair in enumerate(PAIRS)
    ]
    whole = fuse(parts)
    for _ in range(5):
        other = fuse([parts[n] for n in random.permutation(len(parts))])
        assert other.table.equals(whole.table)
        assert other.outlines == whole.outlines


def test_all_of_a_place_are_like_its_outline_and_none_is_lost() -> None:
    random = np.random.default_rng(5)
    parts = [seen(pair, *(box(*random.uniform(0, 40, 2)) for _ in range(8))) for pair in PAIRS]
    found = fuse(parts, overlap=0.4)
    assert found.table["detections"].sum() == 48
    places = [Outline.of(outline) for outline in found.outlines]
    assert all(one.likeness(other) < 0.4 for one, other in combinations(places, 2))
    for part in parts:
        for outline in part.outlines:
            assert max(Outline.of(outline).likeness(place) for place in places) >= 0.4


def test_two_products_of_the_same_days_are_one_sighting() -> None:
    found = fuse([seen(PAIRS[0], box(0)), seen(f"{PAIRS[0]}_filtered", box(0))])
    assert (row(found)["times_seen"], row(found)["detections"], row(found)["confirmed"]) == (1, 2, False)


def test_ascending_and_descending_are_told_and_are_different_sightings() -> None:
    found = fuse(
        [seen(PAIRS[0], box(0)), seen(PAIRS[0], box(0), orbit="D"), seen(PAIRS[1], box(50), orbit="D")]
    )
    assert found.table["orbits"].tolist() == ["AD", "D"]
    assert found.table["orbit"].tolist() == ["AD", "D"]
    assert found.table["independent"].tolist() == [2, 1]


def test_pairs_that_share_a_day_are_not_independent() -> None:
    # Consecutive pairs share every day but the outermost: of three of them, two are independent.
    chain = fuse([seen(pair, box(0)) for pair in PAIRS[:3]])
    assert (row(chain)["times_seen"], row(chain)["independent"]) == (3, 2)
    star = fuse([seen(f"{DAYS[0]}_{day}", box(0)) for day in DAYS[1:5]])
    assert (row(star)["times_seen"], row(star)["independent"]) == (4, 1)


@given(
    edges=st.sets(
        st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda edge: edge[0] < edge[1]), max_size=14
    )
)
def test_independent_pairs_are_never_overcounted(edges: set[tuple[int, int]]) -> None:
    networkx = pytest.importorskip("networkx")
    most = len(networkx.max_weight_matching(networkx.Graph(list(edges)), maxcardinality=True))
    taken = independent(
        [SeenPair(f"2023-09-{one + 1:02}", f"2023-09-{other + 1:02}", "A") for one, other in edges]
    )
    assert most / 2 <= taken <= most


@given(parents=st.lists(st.integers(0, 100), min_size=1, max_size=9))
def test_independent_pairs_of_a_tree_are_as_many_as_there_are(parents: list[int]) -> None:
    networkx = pytest.importorskip("networkx")
    edges = [(parent % (n + 1), n + 1) for n, parent in enumerate(parents)]
    most = len(networkx.max_weight_matching(networkx.Graph(edges), maxcardinality=True))
    pairs = [SeenPair(f"2023-09-{one + 1:02}", f"2023-09-{other + 1:02}", "A") for one, other in edges]
    assert independent(pairs) == most


def test_the_class_is_that_of_most_sightings() -> None:
    found = fuse(
        [seen(LOOSE[0], box(0), label="CF", score=0.9), seen(LOOSE[1], box(0)), seen(LOOSE[2], box(0))]
    )
    assert (row(found)["class"], row(found)["class_votes"]) == ("RG", "RG 2, CF 1")
    tie = fuse([seen(LOOSE[0], box(0), label="CF", score=0.9), seen(LOOSE[1], box(0))])
    assert tie.table["class"].tolist() == ["CF"]


def test_pairs_without_a_detection_are_chances_too() -> None:
    found = fuse([seen(PAIRS[0], box(0)), seen(PAIRS[1], box(0)), seen(PAIRS[2]), seen(PAIRS[3])])
    assert (row(found)["chances"], row(found)["share_seen"]) == (4, 0.5)
    assert found.about["fused_pairs"] == 4


def test_only_pairs_that_cover_a_place_are_chances() -> None:
    parts = [seen(PAIRS[0], box(0), box(50)), seen(PAIRS[1])]
    mask = xr.DataArray(
        np.zeros((20, 80), "u1"), {"y": np.arange(20) + 0.5, "x": np.arange(80) + 0.5}, ("y", "x")
    )
    mask[:, 46:] = 1
    for footprint in (rectangle(46, -5, 200, 200), mask, mask.chunk(x=7)):
        found = fuse(parts, footprints={PAIRS[1]: footprint})
        chances = dict(zip(found.table["west"], found.table["chances"], strict=True))
        assert chances == {0: 1, 50: 2}
    third = fuse(parts, footprints={PAIRS[2]: rectangle(0, 0, 20, 20)})
    assert dict(zip(third.table["west"], third.table["chances"], strict=True)) == {0: 3, 50: 2}


def test_confirmed_places_come_first_then_those_seen_more_often() -> None:
    parts = (
        [seen(pair, box(0)) for pair in LOOSE[:2]]
        + [seen(pair, box(50)) for pair in (*LOOSE[:3],)]
        + [seen(LOOSE[3], box(90), score=0.99)]
    )
    found = fuse(parts)
    assert found.table["west"].tolist() == [50, 0, 90]
    assert fuse(parts, least=3).table["confirmed"].tolist() == [True, False, False]


def test_places_are_detections_that_can_be_written(tmp_path: Path) -> None:
    crs = "EPSG:32632"
    parts = [
        Detections.of_outlines(
            [rectangle(6e5, 5e6, 6e5 + 90, 5e6 + 90)],
            {"class": ["RG"], "score": [0.5], "area_m2": [8100]},
            crs=crs,
            pair=pair,
            about={"training_data": "synthetic"},
        )
        for pair in PAIRS[:2]
    ]
    back = Detections.read(fuse(parts).write(tmp_path / "places.geojson"))
    assert back.table["confirmed"].tolist() == [True]
    assert (back.about["training_data"], back.about["fused_pairs"]) == ("synthetic", 2)


def test_nothing_found_in_any_pair_is_no_place() -> None:
    found = fuse([seen(pair) for pair in PAIRS])
    assert len(found) == 0
    assert "confirmed" in found.table


@pytest.mark.parametrize("n", range(3))
def test_areas_of_any_shapes_are_shared_as_shapely_has_it(n: int) -> None:
    shapely = pytest.importorskip("shapely")
    random = np.random.default_rng(n)
    for _ in range(20):
        shapes = [
            shapely.convex_hull(shapely.MultiPoint(random.uniform(0, 10, (7, 2)) + random.uniform(0, 5, 2)))
            for _ in range(3)
        ]
        holed = shapes[0].difference(shapes[2].buffer(-1.0))
        if holed.is_empty:
            continue
        one, other = (Outline.of(shapely.geometry.mapping(shape)) for shape in (holed, shapes[1]))
        assert one.area == pytest.approx(holed.area, rel=1e-9)
        assert one.shared_with(other) == pytest.approx(holed.intersection(shapes[1]).area, rel=0.01, abs=0.01)


@pytest.mark.parametrize(
    ("results", "options", "message"),
    [
        ([], {}, "results is empty"),
        ([seen(PAIRS[0], box(0))], {"least": 0}, "least must be"),
        ([seen(PAIRS[0], box(0))], {"overlap": 0}, "overlap must lie"),
        ([seen(PAIRS[0], box(0))], {"threshold": 0.5}, "threshold means nothing for detections"),
        ([seen("", box(0))], {}, "does not tell its two days"),
        ([seen("frame_7", box(0))], {}, "does not tell its two days"),
    ],
)
def test_detections_that_cannot_be_fused_are_refused(results: Any, options: Any, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        fuse(results, **options)


def test_only_detections_or_rasters_are_taken() -> None:
    for results in ("stack.nc", 3, [3], [seen(PAIRS[0], box(0)), probabilities()]):
        with pytest.raises(InvalidType, match="results"):
            fuse(results)  # type: ignore[call-overload]


# ---- rasters


def probabilities(
    count: int = 5, seed: int = 1, pairs: tuple[str, ...] = PAIRS, size: int = 24
) -> xr.DataArray:
    random = np.random.default_rng(seed)
    values = random.random((count, size, size + 7)).astype("f4")
    values[random.random(values.shape) < 0.3] = np.nan
    values[:, -1, 4] = np.nan
    coords = {
        "pair": list(pairs[:count]),
        "y": 5e6 - 10.0 * np.arange(size),
        "x": 6e5 + 10.0 * np.arange(size + 7),
        "spatial_ref": ((), 0, {"crs_wkt": parse_crs("EPSG:32632").to_wkt()}),
    }
    return xr.DataArray(values, coords, ("pair", "y", "x"), name="landslide_probability")


def day(text: str) -> float:
    return float(np.datetime64(text).astype("M8[D]").astype(int))


def test_counts_of_a_pixel_are_those_by_hand() -> None:
    given = probabilities(4, size=2)
    given[:, 0, 0] = [0.9, np.nan, 0.5, 0.25]
    given[:, 0, 1] = [0.1, 0.2, 0.3, np.nan]
    given[:, 1, 0] = np.nan
    found = fuse(given, orbits=["A", "A", "D", ""])
    at = {name: layer.values[0, 0] for name, layer in found.data_vars.items()}
    assert (at["times_seen"], at["chances"]) == (2, 3)
    assert (at["share_seen"], at["max_probability"]) == (np.float32(2 / 3), np.float32(0.9))
    assert at["mean_probability"] == pytest.approx(0.55, rel=1e-6)
    assert (at["first_seen"], at["last_seen"]) == (day("2023-09-04"), day("2023-10-10"))
    assert (at["orbits_seen"], at["confirmed"]) == (3, 1)
    never = {name: layer.values[0, 1] for name, layer in found.data_vars.items()}
    assert (never["times_seen"], never["share_seen"], never["orbits_seen"], never["confirmed"]) == (
        0,
        0,
        0,
        0,
    )
    assert np.isnan(never["first_seen"])
    unknown = {name: layer.values[1, 0] for name, layer in found.data_vars.items()}
    assert (unknown["chances"], unknown["orbits_seen"], unknown["confirmed"]) == (0, 255, 255)
    assert all(
        np.isnan(unknown[name]) for name in ("share_seen", "mean_probability", "max_probability", "last_seen")
    )


@pytest.mark.parametrize("chunks", [(1, 24, 31), (5, 7, 5), (2, 24, 1), (3, (1, 22, 1), 16)])
def test_counts_are_the_same_bits_for_any_chunks_and_stay_lazy(chunks: Any) -> None:
    given = probabilities()
    lazy = fuse(given.chunk(dict(zip(("pair", "y", "x"), chunks, strict=True))))
    assert all(layer.chunks is not None for layer in lazy.data_vars.values())
    whole = fuse(given)
    assert all(layer.chunks is None for layer in whole.data_vars.values())
    xr.testing.assert_identical(lazy.compute(), whole)
    for name in whole.data_vars:
        assert lazy[name].dtype == whole[name].dtype == lazy[name].compute().dtype


def test_means_do_not_depend_on_the_order_of_the_pairs() -> None:
    given = probabilities()
    xr.testing.assert_identical(fuse(given.isel(pair=[3, 1, 4, 0, 2])), fuse(given))


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_a_plan_computes_counts_tile_by_tile(tmp_path: Path, suffix: str) -> None:
    given = probabilities()
    whole = fuse(given)
    path = insarfeat.plan(fuse(given.chunk(pair=1, y=10, x=9)), tile=16).run(
        tmp_path / f"seen{suffix}", scheduler=2
    )
    stored = insarfeat.open_stack(path)
    for name, layer in whole.data_vars.items():
        np.testing.assert_array_equal(stored[name].values, layer.values)
        assert stored[name].dtype == layer.dtype
    assert crs_of(stored["confirmed"]).to_epsg() == 32632


def test_the_days_read_back_as_dates(tmp_path: Path) -> None:
    path = insarfeat.write(fuse(probabilities()), tmp_path / "seen.nc")
    with xr.open_dataset(path) as stored:
        days = stored["first_seen"].values
    assert days.dtype.kind == "M"
    assert np.datetime64("2023-09-04") <= np.nanmin(days) <= np.datetime64("2023-09-28")


def test_every_chunk_is_read_once(tmp_path: Path) -> None:
    import dask.array as da

    reads: list[tuple[int, ...]] = []

    def block(block_id: tuple[int, ...]) -> Any:
        reads.append(block_id)
        return np.full((1, 8, 8), 0.7, "f4")

    data = da.map_blocks(block, chunks=((1,) * 3, (8, 8), (8, 8)), dtype="f4", meta=np.empty((0, 0, 0), "f4"))
    axes = {"pair": list(PAIRS[:3]), "y": np.arange(16.0), "x": np.arange(16.0)}
    insarfeat.plan(fuse(xr.DataArray(data, axes, ("pair", "y", "x"))), tile=16).run(
        tmp_path / "seen.zarr", scheduler=1
    )
    assert len(reads) == len(set(reads)) == 12


def test_the_same_pairs_give_the_same_graph_so_that_a_stopped_run_goes_on() -> None:
    names = [fuse(probabilities().chunk(y=10))["times_seen"].data.name for _ in range(2)]
    assert names[0] == names[1]


def test_predictions_of_single_pairs_are_fused_with_the_model_s_own_threshold() -> None:
    given = probabilities(2, pairs=LOOSE)
    parts = []
    for number, direction in enumerate(("ascending", "descending")):
        first, last = LOOSE[number].split("_")
        layer = given.isel(pair=number, drop=True)
        mask = (layer > 0.8).astype("u1")
        dates = {
            "primary_date": f"{first[:4]}-{first[4:6]}-{first[6:]}",
            "secondary_date": f"{last[:4]}-{last[4:6]}-{last[6:]}",
        }
        attrs = {
            **dates,
            "orbit_direction": direction,
            "threshold": 0.8,
            "model": "m",
            "statement": "Candidates.",
        }
        parts.append(xr.Dataset({"landslide_probability": layer, "landslide": mask}, attrs=attrs))
    found = fuse(parts)
    xr.testing.assert_equal(found, fuse(given, threshold=0.8, orbits=["A", "D"]))
    assert (found.attrs["statement"], found.attrs["model"], found.attrs["threshold"]) == (
        "Candidates.",
        "m",
        0.8,
    )
    assert "orbit_direction" not in found.attrs
    parts[1].attrs["threshold"] = 0.7
    with pytest.raises(InvalidArgument, match="different thresholds"):
        fuse(parts)


def test_two_tracks_are_joined_with_their_own_orbits() -> None:
    given = probabilities(4, pairs=LOOSE)
    up, down = given[:2].assign_attrs(orbit_direction="ASCENDING"), given[2:].assign_attrs(heading=-168.0)
    xr.testing.assert_equal(fuse([up, down.chunk(y=5)]).compute(), fuse(given, orbits=["A", "A", "D", "D"]))
    along = given.assign_coords(orbit=("pair", ["A", "A", "D", "D"]))
    xr.testing.assert_equal(fuse(along), fuse(given, orbits=["A", "A", "D", "D"]))


def test_dates_of_a_stack_tell_the_days_of_pairs_with_other_names() -> None:
    given = probabilities(2)
    dated = given.assign_coords(
        pair=["one", "two"],
        primary_date=("pair", ["2023-09-04", "2023-09-16T06:37:30"]),
        secondary_date=("pair", ["2023-09-16", "2023-09-28"]),
    )
    xr.testing.assert_equal(fuse(dated), fuse(given))
    with pytest.raises(InvalidArgument, match="'one' does not tell its two days"):
        fuse(given.assign_coords(pair=["one", "two"]))


def test_rasters_on_different_grids_are_sent_to_regrid() -> None:
    other = probabilities(2, pairs=LOOSE)
    with pytest.raises(GridMismatch, match=r"insarfeat\.geometry\.regrid"):
        fuse([probabilities(2), other.assign_coords(x=other["x"] + 5)])


@pytest.mark.parametrize(
    ("results", "options", "message"),
    [
        (probabilities().fillna(0).astype("i4"), {}, "must be probabilities"),
        (probabilities().transpose("y", "x", "pair"), {}, "layer.transpose"),
        (probabilities().expand_dims("class"), {}, "layer.sel"),
        (probabilities()[:0], {}, "without any pair"),
        (probabilities().drop_vars("pair"), {}, "do not say when"),
        ([probabilities(), probabilities()], {}, "more than once"),
        (probabilities(), {"threshold": 0.0}, "threshold must lie"),
        (probabilities(), {"orbits": ["A"]}, "for each of the 5 pair"),
        (probabilities(), {"orbits": ["up"] * 5}, "for each of the 5 pair"),
        (probabilities(), {"overlap": 0.5}, "overlap means nothing for probabilities"),
        (
            probabilities().to_dataset().assign(other=probabilities()),
            {},
            "2 layers that may be probabilities",
        ),
    ],
)
def test_rasters_that_cannot_be_fused_are_refused(results: Any, options: Any, message: str) -> None:
    with pytest.raises((InvalidArgument, InvalidType), match=message):
        fuse(results, **options)
