"""Rows of the tables: where patches lie, what they hold, which boxes are in them; and copies of small slides."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.georeference import Grid
from insarfeat.tiling.patches.cutting.choosing import KINDS
from insarfeat.tiling.patches.cutting.measuring import Measured
from insarfeat.tiling.patches.cutting.reading import Region
from insarfeat.tiling.patches.stores.base import CutPatch
from insarfeat.windows import Shape, Window

if TYPE_CHECKING:
    from insarfeat.tiling.patches.cutting.cutting import Cutter, ViewFacts

Array = NDArray[Any]

MOMENTS = ("count", "mean", "std", "min", "max")


@dataclass(frozen=True, slots=True)
class Frame:
    """Where patches lie in their raster, and how they lie in their arrays.

    Attributes
    ----------
    tops, lefts, extent
        Their pixels of the raster.
    size
        Of the arrays; larger than the extent where they are filled up, evenly on all sides.
    """

    tops: Array
    lefts: Array
    extent: Shape
    size: Shape

    @property
    def rim(self) -> tuple[int, int]:
        """Rows and columns that are filled up before the first pixel."""
        return (self.size.height - self.extent.height) // 2, (self.size.width - self.extent.width) // 2

    def window(self, number: int) -> Window:
        """The pixels of a patch."""
        return Window(int(self.tops[number]), int(self.lefts[number]), self.extent.height, self.extent.width)


def columns_of(
    measured: Measured, frame: Frame, kinds: Array, view: ViewFacts, cutter: Cutter, *, copy: bool = False
) -> dict[str, Any]:
    """The table's columns of some patches, but for numbers that are given when all blocks are there."""
    count, identity = len(frame.tops), view.identity
    rows, columns = frame.tops.astype(np.int64), frame.lefts.astype(np.int64)
    ending = "_copy" if copy else ""
    stem = f"{identity['scene']}__{identity['pair']}" if identity["pair"] else identity["scene"]
    labels = (
        measured.counts[:, list(cutter.classes.values())] if cutter.classes else np.zeros((count, 0), int)
    )
    found: dict[str, Any] = {
        "name": [
            f"{stem}__r{r:06d}_c{c:06d}{ending}" for r, c in zip(rows.tolist(), columns.tolist(), strict=True)
        ],
        **{name: [value] * count for name, value in identity.items()},
        "kind": [KINDS[kind] for kind in kinds.tolist()],
        "copy": [copy] * count,
        "row": rows.tolist(),
        "column": columns.tolist(),
        "height": [frame.extent.height] * count,
        "width": [frame.extent.width] * count,
        **_on_map(view.grid, frame),
        "valid_fraction": (measured.valid / frame.size.pixels).tolist(),
        "label_pixels": labels.sum(axis=1).tolist(),
        **{f"label_{name}": labels[:, k].tolist() for k, name in enumerate(cutter.classes)},
        "slides": [
            sorted(set(view.slides[view.objects.under(frame.window(k))].tolist())) for k in range(count)
        ],
    }
    for band, name in enumerate(cutter.layout.bands):
        counts, means, squares, least, most = measured.moments[band].T
        deviations = np.sqrt(np.divide(squares, counts, out=np.full(count, np.nan), where=counts > 0))
        values = (counts.astype(np.int64), means, deviations, least, most)
        found |= {f"{what}_{name}": one.tolist() for what, one in zip(MOMENTS, values, strict=True)}
        found[f"digest_{name}"] = measured.digests[band].tolist()
    return found


