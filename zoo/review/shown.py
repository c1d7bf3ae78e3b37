"""An inventory as plain text: places in a table, and who changed what."""

from __future__ import annotations

import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zoo.review.coming_back import Change
from zoo.review.going_out import DRAWN
from zoo.review.places import PROGRAM, Inventory

_WIDTH = 80
_LEAST = 6  # characters of a short name
_FOUND = "place-"
_ORDER = ("accepted", "unsure", "new", "rejected")
_RIGHT = ("km2", "cm/year")


def places_shown(kept: Inventory) -> str:
    """One line for each place: accepted ones first, rejected ones last, those seen most often before others.

    Names are as short as tells them apart, and columns that are empty throughout are left out.

    >>> print(places_shown(Inventory.empty()))
    no place yet
    """
    if not len(kept):
        return "no place yet"
    rows = sorted(kept.places.table.to_dict("records"), key=_rank)
    short = short_names([str(row["uid"]) for row in rows])
    cells = [_cells(row, short[str(row["uid"])]) for row in rows]
    names = [name for name in cells[0] if any(each[name] for each in cells)]
    return _table(names, [[each[name] for name in names] for each in cells])


def history_shown(kept: Inventory) -> str:
    """Each update in a line, and each decision of an expert in one, in the order of time."""
    short = short_names({str(uid) for uid in kept.places.table.get("uid", [])} | _uids(kept.history))
    updates: dict[str, Counter[str]] = defaultdict(Counter)
    decisions: dict[tuple[str, str, str], list[Change]] = defaultdict(list)
    for change in kept.history:
        if change.who == PROGRAM:
            updates[change.when][change.what] += 1
        else:
            decisions[change.when, change.who, change.uid].append(change)
    lines = [(when, f"{PROGRAM}: {_counted(counts)}") for when, counts in updates.items()]
    lines += [
        (when, f"{who}: {short[uid]}  {', '.join(map(_told, sorted(changes, key=_is_detail)))}")
        for (when, who, uid), changes in decisions.items()
    ]
    return "\n".join(
        _wrapped(f"{_minute(when)}  {text}") for when, text in sorted(lines, key=lambda one: one[0])
    )


def short_names(uids: Iterable[str]) -> dict[str, str]:
    """As many characters of each name as tell all apart, six at least, without the word that all begin with.

    >>> short_names(["place-0123456789abcdef", "place-0123457789abcdef"])
    {'place-0123456789abcdef': '0123456', 'place-0123457789abcdef': '0123457'}
    """
    bare = {uid: uid.removeprefix(_FOUND).removeprefix(DRAWN) for uid in uids}
    longest = max(map(len, bare.values()), default=_LEAST)
    wanted = len(set(bare.values()))
    length = next(
        (n for n in range(_LEAST, longest) if len({name[:n] for name in bare.values()}) == wanted), longest
    )
    return {uid: name[:length] for uid, name in bare.items()}


def _uids(changes: Iterable[Change]) -> set[str]:
    return {change.uid for change in changes if change.who != PROGRAM}


def _rank(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Smallest first."""
    status = str(row["status"])
    known = _ORDER.index(status) if status in _ORDER else len(_ORDER)
    share, score = (0.0 if row[name] != row[name] else float(row[name]) for name in ("share_seen", "score"))
    return known, -int(row["times_seen"]), -share, -score, str(row["uid"])


def _cells(row: Mapping[str, Any], name: str) -> dict[str, str]:
    low, high = float(row["speed_low"]), float(row["speed_high"])
    chances = int(row["chances"])
    return {
        "place": name,
        "class": _text(row["class"]),
        "status": _text(row["status"]),
        "seen": f"{int(row['times_seen'])} of {chances}" if chances else "",
        "first": _text(row["first_seen"]),
        "last": _text(row["last_seen"]),
        "km2": f"{row['area_m2'] / 1e6:.3f}",
        "cm/year": "" if low != low else f"{low:.0f}-{high:.0f}",
        "by": _text(row["reviewer"]),
    }


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns one beside the other, closer together where that brings them to 80 characters."""
    lines = [names, *rows]
    widths = [max(len(line[n]) for line in lines) for n in range(len(names))]
    gap = "  " if sum(widths) + 2 * (len(widths) - 1) <= _WIDTH else " "
    return "\n".join(
        gap.join(
            cell.rjust(width) if name in _RIGHT else cell.ljust(width)
            for name, cell, width in zip(names, line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def _counted(counts: Mapping[str, int]) -> str:
    """An update in words."""
    words = {"found": "found", "gone": "gone", "seen": "counted anew"}
    return ", ".join(f"{count} {words.get(what, what)}" for what, count in counts.items())


def _told(change: Change) -> str:
    """One thing that an expert changed; outlines are told apart by digests, which say nothing to a reader."""
    if change.what == "outline":
        return "outline redrawn"
    if change.what in ("added", "removed"):
        return f"{change.what} {change.before}{change.after}".strip()
    if not change.before:
        return f"{change.what} {change.after}"
    return f"{change.what} {change.before} -> {change.after or 'none'}"


def _is_detail(change: Change) -> bool:
    """Whether it is told after what an expert decided."""
    return change.what not in ("added", "status")


def _wrapped(line: str) -> str:
    return "\n".join(
        textwrap.wrap(
            line, _WIDTH, subsequent_indent=" " * 18, break_long_words=False, break_on_hyphens=False
        )
    )


def _minute(when: str) -> str:
    """2026-11-22T12:00:00Z as 2026-11-22 12:00."""
    return when.replace("T", " ")[:16]


def _text(value: Any) -> str:
    return "" if value is None or value != value else str(value)
