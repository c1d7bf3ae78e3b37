"""XML of Sentinel-1 products: finding what must be there, and saying what is missing or cannot be."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TypeVar

from insarfeat.errors import InvalidType, UnreadableInput, check_exists

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Document:
    """The XML of one swath, and how to say what is wrong with it."""

    name: str
    root: ElementTree.Element

    @classmethod
    def read(cls, source: str | Path | IO[bytes]) -> Document:
        """From a path or an open binary file."""
        if isinstance(source, str | Path):
            path = Path(source)
            check_exists(path)
            if path.is_dir():
                raise UnreadableInput(
                    f"{path.name} is a folder; give one of the annotation/*.xml of a product"
                )
            if path.stat().st_size == 0:
                raise UnreadableInput(f"{path.name} is empty (0 bytes)")
            with path.open("rb") as file:
                return cls(path.name, _root(file, path.name))
        if not callable(getattr(source, "read", None)):
            raise InvalidType(f"source must be a path or an open binary file; got {type(source).__name__}")
        named = getattr(source, "name", None)
        name = Path(named).name if isinstance(named, str) else "the file given"
        return cls(name, _root(source, name))

    def children(
        self, parent: ElementTree.Element, where: str, what: str, required: bool = True
    ) -> list[ElementTree.Element]:
        """All elements ``what`` in the element at the path ``where``; at least one, if required."""
        node = parent.find(where)
        if node is None:
            raise UnreadableInput(f"{self.name} has no element {where}; is it whole?")
        found = node.findall(what)
        if required and not found:
            raise UnreadableInput(f"{self.name} has no element {where}/{what}; is it whole?")
        return found

    def value(self, parent: ElementTree.Element, path: str, read: Callable[[str], Value]) -> Value:
        """What stands in an element, read by a function that raises ValueError for what cannot be."""
        text = parent.findtext(path)
        place = path if parent is self.root else f"{parent.tag}/{path}"
        if text is None:
            raise UnreadableInput(f"{self.name} has no element {place}; is it whole?")
        try:
            return read(text)
        except ValueError as error:
            shown = text if len(text) <= 40 else text[:37] + "..."
            raise UnreadableInput(f"{self.name}: {place} cannot be {shown!r}") from error


def _root(file: IO[bytes], name: str) -> ElementTree.Element:
    try:
        root = ElementTree.parse(file).getroot()
    except (ElementTree.ParseError, LookupError, UnicodeError) as error:  # the latter: a false encoding
        raise UnreadableInput(f"{name} is not readable XML, or cut short: {error}") from error
    if root.tag != "product":
        raise UnreadableInput(f"{name} is no Sentinel-1 annotation: it holds <{root.tag}>, not <product>")
    return root


def time(text: str) -> datetime:
    """UTC without a time zone."""
    found = datetime.fromisoformat(text.strip())
    return found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)


def word(text: str) -> str:
    """A word that is not empty."""
    if not text.strip():
        raise ValueError(text)
    return text.strip()


def number(text: str) -> float:
    """A finite number."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def numbers(text: str) -> tuple[float, ...]:
    """At least one finite number."""
    values = tuple(_each(text, number))
    if not values:
        raise ValueError(text)
    return values


def integers(text: str) -> tuple[int, ...]:
    """Whole numbers, or none."""
    return tuple(_each(text, int))


def _each(text: str, read: Callable[[str], Value]) -> Iterator[Value]:
    return (read(word) for word in text.split())
