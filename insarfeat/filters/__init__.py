"""From coregistered radar images to interferogram, coherence and phase."""

from insarfeat.filters.adaptive import goldstein
from insarfeat.filters.looks import multilook, multilook_coherence
from insarfeat.filters.lowpass import filtered_phase, gaussian
from insarfeat.filters.noise import phase_deviation
from insarfeat.filters.pairs import coherence, interferogram, phase_coherence, wrapped_phase
from insarfeat.filters.unwrapping import Unwrapped, unwrap
from insarfeat.filters.values import intensity, masked, rounded

__all__ = [
    "Unwrapped",
    "coherence",
    "filtered_phase",
    "gaussian",
    "goldstein",
    "intensity",
    "interferogram",
    "masked",
    "multilook",
    "multilook_coherence",
    "phase_coherence",
    "phase_deviation",
    "rounded",
    "unwrap",
    "wrapped_phase",
]
