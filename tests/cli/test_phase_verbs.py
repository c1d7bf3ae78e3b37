"""The verbs ``filter`` and ``coherence``: the functions' own answers in files, and errors that help."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from calling import Run, assert_same

import insarfeat
from insarfeat import filters


def scene() -> xr.Dataset:
    made = insarfeat.synth.scene(seed=3, size=150, style="images")
    made = made[["primary", "secondary", "elevation", "phase_true"]]
    made["primary"][40:52, 60:90] = np.nan
    return made


def ifg() -> xr.DataArray:
    made = scene()
    image: xr.DataArray = filters.interferogram(made["primary"], made["secondary"])
    return image


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small inputs."""
    folder = tmp_path_factory.mktemp("stacks")
    pair, image = scene(), ifg()
    steady = filters.coherence(pair["primary"], pair["secondary"])
    phase = filters.wrapped_phase(image)
    insarfeat.write(pair, folder / "pair.nc")
    insarfeat.write(image, folder / "ifg.nc")
    insarfeat.write(phase, folder / "phase.tif")
    insarfeat.write(image.to_dataset().assign(coherence=steady, wavelength=0.0555), folder / "both.zarr")
    insarfeat.write(xr.Dataset({"one": image, "two": image}), folder / "two.nc")
    insarfeat.write(xr.Dataset({"wrapped_phase": phase, "filt_fine": image}), folder / "other_name.nc")
    radar = phase.drop_vars(["y", "x", "spatial_ref"]).rename(y="azimuth", x="range")
    insarfeat.write(radar, folder / "radar.nc")
    lines, samples = np.mgrid[:150, :150]
    looked_up = {"latitude": (radar.dims, 44 + lines / 900), "longitude": (radar.dims, 10 + samples / 900)}
    insarfeat.write(radar.assign_coords(looked_up), folder / "lookup.nc")
    metres = radar.assign_coords(azimuth=14.0 * np.arange(150), range=3.7 * np.arange(150))
    insarfeat.write(metres, folder / "metres.nc")
    (folder / "damaged.nc").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(500))
    return folder


@pytest.mark.parametrize("out", ["out.nc", "out.zarr"])
def test_filter_writes_the_filtered_interferogram_and_its_phase(run: Run, stacks: Path, out: str) -> None:
    done = run("filter", stacks / "ifg.nc", out)
    assert done.code == 0, done.err
    assert out in done.out
    assert "layers: 1 of 1" in done.err
    filtered = filters.goldstein(ifg())
    stack = assert_same(out, interferogram=filtered, wrapped_phase=filters.wrapped_phase(filtered))
    assert insarfeat.georeference.crs_of(stack["wrapped_phase"]).to_epsg() == 32632  # type: ignore[union-attr]
    assert stack["wrapped_phase"].attrs["long_name"] == "wrapped interferometric phase"
    assert "goldstein" in stack["wrapped_phase"].attrs["processing"]


def test_filter_passes_all_options_on(run: Run, stacks: Path) -> None:
    classic = ("--window", 16, "--overlap", 0.5, "--smoothing", 0, "--no-normalize", "--alpha", 0.6)
    more = ("--gaussian", 100, "--tile", 64, "--scheduler", 2, "--phase")
    done = run("filter", stacks / "ifg.nc", "out.tif", *classic, *more)
    assert done.code == 0, done.err
    smooth = filters.gaussian(ifg(), width=100.0)
    filtered = filters.goldstein(smooth, alpha=0.6, window=16, overlap=0.5, smoothing=0, normalize=False)
    assert_same("out.tif", wrapped_phase=filters.wrapped_phase(filtered))


def test_filter_of_a_wrapped_phase_gives_a_wrapped_phase(run: Run, stacks: Path) -> None:
    assert run("filter", stacks / "phase.tif", "out.tif").code == 0
    assert_same("out.tif", wrapped_phase=filters.goldstein(filters.wrapped_phase(ifg())))


def test_a_layer_of_another_name_becomes_a_wrapped_phase(run: Run, stacks: Path) -> None:
    assert run("filter", stacks / "pair.nc", "out.nc", "--layer", "phase_true").code == 0
    stack = assert_same("out.nc", wrapped_phase=filters.goldstein(scene()["phase_true"]))
    assert stack["wrapped_phase"].attrs["long_name"] == "wrapped interferometric phase"
    assert stack.attrs["title"] == "Synthetic scene 3"


@pytest.mark.parametrize("named", [(), ("--coherence-layer", "coherence")])
def test_filter_by_coherence(run: Run, stacks: Path, named: tuple[str, ...]) -> None:
    arguments = ("filter", stacks / "both.zarr", "out.nc", "--alpha", "coherence", "--complex")
    assert run(*arguments, *named).code == 0
    pair = scene()
    steady = filters.coherence(pair["primary"], pair["secondary"])
    filtered = filters.goldstein(ifg(), alpha="coherence", coherence=steady)
    stack = insarfeat.open_stack("out.nc")
    np.testing.assert_array_equal(stack["interferogram"].values, filtered.values)
    assert "wrapped_phase" not in stack
    assert float(stack["wavelength"]) == 0.0555  # single numbers go with the layers


