"""The attributes of terrain as values that carry their parameters, as :func:`insarfeat.terrain.attributes` takes."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import ClassVar, Literal, get_args

from insarfeat.errors import InvalidArgument, InvalidType, check_choice
from insarfeat.terrain._kernels import attributes as codes

Variant = Literal["textbook", "saga"]
RuggednessVariant = Literal["riley", "wilson", "saga"]
ConvexityKernel = Literal["four", "eight", "eight-weighted"]

_RUGGEDNESS: dict[str, int] = {"riley": codes.RILEY, "wilson": codes.WILSON, "saga": codes.SAGA}
_DIAGONALS: dict[str, float] = {"four": 0.0, "eight": 1.0, "eight-weighted": math.sqrt(0.5)}

_LARGEST_RADIUS = 500


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of terrain with its parameters; use one of the classes made from it."""

    layer: ClassVar[str]
    code: ClassVar[int]
    directional: ClassVar[bool] = False  # needs the gradient, so the size of pixels

    @property
    def numbers(self) -> tuple[float, ...]:
        """The parameters as the kernel takes them."""
        return ()

    @property
    def reach(self) -> int:
        """How far beyond a cell it looks, in cells."""
        return 1

    def described(self, shared: dict[str, str]) -> str:
        """What a layer's history says, with the parameters that all attributes share."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        given = (shared | own) if self.directional else own
        inside = ", ".join(f"{name}={value!r}" for name, value in given.items())
        return f"terrain.{self.layer}({inside})"


@dataclass(frozen=True, slots=True)
class Slope(Attribute):
    """Slope in degrees: :func:`insarfeat.terrain.slope`."""

    layer = "slope"
    code = codes.SLOPE
    directional = True


@dataclass(frozen=True, slots=True)
class Aspect(Attribute):
    """Azimuth of the downslope direction: :func:`insarfeat.terrain.aspect`."""

    layer = "aspect"
    code = codes.ASPECT
    directional = True


@dataclass(frozen=True, slots=True)
class Hillshade(Attribute):
    """Light of a sun at an azimuth and an altitude, in degrees: :func:`insarfeat.terrain.hillshade`."""

    layer = "hillshade"
    code = codes.HILLSHADE
    directional = True

    azimuth: float = 315.0
    altitude: float = 45.0

    def __post_init__(self) -> None:
        _check_range("azimuth", self.azimuth, 0, 360)
        _check_range("altitude", self.altitude, 0, 90)

    @property
    def numbers(self) -> tuple[float, ...]:
        """Direction of the sun: east, north, up."""
        azimuth, altitude = math.radians(self.azimuth), math.radians(self.altitude)
        level = math.cos(altitude)
        return level * math.sin(azimuth), level * math.cos(azimuth), math.sin(altitude)


@dataclass(frozen=True, slots=True)
class _Curvature(Attribute):
    directional = True

    variant: Variant = "textbook"

    def __post_init__(self) -> None:
        check_choice("variant", self.variant, get_args(Variant))

    @property
    def numbers(self) -> tuple[float, ...]:
        """Share of the second derivatives along the axes that is taken: SAGA takes half of them."""
        return (0.5 if self.variant == "saga" else 1.0,)


@dataclass(frozen=True, slots=True)
class ProfileCurvature(_Curvature):
    """Curvature of the line of steepest descent: :func:`insarfeat.terrain.profile_curvature`."""

    layer = "profile_curvature"
    code = codes.PROFILE


@dataclass(frozen=True, slots=True)
class PlanCurvature(_Curvature):
    """Curvature of the contour line: :func:`insarfeat.terrain.plan_curvature`."""

    layer = "plan_curvature"
    code = codes.PLAN


@dataclass(frozen=True, slots=True)
class TangentialCurvature(_Curvature):
    """Curvature of the normal section along the contour: :func:`insarfeat.terrain.tangential_curvature`."""

    layer = "tangential_curvature"
    code = codes.TANGENTIAL


@dataclass(frozen=True, slots=True)
class GeneralCurvature(Attribute):
    """Minus the Laplacian, in SAGA as in the textbook: :func:`insarfeat.terrain.general_curvature`."""

    layer = "general_curvature"
    code = codes.GENERAL
    directional = True


@dataclass(frozen=True, slots=True)
class Tri(Attribute):
    """Terrain ruggedness index: :func:`insarfeat.terrain.tri`."""

    layer = "tri"

    variant: RuggednessVariant = "riley"

    def __post_init__(self) -> None:
        check_choice("variant", self.variant, tuple(_RUGGEDNESS))

    @property
    def code(self) -> int:  # type: ignore[override]
        """That of the variant."""
        return _RUGGEDNESS[self.variant]


@dataclass(frozen=True, slots=True)
class Roughness(Attribute):
    """Largest difference among a cell and its neighbours: :func:`insarfeat.terrain.roughness`."""

    layer = "roughness"
    code = codes.ROUGHNESS


@dataclass(frozen=True, slots=True)
class Convexity(Attribute):
    """Share of convex cells in a disc: :func:`insarfeat.terrain.convexity`."""

    layer = "convexity"
    code = codes.CONVEXITY

    radius: int = 10
    kernel: ConvexityKernel = "four"

    def __post_init__(self) -> None:
        _check_radius(self.radius, smallest=0)
        check_choice("kernel", self.kernel, tuple(_DIAGONALS))

    @property
    def numbers(self) -> tuple[float, ...]:
        """Weight of the diagonal neighbours."""
        return (_DIAGONALS[self.kernel],)

    @property
    def reach(self) -> int:
        """The disc, and the neighbours of the cells on its rim."""
        return self.radius + 1


@dataclass(frozen=True, slots=True)
class _Windowed(Attribute):
    radius: int = 10

    def __post_init__(self) -> None:
        _check_radius(self.radius, smallest=1)

    @property
    def numbers(self) -> tuple[float, ...]:
        """The radius."""
        return (self.radius,)

    @property
    def reach(self) -> int:
        """The radius."""
        return self.radius


@dataclass(frozen=True, slots=True)
class LocalRelief(_Windowed):
    """Largest difference in a window: :func:`insarfeat.terrain.local_relief`."""

    layer = "local_relief"
    code = codes.RELIEF


@dataclass(frozen=True, slots=True)
class TopographicPosition(_Windowed):
    """Height above the mean of a window: :func:`insarfeat.terrain.topographic_position`."""

    layer = "topographic_position"
    code = codes.POSITION


ATTRIBUTES: dict[str, type[Attribute]] = {
    made.layer: made
    for made in (
        Slope, Aspect, Hillshade, ProfileCurvature, PlanCurvature, TangentialCurvature, GeneralCurvature,
        Tri, Roughness, Convexity, LocalRelief, TopographicPosition,
    )
}  # fmt: skip
"""The attributes by the names of their layers."""


def attribute_of(name: str | Attribute) -> Attribute:
    """The attribute that a name or value means, with its usual parameters.

    >>> attribute_of("convexity")
    Convexity(radius=10, kernel='four')
    """
    if isinstance(name, Attribute):
        return name
    if isinstance(name, str):
        check_choice("name", name, tuple(ATTRIBUTES))
        return ATTRIBUTES[name]()
    raise InvalidType(
        f"names must hold names of attributes or values such as Convexity(radius=5); got {name!r}"
    )


def _check_radius(radius: object, smallest: int) -> None:
    if isinstance(radius, bool) or not isinstance(radius, int) or not smallest <= radius <= _LARGEST_RADIUS:
        raise InvalidArgument(
            f"radius must be a whole number of cells from {smallest} to {_LARGEST_RADIUS}; got {radius!r}"
        )


def _check_range(argument: str, value: object, low: float, high: float) -> None:
    if not isinstance(value, int | float) or not low <= value <= high:
        raise InvalidArgument(f"{argument} must be a number of degrees from {low} to {high}; got {value!r}")
