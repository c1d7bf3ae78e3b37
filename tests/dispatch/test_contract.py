"""Every public operator, and one for each feature of a declaration, keeps the whole contract."""

from __future__ import annotations

import math
from typing import Any

import operators
import pytest
from contract import Case, check_contract

import insarfeat.dispatch.operator as registry
from insarfeat import filters, geometry, terrain
from insarfeat.bursts import _DERAMP, _RERAMP, _Ramp
from insarfeat.dispatch import Operator, WholeOperator
from insarfeat.dispatch.declarations import NoParameters
from insarfeat.filters.adaptive import _GOLDSTEIN
from insarfeat.filters.looks import _CELL_COHERENCE, _MULTILOOK, _MULTILOOK_ANGLES, _Turns
from insarfeat.filters.lowpass import _GAUSSIAN
from insarfeat.filters.noise import _PHASE_DEVIATION
from insarfeat.filters.pairs import (
    _COHERENCE,
    _FLATTENED,
    _INTERFEROGRAM,
    _PHASE_COHERENCE,
    _WRAPPED_PHASE,
)
from insarfeat.filters.values import _INTENSITY, _MASKED, _ROUNDED
from insarfeat.geometry import conventions
from insarfeat.geometry.ground_view import _GROUND_VIEW, _View
from insarfeat.geometry.line_of_sight import _ANGLES, _Side
from insarfeat.geometry.motion import _DECOMPOSE, _DEVIATION, _DISPLACEMENT, _DOWNSLOPE, _PHASE, _VELOCITIES
from insarfeat.geometry.sensitivity import _SENSITIVITY, _WEIGHT, _Sensitivity, _Weight
from insarfeat.geometry.slopes import _LOCAL_INCIDENCE, _R_INDEX, _SLOPE_TO_LOS, _Looking
from insarfeat.geometry.visibility import _SHADOW_LAYOVER
from insarfeat.terrain.composite import _PROJECT
from insarfeat.terrain.flow import functions as flow
from insarfeat.terrain.flow import routing, wetness
from insarfeat.terrain.surface import _SURFACE, _TEXTURE
from insarfeat.tiling import marks


def _box(image: Any, *, reach: int) -> Any:
    return operators.BOX(image, parameters=operators.Reach(reach))


def _anchored(image: Any, *, cell: int) -> Any:
    return operators.ANCHORED(image, parameters=operators.Cell(cell))


def _cells(image: Any, *, looks: tuple[int, int]) -> Any:
    return operators.CELLS(image, parameters=operators.Looks(*looks))


def _normalised(image: Any) -> Any:
    return operators.NORMALISED(image, parameters=operators.Relief(0.0))


_RAMP = _Ramp(
    25.0,
    2.0555563e-3,
    5.34e-3,
    6.4345e7,
    5.3404e-3,
    7596.4,
    (5.34e-3, -2312.0, 4.48e5),
    (5.34e-3, 35.0, -2.3e4),
)


def _deramped(slc: Any) -> Any:  # the public functions take whole bursts only; the ramp itself has no size
    return _DERAMP(slc, parameters=_RAMP)


def _reramped(slc: Any) -> Any:
    return _RERAMP(slc, parameters=_RAMP)


def _flattened(primary: Any, secondary: Any, flattening: Any) -> Any:
    return filters.interferogram(primary, secondary, flattening=flattening)


def _goldstein_by_coherence(ifg: Any, coherence: Any, **keywords: Any) -> Any:
    return filters.goldstein(ifg, alpha="coherence", coherence=coherence, **keywords)


def _all_attributes(dem: Any, **keywords: Any) -> Any:
    found = terrain.attributes(dem, ["slope", "convexity", "tri", "local_relief"], **keywords)
    return tuple(found.values()) if isinstance(found, dict) else found


_COMPOSITE = terrain.Composite(
    ("slope", "tri", "twi"),
    (20.0, 5.0, 6.0),
    (10.0, 2.0, 1.5),
    ((0.6, 0.6, -0.5), (0.1, 0.5, 0.8)),
    (1.9, 0.8),
    3.0,
    99,
)


