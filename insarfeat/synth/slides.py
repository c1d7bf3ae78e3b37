"""Slides and artefacts laid over the ground: what they change, and which of it can be seen."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from insarfeat.synth import radar
from insarfeat.synth.fields import Array, Draws
from insarfeat.synth.ground import Ground
from insarfeat.synth.placing import Feature
from insarfeat.synth.shapes import Frame, Outlines, line_of_sight_share, outlines
from insarfeat.synth.style import Conditions
from insarfeat.windows import Window

Kind = Literal["coherent", "incoherent", "hidden"]
KINDS: dict[Kind, int] = {"coherent": 1, "incoherent": 2, "hidden": 3}
"""How a slide shows (fringes; lost coherence or changed brightness; not at all) and its number in rasters."""

_CLEAR_PHASE = 0.6  # radian: less of it is not told from air
_CLEAR_LOSS = 0.25  # of coherence
_ONCE_COHERENT = 0.35  # coherence of ground on which a loss stands out
_STILL_COHERENT = 0.2  # coherence of ground on which fringes are seen
_CLEAR_CHANGE = 2.5  # dB
_SHARE_SEEN = 0.35  # of a slide, for it to be seen
_SMALLEST = 4  # pixels
_SIDES = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)


@dataclass(frozen=True, slots=True)
class Look:
    """What is looked at, and how; in a batch, numbers of the conditions are of shape (samples, 1, 1)."""

    window: Window
    pixel: float
    conditions: Conditions


@dataclass(frozen=True, slots=True)
class Layers:
    """What slides change, (samples, rows, columns).

    Attributes
    ----------
    displacement
        Metres toward the satellite.
    phase
        Radian, beside that of the displacement.
    coherence
        Before what the fringe rate costs.
    brightness, change
        dB: of both images, and of the second against the first.
    """

    displacement: Array
    phase: Array
    coherence: Array
    brightness: Array
    change: Array


@dataclass(frozen=True, slots=True)
class Sighting:
    """How one slide, or artefact, shows.

    Attributes
    ----------
    sample
        Number of the sample that it lies in.
    feature
        The slide or artefact.
    kind
        How it shows.
    visible
        Share of its outline that shows.
    area
        Of the outline, m2.
    displacement
        Largest along the line of sight, metres, without sign.
    box
        Pixels of the world about what shows; None where nothing does.
    """

    sample: int
    feature: Feature
    kind: Kind
    visible: float
    area: float
    displacement: float
    box: Window | None


@dataclass(frozen=True, slots=True)
class Traces:
    """What slides leave in rasters, (samples, rows, columns), and what is known of each.

    Attributes
    ----------
    landslide
        1 where a slide can be seen.
    ignored
        1 in outlines where nothing can be seen, else 0.
    kind
        0, or :data:`KINDS`.
    number
        0, or 1 + the number of the slide among all that were laid.
    artefact
        1 where an artefact shows.
    sightings
        One for each slide and artefact, in their order.
    """

    landslide: Array
    ignored: Array
    kind: Array
    number: Array
    artefact: Array
    sightings: list[Sighting]

    def cut(self, window: Window) -> Traces:
        """The same rasters of a part of the window."""
        part = (..., *window.slices)
        return Traces(
            self.landslide[part], self.ignored[part], self.kind[part], self.number[part], self.artefact[part],
            self.sightings,
        )  # fmt: skip


def lay_out(
    draws: Draws,
    ground: Ground,
    layers: Layers,
    look: Look,
    texture: Array,
    placed: Sequence[tuple[int, Feature]],
) -> Traces:
    """Lay slides and artefacts, each in its sample, over the ground: ``layers`` are changed in place."""
    empty: list[Array] = [0.0 * ground.elevation for _ in range(5)]
    found: dict[int, Sighting] = {}
    traces = Traces(empty[0], empty[1], empty[2], empty[3], empty[4], [])
    # What a slide makes of the ground, and how it shows, does not depend on who lies beside it.
    bare = (layers.coherence + 0.0, layers.brightness + 0.0)
    for numbers, frame in _frames(placed, look):
        batch = _Batch.of(draws, look, frame, [placed[number] for number in numbers])
        local = batch.gathered(ground, bare, texture)
        changed = _changes(batch, local)
        seen = _seen(batch, local, changed)
        for index, number in enumerate(numbers):
            found[number] = _put(batch, changed, seen, index, number, layers, traces)
    traces.sightings.extend(found[number] for number in range(len(placed)))
    return traces


def _frames(placed: Sequence[tuple[int, Feature]], look: Look) -> list[tuple[list[int], Frame]]:
    """Features in groups whose windows are of one size, so that each group is drawn at once."""
    groups: dict[int, list[int]] = defaultdict(list)
    windows = [feature.shape.window(look.pixel) for _, feature in placed]
    for number, window in enumerate(windows):
        groups[next((side for side in _SIDES if side >= window.height), window.height)].append(number)
    frames = []
    for side, numbers in sorted(groups.items()):
        margin = [(side - windows[number].height) // 2 for number in numbers]
        tops = [windows[number].top - before for number, before in zip(numbers, margin, strict=True)]
        lefts = [windows[number].left - before for number, before in zip(numbers, margin, strict=True)]
        frames.append((numbers, Frame(tops, lefts, side, look.pixel)))
    return frames


@dataclass(frozen=True, slots=True)
class _Local:
    """Layers under the windows of a batch, (features, rows, columns)."""

    incidence: Array
    motion_to_los: Array
    steepness: Array
    down_east: Array
    down_south: Array
    hidden: Array
    coherence: Array
    brightness: Array
    texture: Array


@dataclass(frozen=True, slots=True)
class _Changed:
    """What features make of their windows, (features, rows, columns)."""

    outline: Array
    displacement: Array
    phase: Array
    before: Array
    coherence: Array
    brightness: Array
    change: Array


@dataclass(frozen=True, slots=True)
class _Batch:
    """Features with windows of one size."""

    draws: Draws
    look: Look
    frame: Frame
    samples: npt.NDArray[np.int64]
    features: list[Feature]

    @classmethod
    def of(cls, draws: Draws, look: Look, frame: Frame, placed: list[tuple[int, Feature]]) -> _Batch:
        """Features and the samples that they lie in."""
        samples = np.array([sample for sample, _ in placed], np.int64)
        return cls(draws, look, frame, samples, [feature for _, feature in placed])

    def each(self, values: Sequence[float]) -> Array:
        """One number for each feature."""
        return self.draws.array(np.asarray(values, np.float32)[:, np.newaxis, np.newaxis])

    def condition(self, value: Any) -> Any:
        """A condition of the features' samples."""
        return value if isinstance(value, int | float) else value[self.draws.array(self.samples)]

    def gathered(self, ground: Ground, bare: tuple[Array, Array], texture: Array) -> _Local:
        """Layers under the windows, coherence and brightness bare of slides; beyond the edge, those at the edge."""
        height, width = ground.elevation.shape[1:]
        steps = np.arange(self.frame.side)
        rows = np.clip(np.add.outer(self.frame.tops, steps) - self.look.window.top, 0, height - 1)
        columns = np.clip(np.add.outer(self.frame.lefts, steps) - self.look.window.left, 0, width - 1)
        at = (
            self.draws.array(self.samples[:, np.newaxis, np.newaxis]),
            self.draws.array(rows[:, :, np.newaxis]),
            self.draws.array(columns[:, np.newaxis, :]),
        )
        return _Local(
            ground.incidence[at],
            ground.motion_to_los[at],
            ground.steepness[at],
            ground.down_east[at],
            ground.down_south[at],
            ground.hidden[at],
            bare[0][at],
            bare[1][at],
            texture[at],
        )

    def inside(self, index: int) -> tuple[Window, Window]:
        """Part of a feature's window that lies on the sample: in the sample's pixels, and in the window's."""
        window = Window(self.frame.tops[index], self.frame.lefts[index], self.frame.side, self.frame.side)
        both = window.intersection(self.look.window)
        return both.seen_from(self.look.window), both.seen_from(window)


