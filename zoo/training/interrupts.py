"""Ctrl-C, and the signal that clusters and containers end programs by, at a time when they do no harm."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM)  # SLURM, Docker and systemd send the second


class Stopped(KeyboardInterrupt):
    """A training was stopped from outside, and its checkpoint is written.

    Attributes
    ----------
    signal
        Number of the signal that stopped it.
    """

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.signal = number


class Interrupts:
    """While this context is open, Ctrl-C and SIGTERM are noted; whoever asks ``raised`` may stop where it is safe.

    A second Ctrl-C interrupts at once. A second SIGTERM does not: clusters send it to a program and to its parents,
    which hand it on. Outside of the main thread, where Python takes no signals, all this does nothing.

    Attributes
    ----------
    raised
        Number of the first signal that came; None while there was none.
    """

    def __init__(self) -> None:
        self.raised: int | None = None
        self._before: dict[int, Any] = {}
        self._watching = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> Self:
        if self._watching:
            self._before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, signal.SIG_DFL if before is None else before)  # None: set outside of Python

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.raised is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.raised = self.raised or number
