"""The check for leaks: each of the five is caught and called by its name, and a clean split has none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from layouts import SIDE, Dataset, grid, shared

from insarfeat.errors import InvalidArgument, UnreadableInput
from insarfeat.tiling.patches.parts.digests import digest
from insarfeat.tiling.patches.parts.leaks import leaks
from insarfeat.tiling.patches.parts.splitting import split

BUFFER = 50.0
PIXELS, PIXEL = 16, 10.0
CRS = "EPSG:32632"


def clean() -> pd.DataFrame:
    """A split without leaks, of two pairs, with digests of a band that changes and one that does not."""
    table = grid(20, 30, pairs=2, slide_every=29)
    place = np.arange(len(table)) % 600
    table["digest_phase"] = 10_000 + np.arange(len(table))
    table["digest_slope"] = 1_000 + place
    found = split(table, buffer=BUFFER).table
    assert shared(found, BUFFER) == []
    return found


def row_of(table: pd.DataFrame, part: str, *, slide: bool = False) -> int:
    """A patch well inside of a part."""
    mine = table.index[(table["part"] == part) & ((table["slides"].str.len() > 0) == slide)]
    return int(mine[len(mine) // 2])


def with_row(table: pd.DataFrame, like: int, **changes: object) -> pd.DataFrame:
    """The table and one more patch that is as another one but for changes, with pixels of its own."""
    fresh = {"patch": len(table), "digest_phase": -1, "digest_slope": -2, "slides": [], "label_pixels": 0}
    row = table.loc[like].to_dict() | fresh | {"label_flow": 0, "label_rock": 0} | changes
    return pd.concat([table, pd.DataFrame([row])], ignore_index=True)


def moved(table: pd.DataFrame, row: int, x: float = 0.0, y: float = 0.0) -> dict[str, object]:
    west, south, east, north = table.loc[row, ["west", "south", "east", "north"]]
    return {"west": west + x, "east": east + x, "south": south + y, "north": north + y}


FAR = {"west": 9e5, "east": 9e5 + SIDE, "south": 1e6, "north": 1e6 + SIDE}


def test_a_clean_split_has_none() -> None:
    found = leaks(clean(), buffer=BUFFER)
    assert found.ok
    assert not found
    assert len(found) == 0
    assert str(found).startswith("no leaks between test")
    assert found.unchecked == ("1200 patches have no CRS: their coordinates are taken as metres on one map",)


def test_planted_overlap_is_caught() -> None:
    table = clean()
    train = row_of(table, "train")
    found = leaks(
        with_row(table, train, **moved(table, train, 15, 10), part="test", name="planted"), buffer=BUFFER
    )
    assert found.kinds[0] == "overlap"
    assert set(found.kinds) <= {
        "overlap",
        "ground",
        "buffer",
    }  # it is near to others, and there in the other pair
    assert any("planted" in (one.first, one.second) for one in found["overlap"].pairs)
    assert all("planted" in (one.first, one.second) for leak in found for one in leak.pairs)


def test_a_planted_slide_over_time_is_caught() -> None:
    table = clean()
    slide = row_of(table, "train", slide=True)
    # Seen in another pair, from patches that share no ground with the others: the head of a long slide, say.
    planted = with_row(
        table, slide, **FAR, pair="later", slides=table.loc[slide, "slides"], part="test", name="planted"
    )
    found = leaks(planted, buffer=BUFFER)
    assert found.kinds == ("slide",)
    number = table.loc[slide, "slides"][0]
    assert {one.detail for one in found["slide"].pairs} == {f"slide {number} is in both"}
    assert any("planted" in (one.first, one.second) for one in found["slide"].pairs)


def test_planted_static_layers_of_one_slope_are_caught_by_the_ground_and_by_their_pixels() -> None:
    table = clean()
    train = row_of(table, "train")
    same_place = leaks(with_row(table, train, pair="later", part="test", name="planted"), buffer=0)
    assert same_place.kinds == ("ground",)
    assert "in pairs" in same_place["ground"].pairs[0].detail
    slope = int(table.loc[train, "digest_slope"])
    elsewhere = leaks(
        with_row(table, train, **FAR, digest_slope=slope, part="test", name="planted"), buffer=BUFFER
    )
    assert elsewhere.kinds == ("ground",)
    assert {one.detail for one in elsewhere["ground"].pairs} == {"slope is equal"}


def test_a_planted_buffer_that_is_too_small_is_caught() -> None:
    table = clean()
    east = float(table["east"].max())
    edge = int(table.index[(table["east"] == east) & (table["part"] != "")][0])
    other = "test" if table.loc[edge, "part"] != "test" else "train"
    planted = with_row(table, edge, **moved(table, edge, SIDE + BUFFER - 1), part=other, name="planted")
    assert leaks(planted, buffer=BUFFER).kinds == ("buffer",)
    assert leaks(planted, buffer=BUFFER - 1).ok


def test_a_planted_duplicate_under_another_name_is_caught() -> None:
    table = clean()
    train = row_of(table, "train")
    digests = {name: int(table.loc[train, name]) for name in ("digest_phase", "digest_slope")}
    for place in (FAR, {}):
        found = leaks(with_row(table, train, **place, **digests, part="test", name="planted"), buffer=0)
        assert found.kinds[-1] == "duplicate"
        assert {found["duplicate"].pairs[0].first, found["duplicate"].pairs[0].second} == {
            "planted",
            table.loc[train, "name"],
        }
    assert leaks(with_row(table, train, **FAR, **digests, part="test"), buffer=0).kinds == (
        "ground",
        "duplicate",
    )


def test_without_a_twin_in_the_other_pair_a_duplicate_is_nothing_else() -> None:
    table = clean()
    table = table[table["pair"] == table["pair"].iloc[0]].reset_index(drop=True)
    train = row_of(table, "train")
    digests = {name: int(table.loc[train, name]) for name in ("digest_phase", "digest_slope")}
    assert leaks(with_row(table, train, **FAR, **digests, part="test"), buffer=0).kinds == ("duplicate",)


def test_slides_are_told_by_label_boxes_where_there_are_no_ids() -> None:
    table = clean().drop(columns=["slides", "label_pixels"])
    train, test = (table.index[table["part"] == part][0] for part in ("train", "test"))
    near = {"west": 0.0, "south": 0.0, "east": 50.0, "north": 50.0}
    one, two = {"patch": train, **near}, {"patch": test, **near, "east": 99.0}
    found = leaks(Dataset(table, pd.DataFrame([one, two])), buffer=BUFFER)
    assert found.kinds == ("slide",)
    assert found["slide"].patches == 2
    apart = {"patch": test, **near, "west": 50.0, "east": 99.0}
    assert leaks(Dataset(table, pd.DataFrame([one, apart])), buffer=BUFFER).ok


def test_slides_are_told_by_an_inventory(tmp_path: Path) -> None:
    table = clean().drop(columns=["slides", "label_pixels"])
    corners = table.groupby("part")[["west", "north"]].first()
    # From the inside of a test patch to that of a train patch, past all others' corners or not.
    (x0, y0), (x1, y1) = corners.loc["train"] + [5, -5], corners.loc["test"] + [5, -5]
    long = {"type": "Polygon", "coordinates": [[(x0, y0), (x1, y1), (x1 + 1, y1 + 1), (x0, y0)]]}
    small = {"type": "Polygon", "coordinates": [[(x0, y0), (x0 + 4, y0), (x0, y0 + 4), (x0, y0)]]}
    assert leaks(table, slides=long).kinds == ("slide",)
    assert leaks(table, slides=[small]).ok
    file = tmp_path / "slides.geojson"
    crs = {"type": "name", "properties": {"name": CRS}}
    features = [{"type": "Feature", "properties": {}, "geometry": one} for one in (small, long)]
    file.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": features}))
    found = leaks(table.assign(crs=CRS), slides=file)
    assert {one.detail for one in found["slide"].pairs} == {"polygon 1 is in both"}


def test_a_hole_in_a_slide_is_not_of_it() -> None:
    squares = pd.DataFrame(
        {"west": [0.0, 500], "south": [0.0, 500], "east": [100.0, 600], "north": [100.0, 600]}
    )
    ring = [[(-50, -50), (1000, -50), (1000, 1000), (-50, 1000), (-50, -50)]]
    hole = [[(400, 400), (700, 400), (700, 700), (400, 700), (400, 400)]]
    table = squares.assign(part=["train", "test"])
    assert leaks(table, slides={"type": "Polygon", "coordinates": ring}).kinds == ("slide",)
    assert leaks(table, slides={"type": "Polygon", "coordinates": ring + hole}).ok


@given(st.integers(0, 2**32 - 1), st.integers(2, 60), st.sampled_from([0.0, 25.0, 120.0]))
def test_patches_of_any_split_are_found_by_their_kinds(seed: int, count: int, buffer: float) -> None:
    random = np.random.default_rng(seed)
    corners = random.integers(0, 700, (count, 2)).astype(float)
    sizes = random.choice([40, 100], (count, 2))
    table = pd.DataFrame(np.hstack([corners, corners + sizes]), columns=["west", "south", "east", "north"])
    table["part"] = random.choice(["train", "test", ""], count, p=[0.5, 0.3, 0.2])
    table.loc[:1, "part"] = ["train", "test"]
    table["slides"] = [random.integers(0, 30, random.integers(0, 3)).tolist() for _ in range(count)]
    wanted: dict[str, set[int]] = {}
    for one, two, kind in shared(table, buffer):
        wanted.setdefault(kind, set()).update((one, two))
    found = leaks(table, buffer=buffer)
    assert {leak.kind: leak.patches for leak in found} == {kind: len(rows) for kind, rows in wanted.items()}


def test_what_could_not_be_checked_is_said() -> None:
    found = leaks(pd.DataFrame({"name": ["a", "b"], "part": ["train", "test"]}))
    assert found.ok
    said = "\n".join(found.unchecked)
    for missing in ("do not tell where they lie", "no digests are known", "slides"):
        assert missing in said
    assert str(found).count("NOT CHECKED") == 3
    near = pd.DataFrame(
        {"west": [0.0, 500], "south": 0.0, "east": [9.0, 509], "north": 9.0, "part": ["a", "b"]}
    )
    assert any("a buffer" in one for one in leaks(near).unchecked)
    assert any(
        "label pixels" in one for one in leaks(near.assign(label_pixels=5, slides=[[1], []])).unchecked
    )


def test_patches_with_and_without_crs_are_not_compared_and_that_is_said() -> None:
    same = pd.DataFrame(
        {"west": [5e5, 5e5], "south": 5e6, "east": 5.1e5, "north": 5.01e6, "part": ["a", "b"]}
    )
    found = leaks(same.assign(crs=[CRS, ""]))
    assert found.ok
    assert any("with a CRS against those without" in one for one in found.unchecked)
    assert leaks(same.assign(crs=CRS)).kinds == ("overlap",)


def test_left_out_patches_are_not_looked_at() -> None:
    table = clean()
    train = row_of(table, "train")
    for nothing in ("", None, np.nan):
        found = leaks(with_row(table, train, **moved(table, train, 5), part=nothing), buffer=BUFFER)
        assert found.ok
        assert found.left_out == int((table["part"] == "").sum()) + 1


def test_tables_of_other_tools_are_read(tmp_path: Path) -> None:
    table = clean()
    train = row_of(table, "train")
    bad = with_row(table, train, **moved(table, train, 15, 10), part="test", name="planted")
    kinds = leaks(bad, buffer=BUFFER).kinds
    bad.to_csv(tmp_path / "split.csv", index=False)
    assert leaks(tmp_path / "split.csv", buffer=BUFFER).kinds == kinds
    renamed = bad.rename(
        columns={"part": "fold", "west": "xmin", "south": "ymin", "east": "xmax", "north": "ymax"}
    )
    assert leaks(renamed, buffer=BUFFER, part="fold").kinds == kinds
    geopandas = pytest.importorskip("geopandas")
    from shapely.geometry import box

    shapes = [box(*row) for row in bad[["west", "south", "east", "north"]].to_numpy()]
    frame = geopandas.GeoDataFrame(bad[["name", "part", "pair"]], geometry=shapes, crs=CRS)
    frame.to_file(tmp_path / "split.geojson")
    spatial = tuple(kind for kind in kinds if kind in ("overlap", "ground", "buffer"))
    for given_ in (frame, tmp_path / "split.geojson"):
        assert leaks(given_, buffer=BUFFER).kinds == spatial
    pytest.importorskip("pyarrow")
    frame.to_parquet(tmp_path / "geo.parquet")
    assert leaks(tmp_path / "geo.parquet", buffer=BUFFER).kinds == spatial


def test_the_table_has_a_row_per_couple(tmp_path: Path) -> None:
    table = clean()
    slide = row_of(table, "train", slide=True)
    found = leaks(
        with_row(table, slide, **FAR, slides=table.loc[slide, "slides"], part="test", name="planted")
    )
    rows = found.table()
    assert len(rows) == len(found) > 0
    assert rows.columns.tolist() == ["kind", "first", "first_part", "second", "second_part", "detail"]
    assert (rows["first_part"] != rows["second_part"]).all()
    assert found["slide"].pairs[0].first in str(found)
    with pytest.raises(KeyError):
        found["overlap"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"part": "colour"}, "no such column"),
        ({"buffer": -1.0}, "0 or more"),
        ({"buffer": np.nan}, "0 or more"),
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        leaks(clean(), **wrong)  # type: ignore[arg-type]


def test_one_part_alone_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="at least two parts"):
        leaks(grid(3, 3).assign(part="train"))


# Folders of files without any metadata of ours


def pixels(seed: int) -> np.ndarray:
    """Two bands: one that changes with the pair, and a slope."""
    return np.random.default_rng(seed).standard_normal((2, PIXELS, PIXELS)).astype("f4")


def write_tif(path: Path, values: np.ndarray, west: float, north: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    transform = rasterio.Affine(PIXEL, 0, west, 0, -PIXEL, north)
    with rasterio.open(
        path, "w", "GTiff", PIXELS, PIXELS, len(values), CRS, transform, values.dtype, nodata=np.nan
    ) as file:
        file.write(values)


def write_nc(path: Path, values: np.ndarray, west: float, north: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    centres = PIXEL * (np.arange(PIXELS) + 0.5)
    names = ("phase", "slope")
    bands = {
        name: (("y", "x"), one, {"grid_mapping": "crs"}) for name, one in zip(names, values, strict=True)
    }
    mapping = ((), 0, {"crs_wkt": rasterio.CRS.from_string(CRS).to_wkt()})
    coords = {"y": north - centres, "x": west + centres, "crs": mapping}
    xr.Dataset(bands, coords).to_netcdf(path)


def write_npy(path: Path, values: np.ndarray, west: float, north: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.moveaxis(values, 0, -1))


WRITERS = {".tif": write_tif, ".nc": write_nc, ".npy": write_npy}
SPAN = PIXELS * PIXEL


def clean_folder(folder: Path, suffix: str, layout: str = "{part}/{name}") -> None:
    """Twelve patches in a row, two spans apart between parts."""
    for k in range(12):
        part = "train" if k < 8 else "val" if k < 10 else "test"
        gap = 2 * SPAN * ((k >= 8) + (k >= 10))
        name = layout.format(part=part, name=f"tile{k:02d}{suffix}")
        WRITERS[suffix](folder / name, pixels(k), 5e5 + k * SPAN + gap, 5e6)


@pytest.mark.parametrize("layout", ["{part}/{name}", "images/{part}/{name}", "{part}/images/{name}"])
@pytest.mark.parametrize("suffix", [".tif", ".nc"])
def test_a_clean_folder_of_files_has_no_leaks(tmp_path: Path, suffix: str, layout: str) -> None:
    clean_folder(tmp_path, suffix, layout)
    (tmp_path / "masks" / "train").mkdir(parents=True)
    write_tif(tmp_path / "masks" / "train" / "tile00.tif", pixels(0), 5e5, 5e6)
    found = leaks(tmp_path, buffer=SPAN)
    assert found.ok, str(found)
    assert found.parts == {"test": 2, "train": 8, "val": 2}
    assert found.unchecked == (
        "1 files of labels and masks are no patches",
        "slides: neither ids, nor label boxes, nor an inventory (slides=) tell of any",
    )


@pytest.mark.parametrize("suffix", [".tif", ".nc"])
@pytest.mark.parametrize(
    ("kind", "seed", "west"),
    [
        ("overlap", 99, 5e5 + 3 * PIXEL),
        ("buffer", 99, 5e5 - SPAN - 50),
        ("duplicate", 3, 8e5),
        ("ground", None, 8e5),
    ],
)
def test_leaks_planted_into_files_are_caught(
    tmp_path: Path, suffix: str, kind: str, seed: int | None, west: float
) -> None:
    clean_folder(tmp_path, suffix)
    values = pixels(99 if seed is None else seed)
    if seed is None:
        values[1] = pixels(3)[1]  # the same slope under another phase
    WRITERS[suffix](tmp_path / "test" / f"planted{suffix}", values, west, 5e6)
    found = leaks(tmp_path, buffer=60.0)
    assert found.kinds == ((kind, "buffer") if kind == "overlap" else (kind,))[: len(found.kinds)]
    assert found.kinds[0] == kind
    assert any("planted" in one.first for one in found[kind].pairs)


@pytest.mark.parametrize("suffix", [".tif", ".nc"])
def test_a_slide_planted_into_files_is_caught_by_an_inventory(tmp_path: Path, suffix: str) -> None:
    clean_folder(tmp_path, suffix)
    # Eight tiles of train lie side by side; validation begins three spans after the last one.
    west, east = 5e5 + 7.5 * SPAN, 5e5 + 10.5 * SPAN
    ring = [(west, 5e6 - 50), (east, 5e6 - 50), (east, 5e6 - 60), (west, 5e6 - 60), (west, 5e6 - 50)]
    slide = {"type": "Polygon", "coordinates": [ring]}
    crs = {"type": "name", "properties": {"name": CRS}}
    feature = {"type": "Feature", "properties": {}, "geometry": slide}
    inventory = {"type": "FeatureCollection", "crs": crs, "features": [feature]}
    assert leaks(tmp_path, slides=inventory).kinds == ("slide",)
    ring[1] = ring[2] = (west + 1.0, 5e6 - 60)
    assert leaks(tmp_path, slides=inventory).ok


def test_files_without_places_are_compared_by_their_pixels(tmp_path: Path) -> None:
    clean_folder(tmp_path, ".npy")
    assert leaks(tmp_path).ok
    write_npy(tmp_path / "test" / "planted.npy", pixels(2), 0, 0)
    shared_slope = pixels(98)
    shared_slope[1] = pixels(5)[1]
    write_npy(tmp_path / "val" / "planted.npy", shared_slope, 0, 0)
    found = leaks(tmp_path)
    assert found.kinds == ("ground", "duplicate")
    assert any("do not tell where they lie" in one for one in found.unchecked)


def test_pictures_are_compared_by_their_pixels(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    for k in range(4):
        part = tmp_path / ("train" if k < 2 else "test")
        part.mkdir(exist_ok=True)
        values = np.random.default_rng(k).integers(0, 255, (20, 20, 3)).astype("u1")
        image.fromarray(values).save(part / f"{k}.png")
    assert leaks(tmp_path).ok
    (tmp_path / "test" / "again.png").write_bytes((tmp_path / "train" / "1.png").read_bytes())
    assert leaks(tmp_path).kinds == ("duplicate",)


def test_masks_that_are_bands_of_files_stand_for_no_ground(tmp_path: Path) -> None:
    for k in range(4):
        values = pixels(k)
        values[1] = np.eye(PIXELS)
        write_tif(tmp_path / ("train" if k < 2 else "test") / f"{k}.tif", values, 5e5 + 3 * k * SPAN, 5e6)
    assert leaks(tmp_path).ok


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    clean_folder(tmp_path, ".npy")
    (tmp_path / "test" / "broken.tif").write_bytes(b"II*\0")
    with pytest.raises(UnreadableInput, match=r"broken\.tif cannot be read"):
        leaks(tmp_path)
    with pytest.raises(InvalidArgument, match="subfolders of its parts"):
        leaks(tmp_path / "test")


def test_digests_in_a_table_are_those_of_the_bands(tmp_path: Path) -> None:
    clean_folder(tmp_path, ".tif")
    from insarfeat.tiling.patches.parts.part_folders import list_folder

    table = list_folder(tmp_path).table
    wanted = [digest(pixels(int(name[-6:-4]))[1]) for name in table["name"]]
    assert table["digest_band 2"].tolist() == wanted