def test_one_complex_layer_is_taken_before_a_wrapped_phase(run: Run, stacks: Path) -> None:
    assert run("filter", stacks / "other_name.nc", "out.nc").code == 0
    assert set(insarfeat.open_stack("out.nc")) == {"interferogram", "wrapped_phase"}


def test_radar_geometry_needs_no_coordinates_but_for_metres(run: Run, stacks: Path) -> None:
    phase = filters.wrapped_phase(ifg()).values
    assert run("filter", stacks / "radar.nc", "plain.nc").code == 0
    np.testing.assert_array_equal(
        insarfeat.open_stack("plain.nc")["wrapped_phase"].values, filters.goldstein(phase)
    )

    refused = run("filter", stacks / "radar.nc", "smooth.nc", "--gaussian", 100)
    assert refused.code == 2
    assert "no coordinates" in refused.err
    assert "--resolution 14x3.7" in refused.err
    assert not Path("smooth.nc").exists()

    wanted = filters.goldstein(filters.gaussian(phase, width=100.0, resolution=(14.0, 3.7)))
    options = ("--gaussian", 100, "--resolution", "14x3.7")
    assert run("filter", stacks / "radar.nc", "smooth.nc", *options).code == 0
    np.testing.assert_array_equal(insarfeat.open_stack("smooth.nc")["wrapped_phase"].values, wanted)

    told = run("filter", stacks / "metres.nc", "metres.nc", "--gaussian", 100)
    assert told.code == 0
    assert "coordinates are taken as metres: pixels of 14 x 3.7 m" in told.err
    found = insarfeat.open_stack("metres.nc")["wrapped_phase"]
    assert np.abs(np.exp(1j * found.values) - np.exp(1j * wanted))[~np.isnan(phase)].max() < 1e-4


def test_coordinates_of_every_pixel_stay(run: Run, stacks: Path) -> None:
    assert run("filter", stacks / "lookup.nc", "out.zarr").code == 0
    stack = insarfeat.open_stack("out.zarr")
    assert stack["latitude"].values[-1, 0] == 44 + 149 / 900
    assert set(stack) == {"wrapped_phase"}


def test_coherence_of_a_pair(run: Run, stacks: Path) -> None:
    assert run("coherence", stacks / "pair.nc", "out.nc").code == 0
    pair = scene()
    assert_same("out.nc", coherence=filters.coherence(pair["primary"], pair["secondary"]))
    done = run("coherence", stacks / "pair.nc", "other.tif", "--window", "3x9", "--unbiased", "--tile", 64)
    assert done.code == 0
    assert "note" not in done.err
    wanted = filters.coherence(pair["primary"], pair["secondary"], window=(3, 9), unbiased=True)
    assert_same("other.tif", coherence=wanted)


def test_coherence_of_images_by_name(run: Run, stacks: Path) -> None:
    done = run("coherence", stacks / "two.nc", "out.nc", "--primary", "one", "--secondary", "two")
    assert done.code == 0
    assert_same("out.nc", coherence=filters.coherence(ifg(), ifg()))


def test_coherence_of_cells(run: Run, stacks: Path) -> None:
    assert run("coherence", stacks / "pair.nc", "out.nc", "--looks", "4x20", "--unbiased").code == 0
    pair = scene()
    wanted = filters.multilook_coherence(pair["primary"], pair["secondary"], looks=(4, 20), unbiased=True)
    stack = assert_same("out.nc", coherence=wanted)
    np.testing.assert_array_equal(stack["x"], wanted["x"])


