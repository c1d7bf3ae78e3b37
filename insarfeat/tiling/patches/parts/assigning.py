"""Which part each patch is wanted in: units of ground, scenes, times; and the best of several tries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument
from insarfeat.tiling.patches._kernels import balancing
from insarfeat.tiling.patches.parts.conflicts import OUT, Resolved, Terms
from insarfeat.tiling.patches.parts.listings import Listing
from insarfeat.tiling.patches.parts.places import Floats, Numbers, Places
from insarfeat.tiling.patches.parts.slides import linked

By = Literal["block", "scene", "event", "orbit", "time"]
BY: tuple[str, ...] = get_args(By)
ON_GROUND = ("block", "orbit", "time")
"""Splits whose parts also have ground of their own, in blocks."""

BLOCKS_PER_PART = 10
_LADDER = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512, 1024)
_STARTS, _PASSES = 8, 6
_LINKED = 0.5  # of a block: slides that link patches over more ground than that do not hold them together
_FEW_BLOCKS = 0.2  # what a test on one block only counts for, as a share of patches lost
_LOST_LABELS = 0.5  # what a lost patch with labels counts for, beyond any other


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for."""

    names: tuple[str, ...]
    fractions: tuple[float, ...]
    by: str
    seed: int
    block: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Amounts:
    """What is to be balanced: per patch 1, 1 where it has labels, and the label pixels of each class.

    Copies count for nothing: only the first part has them.
    """

    of: Floats
    weights: Floats

    @classmethod
    def in_listing(cls, listing: Listing, copies: NDArray[np.bool_]) -> Amounts:
        """Amounts of all patches of a table."""
        table = listing.table
        classes = [name for name in table if str(name).startswith("label_") and name != "label_pixels"]
        if not classes and "label_pixels" in table:
            classes = ["label_pixels"]
        pixels = table[classes].fillna(0).to_numpy(np.float64) if classes else np.zeros((len(table), 0))
        columns = [np.ones(len(table)), (pixels > 0).any(axis=1), *pixels.T]
        of = np.column_stack(columns).astype(np.float64) * ~copies[:, np.newaxis]
        weights = np.array([0.4, 0.3, *[0.3 / max(len(classes), 1)] * len(classes)])
        weights[of.sum(axis=0) == 0] = 0.0
        return cls(of, weights / (weights.sum() or 1.0))

    @property
    def totals(self) -> Floats:
        """Sums over all patches."""
        total: Floats = self.of.sum(axis=0)
        return total

    def summed(self, group: Numbers, groups: int) -> Floats:
        """Sums (group, quantity); patches of the group -1 are left out."""
        there = group >= 0
        sums = [np.bincount(group[there], column[there], groups) for column in self.of.T]
        return np.column_stack(sums)


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    """The best try: what was wanted, what came of it, and the block size in metres where there are blocks."""

    wanted: Numbers
    resolved: Resolved
    block: float | None
    score: float


def views_of(listing: Listing, asked: Asked, amounts: Amounts) -> Numbers | None:
    """Part of each patch by its time or orbit; OUT where that is not known; None where neither is asked for."""
    if asked.by not in ("time", "orbit"):
        return None
    told = _dates(listing) if asked.by == "time" else listing.text("orbit")
    names, unit = np.unique(told.astype(str), return_inverse=True)
    named = names != ""
    parts = len(asked.names)
    if named.sum() < parts:
        raise InvalidArgument(
            f'by="{asked.by}" needs at least {parts} different {asked.by}s for {parts} parts, and the patches tell '
            f'{named.sum()}; ask for fewer parts, or split by="block"'
        )
    # Ground, too, is shared out: shares that go with roots of the fractions lose least.
    roots = np.sqrt(asked.fractions)
    shares = roots / roots.sum()
    sums = amounts.summed(unit, len(names))[named]
    chosen = np.full(len(names), OUT, np.int64)
    if asked.by == "time":
        chosen[named] = _in_turn(sums[:, 0], shares)
    else:
        chosen[named] = _best_start(
            np.repeat(sums[:, np.newaxis], parts, axis=1), amounts, shares, (asked.seed, 0)
        )
    found: Numbers = chosen[unit]
    return found


