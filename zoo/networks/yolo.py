"""YOLOv3: boxes from raw maps at several strides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from insarfeat.errors import InvalidArgument
from zoo.networks.blocks import MULTIPLE, initialise_kaiming, initialise_output
from zoo.networks.darknet import LEAK, STRIDES, Darknet, leaky_conv

Anchors = Sequence[Sequence[Sequence[float]]]
"""Sizes (rows, columns) in pixels that boxes are told against: by head, then three for each."""

ANCHORS: Anchors = (
    ((8.0, 8.0), (8.0, 18.0), (18.0, 8.0)),
    ((16.0, 16.0), (14.0, 32.0), (32.0, 14.0)),
    ((30.0, 30.0), (30.0, 60.0), (60.0, 60.0)),
)
"""Round numbers for slow slides at 15 m (means of 16 px and, deep-seated, 54 px), until own ones are clustered."""

BOX_VALUES = 5
"""Values of an anchor before those of the classes: row and column offset, row and column size, objectness."""

LARGEST_EXPONENT = 4.0
"""Boxes are at most e to this power, 55 times, as large as their anchor: no loss or score becomes infinite."""

_STARTING_OBJECTNESS = 0.01


@dataclass(frozen=True, slots=True)
class Candidates:
    """Boxes of all anchors and cells, before any is thrown away.

    Attributes
    ----------
    boxes
        (n, boxes, 4): row0, col0, row1, col1 in pixels from the image's outer corner; they may reach beyond it.
    objectness
        (n, boxes): probability that there is anything.
    class_probability
        (n, boxes, classes): probability of each class, if there is anything; classes do not exclude each other.
    """

    boxes: Tensor
    objectness: Tensor
    class_probability: Tensor


class YoloV3(nn.Module):
    """YOLOv3 on a Darknet-53 backbone, with multipliers for a smaller one.

    The backbone always goes down to a stride of 32. A path goes up from there, with the backbone's maps beside it,
    to the finest of the strides that is asked for, and has a head at each of them. (8, 16, 32) is the network
    of the paper. By default heads are at 4, 8 and 16: slides are 13 to 18 px across at 15 m, too small for a head
    at 32, but what the backbone sees at 32 still reaches all heads as their context.

    =========  =========  ==================  ===================  ====================
    ``width``  ``depth``  heads at 8, 16, 32  heads at 4, 8, 16    published
    =========  =========  ==================  ===================  ====================
    0.375      0.5        6.26 M              5.62 M               6.3 M
    0.5        1          15.4 M              14.3 M               15.4 M
    1          1          61.5 M              57.1 M               61.5 M
    =========  =========  ==================  ===================  ====================

    Parameters, at 3 channels and 1 class. The published counts (and operations) are those of heads at 8, 16, 32.

    Parameters
    ----------
    channels, classes
        Channels of the input, and classes of each box.
    anchors
        For each stride, finest first, three sizes (rows, columns) in pixels.
    width, depth
        Factors on the channels of all layers, and on the blocks of the stages (at least 1 of each).
    strides
        Ascending, out of 4, 8, 16, 32.

    References
    ----------
    Redmon & Farhadi (2018), YOLOv3: an incremental improvement, arXiv:1804.02767. The low objectness at the start
    is the prior of Lin et al. (2017), Focal loss for dense object detection, ICCV.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        anchors: Anchors = ANCHORS,
        width: float = 1.0,
        depth: float = 1.0,
        strides: Sequence[int] = (4, 8, 16),
    ) -> None:
        super().__init__()
        _check_factor("width", width)
        _check_factor("depth", depth)
        self.strides = checked_strides(strides)
        self.anchors = checked_anchors(anchors, self.strides)
        self.classes = classes
        self.backbone = Darknet(channels, width, depth)
        outputs = len(self.anchors[0]) * (BOX_VALUES + classes)
        self.levels = nn.ModuleList()  # from the coarsest up to the finest head
        below = 0
        for stride, stage in reversed(list(zip(STRIDES, self.backbone.widths, strict=True))):
            if stride >= self.strides[0]:
                self.levels.append(_Level(stage, below, outputs if stride in self.strides else 0))
                below = stage // 2
        initialise_kaiming(self, LEAK)
        for module in self.modules():
            if isinstance(module, _Head):
                module.start_quietly(BOX_VALUES + classes)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Channels (n, channels, y, x) to raw maps (n, anchors * (5 + classes), y / stride, x / stride).

        The finest comes first. Of each anchor there are: row offset, column offset, row size, column size,
        objectness, classes; see :func:`decode`.

        Raises
        ------
        InvalidArgument
            The sides are not multiples of 32.
        """
        rows, columns = images.shape[-2:]
        if rows % MULTIPLE or columns % MULTIPLE:
            raise InvalidArgument(
                f"images must have multiples of {MULTIPLE} as rows and columns; got {rows} x {columns}; enlarge the "
                "window, or fill it up with nodata at the bottom and right"
            )
        path: Tensor | None = None
        raw: list[Tensor] = []
        for stage, level in zip(reversed(self.backbone(images)), self.levels, strict=False):
            path, found = level(stage, path)
            if found is not None:
                raw.append(found)
        return raw[::-1]


def decode(raw_maps: Sequence[Tensor], anchors: Anchors, strides: Sequence[int]) -> Candidates:
    r"""Boxes and probabilities of raw maps.

    .. math::

        r = s (i + 2\sigma(t_r) - 0.5), \quad c = s (j + 2\sigma(t_c) - 0.5), \quad
        h = a_h e^{\min(t_h, 4)}, \quad w = a_w e^{\min(t_w, 4)}

    are a box's centre and size in pixels, from the raw values t of the cell in row i and column j of a map of
    stride s, and the anchor's size a. Objectness and classes are sigmoids of theirs. A centre may lie up to half a
    cell beyond its own one (YOLOv3 has it inside): so it can lie on a cell's edge, and be told by a neighbour.

    Parameters
    ----------
    raw_maps
        What :class:`YoloV3` gives: (n, anchors * (5 + classes), y, x) for each stride.
    anchors, strides
        Those of the network.

    Returns
    -------
    Candidates
        Boxes by map, then anchor, row and column; at least float32.

    Examples
    --------
    >>> raw = torch.zeros(1, 6, 1, 2)  # one anchor, one class, two cells side by side
    >>> decode([raw], anchors=[[[4, 6]]], strides=[8]).boxes
    tensor([[[ 2.,  1.,  6.,  7.],
             [ 2.,  9.,  6., 15.]]])
    """
    strides = checked_strides(strides)
    sizes = checked_anchors(anchors, strides)
    if len(raw_maps) != len(strides):
        raise InvalidArgument(
            f"raw_maps must have one map for each of the strides {strides}; got {len(raw_maps)} of them"
        )
    parts = [_decoded(*each) for each in zip(raw_maps, sizes, strides, strict=True)]
    return Candidates(
        torch.cat([part.boxes for part in parts], dim=1),
        torch.cat([part.objectness for part in parts], dim=1),
        torch.cat([part.class_probability for part in parts], dim=1),
    )


def _decoded(raw: Tensor, sizes: Sequence[Sequence[float]], stride: int) -> Candidates:
    """Candidates of one map."""
    if raw.shape[1] % len(sizes) or raw.shape[1] // len(sizes) <= BOX_VALUES:
        raise InvalidArgument(
            f"raw_maps must have {len(sizes)} anchors times 5 + classes channels; got {raw.shape[1]} channels"
        )
    # Half precision cannot tell neighbouring pixels of a large image apart.
    values = raw.to(torch.promote_types(raw.dtype, torch.float32))
    values = values.reshape(raw.shape[0], len(sizes), -1, *raw.shape[2:]).permute(0, 1, 3, 4, 2)
    rows = torch.arange(raw.shape[2], device=raw.device, dtype=values.dtype)[:, None]
    columns = torch.arange(raw.shape[3], device=raw.device, dtype=values.dtype)
    anchor = torch.tensor(sizes, device=raw.device, dtype=values.dtype)[:, None, None, :]
    return Candidates(
        _placed(values, rows, columns, anchor, stride).flatten(1, 3),
        values[..., 4].sigmoid().flatten(1),
        values[..., BOX_VALUES:].sigmoid().flatten(1, 3),
    )


def decode_above(
    raw_maps: Sequence[Tensor], anchors: Anchors, strides: Sequence[int], least: float
) -> list[Candidates]:
    """What :func:`decode` gives, without the boxes whose objectness is less: of one image after the other.

    Of large images nearly all cells say nothing, and what they say is not worked out.

    Parameters
    ----------
    raw_maps, anchors, strides
        As for :func:`decode`.
    least
        Least objectness.

    Returns
    -------
    list
        For each image candidates of a batch of one.
    """
    sizes = checked_anchors(anchors, checked_strides(strides))
    return [
        _decoded_above([raw[image] for raw in raw_maps], sizes, strides, least)
        for image in range(len(raw_maps[0]))
    ]


def _decoded_above(
    raw_maps: Sequence[Tensor],
    sizes: Sequence[Sequence[Sequence[float]]],
    strides: Sequence[int],
    least: float,
) -> Candidates:
    boxes, values = [], []
    for raw, anchors, stride in zip(raw_maps, sizes, strides, strict=True):
        cells = raw.reshape(len(anchors), -1, *raw.shape[1:]).permute(0, 2, 3, 1)
        which, rows, columns = torch.nonzero(cells[..., 4].float().sigmoid() >= least, as_tuple=True)
        chosen = cells[which, rows, columns].to(torch.promote_types(raw.dtype, torch.float32))
        anchor = torch.tensor(anchors, device=raw.device, dtype=chosen.dtype)[which]
        boxes.append(_placed(chosen, rows, columns, anchor, stride))
        values.append(chosen)
    said = torch.cat(values)[None]
    return Candidates(torch.cat(boxes)[None], said[..., 4].sigmoid(), said[..., BOX_VALUES:].sigmoid())


def _placed(values: Tensor, rows: Tensor, columns: Tensor, anchors: Tensor, stride: int) -> Tensor:
    """Boxes of raw values (..., values) in cells, against anchors (..., 2)."""
    row = stride * (rows + 2.0 * values[..., 0].sigmoid() - 0.5)
    column = stride * (columns + 2.0 * values[..., 1].sigmoid() - 0.5)
    height, width = (0.5 * anchors * values[..., 2:4].clamp(max=LARGEST_EXPONENT).exp()).unbind(-1)
    return torch.stack([row - height, column - width, row + height, column + width], dim=-1)


def checked_strides(strides: Sequence[int]) -> tuple[int, ...]:
    """Return the strides of a detector's heads, or refuse them."""
    found = tuple(int(stride) for stride in strides)
    if not found or found != tuple(stride for stride in STRIDES if stride in found):
        raise InvalidArgument(
            f"strides must be some of 4, 8, 16, 32, in ascending order; got {list(strides)}"
        )
    return found


