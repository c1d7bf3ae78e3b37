"""Patches split into parts that share no ground and no slide."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument, OutputExists, WriteFailed, check_choice, missing_extra
from insarfeat.tiling.patches.parts import conflicts
from insarfeat.tiling.patches.parts.assigning import BY, Amounts, Asked, Assignment, By, assign, views_of
from insarfeat.tiling.patches.parts.conflicts import OUT, Terms, priority_of
from insarfeat.tiling.patches.parts.listings import SPLIT, Listing, listing_of
from insarfeat.tiling.patches.parts.places import Flags, Numbers
from insarfeat.tiling.patches.parts.slides import slides_in
from insarfeat.tiling.patches.parts.split_report import counts_of, notes_of, report_of

if TYPE_CHECKING:
    import pandas as pd

_NAMES = ("train", "validation", "test")


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Patches with their parts.

    Attributes
    ----------
    table
        The patches' table with two more columns: ``part`` ("" where a patch is left out) and ``reason`` (why it is).
    names, fractions
        The parts, and the shares that were asked for.
    by, seed
        As they were asked for.
    buffer
        Metres that parts keep apart.
    block
        Side of the blocks in metres; None where scenes or events were split.
    boxes
        Label boxes of the patches, where they have any.
    path
        Folder of the dataset; None where patches came as a table.
    notes
        What was assumed, and what to look at.
    """

    table: pd.DataFrame
    names: tuple[str, ...]
    fractions: tuple[float, ...]
    by: str
    seed: int
    buffer: float
    block: float | None
    boxes: pd.DataFrame | None
    path: Path | None
    notes: tuple[str, ...]

    @property
    def left_out(self) -> dict[str, int]:
        """How many patches are in no part, by reason, the most frequent first."""
        reasons = self.table["reason"][self.table["part"] == ""].value_counts()
        return {
            str(reason): int(count)
            for reason, count in sorted(reasons.items(), key=lambda one: (-one[1], one[0]))
        }

    def counts(self) -> pd.DataFrame:
        """Per part: patches, copies among them, their share, patches with labels, label pixels, and slides."""
        return counts_of(self)

    def save(self, path: str | os.PathLike[str] | None = None, *, overwrite: bool = False) -> Path:
        """Write patch, part and reason as Parquet: whole or not at all.

        Parameters
        ----------
        path
            A .parquet file, or a folder for ``split.parquet``; None is the folder of the dataset.
        overwrite
            Replace a split that is there.
        """
        target = self._target(path)
        if target.exists() and not overwrite:
            raise OutputExists(f"{target} exists; pass overwrite=True (--overwrite), or name another file")
        try:
            import pyarrow  # type: ignore[import-untyped,unused-ignore]
            from pyarrow import parquet  # type: ignore[import-untyped,unused-ignore]
        except ImportError as error:
            raise missing_extra("tables of patches", "patches") from error
        numbers = self.table["patch"] if "patch" in self.table else np.arange(len(self.table))
        columns = {
            "patch": pyarrow.array(np.asarray(numbers, np.int64)),
            "part": pyarrow.array(self.table["part"].tolist(), pyarrow.string()),
            "reason": pyarrow.array(self.table["reason"].tolist(), pyarrow.string()),
        }
        facts = {"by": self.by, "buffer": self.buffer, "block": self.block, "seed": self.seed}
        facts |= {"names": ",".join(self.names), "fractions": ",".join(map(str, self.fractions))}
        stored = pyarrow.table(columns).replace_schema_metadata({key: str(one) for key, one in facts.items()})
        temporary = target.with_name(f"{target.name}.new")
        try:
            parquet.write_table(stored, temporary)
            temporary.replace(target)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise WriteFailed(f"{target} could not be written: {error}") from error
        return target

    def __str__(self) -> str:
        return report_of(self)

    def __repr__(self) -> str:
        kept = ", ".join(f"{name} {int((self.table['part'] == name).sum())}" for name in self.names)
        return f"Split({kept}, left out {sum(self.left_out.values())})"

    def __len__(self) -> int:
        return len(self.table)

    def _target(self, path: str | os.PathLike[str] | None) -> Path:
        if path is None and self.path is None:
            raise InvalidArgument(
                "the patches came as a table, so there is no folder to save their split in; name a file, as in "
                'save("split.parquet")'
            )
        given = Path(path) if path is not None else self.path
        assert given is not None
        target = given / SPLIT if given.is_dir() else given
        if target.suffix.lower() != ".parquet":
            raise InvalidArgument(f"path must be a folder that exists, or a .parquet file; got {str(path)!r}")
        if not target.absolute().parent.is_dir():
            raise WriteFailed(f"the folder {target.absolute().parent} does not exist; create it first")
        return target


