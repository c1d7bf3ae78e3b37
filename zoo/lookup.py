"""Where models lie, in the order in which they are looked for. Nothing is ever fetched from a network."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from insarfeat.errors import InsarfeatError, InvalidType, MissingInput, UnreadableInput, suggestion
from zoo.weights import SUFFIX, WeightFile

FOLDER_VARIABLE = "INSARFEAT_ZOO_DIR"


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder of weight files, and what it is called to a person."""

    title: str
    folder: Path

    def files(self) -> Iterator[Path]:
        """Its weight files, by name."""
        return iter(sorted(self.folder.glob(f"*{SUFFIX}")) if self.folder.is_dir() else ())


def shelves() -> tuple[Shelf, ...]:
    """Folders that names are looked up in, the first one first."""
    found = [Shelf("the package", Path(__file__).parent / "models")]
    own = os.environ.get(FOLDER_VARIABLE)
    if own:
        found.append(Shelf(FOLDER_VARIABLE, Path(own).expanduser()))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return (*found, Shelf("the cache", cache / "insarfeat" / "zoo"))


def find(name_or_path: str | os.PathLike[str]) -> WeightFile:
    """The weight file of a name, or at a path.

    Parameters
    ----------
    name_or_path
        A name is looked up in the package, then in the folder that ``INSARFEAT_ZOO_DIR`` names, then in the cache
        (``~/.cache/insarfeat/zoo``). What has a folder in it, or ends in ``.safetensors``, is a path.
    """
    if not isinstance(name_or_path, str | os.PathLike):
        raise InvalidType(
            f"a model is told by its name or the path of its file; got {type(name_or_path).__name__}"
        )
    text = os.fspath(name_or_path)
    if not isinstance(name_or_path, str) or text.endswith(SUFFIX) or os.sep in text or "/" in text:
        return WeightFile.of(text)
    known: dict[str, Path] = {}
    for shelf in shelves():
        for file in shelf.files():
            if file.stem == text:
                return WeightFile.of(file)
            known.setdefault(file.stem, file)
    looked = ", ".join(f"{shelf.title} ({shelf.folder})" for shelf in shelves())
    raise MissingInput(
        f"there is no model {text!r}{suggestion(text, known)}; there are {', '.join(known) or 'none'}. Looked in "
        f"{looked}. Point {FOLDER_VARIABLE} at a folder of weight files, or give the path of one"
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """A model that can be loaded.

    Attributes
    ----------
    file
        Its weight file; its description is ``file.description``.
    place
        Where it was found, in words.
    """

    file: WeightFile
    place: str

    @property
    def name(self) -> str:
        """What it is loaded by."""
        return self.file.description.name


@dataclass(frozen=True, slots=True)
class Listing:
    """What is there: models that can be loaded, and what is wrong with the other files."""

    entries: tuple[Entry, ...]
    faults: tuple[str, ...]


def listing() -> Listing:
    """All models in the order in which they would be found; of several with one name, the first counts."""
    entries: dict[str, Entry] = {}
    faults = []
    for shelf in shelves():
        for file in shelf.files():
            try:
                entries.setdefault(file.stem, Entry(WeightFile.of(file), shelf.title))
            except InsarfeatError as error:
                faults.append(str(error))
    return Listing(tuple(entries.values()), tuple(faults))


def card_of(file: WeightFile) -> str:
    """The card beside a weight file, if it is the one that was written for it."""
    path = file.path.with_suffix(".md")
    if not path.is_file():
        raise MissingInput(
            f"{file.description.name} has no card beside its weights ({path.name} in {path.parent}); what is known "
            "of it is in its description: zoo.load(...).description"
        )
    text = path.read_bytes()
    wanted = file.description.card_sha256
    if wanted and hashlib.sha256(text).hexdigest() != wanted:
        raise UnreadableInput(
            f"{path.name} is not the card that the weights {file.path.name} were published with: one of them was "
            "changed"
        )
    return text.decode("utf-8")
