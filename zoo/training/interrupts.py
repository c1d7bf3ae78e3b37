"""Ctrl-C at a time when it does no harm."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self


class Interrupts:
    """While this context is open, Ctrl-C is noted, and whoever asks ``raised`` may stop where it is safe to.

    A second Ctrl-C interrupts at once. Outside of the main thread, where Python takes no signals, it does nothing.
    """

    def __init__(self) -> None:
        self.raised = False
        self._before: Any = None
        self._watching = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> Self:
        if self._watching:
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watching:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.raised:
            raise KeyboardInterrupt
        self.raised = True
