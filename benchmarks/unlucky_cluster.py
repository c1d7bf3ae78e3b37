"""A cluster of many small workers on this machine, some of which fare badly: what it costs, and what is moved.

Eight processes of one thread share the cores. One is killed midway, or held for nine tenths of the time, as on a
machine that others use too.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.scaling import job, local_cluster
from benchmarks.stack_study import digest

WORKERS, SIDE, TILE = 8, 8192, 1024
CASES = ("undisturbed", "a worker killed", "a slow worker")


def disturbed(name: str, folder: Path) -> dict[str, Any]:
    """One run: seconds, tasks, the graph's size, bytes between processes, and what came out."""
    import cloudpickle  # type: ignore[import-untyped]

    plan, out = job(SIDE, TILE), folder / "cluster.zarr"
    with local_cluster(WORKERS) as cluster:
        address = cluster.scheduler_address
        job(4096, 512).run(folder / "warm.zarr", overwrite=True, scheduler=address)
        victim = next(iter(cluster.workers.values())).pid
        over = threading.Event()
        moved = _loopback()
        start = time.perf_counter()
        if name == "a slow worker":
            threading.Thread(target=_hold, args=(victim, over), daemon=True).start()

        def kill(progress: Any) -> None:
            if name == "a worker killed" and progress.done >= progress.total // 3 and not over.is_set():
                over.set()
                os.kill(victim, signal.SIGKILL)

        try:
            plan.run(out, overwrite=True, scheduler=address, progress=kill)
        finally:
            over.set()
        seconds = time.perf_counter() - start
        moved = _loopback() - moved
    return {
        "seconds": seconds,
        "tasks": plan.describe().tasks,
        "graph_bytes": len(cloudpickle.dumps(plan)),
        "moved_bytes": moved,
        "input_bytes": SIDE**2 * (8 + 8 + 4),
        "digest": digest(out),
    }


def _hold(pid: int, over: threading.Event) -> None:
    """Let a process run for a tenth of the time."""
    while not over.is_set():
        os.kill(pid, signal.SIGSTOP)
        over.wait(0.09)
        os.kill(pid, signal.SIGCONT)
        over.wait(0.01)


def _loopback() -> int:
    """Bytes that have passed between this machine's processes over the network, since it started."""
    return int(Path("/sys/class/net/lo/statistics/tx_bytes").read_text(encoding="ascii"))