def _components(*layers: Any) -> Any:
    return _COMPOSITE.apply(layers)


# The contract's rasters are numbers of about 50, of both signs. Where public functions refuse those, the operator
# itself is called; where they make nothing of them, what is given is brought to a range that means something.


_NOTHING = NoParameters()


def _direct(operator: Operator, parameters: Any = _NOTHING, scale: float | None = None) -> Any:
    """The operator as its public function calls it, without that function's look at what is plausible."""
    if scale is None:
        return lambda *rasters: operator(*rasters, parameters=parameters)
    return lambda *rasters: operator(*(raster * scale for raster in rasters), parameters=parameters)


def _viewed(*rasters: Any, **ground: Any) -> Any:
    """All layers of the ground's view, with a weight that is neither 0 nor 1 for such coherences."""
    layers = ("slope_to_los", "local_incidence", "r_index", "sensitivity", "signed_sensitivity")
    return _GROUND_VIEW(*rasters, parameters=_View(layers, 0.3, 0.02), **ground)


def _hidden(dem: Any, incidence: Any, heading: Any, **ground: Any) -> Any:
    return geometry.shadow_layover(dem, 40 + incidence / 10, heading / 10 - 12, **ground)


def _velocities(slope_to_los: Any, phase_deviation: Any) -> Any:
    return _values(
        geometry.detectable_velocity(
            slope_to_los / 100, baseline=12, wavelength=0.0555, phase_deviation=phase_deviation / 10
        )
    )


def _decomposed(*rasters: Any) -> Any:
    """Two looks, from the west and from the east."""
    displacements, sights, deviations = [], [], []
    for k, (east, up) in enumerate(((-0.6, 0.8), (0.5, 0.86))):
        seen, e, u, spread = rasters[4 * k : 4 * k + 4]
        displacements.append(seen)
        sights.append((e / 3000 + east, None, u / 3000 + up))
        deviations.append(abs(spread) / 50 + 1)
    return _values(geometry.decompose(displacements, sights, deviations=deviations))


def _values(found: Any) -> Any:
    return tuple(found.values()) if isinstance(found, dict) else found


