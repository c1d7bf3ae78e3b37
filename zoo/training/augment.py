"""Augmentation: what a slide looks like does not change when the world around it is told in another way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from insarfeat.errors import InvalidArgument
from insarfeat.geometry import SENTINEL1_WAVELENGTH
from zoo.training.labelled import LEAST_VISIBLE, BoxLabels, Samples

if TYPE_CHECKING:
    from zoo.description import Band

_METRES_A_RADIAN = -SENTINEL1_WAVELENGTH / (4.0 * math.pi)
_OFFSETS = {"wrapped_phase": 1.0, "unwrapped_phase": 1.0, "displacement": _METRES_A_RADIAN}
_SIGNED = frozenset(
    {"wrapped_phase", "unwrapped_phase", "displacement", "velocity", "slope_to_los", "signed_sensitivity"}
)
_LEAST_POWER = 1e-6  # as the stem has it
_DIRECTIONS = frozenset({"aspect", "heading", "los_east", "los_north"})


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What is changed in samples, and how much; 0 or False is off.

    Attributes
    ----------
    phase_offset
        Share of samples whose phase gets one random offset, and is wrapped again: where phase is 0 means nothing. The
        unwrapped phase gets the same offset, and the displacement what it amounts to at Sentinel-1's wavelength, so
        that all three still say the same.
    phase_sign
        Share of samples that run backwards in time: phases, displacement and velocity change their sign; so do
        ``slope_to_los`` and ``signed_sensitivity``, as if the radar looked from the other side, so that what moves
        still moves downslope.
    turns
        Whether each sample is turned and mirrored in one of the eight ways (four where it is not square). The bands
        of both stacks go through it as they are: none is a direction on the ground.
    dropout
        Probability for each band that is not required to be missing: NaN everywhere.
    bare
        Share of samples that have nothing but the bands that are required and elevations: what users of a product
        with phase and coherence have beside a DEM.
    crop
        Largest share of each side that is cut away. What is left is laid anywhere within the sample, nodata around
        it. Nothing is stretched: sizes in metres mean something.
    edge
        Share of samples that end at a straight line across them, in any direction: beyond it is nodata, as at the
        border of a scene.
    level
        Each power of each sample gets ± level decibels: products are calibrated in different ways, or not at all.
    gain, offset
        Each channel of each sample (Mondini et al. 2026) is multiplied, about its band's centre, by 1 ± gain, and
        gets ± offset, in scales of the band; powers in decibels. Phases have neither, elevations no offset.
    noise
        Standard deviation of fresh white noise, in scales of the band (of a phase: radian). Elevations have none.
    """

    phase_offset: float = 0.0
    phase_sign: float = 0.0
    turns: bool = False
    dropout: float = 0.0
    bare: float = 0.0
    crop: float = 0.0
    edge: float = 0.0
    level: float = 0.0
    gain: float = 0.0
    offset: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        for name in ("phase_offset", "phase_sign", "dropout", "bare", "crop", "edge", "gain"):
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                raise InvalidArgument(
                    f"{name} of the augmentation is {value!r}; it must lie from 0 (off) to 1"
                )
        for name in ("level", "offset", "noise"):
            value = getattr(self, name)
            if not 0.0 <= value < math.inf:
                raise InvalidArgument(f"{name} of the augmentation is {value!r}; it must be 0 (off) or more")

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))


