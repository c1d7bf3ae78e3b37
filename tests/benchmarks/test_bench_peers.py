"""How answers are compared, and that the peers' expressions are right themselves."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
from fake_cases import ABSENT, TWIN

from benchmarks import peers
from benchmarks.case import Case
from benchmarks.cases import CASES
from benchmarks.peers import Agreement, Array, NotComparable, Program

ZEROS = np.zeros((8, 8), np.float32)


def changed(row: int, value: float) -> Array:
    answer = ZEROS.copy()
    answer[row, 4] = value
    return answer


def inputs(name: str, size: int = 48) -> tuple[Array, ...]:
    return next(case.prepare(size) for case in CASES if isinstance(case, Case) and case.name == name)


@pytest.mark.parametrize(
    ("theirs", "state"),
    [
        (ZEROS, "agrees"),
        (changed(4, 0.01), "agrees"),
        (changed(4, 0.02), "differs"),
        (changed(4, np.nan), "differs"),
        (ZEROS[1:], "differs"),
    ],
)
def test_an_answer_agrees_when_every_pixel_is_within_the_tolerance(theirs: Array, state: str) -> None:
    assert Agreement(0.015).judge(ZEROS, theirs).state == state


def test_the_verdict_says_by_how_much() -> None:
    assert Agreement(1e-5).judge(ZEROS, changed(4, -0.5)).detail == "by 0.5, allowed 1e-05"


def test_pixels_that_neither_knows_agree() -> None:
    both = changed(4, np.nan)
    assert Agreement(0).judge(both, both).state == "agrees"
    assert Agreement(0).judge(np.full_like(ZEROS, np.nan), np.full_like(ZEROS, np.nan)).state == "agrees"


def test_the_border_is_left_out_and_no_more() -> None:
    assert Agreement(0, border=1).judge(ZEROS, changed(0, 1)).state == "agrees"
    assert Agreement(0, border=1).judge(ZEROS, changed(1, 1)).state == "differs"


def test_another_definition_is_not_compared_but_explained() -> None:
    verdict = NotComparable("another window").judge(ZEROS, changed(4, 9))
    assert (verdict.state, verdict.detail, verdict.wrong) == ("not comparable", "another window", False)


def test_a_peer_knows_whether_it_is_installed_and_in_which_version() -> None:
    assert TWIN.installed
    assert TWIN.version() == np.__version__
    assert not ABSENT.installed
    assert ABSENT.version() is None


def test_a_program_is_a_peer_that_is_found_by_its_command() -> None:
    program = Program("git, with files", "git", TWIN.run, TWIN.answer)
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    said = subprocess.run(["git", "--version"], check=True, capture_output=True, text=True).stdout
    assert program.installed
    assert program.version()
    assert f"version {program.version()}" in said
    assert not program.in_process


def test_a_program_that_is_not_there_has_no_version() -> None:
    program = Program("none", "no-such-command", TWIN.run, TWIN.answer)
    assert not program.installed
    assert program.version() is None


def test_the_coherence_of_an_image_with_itself_is_one() -> None:
    image, _ = inputs("coherence 5 x 5")
    np.testing.assert_allclose(peers.scipy_coherence(image, image, window=(5, 5)), 1, rtol=1e-6)


@pytest.mark.parametrize("window", [(5, 5), (3, 11)])
def test_scipy_and_opencv_have_one_definition_of_coherence(window: tuple[int, int]) -> None:
    pytest.importorskip("cv2", reason="the extra bench is not installed")
    primary, secondary = inputs("coherence 5 x 5")
    ours = peers.scipy_coherence(primary, secondary, window)
    theirs = peers.opencv_coherence(primary, secondary, window)
    assert Agreement(1e-5, border=5).judge(ours, theirs).state == "agrees"
    assert ours.dtype == theirs.dtype == np.float32


def test_the_interferogram_carries_the_phase_of_primary_minus_secondary() -> None:
    product = peers.numpy_interferogram(np.exp(1j * np.full((2, 2), 0.75)), np.exp(1j * np.full((2, 2), 0.5)))
    np.testing.assert_allclose(np.angle(product), 0.25)
