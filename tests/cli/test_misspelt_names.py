"""Misspelt names, at every door where one may come in: the answer has the one that was meant."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import insarfeat
from insarfeat import geometry, pairs, stacks, synth, terrain, tiling
from insarfeat.errors import InsarfeatError, file_nearby, suggestion

TYPED = [
    ("repotr stack.nc", "Did you mean 'report'"),
    ("review exprot a.gpkg b.gpkg", "Did you mean 'export'"),
    ("demo out --sise 64", "--size"),
    ("info stak.nc", "'stack.nc'"),
    ("plot stak.nc", "'stack.nc'"),
    ("report stak.nc", "'stack.nc'"),
    ("rank stack.nc --dem stak.nc", "'stack.nc'"),
    ("rank stack.nc --limits rmap=3", "'ramp'"),
    ("plot stack.nc --layers coherense", "'coherence'"),
    ("plot stack.nc --background elevatoin", "'elevation'"),
    ("terrain stack.nc out.nc --layers slop", "'slope'"),
    ("terrain stack.nc out.nc --layers slope,basin", "'basins'"),
    ("terrain stack.nc out.nc --layer elevatoin", "'elevation'"),
    ("terrain stack.nc out.nc --method hron", "'horn'"),
    ("terrain stack.nc out.nc --north gird", "'grid'"),
    ("terrain stack.nc out.nc --layers twi --routing mdf", "'mfd'"),
    ("terrain stack.nc out.nc --layers twi --voids wals", "'walls'"),
    ("sensitivity stack.nc out.nc --incidence 39 --heading -12 --layers r_indx", "'r_index'"),
    ("sensitivity stack.nc out.nc --incidence 39 --heading -12 --look rihgt", "'right'"),
    ("filter stack.nc out.nc --layer wraped_phase", "'wrapped_phase'"),
    ("filter stack.nc out.nc --alpha coherense", "'coherence'"),
    ("filter stack.nc out.nc --alpha coherence --coherence-layer coherense", "'coherence'"),
    ("coherence stack.nc out.nc --primary primry", "'primary'"),
    ("stack detektion out.nc", "'detection'"),
    ("stack --template evnt", "'event'"),
    ("stack own.yml out.nc", "'own.yaml'"),
    ("stack models out.nc --layer coherense=stack.nc", "'coherence'"),
    ("stack models out.nc --phase-sign secundary", "'secondary'"),
    ("stack models out.nc --interferogram stak.nc", "'stack.nc'"),
    ("patches stak.nc out", "'stack.nc'"),
    ("patches stack.nc out --rules evnt", "'event'"),
    ("patches stack.nc out --bands coherense", "'coherence'"),
    ("patches stack.nc out --bands coherence --labels landslid", "'landslide'"),
    ("patches stack.nc out --where centered --size 32", "'centred'"),
    ("patches stack.nc out --edge shfit --size 32", "'shift'"),
    ("patches stack.nc out --keep onyl --size 32", "'only'"),
    ("patches stack.nc out --hard layovr=1 --negatives 1 --size 32", "'layover'"),
    ("patches stack.nc out --bands coherence --format ntecdf --size 32", "'netcdf'"),
    ("split stak.nc", "'stack.nc'"),
    ("demo out --scheduler treads", "'threads'"),
    ("bench --case slop", "'slope'"),
]

OF_THE_ZOO = [
    ("predict segformer-b0-snth-v1 stack.nc out.gpkg", "'segformer-b0-synth-v1'"),
    ("models yolo-s-synht-v1", "'yolo-s-synth-v1'"),
    ("evaluate yolo-s-v1 patches", "'yolo-s-synth-v1'"),
    ("blindspots stack.nc --model yolo-s-synth", "'yolo-s-synth-v1'"),
    ("predict segformer-b0-synth-v1 stak.nc out.gpkg", "'stack.nc'"),
    ("train event-segfomer-b2 synthetic model", "'event-segformer-b2'"),
    ("train segformer-b0-synth synthetc model", "'synthetic'"),
    ("train segformer-b0-synth synthetic model --set epoch=2", "'epochs'"),
    ("train segformer-b0-synth synthetic model --set optimizer.name=adamm", "'adam'"),
    ("train segformer-b0-synth synthetic model --set network=segfomer-b1", "'segformer-b1'"),
]


@lru_cache(maxsize=1)
def scene() -> xr.Dataset:
    names = ["primary", "secondary", "wrapped_phase", "coherence", "elevation", "landslide"]
    return synth.scene(seed=6, size=64, style="images")[names].assign_attrs(incidence=39.0, heading=-12.0)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = insarfeat.write(scene(), tmp_path_factory.mktemp("stack") / "stack.nc")
    return path


def _answered(run: Callable[..., Any], stack: Path, line: str) -> str:
    Path("stack.nc").symlink_to(stack)
    Path("own.yaml").write_text("layers: [slope]\n")
    done = run(*line.split())
    assert done.code == 2, done.err
    assert "Traceback" not in done.err
    return str(done.err)


@pytest.mark.parametrize(("line", "meant"), TYPED, ids=lambda text: text)
def test_on_the_command_line(run: Callable[..., Any], stack: Path, line: str, meant: str) -> None:
    assert meant in _answered(run, stack, line).replace("(did you mean", "Did you mean")


@pytest.mark.parametrize(("line", "meant"), OF_THE_ZOO, ids=lambda text: text)
def test_on_the_command_line_of_the_zoo(
    run: Callable[..., Any], stack: Path, monkeypatch: pytest.MonkeyPatch, line: str, meant: str
) -> None:
    pytest.importorskip("torch", reason="the verbs of models are there only with the extra zoo")
    monkeypatch.setenv("INSARFEAT_ZOO_DIR", "none")
    assert f"(did you mean {meant}?)" in _answered(run, stack, line)


DEM = np.zeros((8, 8), "f4")
SIGHT = geometry.los_from_incidence(39.0, -12.0)

CALLED = [
    (lambda: terrain.attributes(DEM, ["slop"], resolution=10.0), "slope"),
    (lambda: terrain.slope(DEM, resolution=10.0, method="hron"), "horn"),
    (lambda: terrain.tri(DEM, variant="rily"), "riley"),
    (lambda: terrain.twi(DEM, resolution=10.0, method="dinff"), "dinf"),
    (lambda: terrain.fill_depressions(DEM, engine="richdm"), "richdem"),
    (lambda: geometry.ground_view(DEM, ["slope_to_loss"], SIGHT, resolution=10.0), "slope_to_los"),
    (lambda: geometry.shadow_layover(DEM, 39.0, -12.0, look="lefft", resolution=10.0), "left"),
    (lambda: stacks.Recipe.named("detektion"), "detection"),
    (lambda: stacks.build_stack("models", "out.nc", interferogramm=1), "interferogram"),
    (lambda: stacks.Recipe.of({"layers": ["slop"]}), "slope"),
    (lambda: stacks.Recipe.of({"layers": ["slope"], "terrain": {"tri": "rily"}}), "riley"),
    (lambda: tiling.invalid_causes(scene()[["elevation"]], footprint="elevatoin"), "elevation"),
    (lambda: tiling.PatchGrid((64, 64), size=32, edge="shfit"), "shift"),
    (lambda: tiling.Sampling("centered"), "centred"),
    (lambda: tiling.Keep(labels="onyl"), "only"),
    (lambda: pairs.Rules().with_limits({"rmap": 3.0}), "ramp"),
    (lambda: insarfeat.io.Stated(phase_sign="primary x conj(secundary)"), "primary x conj(secondary)"),
]


@pytest.mark.parametrize(("call", "meant"), CALLED)
def test_in_calls(call: Callable[[], Any], meant: str) -> None:
    with pytest.raises(InsarfeatError) as told:
        call()
    assert f"(did you mean {meant!r}?)" in str(told.value)


def test_a_file_is_looked_for_in_its_own_folder_only(tmp_path: Path) -> None:
    (tmp_path / "stack.nc").touch()
    assert file_nearby(tmp_path / "stak.nc") == " (did you mean 'stack.nc'?)"
    assert file_nearby(tmp_path / "elsewhere" / "stak.nc") == ""
    assert file_nearby(tmp_path / "product.zip") == ""


def test_small_and_large_letters_are_alike() -> None:
    assert suggestion("COHERENCE", ["elevation", "coherence"]) == " (did you mean 'coherence'?)"


def test_what_is_no_text_is_answered_too() -> None:
    assert suggestion(None, ["none", "some"]) == " (did you mean 'none'?)"
    assert suggestion(3.5, ["slope"]) == ""
