"""Which patches are wanted: everywhere, about objects, at random; how many without any, and which of those."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument, InvalidType, check_choice, suggestion
from insarfeat.lots import scrambled
from insarfeat.tiling.patches.grid import EDGES, Edge

Numbers = NDArray[Any]
Where = Literal["grid", "centred", "random"]

WHERE: tuple[Where, ...] = ("grid", "centred", "random")
_LABELLED = ("any", "only", "without")
HARD = ("atmosphere", "layover", "artefacts", "false_alarms")
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class HardNegatives:
    """Which of the patches without a slide are taken before others: those that a model takes for one.

    Each number is the share of the negatives that is drawn for that reason, with chances in proportion to how much of
    it a patch holds; what is left is drawn evenly. Shares sum up to at most 1.

    Attributes
    ----------
    atmosphere
        Fringes where nothing moves: mean phase gradient over coherent pixels. Needs ``wrapped_phase``.
    layover
        Layover and shadow. Needs ``shadow_layover`` or ``invalid_causes``.
    artefacts
        Objects of the classes ``artefact_classes``, which then are no slides.
    false_alarms
        Where ``alarms`` says slide and the labels do not.
    alarms
        Output of a model: the name of a layer (a mask, or probabilities of which 0.5 and more count), or polygons as
        for ``labels``.
    artefact_classes
        Names of classes.
    """

    atmosphere: float = 0.0
    layover: float = 0.0
    artefacts: float = 0.0
    false_alarms: float = 0.0
    alarms: Any = None
    artefact_classes: tuple[str, ...] = ("AR",)

    def __post_init__(self) -> None:
        for name in HARD:
            _check_share(name, getattr(self, name), least=0.0)
        if sum(self.shares.values()) > 1 + 1e-9:
            raise InvalidArgument(f"the shares of hard negatives must sum up to at most 1; got {self.shares}")
        if self.false_alarms and self.alarms is None:
            raise InvalidArgument("false_alarms needs alarms: a layer of a model's output, or polygons")

    @property
    def shares(self) -> dict[str, float]:
        """Shares that are not 0, by reason."""
        return {name: getattr(self, name) for name in HARD if getattr(self, name)}


@dataclass(frozen=True, slots=True)
class SmallCopies:
    """A second copy of patches whose slide is small: cropped about it, and filled up with zeros to full size.

    Attributes
    ----------
    below
        Patches with fewer label pixels than this (and more than none) get one. 120 in Benotto (2026).
    crop
        Side of the crop in pixels.
    """

    below: int = 120
    crop: int = 128

    def __post_init__(self) -> None:
        for name in ("below", "crop"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InvalidArgument(f"{name} must be a whole number of pixels, at least 1; got {value!r}")


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which patches are taken.

    Attributes
    ----------
    where
        "grid": evenly apart, by size and stride. "centred": about each object of the labels. "random": ``count`` of
        them anywhere. Patches without a slide that ``negatives`` asks for come from the grid.
    negatives
        Patches without a slide, per patch with one; None takes all that there are. Needs labels.
    hard
        Which of them first.
    jitter
        How far the middle of a "centred" patch may be off its object's, as a share of the patch's side.
    per_object
        "centred" patches for each object.
    count
        "random" patches per scene and pair.
    edge
        Of the grid, as for :class:`PatchGrid`.
    copies
        Second copies of small slides; they are for training only, and :func:`split` puts them there.
    seed
        Another number, other patches; the same number, the same patches.

    Examples
    --------
    >>> Sampling(where="centred", negatives=3, hard=HardNegatives(layover=0.5)).hard.shares
    {'layover': 0.5}
    """

    where: Where = "grid"
    negatives: float | None = None
    hard: HardNegatives = field(default_factory=HardNegatives)
    jitter: float = 0.25
    per_object: int = 1
    count: int | None = None
    edge: Edge = "shift"
    copies: SmallCopies | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.where not in WHERE:
            raise InvalidArgument(
                f'where must be "grid", "centred" or "random"; got {self.where!r}{suggestion(self.where, WHERE)}'
            )
        check_choice("edge", self.edge, EDGES)
        if self.negatives is not None and not (_is_number(self.negatives) and self.negatives >= 0):
            raise InvalidArgument(
                f"negatives must be 0 or more of them per positive patch, or None for all; got {self.negatives!r}"
            )
        if self.hard.shares and self.negatives is None:
            raise InvalidArgument("hard negatives are shares of negatives; say how many, as negatives=3")
        _check_share("jitter", self.jitter, least=0.0)
        if (self.where == "random") != (self.count is not None):
            raise InvalidArgument(
                f'count goes with where="random", and only with it; got where={self.where!r}, count={self.count!r}'
            )
        for name in ("per_object", "count"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise InvalidArgument(f"{name} must be a whole number, at least 1; got {value!r}")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise InvalidArgument(f"seed must be a whole number, 0 or more; got {self.seed!r}")

    @property
    def needs_labels(self) -> bool:
        """Whether it cannot do without labels."""
        return self.where == "centred" or self.negatives is not None or self.copies is not None

    @classmethod
    def of(cls, given: Any) -> Sampling:
        """A sampling as it was given: None, the name of a way, or a Sampling."""
        if given is None:
            return cls()
        if isinstance(given, cls):
            return given
        if isinstance(given, str):
            return cls(where=given)  # type: ignore[arg-type]
        raise InvalidType(f'sampling must be "grid", "centred" or a Sampling; got {type(given).__name__}')


@dataclass(frozen=True, slots=True)
class Keep:
    """Which patches are kept, beyond those with enough valid pixels; found from coarse sums before pixels are read.

    Attributes
    ----------
    labels
        "any": all. "only": those with a label. "without": those without one.
    slope
        Least and greatest mean slope in degrees, of the layer ``slope``, or of what ``elevation`` gives.
    area
        Polygons of the area of interest, as for ``labels``: at least half of a patch must lie in them.
    """

    labels: Literal["any", "only", "without"] = "any"
    slope: tuple[float, float] | None = None
    area: Any = None

    def __post_init__(self) -> None:
        check_choice("labels", self.labels, _LABELLED)
        if self.slope is not None:
            fine = (
                isinstance(self.slope, Sequence) and len(self.slope) == 2 and all(map(_is_number, self.slope))
            )
            if not fine or not 0 <= self.slope[0] <= self.slope[1] <= 90:
                raise InvalidArgument(f"slope must be two angles in degrees, as (5, 45); got {self.slope!r}")


def draws(seed: int, salt: int, scene: int, tops: Numbers, lefts: Numbers) -> NDArray[np.float64]:
    """A number in (0, 1) for each place, which depends on nothing but place, scene, seed and salt.

    >>> draws(1, 0, 0, np.array([0, 128]), np.array([0, 0])).round(3)
    array([0.71 , 0.866])
    """
    with np.errstate(over="ignore"):
        start = np.array([((seed * 1000003 + salt) * 1000003 + scene) % 2**64], np.uint64) * _GOLDEN
        places = (tops.astype(np.uint64) << np.uint64(32)) ^ lefts.astype(np.uint64)
        mixed = scrambled(scrambled(places + start) + _GOLDEN)
    found: NDArray[np.float64] = ((mixed >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53
    return found


def lightest(keys: Numbers, allowed: Numbers, count: int) -> Numbers:
    """Indices of the smallest keys among those allowed, at most so many, ascending by index."""
    able = np.flatnonzero(allowed)
    if len(able) > count:
        able = able[np.argsort(keys[able], kind="stable")[:count]]
    return np.sort(able)


def _check_share(name: str, value: Any, *, least: float) -> None:
    if not (_is_number(value) and least <= value <= 1):
        raise InvalidArgument(f"{name} must be a share from {least:g} to 1; got {value!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


RULES: Mapping[str, Mapping[str, Any]] = {
    "detection": {"size": 160, "sampling": Sampling()},
    "event": {"size": 256, "sampling": Sampling(copies=SmallCopies())},
}
"""How the documents cut their patches, as arguments of :func:`extract_patches`.

"detection" (Mondini et al. 2026): 160 x 160 pixels that touch. "event" (Benotto 2026): 256 x 256 that touch, with a
second copy of those with fewer than 120 slide pixels, cropped to 128 and filled up with zeros; its four buckets by
size are :func:`bucket_weights`.
"""
