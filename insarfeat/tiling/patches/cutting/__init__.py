"""From scenes to stored patches: looked over, chosen, read, measured, cut and put together."""
