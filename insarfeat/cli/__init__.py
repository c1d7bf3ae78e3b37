"""The command line: it parses, calls, shows progress, and says where the results are."""

from insarfeat.cli.app import main

__all__ = ["main"]
