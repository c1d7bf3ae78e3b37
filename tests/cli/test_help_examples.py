"""The examples in the help of all verbs: there is one for each, and they run one after another as they stand."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from rasterio.transform import Affine

sys.path.insert(0, str(Path(__file__).parents[1] / "zoo"))
from all_verbs import verbs
from as_in_qgis import edit

import insarfeat
from insarfeat.cli import main
from insarfeat.cli.app import build_app

ORDER = (
    "show-versions", "demo", "rank", "filter", "coherence", "terrain", "sensitivity", "stack", "info", "plot",
    "patches", "split", "leaks", "train", "models", "evaluate", "predict", "report", "blindspots", "inventory update",
    "inventory show", "review export", "review import", "bench", "bench compare",
)  # fmt: skip
"""All verbs as a user would go: what one writes, a later one reads."""

OF_MODELS = ("models", "predict", "train", "evaluate", "blindspots")
"""Verbs that are there only with the extra "zoo"."""

SMALLER = {
    "demo": ("--size 64", "1,024 px take a minute"),
    "patches": ("--size 32 --stride 32", "of 160 px none would be left to split: the scene has 256"),
    "train": (
        "--set epochs=1 --set batch=4 --set batches=1 --set patch=32",
        "its batch of 16 for six epochs takes an hour without a GPU",
    ),
    "blindspots": ("--injections 60", "400 slides take minutes"),
    "bench": ("--size 64 --rounds 1", "a record of images of 4,096 px takes minutes"),
}
"""What is added only to make an example small, and why."""

MEANWHILE = {
    "review import": lambda: edit(
        Path("candidates.gpkg"), "UPDATE candidates SET status = 'accepted', Sign_Qual = 1, Class_Unc = 1"
    ),
    "bench compare": lambda: shutil.copy("before.json", "after.json"),
}
"""What people do between two examples: an expert judges in QGIS, and measures once more."""

EXAMPLE = re.compile(r"^\s*Example: (insarfeat .+)$", re.MULTILINE)


def examples() -> dict[str, str]:
    """The first example of each verb that does something of its own, by the verb's name."""
    return {name: (EXAMPLE.findall(command.help or "") or [""])[0] for name, command in verbs()}


def test_the_order_names_every_verb() -> None:
    there = set(examples())
    assert there | set(OF_MODELS) == set(ORDER)


@pytest.mark.parametrize("verb", ORDER)
def test_every_help_shows_an_example_of_its_own_verb(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    if verb not in (there := examples()):
        pytest.skip("the verb needs the extra zoo")
    assert there[verb].startswith(f"insarfeat {verb} ") or there[verb] == f"insarfeat {verb}"
    with pytest.raises(SystemExit) as left:
        build_app()([*verb.split(), "--help"])
    assert not left.value.code
    assert f"Example: insarfeat {verb}" in capsys.readouterr().out


def test_the_examples_run_one_after_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for extra in ("torch", "safetensors", "matplotlib", "pyogrio", "pyarrow"):
        pytest.importorskip(extra, reason="the way of all examples needs all extras of it")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INSARFEAT_ZOO_DIR", str(tmp_path / "no-other-models"))
    write_inputs()
    lines = examples()
    failed = []
    for verb in ORDER:
        MEANWHILE.get(verb, lambda: None)()
        smaller, _ = SMALLER.get(verb, ("", ""))
        monkeypatch.setattr(sys, "argv", shlex.split(f"{lines[verb]} {smaller}"))
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        if left.value.code:
            failed.append(f"{lines[verb]}: exit {left.value.code}: {capsys.readouterr().err[-2000:]}")
    assert not failed, "\n".join(failed)


def write_inputs() -> None:
    """The files of a user: products, images, a DEM and an inventory, all of one small place."""
    scene = insarfeat.synth.scene(6, size=256, style="images")
    insarfeat.write(scene[["elevation"]], "dem.tif")
    insarfeat.write(scene[["interferogram"]], "ifg.tif")
    insarfeat.write(scene[["primary", "secondary"]], "images.nc")
    write_product(Path("product"), scene, "20230904", "20230916")
    write_product(Path("pairs/first"), scene, "20230904", "20230916")
    write_product(Path("pairs/second"), scene, "20230916", "20230928")
    insarfeat.inventory.write_polygons(slides(scene), "slides.gpkg", crs="EPSG:32632")


def write_product(folder: Path, scene: xr.Dataset, primary: str, secondary: str) -> None:
    """An interferogram as HyP3 packs it, its radar south-west of the ground and 39 degrees from its zenith."""
    folder.mkdir(parents=True)
    pixel = 15.0
    west, north = float(scene.x[0]) - pixel / 2, float(scene.y[0]) + pixel / 2
    level = np.ones(scene.elevation.shape, "f4")
    rasters = {
        "wrapped_phase": scene.wrapped_phase.values,
        "corr": scene.coherence.values,
        "lv_theta": np.float32(np.radians(51)) * level,
        "lv_phi": np.float32(np.radians(-168)) * level,
    }
    for name, pixels in rasters.items():
        path = folder / f"S1AA_{primary}T063730_{secondary}T063730_VVP012_INT40_G_ueF_74C2_{name}.tif"
        with rasterio.open(
            path, "w", driver="GTiff", height=pixels.shape[0], width=pixels.shape[1], count=1,
            dtype=pixels.dtype.name, crs="EPSG:32632", transform=Affine(pixel, 0, west, 0, -pixel, north),
        ) as file:  # fmt: skip
            file.write(pixels, 1)


def slides(scene: xr.Dataset) -> list[dict[str, object]]:
    """Two squares of 20 pixels, far apart."""
    made = []
    for row, column in ((40, 40), (180, 190)):
        west, north = float(scene.x[column]), float(scene.y[row])
        ring = [
            (west, north),
            (west + 300, north),
            (west + 300, north - 300),
            (west, north - 300),
            (west, north),
        ]
        geometry = {"type": "Polygon", "coordinates": [ring]}
        made.append({"type": "Feature", "geometry": geometry, "properties": {"Class": "CF"}})
    return made
