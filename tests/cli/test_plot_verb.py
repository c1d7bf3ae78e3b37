"""The verb ``plot``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import insarfeat


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    scene = insarfeat.synth.scene(seed=0, size=64)
    return insarfeat.write(scene[["elevation", "landslide", "phase_true"]], tmp_path / "stack.nc")


def test_every_layer_becomes_a_picture(run: Callable[..., Any], stack: Path) -> None:
    done = run("plot", stack)
    assert done.code == 0, done.err
    pictures = sorted(Path("stack-pictures").iterdir())
    assert [picture.name for picture in pictures] == ["elevation.png", "landslide.png", "phase_true.png"]
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)


def test_one_layer_over_another(run: Callable[..., Any], stack: Path) -> None:
    options = ("--layers", "landslide", "--background", "elevation")
    assert run("plot", stack, "slide.png", *options).code == 0
    assert Path("slide.png").stat().st_size > 1000
    again = run("plot", stack, "slide.png", *options)
    assert again.code == 2
    assert "--overwrite" in again.err


def test_of_several_pairs_one_is_chosen(run: Callable[..., Any], tmp_path: Path) -> None:
    phases = xr.DataArray(
        np.zeros((2, 20, 30), "f4"), {"pair": ["a", "b"]}, ("pair", "y", "x"), "wrapped_phase"
    )
    path = insarfeat.write(phases, tmp_path / "pairs.nc")
    assert "choose one with --pair" in run("plot", path).err
    assert run("plot", path, "b.png", "--pair", "b").code == 0
    assert run("plot", path, "first.png", "--pair", "1").code == 0
    assert "is not in pairs.nc" in run("plot", path, "--pair", "9").err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--layers", "slop"), "holds no layer 'slop'"),
        (("all.png",), "is one picture"),
        (("all.jpg",), "must end in .png"),
    ],
)
def test_bad_arguments_are_told(
    run: Callable[..., Any], stack: Path, arguments: tuple[str, ...], told: str
) -> None:
    done = run("plot", stack, *arguments)
    assert done.code == 2
    assert told in done.err
