"""The training loop: from a recipe and data to a model's file, over any number of interruptions."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import nn

from insarfeat.errors import InvalidArgument, MissingInput, OutputExists, RunFailed
from zoo.description import ModelDescription
from zoo.networks.assembly import assembled
from zoo.scores.values import origin_note
from zoo.training import log, steps
from zoo.training.augment import augmented
from zoo.training.checkpoints import NAME, Checkpoint, Standing, optimizer_state, restore
from zoo.training.interrupts import Interrupts, Stopped
from zoo.training.material import Material, gathered
from zoo.training.outset import described
from zoo.training.recipes import Recipe
from zoo.training.samples import Samples, softened
from zoo.training.validation import Validation, Validator
from zoo.weights import SUFFIX, save_weights

SECONDS_BETWEEN_CHECKPOINTS = 300.0
"""Within an epoch; after each epoch one is written anyway."""

Progress = Callable[[log.Step], None]
"""Is called after each step, and may stop the training by raising KeyboardInterrupt."""

_MAY_CHANGE = ("epochs", "patience")  # of a recipe, between one call and the next

_log = logging.getLogger(__name__)


def train(
    recipe: Recipe | str | Path,
    data: Any,
    out: str | Path,
    *,
    validation: Any = None,
    device: Any = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Train a model, or go on where a training stopped.

    Into the folder go ``recipe.yaml``, ``log.csv`` (a row for each epoch), ``curves.png`` (where matplotlib is
    installed), a checkpoint, and the model's own file, ``<name>-v<version>.safetensors``: of the epoch that did best
    on the validation data, with the threshold that was best there and probabilities calibrated on it. Called again
    with the same recipe and data, it goes on from the checkpoint; on one thread of a CPU the result is the same, bit
    for bit, as without the interruption. Ctrl-C and SIGTERM leave a checkpoint. Of the recipe, ``epochs`` and
    ``patience`` may differ when it goes on, also after the end; the learning rate is then that of the new ones.

    Parameters
    ----------
    recipe
        A name of :data:`zoo.training.RECIPES`, a .yaml file, or a :class:`Recipe`.
    data
        "synthetic" for tiles that are made while the network learns; a folder of patches
        (:func:`insarfeat.tiling.extract_patches`, with its split into parts), or of stored tiles
        (:func:`zoo.training.store_samples`); or any source of samples.
    out
        Folder to write to; made where it is missing.
    validation
        As ``data``. None: the part "validation" of the folder; of "synthetic", tiles of another seed. A source of
        one's own needs one.
    device
        "cpu" or "cuda"; a GPU if there is one where nothing is said.
    overwrite
        Whether to begin anew, whatever is in the folder.
    progress
        Called with a :class:`zoo.training.log.Step` after each step.

    Returns
    -------
    Path
        The model's file.

    Raises
    ------
    OutputExists
        The folder holds a training by another recipe, or with other data.
    RunFailed
        The loss is no number any more. The checkpoint from before is kept.
    """
    chosen = Recipe.of(recipe)
    target = steps.chosen_device(device)
    folder = prepared(Path(out), overwrite)
    return Training(chosen, gathered(chosen, data, validation), folder, target, progress).run()


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a network begins with that is not as a recipe alone has it.

    Attributes
    ----------
    describe
        Changes the description.
    fill
        Changes the weights.
    """

    describe: Callable[[ModelDescription], ModelDescription]
    fill: Callable[[nn.Module], None]


class Training:
    """One training in one folder.

    Parameters
    ----------
    recipe, material
        How, and from what.
    out
        Folder that is there.
    device
        Where.
    progress
        Told of each step.
    beginning
        Weights to begin with; those of chance where nothing is said.
    """

    def __init__(
        self,
        recipe: Recipe,
        material: Material,
        out: Path,
        device: torch.device,
        progress: Progress | None = None,
        beginning: Beginning | None = None,
    ) -> None:
        self._recipe, self._material, self._out, self._device = recipe, material, out, device
        self._progress = progress
        self._checkpoint = out / NAME
        found = self._found()
        if found is not None:
            changed = {**found.description.recipe, "changed": recipe.differences()}
            self._description = found.description.model_copy(update={"recipe": changed})
        else:
            self._description = described(recipe, material)
            if beginning is not None:
                self._description = beginning.describe(self._description)
        with steps.own_chance(device):
            torch.manual_seed(recipe.seed)
            self._network = assembled(self._description)
        if found is None and beginning is not None:
            beginning.fill(self._network)
        self._network.to(device)
        if recipe.task == "boxes":
            self._network.to(memory_format=torch.channels_last)
        self._optimizer = steps.optimizer_of(recipe.optimizer, self._network)
        self._standing = Standing()
        if found is not None:
            restore(self._network, self._optimizer, found.network, found.optimizer)
            self._standing = found.standing
            self._standing.finished = self._is_enough(self._standing.epoch)
            if not self._standing.finished:
                _log.info("going on after %d epochs and %d steps", self._standing.epoch, self._standing.batch)
        self._objective = steps.objective(recipe, self._network)
        self._validator = Validator(recipe, self._objective, self._network)
        self._written = time.monotonic()

    def run(self) -> Path:
        """Train until it is finished.

        Returns
        -------
        Path
            The model's file.
        """
        log.replace(self._out / "recipe.yaml", self._recipe.yaml().encode())
        if self._standing.finished:
            _log.info("already finished, after epoch %d: more epochs make it go on", self._standing.epoch)
        elif note := origin_note(self._material.judged_on_synthetic):
            _log.info("validation: %s", note)
        with Interrupts() as interrupts, steps.own_chance(self._device):
            while not self._standing.finished:
                self._epoch(interrupts)
                self._judge(interrupts)
        return self._model_file

    @property
    def _model_file(self) -> Path:
        return self._out / f"{self._description.name}{SUFFIX}"

    def _found(self) -> Checkpoint | None:
        """The checkpoint to go on from, if there is one; it must be of this training."""
        if not self._checkpoint.exists():
            return None
        found = Checkpoint.read(self._checkpoint)
        for what, then, now in (
            ("recipe", found.recipe, self._recipe.content()),
            ("data", found.data, self._material.looks()),
        ):
            other = [key for key in now if then.get(key) != now[key]]
            if what == "recipe":
                other = [key for key in other if key not in _MAY_CHANGE]
            if other:
                model = self._out / f"{found.description.name}{SUFFIX}"
                learn_on = (
                    f"; to let its model learn on, fine-tune it (--from {model})" if model.exists() else ""
                )
                raise OutputExists(
                    f"{self._out} holds a training with another {what}: {', '.join(other)} differ(s){learn_on}; "
                    "choose another folder, or pass overwrite=True to lose that training"
                )
        return found

    def _epoch(self, interrupts: Interrupts) -> None:
        """What is left of the steps of an epoch."""
        standing, source = self._standing, self._material.train
        self._network.train()
        batches = islice(source.epoch(standing.epoch), standing.batch, None)
        began = time.monotonic() - standing.seconds
        for samples in batches:
            self._step(samples)
            standing.batch += 1
            standing.seconds = time.monotonic() - began
            self._tell()
            self._stop_if_asked(interrupts)
            if time.monotonic() - self._written >= SECONDS_BETWEEN_CHECKPOINTS:
                self._write_checkpoint()

    def _stop_if_asked(self, interrupts: Interrupts) -> None:
        """Leave a checkpoint and stop, if somebody asked for it."""
        if interrupts.raised is None or self._standing.finished:
            return
        self._write_checkpoint()
        epoch, batch = self._standing.epoch, self._standing.batch
        where = f"epoch {epoch + 1}, step {batch}" if batch else f"epoch {epoch}"
        raise Stopped(f"stopped after {where}; the same command goes on", interrupts.raised)

    def _tell(self, row: log.Row | None = None) -> None:
        if self._progress is None:
            return
        standing = self._standing
        loss = standing.sums["loss"] / standing.batch
        told = log.Step(
            standing.epoch + 1,
            self._recipe.epochs,
            standing.batch,
            self._material.train.length,
            loss,
            row,
        )
        try:
            self._progress(told)
        except KeyboardInterrupt:
            self._write_checkpoint()
            raise

    def _step(self, samples: Samples) -> None:
        """Move the weights once."""
        standing, recipe = self._standing, self._recipe
        seed = steps.seed_of(recipe.seed, standing.epoch, standing.batch)
        torch.manual_seed(seed)
        chance = torch.Generator(samples.raw.device).manual_seed(seed)
        if recipe.task == "boxes":  # masks of many classes would be turned for nothing
            samples = replace(samples, mask=samples.mask[:, :0])
        fresh = augmented(samples, recipe.bands, recipe.augmentation, chance)
        fresh = softened(fresh, recipe.loss.sigma).to(self._device)
        for group in self._optimizer.param_groups:
            group["lr"] = self._learning_rate(standing.batch)
        self._optimizer.zero_grad(set_to_none=True)
        with steps.precision(recipe.precision, self._device):
            found = self._network(fresh.raw)
        losses = self._objective(found, fresh)
        losses["loss"].backward()
        if recipe.optimizer.clip is not None:
            nn.utils.clip_grad_norm_(self._network.parameters(), recipe.optimizer.clip)
        values = {name: float(value.detach()) for name, value in losses.items()}
        if not math.isfinite(values["loss"]):
            raise RunFailed(
                f"the loss became {values['loss']} in step {standing.batch + 1} of epoch {standing.epoch + 1}; lower "
                "optimizer.learning_rate, or set optimizer.clip, and begin anew"
            )
        self._optimizer.step()
        for name, value in values.items():
            standing.sums[name] = standing.sums.get(name, 0.0) + value

    def _learning_rate(self, batch: int) -> float:
        """That of a step of the epoch that is under way."""
        standing, length = self._standing, self._material.train.length
        share = steps.rate(
            self._recipe.schedule,
            standing.epoch * length + batch,
            self._recipe.epochs * length,
            length,
        )
        return self._recipe.optimizer.learning_rate * share

    def _judge(self, interrupts: Interrupts) -> None:
        """End an epoch: validate, keep the best, log, and decide whether to go on."""
        standing = self._standing
        began = time.monotonic()
        if not standing.batch:
            raise InvalidArgument("data gave no batch in an epoch; an epoch must have at least one")
        with steps.precision(self._recipe.precision, self._device):
            judged = self._validator.judged(
                self._material.validation, self._device, lambda: self._stop_if_asked(interrupts)
            )
        row = log.Row(
            standing.epoch + 1,
            standing.batch,
            self._learning_rate(standing.batch - 1),
            standing.seconds + time.monotonic() - began,
            log.mean(standing.sums, standing.batch),
            judged.as_dict(),
        )
        self._keep_if_best(judged)
        self._tell(row)
        self._standing = self._after(row)
        self._write_tables(row)
        self._write_checkpoint()
        self._stop_if_asked(interrupts)

    def _keep_if_best(self, judged: Validation) -> None:
        standing = self._standing
        value = judged.loss if self._recipe.watch == "loss" else -judged.score
        if standing.best is not None and not value < standing.best:
            return
        standing.best, standing.best_epoch = value, standing.epoch + 1
        description = self._description.model_copy(update=judged.chosen())
        save_weights(self._model_file, self._network.state_dict(), description, overwrite=True)

    def _after(self, row: log.Row) -> Standing:
        """Where it stands after an epoch."""
        standing = self._standing
        done = standing.epoch + 1
        finished = self._is_enough(done)
        if finished and done < self._recipe.epochs:
            _log.info("no better validation since epoch %d: stopped", standing.best_epoch)
        return replace(
            standing,
            epoch=done,
            batch=0,
            sums={},
            seconds=0.0,
            finished=finished,
            rows=[*standing.rows, row],
        )

    def _is_enough(self, done: int) -> bool:
        """Whether the recipe asks for no more than these epochs."""
        best, patience = self._standing.best_epoch, self._recipe.patience
        return done >= self._recipe.epochs or (patience is not None and done > 0 and done - best >= patience)

    def _write_tables(self, row: log.Row) -> None:
        from zoo.training.pictures import write_curves

        _log.info("%s", row)
        log.write_log(self._standing.rows, self._out / "log.csv")
        note = origin_note(self._material.judged_on_synthetic)
        write_curves(self._standing.rows, self._out / "curves.png", note)

    def _write_checkpoint(self) -> None:
        Checkpoint(
            self._standing,
            self._recipe.content(),
            self._material.looks(),
            self._description,
            self._network.state_dict(),
            optimizer_state(self._optimizer),
        ).write(self._checkpoint)
        self._written = time.monotonic()


def prepared(out: Path, overwrite: bool) -> Path:
    """The folder to write to; without what an earlier training left, if that is to be overwritten."""
    if out.exists() and not out.is_dir():
        raise OutputExists(f"{out} is a file; a training writes into a folder")
    if not out.absolute().parent.is_dir():
        raise MissingInput(f"the folder {out.absolute().parent} does not exist; make it first")
    out.mkdir(exist_ok=True)
    if overwrite:
        (out / NAME).unlink(missing_ok=True)
    return out
