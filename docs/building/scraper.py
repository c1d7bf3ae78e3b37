"""Pictures of a gallery page: figures of pyplot, and those that the package makes without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst, matplotlib_scraper

from insarfeat import plot


def drawn(block: Any, names: dict[str, Any], settings: dict[str, Any]) -> str:
    """Save the figures that a block has made; each is shown once."""
    found = matplotlib_scraper(block, names, settings)
    shown = names.setdefault("figures_shown", set())
    paths = []
    for figure in names["example_globals"].values():
        if isinstance(figure, Figure) and id(figure) not in shown and figure.canvas.manager is None:
            shown.add(id(figure))
            paths.append(next(names["image_path_iterator"]))
            Path(paths[-1]).write_bytes(plot.png(figure, dpi=90))
    return str(found) + (figure_rst(paths, settings["src_dir"]) if paths else "")
