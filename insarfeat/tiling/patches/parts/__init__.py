"""Parts of a dataset that share nothing: splits, and what leaks from one into another."""
