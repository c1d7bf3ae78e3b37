"""How QGIS shows the layers of a review: colours by what the expert said, and forms with the values that count."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree.ElementTree import Element, SubElement, tostring

# Apart for all common kinds of colour blindness (Okabe and Ito).
STATUS_COLOURS = {
    "new": "#f0e442",
    "accepted": "#009e73",
    "rejected": "#999999",
    "unsure": "#cc79a7",
}
CAUSE_COLOURS = {
    "layover_or_shadow": "#000000",
    "line_of_sight": "#cc79a7",
    "low_coherence": "#e69f00",
    "too_small_or_slow": "#8c5a1e",
}
_HEAD = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"


def style(
    by: str,
    colours: Mapping[str, str],
    *,
    filled: bool,
    choices: Mapping[str, Mapping[str, str]] | None = None,
) -> str:
    """QML of polygons that are coloured by a column.

    Parameters
    ----------
    by
        Column.
    colours
        Colour of each of its values, as "#rrggbb".
    filled
        Whether polygons are filled, or outlines only, so that the fringes below stay visible.
    choices
        Columns whose values are chosen from lists in the form: what the list shows, and the value that it stands for.

    Examples
    --------
    >>> "#009e73" in style("status", STATUS_COLOURS, filled=False), "0,158,115" in style(
    ...     "status", STATUS_COLOURS, filled=False)
    (False, True)
    """
    root = Element("qgis", version="3.22.0", styleCategories="Symbology|Fields|Forms")
    renderer = SubElement(
        root, "renderer-v2", type="categorizedSymbol", attr=by, forceraster="0", symbollevels="0"
    )
    categories, symbols = SubElement(renderer, "categories"), SubElement(renderer, "symbols")
    for number, (value, colour) in enumerate(colours.items()):
        SubElement(
            categories,
            "category",
            symbol=str(number),
            value=value,
            label=value.replace("_", " "),
            render="true",
        )
        symbol = SubElement(symbols, "symbol", name=str(number), type="fill", alpha="1", clip_to_extent="1")
        layer = SubElement(symbol, "layer", attrib={"class": "SimpleFill"}, enabled="1", locked="0")
        options = SubElement(layer, "Option", type="Map")
        settings = {
            "color": _rgba(colour, 110),
            "style": "solid" if filled else "no",
            "outline_color": _rgba(colour, 255),
            "outline_style": "no" if filled else "solid",
            "outline_width": "0.66",
            "outline_width_unit": "MM",
        }
        for name, setting in settings.items():
            SubElement(options, "Option", name=name, type="QString", value=setting)
    fields = SubElement(root, "fieldConfiguration")
    for column, values in (choices or {}).items():
        field = SubElement(fields, "field", name=column)
        widget = SubElement(field, "editWidget", type="ValueMap")
        config = SubElement(SubElement(widget, "config"), "Option", type="Map")
        listed = SubElement(config, "Option", name="map", type="List")
        for shown, value in values.items():
            SubElement(
                SubElement(listed, "Option", type="Map"), "Option", name=shown, type="QString", value=value
            )
    return _HEAD + tostring(root, encoding="unicode")


def _rgba(colour: str, opaque: int) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"{red},{green},{blue},{opaque}"
