"""The exceptions of the package, and what their messages share.

Each also inherits the builtin that fits, so that ordinary ``except`` clauses stay natural. A message names
the argument, what came, what is accepted and the fix; a misspelt name is answered with the one that was meant.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Any

_MOST_FILES = 2000


class InsarfeatError(Exception):
    """Base class of all errors raised on purpose by this package."""


class InvalidArgument(InsarfeatError, ValueError):
    """An argument has a value that the function cannot work with."""


class InvalidType(InsarfeatError, TypeError):
    """An argument is of a kind that the function does not take."""


class GridMismatch(InsarfeatError, ValueError):
    """Rasters that must share one grid do not."""


class MissingInput(InsarfeatError, FileNotFoundError):
    """A file or folder that should be read is not there."""


class UnreadableInput(InsarfeatError, ValueError):
    """A file is there but is damaged, empty, cut short or of another type."""


class OutputExists(InsarfeatError, FileExistsError):
    """The output is there already and overwriting was not asked for."""


class WriteFailed(InsarfeatError, OSError):
    """An output could not be written; what stood there before is untouched."""


class RunFailed(InsarfeatError, RuntimeError):
    """A run over tiles stopped; what was finished is kept and the next run resumes."""


class MissingExtra(InsarfeatError, ImportError):
    """An optional dependency is not installed."""


def missing_extra(what: str, extra: str) -> MissingExtra:
    """Return the error for a feature whose extra is not installed.

    >>> str(missing_extra("pictures", "plot"))
    'pictures need the extra "plot"; install it with: pip install "insarfeat[plot]"'
    """
    return MissingExtra(f'{what} need the extra "{extra}"; install it with: pip install "insarfeat[{extra}]"')


def suggestion(name: Any, known: Iterable[Any]) -> str:
    """What a misspelt name may have been meant to be, to be put right behind it; nothing where none is near.

    >>> suggestion("sensitivty", ["coherence", "sensitivity"])
    " (did you mean 'sensitivity'?)"
    >>> suggestion("VH", ["coherence", "sensitivity"])
    ''
    """
    spelt = {str(one).lower(): str(one) for one in known}
    near = get_close_matches(str(name).lower(), spelt, n=1)
    return f" (did you mean {spelt[near[0]]!r}?)" if near else ""


def check_choice(argument: str, value: object, choices: Iterable[str]) -> None:
    """Refuse what is not one of the choices.

    >>> check_choice("method", "hron", ("horn", "evans"))
    Traceback (most recent call last):
    insarfeat.errors.InvalidArgument: method must be one of 'horn', 'evans'; got 'hron' (did you mean 'horn'?)
    """
    known = tuple(choices)
    if value not in known:
        raise InvalidArgument(
            f"{argument} must be one of {', '.join(map(repr, known))}; got {value!r}{suggestion(value, known)}"
        )


def check_exists(path: Path, option: str = "") -> None:
    """Refuse a path where nothing is; where one of its folder may have been meant, that is told.

    >>> check_exists(Path("nowhere", "stack.nc"), "--dem")
    Traceback (most recent call last):
    insarfeat.errors.MissingInput: --dem: nowhere/stack.nc does not exist
    """
    if not path.exists():
        before = f"{option}: " if option else ""
        raise MissingInput(f"{before}{path} does not exist{file_nearby(path)}")


def file_nearby(path: Path) -> str:
    """What a file that is not there may have been meant to be, of those in its folder; for the end of a phrase."""
    folder = path.parent
    if not folder.is_dir():
        return ""
    try:
        there = islice(folder.iterdir(), _MOST_FILES)
        others = (other.name for other in there if bool(other.suffix) == bool(path.suffix))
        return suggestion(path.name, others)
    except OSError:  # a folder that may not be listed
        return ""
