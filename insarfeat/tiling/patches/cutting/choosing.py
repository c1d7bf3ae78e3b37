"""From all places where patches could lie to those that are cut: filters, then draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument
from insarfeat.tiling.engine import Scheduler
from insarfeat.tiling.patches.cutting import survey
from insarfeat.tiling.patches.cutting.reading import Blocks
from insarfeat.tiling.patches.cutting.survey import Places, Quantity, ordered
from insarfeat.tiling.patches.grid import PatchGrid
from insarfeat.tiling.patches.sampling import HARD, Keep, Sampling, draws, lightest
from insarfeat.tiling.patches.scenes.objects import Objects
from insarfeat.tiling.stages import OnProgress
from insarfeat.windows import Shape, Window

if TYPE_CHECKING:
    from insarfeat.tiling.patches.scenes.views import View

Array = NDArray[Any]

KINDS = ("grid", "centred", "random", "negative", *(f"hard: {name.replace('_', ' ')}" for name in HARD))
_SPARE = 8  # random places for each that is wanted, where some may not do

TOO_SMALL = "scene smaller than a patch"
BEYOND = "beyond the last whole patch of a row or column"
INVALID = "too few valid pixels"
TWICE = "same place as another"
REASONS = (
    TOO_SMALL, BEYOND, TWICE, "outside the area", "mean slope", "no label", "has a label", INVALID, "not drawn",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wish:
    """All that decides which patches are cut."""

    size: Shape
    stride: Shape
    min_valid: float
    sampling: Sampling
    keep: Keep


@dataclass(frozen=True, slots=True)
class Chosen:
    """Patches of a view that are to be cut, in the order of their blocks.

    Attributes
    ----------
    places
        Where.
    kinds
        Index into ``KINDS`` of each.
    left_out
        Patches that are not cut, by reason.
    """

    places: Places
    kinds: NDArray[np.uint8]
    left_out: Mapping[str, int]

    @property
    def considered(self) -> int:
        """Patches that could have been cut."""
        return len(self.places) + sum(self.left_out.values())


@dataclass
class _Candidates:
    """Places of a view while they are being chosen: why each is left out, -1 where it is not."""

    view: View
    number: int
    places: Places
    kinds: NDArray[np.uint8]
    reasons: NDArray[np.int8]
    beside: dict[str, int]
    sums: dict[str, NDArray[np.float64]]

    def leave_out(self, which: Array, reason: str) -> None:
        """Leave out those that are not left out yet."""
        self.reasons[which & (self.reasons < 0)] = REASONS.index(reason)

    @property
    def left(self) -> Array:
        """Those that are not left out."""
        return self.reasons < 0

    def chosen(self) -> Chosen:
        """What is left."""
        counts = np.bincount(self.reasons[~self.left], minlength=len(REASONS)).tolist()
        told = {
            reason: count + self.beside.get(reason, 0) for reason, count in zip(REASONS, counts, strict=True)
        }
        places = replace(self.places, tops=self.places.tops[self.left], lefts=self.places.lefts[self.left])
        kept = {reason: count for reason, count in told.items() if count}
        return Chosen(places, self.kinds[self.left], kept)


def choose(
    views: Sequence[View], wish: Wish, block: int, *, scheduler: Scheduler, progress: OnProgress
) -> list[Chosen]:
    """Choose the patches of all views; what must be known of them is summed up in one pass over light layers."""
    found = [_candidates(view, number, wish, block) for number, view in enumerate(views)]
    for one in found:
        quantities = quantities_of(one.view, wish)
        if quantities and len(one.places):
            one.sums = survey.sums_of(
                quantities, one.places, one.view.place, scheduler=scheduler, progress=progress,
                title="looking ahead" if len(views) == 1 else f"looking ahead, {one.view.title}",
            )  # fmt: skip
        _filter(one, wish)
    if wish.sampling.negatives is not None or wish.sampling.where != "grid":
        _draw(found, wish.sampling)
    return [one.chosen() for one in found]


def _candidates(view: View, number: int, wish: Wish, block: int) -> _Candidates:
    """All places of a view; about objects and at random with those of the grid behind them, for negatives."""
    shape, size, sampling = view.shape, wish.size, wish.sampling
    blocks = Blocks(shape, block, size)
    beside: dict[str, int] = {}
    tops, lefts, kinds = [], [], []

    def add(rows: Array, columns: Array, kind: str) -> None:
        tops.append(np.asarray(rows, np.int32))
        lefts.append(np.asarray(columns, np.int32))
        kinds.append(np.full(len(rows), KINDS.index(kind), np.uint8))

    small = shape.height < size.height or shape.width < size.width
    if small and (sampling.edge != "pad" or sampling.where != "grid"):
        beside[TOO_SMALL] = 1
    else:
        if sampling.where == "centred":
            add(*_about(view.objects, number, shape, size, sampling, view.slide_values), "centred")
        elif sampling.where == "random":
            add(*_anywhere(view, number, wish), "random")
        if sampling.where == "grid" or sampling.negatives is not None:
            grid = PatchGrid(
                shape, (size.height, size.width), (wish.stride.height, wish.stride.width), sampling.edge
            )
            add(*grid.corners(), "grid" if sampling.where == "grid" else "negative")
            if sampling.edge == "drop":
                whole = PatchGrid(shape, (size.height, size.width), (wish.stride.height, wish.stride.width))
                beside[BEYOND] = len(whole) - len(grid)
    none = np.empty(0, np.int32)
    places, order = ordered(np.concatenate([none, *tops]), np.concatenate([none, *lefts]), size, blocks)
    kind = np.concatenate([np.empty(0, np.uint8), *kinds])[order]
    found = _Candidates(view, number, places, kind, np.full(len(places), -1, np.int8), beside, {})
    again = np.zeros(len(places), bool)
    again[1:] = (np.diff(places.tops) == 0) & (np.diff(places.lefts) == 0)
    found.leave_out(again, TWICE)
    return found


def _about(
    objects: Objects, number: int, shape: Shape, size: Shape, sampling: Sampling, values: tuple[int, ...]
) -> tuple[Array, Array]:
    """Patches about objects, each off its middle by a share of its side, inside the raster."""
    slides = np.isin(objects.value, values)
    middles = [
        0.5 * (low + high)[slides]
        for low, high in ((objects.row0, objects.row1), (objects.col0, objects.col1))
    ]
    which = np.repeat(np.flatnonzero(slides), sampling.per_object)
    turn = np.tile(np.arange(sampling.per_object), int(slides.sum()))
    corners = []
    for axis, (middle, side, pixels) in enumerate(
        zip(middles, (size.height, size.width), (shape.height, shape.width), strict=True)
    ):
        off = sampling.jitter * side * (draws(sampling.seed, 10 + axis, number, which, turn) - 0.5) * 2
        start = np.rint(np.repeat(middle, sampling.per_object) + off - side / 2)
        corners.append(np.clip(start, 0, pixels - side).astype(np.int64))
    return corners[0], corners[1]


def _anywhere(view: View, number: int, wish: Wish) -> tuple[Array, Array]:
    """Random places; more than are wanted, because some will not do."""
    count = (wish.sampling.count or 0) * _SPARE
    within = Window.whole(view.shape) if view.area is None else view.area_window
    index = np.arange(count)
    corners = []
    for axis, (first, span, side, pixels) in enumerate(
        (
            (within.top, within.height, wish.size.height, view.shape.height),
            (within.left, within.width, wish.size.width, view.shape.width),
        )
    ):
        low = max(first - side // 2, 0)
        high = min(first + span - side // 2, pixels - side)
        share = draws(wish.sampling.seed, 20 + axis, number, index, np.zeros(count, np.int64))
        corners.append(np.clip(low + (share * (high - low + 1)).astype(np.int64), 0, pixels - side))
    return corners[0], corners[1]


def quantities_of(view: View, wish: Wish) -> list[Quantity]:
    """What must be summed up for this wish; nothing where the plain grid is wanted and no mask tells of validity."""
    sampling, keep, layers = wish.sampling, wish.keep, view.layers
    found = []
    if "valid_mask" in layers:
        found.append(Quantity("valid", (layers["valid_mask"],), survey.set_pixels))
    elif sampling.negatives is not None or sampling.where == "random":
        bands = tuple(layers[name] for name in view.bands)
        found.append(Quantity("valid", bands, survey.known_pixels))
    if view.labels is not None and (keep.labels != "any" or sampling.negatives is not None):
        found.append(Quantity("labels", (view.labels,), survey.labelled, (view.slide_values,)))
    if keep.slope is not None:
        found.append(Quantity("slope", (view.slope,), survey.itself))
        found.append(Quantity("sloping", (view.slope,), survey.known_pixels))
    if view.area is not None:
        found.append(Quantity("area", (view.area,), survey.set_pixels))
    makers = {
        "atmosphere": _atmosphere, "layover": _layover, "artefacts": _artefacts, "false_alarms": _false_alarms,
    }  # fmt: skip
    return [*found, *(makers[name](view, sampling) for name in sampling.hard.shares)]


def _atmosphere(view: View, _: Sampling) -> Quantity:
    phase = _needed(view, "atmosphere", "wrapped_phase")
    coherence = (view.layers["coherence"],) if "coherence" in view.layers else ()
    return Quantity("atmosphere", (phase, *coherence), survey.fringes, neighbours=True)


def _layover(view: View, _: Sampling) -> Quantity:
    if "shadow_layover" in view.layers:
        return Quantity("layover", (view.layers["shadow_layover"],), survey.in_shadow_or_layover)
    return Quantity(
        "layover", (_needed(view, "layover", "invalid_causes", "shadow_layover"),), survey.of_causes
    )


def _artefacts(view: View, sampling: Sampling) -> Quantity:
    names = sampling.hard.artefact_classes
    values = tuple(view.classes[name] for name in names if name in view.classes)
    if not values or view.labels is None:
        raise InvalidArgument(
            f"hard negatives by artefacts need labels of the class {' or '.join(names)}; there are "
            f"{', '.join(view.classes) or 'none'}"
        )
    return Quantity("artefacts", (view.labels,), survey.labelled, (values,))


def _false_alarms(view: View, _: Sampling) -> Quantity:
    return Quantity("false_alarms", (view.alarms, view.labels), survey.alarmed)


def _needed(view: View, reason: str, *names: str) -> Any:
    for name in names:
        if name in view.layers:
            return view.layers[name]
    raise InvalidArgument(
        f"hard negatives by {reason} need the layer {' or '.join(names)}, which {view.title} does not hold; it has "
        f"{', '.join(view.layers)}"
    )


def _filter(one: _Candidates, wish: Wish) -> None:
    """Leave out what the sums tell is not wanted."""
    sums, pixels = one.sums, wish.size.height * wish.size.width
    if "area" in sums:
        one.leave_out(sums["area"] < 0.5 * pixels, "outside the area")
    if wish.keep.slope is not None and "slope" in sums:
        mean = survey.means(sums, "slope", sums["sloping"])
        low, high = wish.keep.slope
        one.leave_out((sums["sloping"] == 0) | (mean < low) | (mean > high), "mean slope")
    if wish.keep.labels != "any" and "labels" in sums:
        has = sums["labels"] > 0
        one.leave_out(*((~has, "no label") if wish.keep.labels == "only" else (has, "has a label")))
    if "valid" in sums:
        one.leave_out(sums["valid"] < wish.min_valid * pixels, INVALID)


def _draw(found: Sequence[_Candidates], sampling: Sampling) -> None:
    """Draw as many as are wanted: random ones, then negatives, the hard ones first."""
    if sampling.where == "random":
        for one in found:
            mine = one.left & (one.kinds == KINDS.index("random"))
            keys = draws(sampling.seed, 1, one.number, one.places.tops, one.places.lefts)
            taken = np.zeros(len(one.places), bool)
            taken[lightest(keys, mine, sampling.count or 0)] = True
            one.leave_out(mine & ~taken, "not drawn")
    if sampling.negatives is None:
        return
    ends = np.cumsum([0, *(len(one.places) for one in found)])
    left = _together(found, lambda one: one.left)
    has = _together(
        found, lambda one: one.sums["labels"] > 0 if "labels" in one.sums else np.zeros(len(one.places), bool)
    )
    kinds = _together(found, lambda one: one.kinds)
    # Those of the grid that see a slide are positive ones in a grid, and nothing beside those about objects.
    behind = left & has & (kinds == KINDS.index("negative"))
    negative = left & ~has
    wanted = round(sampling.negatives * int((left & has & ~behind).sum()))
    lots = _together(
        found, lambda one: draws(sampling.seed, 2, one.number, one.places.tops, one.places.lefts)
    )
    drawn = np.zeros(len(left), bool)
    for name, share in sampling.hard.shares.items():
        score = _together(found, lambda one, name=name: one.sums.get(name, np.zeros(len(one.places))))
        # The first of exponential waiting times at rates in proportion to the scores (Efraimidis & Spirakis 2006).
        keys = np.divide(-np.log(lots), score, out=np.full(len(lots), np.inf), where=score > 0)
        taken = lightest(keys, negative & ~drawn & (score > 0), round(share * wanted))
        drawn[taken] = True
        kinds[taken] = KINDS.index(f"hard: {name.replace('_', ' ')}")
    drawn[lightest(lots, negative & ~drawn, wanted - int(drawn.sum()))] = True
    for one, begin, end in zip(found, ends[:-1], ends[1:], strict=True):
        one.kinds = kinds[begin:end]
        one.leave_out((negative & ~drawn)[begin:end] | behind[begin:end], "not drawn")


def _together(found: Sequence[_Candidates], what: Any) -> Array:
    return np.concatenate([np.asarray(what(one)) for one in found])
