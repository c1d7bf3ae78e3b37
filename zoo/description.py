"""What a model is: everything that is needed to run it, and to know what it is worth, in the header of its file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from insarfeat.errors import UnreadableInput, suggestion
from insarfeat.layers import LAYERS

FORMAT: Literal[1] = 1
"""Version of the description; a file with another one is refused."""

SYNTHETIC = (
    "Trained on synthetic scenes only. Scores on synthetic scenes say nothing about accuracy on real landslides; "
    "detections are candidates for an expert to look at."
)
"""What is said of every model that has learned from synthetic scenes, wherever its results go."""

_SYNTHETIC_DATA = "synthetic"


def joint_statement(name: str, *, together: bool = False) -> str:
    """What must be said of a model that learned from synthetic scenes and from other data.

    Parameters
    ----------
    name
        Of the other data.
    together
        Whether from both at once, not from one after the other.
    """
    return (
        f"Trained on synthetic scenes{' and' if together else ', then'} on {name}. Scores on synthetic scenes say "
        f"nothing about accuracy on real landslides, and scores on {name} hold for data like these at best; "
        "detections are candidates for an expert to look at."
    )


def statement_of(training_data: str) -> str:
    """What must be said of a model of which no more is known than what it learned from.

    Parameters
    ----------
    training_data
        As in a :class:`ModelDescription`.

    Examples
    --------
    >>> statement_of("valais-2020").split(".")[0], statement_of("synthetic + valais-2020").split(".")[0]
    ('Trained on valais-2020', 'Trained on synthetic scenes, then on valais-2020')
    """
    first, *others = training_data.split(" + ")
    named = [part for part in (first, *others) if part != _SYNTHETIC_DATA]
    if not named:
        return SYNTHETIC
    if len(named) < 1 + len(others):
        return joint_statement(" and ".join(named), together=first != _SYNTHETIC_DATA)
    return (
        f"Trained on {training_data}. What it scores holds for data like these at best; detections are candidates "
        "for an expert to look at."
    )


Role = Literal["phase", "elevation", "power", "value"]


class Band(BaseModel):
    """One band of a model's input.

    Attributes
    ----------
    name
        Canonical name of the layer; its unit is that of :data:`insarfeat.layers.LAYERS`.
    role
        "phase": enters as cosine and sine. "elevation": as its two gradients. "power": as decibels. "value": as it
        is.
    centre, scale
        What is taken away, and by what is divided; of an elevation ``scale`` is the gradient that becomes 1.
    required
        Whether the model is of no use without it. It was trained with the others missing now and then.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    role: Role = "value"
    centre: float = 0.0
    scale: float = Field(default=1.0, gt=0.0)
    required: bool = True

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.name not in LAYERS:
            raise ValueError(
                f"{self.name!r} is no layer of this version of the package{suggestion(self.name, LAYERS)}"
            )
        return self

    @property
    def units(self) -> str:
        """Unit of the layer."""
        return LAYERS[self.name].units


def steepness(bands: Sequence[Band], pixel: float, own: float) -> tuple[float, ...]:
    """What bands with pixels of another size are multiplied by, before a model sees them.

    A model takes gradients of elevations at its own pixel size; at another one they come out as on the ground when
    heights are scaled by ``pixel / own``.

    Parameters
    ----------
    bands
        The model's.
    pixel, own
        Pixel size of the model, and of the data, in metres.

    Examples
    --------
    >>> steepness([Band(name="coherence"), Band(name="elevation", role="elevation")], 20.0, 10.0)
    (1.0, 2.0)
    """
    return tuple(pixel / own if band.role == "elevation" else 1.0 for band in bands)


class ModelDescription(BaseModel):
    """Everything about a model but its numbers.

    Attributes
    ----------
    name, version
        What it is called, and which training of it this is.
    task
        "masks": a probability for each pixel. "boxes": a table of boxes with class and score.
    architecture, options
        Network, by its name in :data:`zoo.networks.NETWORKS`, and what it is built with.
    bands
        Input, in order.
    classes
        Names of what it finds, in the order of its outputs; of masks there is one.
    pixel, least_pixel, largest_pixel
        Pixel size in metres that it was trained at, and between which it may be used without resampling.
    patch
        Side of its training patches in pixels.
    threshold
        Probability, or score, from which something counts as found; chosen on validation data.
    temperature
        Logits are divided by it, so that probabilities are calibrated.
    overlap
        For boxes: two of one place overlap by more (intersection over union).
    training_data
        "synthetic", or the name of real data.
    statement
        What must be said wherever its results are shown; follows from ``training_data`` where it is not given.
    generator, seed
        What made the synthetic scenes, and the seed of the training.
    recipe
        Name of the recipe that it was trained by, and what was changed in it.
    licence, card_sha256
        Licence of the weights; hash of the card.
    made_with
        Versions of the package and of torch.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = FORMAT
    name: str = Field(min_length=1, pattern=r"^[a-z0-9][a-z0-9.+-]*$")
    version: int = Field(default=1, ge=1)
    task: Literal["masks", "boxes"]
    architecture: str
    options: dict[str, Any] = Field(default_factory=dict)
    bands: tuple[Band, ...] = Field(min_length=1)
    classes: tuple[str, ...] = Field(min_length=1)
    pixel: float = Field(gt=0.0)
    least_pixel: float = Field(gt=0.0)
    largest_pixel: float = Field(gt=0.0)
    patch: int = Field(ge=32)
    threshold: float = Field(default=0.5, ge=0.0, le=1.0)
    temperature: float = Field(default=1.0, gt=0.0)
    overlap: float = Field(default=0.45, gt=0.0, lt=1.0)
    training_data: str = "synthetic"
    statement: str = SYNTHETIC
    generator: str = ""
    seed: int = 0
    recipe: dict[str, Any] = Field(default_factory=dict)
    licence: str = "Apache-2.0"
    card_sha256: str = ""
    made_with: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _stated(cls, given: Any) -> Any:
        """A statement that is not given must not claim other data than those that are named."""
        if not isinstance(given, Mapping) or "statement" in given:
            return given
        learned_from = given.get("training_data", _SYNTHETIC_DATA)
        return {**given, "statement": statement_of(learned_from)} if isinstance(learned_from, str) else given

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [band.name for band in self.bands]
        if len(set(names)) != len(names):
            raise ValueError(f"bands are named twice: {names}")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f"classes are named twice: {self.classes}")
        if self.task == "masks" and len(self.classes) != 1:
            raise ValueError(f"a mask is of one class; got {self.classes}")
        if not self.least_pixel <= self.pixel <= self.largest_pixel:
            raise ValueError("pixel must lie between least_pixel and largest_pixel")
        return self

    @property
    def band_names(self) -> tuple[str, ...]:
        """Names of the bands in their order."""
        return tuple(band.name for band in self.bands)

    @classmethod
    def read(cls, found: Mapping[str, Any], origin: str) -> Self:
        """The description in a file's header; ``origin`` is the file's name, for the error."""
        version = found.get("format")
        if version != FORMAT:
            raise UnreadableInput(
                f"{origin} has a description of format {version!r}, and this version of the zoo reads {FORMAT}; "
                "install the version of insarfeat that the weights were made with, or newer weights"
            )
        try:
            return cls.model_validate(found)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "description"
            raise UnreadableInput(f"{origin} has a damaged description: {place}: {first['msg']}") from error
