"""Items of a job that are made when the engine asks for them, so that a continent's take no memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload


class OnDemand(Sequence[Any]):
    """A sequence of what a function makes of numbers.

    >>> OnDemand(range(5), lambda number: number * number)[2:4]
    [4, 9]
    """

    def __init__(self, numbers: Sequence[int], make: Callable[[int], Any]) -> None:
        self._numbers, self._make = numbers, make

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, which: int) -> Any: ...

    @overload
    def __getitem__(self, which: slice) -> list[Any]: ...

    def __getitem__(self, which: int | slice) -> Any:
        if isinstance(which, slice):
            return [self._make(number) for number in self._numbers[which]]
        return self._make(self._numbers[which])
