"""Recipes: which layers a stack holds and with which parameters each is made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from insarfeat.errors import InvalidArgument, suggestion
from insarfeat.layers import EVENT_BANDS
from insarfeat.settings import Settings, is_settings_file, read_settings, validated

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Odd = Annotated[int, Field(ge=1)]


class GridPart(Settings):
    """The map on which all layers meet."""

    crs: str = Field(
        default="utm",
        description=(
            "'utm' for the UTM zone of the scene, 'own' for the CRS of the interferogram, or a code as "
            "EPSG:32632"
        ),
    )
    resolution: Positive | None = Field(
        default=15.0,
        description="side of the pixels in units of the CRS; null for about that of the interferogram",
    )


class PhasePart(Settings):
    """How the wrapped phase is filtered."""

    gaussian: Positive | None = Field(
        default=100.0,
        description="low-pass before Goldstein: wavelength in metres that keeps half; null for none",
    )
    alpha: Fraction = Field(default=1.0, description="strength of Goldstein's filter, 0 for none")
    window: Literal[16, 32, 64, 128] = Field(default=32, description="side of its windows in pixels")
    overlap: float = Field(default=0.75, description="overlap of its windows")
    smoothing: Annotated[float, Field(ge=0, le=8)] = Field(
        default=1.25, description="smoothing of each window's spectrum in bins; 0 is the classic filter"
    )
    normalize: bool = Field(default=True, description="take brightness and noise out of the spectra")

    @field_validator("overlap")
    @classmethod
    def _one_of_three(cls, overlap: float) -> float:
        if overlap not in (0.5, 0.75, 0.875):
            raise ValueError("must be 0.5, 0.75 or 0.875")
        return overlap


class CoherencePart(Settings):
    """How coherence is estimated from two images; a coherence that comes with the interferogram is taken as it is."""

    window: tuple[Odd, Odd] = Field(
        default=(5, 5), description="window in pixels of about the stack's size, azimuth and range"
    )
    unbiased: bool = Field(default=False, description="take off the bias of few pixels")

    @field_validator("window")
    @classmethod
    def _odd(cls, window: tuple[int, int]) -> tuple[int, int]:
        if any(side % 2 == 0 for side in window):
            raise ValueError("both sides must be odd, so that the window has a middle")
        return window


class SensitivityPart(Settings):
    """How coherence weighs in the sensitivity layer."""

    midpoint: Fraction = Field(default=0.3, description="coherence that counts half")
    steepness: Positive = Field(default=20.0, description="of the step from useless to trusted coherence")


class TerrainPart(Settings):
    """How the terrain is described. It is computed on the whole DEM, on the stack's lattice of pixels."""

    components: str = Field(
        default="reference-15m-v1",
        description=(
            "of terrain_pc1: reference-15m-v1 (the same ground, the same value, at 15 m), fit, or a saved one"
        ),
    )
    convexity_radius: Annotated[int, Field(ge=1, le=100)] = Field(
        default=10, description="of the layer convexity, in pixels"
    )
    tri: Literal["riley", "wilson", "saga"] = Field(default="saga", description="variant of the layer tri")
    flow: Literal["mfd", "dinf", "d8"] = Field(
        default="mfd", description="how water spreads, in twi and flow_accumulation"
    )


class UnwrapPart(Settings):
    """How the phase is unwrapped where no unwrapped phase is given."""

    looks: Annotated[float, Field(ge=1)] = Field(
        default=10.0, description="effective number of independent looks behind the coherence"
    )


class ValidityPart(Settings):
    """What makes pixels invalid. Each cause is a bit of invalid_causes; valid_mask is 1 where none of them is set."""

    causes: tuple[str, ...] = Field(
        default=("missing", "outside_footprint", "water", "layover", "shadow"),
        description="causes that count in valid_mask; of missing, outside_footprint, water, layover, shadow, "
        "low_coherence, flow_contamination",
    )
    blank: tuple[str, ...] = Field(
        default=(), description="causes for which the layers themselves are made nodata"
    )
    min_coherence: Fraction | None = Field(
        default=None, description="below it low_coherence is set; null for never"
    )
    water_coherence: Fraction | None = Field(
        default=0.25,
        description="without a water mask: water is where coherence is below this and the DEM is flat",
    )
    flat_relief: Annotated[float, Field(ge=0)] = Field(
        default=0.5, description="flat: elevations of 3 x 3 pixels differ by no more metres"
    )
    grow: dict[str, Annotated[int, Field(ge=0, le=100)]] = Field(
        default_factory=dict, description="pixels by which a cause spreads, as {water: 2}"
    )

    @field_validator("causes", "blank")
    @classmethod
    def _known(cls, causes: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_cause(name) for name in causes)

    @field_validator("grow")
    @classmethod
    def _of_causes(cls, grow: dict[str, int]) -> dict[str, int]:
        return {_cause(name): pixels for name, pixels in grow.items()}


