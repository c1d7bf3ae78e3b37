"""A real interferogram under synthetic slides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from insarfeat.errors import InvalidArgument
from insarfeat.synth import radar
from insarfeat.synth.fields import Array, Draws, Field
from insarfeat.synth.slides import Look
from insarfeat.windows import Window


@dataclass(frozen=True, slots=True)
class Background:
    """An interferogram as it was measured, on the grid of its DEM.

    Attributes
    ----------
    interferogram
        Complex.
    coherence
        0 to 1.
    intensity
        Of the primary image.
    """

    interferogram: npt.NDArray[np.complex64]
    coherence: Field
    intensity: Field

    @classmethod
    def of(cls, measured: xr.Dataset) -> Background | None:
        """Background of a Dataset; None where it has no interferogram.

        A wrapped phase does in place of a complex interferogram. Nodata stays nodata.
        """
        if "interferogram" in measured:
            interferogram = measured["interferogram"].values.astype(np.complex64)
        elif "wrapped_phase" in measured:
            interferogram = np.exp(1j * measured["wrapped_phase"].values).astype(np.complex64)
        else:
            return None
        if "coherence" not in measured:
            raise InvalidArgument(
                "ground has an interferogram and no coherence, which tells how much can be lost: add it "
                "(insarfeat.filters.phase_coherence estimates one)"
            )
        coherence = np.clip(measured["coherence"].values, 0.0, 1.0).astype(np.float32)
        if interferogram.shape != measured["elevation"].shape or coherence.shape != interferogram.shape:
            raise InvalidArgument(
                "ground has layers on different grids: bring them onto that of the elevation"
            )
        nodata = ~np.isfinite(interferogram) | (interferogram == 0) | ~np.isfinite(coherence)
        interferogram[nodata] = np.nan
        # Speckle is as strong as the image: |sum of products| is coherence times brightness on average.
        brightness = np.abs(interferogram) / np.maximum(coherence, 0.1)
        intensity = measured["intensity"].values if "intensity" in measured else brightness
        return cls(interferogram, coherence, np.asarray(intensity, np.float32))

    def cut(self, window: Window) -> Background:
        """The part under a window, nodata beyond the edge."""
        height, width = self.coherence.shape
        both = window.intersection(Window(0, 0, height, width))
        to, of = both.seen_from(window).slices, both.slices
        shape = (window.height, window.width)
        interferogram = np.full(shape, np.nan, np.complex64)
        coherence, intensity = np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32)
        interferogram[to], coherence[to], intensity[to] = (
            self.interferogram[of],
            self.coherence[of],
            self.intensity[of],
        )
        return Background(interferogram, coherence, intensity)

    def with_slides(self, draws: Draws, look: Look, kept: Array, phase: Array, change: Array) -> radar.Looks:
        r"""The pair after slides have moved: phase turned, coherence kept to a share, speckle in place of the rest.

        .. math:: z' = k e^{i\phi} z + \sqrt{(1 - k^2) / n} \, A \, \nu

        with the share k of coherence that is kept, the looks n, the brightness A and circular noise of variance 1.
        Everything that the interferogram had (atmosphere, its own noise) stays in it.
        """
        noise = [
            draws.white(f"background {part}", look.window)[0] * np.float32(np.sqrt(0.5))
            for part in ("re", "im")
        ]
        brightness = np.abs(self.interferogram) / np.maximum(self.coherence, 0.1)
        fresh = (
            np.sqrt(np.maximum(1.0 - kept[0] ** 2, 0.0) / look.conditions.looks)
            * brightness
            * (noise[0] + 1j * noise[1])
        )
        changed = (kept[0] * np.exp(1j * phase[0]) * self.interferogram + fresh)[np.newaxis]
        power = self.intensity[np.newaxis]
        return radar.Looks(changed.real, changed.imag, power, power).lit(np.ones_like(change), change)
