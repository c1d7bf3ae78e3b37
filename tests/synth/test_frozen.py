"""The test sets stay what they were."""

import sys

import numpy as np
import pytest

from insarfeat.errors import InvalidArgument
from insarfeat.synth import frozen
from insarfeat.synth.dems import DemFolder


@pytest.fixture
def dems(test_data):
    """Folder with the DEMs that the sets stand on."""
    for name in ("dem_srtm3", "dem_davos_srtm1"):
        if not (test_data / name).exists():
            pytest.skip(f"{name} is not in {test_data}")
    return test_data


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the digest is of syntax trees of Python 3.11")
def test_the_generator_is_the_one_that_the_sets_were_frozen_with():
    """Whoever changes the generator freezes the sets again, on purpose, and says so in the models' cards.

    ``python -m benchmarks.synth_study freeze``
    """
    assert frozen.generator_digest() == frozen.manifest()["generator"]


def test_comments_and_layout_do_not_count_as_the_generator(tmp_path):
    import ast

    one = ast.parse('"""Words."""\ndef f(x):\n    """More."""\n    return x + 1  # why\n')
    two = ast.parse("def f(x):\n    return (x + 1)\n")
    assert ast.dump(frozen._without_docstrings(one)) == ast.dump(frozen._without_docstrings(two))


@pytest.mark.parametrize("name", sorted(frozen.FROZEN))
def test_every_set_has_a_thousand_tiles_and_was_counted(name: str):
    written = frozen.manifest()["sets"][name]
    assert written["all"]["tiles"] == frozen.frozen_set(name).tiles == 1000
    assert written["seed"] == frozen.frozen_set(name).seed


@pytest.mark.parametrize("name", sorted(frozen.FROZEN))
def test_the_first_tiles_come_out_as_they_were(name: str, dems):
    """Slides to the last; bands to what another processor's last digits may do."""
    census = frozen.Census()
    for tile in frozen.frozen_set(name).made(dems, last=frozen.CHECKED):
        census.add(tile)
    made, written = census.counted(), frozen.manifest()["sets"][name]["first"]
    assert made["slides"] == written["slides"]
    for band, sums in written["bands"].items():
        assert made["bands"][band] == pytest.approx(sums, rel=1e-3, abs=1e-4), band


def test_a_tile_is_the_same_whichever_others_are_made(dems):
    chosen = frozen.frozen_set("detector-plain")
    alone = list(chosen.made(dems, first=5, last=6))
    among = list(chosen.made(dems, first=4, last=7))
    for name, band in alone[0].bands.items():
        assert np.array_equal(band, among[1].bands[name]), name


def test_no_training_ground_is_in_a_test_set(dems):
    training = set(DemFolder(dems / "dem_srtm3", part="train").files)
    for chosen in frozen.FROZEN.values():
        assert not training & set(DemFolder(dems / chosen.dems, part=chosen.part).files)


def test_an_unknown_set_is_refused_with_the_known_ones():
    with pytest.raises(InvalidArgument, match="there is no test set 'best'; there are detector-plain"):
        frozen.frozen_set("best")
