"""Arrays put aside between passes come back as they were, or it is said that they do not."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from insarfeat.errors import UnreadableInput
from insarfeat.tiling import shelf

DTYPES = [np.dtype(code) for code in ("?", "u1", "i4", "i8", "f4", "f8", "c8", "c16", ">f8", ">i2")]


def assert_same(found: dict[str, np.ndarray], put: dict[str, np.ndarray]) -> None:
    assert list(found) == list(put)
    for name, array in put.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert found[name].tobytes() == array.tobytes()  # NaN for NaN, and -0.0 is not 0.0


def around(path: Path) -> set[str]:
    return {entry.name for entry in path.parent.iterdir()}


@settings(max_examples=60)
@given(st.data())
def test_any_arrays_come_back_with_type_shape_and_bits(data: st.DataObject) -> None:
    import tempfile

    shapes = hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=40)
    drawn = data.draw(
        st.dictionaries(
            st.text(min_size=1, max_size=8),
            st.sampled_from(DTYPES).flatmap(lambda dtype: hnp.arrays(dtype, shapes)),
            max_size=4,
        )
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state" / "7"
        shelf.put(path, drawn)
        assert_same(shelf.get(path), drawn)
        assert around(path) == {"7"}


@pytest.mark.parametrize(
    "array",
    [
        np.arange(600.0).reshape(20, 30).T,
        np.asfortranarray(np.arange(600, dtype="i4").reshape(20, 30)),
        np.arange(10_000, dtype="f4")[::97],
        np.arange(600, dtype="i8").reshape(20, 30)[::-1, 25:3:-2],
        np.broadcast_to(np.float32(3), (50, 60)),
        np.lib.stride_tricks.sliding_window_view(np.arange(500.0), 40)[::7],
    ],
    ids=["transposed", "Fortran", "every 97th", "backward", "one number", "overlapping"],
)
def test_what_lies_scattered_in_memory_comes_back_in_order(array: np.ndarray, tmp_path: Path) -> None:
    shelf.put(tmp_path / "0", {"array": array})
    found = shelf.get(tmp_path / "0")["array"]
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, array)


def test_what_comes_back_can_be_written_to_and_does_not_change_what_is_kept(tmp_path: Path) -> None:
    array = np.arange(12.0)
    array.flags.writeable = False
    shelf.put(tmp_path / "0", {"array": array})
    shelf.get(tmp_path / "0")["array"][:] = -1
    assert_same(shelf.get(tmp_path / "0"), {"array": array})


@pytest.mark.parametrize("dtype", ["u1", "i2", "f4", "f8", "c16"])
@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 128, 1000])
def test_arrays_longer_than_what_is_packed_at_once_come_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, dtype: str, size: int
) -> None:
    monkeypatch.setattr(shelf, "_MOST", 64 * np.dtype(dtype).itemsize + 1)
    arrays = {"array": np.random.default_rng(size).integers(0, 100, size).astype(dtype)}
    shelf.put(tmp_path / "0", arrays)
    assert_same(shelf.get(tmp_path / "0"), arrays)


def test_flat_ground_takes_little_room(tmp_path: Path) -> None:
    shelf.put(tmp_path / "0", {"array": np.zeros((1000, 1000), np.int32)})
    assert (tmp_path / "0").stat().st_size < 4_000_000 / 50


def test_what_is_put_again_replaces_what_was_there(tmp_path: Path) -> None:
    shelf.put(tmp_path / "0", {"one": np.arange(5), "other": np.arange(9)})
    shelf.put(tmp_path / "0", {"one": np.arange(3.0)})
    assert_same(shelf.get(tmp_path / "0"), {"one": np.arange(3.0)})


def test_what_was_there_stays_until_the_new_is_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = {"one": np.arange(5)}
    shelf.put(tmp_path / "0", before)

    def half(packed: object, file: object, protocol: int) -> None:
        file.write(pickle.dumps(packed, protocol)[:40])  # type: ignore[attr-defined]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shelf.pickle, "dump", half)
    with pytest.raises(OSError, match="No space left"):
        shelf.put(tmp_path / "0", {"one": np.arange(50)})
    assert_same(shelf.get(tmp_path / "0"), before)
    monkeypatch.undo()
    shelf.put(tmp_path / "0", {"one": np.arange(50)})  # over what the half one has left
    assert_same(shelf.get(tmp_path / "0"), {"one": np.arange(50)})
    assert around(tmp_path / "0") == {"0"}


def test_what_is_not_there_is_said_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="17 is missing or damaged"):
        shelf.get(tmp_path / "state" / "17")


def test_what_was_dropped_is_gone_and_may_be_dropped_again(tmp_path: Path) -> None:
    path = tmp_path / "0"
    shelf.put(path, {"one": np.arange(5)})
    for _ in range(2):
        shelf.drop(path)
        assert not path.exists()
    with pytest.raises(UnreadableInput):
        shelf.get(path)


def test_a_file_cut_short_anywhere_is_said_to_be_damaged(tmp_path: Path) -> None:
    path = tmp_path / "0"
    shelf.put(path, {"one": np.arange(40), "other": np.ones((4, 5), bool)})
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(UnreadableInput, match="0 is missing or damaged"):
            shelf.get(path)


def test_a_file_of_something_else_is_said_to_be_damaged(tmp_path: Path) -> None:
    path = tmp_path / "0"
    for content in (b"CDF\x01" * 20, b"\0" * 4096, b"\x80\x05N.", pickle.dumps([1, 2]), b"cinsarfeat\nx\n."):
        path.write_bytes(content)
        with pytest.raises(UnreadableInput, match="0 is missing or damaged"):
            shelf.get(path)


def test_a_spoiled_byte_ends_in_no_other_error_than_that(tmp_path: Path) -> None:
    path = tmp_path / "0"
    shelf.put(path, {"one": np.arange(2000.0)})
    whole = path.read_bytes()
    said = 0
    for place in range(0, len(whole), 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x40]) + whole[place + 1 :])
        try:
            shelf.get(path)
        except UnreadableInput:
            said += 1
    assert said
