"""Datasets for PyTorch: the right pixels, nothing twice and nothing lost with any workers, turns that fit."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from patches_in_memory import dataset, split

from insarfeat.errors import InvalidArgument, MissingExtra
from insarfeat.tiling.patches.training.batches import bucket_weights
from insarfeat.tiling.patches.training.torch_loading import collated, randomly_turned, torch_dataset, turned

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra zoo)")
DataLoader = torch.utils.data.DataLoader

# Machines with few cores; the tests are about more readers than one.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")

STARTS = ("fork", "spawn", "forkserver")


def numbers_in(loader: Any) -> list[int]:
    return [int(number) for batch in loader for number in batch["number"]]


def loader_of(data: Any, workers: int = 0, start: str | None = None, **more: Any) -> Any:
    return DataLoader(data, batch_size=3, num_workers=workers, multiprocessing_context=start, **more)


def doubled(sample: dict[str, Any]) -> dict[str, Any]:
    return {**sample, "image": 2 * sample["image"]}


@pytest.mark.parametrize("iterable", [False, True])
class TestBothKinds:
    def test_samples_are_the_patches(self, iterable: bool) -> None:
        patches = split(dataset(20))
        data = torch_dataset(patches, part="train", iterable=iterable)
        numbers = patches.numbers_of("train")
        assert len(data) == len(numbers)
        samples = list(data) if iterable else [data[index] for index in range(len(data))]
        assert [int(one["number"]) for one in samples] == numbers.tolist()
        for one, number in zip(samples, numbers, strict=True):
            assert one["image"].dtype == torch.float32
            assert one["mask"].dtype == torch.uint8
            assert one["number"].dtype == torch.int64
            np.testing.assert_array_equal(one["image"], patches.values[number])
            np.testing.assert_array_equal(one["mask"], patches.labels[number])
        kind = torch.utils.data.IterableDataset if iterable else torch.utils.data.Dataset
        assert isinstance(data, kind)
        assert isinstance(data, torch.utils.data.IterableDataset) == iterable

    @pytest.mark.parametrize("workers", [0, 1, 3])
    @pytest.mark.parametrize("shuffle", [False, True])
    def test_every_patch_comes_once_whatever_the_workers(
        self, iterable: bool, shuffle: bool, workers: int
    ) -> None:
        data = torch_dataset(dataset(23), iterable=iterable, shuffle=shuffle)
        found = numbers_in(loader_of(data, workers))
        assert sorted(found) == list(range(23))
        assert (found == list(range(23))) == (not shuffle and (workers < 2 or not iterable))

    @pytest.mark.parametrize("start", STARTS)
    def test_workers_may_be_started_in_any_way(self, iterable: bool, start: str) -> None:
        data = torch_dataset(dataset(11), iterable=iterable, shuffle=True, transform=doubled, boxes=True)
        data.set_epoch(3)
        expected = numbers_in(loader_of(data, collate_fn=collated))
        batches = list(loader_of(data, 2, start, collate_fn=collated))
        found = [int(number) for batch in batches for number in batch["number"]]
        assert sorted(found) == sorted(expected) == list(range(11))
        if not iterable:
            assert found == expected
        for batch in batches:
            np.testing.assert_array_equal(batch["image"][:, 0, 0, 0], 2 * batch["number"])

    @pytest.mark.parametrize("start", ["fork", "forkserver"])
    def test_each_epoch_has_its_order_also_where_workers_live_on(self, iterable: bool, start: str) -> None:
        data = torch_dataset(dataset(30), iterable=iterable, shuffle=True, seed=1)
        lasting = loader_of(data, 2, start, persistent_workers=True)
        orders = []
        for epoch in (0, 1, 1, 0):
            data.set_epoch(epoch)
            found = numbers_in(lasting)
            assert sorted(found) == list(range(30))
            orders.append(found)
        assert orders[0] == orders[3] != orders[1] == orders[2]

    def test_the_same_seed_gives_the_same_order(self, iterable: bool) -> None:
        orders = [
            numbers_in(loader_of(torch_dataset(dataset(30), iterable=iterable, shuffle=True, seed=seed)))
            for seed in (4, 4, 5)
        ]
        assert orders[0] == orders[1] != orders[2]

    def test_weights_draw_with_replacement(self, iterable: bool) -> None:
        patches = split(dataset(100))
        buckets = bucket_weights(patches.table.loc[patches.numbers_of("train")])
        data = torch_dataset(patches, part="train", iterable=iterable, weights=buckets)
        of = dict(zip(buckets.patches.tolist(), buckets.bucket.tolist(), strict=True))
        counts = np.zeros(4)
        for epoch in range(60):
            data.set_epoch(epoch)
            found = numbers_in(data_loader := loader_of(data))
            assert len(found) == len(data) == 60
            assert len(data_loader) == 20
            counts += np.bincount([of[number] for number in found], minlength=4)
        np.testing.assert_allclose(counts / counts.sum(), (0.1, 0.5, 0.3, 0.1), atol=0.02)

    def test_survives_pickling_in_mid_epoch(self, iterable: bool) -> None:
        data = torch_dataset(dataset(12), iterable=iterable, shuffle=True)
        data.set_epoch(7)
        again = pickle.loads(pickle.dumps(data))
        assert type(again) is type(data)
        assert numbers_in(loader_of(again)) == numbers_in(loader_of(data))

    def test_boxes_are_as_torchvision_takes_them(self, iterable: bool) -> None:
        patches = dataset(9)
        patches.boxes.loc[0, "row1"] = patches.boxes.loc[0, "row0"]  # no area
        flat = int(patches.boxes.loc[0, "patch"])
        data = torch_dataset(patches, boxes=True, iterable=iterable)
        for one in data if iterable else [data[index] for index in range(9)]:
            number = int(one["number"])
            rows = patches.boxes[patches.boxes["patch"] == number].iloc[int(number == flat) :]
            np.testing.assert_array_equal(
                one["boxes"], rows[["col0", "row0", "col1", "row1"]].to_numpy().reshape(-1, 4)
            )
            assert (one["boxes"].dtype, one["labels"].dtype) == (torch.float32, torch.int64)
            assert one["labels"].tolist() == rows["value"].tolist()
            assert one["boxes"].shape == (len(rows), 4)
            for (x0, y0, x1, y1), label in zip(one["boxes"].int().tolist(), one["labels"], strict=True):
                assert (one["mask"][0, y0:y1, x0:x1] == label).all()

    def test_of_a_selection_the_patches_keep_their_numbers_and_boxes(self, iterable: bool) -> None:
        patches = dataset(20)
        some = patches.selected(np.arange(19, 4, -3))
        data = torch_dataset(some, boxes=True, iterable=iterable)
        samples = list(data) if iterable else [data[index] for index in range(len(data))]
        assert [int(one["number"]) for one in samples] == list(range(19, 4, -3))
        for one in samples:
            number = int(one["number"])
            np.testing.assert_array_equal(one["image"], patches.values[number])
            assert len(one["boxes"]) == (patches.boxes["patch"] == number).sum()

    def test_an_empty_part_is_an_empty_dataset(self, iterable: bool) -> None:
        data = torch_dataset(dataset(0), iterable=iterable, shuffle=True)
        assert len(data) == 0
        assert list(loader_of(data)) == []

    def test_samples_of_a_stream_hold_their_own_pixels_only(self, iterable: bool) -> None:
        data = torch_dataset(dataset(20), iterable=iterable)
        sample = next(iter(data)) if iterable else data[0]
        assert sample["image"].untyped_storage().nbytes() == sample["image"].nbytes


@pytest.mark.parametrize(
    ("start", "name", "iterable"),
    [
        ("fork", "zarr", False),
        ("fork", "netcdf-shards", False),
        ("fork", "webdataset", True),
        ("forkserver", "zarr", True),
    ],
)
def test_datasets_on_disk_are_read_by_workers(start: str, name: str, iterable: bool, tmp_path: Path) -> None:
    from insarfeat import synth
    from insarfeat.tiling import extract_patches

    stack = synth.scene(seed=1, size=96)[["elevation", "landslide"]]
    patches = extract_patches(stack, tmp_path / "patches", size=32, stride=16, format=name)
    patches.read([0])  # the process that forks has read of it, too
    data = torch_dataset(patches, shuffle=True, iterable=iterable)
    batches = list(loader_of(data, 2, start))
    assert sorted(numbers_in(batches)) == list(range(25))
    for batch in batches:
        np.testing.assert_array_equal(batch["image"], patches.read(batch["number"]).values)
        np.testing.assert_array_equal(batch["mask"], patches.read(batch["number"]).masks)


def test_a_batch_by_number_is_read_at_once() -> None:
    patches = dataset(10)
    list(DataLoader(torch_dataset(patches), batch_size=5))
    assert patches.reads == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]


def test_numbers_beyond_the_last_are_an_index_error() -> None:
    data = torch_dataset(dataset(3))
    assert int(data[-1]["number"]) == 2
    with pytest.raises(IndexError):
        data[3]


def test_workers_of_a_stream_mostly_read_shards_of_their_own() -> None:
    data = torch_dataset(dataset(96, per_shard=4), iterable=True, shuffle=True)
    batches = list(DataLoader(data, batch_size=48, num_workers=2))
    shards = [set((batch["number"] // 4).tolist()) for batch in batches]
    assert len(shards) == 2
    assert len(shards[0] & shards[1]) <= 4


RANKS = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import torch
from patches_in_memory import dataset
from insarfeat.tiling.patches.training.torch_loading import torch_dataset

if __name__ == "__main__":
    folder, start, rank = Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2
    )
    data = torch_dataset(dataset(23), iterable=True, shuffle=True, seed=5)
    loader = torch.utils.data.DataLoader(data, batch_size=3, num_workers=2, multiprocessing_context=start)
    for epoch in range(int(sys.argv[5])):
        data.set_epoch(epoch)
        found = [int(number) for batch in loader for number in batch["number"]]
        assert len(found) == len(data)
        (folder / f"{epoch}-{rank}").write_text(" ".join(map(str, found)))
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()
"""


