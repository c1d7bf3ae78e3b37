"""Classical landslide detectors, the yardstick beside every score of a network, and their best thresholds.

Each detector is one measurement that an expert would make on an interferogram, without any training. A score
grows with the likeness to a landslide; :class:`ThresholdScan` finds the threshold that serves it best.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from insarfeat.errors import InvalidArgument, InvalidType

Values: TypeAlias = npt.NDArray[np.float32]
Phasors: TypeAlias = npt.NDArray[np.complex64]

BINS: Final = 2_000
"""Thresholds that are tried over a detector's range."""

_COHERENCE_WIDTH, _PHASE_WIDTH, _BACKGROUND_WIDTH = 45.0, 60.0, 600.0  # metres, full width at half maximum
_SIGMA_PER_WIDTH = 1.0 / (2.0 * math.sqrt(2.0 * math.log(2.0)))
_REACH = 3.0  # standard deviations after which a Gaussian window is cut off
_TOLERANCE = 1e-3  # of rounding, beyond a band's range


@dataclass(frozen=True, slots=True)
class Detector:
    """A classical detector: called with bands and a pixel size, it gives a score per pixel.

    Attributes
    ----------
    band
        The layer that it reads: ``wrapped_phase`` (radian) or ``coherence`` (0 to 1).
    unit
        Of the score.
    highest
        End of the range, from 0, over which thresholds are tried.
    measure
        What gives the score from the band with gaps set to 0, where it is known, and the pixel size.
    """

    band: str
    unit: str
    highest: float
    measure: Callable[[Values, npt.NDArray[np.bool_], float], Values]

    def __call__(self, bands: Mapping[str, npt.NDArray[Any]], pixel: float) -> Values:
        """Return the score of every pixel.

        Parameters
        ----------
        bands
            Layers of shape (batch, rows, columns) by name, nodata NaN: ``wrapped_phase`` in radian,
            ``coherence`` from 0 to 1. Only :attr:`band` is read; its sign and a constant in it do not matter.
        pixel
            Pixel size, metres.

        Returns
        -------
        numpy.ndarray
            float32 of the same shape, 0 or more and without NaN. Nodata is no evidence: its score is 0, and it
            takes no part in the score of its neighbours.

        >>> coherence = np.array([[[0.75, 0.75, np.nan]]], "f4")
        >>> DETECTORS["low_coherence"]({"coherence": coherence}, 15.0).round(6).tolist()
        [[[0.25, 0.25, 0.0]]]
        """
        values = _band(bands, self.band)
        known = np.isfinite(values)
        score = self.measure(np.where(known, values, np.float32(0.0)), known, _pixel(pixel))
        return np.where(known, score, np.float32(0.0)).astype(np.float32)

    @property
    def edges(self) -> Values:
        """The edges of the bins for :class:`ThresholdScan`: :data:`BINS` from 0 to :attr:`highest`.

        >>> edges = DETECTORS["low_coherence"].edges
        >>> edges.size, edges[[0, 1000, 2000]].tolist()
        (2001, [0.0, 0.5, 1.0])
        """
        return np.linspace(0.0, self.highest, BINS + 1).astype(np.float32)


def _low_coherence(coherence: Values, known: npt.NDArray[np.bool_], pixel: float) -> Values:
    """1 - coherence averaged under a Gaussian window."""
    total, weight = _blur(coherence, _COHERENCE_WIDTH / pixel), _blur(known, _COHERENCE_WIDTH / pixel)
    mean = np.divide(total, weight, out=np.ones_like(total), where=known)
    return np.asarray(np.clip(np.float32(1.0) - mean, 0.0, 1.0))


def _phase_gradient(phase: Values, known: npt.NDArray[np.bool_], pixel: float) -> Values:
    """Size of the fringe rate: angles of the averaged z[i + 1] conj(z[i]), per metre, times concentration squared.

    Averaged products of noise still have some angle, any angle: without the concentration, decorrelated ground
    would show the highest rates of all.
    """
    phasors, weights = _phasors(phase, known), known.astype(np.float32)
    rates = []
    for axis in (1, 2):
        total, weight = (
            _blur(_centred(_steps(part, axis), axis), _PHASE_WIDTH / pixel) for part in (phasors, weights)
        )
        rates.append(np.angle(total) / np.float32(pixel) * _concentration(total, weight) ** 2)
    return np.asarray(np.hypot(*rates))


