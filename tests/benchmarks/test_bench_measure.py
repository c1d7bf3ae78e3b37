"""The stop-watch: what is called when, and what is made of the times. Nothing here asserts a speed."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from fake_cases import BAD, CALL, GOOD, START, noise, with_temporaries

from benchmarks import machine, measure
from benchmarks.machine import Limit, LimitName
from benchmarks.measure import interleave, peak_memory
from benchmarks.results import CaseResult, LatencyResult, Spread, StartupResult


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits in kilobytes and one call to settle: what they measure is of no interest here."""
    monkeypatch.setattr(measure, "_SETTLING", 0)
    monkeypatch.setitem(machine.LIMITS, "copy", partial(machine.copy_limit, nbytes=1024))
    monkeypatch.setitem(machine.LIMITS, "fft", partial(machine.fft_limit, windows=2))


def measured(rounds: int = 2) -> CaseResult:
    result = measure.measure(GOOD, 32, rounds)
    assert isinstance(result, CaseResult)
    return result


def test_rounds_go_round_robin_and_each_turn_starts_with_a_call_that_is_not_timed() -> None:
    calls: list[str] = []
    seconds = interleave({name: partial(calls.append, name) for name in "abc"}, rounds=2)
    assert "".join(calls) == "aabbccaabbcc"
    assert {name: len(times) for name, times in seconds.items()} == {"a": 2, "b": 2, "c": 2}


def test_who_takes_long_is_called_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "_LONG", -1.0)  # every call counts as a long one: none is for the caches
    monkeypatch.setattr(measure, "_PATIENCE", 0.05)
    calls: list[str] = []

    def slow() -> None:
        calls.append("slow")
        time.sleep(0.02)

    seconds = interleave({"quick": partial(calls.append, "quick"), "slow": slow}, rounds=6)
    assert {name: len(times) for name, times in seconds.items()} == {"quick": 6, "slow": 3}
    assert calls[:6] == ["quick", "quick", "slow", "slow", "quick", "slow"]  # the first turn of each settles


def test_the_first_call_is_left_out() -> None:
    calls: list[int] = []

    def run(image: object, factor: float) -> np.ndarray:
        calls.append(1)
        return np.zeros((32, 32), np.float32)

    result = measure.measure(replace(GOOD, run=run, peers=()), 32, rounds=3)
    assert isinstance(result, CaseResult)
    seconds = result.contenders[0].seconds
    assert len(calls) == 1 + 2 * 3
    assert seconds is not None
    assert len(seconds.each) == 3


def test_a_spread_is_the_median_and_the_quartiles() -> None:
    assert Spread.of([5, 1, 3, 2, 4]) == Spread(median=3, low=2, high=4, each=(5, 1, 3, 2, 4))


def test_every_peer_gets_the_parameters_and_a_verdict() -> None:
    states = {one.name: one.verdict.state for one in measured().contenders}
    assert states == {
        "insarfeat": "reference",
        "twin": "agrees",
        "other": "not comparable",
        "absent": "missing",
    }


def test_a_peer_that_is_not_installed_is_named_without_numbers() -> None:
    absent = measured().contenders[-1]
    assert absent.verdict.detail == "no_such_package is not installed"
    assert (absent.version, absent.seconds, absent.mpx_per_s, absent.speedup) == (None, None, None, None)


def test_a_wrong_and_a_broken_peer_are_told_apart() -> None:
    result = measure.measure(BAD, 32, rounds=1)
    assert isinstance(result, CaseResult)
    _, liar, broken = result.contenders
    assert (liar.verdict.state, liar.verdict.detail) == ("differs", "by 0.25, allowed 1e-06")
    assert (broken.verdict.state, broken.verdict.detail) == ("failed", "RuntimeError: out of order")
    assert liar.seconds
    assert broken.seconds is None


def test_rates_follow_from_the_medians() -> None:
    result = measured()
    ours, twin, *_ = result.contenders
    assert ours.seconds
    assert twin.seconds
    assert ours.mpx_per_s == pytest.approx(32 * 32 / ours.seconds.median / 1e6)
    assert twin.speedup == pytest.approx(twin.seconds.median / ours.seconds.median)
    assert ours.speedup == 1


def test_traffic_counts_inputs_and_answer() -> None:
    assert measured().traffic == 8  # float32 in, float32 out


@pytest.mark.parametrize(("name", "possible"), [("copy", 5000), ("fft", 40)])
def test_a_limit_allows_a_throughput(name: LimitName, possible: float) -> None:
    assert Limit(name, "", 1.0, lambda: None).mpx_per_s(40, traffic=8) == possible


@pytest.mark.parametrize("name", ["copy", "fft"])
def test_the_limit_is_measured_in_the_same_rounds(name: LimitName) -> None:
    result = measure.measure(replace(GOOD, limit=name), 32, rounds=1)
    assert isinstance(result, CaseResult)
    reach, ours = result.reach, result.contenders[0]
    assert reach
    assert ours.mpx_per_s
    assert reach.limit == name
    assert len(reach.seconds.each) == 1
    assert reach.fraction == pytest.approx(ours.mpx_per_s / reach.mpx_per_s)


def test_without_rounds_answers_are_compared_and_nothing_is_timed() -> None:
    result = measured(rounds=0)
    assert result.reach is None
    assert [one.seconds for one in result.contenders] == [None] * 4
    assert result.contenders[1].verdict.state == "agrees"


def test_latency_is_what_the_operator_adds() -> None:
    result = measure.measure(CALL, 0, rounds=3)
    assert isinstance(result, LatencyResult)
    assert result.operator
    assert result.direct
    assert result.overhead == result.operator.median - result.direct.median
    assert measure.measure(CALL, 0, rounds=0) == LatencyResult("call")


def test_a_statement_is_timed_in_fresh_interpreters() -> None:
    result = measure.measure(START, 0, rounds=2)
    assert isinstance(result, StartupResult)
    assert result.seconds
    assert len(result.seconds.each) == 2
    assert measure.measure(START, 0, rounds=0) == StartupResult("start", "import string")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process reset its peak memory")
def test_peak_memory_counts_temporaries_and_the_answer_but_not_the_inputs() -> None:
    size = 1024
    memory = peak_memory(noise, with_temporaries, size)
    assert memory is not None
    assert 47 < memory < 58  # 5 x 8 for the stack and 8 for its sum; the float32 answer comes on top