def augmented(
    samples: Samples, bands: Sequence[Band], knobs: Augmentation, generator: torch.Generator
) -> Samples:
    """Samples as they might have been, each changed in its own way; the given ones stay as they are.

    Parameters
    ----------
    samples
        With the bands in their order.
    bands
        Of the model: their names, roles and scales.
    knobs
        What is changed.
    generator
        Of chance; the same state gives the same samples.

    Examples
    --------
    >>> from zoo.description import Band
    >>> raw = torch.tensor([[[[3.0]]]])
    >>> one = Samples(raw, torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1) > 0, raw[0].byte(), (BoxLabels.of([]),))
    >>> backwards = Augmentation(phase_sign=1.0)
    >>> augmented(one, [Band(name="wrapped_phase", role="phase")], backwards, torch.Generator()).raw.flatten()
    tensor([-3.])
    """
    if len(bands) != samples.raw.shape[1]:
        raise InvalidArgument(f"bands names {len(bands)} bands, and the samples have {samples.raw.shape[1]}")
    chance = _Chance(generator, samples.raw.device, len(samples))
    if knobs.turns:
        samples = _turned(samples, bands, chance)
    if knobs.crop:
        samples = _cropped(samples, knobs.crop, chance)
    if knobs.edge:
        samples = _edged(samples, knobs.edge, chance)
    raw = samples.raw
    names = [band.name for band in bands]
    if knobs.phase_sign:
        backwards = chance.happens(knobs.phase_sign)
        sign = torch.where(backwards, -1.0, 1.0)[:, None]
        raw = raw * torch.where(_which(names, _SIGNED, raw), sign, 1.0)[..., None, None]
    if knobs.gain or knobs.offset or knobs.noise or knobs.level:
        raw = _distorted(raw, bands, knobs, chance)
    if knobs.phase_offset:
        offset = chance.uniform(-math.pi, math.pi) * chance.happens(knobs.phase_offset)
        share = raw.new_tensor([_OFFSETS.get(name, 0.0) for name in names])
        raw = raw + (offset[:, None] * share)[..., None, None]
    raw = _wrapped(raw, bands, before=samples.raw)
    if knobs.dropout or knobs.bare:
        raw = raw.masked_fill(_lost(bands, knobs, chance, raw)[..., None, None], math.nan)
    return replace(samples, raw=raw)


def _lost(bands: Sequence[Band], knobs: Augmentation, chance: _Chance, like: Tensor) -> Tensor:
    """Which bands of which samples (samples, bands) are made missing."""
    optional = like.new_tensor([not band.required for band in bands], dtype=torch.bool)
    lost = chance.uniform(0.0, 1.0, len(bands)) < knobs.dropout
    if knobs.bare:
        beside = like.new_tensor([band.role != "elevation" for band in bands], dtype=torch.bool)
        lost = lost | (beside & chance.happens(knobs.bare)[:, None])
    return lost & optional


@dataclass(frozen=True, slots=True)
class _Chance:
    """Random numbers for each of ``count`` samples, on their device wherever they are drawn."""

    generator: torch.Generator
    device: torch.device
    count: int

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """From low to before high, for each sample."""
        drawn = torch.rand(
            (self.count, *shape), generator=self.generator, device=self.generator.device, dtype=torch.float32
        )
        return low + (high - low) * drawn.to(self.device)

    def happens(self, probability: float) -> Tensor:
        """Whether something does, for each sample."""
        return self.uniform(0.0, 1.0) < probability

    def normal(self, *shape: int) -> Tensor:
        """Of variance 1, for each sample."""
        drawn = torch.randn(
            (self.count, *shape), generator=self.generator, device=self.generator.device, dtype=torch.float32
        )
        return drawn.to(self.device)


def _which(names: Sequence[str], wanted: frozenset[str], like: Tensor) -> Tensor:
    """Which bands are among the wanted ones."""
    return like.new_tensor([name in wanted for name in names], dtype=torch.bool)


def _wrapped(raw: Tensor, bands: Sequence[Band], before: Tensor) -> Tensor:
    """Phases that were changed, back in (-pi, pi]; all others as they are."""
    if raw is before:
        return raw
    turn = 2.0 * math.pi
    inside = raw - turn * torch.round(raw / turn)
    half = torch.tensor(math.pi, dtype=raw.dtype, device=raw.device)
    inside = torch.where(inside <= -half, half, torch.minimum(inside, half))
    cyclic = raw.new_tensor([band.role == "phase" for band in bands], dtype=torch.bool)[:, None, None]
    return torch.where(cyclic & (raw.abs() >= half), inside, raw)


