"""Weight files: what comes back, and what is refused."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from insarfeat.errors import InvalidArgument, MissingInput, OutputExists, UnreadableInput
from zoo.description import Band, ModelDescription
from zoo.weights import WeightFile, save_weights

torch = pytest.importorskip("torch")

import small_models

STATE = {
    "layer.weight": torch.linspace(-2, 2, 12).reshape(3, 4),
    "norm.running_mean": torch.tensor([1e-6, 123456.789]),
    "norm.num_batches_tracked": torch.tensor(7),
}
DESCRIPTION = small_models.MASKS.model_copy(update={"name": "some-model"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return save_weights(tmp_path / "some-model.safetensors", STATE, DESCRIPTION)


def rewritten(path: Path, change) -> None:
    """The file with its header's texts changed."""
    raw = path.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + length])
    change(header["__metadata__"])
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + raw[8 + length :])


def test_numbers_come_back_as_float16_and_statistics_as_float32(path: Path) -> None:
    found = WeightFile.of(path).arrays()
    assert set(found) == {"layer.weight", "norm.running_mean"}
    assert found["layer.weight"].dtype == np.float16
    assert found["norm.running_mean"].dtype == np.float32
    np.testing.assert_array_equal(found["layer.weight"], STATE["layer.weight"].numpy().astype("f2"))
    np.testing.assert_array_equal(found["norm.running_mean"], STATE["norm.running_mean"].numpy())


def test_the_description_is_read_without_the_numbers(path: Path) -> None:
    assert WeightFile.of(path).description == DESCRIPTION


def test_other_tools_can_read_the_file(path: Path) -> None:
    from safetensors import safe_open

    with safe_open(path, "np") as file:
        assert sorted(file.keys()) == ["layer.weight", "norm.running_mean"]
        assert json.loads(file.metadata()["insarfeat_model"])["name"] == "some-model"


def test_one_changed_bit_is_found(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[-3] ^= 1
    path.write_bytes(bytes(raw))
    with pytest.raises(UnreadableInput, match=r"damaged.*hash"):
        WeightFile.of(path).arrays()


def test_a_changed_description_is_found(path: Path) -> None:
    def change(told):
        told["insarfeat_model"] = told["insarfeat_model"].replace('"threshold":0.5', '"threshold":0.4')

    rewritten(path, change)
    file = WeightFile.of(path)
    assert file.description.threshold == 0.4
    with pytest.raises(UnreadableInput, match="damaged"):
        file.arrays()


@pytest.mark.parametrize("kept", [0, 5, 200, -1])
def test_a_file_that_was_cut_short_is_refused(path: Path, kept: int) -> None:
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UnreadableInput, match=r"cut short|damaged"):
        WeightFile.of(path).arrays()


def test_a_renamed_file_is_refused_and_told_its_name(path: Path) -> None:
    other = path.rename(path.with_name("another.safetensors"))
    with pytest.raises(UnreadableInput, match=r"renamed.*some-model\.safetensors"):
        WeightFile.of(other)


def test_another_format_is_refused_with_what_to_do(path: Path) -> None:
    rewritten(
        path,
        lambda told: told.update(insarfeat_model=told["insarfeat_model"].replace('"format":1', '"format":2')),
    )
    with pytest.raises(UnreadableInput, match=r"format 2.*install"):
        WeightFile.of(path)


def test_a_safetensors_file_of_another_program_is_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"a": np.zeros(3, "f4")}, tmp_path / "theirs.safetensors")
    with pytest.raises(UnreadableInput, match="describes no model"):
        WeightFile.of(tmp_path / "theirs.safetensors")


def test_a_pickle_with_the_right_name_is_not_opened(tmp_path: Path) -> None:
    file = tmp_path / "evil.safetensors"
    torch.save(STATE, file)
    with pytest.raises(UnreadableInput, match="no safetensors file"):
        WeightFile.of(file)


def test_what_is_not_there_or_no_weight_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="does not exist"):
        WeightFile.of(tmp_path / "none.safetensors")
    with pytest.raises(InvalidArgument, match=r"end in \.safetensors"):
        WeightFile.of(tmp_path / "model.pt")


def test_nothing_is_replaced_unasked(path: Path) -> None:
    with pytest.raises(OutputExists):
        save_weights(path, STATE, DESCRIPTION)
    before = WeightFile.of(path).digest  # the header's keys are in any order: bytes may differ
    save_weights(path, STATE, DESCRIPTION, overwrite=True)
    assert WeightFile.of(path).digest == before


def test_a_failed_training_is_not_saved(tmp_path: Path) -> None:
    target = tmp_path / "some-model.safetensors"
    with pytest.raises(InvalidArgument, match="not finite"):
        save_weights(target, {"a": torch.tensor([float("nan")])}, DESCRIPTION)
    with pytest.raises(InvalidArgument, match="float16"):
        save_weights(target, {"a": torch.tensor([1e6])}, DESCRIPTION)
    assert not target.exists()


def test_a_file_must_be_called_what_its_model_is_called(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="must be called"):
        save_weights(tmp_path / "best.safetensors", STATE, DESCRIPTION)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"bands": (Band(name="coherence"), Band(name="coherence"))}, "twice"),
        ({"classes": ("a", "a")}, "twice"),
        ({"task": "masks", "classes": ("a", "b")}, "one class"),
        ({"pixel": 50.0}, "between"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_descriptions_that_contradict_themselves_are_refused(change: dict, told: str) -> None:
    given = DESCRIPTION.model_dump() | change
    with pytest.raises(ValueError, match=told):
        ModelDescription(**given)


def test_a_band_must_be_a_layer_of_the_package() -> None:
    with pytest.raises(ValueError, match="no layer"):
        Band(name="colour")
