"""The exceptions of the package.

Each also inherits the builtin that fits, so that ordinary ``except`` clauses stay natural. A message names
the argument, what came, what is accepted and the fix.
"""


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
