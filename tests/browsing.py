"""A page in Chromium without a window."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

_BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

needs_browser = pytest.mark.skipif(_BROWSER is None, reason="no Chromium on this machine")

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-extensions",
    "--hide-scrollbars",
    # Whatever the page would ask for leads nowhere.
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--virtual-time-budget=5000",
)


def browse(folder: Path, *arguments: str) -> str:
    """What the browser prints; its profile is kept in a folder."""
    command = [str(_BROWSER), *_FLAGS, f"--user-data-dir={folder / 'profile'}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