def rows_of(columns: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Columns as rows."""
    names = list(columns)
    return (dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True))


def _on_map(grid: Grid | None, frame: Frame) -> dict[str, Any]:
    """Transforms of the arrays and bounds of the pixels; in pixels where there is no map."""
    a, _, c, _, e, f = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0) if grid is None else grid.affine
    down, across = frame.rim
    lefts, tops = frame.lefts.astype(np.float64), frame.tops.astype(np.float64)
    x = c + a * np.stack([lefts, lefts + frame.extent.width])
    y = f + e * np.stack([tops, tops + frame.extent.height])
    corners = zip((c + a * (lefts - across)).tolist(), (f + e * (tops - down)).tolist(), strict=True)
    return {
        "transform": [[a, 0.0, first_x, 0.0, e, first_y] for first_x, first_y in corners],
        "west": x.min(axis=0).tolist(),
        "south": y.min(axis=0).tolist(),
        "east": x.max(axis=0).tolist(),
        "north": y.max(axis=0).tolist(),
    }


def boxes_in(
    window: Window, view: ViewFacts, cutter: Cutter, rim: tuple[int, int] = (0, 0)
) -> list[dict[str, Any]]:
    """Rows of the table of boxes for one patch."""
    objects, names = view.objects, {value: name for name, value in cutter.classes.items()}
    found = []
    for k in objects.under(window).tolist():
        whole = [
            float(objects.row0[k]),
            float(objects.col0[k]),
            float(objects.row1[k]),
            float(objects.col1[k]),
        ]
        seen = [
            max(whole[0], window.top), max(whole[1], window.left),
            min(whole[2], window.bottom), min(whole[3], window.right),
        ]  # fmt: skip
        area = (whole[2] - whole[0]) * (whole[3] - whole[1])
        value = int(objects.value[k])
        found.append(
            {
                "class": names.get(value, str(value)),
                "value": value,
                "slide": int(view.slides[k]),
                "row0": seen[0] - window.top + rim[0],
                "col0": seen[1] - window.left + rim[1],
                "row1": seen[2] - window.top + rim[0],
                "col1": seen[3] - window.left + rim[1],
                "west": float(objects.west[k]),
                "south": float(objects.south[k]),
                "east": float(objects.east[k]),
                "north": float(objects.north[k]),
                "visible": (seen[2] - seen[0]) * (seen[3] - seen[1]) / area if area else 1.0,
                "attributes": json.dumps(dict(objects.attributes[k]), default=str),
            }
        )
    return found


def small_copy(patch: CutPatch, view: ViewFacts, cutter: Cutter) -> CutPatch | None:
    """The second copy of a patch whose slide is small: cropped about it, filled up with zeros; None for others.

    The crop stays inside its patch, so that no ground comes in that the patch does not show.
    """
    copies, layout = cutter.copies, cutter.layout
    if copies is None or not 0 < patch.facts["label_pixels"] < copies.below:
        return None
    rows, columns = np.nonzero(np.isin(patch.masks[0], list(cutter.classes.values())))
    crop, size = Shape(copies.crop, copies.crop), layout.size
    top, left = (
        int(np.clip((places.min() + places.max() + 1 - side) // 2, 0, whole - side))
        for places, side, whole in ((rows, crop.height, size.height), (columns, crop.width, size.width))
    )
    inner = Window(top, left, crop.height, crop.width)
    place = np.array([patch.facts["row"] + top]), np.array([patch.facts["column"] + left])
    frame = Frame(*place, crop, size)
    rim = frame.rim
    values, masks = np.zeros_like(patch.values), np.zeros_like(patch.masks)
    filled = Window(rim[0], rim[1], crop.height, crop.width).slices
    values[:, *filled] = patch.values[:, *inner.slices]
    masks[:, *filled] = patch.masks[:, *inner.slices]
    cropped = Region(
        frame.window(0),
        np.ascontiguousarray(patch.values[:, *inner.slices]),
        np.ascontiguousarray(patch.masks[:, *inner.slices]),
    )
    measured = Measured.of(cropped, place, (crop, crop), cutter.valid_mask, labelled=True)
    kind = np.array([KINDS.index(patch.facts["kind"])])
    (facts,) = rows_of(columns_of(measured, frame, kind, view, cutter, copy=True))
    return CutPatch(facts, values, masks, boxes_in(frame.window(0), view, cutter, rim))