def _high_pass_phase(phase: Values, known: npt.NDArray[np.bool_], pixel: float) -> Values:
    """Angle to the phase of the surroundings, times the concentration (0 to 1) of the averaged phasors."""
    phasors = _without_ramp(_phasors(phase, known))
    background = _blur(phasors, _BACKGROUND_WIDTH / pixel)
    length = np.abs(background)
    direction = np.divide(background, length, out=np.zeros_like(background), where=length > 0.0)
    anomaly = _blur(phasors * np.conj(direction), _PHASE_WIDTH / pixel)
    return np.asarray(np.abs(np.angle(anomaly)) * _concentration(anomaly, _blur(known, _PHASE_WIDTH / pixel)))


DETECTORS: Final[Mapping[str, Detector]] = MappingProxyType(
    {
        "low_coherence": Detector("coherence", "1", 1.0, _low_coherence),
        # The steepest phase that pixels of 10 m can hold, half a fringe per pixel along both axes.
        "phase_gradient": Detector(
            "wrapped_phase", "rad/m", math.pi * math.sqrt(2.0) / 10.0, _phase_gradient
        ),
        "high_pass_phase": Detector("wrapped_phase", "rad", math.pi, _high_pass_phase),
    }
)
"""The detectors by name.

- ``low_coherence``: 1 - coherence under a Gaussian window of 45 m.
- ``phase_gradient``: size of the local fringe rate, radian per metre, from the angles of neighbours' products
  ``z[i + 1] * conj(z[i])`` averaged under a window of 60 m, ``z = exp(1j * wrapped_phase)``, each multiplied by
  the products' squared concentration.
- ``high_pass_phase``: angle in radian between the phase and its own mean under a window of 600 m, averaged as
  phasors under 60 m and multiplied by their concentration. The ramp of the whole tile is taken off before.

Widths are full widths at half maximum.
"""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Valid pixels per bin of the score: ``positives`` in landslides, ``negatives`` outside, int64."""

    positives: npt.NDArray[np.int64]
    negatives: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Operating:
    """Scores of the mask ``score >= threshold``, over all pixels together; NaN where a ratio is 0 / 0.

    With true and false positives TP and FP and misses FN: ``iou`` is TP / (TP + FP + FN), ``f1``
    2 TP / (2 TP + FP + FN), ``precision`` TP / (TP + FP) and ``recall`` TP / (TP + FN).
    """

    threshold: float
    iou: float
    f1: float
    precision: float
    recall: float


def threshold_scan(
    score: npt.NDArray[Any], truth: npt.NDArray[Any], valid: npt.NDArray[Any], edges: Values
) -> Histogram:
    """Count the valid pixels of landslides and of the rest per bin of their score.

    Parameters
    ----------
    score
        Any shape, without NaN or values under ``edges[0]`` where valid. Values from ``edges[-1]`` on fall into
        the last bin.
    truth
        The landslides: bool or whole numbers, not 0 inside.
    valid
        The pixels that count: bool or whole numbers, not 0 where they do.
    edges
        Ascending edges of the bins, float32. A bin holds its lower edge.

    >>> counts = threshold_scan(
    ...     np.array([0.1, 0.5, 0.9, 0.9], "f4"), np.array([0, 0, 1, 1]), np.array([1, 1, 1, 0]),
    ...     np.array([0.0, 0.5, 1.0], "f4"),
    ... )
    >>> counts.positives.tolist(), counts.negatives.tolist()
    ([0, 1], [1, 1])
    """
    edges, score = _checked_edges(edges), np.asarray(score)
    positive, counted = _mask("truth", truth, score.shape), _mask("valid", valid, score.shape)
    values, inside = score[counted], positive[counted]
    if not bool(np.all(values >= edges[0])):
        raise InvalidArgument(
            f"score holds NaN or values under the first edge {float(edges[0]):g} at valid pixels; give every valid "
            "pixel a score in the range of the edges, or mark it as not valid"
        )
    bins = np.minimum(np.searchsorted(edges, values, side="right") - 1, edges.size - 2)
    return Histogram(*(np.bincount(bins[part], minlength=edges.size - 1) for part in (inside, ~inside)))


class ThresholdScan:
    """Scores at every threshold, streamed over batches of tiles; memory does not grow with them.

    Parameters
    ----------
    edges
        Ascending edges of the bins, float32: the ``edges`` of a :class:`Detector`. Thresholds are the lower
        edges of the bins, and the scores at each are exact.

    >>> scan = ThresholdScan(np.linspace(0.0, 1.0, 11, dtype="f4"))
    >>> scan.add(np.array([0.05, 0.25, 0.85], "f4"), np.array([0, 1, 1]), np.ones(3, bool))
    >>> scan.add(np.array([0.35, 0.15], "f4"), np.array([0, 0]), np.ones(2, bool))
    >>> best = scan.best()
    >>> round(best.threshold, 6), round(best.iou, 3), round(best.precision, 3), best.recall
    (0.2, 0.667, 0.667, 1.0)
    """

    def __init__(self, edges: Values) -> None:
        self._edges = _checked_edges(edges)
        empty = np.zeros(self._edges.size - 1, np.int64)
        self._counts = Histogram(empty, empty)

    @property
    def histogram(self) -> Histogram:
        """What was counted so far."""
        return self._counts

    def add(self, score: npt.NDArray[Any], truth: npt.NDArray[Any], valid: npt.NDArray[Any]) -> None:
        """Count one batch; the arguments are those of :func:`threshold_scan`."""
        new, old = threshold_scan(score, truth, valid, self._edges), self._counts
        self._counts = Histogram(old.positives + new.positives, old.negatives + new.negatives)

    def best(self) -> Operating:
        """Return the threshold of the highest IoU (which is that of the highest F1); of equals the highest."""
        hits, alarms, total = self._sums()
        if total == 0:
            raise InvalidArgument(
                "no valid pixel of a landslide was added, so no threshold is best; add tiles that hold some"
            )
        overlap = hits / (total + alarms)
        return self._operating(int(np.flatnonzero(overlap == overlap.max())[-1]))

    def at(self, threshold: float) -> Operating:
        """Return the scores at one threshold, such as the best one of other tiles.

        >>> scan = ThresholdScan(np.array([0.0, 0.5, 1.0], "f4"))
        >>> scan.add(np.array([0.2, 0.7], "f4"), np.array([1, 1]), np.array([1, 1]))
        >>> scan.at(0.5)
        Operating(threshold=0.5, iou=0.5, f1=0.6666666666666666, precision=1.0, recall=0.5)
        """
        found = np.flatnonzero(self._edges[:-1] == np.float32(threshold))
        if found.size == 0:
            raise InvalidArgument(
                f"threshold is {threshold}; it must be the lower edge of a bin: pass the threshold of another scan "
                "with the same edges"
            )
        return self._operating(int(found[0]))

    def _sums(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
        """True and false positives at each threshold, and the pixels of landslides."""
        hits, alarms = (
            np.cumsum(counts[::-1])[::-1] for counts in (self._counts.positives, self._counts.negatives)
        )
        return hits, alarms, int(hits[0])

    def _operating(self, index: int) -> Operating:
        all_hits, all_alarms, total = self._sums()
        hit, alarm = int(all_hits[index]), int(all_alarms[index])
        return Operating(
            threshold=float(self._edges[index]),
            iou=_ratio(hit, total + alarm),
            f1=_ratio(2 * hit, total + hit + alarm),
            precision=_ratio(hit, hit + alarm),
            recall=_ratio(hit, total),
        )


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _blur(values: npt.NDArray[Any], width: float) -> Any:
    """Sum of each tile under a Gaussian window of ``width`` pixels at half maximum; beyond the tile lies 0."""
    from scipy.ndimage import gaussian_filter

    sigma = width * _SIGMA_PER_WIDTH
    single = values.astype(np.complex64 if np.iscomplexobj(values) else np.float32, copy=False)
    return gaussian_filter(single, (0.0, sigma, sigma), mode="constant", truncate=_REACH)


def _phasors(phase: Values, known: npt.NDArray[np.bool_]) -> Phasors:
    """exp(1j phase), 0 where the phase is not known."""
    return np.where(known, np.exp(np.complex64(1j) * phase), np.complex64(0.0))


def _steps(values: npt.NDArray[Any], axis: int) -> npt.NDArray[Any]:
    """z[i + 1] conj(z[i]) along an axis: of phasors, its angle is the phase step between neighbours."""
    along = np.moveaxis(values, axis, -1)
    return np.moveaxis(along[..., 1:] * np.conj(along[..., :-1]), -1, axis)


def _centred(steps: npt.NDArray[Any], axis: int) -> npt.NDArray[Any]:
    """The sum of the two steps of every pixel: a step lies between two pixels, and both get it."""
    along = np.moveaxis(steps, axis, -1)
    beyond = np.zeros_like(along, shape=(*along.shape[:-1], 1))
    both = np.concatenate([along, beyond], axis=-1) + np.concatenate([beyond, along], axis=-1)
    return np.moveaxis(both, -1, axis)


def _concentration(total: Phasors, weight: Values) -> Values:
    """How well the phasors of a weighted sum agree: 1 where all are the same, near 0 where they are noise."""
    agreement = np.divide(np.abs(total), weight, out=np.zeros_like(weight), where=weight > 0.0)
    return np.minimum(agreement, np.float32(1.0))


def _without_ramp(phasors: Phasors) -> Phasors:
    """Each tile without its mean fringe rate: at the edges, a mean over one side would lag behind a ramp."""
    for axis in (1, 2):
        rate = np.angle(_steps(phasors, axis).sum(axis=(1, 2), keepdims=True, dtype=np.complex128))
        position = np.arange(phasors.shape[axis]).reshape((-1, 1) if axis == 1 else (1, -1))
        phasors = (phasors * np.exp(-1j * rate * position)).astype(np.complex64)
    return phasors


def _band(bands: Mapping[str, npt.NDArray[Any]], name: str) -> Values:
    if name not in bands:
        raise InvalidArgument(f"bands hold {sorted(bands)} but no {name!r}; add that layer under this name")
    values = np.asarray(bands[name])
    if values.dtype.kind != "f":
        raise InvalidType(f"bands[{name!r}] is of type {values.dtype}; it must be real: pass float32")
    if values.ndim != 3 or 0 in values.shape:
        raise InvalidArgument(
            f"bands[{name!r}] has the shape {values.shape}; it must be (batch, rows, columns): pass for example "
            "values[np.newaxis] for one tile"
        )
    least, most = (0.0, 1.0) if name == "coherence" else (-math.pi, math.pi)
    if bool(np.any((values < least - _TOLERANCE) | (values > most + _TOLERANCE))):
        raise InvalidArgument(
            f"bands[{name!r}] holds values from {np.nanmin(values):g} to {np.nanmax(values):g}; they must lie from "
            f"{least:g} to {most:g}: check the unit, and that nodata is NaN"
        )
    return values.astype(np.float32, copy=False)


def _pixel(pixel: object) -> float:
    if isinstance(pixel, bool) or not isinstance(pixel, int | float | np.number):
        raise InvalidType(f"pixel is {pixel!r}; it must be a number of metres: pass for example 15.0")
    if not (math.isfinite(pixel) and 1.0 <= pixel <= 100.0):
        raise InvalidArgument(f"pixel is {pixel}; it must lie from 1 to 100 metres: check the unit")
    return float(pixel)


def _mask(name: str, values: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    mask = np.asarray(values)
    if mask.dtype.kind not in "biu":
        raise InvalidType(
            f"{name} is of type {mask.dtype}; it must be bool or of whole numbers: pass for example {name} > 0.5"
        )
    if mask.shape != shape:
        raise InvalidArgument(
            f"{name} has the shape {mask.shape} and score {shape}; give both the same shape"
        )
    return mask.astype(np.bool_)


def _checked_edges(edges: npt.NDArray[Any]) -> Values:
    checked = np.asarray(edges, np.float32)
    if checked.ndim != 1 or checked.size < 2 or not bool(np.all(np.diff(checked) > 0.0)):
        raise InvalidArgument(
            f"edges have the shape {checked.shape}; they must be 2 or more ascending float32 numbers in one "
            "dimension: pass the edges of a detector"
        )
    return checked
