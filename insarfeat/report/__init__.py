"""Reports: one self-contained HTML page about layers and what was found in them. Needs the extra ``plot``."""

from insarfeat.report.blind import BlindSpots
from insarfeat.report.found import Found
from insarfeat.report.page import write_report
from insarfeat.report.results import Gathered, gather
from insarfeat.report.sections import SECTIONS
from insarfeat.report.subject import Raster, Section, Subject

__all__ = [
    "SECTIONS",
    "BlindSpots",
    "Found",
    "Gathered",
    "Raster",
    "Section",
    "Subject",
    "gather",
    "write_report",
]
