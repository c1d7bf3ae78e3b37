"""Blocks of patches as the engine takes them: made when they are asked for, so that a continent's take no memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np

from insarfeat.tiling.patches.cutting.choosing import Chosen
from insarfeat.tiling.patches.cutting.cutting import Item


class Items(Sequence[Item]):
    """All blocks that hold patches, in order; made when they are asked for."""

    def __init__(self, chosen: Sequence[Chosen], scenes: Sequence[Sequence[int]]) -> None:
        self._chosen = chosen
        entries = []
        for views in scenes:
            of_scene = []
            for view in views:
                blocks, starts, counts = np.unique(
                    chosen[view].places.numbers, return_index=True, return_counts=True
                )
                spans = zip(blocks.tolist(), starts.tolist(), (starts + counts).tolist(), strict=True)
                of_scene += [(block, view, begin, end) for block, begin, end in spans]
            entries += sorted(of_scene)
        self._entries = np.array(entries, np.int64).reshape(-1, 4)

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, number: int) -> Item: ...

    @overload
    def __getitem__(self, number: slice) -> list[Item]: ...

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(len(self)))]
        if not 0 <= number < len(self):
            raise IndexError(f"block {number} of {len(self)}")
        _, view, begin, end = self._entries[number].tolist()
        chosen = self._chosen[view]
        places = chosen.places
        return Item(number, view, places.tops[begin:end], places.lefts[begin:end], chosen.kinds[begin:end])


class Waiting(Sequence[Item]):
    """Those of the blocks that are not cut yet."""

    def __init__(self, items: Items, numbers: Sequence[int]) -> None:
        self._items, self._numbers = items, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, number: int) -> Item: ...

    @overload
    def __getitem__(self, number: slice) -> list[Item]: ...

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return [self._items[one] for one in self._numbers[number]]
        return self._items[self._numbers[number]]
