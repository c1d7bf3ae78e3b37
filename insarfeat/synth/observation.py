"""One acquisition pair over a window of ground: everything that is seen of it, and the truth behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from insarfeat.synth import radar
from insarfeat.synth.background import Background
from insarfeat.synth.fields import Array, Draws, Spectrum
from insarfeat.synth.ground import Ground
from insarfeat.synth.placing import Feature
from insarfeat.synth.radar import boxcar
from insarfeat.synth.slides import Layers, Look, Traces, lay_out
from insarfeat.synth.style import Conditions
from insarfeat.windows import Window

_EVEN_COHERENCE = 0.9
_LEAST = 0.01  # a product of exactly 0 would be nodata
_STRIPES = 700.0  # metres from one to the next
_HOLDS = 0.35  # coherence from which on unwrapping goes right
_ISLANDS = Spectrum(exponent=4.0, finest=60.0, coarsest=480.0)


@dataclass(frozen=True, slots=True)
class Observation:
    """What a pair shows of windows, and the truth, (samples, rows, columns).

    Attributes
    ----------
    pair
        Interferogram and intensities with speckle.
    boxcar
        The same, summed over the coherence window.
    coherence
        As a processor estimates it from them, bias and all.
    true_coherence, displacement, delay, phase
        Without speckle: 0 to 1, metres toward the satellite, metres, radian (not wrapped).
    cycles
        Whole cycles that unwrapping is off.
    traces
        Where slides show, and what is known of each.
    """

    pair: radar.Looks
    boxcar: radar.Looks
    coherence: Array
    true_coherence: Array
    displacement: Array
    delay: Array
    phase: Array
    cycles: Array
    traces: Traces

    def cut(self, window: Window) -> Observation:
        """The same of a part of the window."""
        return Observation(
            **{
                part.name: getattr(self, part.name).cut(window)
                if part.name in ("pair", "boxcar", "traces")
                else getattr(self, part.name)[..., *window.slices]
                for part in fields(self)
            }
        )


def observe(
    draws: Draws,
    ground: Ground,
    look: Look,
    placed: Sequence[tuple[int, Feature]],
    background: Background | None = None,
) -> Observation:
    """Observe windows of ground.

    Parameters
    ----------
    draws
        Where what is random comes from, and the backend.
    ground
        Layers of shape (samples, rows, columns).
    look
        Window of the world, the same for all samples of a batch, and the conditions.
    placed
        Slides and artefacts, each with the number of the sample that it lies in.
    background
        Measured pair of the window: air, land cover and speckle are then its own.
    """
    if background is not None:
        return _on_background(draws, ground, look, placed, background)
    xp, conditions = draws.backend, look.conditions
    texture = radar.texture(draws)
    layers = _bare(draws, ground, texture, conditions)
    traces = lay_out(draws, ground, layers, look, texture, placed)

    nothing = 0.0 * ground.elevation
    delay = radar.delay(draws, conditions, ground.elevation) if conditions.has("atmosphere") else nothing
    phase = radar.PHASE_PER_METRE * (delay - layers.displacement) + layers.phase
    if conditions.has("dem_error"):
        phase = phase + radar.residual_topography(draws, conditions, ground.steepness, ground.incidence)

    if conditions.has("artefacts"):
        phase = phase + conditions.stripes * draws.array(_stripes(look))

    slope_light = radar.facing(xp, ground.local_incidence, ground.incidence)
    brightness = 10.0 ** (0.1 * layers.brightness) * slope_light
    coherence = layers.coherence
    if conditions.has("coherence"):
        coherence = coherence * radar.thermal_coherence(brightness)
        coherence = coherence * radar.baseline_coherence(conditions.perpendicular)
        coherence = coherence * radar.fringe_rate_coherence(xp, phase, look.pixel, conditions.grain)
    coherence = xp.clip(xp.where(ground.hidden > 0.0, radar.HIDDEN, coherence), _LEAST, 1.0)

    pair = _pair(draws, ground, look, coherence, phase)
    pair = pair.lit(brightness + radar.NOISE_FLOOR, 10.0 ** (0.1 * layers.change))
    summed = boxcar(xp, pair, conditions.coherence_window)
    return Observation(
        pair=pair,
        boxcar=summed,
        coherence=summed.coherence,
        true_coherence=coherence,
        displacement=layers.displacement,
        delay=delay,
        phase=phase,
        cycles=_lost_cycles(draws, coherence, conditions),
        traces=traces,
    )


def _on_background(
    draws: Draws, ground: Ground, look: Look, placed: Sequence[tuple[int, Feature]], background: Background
) -> Observation:
    """What slides make of a measured pair."""
    xp, conditions = draws.backend, look.conditions
    nothing = 0.0 * ground.elevation
    measured = np.nan_to_num(background.coherence)[np.newaxis]
    layers = Layers(nothing, 0.0 * nothing, measured.copy(), 0.0 * nothing, 0.0 * nothing)
    traces = lay_out(draws, ground, layers, look, radar.texture(draws), placed)
    phase = layers.phase - radar.PHASE_PER_METRE * layers.displacement
    coherence = layers.coherence * radar.fringe_rate_coherence(xp, phase, look.pixel, conditions.grain)
    untouched = (phase == 0.0) & (layers.coherence == measured) & (layers.change == 0.0)
    kept = np.where(
        untouched | (measured < 1e-3), 1.0, np.clip(coherence / np.maximum(measured, 1e-3), 0.0, 1.0)
    )
    pair = background.with_slides(draws, look, kept.astype(np.float32), phase, 10.0 ** (0.1 * layers.change))
    nodata = np.isnan(background.coherence)[np.newaxis]
    traces.ignored[nodata] = 1.0
    return Observation(
        pair=pair,
        boxcar=boxcar(xp, pair, conditions.coherence_window),
        coherence=kept.astype(np.float32) * background.coherence[np.newaxis],
        true_coherence=coherence,
        displacement=layers.displacement,
        delay=0.0 * nothing,
        phase=phase,
        cycles=0.0 * nothing,
        traces=traces,
    )


def _stripes(look: Look) -> npt.NDArray[np.float32]:
    """Waves along range lines, which run east and west to within 12 degrees: (1, rows, 1)."""
    south = np.arange(look.window.top, look.window.bottom) * look.pixel
    waves = np.sin(2.0 * np.pi * south / _STRIPES)[np.newaxis, :, np.newaxis]
    return np.asarray(waves, dtype=np.float32)


def _bare(draws: Draws, ground: Ground, texture: Array, conditions: Conditions) -> Layers:
    """The ground before anything moves."""
    xp, nothing = draws.backend, 0.0 * ground.elevation
    mosaic, uneven = radar.mosaic(draws, ground.steepness), radar.unevenness(draws)
    coherence, brightness = radar.cover_layers(xp, mosaic, texture, conditions.days)
    coherence = xp.clip(coherence * (1.0 + 0.08 * uneven), 0.02, 0.98)
    if not conditions.has("coherence"):
        coherence = nothing + _EVEN_COHERENCE
    return Layers(nothing, 0.0 * nothing, coherence, brightness + 1.2 * uneven, 0.0 * nothing)


def _pair(draws: Draws, ground: Ground, look: Look, coherence: Array, phase: Array) -> radar.Looks:
    """Multilooked pair of brightness 1, with speckle unless that is left out."""
    xp, conditions = draws.backend, look.conditions
    if not conditions.has("noise"):
        return radar.expected_pair(xp, coherence, phase)
    looks = conditions.looks + 0.0 * coherence
    if conditions.has("geometry"):
        looks = radar.stretched_looks(xp, ground.local_incidence, ground.incidence, looks)
        looks = xp.clip(looks, 2.0, 100.0)
    lattice = radar.Lattice.about(look.window, look.pixel, conditions.grain)
    return radar.speckle(draws, lattice, coherence, phase, 1.0 if conditions.single_look else looks)


def _lost_cycles(draws: Draws, coherence: Array, conditions: Conditions) -> Array:
    """Cycles that unwrapping is off: on islands of ground that does not hold together."""
    if not conditions.has("unwrapping"):
        return 0.0 * coherence
    xp = draws.backend
    islands = draws.field("islands", _ISLANDS)
    weak = xp.where(coherence < _HOLDS, 1.0, 0.0)
    limit = conditions.island_limit
    return weak * (xp.where(islands > limit, 1.0, 0.0) - xp.where(islands < -limit, 1.0, 0.0))
