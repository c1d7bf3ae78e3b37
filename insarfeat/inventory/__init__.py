"""Mapped landslides: read and written, drawn as labels, compared with layers, and the power law of their areas."""

from insarfeat.inventory._encodings import of_well_known_text
from insarfeat.inventory.comparison import Comparison, LayerContrast, Summary, compare
from insarfeat.inventory.feature_boxes import Box, Boxes, boxes
from insarfeat.inventory.labels import rasterize
from insarfeat.inventory.polygons import areas_of
from insarfeat.inventory.power_law import Interval, PowerLaw, frequency_area
from insarfeat.inventory.vectors import read_polygons
from insarfeat.inventory.written import write_polygons

__all__ = [
    "Box",
    "Boxes",
    "Comparison",
    "Interval",
    "LayerContrast",
    "PowerLaw",
    "Summary",
    "areas_of",
    "boxes",
    "compare",
    "frequency_area",
    "of_well_known_text",
    "rasterize",
    "read_polygons",
    "write_polygons",
]
