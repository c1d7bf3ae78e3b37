"""Blocks of patches as the engine takes them: made when they are asked for, so that a continent's take no memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from insarfeat.tiling.patches.cutting.choosing import Chosen
from insarfeat.tiling.patches.cutting.cutting import Item
from insarfeat.tiling.patches.cutting.on_demand import OnDemand


class Items(OnDemand):
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
        super().__init__(range(len(self._entries)), self._item)

    def only(self, numbers: Sequence[int]) -> OnDemand:
        """Some of the blocks."""
        return OnDemand(numbers, self._item)

    def _item(self, number: int) -> Item:
        _, view, begin, end = self._entries[number].tolist()
        chosen = self._chosen[view]
        places = chosen.places
        return Item(number, view, places.tops[begin:end], places.lefts[begin:end], chosen.kinds[begin:end])
