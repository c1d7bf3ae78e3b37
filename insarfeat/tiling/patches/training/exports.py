"""Patches as others train on them: YOLO's text files and COCO's JSON, with images as GeoTIFFs."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument, OutputExists
from insarfeat.tiling.patches.stores.base import IMAGES, Layout, plain, whole
from insarfeat.tiling.patches.stores.geotiff import SUFFIX, write_patch
from insarfeat.tiling.patches.training.batches import BoxesByPatch, LabelBoxes, Numbers
from insarfeat.tiling.patches.training.outlines import outlines_of, run_lengths

ALL = "all"

_LABELS = "landslide"
_READ_AT_ONCE = 16
_ORDER = ("train", "validation", "val", "test")
_YOLO_KEYS = {"validation": "val"}
_TOLD = ("name", "scene", "event", "pair", "row", "column", "transform", "crs", "valid_fraction")
_LISTED = ("scene", "event", "pair", "row", "column")


@dataclass(frozen=True, slots=True)
class Export:
    """What was written, and what was not.

    Attributes
    ----------
    folder
        Where.
    patches, boxes, empty
        Per part: patches, boxes, and how many of the patches have no box.
    left_out
        Reason -> boxes or patches that were left out.
    """

    folder: Path
    patches: dict[str, int] = field(default_factory=dict)
    boxes: dict[str, int] = field(default_factory=dict)
    empty: dict[str, int] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        lines = [
            f"{part}: {count} patches, {self.boxes[part]} boxes, {self.empty[part]} patches without"
            for part, count in self.patches.items()
        ]
        lines += [f"left out: {count} {reason}" for reason, count in sorted(self.left_out.items())]
        return "\n".join(lines)


def write_yolo(
    patches: Any,
    folder: str | Path,
    *,
    part: str | None = None,
    min_visible: float = 0.3,
    classes: Sequence[str] | None = None,
    images: bool = True,
    fill: float | None = None,
    overwrite: bool = False,
) -> Export:
    """Write patches as YOLO's trainers read them.

    ``labels/<part>/<name>.txt`` has a line "class cx cy w h" per box, as shares of the patch's width and height, and
    is empty where there is none; ``images/<part>/<name>.tif`` is the patch, float32, all bands; ``data.yaml`` names
    parts and classes.

    Parameters
    ----------
    patches
        A dataset of patches.
    folder
        Where to; must be new or empty.
    part
        One part of the saved split; all of them where nothing is said; "all" takes all patches, split or not.
    min_visible
        Boxes of which a smaller share is in the patch are left out, and counted.
    classes
        Which classes, in the order of their numbers from 0 on; those of the dataset where nothing is said.
    images
        Whether to write images; those of a dataset of GeoTIFFs are linked instead, not copied.
    fill
        Value in place of NaN, which most trainers cannot take; NaN stays where nothing is said.
    overwrite
        Whether an export that is in the folder may be replaced.

    Returns
    -------
    Export
        What was written, and what was left out; ``print`` it.
    """
    numbered = {name: index for index, name in enumerate(_classes(patches, classes))}
    target, parts = _prepared(patches, folder, part, min_visible, overwrite)
    chosen = _Chosen(patches, tuple(numbered), min_visible)
    found = Export(target, left_out=_outside(patches, parts))
    height, width = patches.size.height, patches.size.width
    names, numbers = patches.table["name"].tolist(), patches.table["patch"].tolist()
    for title, places in parts.items():
        (target / "labels" / title).mkdir(parents=True)
        chosen.begin(found, title)
        for place in places.tolist():
            lines = []
            for name, (row0, col0, row1, col1) in chosen.of(numbers[place], found, title):
                centre = (col0 + col1) / 2 / width, (row0 + row1) / 2 / height
                size = (col1 - col0) / width, (row1 - row0) / height
                lines.append(" ".join([str(numbered[name]), *(f"{share:.7f}" for share in (*centre, *size))]))
            text = "".join(f"{line}\n" for line in lines)
            (target / "labels" / title / f"{names[place]}.txt").write_text(text)
        if images:
            for _ in _with_images(patches, places, target / IMAGES / title, fill):
                pass
    _write_data_yaml(target, list(parts), list(numbered), len(patches.bands))
    return found


def write_coco(
    patches: Any,
    folder: str | Path,
    *,
    part: str | None = None,
    min_visible: float = 0.3,
    classes: Sequence[str] | None = None,
    images: bool = True,
    fill: float | None = None,
    overwrite: bool = False,
) -> Export:
    """Write patches as COCO has them: ``annotations/<part>.json``, and ``images/<part>/<name>.tif``.

    Annotations have ``bbox`` as x, y, width, height in pixels, ``iscrowd`` 0, and as ``segmentation`` the run lengths
    of the label mask's pixels of that box: the connected pixels of its class that lie in it. Where the mask has none,
    the box itself is the segmentation. Categories have the numbers of the mask's classes; an image's id is the number
    of the patch.

    Parameters
    ----------
    patches
        A dataset of patches.
    folder
        Where to; must be new or empty.
    part, min_visible, classes, images, fill, overwrite
        As for :func:`write_yolo`.

    Returns
    -------
    Export
        What was written, and what was left out; ``print`` it.
    """
    wanted = _classes(patches, classes)
    target, parts = _prepared(patches, folder, part, min_visible, overwrite)
    chosen = _Chosen(patches, wanted, min_visible)
    found = Export(target, left_out=_outside(patches, parts))
    categories = [{"id": patches.classes[name], "name": name} for name in wanted]
    (target / "annotations").mkdir(parents=True)
    for title, places in parts.items():
        chosen.begin(found, title)
        folder_of_images = target / IMAGES / title if images else None
        with (
            whole(target / "annotations" / f"{title}.json") as temporary,
            temporary.open("w") as file,
            tempfile.TemporaryFile(
                "w+"
            ) as later,  # two lists are made at once, and may be longer than memory
        ):
            file.write(f'{{"categories": {json.dumps(categories)}, "images": [')
            count = 0
            for row, labels in _with_images(patches, places, folder_of_images, fill):
                number = int(row["patch"])
                file.write(",\n" if found.patches[title] else "")
                file.write(json.dumps(_coco_image(patches, row)))
                kept = list(chosen.of(number, found, title))
                outlines = outlines_of(labels, [(patches.classes[name], corners) for name, corners in kept])
                for (name, corners), outline in zip(kept, outlines, strict=True):
                    later.write(",\n" if count else "")
                    count += 1  # ids from 1 on: COCO's own scoring takes 0 for none
                    told = {"id": count, "image_id": number, "category_id": patches.classes[name]}
                    later.write(json.dumps({**told, **_coco_shape(corners, outline)}))
            file.write('], "annotations": [')
            later.seek(0)
            shutil.copyfileobj(later, file)
            file.write("]}\n")
    return found


class _Chosen:
    """Label boxes that go into an export; counts those that do not."""

    def __init__(self, patches: Any, classes: Sequence[str], min_visible: float) -> None:
        self._boxes = BoxesByPatch(patches.boxes)
        self._names = {value: name for name, value in patches.classes.items()}
        self._classes = frozenset(classes)
        self._min_visible = min_visible

    def begin(self, found: Export, title: str) -> None:
        """A part begins."""
        found.patches[title] = found.boxes[title] = found.empty[title] = 0

    def of(self, number: int, found: Export, title: str) -> Iterator[tuple[str, tuple[float, ...]]]:
        """Class and corners of each box of a patch that is kept."""
        boxes: LabelBoxes = self._boxes[number]
        kept = 0
        rows = zip(boxes.values.tolist(), boxes.corners.tolist(), boxes.visible.tolist(), strict=True)
        for value, corners, visible in rows:
            name = self._names.get(value, f"number {value}")
            row0, col0, row1, col1 = corners
            if name not in self._classes:
                found.left_out[f"boxes of class {name}, which is not wanted"] += 1
            elif not (row1 > row0 and col1 > col0):
                found.left_out["boxes without area in their patch"] += 1
            elif visible < np.float32(self._min_visible):
                found.left_out[f"boxes of which less than {self._min_visible:g} is in the patch"] += 1
            else:
                kept += 1
                yield name, (row0, col0, row1, col1)
        found.patches[title] += 1
        found.boxes[title] += kept
        found.empty[title] += not kept


def _classes(patches: Any, classes: Sequence[str] | None) -> tuple[str, ...]:
    known = sorted(patches.classes, key=patches.classes.__getitem__)
    wanted = known if classes is None else [classes] if isinstance(classes, str) else list(classes)
    unknown = [name for name in wanted if name not in known]
    if unknown or len(set(wanted)) < len(wanted):
        raise InvalidArgument(
            f"classes must be different ones of {', '.join(known)}; got {', '.join(wanted)}"
        )
    return tuple(wanted)


def _prepared(
    patches: Any, folder: str | Path, part: str | None, min_visible: float, overwrite: bool
) -> tuple[Path, dict[str, Numbers]]:
    """The folder, free for an export, and the patches of each part."""
    if not 0 <= min_visible <= 1:
        raise InvalidArgument(f"min_visible must be a share of a box, from 0 to 1; got {min_visible!r}")
    parts = _parts(patches, part)
    target = Path(folder)
    if patches.path is not None and target.absolute() == Path(patches.path).absolute():
        raise InvalidArgument("folder must not be that of the dataset itself")
    if target.is_dir() and any(target.iterdir()):
        if not overwrite:
            raise OutputExists(
                f"{target} exists and is not empty; pass overwrite=True, or choose another folder"
            )
        for made in ("labels", "annotations", IMAGES):
            shutil.rmtree(target / made, ignore_errors=True)
        (target / "data.yaml").unlink(missing_ok=True)
    return target, parts


def _parts(patches: Any, part: str | None) -> dict[str, Numbers]:
    if part == ALL:
        return {ALL: np.arange(len(patches))}
    if part is None and patches.parts is None:
        raise InvalidArgument(
            'the patches have no saved split; make one with tiling.split(patches).save(), or take part="all"'
        )
    titles = [] if part is None else [part]
    if part is None:
        named = {str(title) for title in patches.parts.dropna().unique()} - {""}
        titles = [title for title in _ORDER if title in named] + sorted(named - set(_ORDER))
    return {title: np.asarray(patches.numbers_of(title), np.int64) for title in titles}


def _outside(patches: Any, parts: Mapping[str, Numbers]) -> Counter[str]:
    """Patches that are in none of the parts."""
    outside = len(patches) - sum(len(numbers) for numbers in parts.values())
    return Counter({"patches that are in no part that was asked for": outside} if outside else {})


def _with_images(
    patches: Any, places: Numbers, folder: Path | None, fill: float | None
) -> Iterator[tuple[dict[str, Any], NDArray[np.uint8] | None]]:
    """Rows of patches and their label masks, in order; their images are written or linked on the way."""
    layout = Layout(tuple(patches.bands), (), patches.size, {})
    labelled = tuple(patches.masks[:1]) == (_LABELS,)
    if folder is not None:
        folder.mkdir(parents=True)
    for first in range(0, len(places), _READ_AT_ONCE):
        chosen = places[first : first + _READ_AT_ONCE]
        arrays = patches.read(chosen)
        rows = patches.table.iloc[chosen].to_dict("records")
        for row, values, masks in zip(rows, arrays.values, arrays.masks, strict=True):
            if folder is not None:
                facts = {key: row[key] for key in _TOLD if key in row}
                path = folder / f"{row['name']}{SUFFIX}"
                own = None if patches.path is None else Path(patches.path) / IMAGES / path.name
                if fill is None and own is not None and own.is_file():
                    _link(own, path)
                else:
                    filled = values if fill is None else np.where(np.isnan(values), np.float32(fill), values)
                    write_patch(path, filled, layout.bands, facts, layout)
            yield row, masks[0] if labelled else None


def _link(source: Path, path: Path) -> None:
    try:
        os.link(source, path)
    except OSError:  # another disk, or one that knows no links
        shutil.copyfile(source, path)


def _write_data_yaml(target: Path, parts: Sequence[str], classes: Sequence[str], bands: int) -> None:
    lines = [
        "# After the folder has been moved, this path is to be mended.",
        f"path: {json.dumps(str(target.absolute()))}",
    ]
    lines += [f"{_YOLO_KEYS.get(part, part)}: {json.dumps(f'{IMAGES}/{part}')}" for part in parts]
    lines += [
        f"channels: {bands}",
        "names:",
        *(f"  {k}: {json.dumps(name)}" for k, name in enumerate(classes)),
    ]
    with whole(target / "data.yaml") as temporary:
        temporary.write_text("\n".join(lines) + "\n")


def _coco_image(patches: Any, row: Mapping[str, Any]) -> dict[str, Any]:
    told = {key: plain(row[key]) for key in _LISTED if key in row}
    size = {"width": patches.size.width, "height": patches.size.height}
    return {"id": int(row["patch"]), "file_name": f"{row['name']}{SUFFIX}", **size, **told}


def _coco_shape(corners: tuple[float, ...], outline: NDArray[np.bool_] | None) -> dict[str, Any]:
    row0, col0, row1, col1 = corners
    box = {"bbox": [col0, row0, col1 - col0, row1 - row0], "iscrowd": 0}
    if outline is None:
        ring = [col0, row0, col1, row0, col1, row1, col0, row1]
        return {**box, "area": (col1 - col0) * (row1 - row0), "segmentation": [ring]}
    return {
        **box,
        "area": int(outline.sum()),
        "segmentation": {"size": list(outline.shape), "counts": run_lengths(outline)},
    }
