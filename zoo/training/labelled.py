"""A batch of what networks learn from: raw bands, and beside them what is true of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from insarfeat.synth.classes import ARTEFACT

if TYPE_CHECKING:
    from insarfeat.synth.slides import Sighting

LANDSLIDE = "landslide"
"""The one class of those that do not tell slides apart."""

KINDS = {"coherent": 1, "incoherent": 2}
"""How a slide shows, by its number in :attr:`Samples.kind`."""

LEAST_VISIBLE = 0.3
"""Boxes of which the tile's edge leaves less than this share are ignored: nobody can tell what they are cut from."""

_HIDDEN = 3  # in the generator's raster of kinds: moves, and cannot be seen to


@dataclass(frozen=True, slots=True, eq=False)
class BoxLabels:
    """The boxes of one sample.

    Attributes
    ----------
    boxes
        float32 (k, 4): row0, col0, row1, col1 in pixels from the outer corner of the first pixel.
    classes
        int64 (k,): number of the class.
    ignore
        bool (k,): neither to be found nor background. Their class says nothing.
    """

    boxes: Tensor
    classes: Tensor
    ignore: Tensor

    def __len__(self) -> int:
        return len(self.boxes)

    @classmethod
    def of(cls, rows: Sequence[tuple[Sequence[float], int, bool]]) -> BoxLabels:
        """From rows of a box, its class and whether it is ignored.

        >>> len(BoxLabels.of([]))
        0
        """
        return cls(
            torch.tensor([list(box) for box, _, _ in rows], dtype=torch.float32).reshape(-1, 4),
            torch.tensor([number for _, number, _ in rows], dtype=torch.int64),
            torch.tensor([ignored for _, _, ignored in rows], dtype=torch.bool),
        )

    def counted(self) -> BoxLabels:
        """Those that are not ignored."""
        kept = ~self.ignore
        return BoxLabels(self.boxes[kept], self.classes[kept], self.ignore[kept])

    def to(self, device: Any) -> BoxLabels:
        """The same on a device."""
        return BoxLabels(self.boxes.to(device), self.classes.to(device), self.ignore.to(device))


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """One batch.

    Attributes
    ----------
    raw
        float32 (n, bands, y, x): bands in the order asked for, in their own units; NaN is nodata.
    mask
        float32 (n, classes, y, x): 0 to 1, for each class whether a pixel is of it; finite everywhere.
    valid
        bool (n, y, x): where the label counts.
    kind
        uint8 (n, y, x): how a slide shows: 1 coherent, 2 incoherent; 0 where there is none, or it is not known.
    boxes
        Of each sample.
    """

    raw: Tensor
    mask: Tensor
    valid: Tensor
    kind: Tensor
    boxes: tuple[BoxLabels, ...]

    def __len__(self) -> int:
        return len(self.raw)

    def to(self, device: Any) -> Samples:
        """The same on a device."""
        return Samples(
            self.raw.to(device),
            self.mask.to(device),
            self.valid.to(device),
            self.kind.to(device),
            tuple(each.to(device) for each in self.boxes),
        )


def softened(samples: Samples, sigma: float) -> Samples:
    r"""Samples whose masks fade out around slides, as :func:`insarfeat.tiling.soften` has it.

    .. math:: s = \exp\left(-\frac{d^2}{2 \sigma^2}\right)

    with the Euclidean distance d to the nearest pixel of the class. Where a slide ends is not known to the pixel
    (Benotto 2026 used 3 and 5 pixels). Soften last: augmentation moves edges.

    Parameters
    ----------
    samples
        With masks of 0 and 1; soft values from 0.5 on count as slide.
    sigma
        In pixels. 0 leaves the masks as they are.
    """
    if sigma == 0.0:
        return samples
    from insarfeat.tiling import soften

    hard = (samples.mask >= 0.5).to(torch.uint8).cpu().numpy()
    return replace(samples, mask=torch.from_numpy(soften(hard, sigma)).to(samples.mask.device))


