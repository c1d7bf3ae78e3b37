"""How good a model is on labelled tiles: patches of one's own, or synthetic ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType, MissingInput, file_nearby
from insarfeat.tiling import Progress
from zoo.boxes import FoundBoxes, boxes_of
from zoo.model import BoxModel, MaskModel, Model
from zoo.runner import torch_or_error
from zoo.scores import BoxScores, BoxTally, MaskScores, MaskTally, ScoredBoxes, TruthBoxes

if TYPE_CHECKING:
    from zoo.training.samples import Samples, Source

_LEAST_SCORE = (
    0.01  # average precision takes all scores, and below this one there are only thousands of cells
)
_AREA = (0.0, 0.01, 0.03, 0.1, 0.3, math.inf)  # km2
_ARTEFACT = "AR"
_TOGETHER = 16

OnProgress = Callable[[Progress], None]


def evaluate(
    model: MaskModel | BoxModel,
    data: Any,
    *,
    part: str = "test",
    threshold: float | None = None,
    progress: OnProgress = lambda _: None,
) -> MaskScores | BoxScores:
    """Score a model on labelled tiles.

    Each tile is looked at once, as a whole. What is not known counts nowhere: nodata, ignored labels, boxes of
    classes that the model does not have.

    Parameters
    ----------
    model
        What :func:`zoo.load` gives.
    data
        A folder of patches (:func:`insarfeat.tiling.extract_patches`, with its split), a folder of stored synthetic
        tiles (:func:`zoo.training.store_samples`), or a source of samples, which says by an attribute ``synthetic``
        whether it is made up (None, or no such attribute: not known).
    part
        Of the folder.
    threshold
        Probability or score from which something counts as found; the model's own by default. Average precision takes
        all.
    progress
        Called as batches are scored.

    Returns
    -------
    MaskScores or BoxScores
        They print as a table, and give numbers with ``as_dict()``. Boxes are told by area of the true box. Of
        synthetic tiles, and of patches cut from any synthetic scene, they say so: such scores are no accuracy on real
        landslides. Where nobody knows, ``on_synthetic`` is None.
    """
    if not isinstance(model, Model):
        raise InvalidType(f"model must be what zoo.load gives; got {type(model).__name__}")
    torch_or_error()
    chosen = model.description.threshold if threshold is None else threshold
    source, synthetic = labelled_tiles(model, data, part)
    least, largest = model.description.least_pixel, model.description.largest_pixel
    if not least / 1.02 <= source.pixel <= largest * 1.02:
        raise GridMismatch(
            f"the tiles have pixels of {source.pixel:g} m, and {model.description.name} works between {least:g} and "
            f"{largest:g} m"
        )
    from zoo.training.at_pixel import AtPixel

    source = AtPixel(source, model.description.bands, model.description.pixel)
    if isinstance(model, MaskModel):
        return _masks(model, source, round(float(chosen), 3), (synthetic, progress))
    return _boxes(model, source, float(chosen), (synthetic, progress))


def labelled_tiles(model: Model, data: Any, part: str) -> tuple[Source, bool | None]:
    """The tiles, and whether any of them is synthetic; None where that is not known."""
    from zoo.training.samples import PatchSamples
    from zoo.training.stored import StoredSamples

    if all(hasattr(data, name) for name in ("bands", "classes", "pixel", "length", "epoch")):
        if tuple(data.bands) != model.description.band_names:
            raise InvalidArgument(
                f"the source gives the bands {', '.join(data.bands)}; the model takes "
                f"{', '.join(model.description.band_names)}"
            )
        return data, getattr(data, "synthetic", None)
    if not isinstance(data, str | Path):
        raise InvalidType(
            f"data must be the path of a folder, or a source of samples; got {type(data).__name__}"
        )
    folder, told = Path(data), model.description
    if not folder.is_dir():
        raise MissingInput(
            f"{folder} is no folder{file_nearby(folder)}; give one of patches, or one of stored tiles"
        )
    if any(folder.glob("*/tiles.json")):
        stored: Source = StoredSamples(folder, told.band_names, told.classes, batch=_TOGETHER, part=part)  # type: ignore[arg-type]
        return stored, True
    from insarfeat import tiling

    optional = [band.name for band in told.bands if not band.required]
    patches = tiling.open_patches(folder)
    given = PatchSamples(
        patches, told.band_names, told.classes, batch=_TOGETHER, part=part, optional=optional
    )
    return given, given.synthetic


def probabilities_of(model: MaskModel, raw: NDArray[np.float32]) -> NDArray[np.float32]:
    """Calibrated probabilities (n, y, x) of tiles (n, bands, y, x), each looked at once as a whole."""
    temperature = model.description.temperature
    parts = model.runner.run(raw, lambda logits: (logits[:, 0].float() / temperature).sigmoid().cpu().numpy())
    return np.concatenate(parts)


def boxes_in(model: BoxModel, raw: NDArray[np.float32], least: float) -> list[FoundBoxes]:
    """Boxes of each of some tiles (n, bands, y, x), as far as they lie in it: so are true ones.

    Parameters
    ----------
    least
        Least score.
    """
    from zoo.networks.yolo import decode

    told, head = model.description, model.network[1]
    anchors: Any = head.anchors
    strides: Any = head.strides
    parts = model.runner.run(
        raw, lambda maps: boxes_of(decode(maps, anchors, strides), least, told.overlap, told.temperature)
    )
    height, width = raw.shape[-2:]
    edges = np.array([height, width, height, width], np.float64)
    return [replace(found, boxes=found.boxes.clip(0.0, edges)) for part in parts for found in part]


def _each(source: Source, progress: OnProgress) -> Iterator[Samples]:
    progress(Progress("scoring", 0, source.length))
    for number, samples in enumerate(source.epoch(0), 1):
        yield samples
        progress(Progress("scoring", number, source.length))


def _masks(
    model: MaskModel, source: Source, threshold: float, how: tuple[bool | None, OnProgress]
) -> MaskScores:
    synthetic, progress = how
    tally = MaskTally(threshold, on_synthetic=synthetic)
    for samples in _each(source, progress):
        truth = (samples.mask[:, 0] >= 0.5).numpy()
        valid, kinds = samples.valid.numpy(), samples.kind.numpy()
        for number, probability in enumerate(probabilities_of(model, samples.raw.numpy())):
            tally.add(
                probability,
                truth[number],
                pixel=(source.pixel, source.pixel),
                valid=valid[number],
                kinds=kinds[number],
            )
    _check_any(len(tally))
    return tally.scores()


def _boxes(
    model: BoxModel, source: Source, threshold: float, how: tuple[bool | None, OnProgress]
) -> BoxScores:
    synthetic, progress = how
    told = model.description
    apart = [_ARTEFACT] if _ARTEFACT in told.classes and len(told.classes) > 1 else []
    tally = BoxTally(told.classes, apart=apart, strata={"area_km2": _AREA}, on_synthetic=synthetic)
    pixel_km2 = (source.pixel / 1000.0) ** 2
    for samples in _each(source, progress):
        for number, found in enumerate(boxes_in(model, samples.raw.numpy(), _LEAST_SCORE)):
            labels = samples.boxes[number]
            boxes = labels.boxes.numpy().astype(np.float64)
            tally.add(
                TruthBoxes(boxes, labels.classes.numpy(), labels.ignore.numpy()),
                ScoredBoxes(found.boxes, found.classes, found.scores),
                strata={"area_km2": _areas(boxes) * pixel_km2},
                area_km2=float(samples.valid[number].sum()) * pixel_km2,
            )
    _check_any(len(tally))
    return tally.scores(threshold)


def _areas(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return found


def _check_any(count: int) -> None:
    if not count:
        raise InvalidArgument("there is no tile in this part of the data; name another part")