def _changes(batch: _Batch, local: _Local) -> _Changed:
    """What the features make of the ground."""
    xp, each, features = batch.draws.backend, batch.each, batch.features
    shapes = [feature.shape for feature in features]
    drawn = outlines(batch.draws, shapes, batch.frame, (local.down_east, local.down_south))
    outline = xp.where(drawn.depth > 0.0, 1.0, 0.0)
    # Within a tenth of the half width what changed fades into what did not.
    inner = xp.clip(drawn.depth * 10.0, 0.0, 1.0)
    profile = drawn.profile * _unevenness(batch, drawn, local.texture)
    range_increase = line_of_sight_share(
        xp, local.motion_to_los, local.steepness, local.incidence, drawn.along,
        each([feature.rotation for feature in features]),
    )  # fmt: skip
    # Range that grows is displacement away from the satellite.
    displacement = -each([feature.motion for feature in features]) * profile * range_increase

    by_event = each([float(feature.by_event) for feature in features])
    at_rim = xp.exp(-(((drawn.depth - 0.15) / 0.12) ** 2)) * outline
    phase = each([feature.phase for feature in features]) * xp.where(by_event > 0.0, at_rim, drawn.profile)

    own = each([float(not math.isnan(feature.cover)) for feature in features]) * inner
    value = each([0.0 if math.isnan(feature.cover) else feature.cover for feature in features])
    days = batch.condition(batch.look.conditions.days)
    of_cover = radar.cover_layers(xp, value + 0.0 * local.texture, local.texture, days)
    if not batch.look.conditions.has("coherence"):
        own = 0.0 * own
    before = local.coherence + own * (of_cover[0] - local.coherence)
    brightness = own * (of_cover[1] - local.brightness)

    lost = inner * each([feature.disruption for feature in features])
    coherence = before * (1.0 - lost * (1.0 + 0.2 * xp.clip(local.texture, -1.0, 0.0)))
    change = each([feature.brightness for feature in features]) * inner * (1.0 + 0.3 * local.texture)
    return _Changed(outline, displacement, phase, before, coherence, brightness, change)


