"""Splits: nothing is shared, nothing is lost silently, shares come near, and the same is split the same way."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layouts import SIDE, Dataset, grid, in_order, shared

from insarfeat.errors import InvalidArgument, InvalidType, MissingInput, OutputExists, WriteFailed
from insarfeat.tiling.patches.parts.leaks import leaks
from insarfeat.tiling.patches.parts.places import Places
from insarfeat.tiling.patches.parts.splitting import split

pytest.importorskip("pandas")


@st.composite
def layouts(draw: st.DrawFn) -> pd.DataFrame:
    """Any patches: sizes and places on a lattice or off it, pairs, dates, slides."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count, extent = draw(st.integers(12, 150)), draw(st.sampled_from([400, 1500, 6000]))
    sizes = random.choice(draw(st.sampled_from([[100], [40, 100, 160]])), count)
    corners = random.integers(0, extent, (count, 2)).astype(float)
    if draw(st.booleans()):
        corners = corners // 50 * 50
    views = draw(st.integers(3, 6))
    view = random.integers(0, views, count)
    view[:views] = np.arange(views)
    slides = draw(st.sampled_from([0, 5, 60]))
    seen = [
        sorted(set(random.integers(0, slides, random.integers(0, 3)).tolist())) if slides else []
        for _ in view
    ]
    return pd.DataFrame(
        {
            "west": corners[:, 0],
            "south": corners[:, 1],
            "east": corners[:, 0] + sizes,
            "north": corners[:, 1] + sizes,
            "slides": seen,
            "label_rock": [30 * len(one) for one in seen],
            "scene": [f"s{one}" for one in view],
            "event": [f"e{one}" for one in view],
            "orbit": [f"o{one}" for one in view],
            "secondary_date": [f"2021-0{one + 1}-01" for one in view],
        }
    )


@given(
    layouts(),
    st.sampled_from(["block", "scene", "event", "orbit", "time"]),
    st.sampled_from([0.0, 30.0, None]),
    st.integers(0, 5),
)
def test_nothing_is_shared_in_any_layout(
    table: pd.DataFrame, by: str, buffer: float | None, seed: int
) -> None:
    try:
        found = split(table, by=by, buffer=buffer, seed=seed, fractions=(0.6, 0.4))  # type: ignore[arg-type]
    except InvalidArgument as error:
        if not re.search("no patch is left for|parts need at least one each", str(error)):
            raise
        return
    assert shared(found.table, found.buffer) == []
    assert not leaks(found, buffer=found.buffer)
    assert ((found.table["part"] == "") == (found.table["reason"] != "")).all()


@pytest.mark.parametrize("by", ["block", "time"])
@pytest.mark.parametrize("seed", [0, 1])
def test_nothing_is_shared_between_three_parts_of_overlapping_pairs(by: str, seed: int) -> None:
    table = grid(24, 24, pairs=3, slide_every=37)
    found = split(table, by=by, seed=seed)  # type: ignore[arg-type]
    assert shared(found.table, found.buffer) == []
    assert set(found.table["part"]) >= {"train", "validation", "test"}


def test_shares_of_patches_and_classes_come_near_to_the_fractions() -> None:
    counts = split(grid(80, 80, slide_every=19), buffer=SIDE / 2).counts()
    for column, within in (("patches", 0.05), ("label_flow", 0.08), ("label_rock", 0.08)):
        shares = counts[column] / counts[column].sum()
        np.testing.assert_allclose(shares, [0.7, 0.2, 0.1], atol=within)


def test_little_is_lost_where_there_is_room() -> None:
    found = split(grid(100, 100), buffer=SIDE / 2)
    assert sum(found.left_out.values()) < 0.18 * len(found)


def test_every_patch_is_in_a_part_or_has_a_reason() -> None:
    found = split(grid(30, 30, pairs=2, slide_every=31))
    assert found.counts()["patches"].sum() + sum(found.left_out.values()) == len(found)
    for reason, count in found.left_out.items():
        assert f"{count}  {reason}" in str(found)


def test_the_smallest_part_keeps_all_that_it_was_given() -> None:
    found = split(grid(40, 40), fractions=(0.8, 0.2))
    assert all(reason.endswith("test") for reason in found.left_out)


def test_the_order_of_the_rows_plays_no_part() -> None:
    table = grid(30, 30, pairs=2, slide_every=23)
    mixed = table.sample(frac=1, random_state=3)
    for by in ("block", "time"):
        fractions = (0.7, 0.3)
        one = split(table, by=by, fractions=fractions).table.set_index("patch")["part"]  # type: ignore[arg-type]
        two = split(mixed, by=by, fractions=fractions).table.set_index("patch")["part"]  # type: ignore[arg-type]
        pd.testing.assert_series_equal(one, two.loc[one.index])


