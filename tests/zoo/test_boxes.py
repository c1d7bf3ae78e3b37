"""Boxes over whole stacks: every object once and whole, wherever windows meet."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import xarray as xr

torch = pytest.importorskip("torch")

import small_models

import insarfeat
import zoo
from insarfeat.errors import InvalidArgument
from zoo import networks
from zoo.boxes import CORE, MARGIN, boxes_of
from zoo.description import SYNTHETIC, Band, ModelDescription
from zoo.networks.yolo import Candidates
from zoo.weights import save_weights

CELL = 8
SIDE = 1400
TOP, LEFT = 5_107_020.0, 603_900.0  # whole multiples of 15 m: the first pixel is (-340468, 40260) of the map

KNOWING = ModelDescription(
    name="knowing-boxes",
    task="boxes",
    architecture="knowing",
    bands=(
        Band(name="coherence", scale=1.0),
        Band(name="tri", scale=100.0),
        Band(name="twi", scale=100.0),
        Band(name="slope", scale=1.0),
    ),
    classes=("CF", "RG"),
    pixel=15.0,
    least_pixel=10.0,
    largest_pixel=20.0,
    patch=160,
    threshold=0.5,
)
"""Finds what its bands say: where coherence is 1 is the middle of something as high as tri, as wide as twi."""


class Knowing(torch.nn.Module):
    """Says where things are, a few pixels beside the truth, and each time elsewhere."""

    anchors = (((8.0, 8.0),),)
    strides = (CELL,)
    jitter = 1.0

    def forward(self, bands: Any) -> list[Any]:
        cells = torch.nn.functional.max_pool2d(bands, CELL)
        there, height, width, kind = cells.unbind(dim=1)
        astray = self.jitter * torch.randn(len(bands), 2, *there.shape[1:])
        offsets = torch.logit((astray.sigmoid() + 0.5) / 2)  # within the cell
        sizes = torch.log(torch.stack([height, width], dim=1).clamp(min=0.01) * 100 / 8)
        score = (there * 40 - 20).clamp(max=3.0) - astray.abs().sum(dim=1) / 10
        classes = torch.stack([8 - 16 * kind, 16 * kind - 8], dim=1)
        return [torch.cat([offsets, sizes, score[:, None], classes], dim=1)]


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> zoo.BoxModel:
    torch.manual_seed(0)
    known = networks.Network("knowing", "boxes", lambda channels, classes: Knowing(), 32, "", "")
    monkeypatch.setattr(networks, "NETWORKS", MappingProxyType({**networks.NETWORKS, "knowing": known}))
    path = save_weights(tmp_path / "knowing-boxes.safetensors", {}, KNOWING)
    return zoo.load(path, device="cpu", precision="float32")


def stack(things: list[tuple[int, int, float, float, int]], side: int = SIDE) -> xr.Dataset:
    """A map of things: row and column of the middle, height, width, class."""
    layers = {name: np.zeros((side, side), "f4") for name in KNOWING.band_names}
    for row, column, height, width, kind in things:
        # The four numbers lie together somewhere in the cell that the middle is in.
        for name, value in zip(KNOWING.band_names, (1.0, height, width, kind), strict=True):
            layers[name][row, column] = value
    grid = small_models.stack(2, 2, top=TOP, left=LEFT)
    coords = {
        "y": TOP - 15.0 * (np.arange(side) + 0.5),
        "x": LEFT + 15.0 * (np.arange(side) + 0.5),
        "spatial_ref": grid["spatial_ref"],
    }
    return xr.Dataset({name: (("y", "x"), values) for name, values in layers.items()}, coords)


def first_border() -> tuple[int, int]:
    """Row and column where the first window ends that begins inside the raster."""
    return int(TOP / 15.0) % CORE, -int(LEFT / 15.0) % CORE


def middles(found: zoo.Detections) -> np.ndarray:
    table = found.table
    rows = (TOP - (table["south"] + table["north"]) / 2) / 15.0
    columns = ((table["west"] + table["east"]) / 2 - LEFT) / 15.0
    return np.stack([rows, columns], axis=1)


def test_borders_of_windows_lie_inside_the_test_scene() -> None:
    assert first_border() == (500, 700)


def test_every_object_is_found_once_wherever_windows_meet(model: zoo.BoxModel) -> None:
    row, column = first_border()
    along = [
        (row + shift, at, 24.0, 24.0, 0)
        for shift, at in zip(range(-40, 41, 8), range(100, 1200, 100), strict=True)
    ]
    across = [
        (at, column + shift, 24.0, 24.0, 1)
        for shift, at in zip(range(-40, 41, 8), range(60, 1160, 100), strict=True)
    ]
    things = along + across
    for seed in range(3):
        torch.manual_seed(seed)
        found = model.predict(stack(things))
        assert len(found) == len(things)
        truth = np.array([[thing[0], thing[1]] for thing in things], float)
        apart = np.linalg.norm(middles(found)[:, np.newaxis] - truth, axis=2)
        assert apart.min(axis=1).max() < 10
        assert len(set(apart.argmin(axis=1).tolist())) == len(things)


@pytest.mark.parametrize(("height", "width"), [(115.0, 115.0), (327.0, 41.0), (41.0, 327.0)])
def test_slides_of_3_km2_on_the_corner_of_four_windows_are_one_and_whole(
    model: zoo.BoxModel, height: float, width: float
) -> None:
    row, column = first_border()
    assert height * width * 225 == pytest.approx(3e6, rel=0.02)
    for shift in (-4, 4):
        found = model.predict(stack([(row + shift, column + shift, height, width, 0)]))
        assert len(found) == 1
        only = found.table.iloc[0]
        assert only["north"] - only["south"] == pytest.approx(15 * height, rel=1e-4)
        assert only["east"] - only["west"] == pytest.approx(15 * width, rel=1e-4)
        assert only["area_m2"] == pytest.approx(3e6, rel=0.02)


def test_margins_hold_half_of_the_longest_slide() -> None:
    assert MARGIN >= 327 / 2


def test_the_same_places_are_found_in_any_crop(model: zoo.BoxModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Knowing, "jitter", 0.0)
    rng = np.random.default_rng(0)
    things = [(int(r), int(c), 20.0, 30.0, 0) for r, c in rng.integers(300, 1100, (30, 2))]
    whole = stack(things)
    found = model.predict(whole)
    crop = model.predict(whole.isel(y=slice(37, 1300), x=slice(101, 1350)))
    columns = ["west", "south", "east", "north"]
    both = [sorted(map(tuple, one.table[columns].round(3).to_numpy().tolist())) for one in (found, crop)]
    assert both[0] == both[1]
    assert len(found) > 20


def test_classes_and_scores_come_with_the_boxes(model: zoo.BoxModel) -> None:
    found = model.predict(stack([(100, 100, 20, 20, 0), (300, 300, 20, 20, 1)]))
    assert sorted(found.table["class"]) == ["CF", "RG"]
    assert found.table["score"].between(0.5, 1.0).all()
    assert found.table["score"].is_monotonic_decreasing


def test_what_lies_in_nodata_by_half_is_left_out(
    model: zoo.BoxModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Knowing, "jitter", 0.0)
    given = stack([(100, 100, 40, 40, 0), (100, 300, 40, 40, 0)])
    given["slope"][60:140, 104:200] = np.nan
    given["slope"][60:140, 285:340] = np.nan
    given["slope"][100, 300] = 0.0
    found = model.predict(given)
    assert len(found) == 1
    assert middles(found)[0, 1] == pytest.approx(100, abs=10)


def test_boxes_end_with_the_raster(model: zoo.BoxModel) -> None:
    found = model.predict(stack([(24, 24, 60, 60, 0)]))
    assert len(found) == 1
    assert found.table["north"].max() <= TOP
    assert found.table["west"].min() >= LEFT


def test_nothing_found_is_an_empty_table(model: zoo.BoxModel, tmp_path: Path) -> None:
    found = model.predict(stack([]), tmp_path / "none.geojson")
    assert len(found) == 0
    assert len(zoo.Detections.read(tmp_path / "none.geojson")) == 0


def test_a_small_stack_is_one_window(model: zoo.BoxModel) -> None:
    assert len(model.predict(stack([(20, 30, 16, 16, 0)], side=50))) == 1


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg", ".csv"])
def test_results_are_written_with_what_the_model_was_trained_on(
    model: zoo.BoxModel, suffix: str, tmp_path: Path
) -> None:
    out = tmp_path / f"found{suffix}"
    found = model.predict(stack([(100, 100, 20, 20, 0)]), out)
    if suffix != ".csv":
        assert len(zoo.Detections.read(out)) == 1
    assert len(found) == 1
    assert found.about["statement"] == SYNTHETIC
    assert "synthetic" in out.read_bytes().decode("latin-1")
    with pytest.raises(InvalidArgument, match="out must end in"):
        model.predict(stack([]), tmp_path / "found.tif")


def test_pairs_are_told_apart_and_shared_bands_are_read_once(model: zoo.BoxModel) -> None:
    one, other = stack([(100, 100, 20, 20, 0)]), stack([(100, 100, 20, 20, 0), (400, 500, 20, 20, 0)])
    names = xr.DataArray(["20230101_20230113", "20230113_20230125"], dims="pair")
    both = other.assign(
        coherence=xr.concat([one["coherence"], other["coherence"]], "pair").assign_coords(pair=names)
    )
    found = model.predict(both)
    assert found.table["pair"].value_counts().to_dict() == {"20230101_20230113": 1, "20230113_20230125": 2}
    only = model.predict(both, pair="20230101_20230113")
    assert only.table["pair"].tolist() == ["20230101_20230113"]


def test_an_interrupted_search_goes_on(model: zoo.BoxModel, tmp_path: Path) -> None:
    given = stack([(100, 100, 20, 20, 0), (1300, 1300, 20, 20, 0)])
    out = tmp_path / "found.csv"

    def stop(progress: insarfeat.tiling.Progress) -> None:
        if progress.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.predict(given, out, scheduler=1, progress=stop)
    assert not out.exists()
    begun: list[int] = []
    found = model.predict(given, out, progress=lambda progress: begun.append(progress.done))
    assert begun[0] == 2
    assert len(found) == 2
    assert not list(tmp_path.glob("*.partial"))


def candidates(boxes: list[list[float]], scores: list[float]) -> Candidates:
    count = len(boxes)
    return Candidates(
        torch.tensor(boxes).reshape(1, count, 4),
        torch.tensor(scores).reshape(1, count),
        torch.tensor([[1.0, 0.5]] * count).reshape(1, count, 2),
    )


def test_scores_are_objectness_times_the_likeliest_class_and_temperature_softens_them() -> None:
    given = candidates([[0, 0, 10, 10]], [0.8])
    assert boxes_of(given, 0.5, 0.45)[0].scores == pytest.approx([0.8], abs=1e-6)
    softened = boxes_of(given, 0.5, 0.45, temperature=2.0)[0].scores
    assert softened == pytest.approx([1 / (1 + np.exp(-np.log(4) / 2))], abs=1e-6)
    assert len(boxes_of(given, 0.9, 0.45)[0]) == 0


def test_a_model_that_finds_something_everywhere_does_not_take_all_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("zoo.boxes._MOST", 10)
    boxes = [[20.0 * number, 0, 20 * number + 10, 10] for number in range(50)]
    found = boxes_of(candidates(boxes, np.linspace(0.6, 0.9, 50).tolist()), 0.5, 0.45)[0]
    assert len(found) == 10
    assert found.scores.min() > 0.8


def test_workers_in_other_processes_find_the_same(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    path = small_models.written(small_models.BOXES, tmp_path)
    detector = zoo.load(path, device="cpu", precision="float32")
    given = insarfeat.write(small_models.stack(300, 280), tmp_path / "stack.zarr")
    here = detector.predict(given, threshold=0.01)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", processes=True
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        there = detector.predict(
            given, tmp_path / "found.geojson", threshold=0.01, scheduler=client.scheduler.address
        )
    best = [found.table.head(50)[["score", "west", "north"]].to_numpy() for found in (here, there)]
    assert len(best[0]) == 50  # those at the threshold may be in one and not in the other, by rounding
    np.testing.assert_allclose(best[0], best[1], rtol=1e-5)