PUBLIC = {
    "interferogram": Case(_INTERFEROGRAM, filters.interferogram),
    "wrapped_phase": Case(_WRAPPED_PHASE, filters.wrapped_phase),
    "coherence": Case(_COHERENCE, filters.coherence),
    "coherence 7 x 3": Case(_COHERENCE, filters.coherence, {"window": (7, 3)}),
    "unbiased coherence": Case(_COHERENCE, filters.coherence, {"unbiased": True}),
    "flattened interferogram": Case(_FLATTENED, _flattened),
    "phase coherence": Case(_PHASE_COHERENCE, filters.phase_coherence, any_kind="complex"),
    "phase coherence of a phase": Case(_PHASE_COHERENCE, filters.phase_coherence, {"window": (3, 7)}),
    "multilook coherence": Case(
        _CELL_COHERENCE, filters.multilook_coherence, {"looks": (2, 3), "unbiased": True}, flips=False
    ),
    "phase deviation": Case(_PHASE_DEVIATION, filters.phase_deviation, {"looks": 4}),
    "gaussian": Case(_GAUSSIAN, filters.gaussian, {"width": 100.0}, any_kind="complex"),
    "gaussian of a phase": Case(_GAUSSIAN, filters.gaussian, {"width": 60.0}, cyclic=True),
    "multilook": Case(_MULTILOOK, filters.multilook, {"looks": (2, 3)}, flips=False),
    "multilook of complex": Case(
        _MULTILOOK, filters.multilook, {"looks": (2, 3)}, flips=False, any_kind="complex"
    ),
    "multilook of a mask": Case(
        _MULTILOOK, filters.multilook, {"looks": (3, 2)}, flips=False, any_kind="mask"
    ),
    "multilook of angles": Case(
        _MULTILOOK_ANGLES,
        _direct(_MULTILOOK_ANGLES, _Turns(2, 3, math.pi / 180, 0.0)),
        flips=False,
        cyclic=True,
    ),
    "intensity": Case(_INTENSITY, filters.intensity),
    "rounded": Case(_ROUNDED, filters.rounded, {"precision": 0.3}),
    "masked": Case(_MASKED, filters.masked),
    "masked, complex": Case(_MASKED, filters.masked, any_kind="complex"),
    "masked, classes": Case(_MASKED, filters.masked, any_kind="mask"),
    "goldstein": Case(
        _GOLDSTEIN, filters.goldstein, {"window": 16}, flips=False, any_kind="complex", given=1
    ),
    "goldstein of a phase": Case(
        _GOLDSTEIN, filters.goldstein, {"window": 16, "alpha": 0.6}, flips=False, given=1, cyclic=True
    ),
    "classic goldstein": Case(
        _GOLDSTEIN,
        filters.goldstein,
        {"smoothing": 0, "normalize": False, "overlap": 0.5},
        flips=False,
        any_kind="complex",
        given=1,
    ),
    "goldstein by coherence": Case(
        _GOLDSTEIN,
        _goldstein_by_coherence,
        {"window": 16, "overlap": 0.875},
        flips=False,
        any_kind="complex",
    ),
    "deramp": Case(_DERAMP, _deramped, flips=False),
    "reramp": Case(_RERAMP, _reramped, flips=False),
    "slope": Case(_SURFACE, terrain.slope),
    "aspect": Case(_SURFACE, terrain.aspect, {"method": "horn"}),
    "hillshade": Case(_SURFACE, terrain.hillshade, {"method": "evans"}),
    "profile curvature": Case(_SURFACE, terrain.profile_curvature, {"variant": "saga"}),
    "plan curvature": Case(_SURFACE, terrain.plan_curvature, {"method": "evans"}),
    "tangential curvature": Case(_SURFACE, terrain.tangential_curvature, {"north": "grid"}),
    "general curvature": Case(_SURFACE, terrain.general_curvature),
    "tri": Case(_TEXTURE, terrain.tri),
    "tri of Wilson": Case(_TEXTURE, terrain.tri, {"variant": "wilson"}),
    "tri of SAGA": Case(_TEXTURE, terrain.tri, {"variant": "saga"}),
    "roughness": Case(_TEXTURE, terrain.roughness),
    "convexity": Case(_TEXTURE, terrain.convexity, {"radius": 4}),
    "convexity of eight": Case(_TEXTURE, terrain.convexity, {"radius": 3, "kernel": "eight-weighted"}),
    "local relief": Case(_TEXTURE, terrain.local_relief, {"radius": 3}),
    "topographic position": Case(_TEXTURE, terrain.topographic_position, {"radius": 2}),
    "attributes": Case(_SURFACE, _all_attributes),
    "components": Case(_PROJECT, _components, given=3),
    "line of sight from incidence": Case(
        conventions._INCIDENCE, _direct(conventions._INCIDENCE, conventions._Sight("left"))
    ),
    "line of sight of HyP3": Case(conventions._HYP3, _direct(conventions._HYP3, scale=0.01)),
    "line of sight of ISCE2": Case(conventions._ISCE2, _direct(conventions._ISCE2)),
    "line of sight of isce3": Case(
        conventions._ISCE3, _direct(conventions._ISCE3, conventions._Sight("right"))
    ),
    "line of sight of MintPy": Case(conventions._MINTPY, _direct(conventions._MINTPY)),
    "line of sight of OPERA": Case(conventions._OPERA, _direct(conventions._OPERA, scale=0.002)),
    "line of sight of LiCSAR": Case(conventions._LICSAR, _direct(conventions._LICSAR)),
    "line of sight of GMTSAR": Case(conventions._GMTSAR, _direct(conventions._GMTSAR)),
    "line of sight of FLATSIM": Case(conventions._FLATSIM_ENU, _direct(conventions._FLATSIM_ENU)),
    "line of sight of FLATSIM, NEU": Case(conventions._FLATSIM_NEU, _direct(conventions._FLATSIM_NEU)),
    "incidence and heading": Case(_ANGLES, _direct(_ANGLES, _Side("right"))),
    "shadow and layover": Case(_SHADOW_LAYOVER, _hidden),
    "slope to line of sight": Case(_SLOPE_TO_LOS, _direct(_SLOPE_TO_LOS, _Looking("right"))),
    "local incidence": Case(_LOCAL_INCIDENCE, _direct(_LOCAL_INCIDENCE, _Looking("left"))),
    "r index": Case(_R_INDEX, _direct(_R_INDEX, _Looking("right"))),
    "coherence weight": Case(_WEIGHT, _direct(_WEIGHT, _Weight(0.5, 0.02))),
    "sensitivity": Case(_SENSITIVITY, _direct(_SENSITIVITY, _Sensitivity(0.3, 0.02))),
    "signed sensitivity": Case(_SENSITIVITY, _direct(_SENSITIVITY, _Sensitivity(0.3, 0.02, True))),
    "ground view": Case(_GROUND_VIEW, _viewed),
    "displacement": Case(_DISPLACEMENT, geometry.displacement, {"wavelength": 0.0555}),
    "phase": Case(_PHASE, geometry.phase, {"wavelength": 0.0555}),
    "downslope displacement": Case(_DOWNSLOPE, geometry.downslope_displacement, {"floor": 0.3}),
    "detectable velocity": Case(_VELOCITIES, _velocities),
    "displacement deviation": Case(_DEVIATION, geometry.displacement_deviation, {"wavelength": 0.0555}),
    "decompose": Case(_DECOMPOSE, _decomposed, given=8),
    "border of the known": Case(routing._BORDER, routing._BORDER),
    "catchment area, to all lower": Case(wetness._SPREAD, wetness._SPREAD),
    "catchment area, to one": Case(wetness._SINGLE, wetness._SINGLE),
    "catchment area, across a direction": Case(wetness._SLANTING, wetness._SLANTING),
    "topographic wetness": Case(wetness._TWI, _direct(wetness._TWI, wetness._Least(1e-3))),
    "suction": Case(wetness._SUCTION, wetness._SUCTION),
    "wetness index": Case(wetness._INDEX, wetness._INDEX),
    "streams": Case(flow._REACHES, _direct(flow._REACHES, flow._Least(3.0))),
    "valid": Case(marks.VALID, marks.VALID),
    "valid, complex": Case(marks.VALID, marks.VALID, any_kind="complex"),
    "valid, mask": Case(marks.VALID, marks.VALID, any_kind="mask"),
    "clear of a flag": Case(marks.CLEAR, marks.CLEAR),
    "valid in both": Case(marks.BOTH, marks.BOTH),
    "valid by causes": Case(marks.UNSET, _direct(marks.UNSET, marks.Bits(129))),
    "causes of numbers": Case(marks.CAUSES_OF, _direct(marks.CAUSES_OF, marks.Reading("coherence", 0.3))),
    "causes of codes": Case(
        marks.CAUSES_OF,
        _direct(marks.CAUSES_OF, marks.Reading("shadow_layover")),
        any_kind="mask",
    ),
    "causes of complex numbers": Case(
        marks.CAUSES_OF, _direct(marks.CAUSES_OF, marks.Reading("ifg", footprint=True)), any_kind="complex"
    ),
    "causes of codes as numbers": Case(marks.CAUSES_OF, _direct(marks.CAUSES_OF, marks.Reading("water"))),
    "water on flat ground": Case(marks.FLAT_WATER, _direct(marks.FLAT_WATER, marks.FlatWater(90.0, 5.0))),
    "causes grown": Case(marks.GROWN, _direct(marks.GROWN, marks.Growth((("missing", 2.5), ("water", 4.0))))),
    "contamination": Case(flow._CONTAMINATED, flow._CONTAMINATED),
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
    declared = {
        operator
        for name, operator in registry._REGISTRY.items()
        # Steps over whole rasters have no blocks; tests/terrain/flow has theirs.
        # Sums over cells are no layer: of nodata they are 0; tests/pairs has theirs.
        if name.startswith("insarfeat.")
        and not isinstance(operator, WholeOperator)
        and name != "insarfeat.pairs.cells.sums"
    }
    assert declared == {case.operator for case in PUBLIC.values()}
