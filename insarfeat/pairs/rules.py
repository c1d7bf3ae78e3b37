"""What is asked of an interferogram before anybody looks at it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from insarfeat.errors import InvalidArgument, suggestion
from insarfeat.pairs.quality import Quality

_STEEPNESS = 4
_HOPELESS = 1e-9  # so far beyond a limit that powers would overflow
_AT_LEAST = frozenset({"coverage", "mean_coherence"})
_SHARES = frozenset({"coverage", "decorrelated", "mean_coherence", "min_score"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say of one interferogram.

    Attributes
    ----------
    keep
        Whether it is worth interpreting.
    score
        0 to 1, the score of its worst number.
    reasons
        What speaks against it, in words, the worst first; empty where it is kept.
    """

    keep: bool
    score: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    r"""Limits on the numbers of a :class:`Quality`, and the score that they give.

    Each number x with limit l scores :math:`1 / (1 + (x / l)^4)`, or with x and l exchanged where more is better: 1
    when far on the good side, 0.5 at the limit, 0.06 at twice of it. The score of an interferogram is that of its
    worst number, because one fault is enough to make fringes unreadable, and no virtue makes up for it. So it is
    kept, with ``min_score=0.5``, exactly if no limit is passed. Numbers that are NaN (without elevation, say) are not
    judged; without any phase the score is 0.

    All defaults are judgements and may be argued with.

    Attributes
    ----------
    coverage
        At least this share of the pixels has a phase. 0.3: what is left of a frame that a coast or a burst edge cuts.
    decorrelated
        At most this share of the valid pixels has a coherence below 0.3. 0.5: half of the ground is blind then.
    mean_coherence
        At least so much. 0.35: the pairs that experts labelled in MIRAGE have 0.45 on average.
    ramp
        At most so many fringes across the scene. 10: a plane is easily taken off, but so many tell of a wrong orbit.
    stratified
        At most so many radians of phase over the relief. 6.3, one fringe: more looks like motion of whole slopes.
    turbulence
        At most so many radians between 1 and 5 km. 0.8: such a wave has 2.3 rad from trough to peak, and the half
        fringe that an expert trusts as the smallest sign of motion has 3.1.
    noise
        At most so many radians from pixel to pixel. 1.5: 1.81 is nothing but noise, and single looks at a coherence
        of 0.35 have 1.5.
    min_score
        Kept from this score on, 0 to 1.

    Examples
    --------
    >>> found = Quality(0.9, 0.58, 0.4, "layer", 0.5, 1.0, 1.1, 0.4, 0.02, 0.3, 0.9, "m")
    >>> Rules().judge(found).reasons
    ('58 % of the valid pixels are decorrelated (limit 50 %)',)
    >>> Rules(decorrelated=0.7).judge(found).keep
    True
    """

    coverage: float = 0.3
    decorrelated: float = 0.5
    mean_coherence: float = 0.35
    ramp: float = 10.0
    stratified: float = 6.3
    turbulence: float = 0.8
    noise: float = 1.5
    min_score: float = 0.5

    def __post_init__(self) -> None:
        for name in _names():
            value = getattr(self, name)
            most = 1.0 if name in _SHARES else math.inf
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
                if name == "min_score" and value == 0 and not isinstance(value, bool):
                    continue
                upper = " to 1" if most == 1.0 else ""
                raise InvalidArgument(f"{name} must be a number above 0{upper}; got {value!r}")

    def judge(self, quality: Quality) -> Verdict:
        """Score an interferogram and say what is wrong with it."""
        if not quality.coverage > 0:
            return Verdict(False, 0.0, ("no pixel has a phase",))
        scores = sorted((score, name) for name, score in self._scores(quality))
        worst = scores[0][0]
        if worst >= self.min_score:
            return Verdict(True, worst, ())
        return Verdict(
            False,
            worst,
            tuple(self._reason(name, score, quality) for score, name in scores if score < self.min_score),
        )

    def with_limits(self, limits: Mapping[str, float]) -> Rules:
        """The same rules with other limits.

        >>> Rules().with_limits({"ramp": 4}).ramp
        4
        """
        for name in limits:
            if name not in _names():
                raise InvalidArgument(
                    f"there is no limit {name!r}{suggestion(name, _names())}; there are {', '.join(_names())}"
                )
        return dataclasses.replace(self, **limits)

    def passes(self, name: str, value: float) -> bool:
        """Whether a number lies on the wrong side of its limit.

        >>> Rules().passes("ramp", 12.0), Rules().passes("coverage", 0.9)
        (True, False)
        """
        limit = float(getattr(self, name))
        return value < limit if name in _AT_LEAST else value > limit

    def described(self) -> tuple[str, ...]:
        """The limits in words, one by one."""
        return tuple(
            f"{_LABELS[name]} {'at least' if name in _AT_LEAST else 'at most'} {_shown(name, getattr(self, name))}"
            for name in _names()
            if name != "min_score"
        )

    def _scores(self, quality: Quality) -> Iterator[tuple[str, float]]:
        for name in _names():
            if name == "min_score":
                continue
            value, limit = float(getattr(quality, name)), float(getattr(self, name))
            if math.isnan(value):
                continue
            over, under = (limit, value) if name in _AT_LEAST else (value, limit)
            yield name, 1.0 / (1.0 + (over / under) ** _STEEPNESS) if under > _HOPELESS * over else 0.0

    def _reason(self, name: str, score: float, quality: Quality) -> str:
        value, limit = float(getattr(quality, name)), float(getattr(self, name))
        shown = _shown(name, limit)
        words = _REASONS[name].format(
            _shown(name, value), band="1 to 5 km" if quality.unit == "m" else "64 to 320 pixels"
        )
        if self.passes(name, value):
            return f"{words} (limit {shown})"
        return f"{words}, near the limit {shown} (score {score:.2f} below {self.min_score:.2f})"


_LABELS = {
    "coverage": "coverage",
    "decorrelated": "decorrelated pixels",
    "mean_coherence": "mean coherence",
    "ramp": "ramp",
    "stratified": "stratified phase",
    "turbulence": "turbulence",
    "noise": "noise",
}

_REASONS = {
    "coverage": "only {} of the pixels have a phase",
    "decorrelated": "{} of the valid pixels are decorrelated",
    "mean_coherence": "the mean coherence is {}",
    "ramp": "the phase ramps by {} across the scene",
    "stratified": "{} of the phase follow the elevation",
    "turbulence": "turbulence of {} from {band}",
    "noise": "noise of {} from pixel to pixel",
}


def _names() -> list[str]:
    return [field.name for field in dataclasses.fields(Rules)]


def _shown(name: str, value: float) -> str:
    """A value with its unit.

    >>> _shown("decorrelated", 0.583), _shown("ramp", 12.0), _shown("noise", 1.5)
    ('58 %', '12 fringes', '1.5 rad')
    """
    if name in ("coverage", "decorrelated"):
        return f"{100 * value:.2g} %" if value < 0.1 else f"{100 * value:.0f} %"
    if name == "mean_coherence":
        return f"{value:.2f}"
    return f"{value:.3g} {'fringes' if name == 'ramp' else 'rad'}"
