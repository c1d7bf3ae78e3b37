"""From what a pair shows to the layers of both stacks, by the package's own operators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from insarfeat import filters, geometry
from insarfeat.synth.radar import PHASE_PER_METRE
from insarfeat.synth.style import Conditions


@dataclass(frozen=True, slots=True)
class Seen:
    """What the layers are made of: NumPy arrays, or DataArrays.

    Attributes
    ----------
    interferogram
        Complex, multilooked.
    boxcar
        The same, averaged over the coherence window.
    coherence, slope_to_los, hidden
        As the layers ``coherence``, ``slope_to_los`` and ``shadow_layover``.
    phase
        True phase, not wrapped; None where it is not known, as under a measured interferogram.
    cycles
        Whole cycles that unwrapping is off.
    """

    interferogram: Any
    boxcar: Any
    coherence: Any
    slope_to_los: Any
    hidden: Any
    phase: Any
    cycles: Any


def phase_layers(seen: Seen, conditions: Conditions, pixel: float) -> dict[str, Any]:
    """Layers that follow from the interferogram: wrapped, unwrapped, displacement, sensitivity."""
    filtered = _filtered(seen, conditions, pixel)
    wrapped = filters.wrapped_phase(filtered)
    sensitivity = geometry.sensitivity_layer(seen.coherence, seen.slope_to_los, visibility=seen.hidden)
    if seen.phase is None:
        return {"wrapped_phase": wrapped, "sensitivity": sensitivity}
    turn = 2.0 * np.pi
    unwrapped = wrapped + turn * (((seen.phase - wrapped) / turn).round() + seen.cycles)
    return {
        "wrapped_phase": wrapped,
        "unwrapped_phase": unwrapped,
        "displacement": unwrapped * np.float32(-1.0 / PHASE_PER_METRE),
        "sensitivity": sensitivity,
    }


def _filtered(seen: Seen, conditions: Conditions, pixel: float) -> Any:
    """The interferogram behind its phase filter."""
    if not conditions.has("filter") or conditions.phase_filter == "none":
        return seen.interferogram
    if conditions.phase_filter == "boxcar":
        return seen.boxcar
    smooth = seen.interferogram
    bare = {"resolution": pixel} if isinstance(smooth, np.ndarray) else {}
    if conditions.prefilter > 0.0:
        smooth = filters.gaussian(smooth, width=conditions.prefilter, **bare)
    return filters.goldstein(smooth, alpha=conditions.alpha)


def wrapped(phase: Any) -> Any:
    """Phase in (-pi, pi], float32."""
    turn = 2.0 * np.pi
    inside = (phase - turn * (phase / turn).round()).astype(np.float32)
    # Rounding may leave a value on -pi, which is the same angle as pi, or a bit beyond.
    half = np.float32(np.pi)
    return np.maximum(np.minimum(inside, half), np.nextafter(-half, np.float32(0.0)))
