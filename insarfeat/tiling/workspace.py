"""The folder in which a run keeps what it has finished, so that a stop at any moment loses at most a tile.

``stack.nc.partial/`` beside the output holds the plan's fingerprint, a journal with one line per finished tile,
and the tiles. A run with the same fingerprint goes on from there; any other starts afresh. Only one run at a time
may hold it.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from insarfeat.errors import RunFailed

_log = logging.getLogger(__name__)

_PLAN = "plan.json"
_JOURNAL = "journal"
_LOCK = "lock"
_DELIVERED = "delivered"


@dataclass(frozen=True)
class Workspace:
    """The folder of one run."""

    folder: Path
    run: str
    started: str
    _journal: IO[str]

    @property
    def delivered(self) -> Path:
        """Mark that is set when the output gets its name."""
        return self.folder / _DELIVERED

    def done(self, stage: str) -> set[int]:
        """Numbers of the tiles of a stage that are finished."""
        self._journal.flush()
        finished = set()
        for line in (self.folder / _JOURNAL).read_text().splitlines():
            name, _, number = line.rpartition(" ")
            if name == stage and number.isdigit():
                finished.add(int(number))
        return finished

    def mark(self, stage: str, number: int) -> None:
        """Note that a tile is finished; call it after its pixels are on disk."""
        self._journal.write(f"{stage} {number}\n")
        self._journal.flush()


def was_delivered(out: Path, work: str) -> bool:
    """Whether an earlier run was stopped after its output was in place and before it had tidied up.

    ``work`` is the name that the output had while it was made.
    """
    folder = partial_folder(out)
    return (folder / _DELIVERED).exists() and out.exists() and not (folder / work).exists()


def partial_folder(out: Path) -> Path:
    """Where a run toward this output keeps its work."""
    return out.with_name(out.name + ".partial")


@contextmanager
def workspace(out: Path, fingerprint: str) -> Iterator[Workspace]:
    """Open the workspace of an output: the one that was left if it fits, else a new one."""
    folder = partial_folder(out)
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        found = _read_plan(folder)
        if found is None or found["fingerprint"] != fingerprint:
            if found is not None:
                _log.warning("%s belongs to another plan or other inputs: starting afresh", folder.name)
            _clear(folder)
            found = {"fingerprint": fingerprint, "run": uuid.uuid4().hex[:12], "started": _now()}
            _write_plan(folder, found)
        else:
            _log.info("resuming %s, begun %s", folder.name, found["started"])
        _drop_torn_line(folder / _JOURNAL)
        with (folder / _JOURNAL).open("a") as journal:
            yield Workspace(folder, found["run"], found["started"], journal)


@contextmanager
def kept_if_worth_it(space: Workspace) -> Iterator[None]:
    """When a run fails before its first tile, leave nothing behind: there is nothing to resume."""
    try:
        yield
    except BaseException:
        if not (space.folder / _JOURNAL).stat().st_size:
            discard(space)
        raise


def discard(space: Workspace) -> None:
    """Remove the workspace after its output is in place."""
    shutil.rmtree(space.folder, ignore_errors=True)


def _read_plan(folder: Path) -> dict[str, str] | None:
    try:
        plan = json.loads((folder / _PLAN).read_text())
    except (OSError, ValueError):
        return None
    fits = isinstance(plan, dict) and {"fingerprint", "run", "started"} <= plan.keys()
    return plan if fits else None


def _write_plan(folder: Path, plan: dict[str, str]) -> None:
    temporary = folder / (_PLAN + ".new")
    temporary.write_text(json.dumps(plan, indent=1))
    temporary.replace(folder / _PLAN)


def _clear(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.name == _LOCK:
            continue
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _drop_torn_line(journal: Path) -> None:
    """A kill in the middle of a write leaves a line without its end: it does not count."""
    if not journal.exists():
        return
    text = journal.read_bytes()
    whole = text[: text.rfind(b"\n") + 1]
    if whole != text:
        journal.write_bytes(whole)


def _now() -> str:
    """The time of the run; SOURCE_DATE_EPOCH fixes it, for outputs that must not differ between runs."""
    fixed = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.now(UTC) if fixed is None else datetime.fromtimestamp(int(fixed), UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / _LOCK).open("w") as lock:
        try:
            import fcntl
        except ImportError:  # not on Windows: there two runs on one output are the user's to avoid
            yield
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RunFailed(
                f"another run is writing this output (it holds {folder.name}); wait for it, or choose another output"
            ) from error
        yield
