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
