"""Checks of layers against mapped landslides: distributions inside and outside, and the power law of areas."""

from insarfeat.inventory.comparison import Comparison, LayerContrast, Summary, compare
from insarfeat.inventory.polygons import areas_of
from insarfeat.inventory.power_law import Interval, PowerLaw, frequency_area

__all__ = [
    "Comparison",
    "Interval",
    "LayerContrast",
    "PowerLaw",
    "Summary",
    "areas_of",
    "compare",
    "frequency_area",
]
