"""Which patches are taken: filters before pixels are read, draws that depend on nothing but the seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from insarfeat import tiling
from insarfeat.dispatch.lazy import lazy_source
from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.tiling import HardNegatives, Keep, Sampling, SmallCopies
from insarfeat.tiling.patches.sampling import draws, lightest
from insarfeat.windows import Window

SIDE = 640


class Watched:
    """A layer of numbers that notes which windows are read."""

    def __init__(self, values: Any) -> None:
        self.values, self.windows = values, []  # type: ignore[var-annotated]
        self.shape, self.dtype, self.token = values.shape, values.dtype, f"watched-{id(self)}"
        self.stored_chunk = (64, 64)

    def fingerprint(self) -> str:
        return "watched"

    def describe(self) -> str:
        return "watched"

    def read(self, lead: tuple[int, ...], window: Window) -> Any:
        self.windows.append(window)
        return self.values[(*lead, *window.slices)]

    @property
    def pixels(self) -> int:
        return sum(window.pixels for window in self.windows)


def scene(**more: Any) -> xr.Dataset:
    """Slides in the west, ground that falls ever steeper to the east, layover in the south."""
    random = np.random.default_rng(3)
    labels = np.zeros((SIDE, SIDE), "u1")
    for _ in range(12):
        top, left = random.integers(0, SIDE - 30), random.integers(0, SIDE // 2)
        labels[top : top + random.integers(5, 30), left : left + random.integers(5, 30)] = 1
    layover = np.zeros((SIDE, SIDE), "u1")
    layover[500:] = 2
    slope = np.broadcast_to(np.linspace(0, 60, SIDE, dtype="f4"), (SIDE, SIDE)).copy()
    valid = np.ones((SIDE, SIDE), "u1")
    valid[:, :40] = 0
    layers = {
        "coherence": random.random((SIDE, SIDE)).astype("f4"),
        "landslide": labels,
        "shadow_layover": layover,
        "slope": slope,
        "valid_mask": valid,
        **more,
    }
    coords = {
        "y": 5e6 - 15.0 * np.arange(SIDE),
        "x": 6e5 + 15.0 * np.arange(SIDE),
        "spatial_ref": xr.DataArray(np.int32(0), attrs={"crs_wkt": "EPSG:32632"}),
    }
    arrays = {
        name: (("y", "x"), lazy_source(one, ((64,) * 10, (64,) * 10)) if isinstance(one, Watched) else one)
        for name, one in layers.items()
    }
    return xr.Dataset(arrays, coords)


def cut(data: xr.Dataset, folder: Path, **options: Any) -> Any:
    folder.mkdir(exist_ok=True)
    return tiling.extract_patches(
        data, folder / "p", **{"size": 64, "stride": 32, "bands": ["coherence"], **options}
    )


def square(row0: int, col0: int, row1: int, col1: int) -> dict[str, Any]:
    x = [6e5 - 7.5 + 15 * column for column in (col0, col1)]
    y = [5e6 + 7.5 - 15 * row for row in (row0, row1)]
    ring = [(x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1]), (x[0], y[0])]
    return {"type": "Polygon", "coordinates": [ring]}


def windows_of(patches: Any) -> set[tuple[int, int]]:
    return set(zip(patches.table["row"].tolist(), patches.table["column"].tolist(), strict=True))


def by_hand(wanted: Any) -> set[tuple[int, int]]:
    """Places of the grid that a function of the window's slices wants."""
    return {
        (window.top, window.left)
        for window in tiling.PatchGrid((SIDE, SIDE), 64, 32)
        if wanted(window.slices)
    }


def test_few_valid_pixels_by_the_mask_leave_patches_out_before_bands_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("insarfeat.tiling.patches.cutting.reading._UNIT", 64)
    watched = Watched(np.zeros((SIDE, SIDE), "f4"))
    valid = np.zeros((SIDE, SIDE), "u1")
    valid[:100, :100] = 1
    data = scene(coherence=watched, valid_mask=valid)
    patches = cut(data, tmp_path, bands=["coherence", "valid_mask"], min_valid=0.9)
    assert windows_of(patches) == by_hand(lambda place: valid[place].mean() >= 0.9)
    assert watched.pixels < 0.1 * SIDE * SIDE


def test_a_mean_slope_chooses_patches(tmp_path: Path) -> None:
    data = scene()
    slope = data["slope"].values
    patches = cut(data, tmp_path, keep=Keep(slope=(10, 30)))
    assert windows_of(patches) == by_hand(lambda place: 10 <= slope[place].mean(dtype="f8") <= 30)
    assert patches.report.left_out["mean slope"] == 361 - len(patches)


