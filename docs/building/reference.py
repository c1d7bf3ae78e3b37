"""The pages of the reference: all layers with their pictures, and every public name of every package."""

from __future__ import annotations

import ast
import importlib
import inspect
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np

from building.layers import GROUPS, MAKERS, READ, all_layers
from insarfeat import plot
from insarfeat.layers import LAYERS, Layer, fill_value

PACKAGES = {
    "insarfeat": "files in and out, one lazy operator",
    "insarfeat.filters": "phase, coherence",
    "insarfeat.geometry": "what the radar sees, and where",
    "insarfeat.terrain": "the ground, and where water goes",
    "insarfeat.bursts": "TOPS bursts",
    "insarfeat.io": "products of processors",
    "insarfeat.pairs": "which interferograms are worth a look",
    "insarfeat.stacks": "layers on one map, by a recipe",
    "insarfeat.tiling": "tiles, patches, splits, validity",
    "insarfeat.inventory": "mapped landslides",
    "insarfeat.synth": "synthetic scenes",
    "insarfeat.plot": "pictures",
    "insarfeat.report": "a page about a stack",
    "insarfeat.metrics": "scores",
    "insarfeat.errors": "what can go wrong",
    "zoo": "models",
    "zoo.blindspots": "what a model could not have seen",
    "zoo.review": "an expert's judgement",
}
_TRANSPARENT = "insarfeat.plot"


def write_reference(folder: Path) -> None:
    """Write pages and pictures; raises where a layer has no picture, group or maker."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    for name, layer in all_layers().items():
        (pictures / f"{name}.png").write_bytes(plot.png(plot.picture(layer), dpi=80))
    (folder / "layers.rst").write_text("\n".join(_layers_page(pictures)), encoding="utf-8")
    for name in PACKAGES:
        (folder / f"{name}.rst").write_text("\n".join(_package_page(name)), encoding="utf-8")
    (folder / "index.rst").write_text("\n".join(_index()), encoding="utf-8")


def public_names(module: ModuleType) -> list[str]:
    """Names that a package tells, or that a module defines."""
    told = getattr(module, "__all__", None)
    if told is not None:
        return [
            name for name in told if not name.startswith("_") and not inspect.ismodule(getattr(module, name))
        ]
    return [
        name
        for name, thing in vars(module).items()
        if not name.startswith("_") and getattr(thing, "__module__", None) == module.__name__
    ]


def layer_of(function: str) -> Layer | None:
    """The layer of a function's own name, or the first that it makes."""
    made = next((layer for layer, maker in MAKERS.items() if maker == function), None)
    own = function.rsplit(".", 1)[-1]
    if own in LAYERS and own not in MAKERS and own not in READ:
        return LAYERS[own]
    return LAYERS[made] if made else None