def assign(
    listing: Listing, terms: Terms, asked: Asked, amounts: Amounts, views: Numbers | None
) -> Assignment:
    """Try several ways, and keep the one with the best balance and the least loss."""
    best: Assignment | None = None
    tries = 10 if len(listing) < 20_000 else 4 if len(listing) < 200_000 else 2
    for number, (size, unit) in enumerate(_divisions(listing, terms, asked, few=len(listing) >= 200_000)):
        fractions = np.array(asked.fractions)
        units = int(unit.max()) + 1
        brought = _brought(unit, units, views, amounts, len(asked.names))
        for turn in range(tries):
            chosen = _best_start(brought, amounts, fractions, (asked.seed, number, turn))
            wanted = np.where(unit >= 0, chosen[np.maximum(unit, 0)], OUT)
            if views is not None:
                wanted = np.where(wanted == views, wanted, OUT)
            resolved = terms.resolve(wanted)
            smallest = int(np.bincount(chosen, minlength=len(asked.names)).min()) if size else BLOCKS_PER_PART
            got = amounts.summed(resolved.part, len(asked.names))
            score = _score(got, amounts, asked, smallest)
            if best is None or score < best.score - 1e-9:
                best = Assignment(wanted, resolved, size, score)
            # What a part lost this time it is given beforehand next time.
            before = amounts.summed(wanted, len(asked.names))[:, 0]
            yields = np.maximum(got[:, 0], 1.0) / np.maximum(before, 1.0)
            fractions = np.array(asked.fractions) / np.clip(yields, 0.05, 1.0)
            fractions /= fractions.sum()
    if best is None:
        raise InvalidArgument("no division of the patches was found; pass block= in metres")
    return best


def _score(got: Floats, amounts: Amounts, asked: Asked, smallest: int) -> float:
    totals = amounts.totals
    value = float(balancing.score(got, totals, np.array(asked.fractions), amounts.weights, 1.0))
    if totals[1]:
        value += _LOST_LABELS * (1.0 - float(got[:, 1].sum()) / float(totals[1]))
    return value + _FEW_BLOCKS * max(0.0, 1.0 - smallest / BLOCKS_PER_PART)


def _best_start(brought: Floats, amounts: Amounts, fractions: Floats, seed: tuple[int, ...]) -> Numbers:
    """Parts of units: the best of several random starts, each moved downhill."""
    random = np.random.default_rng(seed)
    units, parts, _ = brought.shape
    there = brought[:, :, 0] > 0
    bound = there.sum(axis=1) == 1  # what only one part has anything of begins there
    best, least = np.zeros(units, np.int64), np.inf
    for _ in range(_STARTS):
        chosen: Numbers = np.asarray(random.choice(np.arange(parts), units, p=fractions), np.int64)
        chosen[bound] = there[bound].argmax(axis=1)
        order = random.permutation(units)
        balancing.balanced(brought, amounts.totals, fractions, amounts.weights, 1.0, chosen, order, _PASSES)
        got = np.array([brought[chosen == k, k].sum(axis=0) for k in range(parts)])
        value = balancing.score(got, amounts.totals, fractions, amounts.weights, 1.0)
        if value < least - 1e-12:
            best, least = chosen, value
    return best


def _brought(unit: Numbers, units: int, views: Numbers | None, amounts: Amounts, parts: int) -> Floats:
    """What each unit brings to each part (unit, part, quantity)."""
    if views is None:
        return np.ascontiguousarray(np.repeat(amounts.summed(unit, units)[:, np.newaxis], parts, axis=1))
    found = [amounts.summed(np.where(views == k, unit, -1), units) for k in range(parts)]
    return np.ascontiguousarray(np.stack(found, axis=1))


