"""Synthetic scenes that carry their own truth: for demonstrations, tests and training."""

from insarfeat.synth.batches import Batch, batches
from insarfeat.synth.classes import CLASSES, REGIONS
from insarfeat.synth.dems import DemFolder
from insarfeat.synth.injection import Acquisition, SlidePlan, draw_slides, inject, moved
from insarfeat.synth.knobs import LogUniform, Normal, OneOf, Uniform
from insarfeat.synth.scene import scene, slides
from insarfeat.synth.style import ELEMENTS, IMAGES, PLAIN, SHIFTED, Style

__all__ = [
    "CLASSES",
    "ELEMENTS",
    "IMAGES",
    "PLAIN",
    "REGIONS",
    "SHIFTED",
    "Acquisition",
    "Batch",
    "DemFolder",
    "LogUniform",
    "Normal",
    "OneOf",
    "SlidePlan",
    "Style",
    "Uniform",
    "batches",
    "draw_slides",
    "inject",
    "moved",
    "scene",
    "slides",
]
