"""Fine-tuning: a model that has learned from one kind of data goes on learning from another."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.settings import is_settings_file
from zoo.description import SYNTHETIC, ModelDescription, joint_statement
from zoo.networks.yolo import BOX_VALUES as _OF_A_BOX
from zoo.training import steps
from zoo.training.loop import Beginning, Progress, Training, prepared
from zoo.training.material import SYNTHETIC_DATA, Material, Provenance, gathered
from zoo.training.recipes import RECIPES, Recipe


@dataclass(frozen=True, slots=True)
class Changes:
    """What of a fine-tuning is not as it usually is.

    Attributes
    ----------
    recipe
        Keys of :class:`Recipe` to change, as for its ``changed``.
    classes
        What a detector looks for, if that is other than what the model looks for: what its last layer says of new
        classes begins anew.
    validation
        As for :func:`zoo.training.train`.
    device
        "cpu" or "cuda".
    """

    recipe: dict[str, Any] | None = None
    classes: Sequence[str] | None = None
    validation: Any = None
    device: Any = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A fine-tuning that has been checked and not begun.

    Attributes
    ----------
    old
        The model that it starts from, as :func:`zoo.load` gives it.
    recipe, material
        How it learns, and from what.
    """

    old: Any
    recipe: Recipe
    material: Material


