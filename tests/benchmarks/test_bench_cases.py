"""The table of cases."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fake_cases import BAD, GOOD, TABLE

import benchmarks
from benchmarks.case import AnyCase, Case, Function
from benchmarks.cases import CASES, choose
from insarfeat.errors import InvalidArgument


def test_these_tests_do_not_hide_the_package_of_the_same_name() -> None:
    assert Path(benchmarks.__file__ or "").parent != Path(__file__).parent


def test_names_are_unique() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_can_be_sent_to_another_process(case: AnyCase) -> None:
    assert pickle.loads(pickle.dumps(case)) == case


@pytest.mark.parametrize(
    "case", [case for case in CASES if isinstance(case, Case)], ids=lambda case: case.name
)
def test_inputs_have_the_size_and_are_the_same_each_time(case: Case) -> None:
    first, second = case.prepare(24), case.prepare(24)
    for one, other in zip(first, second, strict=True):
        assert one.shape == (24, 24)
        np.testing.assert_array_equal(one, other)


def test_the_table_loads_without_numba() -> None:
    code = "import sys, benchmarks.cases; raise SystemExit('numba' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_function_is_imported_when_it_is_called() -> None:
    missing = Function("no_such_package", "function")
    with pytest.raises(ModuleNotFoundError):
        missing()
    assert Function("math", "pow")(2, 3) == 8


def test_no_name_chooses_all() -> None:
    assert choose((), TABLE) == TABLE


def test_names_choose_in_the_order_of_the_table() -> None:
    assert choose(("bad", "good", "bad"), TABLE) == (GOOD, BAD)


def test_a_misspelt_name_gets_a_suggestion() -> None:
    with pytest.raises(
        InvalidArgument, match=r"no case 'goood' .did you mean 'good'\?.; there are good, bad"
    ):
        choose(("goood",), TABLE)


def test_a_name_like_no_other_gets_the_list() -> None:
    with pytest.raises(InvalidArgument, match="no case 'xyz'; there are good, bad, call, start"):
        choose(("xyz",), TABLE)
