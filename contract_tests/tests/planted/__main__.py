"""Write docs/contract-bugs.md."""

from __future__ import annotations

from .table import TABLE, page

TABLE.write_text(page())