def checked_anchors(anchors: Anchors, strides: Sequence[int]) -> tuple[tuple[tuple[float, float], ...], ...]:
    """Return the anchors of a detector's heads as numbers, or refuse them."""
    asked = f"anchors must give the same number of (rows, columns) in pixels for each of the {len(strides)} strides"
    try:
        found = tuple(tuple((float(rows), float(columns)) for rows, columns in head) for head in anchors)
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"{asked}, as [[[8, 8], [8, 16], [16, 8]], ...]; got {anchors!r}") from error
    if len(found) != len(strides) or len({len(head) for head in found}) != 1 or not found[0]:
        raise InvalidArgument(f"{asked}; got {[len(head) for head in found]} sizes by head")
    if not all(math.isfinite(side) and side > 0.0 for head in found for size in head for side in size):
        raise InvalidArgument(f"{asked}, all positive; got {anchors!r}")
    return found


class _Level(nn.Module):
    """A step upwards: what came from below, doubled, beside the backbone's map; and its raw maps, if any."""

    def __init__(self, stage: int, below: int, outputs: int) -> None:
        super().__init__()
        half = stage // 2
        self.link = leaky_conv(below, half, 1) if below else None
        self.mix = nn.Sequential(
            leaky_conv(stage + half if below else stage, half, 1),
            leaky_conv(half, stage, 3),
            leaky_conv(stage, half, 1),
            leaky_conv(half, stage, 3),
            leaky_conv(stage, half, 1),
        )
        self.head = _Head(half, stage, outputs) if outputs else None

    def forward(self, stage: Tensor, path: Tensor | None) -> tuple[Tensor, Tensor | None]:
        if self.link is not None and path is not None:
            doubled = functional.interpolate(self.link(path), scale_factor=2.0, mode="nearest")
            stage = torch.cat([doubled, stage], dim=1)
        mixed: Tensor = self.mix(stage)
        return mixed, None if self.head is None else self.head(mixed)


class _Head(nn.Module):
    """Raw maps of one stride."""

    def __init__(self, channels: int, width: int, outputs: int) -> None:
        super().__init__()
        self.widen = leaky_conv(channels, width, 3)
        self.output = nn.Conv2d(width, outputs, 1)

    def forward(self, path: Tensor) -> Tensor:
        raw: Tensor = self.output(self.widen(path))
        return raw

    def start_quietly(self, values: int) -> None:
        """Begin with boxes of the anchors' sizes and with few detections."""
        initialise_output(self.output)
        prior = math.log(_STARTING_OBJECTNESS / (1.0 - _STARTING_OBJECTNESS))
        if self.output.bias is not None:
            nn.init.constant_(self.output.bias[BOX_VALUES - 1 :: values], prior)


def _check_factor(name: str, factor: float) -> None:
    if not math.isfinite(factor) or factor <= 0.0:
        raise InvalidArgument(f"{name} must be a positive factor, as 0.5; got {factor!r}")
