"""A recipe as YAML that explains itself: each value with what it means."""

from __future__ import annotations

import textwrap
from typing import Any

import yaml
from pydantic import BaseModel

from insarfeat.stacks.recipe import Recipe

_WIDTH = 100


def template(recipe: str | Recipe = "detection") -> str:
    """A recipe as commented YAML, to be edited and given to :func:`insarfeat.build_stack`.

    Examples
    --------
    >>> print(template("detection")[:34])
    # Recipe of a stack for insarfeat.
    """
    from insarfeat.stacks.layers import MAKERS

    chosen = Recipe.of(recipe)
    head = [
        "# Recipe of a stack for insarfeat. Build it with:",
        "#   insarfeat stack THIS.yaml out.nc --interferogram ...",
    ]
    known = textwrap.wrap("Layers there are: " + ", ".join(MAKERS), _WIDTH - 2)
    return "\n".join([*head, *(f"# {line}" for line in known), "", *_lines(chosen, 0)]) + "\n"


def _lines(part: BaseModel, depth: int) -> list[str]:
    indent = "  " * depth
    lines: list[str] = []
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if isinstance(value, BaseModel):
            about = (type(value).__doc__ or "").strip().splitlines()[0]
            lines += ["", f"{indent}# {about}", f"{indent}{name}:", *_lines(value, depth + 1)]
            continue
        if field.description:
            lines += [
                f"{indent}# {line}" for line in textwrap.wrap(field.description, _WIDTH - len(indent) - 2)
            ]
        lines.append(f"{indent}{name}: {_value(value)}")
    return lines


def _value(value: Any) -> str:
    """A value on one line of YAML."""
    plain = list(value) if isinstance(value, tuple) else value
    text: str = yaml.safe_dump(plain, default_flow_style=True, width=10_000, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...").strip()
