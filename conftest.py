"""For all tests: what each of thousands of clients would read anew is read once."""

from __future__ import annotations

import ssl
from functools import cache

# Every httpx client reads the certificates of all authorities, 20 ms, though it speaks to this machine only.
ssl.create_default_context = cache(ssl.create_default_context)  # type: ignore[assignment]
