"""Where samples come from: the generator, or patches of a user's own labels. Stored tiles are in ``stored``."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument, MissingInput, suggestion
from insarfeat.georeference import parse_crs
from insarfeat.layers import NODATA_BYTE
from insarfeat.synth import PLAIN, Batch, DemFolder, Style, batches
from insarfeat.synth.arguments import check_whole
from insarfeat.synth.dems import Part
from insarfeat.synth.frozen import FROZEN
from insarfeat.synth.style import chosen_style
from insarfeat.tiling import bucket_weights
from zoo.training.labelled import (
    LANDSLIDE,
    LEAST_VISIBLE,
    BoxLabels,
    Mark,
    Samples,
    Truth,
    labelled,
    softened,
)

__all__ = [
    "BoxLabels",
    "PatchSamples",
    "Samples",
    "Source",
    "SyntheticOptions",
    "SyntheticSamples",
    "softened",
]

INPUTS = (
    "wrapped_phase", "unwrapped_phase", "displacement", "sensitivity", "coherence", "intensity", "elevation",
    "local_incidence", "terrain_pc1",
)  # fmt: skip
"""Layers of synthetic tiles that a network may see. ``terrain_pc1`` is made at pixels of about 15 m only."""

_COMPOSITE = 15.0  # metres: pixels that terrain_pc1 is made for, within a tenth
_METRES_A_DEGREE = 111_195.0


class Source(Protocol):
    """What gives samples, epoch by epoch.

    Attributes
    ----------
    bands, classes
        Of the samples, in order.
    pixel
        Metres.
    size
        Rows and columns of a sample.
    """

    bands: tuple[str, ...]
    classes: tuple[str, ...]
    pixel: float
    size: int

    @property
    def length(self) -> int:
        """Batches in an epoch."""

    def epoch(self, number: int) -> Iterator[Samples]:
        """The batches of an epoch; the same number gives the same ones."""


@dataclass(frozen=True, slots=True)
class SyntheticOptions:
    """What synthetic tiles are drawn from.

    Attributes
    ----------
    style
        As for :func:`insarfeat.synth.batches`. Tiles more than a quarter larger than its cell have as many slides as
        those of the frozen test sets: none in a quarter of them.
    ground, part
        Folder of DEMs, and which of its files; None: procedural ground.
    slides
        Codes of the slides that occur; all where nothing is said.
    pixels
        Pixel sizes in metres that tiles are made at, in turn; the one that is asked for where none are named.
        Elevations of other sizes are scaled, so that a metre a pixel is as steep as at the size asked for.
    tiles_a_place
        Tiles that are cut from one ground and stored together.
    device
        Where tiles are made, "cpu" or "cuda"; stored ones always on the CPU.
    """

    style: Style | str = "plain"
    ground: str | None = None
    part: Part = "train"
    slides: tuple[str, ...] | None = None
    pixels: tuple[float, ...] = ()
    tiles_a_place: int = 96
    device: str = "cpu"

    def folder(self) -> DemFolder | None:
        """The DEMs, or None."""
        return None if self.ground is None else DemFolder(self.ground, part=self.part)

    def style_of(self, size: int, pixel: float) -> Style:
        """Style of tiles of a size."""
        style = chosen_style(self.style)
        if size * pixel <= 1.25 * style.cell:
            return style
        wide = FROZEN["segmenter-plain"].style.slides if style.slides == PLAIN.slides else style.slides
        return style.with_(cell=size * pixel, slides=wide)


class SyntheticSamples:
    """Tiles that the generator makes afresh for each epoch.

    Parameters
    ----------
    bands
        Layers of :data:`INPUTS`.
    classes
        ``("landslide",)``, or codes of the generator, ``"AR"`` among them or not; see
        :func:`zoo.training.labelled.labelled` for what becomes of the others.
    size, pixel
        Pixels of a tile, and metres of a pixel.
    batch, length
        Tiles in a batch, batches in an epoch.
    seed
        Together with the number of the epoch it decides what is drawn.
    options
        What it is drawn from.

    Examples
    --------
    >>> source = SyntheticSamples(["wrapped_phase"], ["landslide"], size=32, pixel=15.0, batch=2, length=1, seed=1)
    >>> [samples.raw.shape for samples in source.epoch(0)]
    [torch.Size([2, 1, 32, 32])]
    """

    synthetic = True

    def __init__(
        self,
        bands: Sequence[str],
        classes: Sequence[str],
        *,
        size: int,
        pixel: float,
        batch: int,
        length: int,
        seed: int,
        options: SyntheticOptions | None = None,
    ) -> None:
        check_whole("batch", batch, least=1)
        check_whole("length", length, least=1)
        check_whole("seed", seed, least=0)
        self._options = SyntheticOptions() if options is None else options
        self.bands, self.classes = tuple(bands), tuple(classes)
        check_synthetic(self.bands, self.classes, self._options.pixels or (pixel,))
        self.pixel, self.size = float(pixel), size
        self._batch, self._length, self._seed = batch, length, seed

    @property
    def length(self) -> int:
        """Batches in an epoch."""
        return self._length

    def epoch(self, number: int) -> Iterator[Samples]:
        """The batches of an epoch, drawn from the seed and its number."""
        options = self._options
        pixels = options.pixels or (self.pixel,)
        made = [
            batches(
                self._batch, self.size, pixel=pixel, seed=_seed_of(self._seed, number, turn),
                style=options.style_of(self.size, pixel), ground=options.folder(), classes=options.slides,
                device=options.device,
            )
            for turn, pixel in enumerate(pixels[: self._length])
        ]  # fmt: skip
        for count in range(self._length):
            turn = count % len(made)
            yield self._samples(next(made[turn]), pixels[turn])

    def _samples(self, batch: Batch, pixel: float) -> Samples:
        return samples_of(batch, [pixel] * len(batch.sightings), self)


def samples_of(batch: Batch, pixels: Sequence[float], source: Source) -> Samples:
    """Synthetic tiles, with pixels of these sizes in metres, as samples of a source.

    Elevations are scaled, so that a metre a pixel is as steep as at the source's pixel size.
    """
    some = batch.bands["landslide"]
    missing = torch.full_like(some, math.nan)
    raw = torch.stack([batch.bands.get(name, missing) for name in source.bands], dim=1)
    if "elevation" in source.bands:
        factors = source.pixel / torch.tensor(pixels, dtype=raw.dtype, device=raw.device)
        raw[:, source.bands.index("elevation")] *= factors[:, None, None]
    marks = [
        [mark for sighting in one if (mark := Mark.of(sighting, pixel))]
        for one, pixel in zip(batch.sightings, pixels, strict=True)
    ]
    truth = Truth(
        some > 0,
        batch.bands["valid_mask"] > 0,
        batch.bands["artefact"] > 0,
        batch.bands["landslide_kind"].to(torch.uint8),
        marks,
    )
    return labelled(raw, truth, source.classes)


class PatchSamples:
    """A user's own labels, from patches that :func:`insarfeat.tiling.extract_patches` has cut.

    A label counts where it is known (not 255), where the layer ``valid_mask`` is 1 if there is one, and where all
    bands that must be there have a value. Slides of classes that are not asked for are ignored, as are boxes of
    which less than 30 percent lie in the patch. Around second, cropped copies of small slides there is nodata.

    Parameters
    ----------
    patches
        What :func:`insarfeat.tiling.open_patches` gives.
    bands
        Layers of the patches, or of ``optional``.
    classes
        ``("landslide",)`` for all labels as one, or names of ``patches.classes``.
    batch
        Patches in a batch; those of an epoch are shared out evenly, and none is left out.
    part
        Of the saved split; all patches where nothing is said.
    weights
        Shares of patches with no, small, medium and large labels, for :func:`insarfeat.tiling.bucket_weights`: as
        many patches as there are, are drawn with replacement. None: each comes once.
    seed
        Together with the number of the epoch it gives the order.
    optional
        Bands that may be missing, altogether or in places: NaN there.
    """

    def __init__(
        self,
        patches: Any,
        bands: Sequence[str],
        classes: Sequence[str],
        *,
        batch: int,
        part: str | None = None,
        weights: Sequence[float] | None = None,
        seed: int = 0,
        optional: Collection[str] = (),
    ) -> None:
        check_whole("batch", batch, least=1)
        self.bands, self.classes = tuple(bands), tuple(classes)
        self._patches, self._optional = patches, frozenset(optional)
        self._places = np.asarray(patches.numbers_of(part), np.int64)
        self._part, self._batch, self._seed = part, batch, seed
        self._check()
        self._value = {
            patches.classes[name]: index for index, name in enumerate(classes) if name != LANDSLIDE
        }
        table = patches.table.iloc[self._places]
        self.pixel, self.size = _pixel_of(table), patches.size.height
        self._weights = None if weights is None else bucket_weights(table, tuple(weights)).weights

    def _check(self) -> None:
        """Refuse what the patches do not have."""
        patches = self._patches
        for band in self.bands:
            if band not in patches.bands and band not in self._optional:
                raise MissingInput(
                    f"the patches have no band {band!r}{suggestion(band, patches.bands)}; they have "
                    f"{', '.join(patches.bands)}. Extract them with it, or take a model that does without"
                )
        if not set(self.bands) & set(patches.bands):
            raise MissingInput(f"the patches have none of the bands {', '.join(self.bands)}")
        for name in self.classes if self.classes != (LANDSLIDE,) else ():
            if name not in patches.classes:
                raise InvalidArgument(
                    f"classes has {name!r}{suggestion(name, patches.classes)}; the patches have "
                    f"{', '.join(patches.classes) or 'no labels'}, or take ('landslide',) for all of them as one"
                )
        if not patches.masks or not patches.classes:
            raise MissingInput("the patches have no labels; extract them with labels=")
        if not len(self._places):
            raise InvalidArgument("no patch is in the selection; there is nothing to learn from")

    @property
    def synthetic(self) -> bool | None:
        """Whether any of these patches was cut from a synthetic scene; None where that is not known."""
        found: bool | None = self._patches[self._places].synthetic
        return found

    @property
    def all_synthetic(self) -> bool:
        """Whether all of them are known to have been."""
        return all(self._patches[self._places].synthetic_scenes.values())

    @property
    def length(self) -> int:
        """Batches in an epoch."""
        return -(-len(self._places) // self._batch)

    def epoch(self, number: int) -> Iterator[Samples]:
        """The batches of an epoch, in an order of its own."""
        from insarfeat.tiling.patches.training.batches import BoxesByPatch, drawn, in_order

        random = np.random.default_rng((self._seed, number))
        places, table = self._places, self._patches.table
        if self._weights is not None:
            order = drawn(places, self._weights, random)
        else:
            order = in_order(places, table, random)
        boxes = BoxesByPatch(self._patches.boxes)
        for chosen in np.array_split(order, self.length):
            rows = table.iloc[chosen]
            found = tuple(self._boxes(boxes[patch]) for patch in rows["patch"].tolist())
            yield self._samples(self._patches.read(chosen), rows, found)

    def _samples(self, arrays: Any, rows: Any, boxes: tuple[BoxLabels, ...]) -> Samples:
        """Pixels of patches as samples."""
        patches = self._patches
        raw = np.full((len(rows), len(self.bands), *arrays.values.shape[-2:]), np.nan, np.float32)
        for index, band in enumerate(self.bands):
            if band in patches.bands:
                raw[:, index] = arrays.values[:, patches.bands.index(band)]
        labels = arrays.masks[:, 0]
        valid = labels != NODATA_BYTE
        if "valid_mask" in patches.masks:
            valid &= arrays.masks[:, patches.masks.index("valid_mask")] == 1
        needed = [index for index, band in enumerate(self.bands) if band not in self._optional]
        valid &= np.isfinite(raw[:, needed]).all(1)
        _blank_around_copies(raw, valid, rows)
        mask = np.zeros((len(rows), len(self.classes), *labels.shape[-2:]), np.float32)
        if self.classes == (LANDSLIDE,):
            mask[:, 0] = np.isin(labels, list(patches.classes.values()))
        else:
            for value, index in self._value.items():
                mask[:, index] = labels == value
            others = [value for value in patches.classes.values() if value not in self._value]
            valid &= ~np.isin(labels, others)
        kind = torch.zeros(labels.shape, dtype=torch.uint8)
        return Samples(torch.from_numpy(raw), torch.from_numpy(mask), torch.from_numpy(valid), kind, boxes)

    def _boxes(self, found: Any) -> BoxLabels:
        """Label boxes of one patch."""
        everything = self.classes == (LANDSLIDE,)
        rows = []
        for corners, value, visible in zip(
            found.corners.tolist(), found.values.tolist(), found.visible.tolist(), strict=True
        ):
            index = 0 if everything else self._value.get(value)
            if corners[2] > corners[0] and corners[3] > corners[1]:
                rows.append((corners, index or 0, index is None or visible < LEAST_VISIBLE))
        return BoxLabels.of(rows)


def check_synthetic(bands: Sequence[str], classes: Sequence[str], pixels: Sequence[float]) -> None:
    """Refuse bands and classes that synthetic tiles do not have."""
    from insarfeat.synth.classes import ARTEFACT, CLASSES

    for band in bands:
        if band not in INPUTS:
            raise InvalidArgument(
                f"bands has {band!r}{suggestion(band, INPUTS)}; synthetic tiles have {', '.join(INPUTS)}"
            )
    if "terrain_pc1" in bands and not any(abs(pixel / _COMPOSITE - 1.0) <= 0.1 for pixel in pixels):
        raise InvalidArgument(
            f"terrain_pc1 is made at pixels of 13.5 to 16.5 m, and tiles have {', '.join(f'{p:g}' for p in pixels)}: "
            "leave the band out, or make tiles at 15 m"
        )
    if not bands or not classes:
        raise InvalidArgument("bands and classes must name at least one each")
    codes = (*CLASSES, ARTEFACT)
    for name in classes if tuple(classes) != (LANDSLIDE,) else ():
        if name not in codes:
            raise InvalidArgument(
                f"classes has {name!r}{suggestion(name, codes)}; it must be ('landslide',) alone, or codes among "
                f"{', '.join(codes)}"
            )


def _seed_of(seed: int, epoch: int, turn: int) -> int:
    """One number for three, so that no two epochs and no two pixel sizes share what they draw."""
    return int(np.random.SeedSequence((seed, epoch, turn)).generate_state(1, np.uint64)[0])


def _pixel_of(table: Any) -> float:
    """Pixel size of patches in metres: the median, should they differ."""
    steps = np.array([np.abs(transform)[4] for transform in table["transform"]])
    crs = next((each for each in table["crs"] if each), None)
    if crs is None:
        raise InvalidArgument(
            "the patches were cut from rasters without a map, so their pixel size is not known; give the stack a CRS"
        )
    return float(np.median(steps)) * (_METRES_A_DEGREE if parse_crs(crs).is_geographic else 1.0)


def _blank_around_copies(raw: NDArray[np.float32], valid: NDArray[np.bool_], rows: Any) -> None:
    """Nodata around cropped copies, where the dataset has zeros."""
    size = raw.shape[-2:]
    for index, (height, width) in enumerate(zip(rows["height"], rows["width"], strict=True)):
        if (height, width) != size:
            top, left = (size[0] - height) // 2, (size[1] - width) // 2
            outside = np.ones(size, bool)
            outside[top : top + height, left : left + width] = False
            raw[index][:, outside] = np.nan
            valid[index][outside] = False
