"""Patches for PyTorch: datasets that any DataLoader takes, and turns for augmentation.

Torch is imported when a dataset is made, not before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from insarfeat.errors import InvalidArgument, missing_extra
from insarfeat.tiling.patches.training.batches import (
    BoxesByPatch,
    Numbers,
    drawn,
    in_order,
    probabilities,
)

if TYPE_CHECKING:
    import torch

Sample = dict[str, Any]
Transform = Callable[[Sample], Sample]

_READ_AT_ONCE = 16


def torch_dataset(
    patches: Any,
    *,
    part: str | None = None,
    transform: Transform | None = None,
    iterable: bool = False,
    shuffle: bool = False,
    seed: int = 0,
    weights: Any = None,
    boxes: bool = False,
) -> Any:
    """A PyTorch dataset of patches, for a ``DataLoader`` with any number of workers, however they are started.

    Each sample is a dict of tensors: ``image`` float32 (band, y, x), NaN is nodata; ``mask`` uint8 (mask, y, x), 255
    is nodata; ``number`` int64, ``patch`` in the table. With ``boxes`` also what torchvision's detectors take:
    ``boxes`` float32 (box, 4) as x0, y0, x1, y1 in pixels, ``labels`` int64, and ``visible``, the share of each whole
    box that is in the patch. Patches have different numbers of boxes: give the loader ``collate_fn=collated``.

    Parameters
    ----------
    patches
        A dataset of patches.
    part
        Of the saved split; all patches where nothing is said.
    transform
        What to do to each sample: a function from dict to dict, as :func:`randomly_turned`.
    iterable
        Whether to stream (``IterableDataset``): shard after shard, shared out among the loader's workers, and among
        the ranks of ``torch.distributed`` if it is initialised before the loader starts. Of 10 patches, 3 workers
        read 4, 3 and 3: nothing twice, and nothing is lost. Otherwise samples are looked up by number; a loader's
        ``DistributedSampler`` shares them out among ranks.
    shuffle
        Whether in random order; leave the loader's own ``shuffle`` off. Streams are shuffled by shard, as
        :func:`batches` does it.
    seed
        Together with the epoch it gives the order. Call ``dataset.set_epoch(epoch)`` before each epoch, or all have
        the same order; workers that live on see it, too.
    weights
        As for :func:`batches`: patches are drawn with replacement, as ``WeightedRandomSampler`` does it.
    boxes
        Whether samples have boxes. Boxes without area, which detectors stumble over, are left out.

    Returns
    -------
    torch.utils.data.Dataset or torch.utils.data.IterableDataset
        With ``len``, the samples of an epoch (of this rank, for streams).

    Raises
    ------
    MissingExtra
        PyTorch is not installed.

    Examples
    --------
    With a dataset on disk::

        patches = tiling.open_patches("patches/")
        train = tiling.torch_dataset(patches, part="train", iterable=True, shuffle=True)
        loader = torch.utils.data.DataLoader(train, batch_size=32, num_workers=4)
        for epoch in range(100):
            train.set_epoch(epoch)
            for batch in loader:
                batch["image"], batch["mask"]
    """
    places = np.asarray(patches.numbers_of(part), np.int64)
    chances = None if weights is None else probabilities(weights, places, patches.table)
    if transform is not None and not callable(transform):
        raise InvalidArgument(f"transform must be a function of a sample; got {type(transform).__name__}")
    state = {
        "patches": patches,
        "places": places,
        "chances": chances,
        "shuffle": bool(shuffle),
        "seed": int(seed),
        "transform": transform,
        "boxes": BoxesByPatch(patches.boxes) if boxes else None,
        "epoch": _torch().zeros(1, dtype=_torch().int64).share_memory_(),
        "rank": None,
    }
    return _made(bool(iterable), state)


def turned(sample: Mapping[str, Any], k: int, flip: bool = False) -> Sample:
    """A sample, mirrored left to right if ``flip``, then turned ``k`` times by 90 degrees counterclockwise.

    Image, mask and boxes turn together. Radar looks in one direction, and turning the ground under it changes that:
    layers that are directions on the ground (``aspect``, ``heading``, ``los_east``, ``los_north``) keep their numbers
    and are then wrong, and layover and shadow fall to a side where no satellite makes them. What does not depend on
    the direction (coherence, slope, wetness, the mask) stays right.

    Examples
    --------
    >>> torch = __import__("pytest").importorskip("torch")
    >>> sample = {"image": torch.arange(6.0).reshape(1, 2, 3), "boxes": torch.tensor([[0.0, 0.0, 1.0, 2.0]])}
    >>> turned(sample, 1)["image"]
    tensor([[[2., 5.],
             [1., 4.],
             [0., 3.]]])
    >>> turned(sample, 1)["boxes"]
    tensor([[0., 2., 2., 3.]])
    """
    torch = _torch()
    found = dict(sample)
    k = int(k) % 4
    for key in ("image", "mask"):
        if key in found:
            layers = found[key].flip(-1) if flip else found[key]
            found[key] = torch.rot90(layers, k, (-2, -1)).contiguous()
    if "boxes" in found:
        height, width = sample["image"].shape[-2:]
        x0, y0, x1, y1 = found["boxes"].unbind(-1)
        if flip:
            x0, x1 = width - x1, width - x0
        for _ in range(k):
            x0, y0, x1, y1 = y0, width - x1, y1, width - x0
            height, width = width, height
        found["boxes"] = torch.stack((x0, y0, x1, y1), -1)
    return found


def randomly_turned(sample: Mapping[str, Any]) -> Sample:
    """One of the eight ways to turn and mirror a sample, by torch's own chance, which is another in each worker.

    Only for square patches if they are to be stacked to batches. See :func:`turned` for the layers that this spoils.
    """
    lot = int(_torch().randint(8, ()))
    return turned(sample, lot % 4, flip=lot >= 4)


def collated(samples: Sequence[Mapping[str, Any]]) -> Sample:
    """A batch of samples: images, masks and numbers stacked; what has the length of the boxes as lists."""
    torch = _torch()
    found: Sample = {}
    for key in samples[0] if samples else ():
        each = [sample[key] for sample in samples]
        stack = key not in ("boxes", "labels", "visible")
        found[key] = torch.stack([torch.as_tensor(one) for one in each]) if stack else each
    return found


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise missing_extra("torch datasets", "zoo") from error
    return torch


@cache
def _classes() -> tuple[type, type]:
    """The classes by map and by stream; made when torch is there."""
    data = _torch().utils.data
    return (
        type("PatchDataset", (_ByNumber, data.Dataset), {"__module__": __name__}),
        type("PatchStream", (_Streamed, data.IterableDataset), {"__module__": __name__}),
    )


def _made(iterable: bool, state: dict[str, Any]) -> Any:
    """A dataset with this state; also what pickled ones are made with, in processes that have not seen the class."""
    kind: Any = _classes()[iterable]
    made = kind.__new__(kind)
    made.__dict__.update(state)
    return made


class _Common:
    """What both kinds of datasets have."""

    _iterable = False
    patches: Any
    places: Numbers
    chances: Any
    shuffle: bool
    seed: int
    transform: Transform | None
    boxes: BoxesByPatch | None
    epoch: torch.Tensor
    rank: tuple[int, int] | None

    def __reduce__(self) -> tuple[Any, ...]:
        # Workers that are started anew do not know the rank of the process that started them.
        return _made, (self._iterable, {**self.__dict__, "rank": self._rank(), "_ordered": None})

    def set_epoch(self, epoch: int) -> None:
        """Take another order; call it before each epoch."""
        self.epoch[0] = int(epoch)  # in shared memory: workers that are running see it

    def _random(self) -> np.random.Generator:
        return np.random.default_rng((self.seed, int(self.epoch[0])))

    def _rank(self) -> tuple[int, int]:
        """Number of this process among those of torch.distributed, and how many there are."""
        distributed = _torch().distributed
        if distributed.is_available() and distributed.is_initialized():
            return distributed.get_rank(), distributed.get_world_size()
        return self.rank or (0, 1)

    def _samples(self, places: Numbers) -> Iterator[Sample]:
        torch = _torch()
        arrays = self.patches.read(places)
        numbers = self.patches.table["patch"].to_numpy(np.int64)[places]
        for place, number in enumerate(numbers.tolist()):
            sample = {
                # Copies: a view would drag all that was read with it from process to process.
                "image": torch.tensor(arrays.values[place]),
                "mask": torch.tensor(arrays.masks[place]),
                "number": torch.tensor(number),
            }
            if self.boxes is not None:
                found = self.boxes[number]
                corners = found.corners
                found = found[(corners[:, 2] > corners[:, 0]) & (corners[:, 3] > corners[:, 1])]
                xyxy = found.corners[:, [1, 0, 3, 2]].astype(np.float32)
                sample["boxes"] = torch.from_numpy(xyxy)
                sample["labels"] = torch.from_numpy(found.values.astype(np.int64))
                sample["visible"] = torch.from_numpy(found.visible)
            yield sample if self.transform is None else self.transform(sample)


class _ByNumber(_Common):
    """Samples by number, in the order of the epoch."""

    _ordered: tuple[int, Numbers] | None = None

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> Sample:
        if not -len(self) <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        return next(self._samples(self._order()[[index]]))

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        """All samples of a batch with one call to read; loaders use it where it is there."""
        return list(self._samples(self._order()[np.asarray(indices, np.int64)]))

    def _order(self) -> Numbers:
        if self.chances is None and not self.shuffle:
            return self.places
        epoch = int(self.epoch[0])
        if self._ordered is None or self._ordered[0] != epoch:
            random = self._random()
            if self.chances is not None:
                order = drawn(self.places, self.chances, random)
            else:
                order = in_order(self.places, self.patches.table, random)
            self._ordered = epoch, order
        return self._ordered[1]


class _Streamed(_Common):
    """Samples one after the other; each reader has a run of the epoch's order, and so shards of its own mostly."""

    _iterable = True

    def __len__(self) -> int:
        rank, ranks = self._rank()
        return len(_share(self.places, rank, ranks))

    def __iter__(self) -> Iterator[Sample]:
        worker = _torch().utils.data.get_worker_info()
        own = _share(self._all(), *self._rank())
        if worker is not None:
            own = _share(own, worker.id, worker.num_workers)
        for first in range(0, len(own), _READ_AT_ONCE):
            yield from self._samples(own[first : first + _READ_AT_ONCE])

    def _all(self) -> Numbers:
        """What all readers together read; each of them comes to the same."""
        random = self._random()
        places = self.places
        if self.chances is not None:
            places = drawn(places, self.chances, random)
        elif not self.shuffle:
            return places
        return in_order(places, self.patches.table, random)


def _share(places: Numbers, reader: int, readers: int) -> Numbers:
    """The part of one reader: runs that differ by one in length at most."""
    return np.array_split(places, readers)[reader]
