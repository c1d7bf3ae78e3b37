"""Phases enter the filters as phasors."""

import math

import numpy as np

from insarfeat._kernels import inner, phasor_single


@inner()
def phasors_of_phase(real, imaginary, valid, phase):
    """Cosine, sine and 1 of a row of phases; zeros where a phase is no finite number."""
    if phase.itemsize == 4:
        _single(real, imaginary, valid, phase)
    else:
        _double(real, imaginary, valid, phase)


@inner()
def _single(real, imaginary, valid, phase):
    zero = np.float32(0)
    for i in range(phase.size):
        value = np.float32(phase[i])
        good = abs(value) < np.float32(np.inf)
        cosine, sine = phasor_single(value)
        real[i] = cosine if good else zero
        imaginary[i] = sine if good else zero
        valid[i] = np.float32(1) if good else zero


@inner()
def _double(real, imaginary, valid, phase):
    for i in range(phase.size):
        good = abs(phase[i]) < np.inf
        real[i] = math.cos(phase[i]) if good else 0
        imaginary[i] = math.sin(phase[i]) if good else 0
        valid[i] = 1 if good else 0
