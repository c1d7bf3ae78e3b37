"""Our functions in tiles and on all cores, as if they were other tools."""

from __future__ import annotations

import numpy as np
import pytest
from fake_cases import double, noise

from benchmarks import spread
from benchmarks.case import CORES, TILES, Case, Spreading
from benchmarks.cases import CASES
from benchmarks.measure import measure
from benchmarks.peers import Array
from benchmarks.results import CaseResult
from insarfeat.dispatch.lazy import available_cores

TILED = [case for case in CASES if isinstance(case, Case) and case.spreading]


def on_workers(image: Array, workers: int = 1) -> Array:
    return image * np.float32(workers)


def test_tiles_and_cores_are_two_more_tools() -> None:
    assert [one.name for one in Case("layer", noise, double).others] == [TILES, CORES]
    assert [one.name for one in Case("job", noise, double, spreading=Spreading("workers")).others] == [CORES]
    assert Case("step", noise, double, spreading=None).others == ()


@pytest.mark.parametrize("one_core", [True, False])
def test_inputs_become_tiles_and_the_answer_an_array(one_core: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spread, "TILE", 16)
    seen = []

    def run(image: object, factor: float) -> object:
        seen.append(image.chunks)  # type: ignore[attr-defined]
        return image * np.float32(factor)  # type: ignore[operator]

    (image,) = noise(40)
    found = spread.InTiles(run, one_core)(image, factor=3.0)
    assert seen == [((16, 16, 8), (16, 16, 8))]
    assert isinstance(found, np.ndarray)
    np.testing.assert_array_equal(found, image * np.float32(3))


def test_a_job_is_told_how_many_cores_there_are() -> None:
    (image,) = noise(8)
    np.testing.assert_array_equal(spread.OnWorkers(on_workers)(image), image * np.float32(available_cores()))


def test_an_answer_that_tiles_change_shows() -> None:
    result = measure(Case("job", noise, on_workers, spreading=Spreading("workers")), 32, 0)
    assert isinstance(result, CaseResult)
    assert result.contenders[1].verdict.state == ("differs" if available_cores() > 1 else "agrees")


def test_most_layers_are_compared_in_tiles() -> None:
    names = {case.name for case in TILED}
    assert {"slope", "goldstein", "coherence 5 x 5", "twi", "fill", "geocode", "shadow and layover"} <= names
