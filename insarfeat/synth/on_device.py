"""A whole batch of tiles at once, by the formulas of the scenes, in torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from insarfeat.synth import torch_filters
from insarfeat.synth.fields import Array
from insarfeat.synth.ground import Ground
from insarfeat.synth.observation import Observation, observe
from insarfeat.synth.placing import Feature
from insarfeat.synth.radar import PHASE_PER_METRE, Looks
from insarfeat.synth.slides import Look, Sighting
from insarfeat.synth.style import Conditions
from insarfeat.synth.tiles import MARGIN, Place, Recipe, Sitting, cut_sighting
from insarfeat.synth.torch_draws import JointConditions, TorchDraws
from insarfeat.windows import Window

_KEPT_PLACES = 8


@dataclass(slots=True)
class Bench:
    """Where batches are made: a torch generator and its device, what tiles are made of, and the places at hand."""

    generator: Any
    recipe: Recipe
    _kept: dict[int, tuple[Place, dict[str, Array]]] = field(default_factory=dict)

    def make(
        self, places: Sequence[Place], sittings: Sequence[Sitting]
    ) -> tuple[dict[str, Array], list[list[Sighting]], list[Conditions]]:
        """Bands, sightings and conditions of one tile for each sitting."""
        side = self.recipe.side
        draws = TorchDraws(self.generator, len(sittings), side, side, self.recipe.pixel)
        conditions = _alike([sitting.conditions for sitting in sittings])
        layers = self._stacked(places, sittings)
        ground = Ground(**{part.name: layers[part.name] for part in fields(Ground)})
        placed = [
            (sample, _moved(feature, sitting.window))
            for sample, sitting in enumerate(sittings)
            for feature in sitting.features
        ]
        joint: Any = JointConditions.of(draws, conditions)  # stands in for the conditions of one
        look = Look(Window(0, 0, side, side), self.recipe.pixel, joint)
        seen = observe(draws, ground, look, placed)
        inner = (slice(None), slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))
        bands = {
            name: values[inner].contiguous() for name, values in self._bands(seen, layers, conditions).items()
        }
        sightings: list[list[Sighting]] = [[] for _ in sittings]
        for sighting in seen.traces.sightings:
            sightings[sighting.sample].append(cut_sighting(sighting, Window(0, 0, side, side).grown(-MARGIN)))
        return bands, sightings, conditions

    def _stacked(self, places: Sequence[Place], sittings: Sequence[Sitting]) -> dict[str, Array]:
        """Layers of the ground under every tile, (samples, rows, columns)."""
        import torch

        cuts = [
            {name: layer[sitting.window.slices] for name, layer in self._on_device(place).items()}
            for place, sitting in zip(places, sittings, strict=True)
        ]
        return {name: torch.stack([cut[name] for cut in cuts]) for name in cuts[0]}

    def _on_device(self, place: Place) -> dict[str, Array]:
        """Layers of a place as tensors, kept while it is in use."""
        import torch

        if id(place) not in self._kept:
            while len(self._kept) >= _KEPT_PLACES:
                del self._kept[next(iter(self._kept))]
            layers = {part.name: getattr(place.ground, part.name) for part in fields(Ground)}
            tensors = {
                name: torch.tensor(values, device=self.generator.device)
                for name, values in {**layers, "terrain_pc1": place.terrain_pc1}.items()
                if values is not None
            }
            self._kept[id(place)] = (place, tensors)
        return self._kept[id(place)][1]

    def _bands(
        self, seen: Observation, ground: dict[str, Array], conditions: Sequence[Conditions]
    ) -> dict[str, Array]:
        """Layers of both stacks, and the truth."""
        import torch

        filtered = self._filtered(seen.pair, seen.boxcar, conditions)
        wrapped = torch.angle(filtered)
        turn = 2.0 * np.pi
        unwrapped = wrapped + turn * (torch.round((seen.phase - wrapped) / turn) + seen.cycles)
        coherence = seen.coherence
        # As geometry.sensitivity_layer: |S| coherence W(coherence), 0 where shadow or layover hide the ground.
        weight = torch.sigmoid(_STEEPNESS * (coherence - _MIDPOINT))
        clear = (ground["hidden"] == 0.0).to(coherence.dtype)
        return {
            "wrapped_phase": wrapped,
            "unwrapped_phase": unwrapped,
            "displacement": unwrapped * (-1.0 / PHASE_PER_METRE),
            "sensitivity": ground["slope_to_los"].abs() * coherence * weight * clear,
            "coherence": coherence,
            "intensity": seen.pair.first,
            "elevation": ground["elevation"],
            "local_incidence": ground["local_incidence"],
            **{name: ground[name] for name in ("terrain_pc1",) if name in ground},
            "landslide": seen.traces.landslide,
            "valid_mask": 1.0 - seen.traces.ignored,
            "landslide_kind": seen.traces.kind,
            "artefact": seen.traces.artefact,
        }

    def _filtered(self, pair: Looks, boxcar: Looks, conditions: Sequence[Conditions]) -> Array:
        """The interferograms behind their filters, samples of one filter together."""
        import torch

        made = torch.complex(pair.real, pair.imaginary)
        device = self.generator.device

        def of(wanted: Any) -> Array:
            chosen = [sample for sample, each in enumerate(conditions) if each.has("filter") and wanted(each)]
            return torch.tensor(chosen, device=device, dtype=torch.int64)

        averaged = of(lambda each: each.phase_filter == "boxcar")
        made[averaged] = torch.complex(boxcar.real, boxcar.imaginary)[averaged]
        for width in {each.prefilter for each in conditions if each.prefilter > 0.0}:
            smoothed = of(
                lambda each, width=width: each.phase_filter == "goldstein" and each.prefilter == width
            )
            made[smoothed] = torch_filters.gaussian(made[smoothed], width=width, resolution=self.recipe.pixel)
        adapted = of(lambda each: each.phase_filter == "goldstein")
        alpha = torch.tensor([each.alpha for each in conditions], device=device)
        made[adapted] = torch_filters.goldstein(made[adapted], alpha[adapted])
        return made


_MIDPOINT, _STEEPNESS = 0.3, 20.0  # as geometry.sensitivity_layer has them; a test compares the layers


def _alike(conditions: Sequence[Conditions]) -> list[Conditions]:
    """Conditions with the grain and the coherence window of the first, which a batch shares."""
    first = conditions[0]
    return [replace(each, grain=first.grain, coherence_window=first.coherence_window) for each in conditions]


def _moved(feature: Feature, window: Window) -> Feature:
    """A feature counted from the first pixel of its tile."""
    shape = replace(
        feature.shape, row=feature.shape.row - window.top, column=feature.shape.column - window.left
    )
    return replace(feature, shape=shape)