@pytest.mark.parametrize("named", [(), ("--layer", "wrapped_phase")])
def test_coherence_of_the_phase_alone_says_what_it_is(run: Run, stacks: Path, named: tuple[str, ...]) -> None:
    done = run("coherence", stacks / "phase.tif", "out.nc", "--window", "3x3", *named)
    assert done.code == 0
    assert "coherence of the phase alone" in done.err
    assert_same("out.nc", coherence=filters.phase_coherence(filters.wrapped_phase(ifg()), window=(3, 3)))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("filter", "nowhere.nc"), "nowhere.nc does not exist"),
        (("filter", "pair.nc"), "no interferogram and no wrapped_phase; name one with --layer. Its layers: "),
        (("filter", "two.nc"), "several complex layers (one, two); name one with --layer"),
        (("filter", "ifg.nc", "--layer", "phase"), "holds no layer 'phase'. Its layers: interferogram"),
        (("filter", "pair.nc", "--layer", "elevation"), "elevation is in 'm', and a phase is in radians"),
        (("filter", "ifg.nc", "--window", "20"), "window must be one of 16, 32, 64, 128 pixels; got 20"),
        (("filter", "ifg.nc", "--window", "wide"), "Invalid value for '--window'"),
        (("filter", "ifg.nc", "--alpha", "strong"), "a number from 0 to 1, or 'coherence'; got 'strong'"),
        (("filter", "ifg.nc", "--alpha", "2"), "alpha must be a number from 0 to 1"),
        (("filter", "ifg.nc", "--alpha", "coherence"), "--coherence-layer: ifg.nc holds no layer"),
        (
            ("filter", "ifg.nc", "--alpha", "coherence", "--coherence-layer", "interferogram"),
            "interferogram holds complex64, and real numbers are needed",
        ),
        (("filter", "both.zarr", "--coherence-layer", "coherence"), "it is for --alpha coherence"),
        (("filter", "ifg.nc", "--gaussian", "-5"), "a positive number of metres; got -5"),
        (("filter", "radar.nc", "--gaussian", "9", "--resolution", "far"), "as 15 or 14x3.7"),
        (("filter", "radar.nc", "--resolution", "15"), "it is for --gaussian"),
        (("filter", "ifg.nc", "--gaussian", "50", "--resolution", "15"), "leave resolution out"),
        (("filter", "phase.tif", "--complex"), "--complex takes a complex layer"),
        (("filter", "ifg.nc", "--tile", "700"), "multiple of 256"),
        (("filter", "ifg.nc", "--scheduler", "fast"), "tcp://host:8786"),
        (("coherence", "nowhere.nc"), "nowhere.nc does not exist"),
        (("coherence", "pair.nc", "--window", "4x5"), "window must be two odd numbers"),
        (("coherence", "pair.nc", "--window", "5"), "two whole numbers, as 5x5 (azimuth x range); got '5'"),
        (("coherence", "pair.nc", "--looks", "0x4"), "looks must be two whole numbers"),
        (("coherence", "pair.nc", "--looks", "400x4"), "not one cell of that size fits into pair.nc"),
        (("coherence", "pair.nc", "--looks", "2x2", "--window", "3x3"), "give one of the two"),
        (("coherence", "pair.nc", "--secondary", "third"), "--secondary: pair.nc holds no layer 'third'"),
        (("coherence", "pair.nc", "--primary", "elevation"), "elevation holds float32, and complex numbers"),
        (("coherence", "pair.nc", "--primary", "primary", "--layer", "x"), "--primary and --secondary"),
        (("coherence", "two.nc"), "or two images with --primary and --secondary"),
        (("coherence", "ifg.nc", "--unbiased"), "--unbiased takes two images"),
        (("coherence", "ifg.nc", "--looks", "2x2"), "--looks takes two images"),
    ],
)
def test_bad_arguments_exit_with_2_and_leave_nothing(
    run: Run, stacks: Path, arguments: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    verb, source, *options = arguments
    done = run(verb, stacks / source, "out.nc", *options)
    assert done.code == 2
    assert words in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_tif_of_a_complex_layer_wants_a_choice(run: Run, stacks: Path) -> None:
    done = run("filter", stacks / "ifg.nc", "out.tif")
    assert done.code == 2
    assert "--complex or --phase" in done.err


@pytest.mark.parametrize("verb", ["filter", "coherence"])
def test_outputs_that_exist_stay_unless_told(run: Run, stacks: Path, verb: str) -> None:
    out = Path("out.nc")
    out.write_text("precious")
    for more in ((), ("--dry-run",)):
        done = run(verb, stacks / "phase.tif", out, *more)
        assert done.code == 2
        assert "--overwrite" in done.err
        assert out.read_text() == "precious"
    assert run(verb, stacks / "phase.tif", out, "--overwrite").code == 0
    assert len(insarfeat.open_stack(out)) == 1


@pytest.mark.parametrize("verb", ["filter", "coherence"])
def test_the_input_is_never_the_output(run: Run, stacks: Path, verb: str) -> None:
    before = (stacks / "ifg.nc").read_bytes()
    done = run(verb, stacks / "ifg.nc", stacks / "ifg.nc", "--overwrite")
    assert done.code == 2
    assert "is the input" in done.err
    assert (stacks / "ifg.nc").read_bytes() == before


@pytest.mark.parametrize("verb", ["filter", "coherence"])
def test_a_dry_run_writes_nothing(run: Run, stacks: Path, verb: str, tmp_path: Path) -> None:
    done = run(verb, stacks / "ifg.nc", "out.nc", "--dry-run", "--tile", 64)
    assert done.code == 0
    assert "9 of 64 x 64 pixels" in done.out
    assert "peak memory" in done.out
    assert list(tmp_path.iterdir()) == []


def test_failed_runs_exit_with_1(run: Run, stacks: Path) -> None:
    damaged = run("filter", stacks / "damaged.nc", "out.nc")
    assert damaged.code == 1
    assert "damaged.nc is not a readable NetCDF file" in damaged.err
    no_folder = run("coherence", stacks / "pair.nc", "nowhere/out.nc")
    assert no_folder.code == 1
    assert "create it first" in no_folder.err


def test_the_program_itself(stacks: Path, tmp_path: Path) -> None:
    program = [sys.executable, "-c", "from insarfeat.cli import main; main()"]
    out = tmp_path / "out.nc"
    done = subprocess.run(
        [*program, "coherence", stacks / "ifg.nc", out], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"stack   {out}  (coherence)\n"
