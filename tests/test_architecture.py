"""The walls of the house: who may import whom, how large things may grow, what is loaded when."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import insarfeat
import zoo

ROOT = Path(insarfeat.__file__).parent
ZOO = Path(zoo.__file__).parent
MODULES = sorted([*ROOT.rglob("*.py"), *ZOO.rglob("*.py")])
KERNELS = [path for path in MODULES if "_kernels" in (path.stem, path.parent.name)]
PUBLIC_PACKAGES = (
    "bursts", "filters", "geometry", "inventory", "io", "pairs", "plot", "report", "stacks", "synth", "terrain",
    "tiling",
)  # fmt: skip
ZOO_PACKAGES = ("zoo", "zoo.networks", "zoo.scores", "zoo.training")

# Each part may import what stands before it, never what stands after.
ORDER = (
    ("_kernels", "errors", "layers", "windows", "georeference", "metrics", "lots", "settings"),
    ("dispatch",),
    ("filters", "terrain", "bursts"),
    ("geometry",),
    ("inventory",),
    ("plot",),
    ("io",),
    ("tiling",),
    ("pairs", "stacks", "synth"),
    ("report",),
    ("cli",),
)
RANK = {part: rank for rank, parts in enumerate(ORDER) for part in parts}


def imports_of(path: Path) -> set[str]:
    """Full names of the modules that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def part_of(name: str) -> str | None:
    pieces = name.split(".")
    return pieces[1] if pieces[0] == "insarfeat" and len(pieces) > 1 and pieces[1] in RANK else None


@pytest.mark.parametrize("path", KERNELS, ids=str)
def test_kernels_import_only_numpy_numba_math_and_kernels(path: Path) -> None:
    outside = {name for name in imports_of(path) if "._kernels" not in name}
    assert outside <= {"numpy", "numba", "math"}


@pytest.mark.parametrize("path", KERNELS, ids=str)
def test_kernels_release_the_lock_are_cached_and_single_threaded(path: Path) -> None:
    for function in [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]:
        if function.name == "inner":  # what decorates the functions that only kernels call
            assert "numba.njit(nogil=True, cache=True" in ast.unparse(function)
            continue
        (decorator,) = function.decorator_list
        assert isinstance(decorator, ast.Call)
        options = {keyword.arg: ast.literal_eval(keyword.value) for keyword in decorator.keywords}
        assert "parallel" not in options
        if ast.unparse(decorator.func) != "inner":
            assert options.get("nogil") is True
            assert options.get("cache") is True


def test_dispatch_holds_no_kernels() -> None:
    for path in (ROOT / "dispatch").glob("*.py"):
        assert "numba" not in imports_of(path)


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_data_flows_one_way(path: Path) -> None:
    pieces = path.relative_to(ROOT).with_suffix("").parts
    own = RANK.get(pieces[0])
    for name in imports_of(path):
        assert not name.startswith(("zoo", "benchmarks")), f"{path} imports {name}"
        part = part_of(name)
        if own is not None and part is not None and part != pieces[0]:
            assert RANK[part] <= own, f"{path} imports {name}, which stands above it"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT.parent)))
def test_no_module_has_grown_a_second_room(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 500


@pytest.mark.parametrize("package", [*(f"insarfeat.{package}" for package in PUBLIC_PACKAGES), *ZOO_PACKAGES])
def test_public_functions_are_documented_and_take_at_most_8_parameters(package: str) -> None:
    if package == "zoo.training":
        pytest.importorskip("torch")
    module = importlib.import_module(package)
    for name in module.__all__:
        thing = getattr(module, name)
        if not callable(thing):
            continue
        assert inspect.getdoc(thing), f"{package}.{name} has no docstring"
        if inspect.isfunction(thing):
            assert len(inspect.signature(thing).parameters) <= 8, f"{package}.{name}"


@pytest.mark.parametrize("name", insarfeat.__all__)
def test_public_names_resolve(name: str) -> None:
    assert getattr(insarfeat, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'colour'"):
        insarfeat.colour  # noqa: B018


@pytest.mark.parametrize("package", ["insarfeat", "zoo"])
def test_import_is_light_and_quick(package: str) -> None:
    code = (
        f"import time, sys; start = time.perf_counter(); import {package}; took = time.perf_counter() - start;"
        "heavy = {'dask', 'torch', 'rasterio', 'numba', 'xarray', 'numpy', 'matplotlib'} & set(sys.modules);"
        "assert not heavy, heavy; assert took < 0.5, took"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("path", sorted(ZOO.rglob("*.py")), ids=lambda path: str(path.relative_to(ZOO)))
def test_the_zoo_stands_on_top_and_pickles_nothing(path: Path) -> None:
    names = imports_of(path)
    assert not {name for name in names if name.split(".")[0] in ("benchmarks", "pickle", "cloudpickle")}
    assert "torch.load" not in path.read_text()
    assert "torch.save" not in path.read_text()


def test_no_file_names_a_machine() -> None:
    text = "\n".join(path.read_text() for path in MODULES)
    for place in ("tmp", "root", "home"):
        assert f"/{place}/" not in text