def _distorted(raw: Tensor, bands: Sequence[Band], knobs: Augmentation, chance: _Chance) -> Tensor:
    """Bands with another gain and offset, and fresh noise."""

    def each(values: list[float]) -> Tensor:
        return raw.new_tensor(values)[:, None, None]

    roles = [band.role for band in bands]
    power = each([float(role == "power") for role in roles]) > 0
    scale = each([band.scale for band in bands])
    stretched = each([float(role != "phase") for role in roles])
    moved = each([float(role in ("value", "power")) for role in roles])
    grain = each([_grain(band) for band in bands])
    about = each([band.centre if band.role in ("value", "power") else 0.0 for band in bands])
    gain, offset = (
        chance.uniform(-1.0, 1.0, len(bands))[..., None, None] * knob for knob in (knobs.gain, knobs.offset)
    )
    raw = torch.where(power, 10.0 * torch.log10(raw.clamp(min=_LEAST_POWER)), raw)
    # Where nothing is to happen the values stay what they are, to the last bit.
    raw = torch.where(gain * stretched == 0.0, raw, about + (raw - about) * (1.0 + gain * stretched))
    raw = raw + offset * moved * scale
    if knobs.level:
        raw = raw + power * chance.uniform(-knobs.level, knobs.level, len(bands))[..., None, None]
    if knobs.noise:
        raw = raw + knobs.noise * grain * chance.normal(*raw.shape[1:])
    return torch.where(power, 10.0 ** (raw / 10.0), raw)


def _grain(band: Band) -> float:
    """What noise of 1 is in a band."""
    return {"phase": 1.0, "elevation": 0.0}.get(band.role, band.scale)


def _turned(samples: Samples, bands: Sequence[Band], chance: _Chance) -> Samples:
    """Each sample turned and mirrored."""
    spoilt = sorted(_DIRECTIONS & {band.name for band in bands})
    if spoilt:
        raise InvalidArgument(
            f"turns would spoil {', '.join(spoilt)}: directions on the ground. Leave turns out of the augmentation, "
            "or the bands out of the model"
        )
    height, width = samples.raw.shape[-2:]
    lots = chance.uniform(0.0, 1.0, 3) < 0.5
    if height != width:
        lots[:, 2] = False
    turns = [tuple(lot) for lot in lots.tolist()]

    def laid(values: Tensor) -> Tensor:
        return torch.stack([_laid(one, lot) for one, lot in zip(values, turns, strict=True)])

    boxes = tuple(
        replace(one, boxes=_turned_boxes(one.boxes, (height, width), lot))
        for one, lot in zip(samples.boxes, turns, strict=True)
    )
    return Samples(laid(samples.raw), laid(samples.mask), laid(samples.valid), laid(samples.kind), boxes)


def _laid(values: Tensor, lot: tuple[bool, ...]) -> Tensor:
    """One sample's pixels (..., y, x): rows flipped, columns flipped, then both exchanged."""
    flip_rows, flip_cols, transpose = lot
    turned = values.flip([axis for axis, flip in ((-2, flip_rows), (-1, flip_cols)) if flip])
    return turned.transpose(-2, -1) if transpose else turned


def _turned_boxes(boxes: Tensor, size: tuple[int, int], lot: tuple[bool, ...]) -> Tensor:
    """Boxes of one sample: rows flipped, columns flipped, then both exchanged."""
    flip_rows, flip_cols, transpose = lot
    row0, col0, row1, col1 = boxes.unbind(1)
    if flip_rows:
        row0, row1 = size[0] - row1, size[0] - row0
    if flip_cols:
        col0, col1 = size[1] - col1, size[1] - col0
    corners = (col0, row0, col1, row1) if transpose else (row0, col0, row1, col1)
    return torch.stack(corners, dim=1)


