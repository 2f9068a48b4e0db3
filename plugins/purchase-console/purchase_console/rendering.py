"""How pages are made: templates that escape whatever they get, and headers that let nothing else run."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response
from starlette.templating import Jinja2Templates

from purchase_core.identifiers import IdSource
from purchase_core.instants import DAY, HOUR, MINUTE, SECOND, Instant, to_datetime
from purchase_core.money import money_of
from purchase_core.records.lane import customer_of

from .forms import keep_token, token_of
from .provider_pages import ProviderPages

if TYPE_CHECKING:
    from .page import Page

FOLDER = Path(__file__).parent
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Rendering:
    """Makes the pages of a console. `pages` are what its navigation names."""

    def __init__(self, pages: Sequence[Page], ids: IdSource, dashboards: ProviderPages) -> None:
        self._ids = ids
        self._pages = tuple(one for one in pages if one.title)
        environment = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters |= {
            "time": time_of,
            "span": span_of,
            "command": command_of,
            "money": money_of,
            "customer": customer_of,
            "number": "{:,}".format,
            "dashboard": dashboards.url,
        }
        self._templates = Jinja2Templates(env=environment)

    def page(self, request: Request, template: str, status: int = 200, /, **values: object) -> Response:
        """A page of the console. It names nothing of it to somebody who was not let in."""
        token = token_of(request)
        root = request.scope.get("root_path", "")
        context = {"root": root, "pages": self._pages, "token": token, "new_key": self._new_key}
        context |= {"visit": getattr(request.state, "visit", None), "done": None, **values}
        response = self._templates.TemplateResponse(request, template, context, status, HEADERS)
        keep_token(request, response, token)
        return response

    def _new_key(self) -> str:
        return self._ids.new("run")


def time_of(moment: Instant | None) -> str:
    """An instant in words, UTC, to the second; "" for none."""
    return "" if moment is None else f"{to_datetime(moment):%Y-%m-%d %H:%M:%S}"


def span_of(microseconds: int) -> str:
    """A span of time in words, rounded down: `3 hours`, `12 seconds`."""
    units = (("day", DAY), ("hour", HOUR), ("minute", MINUTE), ("second", SECOND))
    name, length = next((one for one in units if microseconds >= one[1]), units[-1])
    count = microseconds // length
    return f"{count:,} {name}{'' if count == 1 else 's'}"


def command_of(words: Sequence[str], *more: str) -> str:
    """A command line that can be pasted into a shell, whatever stands in its words."""
    return shlex.join(("purchase", *words, *more))
