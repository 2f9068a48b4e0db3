"""Write docs/contract-bugs.md."""

from __future__ import annotations

from .table import TABLE, table

TABLE.write_text(table())
