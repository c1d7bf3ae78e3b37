"""Recipes: which network learns from what, and how."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, field_validator, model_validator

from insarfeat.errors import InvalidArgument, suggestion
from insarfeat.settings import Settings, is_settings_file, read_settings, validated
from zoo.description import Band
from zoo.networks import NETWORKS
from zoo.training.augment import Augmentation
from zoo.training.known import KNOWN

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]


class OptimizerPart(Settings):
    """How weights are moved."""

    name: Literal["adam", "adamw"] = Field(default="adamw", description="adam, or adamw")
    learning_rate: Positive = Field(default=1e-3, description="at its highest")
    weight_decay: NotNegative = Field(default=0.01, description="pull towards 0")
    clip: Positive | None = Field(
        default=None, description="longest gradient: longer ones are shortened; null for none"
    )


class SchedulePart(Settings):
    """How the learning rate goes with the steps."""

    name: Literal["cosine", "constant"] = Field(
        default="cosine", description="cosine: down to 0 by the last step, half a wave of it; or constant"
    )
    warm_up: NotNegative = Field(default=0.0, description="epochs in which it rises from 0")


class LossPart(Settings):
    """What is made small. For boxes it is YOLOv3's loss, and these knobs are without effect."""

    sigma: NotNegative = Field(
        default=0.0, description="labels are softened by a Gaussian of the distance to the slide, in pixels"
    )
    positive_weight: Positive = Field(
        default=1.0, description="weight of landslide pixels, background being 1"
    )
    dice: NotNegative = Field(default=0.0, description="weight of a soft Dice term beside the cross-entropy")