@dataclass(frozen=True, slots=True)
class Mark:
    """One slide or artefact of a synthetic tile that shows: its code, its box, and whether most of it is cut off."""

    code: str
    box: tuple[float, float, float, float]
    cut_off: bool

    @classmethod
    def of(cls, sighting: Sighting, pixel: float) -> Mark | None:
        """Of a sighting whose box is cut to its tile; None where nothing of it shows there.

        A box is never smaller than what it is drawn about: if it is smaller than a share of what shows of the whole
        slide, then the tile has less than that share.
        """
        box = sighting.box
        if box is None:
            return None
        shown = sighting.visible * sighting.area
        return cls(
            sighting.feature.code,
            (float(box.top), float(box.left), float(box.bottom), float(box.right)),
            box.pixels * pixel**2 < LEAST_VISIBLE * shown,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What is true of synthetic tiles.

    Attributes
    ----------
    landslide, valid, artefact
        bool (n, y, x), as the generator's bands.
    kind
        uint8 (n, y, x): 1 coherent, 2 incoherent, 3 hidden.
    marks
        Of each tile.
    """

    landslide: Tensor
    valid: Tensor
    artefact: Tensor
    kind: Tensor
    marks: Sequence[Sequence[Mark]]


def labelled(raw: Tensor, truth: Truth, classes: Sequence[str]) -> Samples:
    """Bands with their truth as the named classes see it.

    With the one class ``"landslide"``, every slide is of it. Otherwise a class is a code of the generator; slides of
    other codes are ignored, and so is what is hidden, or cut off by the edge. Artefacts are background unless
    ``"AR"`` is among the classes.
    """
    number = {code: index for index, code in enumerate(classes)}
    mask = torch.zeros((len(raw), len(classes), *raw.shape[-2:]), dtype=torch.float32, device=raw.device)
    valid = truth.valid.clone()
    boxes = [
        _boxes(marks, _hidden_boxes(kind), number)
        for marks, kind in zip(truth.marks, truth.kind.cpu().numpy(), strict=True)
    ]
    if LANDSLIDE in number:
        mask[:, number[LANDSLIDE]] = truth.landslide.to(torch.float32)
    else:
        _draw_classes(mask, truth, number)
        valid &= ~(truth.landslide & ~(mask > 0).any(1))
    shown = torch.where(truth.kind == _HIDDEN, torch.zeros_like(truth.kind), truth.kind)
    return Samples(raw, mask, valid, shown, tuple(each.to(raw.device) for each in boxes))


def _boxes(marks: Sequence[Mark], hidden: Sequence[Sequence[float]], number: dict[str, int]) -> BoxLabels:
    """Boxes of one tile."""
    rows: list[tuple[Sequence[float], int, bool]] = []
    for mark in marks:
        if mark.code == ARTEFACT and ARTEFACT not in number:
            continue
        code = mark.code if mark.code in number else LANDSLIDE
        rows.append((mark.box, number.get(code, 0), mark.cut_off or code not in number))
    return BoxLabels.of([*rows, *((box, 0, True) for box in hidden)])


def _hidden_boxes(kind: np.ndarray[Any, np.dtype[np.uint8]]) -> list[list[float]]:
    """Boxes about the connected parts of what is hidden; the generator gives none, because nothing of it shows."""
    hidden = kind == _HIDDEN
    if not hidden.any():
        return []
    from scipy.ndimage import find_objects, label

    parts, _ = label(hidden, np.ones((3, 3)))
    return [[rows.start, cols.start, rows.stop, cols.stop] for rows, cols in find_objects(parts)]


def _draw_classes(mask: Tensor, truth: Truth, number: dict[str, int]) -> None:
    """Pixels of each class: those of slides in a box of it, for slides hardly ever overlap."""
    for sample, marks in enumerate(truth.marks):
        for mark in marks:
            if mark.code in number and mark.code != ARTEFACT:
                top, left, bottom, right = (int(side) for side in mark.box)
                part = (sample, slice(top, bottom), slice(left, right))
                drawn = mask[(sample, number[mark.code], *part[1:])]
                torch.maximum(drawn, truth.landslide[part].to(mask.dtype), out=drawn)
    if ARTEFACT in number:
        mask[:, number[ARTEFACT]] = truth.artefact.to(mask.dtype)
