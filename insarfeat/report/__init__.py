"""Reports: one self-contained HTML page about a dataset of layers. Needs the extra ``plot``."""

from insarfeat.report.page import write_report
from insarfeat.report.sections import SECTIONS
from insarfeat.report.subject import Raster, Section, Subject

__all__ = ["SECTIONS", "Raster", "Section", "Subject", "write_report"]
