"""Files damaged at random and read to the end, many in one process of their own: a crash there is a failure here."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

SLOWEST = 30.0
LARGEST = 1 << 28


def damaged(content: bytes, seed: int) -> tuple[bytes, str]:
    """One of five kinds of damage, half of them near the beginning, where headers are."""
    choose = random.Random(seed)
    size = len(content)
    kind = ("flipped", "cut", "spliced", "blanked", "bits")[seed % 5]
    reach = size if choose.random() < 0.5 else min(size, 4096)
    work = bytearray(content)
    if kind == "cut":
        return bytes(work[: choose.randrange(size)]), kind
    for _ in range(choose.choice((1, 1, 2, 8))):
        at = choose.randrange(reach)
        length = min(choose.choice((1, 4, 16, 64)), size - at)
        if kind == "flipped":
            work[at] = choose.randrange(256)
        elif kind == "bits":
            work[at] ^= 1 << choose.randrange(8)
        elif kind == "blanked":
            work[at : at + length] = choose.choice((b"\0", b"\xff")) * length
        else:
            source = choose.randrange(size - length + 1)
            work[at : at + length] = content[source : source + length]
    return bytes(work), kind


def everything(reader: Any, path: Path, options: dict[str, str]) -> dict[str, np.ndarray]:
    """All pixels that a reader gives."""
    from insarfeat.errors import UnreadableInput
    from insarfeat.io.products.wanted import Wanted

    if not reader.recognises(path):
        raise UnreadableInput("not recognised")
    pairs = reader.pairs_of(path)
    dataset = reader.read(path, Wanted(pair=pairs[0], **options))
    if sum(layer.nbytes for layer in dataset.variables.values()) > LARGEST:
        raise MemoryError(f"{dataset.sizes} pixels out of {path.stat().st_size} bytes")
    return {str(name): layer.values for name, layer in dataset.compute(scheduler="sync").items()}


def run(module: str, original: Path, folder: Path, cases: range, options: dict[str, str]) -> None:
    """The other process: one line for each case."""
    import warnings

    from insarfeat.errors import InsarfeatError

    warnings.simplefilter("error")
    reader = import_module(f"insarfeat.io.products.{module}")
    content = original.read_bytes()
    truth = everything(reader, original, options)
    place = folder / original.name
    for seed in cases:
        bad, kind = damaged(content, seed)
        place.unlink(missing_ok=True)
        place.write_bytes(bad)
        print(json.dumps({"begins": seed}), flush=True)
        start = time.perf_counter()
        try:
            found = everything(reader, place, options)
            same = found.keys() == truth.keys() and all(
                np.array_equal(found[name], truth[name], equal_nan=found[name].dtype.kind in "fc")
                for name in found
            )
            outcome = "same" if same else "other"
        except InsarfeatError:
            outcome = "refused"
        except Exception:
            outcome = traceback.format_exc(limit=-6)
        took = time.perf_counter() - start
        print(json.dumps({"seed": seed, "kind": kind, "outcome": outcome, "took": took}), flush=True)


def survey(
    module: str, original: Path, folder: Path, options: dict[str, str] | None = None, count: int = 1000
) -> dict[str, int]:
    """Read damaged copies of a file; how many ended how. Everything but an error of ours or an answer fails."""
    here = Path(__file__)
    code = (
        f"import sys; sys.path.insert(0, {str(here.parent)!r}); from pathlib import Path; import damaging;"
        f"damaging.run({module!r}, Path({str(original)!r}), Path({str(folder)!r}), range({count}), {options or {}!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    ended = [line for line in lines if "outcome" in line]
    last = next((line["begins"] for line in reversed(lines) if "begins" in line), None)
    assert done.returncode == 0, f"case {last} ended the process ({done.returncode}): {done.stderr[-2000:]}"
    assert len(ended) == count
    slow = [line["seed"] for line in ended if line["took"] > SLOWEST]
    assert not slow, f"cases {slow} took longer than {SLOWEST} s"
    wrong = [line for line in ended if line["outcome"] not in ("same", "other", "refused")]
    assert not wrong, f"{len(wrong)} cases, {wrong[0]['kind']} {wrong[0]['seed']}: {wrong[0]['outcome']}"
    silent = [line["seed"] for line in ended if line["kind"] == "cut" and line["outcome"] == "other"]
    assert not silent, f"cut short, and read as something else: {silent}"
    outcomes = [line["outcome"] for line in ended]
    return {name: outcomes.count(name) for name in ("same", "other", "refused")}
