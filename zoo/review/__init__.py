"""The expert's part: candidates go out as a GeoPackage, are judged in QGIS, and come back as labels and history."""

from zoo.review.coming_back import Change, Reviewed, import_review
from zoo.review.going_out import STATUSES, export_review
from zoo.review.places import Inventory, Look, open_inventory

__all__ = [
    "STATUSES",
    "Change",
    "Inventory",
    "Look",
    "Reviewed",
    "export_review",
    "import_review",
    "open_inventory",
]
