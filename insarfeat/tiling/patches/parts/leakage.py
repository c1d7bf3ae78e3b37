"""What a check of a split has found, to look at and to read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("overlap", "ground", "slide", "duplicate", "buffer")
MEANINGS = {
    "overlap": "the same pixels are in two parts: their footprints overlap",
    "ground": "the same ground is in two parts, in different pairs or under other bands: what does not change, such "
    "as elevation and slope, is learnt in one and met again in the other",
    "slide": "one slide is in two parts, perhaps at different times or from different orbits: it is recognised, not "
    "found",
    "duplicate": "the same tile is in two parts under two names: all bands are equal, wherever it claims to lie",
    "buffer": "patches of two parts are nearer to each other than the buffer: atmosphere, noise and filters reach "
    "across",
}
MOST_LISTED = 10_000
"""Couples of each kind that are listed; all are counted."""

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class LeakPair:
    """Two patches in two parts that share something; ``detail`` says what."""

    first: str
    first_part: str
    second: str
    second_part: str
    detail: str

    def __str__(self) -> str:
        return f"{self.first} ({self.first_part}) and {self.second} ({self.second_part}): {self.detail}"


@dataclass(frozen=True, slots=True)
class Leak:
    """All leaks of one kind.

    Attributes
    ----------
    kind
        "overlap", "ground", "slide", "duplicate" or "buffer".
    patches
        How many patches take part.
    couples
        How many couples there are of such a patch and one of another part: one for each patch, every couple once.
    pairs
        The couples, 10,000 at most.
    meaning
        What it means, in a sentence.
    """

    kind: str
    patches: int
    couples: int
    pairs: tuple[LeakPair, ...]
    meaning: str


@dataclass(frozen=True, slots=True)
class Leakage:
    """What the parts of a split share: true where there is something.

    Attributes
    ----------
    leaks
        One entry for each kind that was found.
    parts
        Patches per part.
    left_out
        Patches in no part; they are not looked at.
    checked, unchecked
        What was looked for, and what could not be, and why.
    """

    leaks: tuple[Leak, ...]
    parts: dict[str, int]
    left_out: int
    checked: tuple[str, ...]
    unchecked: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether no leak was found; look at ``unchecked``, too."""
        return not self.leaks

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of leaks that were found."""
        return tuple(leak.kind for leak in self.leaks)

    def __bool__(self) -> bool:
        return bool(self.leaks)

    def __len__(self) -> int:
        return sum(leak.couples for leak in self.leaks)

    def __iter__(self) -> Iterator[Leak]:
        return iter(self.leaks)

    def __getitem__(self, kind: str) -> Leak:
        for leak in self.leaks:
            if leak.kind == kind:
                return leak
        raise KeyError(kind)

    def table(self) -> pd.DataFrame:
        """A row per couple of patches that is listed: kind, names, parts, detail."""
        import pandas as pd

        columns = ["kind", "first", "first_part", "second", "second_part", "detail"]
        rows = [
            (leak.kind, one.first, one.first_part, one.second, one.second_part, one.detail)
            for leak in self.leaks
            for one in leak.pairs
        ]
        return pd.DataFrame(rows, columns=columns)

    def __repr__(self) -> str:
        return f"Leakage({', '.join(f'{leak.kind} {leak.patches}' for leak in self.leaks) or 'none'})"

    def __str__(self) -> str:
        sizes = ", ".join(f"{name} {count}" for name, count in self.parts.items())
        lines = [f"{'LEAKS' if self.leaks else 'no leaks'} between {sizes}"]
        if self.left_out:
            lines[0] += f"; {self.left_out} patches are in no part"
        for leak in self.leaks:
            lines.append(f"{leak.kind}: {leak.patches} patches; {leak.meaning}")
            lines += [f"    {one}" for one in leak.pairs[:_SHOWN]]
            if leak.couples > _SHOWN:
                lines.append(f"    ... and {leak.couples - _SHOWN} more couples")
        lines += [f"checked: {one}" for one in self.checked]
        lines += [f"NOT CHECKED: {one}" for one in self.unchecked]
        return "\n".join(lines)