class Recipe(Settings):
    """A training, from the network and its bands to when it stops.

    Examples
    --------
    >>> Recipe.named("event-segformer-b2").optimizer.learning_rate
    5e-05
    """

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9.+-]*$", description="what the trained model is called, in small letters"
    )
    network: str = Field(description="architecture, by its name in zoo.networks.NETWORKS")
    options: dict[str, Any] = Field(default_factory=dict, description="what the network is built with")
    bands: tuple[Band, ...] = Field(min_length=1, description="of the input, in order")
    classes: tuple[str, ...] = Field(min_length=1, description="what is looked for")
    pixel: Positive = Field(description="metres; gradients of the elevation are told at this size")
    pixels: tuple[Positive, ...] = Field(
        default=(), description="other sizes that synthetic tiles are made at, in turn with pixel"
    )
    least_pixel: Positive = Field(description="smallest that the model may be used at without resampling")
    largest_pixel: Positive = Field(description="largest")
    patch: int = Field(ge=32, description="side of the patches in pixels")
    batch: Count = Field(description="patches to a step")
    version: Count = Field(default=1, description="of the trained model, which is called by name and version")
    epochs: Count = Field(description="at most")
    batches: Count = Field(default=500, description="to an epoch of synthetic tiles, which have no end")
    patience: Count | None = Field(
        default=None, description="epochs without a better validation after which it stops; null for never"
    )
    watch: Literal["score", "loss"] = Field(
        default="score", description="what of the validation must become better: IoU or mAP, or the loss"
    )
    optimizer: OptimizerPart = Field(default_factory=OptimizerPart)
    schedule: SchedulePart = Field(default_factory=SchedulePart)
    loss: LossPart = Field(default_factory=LossPart)
    shares: tuple[Share, Share, Share, Share] | None = Field(
        default=None,
        description="how often patches without, with few, some and many landslide pixels are drawn; null: each once",
    )
    augmentation: Augmentation = Field(
        default_factory=Augmentation, description="what chance does to each batch"
    )
    anchors: tuple[tuple[Positive, Positive], ...] | Literal["k-means"] | None = Field(
        default=None,
        description="detectors: shapes of boxes in pixels, rows and columns; k-means: found in the training boxes",
    )
    precision: Literal["auto", "float32"] = Field(
        default="auto", description="auto: bfloat16 where the processor has it"
    )
    seed: int = Field(
        default=0, ge=0, description="the same seed gives the same training, on the same machine"
    )

    @field_validator("classes", mode="before")
    @classmethod
    def _one_or_several(cls, classes: Any) -> Any:
        """One name is as good as a list of one."""
        return (classes,) if isinstance(classes, str) else classes

    @field_validator("network")
    @classmethod
    def _known(cls, network: str) -> str:
        if network not in NETWORKS:
            raise ValueError(
                f"{network!r} is no network{suggestion(network, NETWORKS)}; there are {', '.join(NETWORKS)}"
            )
        return network

    @field_validator("options")
    @classmethod
    def _plain(cls, options: dict[str, Any]) -> dict[str, Any]:
        """As they will be read back from a file."""
        try:
            plain: dict[str, Any] = json.loads(json.dumps(options))
        except TypeError as error:
            raise ValueError(f"must be numbers, texts and lists of them: {error}") from error
        return plain

    @field_validator("augmentation", mode="before")
    @classmethod
    def _known_knobs(cls, given: Any) -> Any:
        if isinstance(given, Mapping):
            knobs = [knob.name for knob in fields(Augmentation)]
            for name in given:
                if name not in knobs:
                    raise ValueError(
                        f"{name!r} is no knob{suggestion(name, knobs)}; there are {', '.join(knobs)}"
                    )
        return given

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for what, names in (("band", self.band_names), ("class", self.classes)):
            if len(set(names)) != len(names):
                raise ValueError(f"a {what} is named twice: {', '.join(names)}")
        if not self.least_pixel <= self.pixel <= self.largest_pixel:
            raise ValueError("pixel must lie between least_pixel and largest_pixel")
        if (self.task == "boxes") != (self.anchors is not None):
            needs = "needs anchors: k-means, or their shapes" if self.task == "boxes" else "takes no anchors"
            raise ValueError(f"{self.network} {needs}")
        if "anchors" in self.options:
            raise ValueError("anchors belong into the recipe's own key, not into options")
        return self

    @property
    def task(self) -> Literal["masks", "boxes"]:
        """What the network gives."""
        return NETWORKS[self.network].task

    @property
    def band_names(self) -> tuple[str, ...]:
        """Names of the bands in their order."""
        return tuple(band.name for band in self.bands)

    @property
    def optional_bands(self) -> tuple[str, ...]:
        """Bands that a model may have to do without."""
        return tuple(band.name for band in self.bands if not band.required)

    @classmethod
    def named(cls, name: str) -> Recipe:
        """One of the recipes that the zoo has; :data:`RECIPES` names them."""
        if name not in KNOWN:
            raise InvalidArgument(
                f"recipe {name!r} is not known{suggestion(name, KNOWN)}; there are {', '.join(KNOWN)}, or give the "
                "path of a .yaml"
            )
        return validated(cls, {"name": name, **KNOWN[name]}, name)

    @classmethod
    def of(cls, given: Recipe | Mapping[str, Any] | str | Path) -> Recipe:
        """A recipe by its name, from a YAML file, or from the same as a mapping.

        A file, or a mapping, with the key ``like`` starts from the recipe of that name and changes the rest.
        """
        if isinstance(given, Recipe):
            return given
        if isinstance(given, Mapping):
            return cls._from(given, "the recipe")
        if not is_settings_file(given):
            return cls.named(str(given))
        return cls._from(read_settings(given), Path(given).name)

    def changed(self, **parts: Mapping[str, Any] | Any) -> Recipe:
        """The same recipe with some values changed, as ``changed(optimizer={"learning_rate": 1e-4}, epochs=3)``.

        >>> Recipe.named("mirage-yolo").changed(loss={"sigma": 2}, epochs=3).epochs
        3
        """
        return validated(Recipe, _merged(self.content(), parts), "the recipe")

    def content(self) -> dict[str, Any]:
        """The recipe as plain numbers, texts, lists and dicts."""
        return self.model_dump(mode="json")

    def differences(self) -> dict[str, Any]:
        """What is not as in the zoo's recipe of this name; everything where there is none."""
        mine = self.content()
        if self.name not in KNOWN:
            return mine
        known = Recipe.named(self.name).content()
        return {key: value for key, value in mine.items() if value != known[key]}

    def yaml(self) -> str:
        """The recipe as the text of a file, each key explained."""
        lines: list[str] = []
        for key, value in self.content().items():
            told = type(self).model_fields[key].description
            lines += [f"# {told}"] if told else []
            flow = None if isinstance(value, dict | list) else False  # one line for each band and each part
            text = yaml.safe_dump({key: value}, sort_keys=False, default_flow_style=flow, width=100)
            lines.append(text.rstrip())

        return "\n".join(lines) + "\n"

    @classmethod
    def _from(cls, content: Mapping[str, Any], what: str) -> Recipe:
        if "like" not in content:
            return validated(cls, content, what)
        changes = {key: value for key, value in content.items() if key != "like"}
        return validated(cls, _merged(cls.named(str(content["like"])).content(), changes), what)


RECIPES = tuple(KNOWN)
"""Names of the recipes that the zoo has."""


_PARTS = ("optimizer", "schedule", "loss", "augmentation", "options")


def _merged(content: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(content)
    for key, value in changes.items():
        inner = key in _PARTS and isinstance(value, Mapping)
        merged[key] = {**content.get(key, {}), **value} if inner else value
    return merged