def add_picture(app: object, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Put unit, range, nodata and picture of its layer before a function's parameters."""
    layer = layer_of(name) if what == "function" and _package(name) != _TRANSPARENT else None
    if layer is None:
        return
    at = next((k for k, line in enumerate(lines) if line.strip() == "Parameters"), len(lines))
    lines[at:at] = [
        *_facts(layer),
        "",
        f".. image:: /reference/pictures/{layer.name}.png",
        f"   :alt: {layer.long_name} of a synthetic scene",
        "   :width: 420px",
        "",
    ]


def leave_out(app: object, what: str, name: str, thing: object, skip: bool, options: object) -> bool | None:
    """Leave out what scikit-learn hangs on every estimator (``autodoc-skip-member``)."""
    return True if name.startswith("set_") and name.endswith("_request") else None


def _facts(layer: Layer) -> Iterator[str]:
    told = [f"**Unit:** {_unit(layer)}.", *([f"**Values:** {values}."] if (values := _values(layer)) else [])]
    yield " ".join([*told, f"**Stored as** {layer.dtype}, no data is {_nodata(layer)}."])


def _unit(layer: Layer) -> str:
    return {"1": "none, a pure number"}.get(layer.units, layer.units)


def _nodata(layer: Layer) -> str:
    return "NaN" if np.dtype(layer.dtype).kind in "fc" else str(fill_value(layer.dtype))


def _values(layer: Layer) -> str:
    if layer.flags:
        return ", ".join(f"{value} {meaning.replace('_', ' ')}" for value, meaning in layer.flags)
    if layer.masks:
        return "sums of " + ", ".join(f"{mask} {meaning.replace('_', ' ')}" for mask, meaning in layer.masks)
    told = []
    if layer.limits is not None:
        told.append(f"from {_number(layer.limits[0])} to {_number(layer.limits[1])}")
    elif layer.drawing == "signed":
        told.append("either sign")
    if layer.period:
        told.append("comes back to where it was")
    return ", ".join(told)


def _number(value: float) -> str:
    return {np.pi: "π", -np.pi: "-π"}.get(value, f"{value:g}")


def _layers_page(pictures: Path) -> Iterator[str]:
    yield from _heading("All layers", "=")
    yield "Names, units and nodata are the same wherever a layer comes from. Pictures show one synthetic scene of"
    yield "320 x 320 pixels, in the colours that :func:`insarfeat.plot.picture` takes. Layers that products of other"
    yield "packages bring (velocities, angles, water) are stood for by made-up ones."
    yield ""
    told = {name for names in GROUPS.values() for name in names}
    if told != set(LAYERS):
        raise ValueError(f"layers without a group, or the other way round: {sorted(told ^ set(LAYERS))}")
    for group, names in GROUPS.items():
        yield from _heading(group, "-")
        for name in names:
            if not (pictures / f"{name}.png").exists():
                raise ValueError(f"layer {name} has no picture")
            layer = LAYERS[name]
            yield f".. _layer-{name.replace('_', '-')}:"
            yield ""
            yield from _heading(name, "~")
            yield f"{layer.long_name[0].upper()}{layer.long_name[1:]}. {_maker(name)}"
            yield ""
            yield from _facts(layer)
            yield ""
            yield f".. image:: pictures/{name}.png"
            yield f"   :alt: {layer.long_name} of a synthetic scene"
            yield "   :width: 420px"
            yield ""


def _maker(name: str) -> str:
    if name in READ:
        return "Read from products by :func:`insarfeat.open_product`, or given by you."
    if name in MAKERS:
        kind = "meth" if MAKERS[name].split(".")[-2][0].isupper() else "func"
        return f"Made by :{kind}:`{MAKERS[name]}`."
    for package in ("filters", "terrain", "geometry", "tiling"):
        if hasattr(importlib.import_module(f"insarfeat.{package}"), name):
            return f"Made by :func:`insarfeat.{package}.{name}`."
    raise ValueError(f"nobody is said to make the layer {name}")


def _package_page(name: str) -> Iterator[str]:
    module = importlib.import_module(name)
    yield from _heading(name, "=")
    yield f".. module:: {name}"
    yield ""
    yield from inspect.cleandoc(module.__doc__ or "").splitlines()
    yield ""
    names = public_names(module)
    groups: dict[str, Callable[[object], bool]] = {
        "Functions": inspect.isroutine,
        "Classes": inspect.isclass,
        "Values": lambda thing: not inspect.isroutine(thing) and not inspect.isclass(thing),
    }
    for title, belongs in groups.items():
        mine = [one for one in names if belongs(getattr(module, one))]
        if not mine:
            continue
        yield from _heading(title, "-")
        for one in mine:
            if title == "Values":
                yield from (
                    f".. data:: {name}.{one}",
                    "",
                    *(f"   {line}" for line in _said_of(one, name)),
                    "",
                )
            else:
                yield from (
                    f".. {'autofunction' if title == 'Functions' else 'autoclass'}:: {name}.{one}",
                    "",
                )


def _said_of(value: str, package: str) -> list[str]:
    """The string below the line that gives a value its name, in whichever module of the package that stands."""
    for name, module in list(sys.modules.items()):
        if f"{name}.".startswith(f"{package}.") and getattr(module, "__file__", None):
            for above, below in itertools.pairwise(ast.parse(Path(str(module.__file__)).read_text()).body):
                targets = getattr(above, "targets", [getattr(above, "target", None)])
                if [getattr(target, "id", "") for target in targets] == [value] and isinstance(
                    below, ast.Expr
                ):
                    return inspect.cleandoc(ast.literal_eval(below.value)).splitlines()
    raise ValueError(f"{package}.{value} has no docstring")


def _index() -> Iterator[str]:
    yield from _heading("Reference", "=")
    yield "Every public name, with formula, units, signs, nodata, references and an example that the tests run; and"
    yield ":doc:`all layers <layers>` with a picture of each."
    yield ""
    yield ".. list-table::"
    yield "   :widths: 30 70"
    yield ""
    for name, about in PACKAGES.items():
        yield f"   * - :doc:`{name}`"
        yield f"     - {about}"
    yield ""
    yield ".. toctree::"
    yield "   :hidden:"
    yield ""
    yield "   layers"
    for name in PACKAGES:
        yield f"   {name}"


def _heading(text: str, under: str) -> tuple[str, ...]:
    return text, under * len(text), ""


def _package(name: str) -> str:
    return name.rsplit(".", 1)[0]
