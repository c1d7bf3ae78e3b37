"""What a training learns from and is judged by: from the word "synthetic", a folder, or a source of one's own."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from insarfeat.errors import InvalidArgument, InvalidType, MissingInput, file_nearby, suggestion
from zoo.description import SYNTHETIC, joint_statement, statement_of
from zoo.networks import NETWORKS
from zoo.training.at_pixel import AtPixel
from zoo.training.labelled import LANDSLIDE
from zoo.training.recipes import Recipe
from zoo.training.samples import PatchSamples, Source, SyntheticOptions, SyntheticSamples
from zoo.training.stored import StoredSamples

SYNTHETIC_DATA = "synthetic"
"""The data that are made while a network learns; also what is told of models that learned from such data."""

_log = logging.getLogger(__name__)

_TRAIN, _VALIDATION = "train", "validation"
_STORED = "tiles.json"  # in each part of a folder of stored tiles
_VALIDATION_TILES = 512
_OTHER_SEED = 1 << 20  # far from the seeds that a user counts up


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where data come from, as a model's description tells it.

    Attributes
    ----------
    training_data
        "synthetic", or the name of real data.
    statement
        What must be said of a model that learned from them.
    generator
        Digest of what made synthetic ones.
    """

    training_data: str
    statement: str
    generator: str = ""

    @classmethod
    def of_real(cls, name: str) -> Provenance:
        """Of data that somebody labelled.

        >>> Provenance.of_real("valais-2020").training_data
        'valais-2020'
        """
        return cls(name, statement_of(name))

    @classmethod
    def of_mixed(cls, name: str) -> Provenance:
        """Of data of which some are synthetic scenes.

        >>> Provenance.of_mixed("valais-2020").training_data
        'synthetic + valais-2020'
        """
        return cls(f"{SYNTHETIC_DATA} + {name}", joint_statement(name, together=True))


@dataclass(frozen=True, slots=True)
class Material:
    """Data of a training.

    Attributes
    ----------
    train, validation
        What weights are moved by, and what they are judged by.
    provenance
        Where the training data come from.
    """

    train: Source
    validation: Source
    provenance: Provenance

    @property
    def judged_on_synthetic(self) -> bool | None:
        """Whether any of the validation data is synthetic; None where that is not known."""
        return self.validation.synthetic if isinstance(self.validation, AtPixel) else None

    def looks(self) -> dict[str, Any]:
        """What of the data must be the same when a training goes on."""
        return {
            "training_data": self.provenance.training_data,
            "generator": self.provenance.generator,
            "train": _looks(self.train),
            "validation": _looks(self.validation),
        }

    def renamed(self, training_data: str, statement: str) -> Material:
        """The same data under another name."""
        return replace(
            self, provenance=replace(self.provenance, training_data=training_data, statement=statement)
        )


def gathered(recipe: Recipe, data: Any, validation: Any = None) -> Material:
    """Find the data that a recipe can learn from.

    Parameters
    ----------
    recipe
        What is to be learned.
    data
        "synthetic"; a folder of patches, or of stored tiles; or a source.
    validation
        The same kinds of things. None: of a folder, its part "validation"; of "synthetic", tiles of another seed.
    """
    train = _source(recipe, data, _TRAIN)
    if validation is None:
        if _is_source(data):
            raise InvalidArgument(
                "validation is missing: with a source of one's own for training, another one has to be given for "
                "choosing the best epoch and the threshold"
            )
        validation = data
    judged = _source(recipe, validation, _VALIDATION)
    for what, source in (("data", train), ("validation", judged)):
        _check(recipe, source, what)
    train_at, judged_at = (AtPixel(source, recipe.bands, recipe.pixel) for source in (train, judged))
    return Material(train_at, judged_at, _provenance(train, data))


def _is_source(data: Any) -> bool:
    return all(hasattr(data, name) for name in ("bands", "classes", "pixel", "size", "length", "epoch"))


def _source(recipe: Recipe, data: Any, part: str) -> Source:
    if _is_source(data):
        source: Source = data
        return source
    if not isinstance(data, str | Path):
        raise InvalidType(
            f'data must be "synthetic", the path of a folder, or a source of samples; got {type(data).__name__}'
        )
    return _synthetic(recipe, part) if data == SYNTHETIC_DATA else _from_folder(recipe, Path(data), part)


