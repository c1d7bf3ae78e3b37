"""Missing, damaged, empty and mistaken inputs; interrupted and impossible writes."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import textwrap
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from contract import labelled

import insarfeat
from insarfeat.errors import InvalidType, MissingInput, OutputExists, UnreadableInput, WriteFailed
from insarfeat.io import sources


def layer(seed: int = 0, size: int = 600) -> xr.DataArray:
    return labelled(np.random.default_rng(seed).normal(size=(size, size)).astype("f4"), "coherence")


def whole(path: Path) -> float:
    return float(insarfeat.open_stack(path)["coherence"].sum().compute())


def test_nothing_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="does not exist"):
        insarfeat.open_stack(tmp_path / "stack.nc")
    with pytest.raises(FileNotFoundError):
        insarfeat.open_stack(tmp_path / "stack.nc")


@pytest.mark.parametrize("suffix", [".nc", ".tif"])
def test_an_empty_file_is_said_to_be_empty(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"stack{suffix}"
    path.touch()
    with pytest.raises(UnreadableInput, match=r"empty \(0 bytes\)"):
        insarfeat.open_stack(path)


@pytest.mark.parametrize("suffix", [".nc", ".tif"])
def test_a_file_of_another_type_is_named_unreadable(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"stack{suffix}"
    path.write_text("<html>404 not found</html>" * 100)
    with pytest.raises(UnreadableInput, match="is not a readable"):
        insarfeat.open_stack(path)


def test_a_folder_that_is_no_zarr_and_a_suffix_that_is_none_of_ours(tmp_path: Path) -> None:
    (tmp_path / "stack.zarr").mkdir()
    with pytest.raises(UnreadableInput, match=r"no zarr\.json"):
        insarfeat.open_stack(tmp_path / "stack.zarr")
    (tmp_path / "stack.png").write_bytes(b"x")
    with pytest.raises(InvalidType, match=r"must end in \.nc, \.zarr or \.tif"):
        insarfeat.open_stack(tmp_path / "stack.png")


@pytest.mark.parametrize("suffix", [".nc", ".tif"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.99])
def test_a_file_cut_short_is_one_clear_error(tmp_path: Path, suffix: str, share: float) -> None:
    path = insarfeat.write(layer(), tmp_path / f"stack{suffix}")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(UnreadableInput, match=r"stack"):
        whole(path)


def test_a_damaged_shard_is_one_clear_error(tmp_path: Path) -> None:
    path = insarfeat.write(layer(), tmp_path / "stack.zarr")
    shard = path / "coherence" / "c" / "0" / "0"
    content = bytearray(shard.read_bytes())
    content[: len(content) // 2] = bytes(len(content) // 2)
    shard.write_bytes(content)
    with pytest.raises(UnreadableInput, match="damaged"):
        whole(path)


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    path = insarfeat.write(layer(1), tmp_path / "stack.nc")
    before = whole(path)
    insarfeat.write(layer(2), path, overwrite=True)
    assert whole(path) != before


def test_many_threads_may_open_and_read_at_once(tmp_path: Path) -> None:
    paths = [insarfeat.write(layer(seed, 300), tmp_path / f"{seed}.nc") for seed in range(6)]
    with ThreadPoolExecutor(8) as pool:
        sums = list(pool.map(whole, paths * 4))
    assert sums == sums[:6] * 4


def test_an_output_that_exists_is_kept_unless_told_otherwise(tmp_path: Path) -> None:
    path = insarfeat.write(layer(1), tmp_path / "stack.nc")
    before = path.read_bytes()
    with pytest.raises(OutputExists, match="overwrite=True"):
        insarfeat.write(layer(2), path)
    assert path.read_bytes() == before
    for suffix in (".nc", ".zarr", ".tif"):
        out = tmp_path / f"again{suffix}"
        insarfeat.write(layer(1), out)
        insarfeat.write(layer(2), out, overwrite=True)
        assert whole(out) == pytest.approx(float(layer(2).sum()), rel=1e-3)
        assert sorted(entry.name for entry in tmp_path.iterdir() if entry.name.startswith("again")) == sorted(
            f"again{done}" for done in (".nc", ".zarr", ".tif")[: (".nc", ".zarr", ".tif").index(suffix) + 1]
        )


def test_a_missing_folder_is_said_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(WriteFailed, match="does not exist; create it first"):
        insarfeat.write(layer(), tmp_path / "nowhere" / "stack.nc")


@pytest.mark.parametrize("suffix", [".nc", ".tif", ".zarr"])
def test_a_disk_that_fills_up_leaves_the_old_file_and_says_so(tmp_path: Path, suffix: str) -> None:
    """The limit on file sizes stands in for a full disk: writes fail with an error of the system's."""
    out = tmp_path / f"stack{suffix}"
    insarfeat.write(layer(1, 64), out)
    before = whole(out)
    script = f"""
        import resource, signal, sys
        sys.path.insert(0, {str(Path(__file__).parents[1])!r})
        import numpy as np, insarfeat
        from contract import labelled
        from insarfeat.errors import InsarfeatError
        big = labelled(np.random.default_rng(0).normal(size=(1500, 1500)).astype("f4"), "coherence")
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))
        try:
            insarfeat.write(big, {str(out)!r}, overwrite=True)
        except InsarfeatError as error:
            print(type(error).__name__, error)
            sys.exit(7)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True)
    assert done.returncode == 7, done.stderr
    assert done.stdout.startswith(("WriteFailed", "RunFailed"))
    assert whole(out) == before


@pytest.mark.parametrize("suffix", [".nc", ".tif"])
def test_a_failing_source_leaves_no_half_file(tmp_path: Path, suffix: str) -> None:
    path = insarfeat.write(layer(size=900), tmp_path / "source.tif")
    stack = insarfeat.open_stack(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    os.utime(path, ns=(0, 0))
    out = tmp_path / f"out{suffix}"
    with pytest.raises(UnreadableInput, match="source"):
        insarfeat.write(stack, out)
    assert [entry.name for entry in tmp_path.iterdir()] == ["source.tif"]


def test_forked_readers_do_not_disturb_each_other(tmp_path: Path) -> None:
    paths = [
        insarfeat.write(layer(seed), tmp_path / f"{seed}{suffix}")
        for seed, suffix in ((1, ".nc"), (2, ".tif"))
    ]
    before = [whole(path) for path in paths]
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        assert list(pool.map(_whole_on_this_thread, paths * 10)) == pytest.approx(before * 10)
    assert [whole(path) for path in paths] == before


def _whole_on_this_thread(path: Path) -> float:
    """Dask's default pool does not outlive a fork, so a forked reader computes on its own thread."""
    return float(insarfeat.open_stack(path)["coherence"].sum().compute(scheduler="sync"))


def test_a_run_that_fails_before_its_first_tile_leaves_nothing(tmp_path: Path) -> None:
    path = insarfeat.write(layer(), tmp_path / "source.tif")
    stack = insarfeat.open_stack(path)
    path.unlink()
    with pytest.raises(UnreadableInput):
        insarfeat.write(stack, tmp_path / "out.nc")
    assert list(tmp_path.iterdir()) == []


def test_more_files_than_are_kept_open_do_not_lock_each_other_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "_MOST_DATASETS", 1)
    paths = [
        insarfeat.write(layer(seed, 64), tmp_path / f"{seed}{suffix}")
        for seed in (1, 2)
        for suffix in (".nc", ".zarr")
    ]
    expected = [whole(path) for path in paths]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(whole, paths * 25)) == pytest.approx(expected * 25)


def test_a_neighbour_with_a_name_like_a_backup_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "stack.zarr.old"
    mine.mkdir()
    (mine / "notes.txt").write_text("mine")
    for seed in (1, 2):
        insarfeat.write(layer(seed, 64), tmp_path / "stack.zarr", overwrite=True)
    assert (mine / "notes.txt").read_text() == "mine"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["stack.zarr", "stack.zarr.old"]
