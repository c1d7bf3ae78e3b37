"""Every public operator, and one for each feature of a declaration, keeps the whole contract."""

from __future__ import annotations

from typing import Any

import operators
import pytest
from contract import Case, check_contract

import insarfeat.dispatch.operator as registry
from insarfeat import filters, terrain
from insarfeat.filters import _COHERENCE, _INTERFEROGRAM, _MULTILOOK, _WRAPPED_PHASE
from insarfeat.terrain import _SLOPE


def _box(image: Any, *, reach: int) -> Any:
    return operators.BOX(image, parameters=operators.Reach(reach))


def _anchored(image: Any, *, cell: int) -> Any:
    return operators.ANCHORED(image, parameters=operators.Cell(cell))


def _cells(image: Any, *, looks: tuple[int, int]) -> Any:
    return operators.CELLS(image, parameters=operators.Looks(*looks))


def _normalised(image: Any) -> Any:
    return operators.NORMALISED(image, parameters=operators.Relief(0.0))


PUBLIC = {
    "interferogram": Case(_INTERFEROGRAM, filters.interferogram),
    "wrapped_phase": Case(_WRAPPED_PHASE, filters.wrapped_phase),
    "coherence": Case(_COHERENCE, filters.coherence),
    "coherence 7 x 3": Case(_COHERENCE, filters.coherence, {"window": (7, 3)}),
    "multilook": Case(_MULTILOOK, filters.multilook, {"looks": (2, 3)}, flips=False),
    "slope": Case(_SLOPE, terrain.slope),
}

FEATURES = {
    "halo from parameters": Case(operators.BOX, _box, {"reach": 3}),
    "no halo from parameters": Case(operators.BOX, _box, {"reach": 0}),
    "lopsided halo": Case(operators.LOPSIDED, operators.LOPSIDED, flips=False),
    "padded edge": Case(operators.PADDED, operators.PADDED),
    "position": Case(operators.ANCHORED, _anchored, {"cell": 4}, flips=False),
    "several outputs": Case(operators.POLAR, operators.POLAR),
    "survey": Case(operators.NORMALISED, _normalised),
    "shape change": Case(operators.CELLS, _cells, {"looks": (3, 2)}, flips=False),
    "metrics": Case(operators.AREA, operators.AREA),
}


@pytest.mark.parametrize("name", PUBLIC)
def test_public_operator_keeps_the_contract(name: str) -> None:
    check_contract(PUBLIC[name])


@pytest.mark.parametrize("name", FEATURES)
def test_feature_keeps_the_contract(name: str) -> None:
    check_contract(FEATURES[name])


def test_every_operator_of_the_package_is_checked() -> None:
    declared = {operator for name, operator in registry._REGISTRY.items() if name.startswith("insarfeat.")}
    assert declared == {case.operator for case in PUBLIC.values()}
