"""The phase's standard deviation against closed forms, bounds and simulated speckle."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import pair
from scipy.special import spence

from insarfeat.errors import InvalidArgument
from insarfeat.filters import phase_deviation


def test_one_look_equals_the_closed_form() -> None:
    coherence = np.linspace(0, 1, 101)
    arc = np.arcsin(coherence)
    dilogarithm = spence(1 - coherence**2)  # scipy's spence(z) is Li2(1 - z)
    exact = np.sqrt(np.maximum(np.pi**2 / 3 - np.pi * arc + arc**2 - dilogarithm / 2, 0))
    np.testing.assert_allclose(phase_deviation(coherence[None], looks=1)[0], exact, atol=2e-5)


@pytest.mark.parametrize("looks", [1, 2, 5.5, 20, 400, 10_000])
def test_it_falls_from_complete_ignorance_to_nothing(looks: float) -> None:
    found = phase_deviation(np.linspace(0, 1, 400)[None], looks=looks)[0]
    assert found[0] == pytest.approx(np.pi / np.sqrt(3), abs=1e-4)
    assert found[-1] == 0
    assert (np.diff(found) < 0).all()


@pytest.mark.parametrize("looks", [10, 100, 1000])
def test_it_nears_the_cramer_rao_bound_and_stays_above(looks: int) -> None:
    coherence = np.array([[0.8, 0.9, 0.99, 0.999]])
    bound = np.sqrt(1 - coherence**2) / (coherence * np.sqrt(2 * looks))
    found = phase_deviation(coherence, looks=looks)
    assert (found > 0.9999 * bound).all()
    np.testing.assert_allclose(found, bound, rtol=0.9 / looks)


@pytest.mark.parametrize(("coherence", "looks"), [(0.3, 4), (0.5, 10), (0.7, 3), (0.9, 8)])
def test_simulated_speckle_spreads_as_much(coherence: float, looks: int) -> None:
    primary, secondary = pair(looks, 200_000, coherence=coherence)
    phase = np.angle((primary * secondary.conj()).sum(axis=0))
    found = phase_deviation(np.array([[coherence]]), looks=looks)[0, 0]
    assert phase.std() == pytest.approx(found, rel=0.01)


def test_coherence_beyond_its_range_counts_as_its_end() -> None:
    found = phase_deviation(np.array([[-0.1, 0.0, 1.0, 1.0001]]), looks=3)[0]
    assert found[0] == found[1]
    assert found[2] == found[3] == 0


@pytest.mark.parametrize("looks", [0, 0.5, -1, 1e6, "many", None, float("nan")])
def test_impossible_looks_are_refused(looks: object) -> None:
    with pytest.raises(InvalidArgument, match="looks must be a number from 1 to 10000"):
        phase_deviation(np.zeros((2, 2)), looks=looks)  # type: ignore[arg-type]
