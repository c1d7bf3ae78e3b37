"""The options that all verbs have in common, and why some verbs have not all of them."""

from __future__ import annotations

from typing import Any

import pytest
from all_verbs import verbs

COMMON = ("--scheduler", "--overwrite", "--dry-run")

_ONLY_TELLS = "writes nothing, and reads little"
_FEW_PIXELS = "reads samples of layers as large as the picture, whatever the size of the scene"
_TABLES = "works on tables of polygons or patches, not on rasters"
_ONE_DEVICE = "the network sits on one device and takes batch after batch"

WITHOUT: dict[str, dict[str, str]] = {
    "show-versions": dict.fromkeys(COMMON, _ONLY_TELLS),
    "info": dict.fromkeys(COMMON, _ONLY_TELLS),
    "models": dict.fromkeys(COMMON, _ONLY_TELLS),
    "inventory show": dict.fromkeys(COMMON, _ONLY_TELLS),
    "plot": dict.fromkeys(("--scheduler", "--dry-run"), _FEW_PIXELS),
    "report": dict.fromkeys(("--scheduler", "--dry-run"), _FEW_PIXELS),
    "split": {"--scheduler": _TABLES},
    "leaks": dict.fromkeys(("--scheduler", "--dry-run"), _TABLES),
    "review export": {"--scheduler": _TABLES},
    "review import": {"--scheduler": _TABLES},
    "inventory update": {"--scheduler": _TABLES},
    "train": {"--scheduler": _ONE_DEVICE},
    "evaluate": {"--scheduler": _ONE_DEVICE},
    "bench": dict.fromkeys(
        ("--scheduler", "--dry-run"), "sets cores itself, and --list tells what it would run"
    ),
    "bench compare": dict.fromkeys(COMMON, _ONLY_TELLS),
}


@pytest.mark.parametrize(
    ("verb", "command"), list(verbs()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_verb_has_all_common_options_but_those_that_it_has_no_use_for(verb: str, command: Any) -> None:
    options = {text for one in command.params for text in one.opts}
    assert set(COMMON) - options == set(WITHOUT.get(verb, {}))
