"""Layers of a window of a world, as they are stored."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from insarfeat.synth.fields import EndlessDraws
from insarfeat.synth.radar import PHASE_PER_METRE, Looks
from insarfeat.synth.world import View, World
from insarfeat.windows import Window


def raw_layers(world: World, window: Window, view: View) -> dict[str, npt.NDArray[Any]]:
    """Layers of a window that follow from its own pixels, (rows, columns)."""
    ground, seen = view.ground, view.observation
    traces = seen.traces
    layers = {
        "interferogram": seen.pair.interferogram,
        "boxcar": seen.boxcar.interferogram,
        "coherence": seen.coherence,
        "intensity": seen.pair.first,
        "elevation": ground.elevation,
        "incidence": ground.incidence,
        "local_incidence": ground.local_incidence,
        "slope_to_los": ground.slope_to_los,
        "shadow_layover": ground.hidden,
        "landslide": traces.landslide,
        "valid_mask": 1.0 - traces.ignored,
        "landslide_kind": traces.kind,
        "landslide_id": np.array([0, *view.numbers])[traces.number.astype(np.int64)],
        "artefact": traces.artefact,
        "displacement_true": seen.displacement,
        "phase_true": seen.phase,
        "atmosphere_true": PHASE_PER_METRE * seen.delay,
        "coherence_true": seen.true_coherence,
        "unwrapping_errors": seen.cycles,
    }
    if _has_images(world):
        layers |= _images(world, window, seen.pair)
    dtypes = dtypes_of(world)
    return {name: np.ascontiguousarray(layers[name][0], dtype=dtypes[name]) for name in dtypes}


def dtypes_of(world: World) -> dict[str, str]:
    """Names of the raw layers and what they are stored as."""
    images = ("primary", "secondary") if _has_images(world) else ()
    return {
        **dict.fromkeys((*images, "interferogram", "boxcar"), "complex64"),
        **dict.fromkeys(_REAL, "float32"),
        **dict.fromkeys(("shadow_layover", "landslide", "valid_mask", "landslide_kind", "artefact"), "uint8"),
        "landslide_id": "int64",
        "unwrapping_errors": "int8",
    }


_REAL = (
    "coherence", "intensity", "elevation", "incidence", "local_incidence", "slope_to_los",
    "displacement_true", "phase_true", "atmosphere_true", "coherence_true",
)  # fmt: skip


def _has_images(world: World) -> bool:
    return world.conditions.single_look and world.background is None


def _images(world: World, window: Window, pair: Looks) -> dict[str, npt.NDArray[Any]]:
    """The two images whose product the interferogram is."""
    draws = EndlessDraws(world.seed, world.pixel, window)
    speckle = draws.white("image re", window) + 1j * draws.white("image im", window)
    phasor = speckle / np.abs(speckle)
    root = np.sqrt(pair.first)
    # interferogram = primary * conj(secondary)
    return {"primary": root * phasor, "secondary": np.conj(pair.interferogram) / root * phasor}