def _cropped(samples: Samples, crop: float, chance: _Chance) -> Samples:
    """A window of each sample, laid somewhere within it; around it is nodata."""
    height, width = samples.raw.shape[-2:]
    whole = samples.raw.new_tensor([height, width])
    lots = chance.uniform(0.0, 1.0, 3, 2)
    sides = torch.round(whole * (1.0 - crop * lots[:, 0])).clamp(min=1)
    first = torch.floor(lots[:, 1] * (whole - sides + 1)).minimum(whole - sides)
    laid = torch.floor(lots[:, 2] * (whole - sides + 1)).minimum(whole - sides)
    rows, in_rows = _taken(height, first[:, 0], laid[:, 0], sides[:, 0])
    cols, in_cols = _taken(width, first[:, 1], laid[:, 1], sides[:, 1])
    inside = in_rows[:, :, None] & in_cols[:, None, :]
    sample = torch.arange(len(samples), device=rows.device)[:, None, None]

    def moved(values: Tensor) -> Tensor:
        if values.ndim == 4:
            return values.permute(0, 2, 3, 1)[sample, rows[:, :, None], cols[:, None, :]].permute(0, 3, 1, 2)
        return values[sample, rows[:, :, None], cols[:, None, :]]

    boxes = tuple(
        _cut_boxes(one, start, place, side)
        for one, start, place, side in zip(samples.boxes, first, laid, sides, strict=True)
    )
    return Samples(
        moved(samples.raw).masked_fill(~inside[:, None], math.nan),
        moved(samples.mask) * inside[:, None],
        moved(samples.valid) & inside,
        moved(samples.kind) * inside,
        boxes,
    )


def _taken(side: int, first: Tensor, laid: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Which row of a sample each row shows, (samples, side), and whether it shows any."""
    shown = torch.arange(side, device=first.device)[None] - laid[:, None]
    inside = (shown >= 0) & (shown < count[:, None])
    return (shown + first[:, None]).clamp(0, side - 1).to(torch.int64), inside


def _cut_boxes(labels: BoxLabels, first: Tensor, laid: Tensor, sides: Tensor) -> BoxLabels:
    """Boxes of one sample, cut to its window and moved with it; ignored where little is left of them."""
    low, high = first.to(labels.boxes).repeat(2), (first + sides).to(labels.boxes).repeat(2)
    boxes = labels.boxes.clamp(low, high)
    before, after = ((each[:, 2] - each[:, 0]) * (each[:, 3] - each[:, 1]) for each in (labels.boxes, boxes))
    left = after > 0
    ignore = labels.ignore | (after < LEAST_VISIBLE * before)
    moved = boxes + (laid - first).to(boxes).repeat(2)
    return BoxLabels(moved[left], labels.classes[left], ignore[left])


def _edged(samples: Samples, share: float, chance: _Chance) -> Samples:
    """Some samples without what lies beyond a line."""
    height, width = samples.raw.shape[-2:]
    happens, direction = chance.happens(share), chance.uniform(-math.pi, math.pi)
    # At most half of a sample is lost, or little would be left to learn from.
    along = chance.uniform(0.0, 0.5) * min(height, width)
    down = torch.arange(height, device=along.device) - (height - 1) / 2
    across = torch.arange(width, device=along.device) - (width - 1) / 2
    beyond = (
        direction.sin()[:, None, None] * down[:, None] + direction.cos()[:, None, None] * across
    ) > along[:, None, None]
    inside = ~(beyond & happens[:, None, None])
    boxes = tuple(
        _boxes_inside(one, part) if cut else one
        for one, part, cut in zip(samples.boxes, inside.cpu(), happens.tolist(), strict=True)
    )
    return Samples(
        samples.raw.masked_fill(~inside[:, None], math.nan),
        samples.mask * inside[:, None],
        samples.valid & inside,
        samples.kind * inside,
        boxes,
    )


def _boxes_inside(labels: BoxLabels, inside: Tensor) -> BoxLabels:
    """Boxes of one sample, drawn about what is left of them; ignored where that is little."""
    left, boxes, ignore = [], [], []
    for number, box in enumerate(labels.boxes):
        row0, col0, row1, col1 = (round(side) for side in box.tolist())
        rows, cols = inside[row0:row1, col0:col1].nonzero(as_tuple=True)
        if not len(rows):
            continue
        left.append(number)
        boxes.append(
            [
                row0 + int(rows.min()),
                col0 + int(cols.min()),
                row0 + int(rows.max()) + 1,
                col0 + int(cols.max()) + 1,
            ]
        )
        ignore.append(
            bool(labels.ignore[number]) or len(rows) < LEAST_VISIBLE * (row1 - row0) * (col1 - col0)
        )
    return BoxLabels(
        labels.boxes.new_tensor(boxes).reshape(-1, 4), labels.classes[left], labels.ignore.new_tensor(ignore)
    )
