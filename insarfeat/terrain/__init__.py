"""The shape of the ground, from a DEM.

Each attribute is a function; :func:`attributes` computes any set of them in one pass. :class:`PrincipalComponents`
makes composites of them, of which :func:`terrain_pc1` is one that ships with the package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from insarfeat.terrain.composite import Composite
from insarfeat.terrain.flow.functions import (
    basins,
    fill_depressions,
    flow_accumulation,
    flow_contamination,
    flow_direction,
    streams,
)
from insarfeat.terrain.flow.wetness import specific_catchment_area, twi, wetness_index
from insarfeat.terrain.functions import (
    aspect,
    convexity,
    general_curvature,
    hillshade,
    local_relief,
    plan_curvature,
    profile_curvature,
    roughness,
    slope,
    tangential_curvature,
    topographic_position,
    tri,
)
from insarfeat.terrain.reference import terrain_pc1
from insarfeat.terrain.requests import (
    Aspect,
    Convexity,
    GeneralCurvature,
    Hillshade,
    LocalRelief,
    PlanCurvature,
    ProfileCurvature,
    Roughness,
    Slope,
    TangentialCurvature,
    TopographicPosition,
    Tri,
)
from insarfeat.terrain.surface import attributes

if TYPE_CHECKING:
    from insarfeat.terrain.components import PrincipalComponents

__all__ = [
    "Aspect",
    "Composite",
    "Convexity",
    "GeneralCurvature",
    "Hillshade",
    "LocalRelief",
    "PlanCurvature",
    "PrincipalComponents",
    "ProfileCurvature",
    "Roughness",
    "Slope",
    "TangentialCurvature",
    "TopographicPosition",
    "Tri",
    "aspect",
    "attributes",
    "basins",
    "convexity",
    "fill_depressions",
    "flow_accumulation",
    "flow_contamination",
    "flow_direction",
    "general_curvature",
    "hillshade",
    "local_relief",
    "plan_curvature",
    "profile_curvature",
    "roughness",
    "slope",
    "specific_catchment_area",
    "streams",
    "tangential_curvature",
    "terrain_pc1",
    "topographic_position",
    "tri",
    "twi",
    "wetness_index",
]


def __getattr__(name: str) -> Any:
    # scikit-learn takes a second to load, and no other layer needs it.
    if name == "PrincipalComponents":
        from insarfeat.terrain.components import PrincipalComponents

        return PrincipalComponents
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