def finetune(
    model: Any,
    data: Any,
    out: str | Path,
    *,
    name: str,
    changes: Changes | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Let a model go on learning, from data of one's own.

    It starts from the model's weights, with a small learning rate, for 30 epochs at most, and stops when 8 of them
    were no better. What goes into the folder, and how it goes on after an interruption, is as for
    :func:`zoo.training.train`. The new model says that it has learned from both: of "synthetic" and the name
    "valais-2020" becomes "synthetic + valais-2020".

    Parameters
    ----------
    model
        What :func:`zoo.load` gives, or the name of a model or the path of its file.
    data
        As for :func:`zoo.training.train`. It must have the model's bands, in its range of pixel sizes.
    out
        Folder to write to.
    name
        Of the data, for the model's description; with the model's name it gives that of the new one.
    changes
        Of the recipe, the classes, the validation data or the device.
    overwrite
        Whether to begin anew, whatever is in the folder.
    progress
        Called after each step.

    Returns
    -------
    Path
        The new model's file.
    """
    chosen = Changes() if changes is None else changes
    plan = planned(model, data, name=name, changes=chosen)
    told, recipe = plan.old.description, plan.recipe
    state = {key: value.detach().cpu() for key, value in plan.old.network.state_dict().items()}
    beginning = Beginning(
        lambda description: description.model_copy(
            update={"recipe": {**description.recipe, "from": f"{told.name}, version {told.version}"}}
        ),
        lambda network: _fill(network, state, told.classes, recipe.classes),
    )
    device = steps.chosen_device(chosen.device)
    folder = prepared(Path(out), overwrite)
    return Training(recipe, plan.material, folder, device, progress, beginning).run()


def planned(model: Any, data: Any, *, name: str, changes: Changes) -> Plan:
    """Check everything that a fine-tuning needs, and begin nothing.

    Parameters
    ----------
    model, data, name, changes
        As for :func:`finetune`.
    """
    if not isinstance(name, str) or not name.strip():
        raise InvalidArgument(f"name must say what the data are, as 'valais-2020'; got {name!r}")
    if name.strip() in RECIPES or is_settings_file(name):
        raise InvalidArgument(
            f"{name!r} is a recipe, and a model that learns on has its own: give a name that says what the data are, "
            "as valais-2020, since the new model says of itself to have learned from data of this name. On the "
            "command line: insarfeat train valais-2020 DATA OUT --from MODEL"
        )
    old = _model(model)
    told: ModelDescription = old.description
    classes = told.classes if changes.classes is None else tuple(changes.classes)
    recipe = recipe_of(told, f"{_stem(told)}-{_slug(name)}", classes)
    recipe = recipe.changed(**(changes.recipe or {}))
    kept = {"network": told.architecture, "bands": told.bands}
    for key, value in kept.items():
        if getattr(recipe, key) != value:
            raise InvalidArgument(
                f"{key} of the recipe cannot be changed: the model's weights are for its own"
            )
    material = gathered(recipe, data, changes.validation)
    provenance = _both(told, name, material.provenance)
    return Plan(old, recipe, material.renamed(provenance.training_data, provenance.statement))


def recipe_of(description: ModelDescription, name: str, classes: Sequence[str]) -> Recipe:
    """The recipe by which a model is fine-tuned where nothing is said.

    Parameters
    ----------
    description
        Of the model that it starts from.
    name
        Of the new model.
    classes
        What the new one looks for.
    """
    options = dict(description.options)
    anchors = options.pop("anchors", None)
    return Recipe.of(
        {
            "name": name,
            "network": description.architecture,
            "options": options,
            "bands": description.bands,
            "classes": tuple(classes),
            "pixel": description.pixel,
            "least_pixel": description.least_pixel,
            "largest_pixel": description.largest_pixel,
            "patch": description.patch,
            "batch": 16,
            "epochs": 30,
            "batches": 100,
            "patience": 8,
            "optimizer": {"name": "adamw", "learning_rate": 5e-5, "weight_decay": 0.01, "clip": 1.0},
            "schedule": {"name": "cosine", "warm_up": 1.0},
            "augmentation": {"turns": True, "phase_offset": 1.0, "phase_sign": 0.5},
            "anchors": None if anchors is None else [tuple(shape) for each in anchors for shape in each],
        }
    )


def _model(model: Any) -> Any:
    """A loaded model."""
    if isinstance(model, str | os.PathLike):
        import zoo

        return zoo.load(model)
    if not hasattr(model, "description") or not hasattr(model, "network"):
        raise InvalidType(
            f"model must be what zoo.load gives, or the name or path of one; got {type(model).__name__}"
        )
    return model


def _stem(description: ModelDescription) -> str:
    """Name of a model without its version."""
    return description.name.removesuffix(f"-v{description.version}")


def _slug(name: str) -> str:
    """A name in small letters, as models have.

    >>> _slug("Valais 2020")
    'valais-2020'
    """
    found = re.sub(r"[^a-z0-9.+]+", "-", name.lower()).strip("-")
    if not found:
        raise InvalidArgument(f"name must have letters or digits of English, as 'valais-2020'; got {name!r}")
    return found


def _both(told: ModelDescription, name: str, data: Provenance) -> Provenance:
    """What is said of a model that has learned from two kinds of data."""
    parts = data.training_data.split(" + ")
    if parts == [SYNTHETIC_DATA]:
        joined = told.training_data
        joined = joined if SYNTHETIC_DATA in joined.split(" + ") else f"{joined} + {SYNTHETIC_DATA}"
        return Provenance(joined, told.statement)
    mixed = SYNTHETIC_DATA in parts
    before = told.training_data.split(" + ")
    between = [SYNTHETIC_DATA] if mixed and SYNTHETIC_DATA not in before else []
    joined = " + ".join([*before, *between, name.strip()])
    if told.statement == SYNTHETIC:
        return Provenance(joined, joint_statement(name.strip()))
    partly = ", of which some are synthetic scenes" if mixed else ""
    return Provenance(joined, f"{told.statement} It then learned from {name.strip()}{partly}.")


def _fill(network: Any, state: Mapping[str, Tensor], before: Sequence[str], after: Sequence[str]) -> None:
    """Give a network the numbers of another; of a detector's classes, those that it had already."""
    own = network.state_dict()
    outputs = _outputs(network, len(after)) if tuple(before) != tuple(after) else frozenset()
    wanted = {name for name in own if not name.endswith("num_batches_tracked")}
    fits = wanted == {name for name in state if not name.endswith("num_batches_tracked")}
    if not fits or any(own[name].shape != state[name].shape for name in wanted - outputs):
        raise InvalidArgument("the model's weights are not those of its architecture with its options")
    with torch.no_grad():
        for name in wanted - outputs:
            own[name].copy_(state[name])
        for name in outputs:
            _copy_values(own[name], state[name], before, after)


def _outputs(network: Any, classes: int) -> frozenset[str]:
    """Names of what depends on the classes: weight and bias of a detector's last layers. A mask is of one class."""
    if not hasattr(network[1], "anchors"):
        return frozenset()
    channels = len(network[1].anchors[0]) * (_OF_A_BOX + classes)
    last = [
        name
        for name, part in network.named_modules()
        if isinstance(part, nn.Conv2d) and part.bias is not None and part.out_channels == channels
    ]
    return frozenset(f"{name}.{kind}" for name in last for kind in ("weight", "bias"))


def _copy_values(new: Tensor, old: Tensor, before: Sequence[str], after: Sequence[str]) -> None:
    """Copy what is said of boxes, anchor by anchor, and of the classes that stay; the others keep what they have."""
    into = new.unflatten(0, (-1, _OF_A_BOX + len(after)))
    given = old.to(new).unflatten(0, (-1, _OF_A_BOX + len(before)))
    into[:, :_OF_A_BOX] = given[:, :_OF_A_BOX]
    for number, name in enumerate(after):
        if name in before:
            into[:, _OF_A_BOX + number] = given[:, _OF_A_BOX + list(before).index(name)]
