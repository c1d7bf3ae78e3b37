"""The log of a training: a row for each epoch, as a table on disk and as a line for a person."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from insarfeat.errors import MissingInput, UnreadableInput

_FIRST = ("epoch", "batches", "learning_rate", "seconds")
_OF_VALIDATION = "validation_"


@dataclass(frozen=True, slots=True)
class Row:
    """One epoch.

    Attributes
    ----------
    epoch
        Number, from 1.
    batches
        Steps in it.
    learning_rate
        Of its last step.
    seconds
        That it took, validation included; of an interrupted one, without what was done in vain.
    losses
        Means over its steps: the total, and its parts.
    validation
        Loss and scores on the validation data.
    """

    epoch: int
    batches: int
    learning_rate: float
    seconds: float
    losses: Mapping[str, float] = field(default_factory=dict)
    validation: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        told = [f"epoch {self.epoch}"]
        told += [f"{name} {value:.4g}" for name, value in self.losses.items()]
        told += [f"validation {name} {value:.4g}" for name, value in self.validation.items()]
        return ", ".join([*told, f"{self.seconds:.0f} s"])

    def as_dict(self) -> dict[str, Any]:
        """The row as plain numbers, one level deep."""
        return {
            **{name: getattr(self, name) for name in _FIRST},
            **self.losses,
            **{_OF_VALIDATION + name: value for name, value in self.validation.items()},
        }

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """The row that :meth:`as_dict` told."""
        rest = {name: float(value) for name, value in told.items() if name not in _FIRST}
        return cls(
            int(told["epoch"]),
            int(told["batches"]),
            float(told["learning_rate"]),
            float(told["seconds"]),
            {name: value for name, value in rest.items() if not name.startswith(_OF_VALIDATION)},
            {
                name.removeprefix(_OF_VALIDATION): value
                for name, value in rest.items()
                if name.startswith(_OF_VALIDATION)
            },
        )


def write_log(rows: Sequence[Row], path: Path) -> None:
    """Write all rows; the file is whole at any time."""
    told = [row.as_dict() for row in rows]
    names = list(dict.fromkeys(name for row in told for name in row)) or list(_FIRST)
    text = io.StringIO()
    table = csv.DictWriter(text, names, lineterminator="\n")
    table.writeheader()
    table.writerows(told)
    replace(path, text.getvalue().encode())


def read_log(path: str | Path) -> list[Row]:
    """The rows of a ``log.csv``.

    Parameters
    ----------
    path
        The file, or the folder of a training.
    """
    file = Path(path)
    file = file / "log.csv" if file.is_dir() else file
    if not file.is_file():
        raise MissingInput(f"{file} does not exist; a training writes it after its first epoch")
    try:
        found = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"))))
        return [Row.of({name: value for name, value in row.items() if value}) for row in found]
    except (KeyError, ValueError, TypeError) as error:
        raise UnreadableInput(f"{file.name} is no log of a training: {error}") from error


def replace(path: Path, content: bytes) -> None:
    """Write a file under another name and rename it when it is whole."""
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_bytes(content)
    temporary.replace(path)


@dataclass(frozen=True, slots=True)
class Step:
    """What is told of a training while it runs.

    Attributes
    ----------
    epoch, epochs
        Number of the epoch, from 1, and how many there will be at most.
    batch, batches
        Steps done in it, and how many it has.
    loss
        Mean over the steps of this epoch so far.
    row
        With the last step of an epoch: its row in the log.
    """

    epoch: int
    epochs: int
    batch: int
    batches: int
    loss: float
    row: Row | None = None

    @property
    def share(self) -> float:
        """Of the whole training, 0 to 1, if it does not stop early."""
        return ((self.epoch - 1) + self.batch / max(self.batches, 1)) / self.epochs


def mean(sums: Mapping[str, float], steps: int) -> dict[str, float]:
    """Sums over steps as means; NaN where there was none."""
    return {name: value / steps if steps else math.nan for name, value in sums.items()}
