"""Settings that people write: pydantic models from YAML files, with errors in a person's words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from insarfeat.errors import InvalidArgument, UnreadableInput, check_exists, suggestion

Model = TypeVar("Model", bound="Settings")


class Settings(BaseModel):
    """Settings, or a part of them; keys that they do not have are refused, and nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def is_settings_file(given: str | Path) -> bool:
    """Whether this is meant as a file of settings, not as a name.

    >>> is_settings_file("own.yaml"), is_settings_file("detection")
    (True, False)
    """
    return Path(given).suffix.lower() in (".yaml", ".yml")


def read_settings(path: str | Path) -> dict[str, Any]:
    """Keys and values of a YAML file."""
    file = Path(path)
    check_exists(file)
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UnreadableInput(f"{file.name} is not readable YAML: {error}") from error
    if not isinstance(content, dict):
        raise UnreadableInput(f"{file.name} holds no recipe: it must be keys with values")
    return content


def validated(kind: type[Model], content: Mapping[str, Any], what: str) -> Model:
    """Settings of a kind, or one error that says of each key what is wrong with it."""
    try:
        return kind.model_validate(dict(content))
    except ValidationError as error:
        told = "; ".join(_in_words(kind, cast("Mapping[str, Any]", problem)) for problem in error.errors())
        raise InvalidArgument(f"{what}: {told}") from error


def _in_words(kind: type[Settings], problem: Mapping[str, Any]) -> str:
    """What pydantic found, as a person says it."""
    place = ".".join(str(step) for step in problem["loc"])
    if problem["type"] == "extra_forbidden":
        keys = _keys_at(kind, problem["loc"][:-1])
        named = f" (there are {', '.join(keys)})" if keys else ""
        return f"{place} is no key of a recipe{suggestion(problem['loc'][-1], keys)}{named}"
    if problem["type"] == "missing":
        return f"{place} is missing"
    told = str(problem["msg"]).removeprefix("Value error, ")
    if not place:
        return told
    near = ""
    if problem["type"] == "literal_error":  # pydantic lists what is accepted only as text
        near = suggestion(problem["input"], re.findall(r"'([^']*)'", problem["ctx"]["expected"]))
    return f"{place}: {told[:1].lower()}{told[1:]}; got {problem['input']!r}{near}"


def _keys_at(kind: type[BaseModel], place: tuple[Any, ...]) -> list[str]:
    part = kind
    for step in place:
        field = part.model_fields.get(str(step))
        inner = None if field is None else field.annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        part = inner
    return list(part.model_fields)