def _unevenness(batch: _Batch, drawn: Outlines, texture: Array) -> Array:
    """Share of the speed from place to place: long waves of a fifth, faster sectors, and patches."""
    xp, each, features = batch.draws.backend, batch.each, batch.features
    phases = [each([20.0 * feature.shape.ripple[index] for feature in features]) for index in range(2)]
    waves = 1.0 + 0.2 * xp.sin(3.0 * drawn.along + phases[0]) * xp.cos(2.0 * drawn.across + phases[1])
    inner = xp.clip(2.0 - 2.0 * xp.hypot((drawn.along - 0.25) / 0.45, (drawn.across + 0.15) / 0.5), 0.0, 1.0)
    sector = 1.0 + each([feature.sector for feature in features]) * inner
    patches = 1.0 - each([feature.patchy for feature in features]) * xp.clip(0.5 + 0.5 * texture, 0.0, 1.0)
    return waves * sector * patches


@dataclass(frozen=True, slots=True)
class _Seen:
    """What can be seen of features, (features, rows, columns), and of each as a whole."""

    label: Array
    kinds: list[Kind]
    visible: list[float]


def _seen(batch: _Batch, local: _Local, changed: _Changed) -> _Seen:
    """What stands out of noise and surroundings."""
    xp, conditions = batch.draws.backend, batch.look.conditions
    phase = radar.PHASE_PER_METRE * -changed.displacement + changed.phase
    fringes = radar.fringe_rate_coherence(xp, phase, batch.frame.pixel, batch.condition(conditions.grain))
    after = xp.where(local.hidden > 0.0, radar.HIDDEN, changed.coherence * fringes)
    before = xp.where(local.hidden > 0.0, radar.HIDDEN, changed.before)
    looks = batch.condition(conditions.looks) * batch.condition(conditions.filter_gain)
    least = xp.clip(after, 0.05, 1.0)
    noise = xp.sqrt((1.0 - least**2) / (2.0 * looks)) / least
    clear = xp.maximum(
        batch.each([_clear_phase(batch, index) for index in range(len(batch.features))]), noise
    )
    by_fringes = (xp.abs(phase) > clear) & (after > _STILL_COHERENT)
    by_loss = (before - after > _CLEAR_LOSS) & (before > _ONCE_COHERENT)
    by_change = (xp.abs(changed.change) > _CLEAR_CHANGE) & (local.hidden <= 0.0)
    inside = changed.outline * batch.draws.array(_within(batch))
    coherent = inside * xp.where(by_fringes, 1.0, 0.0)
    incoherent = inside * xp.where(by_loss | by_change, 1.0, 0.0)
    either = xp.maximum(coherent, incoherent)
    counts = _counted(batch, (inside, coherent, incoherent, either))

    kinds: list[Kind] = []
    visible: list[float] = []
    for whole, with_fringes, without, both in zip(*counts, strict=True):
        share = both / max(whole, 1.0)
        visible.append(share if both >= _SMALLEST or not conditions.has("labels") else 0.0)
        if not conditions.has("labels"):
            kinds.append("coherent" if with_fringes >= without else "incoherent")
        elif share < _SHARE_SEEN or both < _SMALLEST:
            kinds.append("hidden")
        else:
            kinds.append("coherent" if with_fringes >= without else "incoherent")
    label = either if conditions.has("labels") else inside
    return _Seen(label, kinds, visible)