def test_another_seed_is_another_split_and_the_same_the_same() -> None:
    table = grid(40, 40)
    seen = [tuple(split(table, seed=seed).table["part"]) for seed in (1, 1, 2, 3, 4)]
    assert seen[0] == seen[1]
    assert len(set(seen)) > 1


@pytest.mark.parametrize("by", ["scene", "event"])
def test_what_belongs_together_stays_together(by: str) -> None:
    table = grid(20, 60, step=SIDE)
    table["scene"] = table["event"]
    found = split(table, by=by, buffer=0.0)  # type: ignore[arg-type]
    kept = found.table[found.table["part"] != ""]
    assert (kept.groupby(by)["part"].nunique() == 1).all()
    assert found.left_out == {}


def test_by_time_the_test_comes_last_and_on_ground_of_its_own() -> None:
    found = split(grid(40, 40, pairs=8), by="time")
    dates = found.table.groupby("part")["secondary_date"].agg(["min", "max"])
    assert in_order(
        [dates.loc[part, edge] for part in ("train", "validation", "test") for edge in ("min", "max")]
    )
    assert shared(found.table.iloc[::7].reset_index(drop=True), found.buffer) == []
    assert "its time belongs to one part, its ground to another" in found.left_out


def test_by_orbit_nothing_is_lost_where_orbits_see_different_ground() -> None:
    west, east = grid(10, 10, step=SIDE), grid(10, 10, step=SIDE)
    east[["west", "east"]] += 1e5
    table = pd.concat(
        [west.assign(orbit="ascending 1"), east.assign(orbit="descending 2")], ignore_index=True
    )
    found = split(table.drop(columns="patch"), by="orbit", fractions=(0.5, 0.5), buffer=0.0)
    assert found.left_out == {}
    assert found.table.groupby("orbit")["part"].nunique().tolist() == [1, 1]


def test_what_has_no_date_is_left_out_and_said() -> None:
    table = grid(30, 30, pairs=4)
    table.loc[:9, ["primary_date", "secondary_date"]] = ""
    assert split(table, by="time").left_out["no date known"] == 10


def test_what_has_no_place_is_left_out_and_said() -> None:
    table = grid(30, 30)
    table.loc[:4, "west"] = np.nan
    assert split(table).left_out["its place is not known"] == 5


def test_copies_are_in_train_only_and_with_their_originals() -> None:
    table = grid(30, 30, slide_every=11)
    originals = table[table["slides"].str.len() > 0]
    copies = originals.assign(copy=True, patch=originals["patch"] + len(table))
    for low, high in (("west", "east"), ("south", "north")):
        copies[low] += SIDE / 4
        copies[high] -= SIDE / 4
    found = split(pd.concat([table.assign(copy=False), copies], ignore_index=True))
    rows = found.table.set_index("patch")
    of_copies = rows[rows["copy"]]
    assert set(of_copies["part"]) == {"train", ""}
    kept = of_copies.index[of_copies["part"] == "train"]
    assert (rows.loc[kept - len(table), "part"] == "train").sum() > 0
    slides_of_originals = {
        slide for row in rows[~rows["copy"] & (rows["part"] == "train")]["slides"] for slide in row
    }
    assert all(slide in slides_of_originals for row in of_copies.loc[kept, "slides"] for slide in row)
    assert any("copy" in reason for reason in found.left_out)
    assert shared(found.table, found.buffer) == []


def test_label_boxes_that_overlap_are_one_slide_where_there_are_no_ids() -> None:
    table = grid(12, 40, step=2 * SIDE).drop(columns="slides")
    rows = []
    for row in range(12):  # a slide along each row of patches, told by a box in each of them
        for column in range(0, 40, 2):
            number = row * 40 + column
            west, south, east, north = table.loc[number, ["west", "south", "east", "north"]]
            rows.append(
                {"patch": number, "west": west, "south": south + 40, "east": east + 350, "north": north - 40}
            )
    found = split(Dataset(table, pd.DataFrame(rows)), buffer=0.0, block=600.0)
    parts = found.table["part"].to_numpy().reshape(12, 40)[:, ::2]
    for row in parts:
        assert len(set(row) - {""}) <= 1
    assert sum(count for reason, count in found.left_out.items() if reason.startswith("has a slide of")) > 0


