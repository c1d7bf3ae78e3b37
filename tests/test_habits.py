"""What those who install, cite or continue the package rely on."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

import insarfeat

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def names(requirements: list[str]) -> dict[str, str]:
    """Least versions by name, without extras."""
    pairs = (re.fullmatch(r"([\w.-]+)(?:\[.*\])?\s*(?:>=(.*))?", one) for one in requirements)
    return {pair[1].lower(): pair[2] or "" for pair in pairs if pair}


def conda() -> dict:
    text = (ROOT / "conda" / "meta.yaml").read_text(encoding="utf-8")
    text = re.sub(r"{%.*?%}", "", text).replace("{{ version }}", insarfeat.__version__)
    return dict(yaml.safe_load(text.replace("{{ PYTHON }}", "python")))


def test_the_citation_has_this_version() -> None:
    found = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert found["version"] == insarfeat.__version__
    assert found["license"] == PROJECT["license"]


def test_the_conda_recipe_asks_for_what_the_package_asks_for() -> None:
    recipe = conda()
    assert recipe["package"]["version"] == insarfeat.__version__
    asked = dict(one.split(" >=") for one in recipe["requirements"]["run"])
    renamed = {"dask-core": "dask"}
    assert {renamed.get(name, name): version for name, version in asked.items() if name != "python"} == names(
        PROJECT["dependencies"]
    )
    assert f">={asked['python']}" == PROJECT["requires-python"]


def test_the_conda_recipe_bounds_extras_as_the_package_does() -> None:
    extras = {}
    for requirements in PROJECT["optional-dependencies"].values():
        extras |= names(requirements)
    renamed = {"pytorch": "torch", "matplotlib-base": "matplotlib"}
    for one in conda()["requirements"]["run_constrained"]:
        name, version = one.split(" >=")
        assert extras[renamed.get(name, name)] == version


def test_the_image_copies_what_the_wheel_is_made_of() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    for part in wheel["targets"]["wheel"]["packages"]:
        assert f"COPY {part} {part}" in text
    for name in re.findall(r"^COPY (.*) \./$", text, re.MULTILINE)[0].split():
        assert (ROOT / name).is_file()
    extras = re.findall(r'"\.\[(.*)\]"', text)[0].split(",")
    assert set(extras) <= set(PROJECT["optional-dependencies"])


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.stem
)
def test_issue_templates_are_forms(path: Path) -> None:
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= form.keys()
    for part in form["body"]:
        assert part["type"] in ("textarea", "input", "markdown", "dropdown")
        assert part["id"]
        assert part["attributes"]["label"]


def test_contributors_are_sent_to_pages_that_are_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert (ROOT / target).exists(), target
    for path in re.findall(r"`((?:tests|benchmarks|insarfeat)/[\w/.]+)`", text):
        assert (ROOT / path).exists(), path