def split(
    patches: Any,
    *,
    fractions: Sequence[float] = (0.7, 0.2, 0.1),
    by: By = "block",
    buffer: float | None = None,
    seed: int = 0,
    block: float | None = None,
    names: Sequence[str] = _NAMES,
) -> Split:
    """Split patches into parts that share no pixel, no ground within a buffer and no slide.

    Units (blocks of ground, scenes, events) are given to the parts so that patches, patches with labels and label
    pixels of each class come near to the fractions. Where patches of two parts then overlap, are nearer than the
    buffer or show the same slide, the larger part gives its patch up: the smallest part keeps all of its own. Times
    and orbits see the same ground, so by them the ground is split into blocks as well, and only patches whose part
    is the same by both are kept. Several ways are tried, and the one with the best balance and the least loss is
    taken. The same table, in any order of its rows, and the same seed give the same split.

    Patches that are copies of others (column ``copy``) go to the first part only, along with their originals.

    Parameters
    ----------
    patches
        Patches of this package, the path of their folder or of a table, or a DataFrame with the columns west, south,
        east, north (or geometry); further columns are used where they are: crs, slides, label_<class>, label_pixels,
        scene, event, pair, orbit, primary_date, secondary_date, copy.
    fractions
        Shares of the parts, which add up to 1.
    by
        "block": squares of ground. "scene", "event": what belongs to one stays together. "time": the first part is
        the earliest, the last the latest, by the second image of each pair. "orbit": whole orbits.
    buffer
        Metres between parts. Patches that touch still share the noise that filters have smeared over their border,
        and atmosphere; None takes half of the patches' side. 0 keeps apart only what overlaps.
    seed
        Another seed, another split.
    block
        Side of the blocks in metres; None finds one that loses little and leaves ten or more for the smallest part.
    names
        Of the parts, as many as fractions; with two fractions, the first and the last of them.

    Returns
    -------
    Split
        ``print`` it: it tells what each part has got, what was left out and why.

    Raises
    ------
    InvalidArgument
        Where a part would have no patch: the message says what to change.

    Examples
    --------
    >>> import pandas as pd
    >>> west, south = (100.0 * one.ravel() for one in np.meshgrid(np.arange(40), np.arange(40)))
    >>> table = pd.DataFrame({"west": west, "south": south, "east": west + 200, "north": south + 200})
    >>> parts = split(table)
    >>> parts.buffer, [bool(count > 50) for count in parts.counts()["patches"]]
    (100.0, [True, True, True])
    """
    asked = _asked(fractions, by, seed, block, names)
    listing = listing_of(patches)
    if not len(listing):
        raise InvalidArgument("patches holds no patch; there is nothing to split")
    places = listing.places()
    if not len(places):
        raise InvalidArgument(
            "no patch has a known place (finite west < east, south < north); split needs to know where patches lie"
        )
    sightings = slides_in(listing)
    distance = 0.5 * places.side if buffer is None else _positive("buffer", buffer, or_zero=True)
    terms = Terms(places, sightings, distance, priority_of(asked.fractions))
    copies = np.zeros(len(listing), bool)
    if "copy" in listing.table:
        copies = listing.table["copy"].eq(True).to_numpy(bool)
    amounts = Amounts.in_listing(listing, copies)
    views = views_of(listing, asked, amounts)
    found = assign(listing, terms, asked, amounts, views)
    part, reasons = _settled(listing, terms, asked, views, found, copies)
    _check_none_empty(part, asked, distance, found.block)
    table = listing.table.copy()
    table["part"] = np.array([*asked.names, ""], dtype=object)[part]
    table["reason"] = reasons
    notes = notes_of(listing, sightings, asked, amounts, part, buffer is None)
    return Split(
        table, asked.names, asked.fractions, asked.by, asked.seed, distance, found.block, listing.boxes,
        listing.path, notes,
    )  # fmt: skip