@pytest.mark.parametrize(("start", "epochs"), [("fork", 2), ("spawn", 1)])
def test_ranks_share_out_the_patches(start: str, epochs: int, tmp_path: Path) -> None:
    if not torch.distributed.is_available():
        pytest.skip("PyTorch was built without distributed")
    script = tmp_path / "rank.py"
    script.write_text(RANKS)
    command = [sys.executable, script, Path(__file__).parent, tmp_path, start]
    running = [subprocess.Popen([*map(str, command), str(rank), str(epochs)]) for rank in range(2)]
    assert [one.wait(timeout=120) for one in running] == [0, 0]
    for epoch in range(epochs):
        found = [[*map(int, (tmp_path / f"{epoch}-{rank}").read_text().split())] for rank in range(2)]
        assert [len(one) for one in found] == [12, 11]
        assert sorted(found[0] + found[1]) == list(range(23))


class TestTurns:
    @pytest.mark.parametrize("flip", [False, True])
    @pytest.mark.parametrize("k", range(-1, 5))
    def test_boxes_turn_with_the_pixels(self, k: int, flip: bool) -> None:
        data = torch_dataset(dataset(20), boxes=True)
        for index in range(20):
            before = data[index]
            after = turned(before, k, flip)
            pixels = before["image"].numpy()
            pixels = pixels[..., ::-1] if flip else pixels
            np.testing.assert_array_equal(after["image"], np.rot90(pixels, k, (-2, -1)))
            assert (after["boxes"][:, 2:] > after["boxes"][:, :2]).all()
            # Each box still holds exactly the pixels that it held.
            for old, new in zip(before["boxes"].int().tolist(), after["boxes"].int().tolist(), strict=True):
                for key in ("image", "mask"):
                    was = before[key][:, old[1] : old[3], old[0] : old[2]]
                    now = after[key][:, new[1] : new[3], new[0] : new[2]]
                    assert sorted(was.flatten().tolist()) == sorted(now.flatten().tolist())

    def test_four_turns_and_two_mirrorings_are_none(self) -> None:
        before = torch_dataset(dataset(3), boxes=True)[2]
        after = before
        for _ in range(4):
            after = turned(after, 1)
        after = turned(turned(after, 0, flip=True), 0, flip=True)
        for key, value in before.items():
            assert torch.equal(after[key], value), key

    def test_the_sample_that_was_given_stays(self) -> None:
        data = torch_dataset(dataset(3), boxes=True)
        before, same = data[2], data[2]
        turned(before, 1, flip=True)
        assert all(torch.equal(before[key], same[key]) for key in same)

    def test_chance_takes_all_eight_ways_and_is_torchs_own(self) -> None:
        sample = {"image": torch.arange(9.0).reshape(1, 3, 3)}
        torch.manual_seed(0)
        found = [tuple(randomly_turned(sample)["image"].flatten().tolist()) for _ in range(200)]
        assert len(set(found)) == 8
        torch.manual_seed(0)
        assert tuple(randomly_turned(sample)["image"].flatten().tolist()) == found[0]


def test_boxes_are_batched_as_lists() -> None:
    data = torch_dataset(dataset(7), boxes=True)
    batch = next(iter(DataLoader(data, batch_size=7, collate_fn=collated)))
    assert batch["image"].shape == (7, 3, 16, 24)
    assert batch["number"].tolist() == list(range(7))
    assert [len(one) for one in batch["boxes"]] == [0, 1, 2, 0, 1, 2, 0]
    assert [len(one) for one in batch["labels"]] == [0, 1, 2, 0, 1, 2, 0]


def test_a_transform_that_cannot_be_called_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="transform must be"):
        torch_dataset(dataset(3), transform="turned")  # type: ignore[arg-type]


def test_without_torch_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r'need the extra "zoo"'):
        torch_dataset(dataset(3))


def test_torch_is_not_imported_before_it_is_needed() -> None:
    code = "import sys, insarfeat.tiling.patches.training.torch_loading; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
