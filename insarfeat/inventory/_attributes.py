"""Attributes of features and metadata of layers, as values that every vector format can hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import Any, Literal

import numpy as np

from insarfeat.errors import InvalidArgument, InvalidType, suggestion

Kind = Literal["boolean", "integer", "real", "text"]
KINDS: tuple[Kind, ...] = ("boolean", "integer", "real", "text")

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*")
_LARGEST = 2**63


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One attribute of all features.

    Attributes
    ----------
    name, kind
        What it is called, and what a table of a database holds it as.
    values
        Plain values: None, bool, int, float, str, and lists and dicts of them.
    """

    name: str
    kind: Kind
    values: tuple[Any, ...]

    @property
    def flat(self) -> list[Any]:
        """Values of one kind: other things than text become JSON text in a column of text."""
        if self.kind == "real":
            return [None if value is None else float(value) for value in self.values]
        if self.kind == "text":
            return [
                value if value is None or isinstance(value, str) else as_json(value) for value in self.values
            ]
        return list(self.values)


def columns_of(rows: Sequence[Mapping[str, Any]], declared: Mapping[str, str]) -> tuple[Column, ...]:
    """Attributes as columns: the declared ones first, in their order, None where a feature lacks one.

    >>> found = columns_of([{"n": 1, "class": "RG"}, {"n": 0.5}], {"score": "real"})
    >>> [(column.name, column.kind) for column in found]
    [('score', 'real'), ('n', 'real'), ('class', 'text')]
    """
    names = dict.fromkeys([*declared, *(name for row in rows for name in row)])
    found = []
    for name in names:
        if not isinstance(name, str) or not name:
            raise InvalidArgument(f"features have an attribute named {name!r}; names must be text")
        values = tuple(plain(row.get(name), f"the attribute {name!r}") for row in rows)
        kind = _kind_of(values) or declared.get(name, "text")
        if kind not in KINDS:
            raise InvalidArgument(
                f"columns says that {name!r} is {kind!r}{suggestion(kind, KINDS)}; it must be one of "
                f"{', '.join(KINDS)}"
            )
        found.append(Column(name, kind, values))
    return tuple(found)


def _kind_of(values: Iterable[Any]) -> Kind | None:
    """What all values fit into; None where there is none."""
    there = [value for value in values if value is not None]
    if not there:
        return None
    if all(isinstance(value, bool) for value in there):
        return "boolean"
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in there):
        if any(isinstance(value, float) for value in there):
            return "real"
        if all(-_LARGEST <= value < _LARGEST for value in there):
            return "integer"
    return "text"


def plain(value: Any, what: str) -> Any:
    """A value as JSON has it; dates as text, what is missing or not a number as None."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner, what) for key, inner in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(inner, what) for inner in value]
    if value is None or _is_missing(value):
        return None
    if isinstance(value, np.datetime64):
        return str(value)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, date | time):
        return value.isoformat()
    if not isinstance(value, bool | int | float | str):
        raise InvalidType(
            f"{what} holds a {type(value).__name__}; it must hold numbers, text, truth values, dates, or lists and "
            "dicts of them"
        )
    if value in (float("inf"), float("-inf")):
        raise InvalidArgument(
            f"{what} is infinite somewhere, which JSON cannot say; put NaN (no value) there"
        )
    return value


def _is_missing(value: Any) -> bool:
    """Whether a value is NaN, NaT or what pandas has for them."""
    if type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating | np.datetime64) and bool(value != value)


def plain_metadata(metadata: Any) -> dict[str, Any]:
    """Metadata with plain values, refused where a format could not hold a name."""
    if not isinstance(metadata, Mapping):
        raise InvalidType(f"metadata of the features must be a dict; got {type(metadata).__name__}")
    for name in metadata:
        if not isinstance(name, str) or not _KEY.fullmatch(name):
            raise InvalidArgument(
                f"metadata has the name {name!r}; names must be letters, digits, '_', '.' and '-', the first one a "
                "letter or '_'"
            )
    return {name: plain(value, f"metadata {name!r}") for name, value in metadata.items()}


def as_json(value: Any) -> str:
    """A plain value as JSON on one line, in ASCII."""
    return json.dumps(value, allow_nan=False)


def as_text(value: Any) -> str:
    """A plain value as text that :func:`of_text` turns back: text stays as it is wherever nothing else reads so.

    >>> [as_text(value) for value in ("yolo", 0.5, "0.5", None)]
    ['yolo', '0.5', '"0.5"', 'null']
    """
    simple = isinstance(value, str) and value.isprintable() and value == value.strip() and value != ""
    return value if simple and of_text(value) == value else as_json(value)


def of_text(text: str) -> Any:
    """What :func:`as_text` was given."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except ValueError:
        return text


def _no_constant(word: str) -> Any:
    raise ValueError(word)  # NaN and Infinity are no JSON, whatever Python's reader takes for it
