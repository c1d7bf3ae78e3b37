"""The shape of the ground, from a DEM.

Each attribute is a function; :func:`attributes` computes any set of them in one pass.
"""

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

__all__ = [
    "Aspect",
    "Convexity",
    "GeneralCurvature",
    "Hillshade",
    "LocalRelief",
    "PlanCurvature",
    "ProfileCurvature",
    "Roughness",
    "Slope",
    "TangentialCurvature",
    "TopographicPosition",
    "Tri",
    "aspect",
    "attributes",
    "convexity",
    "general_curvature",
    "hillshade",
    "local_relief",
    "plan_curvature",
    "profile_curvature",
    "roughness",
    "slope",
    "tangential_curvature",
    "topographic_position",
    "tri",
]
