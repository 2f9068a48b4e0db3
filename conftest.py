"""For all tests: what each of thousands of clients, and of openings, would read anew is read once."""

from __future__ import annotations

import ssl
import sys
from functools import cache

from purchase_core.plugins import installed, registry

# Every httpx client reads the certificates of all authorities, 20 ms, though it speaks to this machine only.
ssl.create_default_context = cache(ssl.create_default_context)  # type: ignore[assignment]

PATH = tuple(sys.path)
_listed = cache(installed.installed)


def listed() -> tuple[installed.Installed, ...]:
    """What is installed. A test that installs something does so in a place of its own, which is looked at."""
    return _listed() if tuple(sys.path) == PATH else installed.installed()


registry.installed = listed  # type: ignore[attr-defined]