def _divisions(
    listing: Listing, terms: Terms, asked: Asked, *, few: bool
) -> Iterator[tuple[float | None, Numbers]]:
    """Ways to divide the patches: the block size, and the number of its unit for each patch; -1 without a place."""
    parts = len(asked.names)
    of = terms.places.of
    if asked.by not in ON_GROUND:
        names, unit = np.unique(listing.text(asked.by).astype(str), return_inverse=True)
        if len(names) < parts:
            raise InvalidArgument(
                f'by="{asked.by}" needs at least {parts} different {asked.by}s for {parts} parts, and the patches '
                f'tell {len(names)}; ask for fewer parts, or split by="block"'
            )
        yield None, np.where(of >= 0, unit, -1)
        return
    clumps = _Clumps.of(terms)
    sizes = [asked.block] if asked.block is not None else _sizes(clumps, terms, asked, few=few)
    for size in sizes:
        unit, units = clumps.blocks(size)
        if units < parts:
            raise InvalidArgument(
                f"the patches lie in {units} block(s) of {size:g} m, and {parts} parts need at least one each; pass "
                f"a smaller block (and buffer, now {terms.buffer:g} m), ask for fewer parts, or cut more patches"
            )
        yield size, np.where(of >= 0, unit[np.maximum(of, 0)], -1)


def _sizes(clumps: _Clumps, terms: Terms, asked: Asked, *, few: bool) -> list[float]:
    """Sizes of blocks worth trying: as large as leaves enough of them for the smallest part, and those beside."""
    step = terms.places.side + terms.buffer
    enough = BLOCKS_PER_PART / min(asked.fractions)
    able: list[float] = []
    for times in reversed(_LADDER):
        count = clumps.blocks(times * step)[1]
        if count >= len(asked.names):
            able.append(times * step)
        if count >= enough:
            break
    # The last is the largest of which there are enough, or the smallest of all; before it stand larger ones.
    return able[-2 if few else -4 :][::-1] or [_LADDER[0] * step]


@dataclass(frozen=True, slots=True, eq=False)
class _Clumps:
    """Places, and what slides link together: the middle of its clump for each, and the clump's extent in metres."""

    places: Places
    middles: Floats
    extents: Floats

    @classmethod
    def of(cls, terms: Terms) -> _Clumps:
        places = terms.places
        first = linked(len(places), terms.sightings, places.of)
        middles, extents = places.spots.copy(), np.zeros(len(places))
        several = np.bincount(first, minlength=len(places))[first] > 1
        heads, which = np.unique(first[several], return_inverse=True)
        low, high = np.full((len(heads), 2), np.inf), np.full((len(heads), 2), -np.inf)
        np.minimum.at(low, which, places.spots[several])
        np.maximum.at(high, which, places.spots[several])
        # Only the extent counts: a mean would depend on the order in which it was summed.
        middles[several] = 0.5 * (low + high)[which]
        extents[several] = places.metres(low, high)[which]
        return cls(places, middles, extents)

    def blocks(self, size: float) -> tuple[Numbers, int]:
        """Number of its block for each place, and how many there are; small clumps are in one."""
        compact = (self.extents <= _LINKED * size)[:, np.newaxis]
        cells = self.places.blocks(size, np.where(compact, self.middles, self.places.spots))
        cells -= cells.min(axis=0, initial=np.iinfo(np.int64).max)
        spans = cells.max(axis=0, initial=0) + 1
        key = (cells[:, 0] * spans[1] + cells[:, 1]) * spans[2] + cells[:, 2]
        if spans.prod() > 4 * len(key) + 1000:
            _, unit = np.unique(key, return_inverse=True)
            return unit.astype(np.int64), int(unit.max(initial=-1)) + 1
        there = np.bincount(key, minlength=int(spans.prod())) > 0
        return (np.cumsum(there) - 1)[key], int(there.sum())


def _in_turn(counts: Floats, shares: Floats) -> Numbers:
    """Parts of units that follow each other, each part with one at least.

    >>> _in_turn(np.array([1.0, 1, 1, 1, 1, 1]), np.array([0.5, 0.3, 0.2]))
    array([0, 0, 0, 1, 1, 2])
    """
    units, parts = len(counts), len(shares)
    middles = (np.cumsum(counts) - 0.5 * counts) / counts.sum()
    borders = np.searchsorted(middles, np.cumsum(shares)[:-1] - 1e-12)
    for k in range(parts - 1):
        borders[k] = min(max(borders[k], (borders[k - 1] if k else 0) + 1), units - (parts - 1 - k))
    found: Numbers = np.searchsorted(borders, np.arange(units), side="right")
    return found


def _dates(listing: Listing) -> NDArray[np.object_]:
    """When a pair was complete: the date of its second image, else of its first."""
    later, earlier = listing.text("secondary_date"), listing.text("primary_date")
    return np.where(later == "", earlier, later)
