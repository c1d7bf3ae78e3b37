"""What we want to reach on one core: Mpx/s on the class of machines that the goals were set on (two cores of AMD EPYC
with AVX-512, copying 35 GB/s). On others the share of the machine's limit says more.
"""

from __future__ import annotations

GOALS: dict[str, float] = {
    "goldstein, classic": 75,
    "goldstein, classic, alpha 0.7": 60,  # within a quarter of alpha 1
    "goldstein, overlap 75 %": 28,
    "goldstein": 28,
    "coherence 5 x 5": 250,
    "coherence 3 x 11": 250,
    "coherence 21 x 21": 250,
    "slope": 800,
    "slope, with voids": 800,
    "aspect": 400,
    "tri": 800,
    "convexity": 300,
    "terrain, all four": 250,
    "terrain, all four, with voids": 250,
    "fill": 25,
    "fill, large": 15,
    "D8 direction and accumulation": 20,
    "MFD accumulation": 8,
}
"""By the name of a case."""


THEN: dict[str, dict[str, float]] = {
    "goldstein, classic": {"scipy.fft": 20, "whirlwind": 13.4, "dolphin": 4.9},
    "goldstein, overlap 75 %": {"scipy.fft": 5.5},
    "goldstein": {"rapidphase": 0.6},
    "coherence 5 x 5": {"scipy uniform_filter": 8.0, "OpenCV boxFilter": 73},
    "coherence 3 x 11": {"scipy uniform_filter": 8.6, "OpenCV boxFilter": 91},
    "slope": {"xarray-spatial": 95, "xdem": 17.5, "gdaldem, with files": 30, "SAGA, with files": 10},
    "aspect": {"xarray-spatial": 51.5, "xdem": 18, "gdaldem, with files": 24},
    "tri": {"xdem": 10, "gdaldem, with files": 52},
    "fill": {"topotoolbox": 24, "whitebox-workflows": 10.5, "pyflwdir": 2.8},
    "fill, large": {"topotoolbox": 14},
    "D8 direction and accumulation": {"whitebox-workflows": 9.7},
    "MFD accumulation": {"whitebox-workflows": 5.5},
}
"""Mpx/s of other tools when the goals were set (the middle, where a range was told), by case and tool."""
