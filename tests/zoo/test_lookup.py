"""Where models are looked for, and what is said when there is none."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path

import pytest

import zoo
from insarfeat.errors import InvalidType, MissingInput, UnreadableInput
from zoo import lookup

torch = pytest.importorskip("torch")

import small_models


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """A folder of one's own and a cache, with nothing in them."""
    own, cache = tmp_path / "own", tmp_path / "cache" / "insarfeat" / "zoo"
    own.mkdir()
    cache.mkdir(parents=True)
    monkeypatch.setenv("INSARFEAT_ZOO_DIR", str(own))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return {"own": own, "cache": cache}


def model(folder: Path, name: str = "small-masks", **changes) -> Path:
    return small_models.written(small_models.MASKS.model_copy(update={"name": name, **changes}), folder)


def test_names_are_found_in_ones_own_folder_before_the_cache(folders: dict[str, Path]) -> None:
    model(folders["cache"], version=1)
    assert lookup.find("small-masks").path.parent == folders["cache"]
    model(folders["own"], version=2)
    assert lookup.find("small-masks").description.version == 2


def test_shipped_models_come_first(folders: dict[str, Path]) -> None:
    assert lookup.shelves()[0].folder == Path(zoo.__file__).parent / "models"


def test_paths_are_taken_as_paths(folders: dict[str, Path], tmp_path: Path) -> None:
    path = model(tmp_path)
    assert lookup.find(path).path == path
    assert lookup.find(str(path)).path == path


def test_an_unknown_name_lists_what_there_is_and_guesses(folders: dict[str, Path]) -> None:
    model(folders["own"])
    with pytest.raises(MissingInput, match=r"did you mean 'small-masks'.*INSARFEAT_ZOO_DIR"):
        zoo.load("smal-masks")


def test_something_else_than_a_name_is_refused() -> None:
    with pytest.raises(InvalidType, match="name or the path"):
        lookup.find(3)  # type: ignore[arg-type]


def test_the_list_has_each_name_once_and_names_what_is_broken(folders: dict[str, Path]) -> None:
    model(folders["own"], version=2)
    model(folders["cache"], version=1)
    (folders["cache"] / "broken.safetensors").write_bytes(b"nothing")
    found = lookup.listing()
    shipped = [(file.stem, 1, "the package") for file in lookup.shelves()[0].files()]
    assert [(one.name, one.file.description.version, one.place) for one in found.entries] == [
        *shipped,
        ("small-masks", 2, "INSARFEAT_ZOO_DIR"),
    ]
    assert len(found.faults) == 1
    assert "broken.safetensors" in found.faults[0]


def test_the_card_is_the_one_beside_the_weights(folders: dict[str, Path]) -> None:
    text = "# Small masks\nTrained on synthetic scenes."
    path = model(folders["own"], card_sha256=hashlib.sha256(text.encode()).hexdigest())
    with pytest.raises(MissingInput, match="no card"):
        zoo.card("small-masks")
    path.with_suffix(".md").write_text(text)
    assert zoo.card("small-masks") == text
    assert zoo.load("small-masks").card == text


def test_another_card_than_the_published_one_is_refused(folders: dict[str, Path]) -> None:
    path = model(folders["own"], card_sha256=hashlib.sha256(b"what was measured").hexdigest())
    path.with_suffix(".md").write_text("what was not")
    with pytest.raises(UnreadableInput, match="not the card"):
        zoo.card("small-masks")


def test_nothing_is_asked_of_a_network(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_, **__):
        raise AssertionError("a connection was tried")

    model(folders["own"])
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    zoo.load("small-masks")
    with pytest.raises(MissingInput):
        zoo.load("segformer-b9-synth-v1")
