"""From coregistered radar images to interferogram, coherence and phase."""

from insarfeat.filters.adaptive import goldstein
from insarfeat.filters.looks import multilook, multilook_coherence
from insarfeat.filters.lowpass import filtered_phase, gaussian
from insarfeat.filters.noise import phase_deviation
from insarfeat.filters.pairs import coherence, interferogram, phase_coherence, wrapped_phase
from insarfeat.filters.unwrapping import Unwrapped, unwrap

__all__ = [
    "Unwrapped",
    "coherence",
    "filtered_phase",
    "gaussian",
    "goldstein",
    "interferogram",
    "multilook",
    "multilook_coherence",
    "phase_coherence",
    "phase_deviation",
    "unwrap",
    "wrapped_phase",
]