def test_the_same_ground_is_known_in_another_crs() -> None:
    from pyproj import Transformer

    table = grid(30, 30, crs="EPSG:32632")
    change = Transformer.from_crs("EPSG:32632", "EPSG:4326", always_xy=True)
    other = table.assign(crs="EPSG:4326", pair="b")
    other["west"], other["south"] = change.transform(table["west"].to_numpy(), table["south"].to_numpy())
    other["east"], other["north"] = change.transform(table["east"].to_numpy(), table["north"].to_numpy())
    both = pd.concat([table, other], ignore_index=True).drop(columns="patch")
    found = split(both)
    there = found.table["part"].to_numpy().reshape(2, -1)
    assert not ((there[0] != there[1]) & (there[0] != "") & (there[1] != "")).any()
    assert shared(found.table.iloc[:900], found.buffer) == []
    # The places in degrees, taken back to metres by their middles, keep the buffer from those of the other map.
    one, two = found.table.iloc[:900], found.table.iloc[900:].reset_index(drop=True)
    lent = two.assign(**{name: one[name].to_numpy() for name in ("west", "south", "east", "north")})
    assert shared(pd.concat([one, lent], ignore_index=True).drop(columns="slides"), found.buffer - 0.5) == []


def test_web_mercator_is_not_taken_for_metres() -> None:
    table = grid(40, 40, crs="EPSG:3857", step=SIDE)
    table[["south", "north"]] += 3.5e6  # 60 degrees north: two map metres are one on the ground
    found = split(table, buffer=100.0)
    assert shared(found.table, 195.0) == []
    assert Places.locate(
        table[["west", "south", "east", "north"]].to_numpy(), table["crs"].to_numpy()
    ).side == pytest.approx(50, rel=0.05)


def test_patches_across_the_date_line_are_neighbours() -> None:
    step = 0.01
    west = 179.8 + step * np.arange(40)
    bounds = np.array(
        [[(w + 180) % 360 - 180, 10.0, (w + step + 180) % 360 - 180, 10.0 + step] for w in west]
    )
    places = Places.locate(bounds, ["EPSG:4326"] * 40)
    near = places.near(places.of[[19, 20]], places.of[[20]], 10.0)
    assert len(places) == 40
    assert near.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"fractions": (0.7, 0.2)}, "add up to 1"),
        ({"fractions": (1.0,)}, "two or more"),
        ({"by": "colour"}, "'block'"),
        ({"buffer": -1.0}, "buffer must be metres"),
        ({"block": 0.0}, "block must be metres"),
        ({"seed": 1.5}, "seed must be"),
        ({"names": ("a", "b")}, "as many different ones"),
        ({"fractions": (0.25,) * 4}, "as many different ones"),
        ({"by": "scene"}, 'by="block"'),
        ({"by": "orbit"}, "needs at least 3 different orbits"),
        ({"block": 1e6}, "pass a smaller block"),
    ],
)
def test_what_cannot_be_is_refused_with_the_fix(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        split(grid(), **wrong)  # type: ignore[arg-type]


def test_a_part_that_would_be_empty_is_an_error() -> None:
    table = grid(10, 10, pairs=3)
    table["scene"] = table["pair"]
    with pytest.raises(InvalidArgument, match=r'no patch is left for .*split by="block"'):
        split(table, by="scene")


def test_what_is_no_table_of_patches_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidType, match="must be patches of this package"):
        split(3)
    with pytest.raises(MissingInput, match="nothing of that name"):
        split(tmp_path / "none")
    with pytest.raises(InvalidArgument, match="holds no dataset of patches"):
        split(tmp_path)
    with pytest.raises(InvalidArgument, match="no patch has a known place"):
        split(pd.DataFrame({"name": ["a", "b"]}))


