"""From trials to probabilities: how likely a slide of a size and motion is found, by what surrounds it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from insarfeat.errors import InvalidArgument

if TYPE_CHECKING:
    import pandas as pd

Values = npt.NDArray[np.float64]

LEAST_TRIALS = 60
"""Fewer say next to nothing."""

BINS: Final[dict[str, tuple[float, ...]]] = {
    "area": (0.0, 0.01, 0.03, 0.06, 0.12, 0.3, math.inf),
    "speed": (0.0, 10.0, 25.0, 50.0, 100.0, math.inf),
    "fringes": (0.0, 0.1, 0.25, 0.5, 1.0, 2.0, math.inf),
    "sensitivity": (0.0, 0.2, 0.4, 0.6, 0.8, 1.01),
    "coherence": (0.0, 0.2, 0.35, 0.5, 0.65, 1.01),
}
"""Edges by which recall is told: km2, cm a year, fringes along the line of sight, and two shares."""

_RIDGE = 1.0
_LEAST_FRINGES = 1e-3
_RESAMPLES = 20


@dataclass(frozen=True, slots=True, eq=False)
class Recall:
    """Probability that a slide is found, fitted to trials.

    A logistic regression on the logarithms of area and fringes, on coherence, and on their squares and products:
    recall grows with the area, and with the fringes until they are too many. Nothing is said beyond what was tried:
    areas, fringes and coherences outside are taken for the nearest that was inside.

    Attributes
    ----------
    centre, scale
        Of the terms.
    weights
        (resamples + 1, terms + 1): of all trials first, then of trials drawn with replacement, round by round.
    limits
        Smallest and largest tried: logarithm of area, logarithm of fringes, coherence.
    together
        How far the pairs of a season add up: 1 if what one misses says nothing about the next, 0 if all see the same.
    """

    centre: Values
    scale: Values
    weights: Values
    limits: Values
    together: float = 1.0

    @classmethod
    def fitted(cls, trials: pd.DataFrame, *, seed: int = 0) -> Recall:
        """Fit to a table of trials.

        Parameters
        ----------
        trials
            With ``slide``, ``area``, ``fringes``, ``coherence``, ``hidden`` and ``found``. Slides that lie in layover
            or shadow say nothing about others, and are left out.
        seed
            Of the resampling.
        """
        open_ground = trials[trials["hidden"] < HIDDEN]
        if len(open_ground) < LEAST_TRIALS:
            raise InvalidArgument(
                f"there are {len(open_ground)} trials, and {LEAST_TRIALS} are needed: ask for more injections, or "
                "give a stack with more known ground"
            )
        values = _properties(open_ground["area"], open_ground["fringes"], open_ground["coherence"])
        limits = np.array([values.min(axis=1), values.max(axis=1)])
        terms = _terms(values)
        centre, scale = terms.mean(axis=1), terms.std(axis=1) + 1e-9
        design = np.vstack([np.ones(terms.shape[1]), (terms - centre[:, None]) / scale[:, None]])
        found = open_ground["found"].to_numpy(float)
        rounds = open_ground["slide"].str.partition("-")[0].to_numpy()
        rng = np.random.default_rng(seed)
        draws = [np.ones(len(found)), *(_resampled(rng, rounds) for _ in range(_RESAMPLES))]
        weights = np.array([_logistic(design, found, draw) for draw in draws])
        model = cls(centre, scale, weights, limits)
        return cls(centre, scale, weights, limits, model._togetherness(open_ground))

    def probability(self, area: Any, fringes: Any, coherence: Any, *, resample: int = 0) -> Any:
        """Probability that slides are found.

        Parameters
        ----------
        area, fringes, coherence
            km2, fringes along the line of sight, 0 to 1: numbers or arrays.
        resample
            0 for all trials; others tell how sure that is.
        """
        values = _properties(area, fringes, coherence)
        shape = (3, *(1,) * (values.ndim - 1))
        values = np.clip(values, self.limits[0].reshape(shape), self.limits[1].reshape(shape))
        terms = _terms(values)
        shape = (len(terms), *(1,) * (terms.ndim - 1))
        scaled = (terms - self.centre.reshape(shape)) / self.scale.reshape(shape)
        weights = self.weights[resample]
        return _sigmoid(weights[0] + np.tensordot(weights[1:], scaled, axes=(0, 0)))

    @property
    def resamples(self) -> range:
        """Numbers of the resamples."""
        return range(1, len(self.weights))

    def of_season(self, each: Values) -> Values:
        r"""Probability that at least one of several pairs finds a slide: :math:`1 - \prod (1 - p_i)^\kappa`.

        Parameters
        ----------
        each
            (pairs, ...): probability in each; NaN in pairs that do not see the place.
        """
        return season(each, self.together)

    def _togetherness(self, trials: pd.DataFrame) -> float:
        """The exponent κ that fits best how often at least one pair found a slide; 1 for a single pair."""
        chances = self.probability(trials["area"], trials["fringes"], trials["coherence"])
        grouped = trials.assign(miss=np.log1p(-np.clip(chances, 0.0, 1.0 - 1e-9))).groupby("slide")
        several = grouped.filter(lambda some: len(some) > 1).groupby("slide")
        if not len(several):
            return 1.0
        missed, found = several["miss"].sum().to_numpy(), several["found"].any().to_numpy()
        tried = np.linspace(0.05, 1.0, 96)
        chance = np.clip(1.0 - np.exp(tried[:, None] * missed), 1e-9, 1.0 - 1e-9)
        likely = np.where(found, np.log(chance), np.log1p(-chance)).sum(axis=1)
        return float(tried[int(np.argmax(likely))])


HIDDEN = 0.5
"""Share of a place in layover or shadow from which on nothing is to be seen there."""


def season(each: Values, together: float) -> Values:
    """As :meth:`Recall.of_season`."""
    missed = np.log1p(-np.clip(np.nan_to_num(each, nan=0.0), 0.0, 1.0 - 1e-9)).sum(axis=0)
    seen = np.isfinite(each).any(axis=0)
    return np.where(seen, 1.0 - np.exp(together * missed), np.nan)


def recall_table(trials: pd.DataFrame) -> pd.DataFrame:
    """Share of the slides that were found, by class and by each property, with 95 percent intervals (Wilson).

    Columns ``by``, ``value``, ``found``, ``of``, ``recall``, ``low``, ``high``. Each pair is a trial of its own, but
    in the row by "season", where a slide counts that any pair found.
    """
    import pandas as pd

    rows = [("all", "", trials)]
    rows += [("class", code, some) for code, some in trials.groupby("class")]
    rows += [("shows", how, some) for how, some in trials.groupby("shows")]
    for name, edges in BINS.items():
        for low, high in pairwise(edges):
            some = trials[(trials[name] >= low) & (trials[name] < high)]
            rows.append((name, f"{low:g} to {min(high, 1.0) if high == 1.01 else high:g}", some))
    if trials["pair"].nunique() > 1:
        rows.append(("season", "any pair", trials.groupby("slide", as_index=False)["found"].any()))
    return pd.DataFrame([_row(*row) for row in rows if len(row[2])])


def _row(by: str, value: str, some: pd.DataFrame) -> dict[str, Any]:
    from zoo.scores import wilson

    share = wilson(int(some["found"].sum()), len(some))
    return {
        "by": by,
        "value": value,
        "found": int(some["found"].sum()),
        "of": len(some),
        "recall": share.value,
        "low": share.low,
        "high": share.high,
    }


def _properties(area: Any, fringes: Any, coherence: Any) -> Values:
    """Logarithm of the area, logarithm of the fringes, coherence: (3, ...)."""
    parts = (np.asarray(part, np.float64) for part in (area, fringes, coherence))
    sizes, motions, coherences = np.broadcast_arrays(*parts)
    return np.stack([np.log(sizes), np.log(np.maximum(motions, _LEAST_FRINGES)), coherences])


def _terms(values: Values) -> Values:
    """Properties, their squares and products."""
    products = [values[one] * values[other] for one in range(3) for other in range(one, 3)]
    return np.concatenate([values, np.stack(products)])


def _sigmoid(values: Any) -> Any:
    return 0.5 * (1.0 + np.tanh(0.5 * values))


def _resampled(rng: np.random.Generator, rounds: npt.NDArray[Any]) -> Values:
    """How often each trial is taken when rounds are drawn with replacement: those of a round share their ground."""
    names, which = np.unique(rounds, return_inverse=True)
    counts = np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names))
    return counts[which].astype(np.float64)


def _logistic(design: Values, found: Values, counts: Values) -> Values:
    """Weights of the terms (terms + 1, trials) by Newton's method, with a ridge on all but the first."""
    ridge = _RIDGE * np.eye(len(design))
    ridge[0, 0] = 1e-6
    weights = np.zeros(len(design))
    for _ in range(50):
        chance = _sigmoid(weights @ design)
        slope = design @ (counts * (found - chance)) - ridge @ weights
        curve = (design * (counts * np.maximum(chance * (1.0 - chance), 1e-6))) @ design.T + ridge
        step = np.linalg.solve(curve, slope)
        weights = weights + step
        if np.abs(step).max() < 1e-8:
            break
    return weights


def told(recall: Recall, trials: pd.DataFrame, groups: Sequence[str]) -> pd.DataFrame:
    """Predicted beside counted recall, by groups of trials: whether the fit says what was seen."""
    chance = recall.probability(trials["area"], trials["fringes"], trials["coherence"])
    chance = np.where(trials["hidden"] < HIDDEN, chance, 0.0)
    table = trials.assign(predicted=chance).groupby(list(groups), observed=True)
    return table.agg(
        of=("found", "size"), found=("found", "mean"), predicted=("predicted", "mean")
    ).reset_index()
