"""What a case is: a row of the table of benchmarks."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from benchmarks.machine import LimitName
from benchmarks.peers import Agreement, Array, NotComparable, Peer
from benchmarks.spread import OURS, InTiles, OnWorkers

TILES, CORES = f"{OURS}, in tiles", f"{OURS}, all cores"


@dataclass(frozen=True, slots=True)
class Function:
    """A function that is imported when it is called; unlike a lambda it can be sent to another process."""

    module: str
    name: str

    def load(self) -> Callable[..., Any]:
        """Import the function."""
        function: Callable[..., Any] = getattr(importlib.import_module(self.module), self.name)
        return function

    def __call__(self, *arguments: Any, **parameters: Any) -> Any:
        return self.load()(*arguments, **parameters)


@dataclass(frozen=True, slots=True)
class Spreading:
    """How a function of the package is given more than one core.

    Attributes
    ----------
    by
        "tiles": its inputs become Dask arrays, and the graph runs on threads. "workers": it takes how many itself.
    answer
        How what comes out must compare with the answer in memory on one core.
    """

    by: Literal["tiles", "workers"] = "tiles"
    answer: Agreement | NotComparable = field(default_factory=lambda: Agreement(0))


@dataclass(frozen=True, slots=True)
class Case:
    """A function of the package against its peers and a limit of the machine.

    Attributes
    ----------
    prepare
        Makes the inputs for images of size x size pixels.
    run
        Function of the package, or of ours about one; its module-level name must find it, as it runs in another
        process.
    sizes
        Sizes to measure at, in pixels.
    parameters
        Keyword arguments that the function and all its peers are called with.
    limit
        The limit of the machine to compare with.
    spreading
        How it runs in tiles and on all cores; None for what is part of a function, or of no size.
    least
        Pixels that the images must have on a side.
    """

    name: str
    prepare: Callable[[int], tuple[Array, ...]]
    run: Callable[..., Array]
    peers: tuple[Peer, ...] = ()
    sizes: tuple[int, ...] = (4096,)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    limit: LimitName = "copy"
    spreading: Spreading | None = Spreading()
    least: int = 16

    @property
    def others(self) -> tuple[Peer, ...]:
        """Everyone to compare with: ourselves in tiles and on all cores, then the peers."""
        match self.spreading:
            case Spreading("tiles", answer):
                ways: dict[str, Callable[..., Array]] = {
                    TILES: InTiles(self.run, one_core=True),
                    CORES: InTiles(self.run, one_core=False),
                }
            case Spreading("workers", answer):
                ways = {CORES: OnWorkers(self.run)}
            case _:
                return self.peers
        return (*(Peer(name, OURS, way, answer) for name, way in ways.items()), *self.peers)


Call = Callable[[], object]
_NO_SIZE = (0,)  # measured once, whatever size is asked for


@dataclass(frozen=True, slots=True)
class Latency:
    """What a call costs beside its arithmetic; ``pair`` gives the call by the operator and the direct one."""

    sizes: ClassVar = _NO_SIZE
    name: str
    pair: Callable[[], tuple[Call, Call]]
    calls: int = 1000


@dataclass(frozen=True, slots=True)
class Startup:
    """What a statement costs in a fresh interpreter."""

    sizes: ClassVar = _NO_SIZE
    name: str
    statement: str


AnyCase = Case | Latency | Startup
