"""Exported models give what they give in torch."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

from small_models import BOXES, MASKS, written

import zoo
from insarfeat.errors import InvalidArgument, InvalidType, MissingExtra, OutputExists
from zoo import export
from zoo.description import ModelDescription
from zoo.networks.yolo import decode

_COOLER = {"temperature": 1.7}
_UNET = MASKS.model_copy(update={"name": "small-unet", "architecture": "unet-resnet34", **_COOLER})


def loaded(description: ModelDescription, folder: Path) -> Any:
    return zoo.load(written(description, folder), device="cpu", precision="float32")


def raw_bands(description: ModelDescription, count: int, rows: int, columns: int) -> Any:
    """Noise in the bands' own units, with nodata, and the last band missing altogether."""
    chance = np.random.default_rng(5)
    raw = chance.normal(0.5, 1.0, (count, len(description.bands), rows, columns)).astype(np.float32)
    raw[:, 0, 3:7, 4:9] = np.nan
    raw[0, -1] = np.nan
    return raw


def answers(path: Path, raw: Any) -> list[Any]:
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return list(session.run(None, {"raw": raw}))


@pytest.mark.parametrize(("description", "shape"), [(MASKS, (3, 64, 64)), (_UNET, (1, 96, 64))])
def test_masks_are_those_of_torch(
    description: ModelDescription, shape: tuple[int, int, int], tmp_path: Path
) -> None:
    model = loaded(description, tmp_path)
    raw = raw_bands(description, *shape)
    with torch.no_grad():
        wanted = (model.network(torch.from_numpy(raw)) / description.temperature).sigmoid().numpy()
    (found,) = answers(export(model, tmp_path / "model.onnx"), raw)
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_boxes_and_scores_are_those_of_torch_at_any_size(tmp_path: Path) -> None:
    description = BOXES.model_copy(update=_COOLER)
    model = loaded(description, tmp_path)
    path = export(model, tmp_path / "model.onnx")
    for shape in ((2, 160, 160), (1, 64, 96)):
        raw = raw_bands(description, *shape)
        with torch.no_grad():
            network = model.network[1]
            wanted = decode(model.network(torch.from_numpy(raw)), network.anchors, network.strides)
        boxes, scores = answers(path, raw)
        np.testing.assert_allclose(boxes, wanted.boxes.numpy(), atol=1e-3, rtol=1e-4)
        plain = (wanted.objectness[..., None] * wanted.class_probability).double().numpy()
        odds = (plain / (1.0 - plain)) ** (1.0 / description.temperature)
        np.testing.assert_allclose(scores, odds / (1.0 + odds), atol=1e-4)


def test_the_file_says_what_the_model_is(tmp_path: Path) -> None:
    path = export(loaded(MASKS, tmp_path), tmp_path / "model.onnx")
    told = {prop.key: prop.value for prop in onnx.load(path).metadata_props}
    assert ModelDescription.model_validate(json.loads(told["description"])) == MASKS
    assert told["statement"] == MASKS.statement


def test_the_model_is_left_as_it_was(tmp_path: Path) -> None:
    model = loaded(BOXES, tmp_path)
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    export(model, tmp_path / "model.onnx")
    assert all(torch.equal(value, before[name]) for name, value in model.network.state_dict().items())


def test_files_are_not_overwritten_unasked(tmp_path: Path) -> None:
    model = loaded(MASKS, tmp_path)
    path = tmp_path / "model.onnx"
    path.write_text("mine")
    with pytest.raises(OutputExists, match="overwrite=True"):
        export(model, path)
    assert path.read_text() == "mine"
    export(model, path, overwrite=True)
    onnx.checker.check_model(onnx.load(path))


def test_bad_arguments_are_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"must end in .onnx"):
        export(None, tmp_path / "model.pt")
    with pytest.raises(InvalidType, match=r"what zoo\.load gives"):
        export("name", tmp_path / "model.onnx")


def test_without_onnx_it_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = loaded(MASKS, tmp_path)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtra, match=r"insarfeat\[onnx\]"):
        export(model, tmp_path / "model.onnx")
