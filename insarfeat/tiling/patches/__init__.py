"""Patches of rasters that do not fit: cut, balanced, split, loaded, and put back."""