def _settled(
    listing: Listing, terms: Terms, asked: Asked, views: Numbers | None, found: Assignment, copies: Flags
) -> tuple[Numbers, NDArray[np.object_]]:
    """Final parts, and reasons of what is left out; copies come last, as all depends on their originals."""
    names = asked.names
    wanted = np.where(copies & (found.wanted != 0), OUT, found.wanted)
    resolved = terms.resolve(wanted) if copies.any() else found.resolved
    part = resolved.part.copy()
    reasons = np.full(len(part), "", dtype=object)
    told = {
        conflicts.OVERLAP: "overlaps {}",
        conflicts.SLIDE: "has a slide of {}",
        conflicts.BUFFER: f"nearer than {terms.buffer:g} m to {{}}",
    }
    for why, text in told.items():
        for k, name in enumerate(names):
            reasons[(resolved.why == why) & (resolved.because_of == k)] = text.format(name)
    if views is not None:
        reasons[(wanted == OUT)] = f"its {asked.by} belongs to one part, its ground to another"
        reasons[views == OUT] = f"no {'date' if asked.by == 'time' else 'orbit'} known"
    reasons[copies & (wanted == OUT)] = f"a copy, and only {names[0]} has copies"
    orphans = _orphans(part, copies, listing, terms)
    part[orphans] = OUT
    reasons[orphans] = f"a copy whose original is not in {names[0]}"
    reasons[terms.places.of < 0] = "its place is not known"
    return part, reasons


def _orphans(part: Numbers, copies: Flags, listing: Listing, terms: Terms) -> Flags:
    """Copies in the first part of which no original is there: one of the same pair with the same slide."""
    asking: Flags = copies & (part == 0)
    if not asking.any():
        return asking
    originals = ~copies & (part == 0)
    seen = terms.sightings
    rasters = np.unique(
        np.char.add(listing.text("scene").astype(str), listing.text("pair").astype(str)), return_inverse=True
    )[1]
    keys = rasters[seen.patch] * max(len(seen.names), 1) + seen.slide
    met = np.isin(keys, keys[originals[seen.patch]])
    safe = np.zeros(len(part), bool)
    safe[seen.patch[met]] = True
    # Of copies without a known slide only the ground tells.
    blind = np.flatnonzero(asking & ~np.isin(np.arange(len(part)), seen.patch))
    overlapping = terms.places.near(terms.places.of[blind], np.unique(terms.places.of[originals]), 0.0) == 2
    safe[blind[overlapping]] = True
    asking &= ~safe
    return asking


def _check_none_empty(part: Numbers, asked: Asked, buffer: float, block: float | None) -> None:
    empty = [name for k, name in enumerate(asked.names) if not (part == k).any()]
    if not empty:
        return
    if block is None:
        fix = f'{asked.by}s lie on the same ground: split by="block"'
    else:
        fix = f"pass a smaller buffer= or another block= (they are {buffer:g} and {block:g} m), or cut more patches"
    raise InvalidArgument(
        f"no patch is left for {' and '.join(empty)} once nothing is shared; {fix}, or ask for fewer parts"
    )


def _asked(fractions: Any, by: Any, seed: Any, block: Any, names: Any) -> Asked:
    try:
        shares = tuple(float(share) for share in fractions)
    except (TypeError, ValueError):
        shares = ()
    if (
        len(shares) < 2
        or not all(share > 0 for share in shares)
        or not math.isclose(sum(shares), 1.0, abs_tol=1e-6)
    ):
        raise InvalidArgument(
            f"fractions must be two or more positive numbers that add up to 1, as (0.7, 0.2, 0.1); got {fractions!r}"
        )
    check_choice("by", by, BY)
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InvalidArgument(f"seed must be a whole number from 0 on; got {seed!r}")
    called = tuple(str(name) for name in names)
    if len(shares) == 2 and called == _NAMES:
        called = (called[0], called[-1])
    if len(called) != len(shares) or len(set(called)) != len(called) or "" in called:
        raise InvalidArgument(
            f"names must be as many different ones as there are fractions ({len(shares)}); got {names!r}"
        )
    size = None if block is None else _positive("block", block)
    return Asked(called, shares, by, int(seed), size)


def _positive(name: str, value: Any, *, or_zero: bool = False) -> float:
    number = (
        float(value)
        if isinstance(value, int | float | np.number) and not isinstance(value, bool)
        else math.nan
    )
    if not (math.isfinite(number) and (number > 0 or (or_zero and number == 0))):
        raise InvalidArgument(
            f"{name} must be metres, {'0 or more' if or_zero else 'above 0'}; got {value!r}"
        )
    return number
