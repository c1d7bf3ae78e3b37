"""Water on the ground: depressions, directions, accumulation, wetness; exact for any tiles, at any size."""
