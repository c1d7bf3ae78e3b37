"""Scores of models on labelled tiles, where the answer can be worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import small_models

import zoo
from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType, MissingInput
from zoo import networks
from zoo.training.samples import BoxLabels, Samples
from zoo.weights import save_weights


class Reading(torch.nn.Module):
    """Says of each pixel what the second band's channel says."""

    def forward(self, channels: Any) -> Any:
        return channels[:, 2:3]


class OneBox(torch.nn.Module):
    """Says that there is one box, 16 by 16, in each tile: in the cell at row 8 and column 8."""

    anchors = (((16.0, 16.0),),)
    strides = (8,)

    def forward(self, channels: Any) -> list[Any]:
        raw = torch.full((len(channels), 7, channels.shape[2] // 8, channels.shape[3] // 8), -20.0)
        raw[:, :4] = 0.0
        raw[:, 4, 1, 1] = 2.0
        raw[:, 5, 1, 1] = 9.0
        return [raw]


MASKS = small_models.MASKS.model_copy(update={"name": "reading", "architecture": "reading", "options": {}})
BOXES = small_models.BOXES.model_copy(update={"name": "one-box", "architecture": "one-box", "options": {}})


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    known = {
        "reading": networks.Network("reading", "masks", lambda channels, classes: Reading(), 1, "", ""),
        "one-box": networks.Network("one-box", "boxes", lambda channels, classes: OneBox(), 32, "", ""),
    }
    monkeypatch.setattr(networks, "NETWORKS", MappingProxyType({**networks.NETWORKS, **known}))
    return {
        told.name: zoo.load(
            save_weights(tmp_path / f"{told.name}.safetensors", {}, told), device="cpu", precision="float32"
        )
        for told in (MASKS, BOXES)
    }


class Tiles:
    """Two tiles of 32 x 32."""

    classes: tuple[str, ...] = ("landslide",)
    pixel, size, length = 15.0, 32, 1

    def __init__(self, samples: Samples, description: Any, pixel: float = 15.0) -> None:
        self._samples, self.pixel = samples, pixel
        self.bands, self.classes = description.band_names, description.classes

    def epoch(self, number: int) -> Iterator[Samples]:
        yield self._samples


def mask_tiles() -> Samples:
    raw = torch.zeros(2, 3, 32, 32)
    raw[:, 1] = 0.0  # coherence: far below the centre, so a probability below a half
    raw[0, 1, 4:8, 4:12] = 1.0  # 32 pixels are found
    mask = torch.zeros(2, 1, 32, 32)
    mask[0, 0, 4:8, 8:16] = 1.0  # 32 are true, 16 of them found
    valid = torch.ones(2, 32, 32, dtype=torch.bool)
    valid[0, 4, 4:8] = False  # 4 of the false alarms do not count
    kind = (mask[:, 0] * 2).to(torch.uint8)
    return Samples(raw, mask, valid, kind, (BoxLabels.of([]), BoxLabels.of([])))


def test_pixels_are_counted_where_they_count(models: dict[str, Any]) -> None:
    scores = zoo.evaluate(models["reading"], Tiles(mask_tiles(), MASKS), threshold=0.5)
    counts = scores.pixels.counts
    assert (counts.tp, counts.fp, counts.fn) == (16, 12, 16)
    assert counts.iou == pytest.approx(16 / 44)
    assert scores.kinds["incoherent"].counts.recall == pytest.approx(0.5)
    assert scores.tiles == 2


def test_boxes_are_matched_and_false_alarms_counted_where_there_is_nothing(models: dict[str, Any]) -> None:
    raw = torch.zeros(2, 2, 32, 32)
    labels = (BoxLabels.of([([4, 4, 20, 20], 0, False)]), BoxLabels.of([]))
    samples = Samples(
        raw,
        torch.zeros(2, 2, 32, 32),
        torch.ones(2, 32, 32, dtype=torch.bool),
        torch.zeros(2, 32, 32),
        labels,
    )
    scores = zoo.evaluate(models["one-box"], Tiles(samples, BOXES), threshold=0.5)
    told = scores.as_dict()
    assert scores.mean_average_precision[0.5].value == pytest.approx(
        0.5
    )  # one right of two with the same score
    assert "CF" in str(scores)
    assert told["without_truth"] == ["RG"]


def test_other_bands_and_other_pixels_are_refused(models: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match="bands"):
        zoo.evaluate(models["reading"], Tiles(mask_tiles(), BOXES))
    with pytest.raises(GridMismatch, match="40 m"):
        zoo.evaluate(models["reading"], Tiles(mask_tiles(), MASKS, pixel=40.0))


def test_what_is_no_data_is_refused(models: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="no folder"):
        zoo.evaluate(models["reading"], tmp_path / "nothing")
    with pytest.raises(InvalidType, match="data must be"):
        zoo.evaluate(models["reading"], 7)
    with pytest.raises(InvalidType, match=r"zoo\.load"):
        zoo.evaluate("reading", tmp_path)  # type: ignore[arg-type]


def test_synthetic_tiles_are_called_so() -> None:
    from zoo.scores import ON_SYNTHETIC
    from zoo.training.samples import SyntheticSamples

    network = small_models.MASKS
    source = SyntheticSamples(
        network.band_names, ("landslide",), size=64, pixel=15.0, batch=2, length=1, seed=1
    )
    from zoo.evaluation import labelled_tiles

    class Named:
        description = network

    assert labelled_tiles(Named(), source, "test") == (source, True)  # type: ignore[arg-type]
    assert "synthetic" in ON_SYNTHETIC