def test_leaks_looks_for_the_buffer_that_a_split_was_made_with(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    grid(20, 20).to_parquet(tmp_path / "table.parquet")
    found = split(tmp_path, buffer=300.0)
    found.save()
    for one in (found, tmp_path):
        looked = leaks(one)
        assert looked.ok
        assert "a buffer of 300 m" in str(looked)
        assert "a buffer between the parts" not in str(looked)


def test_it_is_saved_whole_into_the_folder_and_read_again(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    table = grid(20, 20, slide_every=9)
    table.to_parquet(tmp_path / "table.parquet")
    found = split(tmp_path)
    assert found.save() == tmp_path / "split.parquet"
    stored = pd.read_parquet(tmp_path / "split.parquet")
    assert stored.columns.tolist() == ["patch", "part", "reason"]
    assert stored["part"].tolist() == found.table["part"].tolist()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["split.parquet", "table.parquet"]
    assert not leaks(tmp_path, buffer=found.buffer)
    with pytest.raises(OutputExists, match="overwrite"):
        found.save()
    found.save(overwrite=True)
    with pytest.raises(WriteFailed, match="create it first"):
        found.save(tmp_path / "no" / "split.parquet")
    with pytest.raises(InvalidArgument, match="came as a table"):
        split(table).save()


def test_a_geodataframe_and_names_of_other_tools_are_understood() -> None:
    geopandas = pytest.importorskip("geopandas")
    from shapely.geometry import box

    table = grid(20, 20, crs="EPSG:32632")
    bounds = table[["west", "south", "east", "north"]]
    frame = geopandas.GeoDataFrame(
        table[["name"]], geometry=[box(*row) for row in bounds.to_numpy()], crs="EPSG:32632"
    )
    renamed = bounds.set_axis(["minx", "miny", "maxx", "maxy"], axis=1).assign(crs="EPSG:32632")
    wanted = split(bounds.assign(crs="EPSG:32632")).table["part"].tolist()
    assert split(frame).table["part"].tolist() == wanted
    assert split(renamed).table["part"].tolist() == wanted
    binary = pd.DataFrame({"geometry": [shape.wkb for shape in frame.geometry], "crs": "EPSG:32632"})
    assert split(binary).table["part"].tolist() == wanted


def test_the_report_says_what_was_assumed() -> None:
    text = str(split(grid().drop(columns=["slides", "label_pixels"])))
    assert "have no CRS: their coordinates are taken as metres" in text
    assert "half of the patches' side was taken" in text
    assert "no slides are known" in text


def test_hundred_thousand_patches_take_seconds() -> None:
    table = pd.concat([grid(150, 150, pairs=1)] * 5, ignore_index=True).drop(columns="patch")
    found = split(table)
    assert found.counts()["patches"].min() > 0


def test_the_map_has_a_legend_with_counts() -> None:
    pytest.importorskip("matplotlib")
    from insarfeat.plot import split_map

    found = split(grid(30, 30, crs="EPSG:32632"))
    figure = split_map(found)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    counts = found.counts()["patches"]
    assert [f"{name} {count}" for name, count in counts.items()] == sorted(
        (text for text in texts if text.split()[0] in counts.index), key=lambda text: -int(text.split()[1])
    )
    assert f"left out {sum(found.left_out.values())}" in texts
    assert "buffer 50 m" in texts
    with pytest.raises(InvalidArgument, match="no column 'part'"):
        split_map(grid())


@pytest.mark.parametrize("reach", [0.0, 700.0])
def test_distances_between_maps_are_those_on_the_ground(reach: float) -> None:
    shapely = pytest.importorskip("shapely")
    from pyproj import Transformer

    random = np.random.default_rng(5)
    lower = random.uniform(0, 12_000, (150, 2))
    bounds, systems = [], []
    for k, (x, y) in enumerate(lower):
        system = ("EPSG:32632", "EPSG:32633", "EPSG:4326")[k % 3]
        change = Transformer.from_crs("EPSG:4326", system, always_xy=True)
        west, south = change.transform(12.0 + x / 75_000, 47.0 + y / 111_000)
        side = 1200.0 if system != "EPSG:4326" else 0.012
        bounds.append([west, south, west + side, south + side])
        systems.append(system)
    places = Places.locate(np.array(bounds), systems)
    shapes = []
    local = "+proj=aeqd +lat_0=47.05 +lon_0=12.08 +ellps=WGS84"
    for (west, south, east, north), system in zip(bounds, systems, strict=True):
        change = Transformer.from_crs(system, local, always_xy=True)
        along = np.linspace(0, 1, 9)
        x = np.concatenate(
            [west + along * (east - west), np.full(9, east), east - along * (east - west), np.full(9, west)]
        )
        y = np.concatenate(
            [
                np.full(9, south),
                south + along * (north - south),
                np.full(9, north),
                north - along * (north - south),
            ]
        )
        shapes.append(shapely.Polygon(np.column_stack(change.transform(x, y))))
    compared = 0
    for one in range(150):
        for two in range(one):
            apart = shapes[one].distance(shapes[two])
            common = shapes[one].intersection(shapes[two]).area
            if (apart > 0 and abs(apart - reach) < 2) or 0 < common < 3000 or (apart == 0 and common == 0):
                continue  # within what the shapes' straight sides are good for
            state = places.near(places.of[[one]], places.of[[two]], reach)[0]
            assert state == (2 if common > 0 else int(apart < reach)), (one, two, apart, common)
            compared += state > 0
    assert compared > 300