def test_slope_is_that_of_the_elevations_where_there_is_no_layer(tmp_path: Path) -> None:
    height = np.broadcast_to(np.arange(SIDE, dtype="f4")[:, None] ** 1.5, (SIDE, SIDE)).copy()
    data = scene(elevation=height).drop_vars("slope")
    from insarfeat import terrain

    slope = terrain.slope(data["elevation"]).values
    patches = cut(data, tmp_path, keep=Keep(slope=(50, 90)), min_valid=0)
    assert windows_of(patches) == by_hand(lambda place: 50 <= slope[place].mean(dtype="f8") <= 90)
    with pytest.raises(InvalidArgument, match=r"keep\.slope needs the layer slope or elevation"):
        cut(data.drop_vars("elevation"), tmp_path / "other", keep=Keep(slope=(5, 9)))


def test_an_area_of_interest_keeps_patches_that_lie_in_it_by_half(tmp_path: Path) -> None:
    patches = cut(scene(), tmp_path, keep=Keep(area=square(100, 200, 300, 420)))
    area = np.zeros((SIDE, SIDE))
    area[100:300, 200:420] = 1
    assert windows_of(patches) == by_hand(lambda place: area[place].mean() >= 0.5)


@pytest.mark.parametrize(("which", "has"), [("only", True), ("without", False)])
def test_labels_choose_patches(tmp_path: Path, which: Any, has: bool) -> None:
    data = scene()
    labels = data["landslide"].values
    patches = cut(data, tmp_path, keep=Keep(labels=which), min_valid=0)
    assert windows_of(patches) == by_hand(lambda place: bool(labels[place].any()) == has)


def test_centred_patches_show_their_objects_and_negatives_show_none(tmp_path: Path) -> None:
    data = scene()
    sampling = Sampling(where="centred", per_object=3, negatives=2)
    patches = cut(data, tmp_path, sampling=sampling, min_valid=0)
    kinds = patches.table["kind"].value_counts()
    assert set(kinds.index) == {"centred", "negative"}
    positive = patches.table[patches.table["kind"] == "centred"]
    assert (positive["label_pixels"] > 0).all()
    assert (patches.table.loc[patches.table["kind"] == "negative", "label_pixels"] == 0).all()
    assert kinds["negative"] == 2 * kinds["centred"]
    seen = set(positive["slides"].explode().dropna())
    assert seen == set(patches.boxes["slide"])


def test_without_jitter_an_object_is_in_the_middle(tmp_path: Path) -> None:
    labels = np.zeros((SIDE, SIDE), "u1")
    labels[300:311, 400:421] = 1
    patches = cut(scene(landslide=labels), tmp_path, sampling=Sampling(where="centred", jitter=0))
    assert windows_of(patches) <= {(274, 378), (273, 378), (274, 379), (273, 379)}
    assert len(patches) == 1


def test_random_patches_are_as_many_as_are_asked_for_and_lie_in_the_area(tmp_path: Path) -> None:
    sampling = Sampling(where="random", count=25, seed=4)
    patches = cut(scene(), tmp_path, sampling=sampling, keep=Keep(area=square(300, 300, 500, 600)))
    assert len(patches) == 25
    middles = patches.table[["row", "column"]].to_numpy() + 32
    assert (middles >= 300 - 1).all()
    assert (middles[:, 0] <= 500).all()
    assert (middles[:, 1] <= 600).all()
    assert len(windows_of(patches)) == 25


def test_hard_negatives_hold_what_they_are_drawn_for(tmp_path: Path) -> None:
    alarms = np.zeros((SIDE, SIDE), "f4")
    alarms[400:430, 500:530] = 0.9
    data = scene(probability=alarms)
    hard = HardNegatives(layover=0.3, false_alarms=0.1, alarms="probability")
    patches = cut(data, tmp_path, sampling=Sampling(negatives=1, hard=hard), min_valid=0)
    table = patches.table
    positive = (table["label_pixels"] > 0).sum()
    assert (table["label_pixels"] == 0).sum() == positive
    layover = table[table["kind"] == "hard: layover"]
    assert len(layover) == round(0.3 * positive)
    assert (layover["row"] + 64 > 500).all()
    false = table[table["kind"] == "hard: false alarms"]
    assert 0 < len(false) <= round(0.1 * positive)
    for _, row in false.iterrows():
        assert alarms[row["row"] : row["row"] + 64, row["column"] : row["column"] + 64].max() > 0.5