def _synthetic(recipe: Recipe, part: str) -> Source:
    """Tiles made while they are needed. Those for validation are the same in each epoch, and few."""
    training = part == _TRAIN
    return SyntheticSamples(
        recipe.band_names,
        recipe.classes,
        size=recipe.patch,
        pixel=recipe.pixel,
        batch=recipe.batch,
        length=recipe.batches if training else max(1, min(_VALIDATION_TILES // recipe.batch, recipe.batches)),
        seed=recipe.seed if training else recipe.seed + _OTHER_SEED,
        options=SyntheticOptions(
            part="train" if training else "validation",
            pixels=(recipe.pixel, *recipe.pixels) if recipe.pixels else (),
        ),
    )


def _from_folder(recipe: Recipe, folder: Path, part: str) -> Source:
    if not folder.is_dir():
        near = suggestion(folder, [SYNTHETIC_DATA]) or file_nearby(folder)
        raise MissingInput(
            f'{folder} is no folder{near}; give one of patches, one of stored tiles, or the word "synthetic"'
        )
    shares = recipe.shares if part == _TRAIN else None
    if (folder / part / _STORED).exists() or (folder / _TRAIN / _STORED).exists():
        return StoredSamples(
            folder,
            recipe.band_names,
            recipe.classes,
            batch=recipe.batch,
            part="train" if part == _TRAIN else "validation",
            seed=recipe.seed,
            weights=shares,
        )
    from insarfeat import tiling

    patches = tiling.open_patches(folder)
    _check_classes(recipe, patches)
    if part == _TRAIN:
        _warn_of_others(recipe, patches)
    return PatchSamples(
        patches,
        recipe.band_names,
        recipe.classes,
        batch=recipe.batch,
        part=part,
        weights=shares,
        seed=recipe.seed,
        optional=recipe.optional_bands,
    )


def _check_classes(recipe: Recipe, patches: Any) -> None:
    """Whether patches have what the recipe looks for; if not, what to write."""
    if recipe.classes == (LANDSLIDE,) or not patches.classes:
        return
    absent = [name for name in recipe.classes if name not in patches.classes]
    if absent:
        there = ",".join(patches.classes)
        raise InvalidArgument(
            f"the recipe {recipe.name!r} looks for {', '.join(absent)}{suggestion(absent[0], patches.classes)}, "
            f"which the patches do not have; they have {', '.join(patches.classes)}. Change what it looks for: "
            f"--set classes={there}, or --set classes={LANDSLIDE} for all of them as one (of a Recipe: "
            "changed(classes=...))"
        )


def _warn_of_others(recipe: Recipe, patches: Any) -> None:
    """Tell of labels that nothing is learned from, because the recipe does not name their class."""
    if recipe.classes == (LANDSLIDE,):
        return
    chosen = patches.part(_TRAIN)
    counted = chosen.boxes["class"][chosen.boxes["patch"].isin(chosen.table["patch"])].value_counts()
    others = sorted(name for name in counted.index if name not in recipe.classes)
    if others:
        _log.warning(
            "%d of %d boxes in the training patches are of %s, which the recipe does not look for: they are ignored, "
            "neither found nor background. Name more classes with --set classes=..., or all as one with "
            "--set classes=%s",
            counted[others].sum(), counted.sum(), ", ".join(others), LANDSLIDE,
        )  # fmt: skip


def _check(recipe: Recipe, source: Source, what: str) -> None:
    """Whether a source gives what the recipe asks for."""
    for named, wanted, got in (
        ("bands", recipe.band_names, tuple(source.bands)),
        ("classes", recipe.classes, tuple(source.classes)),
    ):
        if wanted != got:
            raise InvalidArgument(
                f"{what} has the {named} {', '.join(got)}, and the recipe {recipe.name!r} needs {', '.join(wanted)}, "
                "in this order"
            )
    if not recipe.least_pixel <= source.pixel <= recipe.largest_pixel:
        raise InvalidArgument(
            f"{what} has pixels of {source.pixel:g} m, and the recipe {recipe.name!r} is for {recipe.least_pixel:g} "
            f"to {recipe.largest_pixel:g} m; resample the stacks that the patches are cut from, or change the recipe"
        )
    multiple = NETWORKS[recipe.network].multiple
    if recipe.task == "boxes" and source.size % multiple:
        raise InvalidArgument(
            f"{what} has patches of {source.size} pixels, and {recipe.network} needs a multiple of {multiple}"
        )
    if source.length < 1:
        raise InvalidArgument(f"{what} holds no patches")


def _provenance(source: Source, data: Any) -> Provenance:
    if isinstance(source, PatchSamples) and source.synthetic:
        return (
            Provenance(SYNTHETIC_DATA, SYNTHETIC)
            if source.all_synthetic
            else Provenance.of_mixed(_name(data))
        )
    if isinstance(source, SyntheticSamples | StoredSamples):
        from insarfeat.synth.frozen import generator_digest

        digest = source.generator if isinstance(source, StoredSamples) else generator_digest()
        return Provenance(SYNTHETIC_DATA, SYNTHETIC, digest)
    if getattr(source, "synthetic", None) and not isinstance(source, PatchSamples):
        return Provenance(SYNTHETIC_DATA, SYNTHETIC)
    return Provenance.of_real(_name(data))


def _name(data: Any) -> str:
    return Path(data).resolve().name if isinstance(data, str | Path) else "data of the user's own"


def _looks(source: Source) -> dict[str, Any]:
    return {
        "bands": list(source.bands),
        "classes": list(source.classes),
        "pixel": source.pixel,
        "size": source.size,
        "length": source.length,
    }
