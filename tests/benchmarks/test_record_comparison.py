"""Two records of the benchmarks: what is real, and what is noise."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from records import noisy, record, timed

from benchmarks.comparison import LEAST_ROUNDS, Change, compare, read
from benchmarks.results import LatencyResult, Spread, StartupResult
from insarfeat.errors import InvalidArgument, MissingInput

ROUNDS = 7


def run(
    seed: int, factors: dict[str, float] | None = None, rounds: int = ROUNDS, noise: float = 0.03
) -> dict:
    """Thirty cases with a peer each, on a machine whose speed wanders from case to case and round to round."""
    generator = np.random.default_rng(seed)
    cases = []
    for number in range(30):
        name = f"case {number}"
        clock = np.exp(0.3 * generator.standard_normal() + 0.2 * generator.standard_normal(rounds))
        ours, peer, limit = (
            noisy(generator, seconds, rounds, noise) * clock
            for seconds in (0.1 * (factors or {}).get(name, 1.0), 0.7, 0.02)
        )
        cases.append(timed(name, ours, limit, peer=peer))
    return record(*cases)


def verdicts(changes: tuple[Change, ...]) -> dict[str, str]:
    return {one.name.removesuffix(" 64"): one.verdict for one in changes}


def test_noise_is_no_change() -> None:
    found = [compare(run(2 * seed), run(2 * seed + 1)) for seed in range(20)]
    told = [one.verdict for each in found for one in each.changes]
    assert len(told) == 600
    assert set(told) <= {"no change", "faster", "slower"}
    assert sum(one != "no change" for one in told) <= 6  # one in a hundred


@pytest.mark.parametrize(("factor", "word"), [(1.15, "slower"), (0.85, "faster")])
def test_a_change_of_fifteen_percent_is_found_among_others(factor: float, word: str) -> None:
    found = compare(run(1), run(2, {"case 3": factor, "case 17": factor}))
    assert {name for name, verdict in verdicts(found.changes).items() if verdict == word} >= {
        "case 3",
        "case 17",
    }
    changed = next(one for one in found.changes if one.name == "case 3 64")
    assert changed.factor == pytest.approx(factor, rel=0.06)


def test_a_machine_that_is_slower_as_a_whole_is_no_change() -> None:
    slow = run(2)
    for case in slow["cases"]:
        for one in (*case["contenders"], case["reach"]):
            one["seconds"]["each"] = [3 * value for value in one["seconds"]["each"]]
    assert set(verdicts(compare(run(1), slow).changes).values()) == {"no change"}


def test_the_noisier_the_other_tools_the_larger_a_change_must_be() -> None:
    quiet, loud = compare(run(1), run(2)), compare(run(1, noise=0.2), run(2, noise=0.2))
    assert quiet.controls == loud.controls == 30
    assert loud.floor > 2 * quiet.floor


def test_another_version_of_a_tool_is_another_tool() -> None:
    other = run(2)
    for case in other["cases"]:
        case["contenders"][1]["version"] = "2"
    found = compare(run(1), other)
    assert (found.controls, found.floor) == (0, pytest.approx(0.10))
    assert found.missing == ()


def test_three_rounds_tell_nothing_and_say_so() -> None:
    found = compare(run(1, rounds=3), run(2, {"case 3": 2.0}, rounds=3))
    assert set(verdicts(found.changes).values()) == {"too few rounds"}


@pytest.mark.parametrize("rounds", [LEAST_ROUNDS - 1, LEAST_ROUNDS])
def test_so_many_rounds_are_enough_and_no_fewer(rounds: int) -> None:
    before, after = (
        record(
            timed(
                "layer",
                noisy(np.random.default_rng(3), factor, rounds, 0.0) + 1e-9 * np.arange(rounds),
                [1.0] * rounds,
            )
        )
        for factor in (1.0, 2.0)
    )
    (change,) = compare(before, after).changes
    assert change.verdict == ("slower" if rounds >= LEAST_ROUNDS else "too few rounds")


def test_a_tool_that_was_called_less_often_is_held_against_its_own_rounds() -> None:
    limit = [1.0, 1.0, 1.0, 8.0, 8.0, 8.0, 8.0]
    one = record(timed("slow", [5.0] * 3, limit))
    assert compare(one, one).changes[0].factor == 1.0


def test_calls_and_starts_are_compared_as_they_are() -> None:
    def made(factor: float) -> dict:
        each = [factor * (1 + 0.01 * number) for number in range(ROUNDS)]
        latency = LatencyResult("call", Spread.of(each), Spread.of([1.0]), overhead=1.0)
        return record(latency, StartupResult("import", "import this", Spread.of(each)))

    assert verdicts(compare(made(1.0), made(1.5)).changes) == {"call": "slower", "import": "slower"}


def test_what_only_one_record_has_and_other_machines_are_told() -> None:
    before, after = run(1), run(2)
    after["cases"] = after["cases"][1:]
    after["machine"] |= {"cpu": "Another CPU", "versions": {**after["machine"]["versions"], "numba": "0.1"}}
    found = compare(before, after)
    assert found.missing == ("case 0 64",)
    assert found.remarks[0] == "cpu: Some CPU before, Another CPU after"
    assert found.remarks[1].startswith("numba: ")


def test_what_is_no_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="insarfeat bench writes one"):
        read(tmp_path / "none.json")
    path = tmp_path / "record.json"
    for text, word in (
        ("no JSON", "is no record"),
        ("[]", "is no record"),
        ('{"schema": 1}', "measure again"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InvalidArgument, match=word):
            read(path)
    path.write_text(json.dumps(run(1)), encoding="utf-8")
    assert read(path)["version"] == "9.9"
