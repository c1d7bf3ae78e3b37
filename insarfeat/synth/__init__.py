"""Synthetic scenes that carry their own truth: for demonstrations, tests and training."""

from insarfeat.synth.scene import scene

__all__ = ["scene"]
