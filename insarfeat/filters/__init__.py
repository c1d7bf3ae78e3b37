"""From coregistered radar images to interferogram, coherence and phase."""

from insarfeat.filters.adaptive import goldstein
from insarfeat.filters.looks import multilook
from insarfeat.filters.pairs import coherence, interferogram, wrapped_phase

__all__ = ["coherence", "goldstein", "interferogram", "multilook", "wrapped_phase"]