def test_fringes_without_slides_are_hard_negatives_by_atmosphere(tmp_path: Path) -> None:
    ramp = np.angle(np.exp(1j * np.arange(SIDE) * 0.8)).astype("f4")
    phase = np.zeros((SIDE, SIDE), "f4")
    phase[:, 480:] = ramp[480:]
    data = scene(wrapped_phase=phase, coherence=np.full((SIDE, SIDE), 0.9, "f4"))
    hard = HardNegatives(atmosphere=0.5)
    patches = cut(data, tmp_path, sampling=Sampling(negatives=1, hard=hard), min_valid=0)
    drawn = patches.table[patches.table["kind"] == "hard: atmosphere"]
    assert len(drawn) > 10
    assert (drawn["column"] + 64 >= 480).all()


def test_artefacts_are_negatives_where_they_are_asked_for(tmp_path: Path) -> None:
    slides = [
        {"type": "Feature", "geometry": square(r, 100, r + 10, 110), "properties": {"Class": "RG"}}
        for r in (50, 250, 450)
    ]
    slides += [
        {"type": "Feature", "geometry": square(r, 500, r + 10, 510), "properties": {"Class": "AR"}}
        for r in (50, 250, 450)
    ]
    data = scene().drop_vars("landslide")
    hard = HardNegatives(artefacts=1.0)
    patches = cut(data, tmp_path, labels=slides, sampling=Sampling(negatives=0.5, hard=hard), min_valid=0)
    assert patches.classes == {"AR": 1, "RG": 2}
    negative = patches.table[patches.table["label_RG"] == 0]
    assert (negative["label_AR"] > 0).all()
    assert set(negative["kind"]) == {"hard: artefacts"}
    with pytest.raises(InvalidArgument, match="labels of the class AR"):
        cut(scene(), tmp_path / "o", sampling=Sampling(negatives=1, hard=hard))


def test_the_same_seed_gives_the_same_patches_however_it_is_run(tmp_path: Path) -> None:
    data = scene()
    sampling = Sampling(where="centred", negatives=3, hard=HardNegatives(layover=0.5), seed=7)
    first = cut(data, tmp_path / "a", sampling=sampling, scheduler=1)
    again = cut(data.chunk({"y": 77, "x": 200}), tmp_path / "b", sampling=sampling, scheduler=3)
    other = cut(data, tmp_path / "c", sampling=Sampling(where="centred", negatives=3, seed=8))
    assert first.table["name"].tolist() == again.table["name"].tolist()
    assert windows_of(first) != windows_of(other)


@given(seed=st.integers(0, 2**31), count=st.integers(1, 300))
def test_draws_are_even_and_depend_on_the_place_alone(seed: int, count: int) -> None:
    rows, columns = np.divmod(np.arange(4096), 64)
    found = draws(seed, 0, 0, rows, columns)
    assert ((found > 0) & (found < 1)).all()
    assert abs(found.mean() - 0.5) < 0.03
    assert np.array_equal(draws(seed, 0, 0, rows[:count], columns[:count]), found[:count])
    assert not np.array_equal(draws(seed, 1, 0, rows, columns), found)
    assert len(lightest(found, np.ones(4096, bool), count)) == count


def test_names_of_ways_are_samplings() -> None:
    assert Sampling.of(None) == Sampling.of("grid") == Sampling()
    assert Sampling.of("centred").where == "centred"
    with pytest.raises(InvalidArgument, match="did you mean 'centred'"):
        Sampling.of("centered")
    with pytest.raises(InvalidType, match="sampling must be"):
        Sampling.of(3)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Sampling(negatives=-1), "negatives must be 0 or more"),
        (lambda: Sampling(where="random"), "count goes with"),
        (lambda: Sampling(count=3), "count goes with"),
        (lambda: Sampling(jitter=2), "jitter must be a share"),
        (lambda: Sampling(hard=HardNegatives(layover=0.5)), "say how many"),
        (lambda: Sampling(seed=-1), "seed must be"),
        (lambda: Sampling(edge="wrap"), "edge must be"),  # type: ignore[arg-type]
        (lambda: HardNegatives(layover=0.8, atmosphere=0.5), "sum up to at most 1"),
        (lambda: HardNegatives(false_alarms=0.5), "needs alarms"),
        (lambda: SmallCopies(crop=0), "crop must be"),
        (lambda: Keep(slope=(30, 10)), "slope must be two angles"),
        (lambda: Keep(labels="some"), "labels must be"),  # type: ignore[arg-type]
    ],
)
def test_samplings_that_make_no_sense_are_refused(make: Any, told: str) -> None:
    with pytest.raises(InvalidArgument, match=told):
        make()