class LabelPart(Settings):
    """How polygons become the layer landslide."""

    share: Fraction | None = Field(
        default=None, description="share of a pixel's area that must be covered; null: its centre must be"
    )
    touched: bool = Field(default=False, description="take all pixels that a polygon touches")


class Recipe(Settings):
    """A stack: its layers in their order, and how each is made.

    Examples
    --------
    >>> Recipe.named("detection").layers
    ('wrapped_phase', 'sensitivity', 'terrain_pc1')
    """

    name: str = Field(default="own", description="what the stack is called")
    layers: tuple[str, ...] = Field(min_length=1, description="in the order of the bands")
    grid: GridPart = Field(default_factory=GridPart)
    phase: PhasePart = Field(default_factory=PhasePart)
    coherence: CoherencePart = Field(default_factory=CoherencePart)
    sensitivity: SensitivityPart = Field(default_factory=SensitivityPart)
    terrain: TerrainPart = Field(default_factory=TerrainPart)
    unwrap: UnwrapPart = Field(default_factory=UnwrapPart)
    validity: ValidityPart = Field(default_factory=ValidityPart)
    labels: LabelPart = Field(default_factory=LabelPart)
    precision: dict[str, Positive] = Field(
        default_factory=dict,
        description=(
            "values are rounded to it, so that files become smaller, as {wrapped_phase: 0.01}; not for others"
        ),
    )

    @field_validator("layers")
    @classmethod
    def _known(cls, layers: tuple[str, ...]) -> tuple[str, ...]:
        from insarfeat.stacks.layers import MAKERS

        for name in layers:
            if name not in MAKERS:
                raise ValueError(f"{name!r} is no layer of stacks{suggestion(name, MAKERS)}")
        if len(set(layers)) != len(layers):
            raise ValueError("a layer is named twice")
        return layers

    @field_validator("precision")
    @classmethod
    def _of_layers(cls, precision: dict[str, float]) -> dict[str, float]:
        from insarfeat.stacks.layers import MAKERS

        for name in precision:
            if name not in MAKERS:
                raise ValueError(f"{name!r} is no layer of stacks{suggestion(name, MAKERS)}")
        return precision

    @classmethod
    def named(cls, name: str) -> Recipe:
        """One of the recipes that the package has: "detection" or "event"."""
        if name not in RECIPES:
            raise InvalidArgument(
                f"recipe {name!r} is not known{suggestion(name, RECIPES)}; there are {', '.join(RECIPES)}, or "
                "give the path of a .yaml (insarfeat stack --template detection writes one to edit)"
            )
        return cls.model_validate(RECIPES[name])

    @classmethod
    def of(cls, given: Recipe | Mapping[str, Any] | str | Path) -> Recipe:
        """A recipe by its name, from a YAML file, or from the same as a mapping."""
        if isinstance(given, Recipe):
            return given
        if isinstance(given, Mapping):
            return validated(cls, given, "the recipe")
        if not is_settings_file(given):
            return cls.named(str(given))
        return validated(cls, read_settings(given), Path(given).name)

    def changed(self, **parts: Mapping[str, Any] | Any) -> Recipe:
        """The same recipe with some values changed, as ``changed(grid={"resolution": 30})``.

        >>> Recipe.named("detection").changed(grid={"resolution": 30}).grid.resolution
        30.0
        """
        content = self.model_dump()
        for key, value in parts.items():
            old = content.get(key)
            content[key] = {**old, **value} if isinstance(old, dict) and isinstance(value, Mapping) else value
        return validated(Recipe, content, "the recipe")


RECIPES: dict[str, dict[str, Any]] = {
    "detection": {"name": "detection", "layers": ("wrapped_phase", "sensitivity", "terrain_pc1")},
    "models": {
        "name": "models",
        "layers": ("wrapped_phase", "sensitivity", "terrain_pc1", "coherence", "elevation"),
    },
    "event": {
        "name": "event",
        "layers": EVENT_BANDS,
        "grid": {"resolution": 30.0},
        "validity": {"blank": ("water", "layover", "shadow")},
    },
}
"""The stack of Mondini et al. (2026), what the shipped models of the zoo read, and the stack of Benotto (2026)."""


def _cause(name: str) -> str:
    from insarfeat.tiling import CAUSES

    if name not in CAUSES:
        raise ValueError(f"{name!r} is no cause{suggestion(name, CAUSES)}; there are {', '.join(CAUSES)}")
    return name
