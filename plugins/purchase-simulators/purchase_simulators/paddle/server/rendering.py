"""Pages as HTML: templates, a style sheet, and headers that let nothing else in."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import jinja2
from starlette.responses import Response

SEE_OTHER = 303
FOLDER = Path(__file__).parent
STYLE = FOLDER / "static" / "paddle.css"
SAFE_HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src data:; form-action 'self' *",
}


def rendered(template: str, status: int = 200, **values: object) -> Response:
    """A page of this template."""
    body = _templates().get_template(template).render(**values)
    return Response(body, status, SAFE_HEADERS, "text/html")


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