def _clear_phase(batch: _Batch, index: int) -> float:
    """Phase that stands out of the air, which differs by so much from one side of a slide to the other."""
    conditions = batch.look.conditions.of_sample(int(batch.samples[index]))
    across = 2.0 * batch.features[index].shape.half_width
    return max(_CLEAR_PHASE, conditions.air_over(across))


def _within(batch: _Batch) -> npt.NDArray[np.float32]:
    """1 where windows lie on their sample."""
    within = np.zeros((len(batch.features), batch.frame.side, batch.frame.side), np.float32)
    for index in range(len(batch.features)):
        within[index][batch.inside(index)[1].slices] = 1.0
    return within


def _counted(batch: _Batch, masks: Sequence[Array]) -> list[list[float]]:
    """Pixels of each feature in each mask."""
    return [[float(count) for count in mask.sum((1, 2))] for mask in masks]


def _put(
    batch: _Batch, changed: _Changed, seen: _Seen, index: int, number: int, layers: Layers, traces: Traces
) -> Sighting:
    """Put one feature into its sample."""
    xp, feature, sample = batch.draws.backend, batch.features[index], int(batch.samples[index])
    outer, inner = batch.inside(index)
    to, of = (sample, *outer.slices), (index, *inner.slices)
    outline = changed.outline[of]
    layers.displacement[to] += changed.displacement[of]
    layers.phase[to] += changed.phase[of]
    layers.brightness[to] += changed.brightness[of]
    layers.change[to] += changed.change[of]
    layers.coherence[to] = xp.where(outline > 0.0, changed.coherence[of], layers.coherence[to])

    kind = seen.kinds[index]
    label = seen.label[of] if kind != "hidden" else 0.0 * outline
    drawn = _shifted(label, *feature.jitter) if any(feature.jitter) else label
    box = _box(batch, drawn, outer)
    if not feature.is_slide:
        traces.artefact[to] = xp.maximum(traces.artefact[to], label)
    else:
        _trace(batch, traces, (outline, label, drawn), to, KINDS[kind], number)
    return Sighting(
        sample, feature, kind, seen.visible[index],
        float(changed.outline[index].sum()) * batch.frame.pixel**2,
        float(xp.abs(changed.displacement[index]).max()), box,
    )  # fmt: skip


def _trace(
    batch: _Batch, traces: Traces, masks: tuple[Array, Array, Array], to: Any, kind: int, number: int
) -> None:
    """Draw one slide into the rasters of the truth: its outline, what shows of it, and that as an expert draws it.

    What cannot be seen of it is ignored.
    """
    xp = batch.draws.backend
    outline, label, drawn = masks
    traces.landslide[to] = xp.maximum(traces.landslide[to], drawn)
    touched = xp.maximum(outline, drawn)
    traces.kind[to] = xp.where(touched > 0.0, 1.0 * kind, traces.kind[to])
    traces.number[to] = xp.where(touched > 0.0, 1.0 + number, traces.number[to])
    if batch.look.conditions.has("labels"):
        traces.ignored[to] = xp.maximum(traces.ignored[to], outline - outline * label)
        traces.ignored[to] = xp.where(traces.landslide[to] > 0.0, 0.0, traces.ignored[to])


def _shifted(values: Array, south: int, east: int) -> Array:
    """Values moved by whole pixels; what leaves on one side is gone."""
    moved = 0.0 * values
    height, width = values.shape
    if abs(south) < height and abs(east) < width:
        to, of = (
            tuple(
                slice(max(sign * step, 0), side + min(sign * step, 0))
                for step, side in ((south, height), (east, width))
            )
            for sign in (1, -1)
        )
        moved[to] = values[of]
    return moved


def _box(batch: _Batch, label: Array, outer: Window) -> Window | None:
    """Pixels of the world about what shows."""
    rows, columns = ([float(value) > 0.0 for value in label.sum(axis)] for axis in (1, 0))
    if not any(rows):
        return None
    top, left = rows.index(True), columns.index(True)
    bottom, right = len(rows) - rows[::-1].index(True), len(columns) - columns[::-1].index(True)
    window = batch.look.window
    return Window(window.top + outer.top + top, window.left + outer.left + left, bottom - top, right - left)
