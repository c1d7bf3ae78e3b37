"""Maps of what could have been seen: smallest and slowest slide, recall, and why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from insarfeat.errors import InvalidArgument
from insarfeat.synth.arguments import check_range
from zoo.blindspots.recall import HIDDEN, Recall
from zoo.blindspots.views import Surroundings, View

if TYPE_CHECKING:
    import xarray as xr

Values = npt.NDArray[np.float64]

AREAS = np.geomspace(0.003, 1.0, 26)
"""km2 that are asked after, from the smallest."""

SPEEDS = np.geomspace(2.0, 400.0, 24)
"""cm a year, from the slowest."""

CAUSES = {
    0: "visible",
    1: "layover_or_shadow",
    2: "line_of_sight",
    3: "low_coherence",
    4: "too_small_or_slow",
}
"""Why the slide of the question would not have been found."""

_BEST_VIEW, _BEST_COHERENCE = 0.9, 0.8
_CERTAIN = 2.0  # deviations of the phase that motion must reach, whatever the trials say


@dataclass(frozen=True, slots=True)
class Question:
    """What a place is asked: is this slide found there, and as likely as this.

    Attributes
    ----------
    area, speed
        km2, and cm a year down the slope: of the slide whose recall is mapped; the other stays as it is where the
        smallest, or the slowest, is looked for.
    probability
        That counts as "would have been found".
    """

    area: float = 0.06
    speed: float = 50.0
    probability: float = 0.5

    def __post_init__(self) -> None:
        check_range("area", self.area, float(AREAS[0]), float(AREAS[-1]), "km2")
        check_range("speed", self.speed, float(SPEEDS[0]), float(SPEEDS[-1]), "cm a year")
        if not 0.0 < self.probability < 1.0:
            raise InvalidArgument(f"probability is {self.probability}; it must lie between 0 and 1")

    def __str__(self) -> str:
        return (
            f"a slide of {self.area:g} km2 that moves {self.speed:g} cm a year, found with a probability of "
            f"{self.probability:g}"
        )


def blind_spot_map(
    recall: Recall,
    views: Sequence[View],
    cells: Sequence[xr.Dataset],
    around: Sequence[Surroundings],
    question: Question,
) -> xr.Dataset:
    """Map of one pair, or of several together, on cells of the surroundings.

    Returns
    -------
    xr.Dataset
        - ``recall``: probability that the slide of the question is found, with ``recall_low`` and ``recall_high``
          (90 percent, from trials drawn anew round by round)
        - ``detectable_area`` (km2): the smallest, of those that were tried, that would be found at the speed of the
          question
        - ``detectable_speed`` (cm a year): the slowest that would be found of the area of the question, never below
          what twice the deviation of the phase hides
        - ``blind_spot``: 0 where the slide would have been found, else why not (:data:`CAUSES`); 255 nodata

        - ``recall_of_pair`` (pair, y, x), where there are several: the same in each of them

        NaN in the second and third where nothing of those sizes and speeds would be found.
    """
    seen = [_Seen(recall, view, one) for view, one in zip(views, around, strict=True)]
    together = recall.together if len(seen) > 1 else 1.0
    asked = _Asked(seen, together)
    chance = asked.chance(question.area, question.speed)
    several = np.stack(
        [asked.chance(question.area, question.speed, resample=number) for number in recall.resamples]
    )
    known = np.isfinite(chance)
    low, high = np.full(chance.shape, np.nan), np.full(chance.shape, np.nan)
    low[known], high[known] = np.percentile(several[:, known], [5.0, 95.0], axis=0)
    tried = AREAS[(np.log(AREAS) >= recall.limits[0][0]) & (np.log(AREAS) <= recall.limits[1][0])]
    smallest = _first(tried, lambda area: asked.chance(area, question.speed), question.probability)
    slowest = _first(SPEEDS, lambda speed: asked.chance(question.area, speed), question.probability)
    layers = {
        "recall": (chance, "probability that the slide of the question is found", "1"),
        "recall_low": (low, "lower end of the probability, 90 percent", "1"),
        "recall_high": (high, "upper end of the probability, 90 percent", "1"),
        "detectable_area": (smallest, "smallest slide that would be found", "km2"),
        "detectable_speed": (slowest, "slowest slide that would be found", "cm year-1"),
    }
    import xarray as xr

    like = cells[0]["coherence"]
    made = {
        name: like.copy(data=values.astype(np.float32)).assign_attrs(long_name=told, units=units)
        for name, (values, told, units) in layers.items()
    }
    cause = like.copy(data=asked.cause(question, chance)).assign_attrs(
        long_name="why the slide of the question would not have been found",
        units="1",
        flag_values=np.array(list(CAUSES), np.uint8),
        flag_meanings=" ".join(CAUSES.values()),
    )
    cause.encoding["_FillValue"] = np.uint8(255)
    for layer in (*made.values(), cause):
        for name in ("standard_name", "processing", "drawn_as"):
            layer.attrs.pop(name, None)
    found = xr.Dataset({**made, "blind_spot": cause})
    if len(views) > 1:
        each = [one.chance(question.area, question.speed).astype(np.float32) for one in seen]
        found["recall_of_pair"] = xr.DataArray(
            np.stack(each),
            {"pair": [view.name for view in views], "orbit": ("pair", [view.orbit for view in views])},
            ("pair", *like.dims),
            attrs={"long_name": "probability that a pair shows the slide of the question", "units": "1"},
        )
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """One pair: what its places would show."""

    recall: Recall
    view: View
    around: Surroundings

    def chance(self, area: float, speed: float, *, resample: int = 0, best: str = "") -> Values:
        """Probability that a slide is found, place by place; NaN where nothing is known.

        ``best`` is "view" or "coherence": as if that were as good as it gets.
        """
        around = self.around
        sensitivity = (
            np.where(np.isfinite(around.sensitivity), _BEST_VIEW, np.nan)
            if best == "view"
            else (around.sensitivity)
        )
        coherence = np.fmax(around.coherence, _BEST_COHERENCE) if best == "coherence" else around.coherence
        coherence = np.where(np.isfinite(around.coherence), coherence, np.nan)
        fringes = self.view.fringes(speed, sensitivity)
        found = self.recall.probability(area, fringes, coherence, resample=resample)
        found = np.where(2.0 * np.pi * fringes >= _CERTAIN * self._deviation(coherence), found, 0.0)
        if best != "view":
            found = np.where(around.hidden >= HIDDEN, 0.0, found)
        return np.where(np.isfinite(coherence) & np.isfinite(sensitivity), found, np.nan)

    def _deviation(self, coherence: npt.NDArray[Any]) -> Values:
        """Deviation of the phase that is left when a cell of the surroundings is averaged."""
        from insarfeat import filters

        looks = min(self.view.acquisition.looks * self.view.cell**2 / 4.0, 10_000.0)
        bounded = np.ascontiguousarray(np.clip(coherence, 0.0, 1.0))
        return np.asarray(filters.phase_deviation(bounded, looks=looks))


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """All pairs together."""

    seen: Sequence[_Seen]
    together: float

    def chance(self, area: float, speed: float, *, resample: int = 0, best: str = "") -> Values:
        from zoo.blindspots.recall import season

        each = np.stack([one.chance(area, speed, resample=resample, best=best) for one in self.seen])
        return season(each, self.together)

    def cause(self, question: Question, chance: Values) -> npt.NDArray[np.uint8]:
        """Number of the cause: the first thing that, were it better, would have shown the slide."""
        hidden = np.min(np.stack([one.around.hidden for one in self.seen]), axis=0) >= HIDDEN
        found = np.full(chance.shape, 4, np.uint8)
        for number, best in ((3, "coherence"), (2, "view")):
            better = self.chance(question.area, question.speed, best=best) >= question.probability
            found[better] = number
        found[hidden] = 1
        found[chance >= question.probability] = 0
        found[~np.isfinite(chance)] = 255
        return found


def _first(values: Values, chance: Any, wanted: float) -> Values:
    """The first of the values that is found likely enough, place by place; NaN where none is."""
    found = np.full(chance(float(values[0])).shape, np.nan)
    for value in values.tolist():
        reached = np.isnan(found) & (chance(value) >= wanted)
        found[reached] = value
    return found
