"""How the documentation is built: ``make docs``, offline; every warning is an error."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import insarfeat

_DOCS = Path(__file__).parent
sys.path.insert(0, str(_DOCS))
from building import formulas  # noqa: E402  (beside this file)
from building.reference import add_picture, leave_out, write_reference  # noqa: E402

project = "insarfeat"
author = "The insarfeat developers"
copyright = "the insarfeat developers"
release = insarfeat.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "gallery/*", "examples/*.ipynb"]

# Pages: Markdown as it is read on a code host, too. Their code runs in the tests, not here.
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 4
nb_execution_mode = "off"

autodoc_typehints = "none"
autodoc_default_options = {"members": True}
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

# Pages of the gallery run where they lie, and write files there.
_RUN_IN = _DOCS / "_build" / "gallery"
shutil.rmtree(_RUN_IN, ignore_errors=True)
shutil.copytree(_DOCS / "gallery", _RUN_IN)

sphinx_gallery_conf = {
    "examples_dirs": ["_build/gallery"],
    "gallery_dirs": ["examples"],
    "filename_pattern": r"plot_",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_signature": False,
    "abort_on_example_error": True,
    "image_scrapers": ("building.scraper.drawn",),
    "write_computation_times": False,
    "matplotlib_animations": False,
    "remove_config_comments": True,
}

html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = "insarfeat"
html_show_sourcelink = False
html_theme_options = {
    "navigation_depth": 2,
    "show_prev_next": False,
    "header_links_before_dropdown": 6,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}


def setup(app: Any) -> None:
    """Write the reference first, and put pictures of layers into it."""
    app.connect("builder-inited", lambda app: write_reference(_DOCS / "reference"))
    app.connect("autodoc-process-docstring", add_picture, priority=400)  # before sections are read
    app.add_html_math_renderer(
        "mathml", inline_renderers=(formulas.inline, None), block_renderers=(formulas.block, None)
    )
    app.connect("autodoc-skip-member", leave_out)
