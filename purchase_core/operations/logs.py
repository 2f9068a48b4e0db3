"""Structured logs: a JSON object a line, with ids and without bodies.

handler = logging.StreamHandler()
handler.setFormatter(JsonLines())
logging.getLogger("purchase").addHandler(handler)
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON; what Purchase says of it has the keys that it was said under."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z")
        line: dict[str, object] = {"at": at, "level": record.levelname.lower(), "logger": record.name}
        line["message"] = record.getMessage()
        about = getattr(record, "purchase", None)
        if isinstance(about, dict):
            line |= {name: value for name, value in about.items() if name not in line}
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
        return json.dumps(line, ensure_ascii=True, default=str)
