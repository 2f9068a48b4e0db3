"""What the provider's pages have in common: plain forms without a script, strict headers, tokens.

Every form carries a token that is bound to what it is about, so that no other site can press a button on
somebody's behalf.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qsl

import jinja2
from starlette.requests import Request
from starlette.responses import Response

from purchase_core.instants import Instant, to_datetime
from purchase_core.money import Money
from purchase_sandbox.account.objects import Price
from purchase_sandbox.account.refusal import Refusal
from purchase_simulators.wire.pages import page_headers

from .answering import bounded_body

FORM_FIELDS_MAX = 10
FOLDER = Path(__file__).parent


class Rendering:
    """Templates, and tokens made with a secret of this process."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["minute"] = minute

    def page(
        self, template: str, *, status: int = 200, allowed: tuple[str, ...] = (), **values: object
    ) -> Response:
        """A page. `allowed` are the addresses that its forms may lead to."""
        text = self._templates.get_template(template).render(**values)
        return Response(text, status, page_headers(allowed), "text/html")

    def problem(self, refusal: Refusal) -> Response:
        """The page for a request that was refused."""
        return self.page("problem.html", refusal=refusal, status=refusal.status)

    def token(self, about: str) -> str:
        """The token of forms about an object."""
        return hmac.new(self._secret, about.encode(), sha256).hexdigest()

    def check_token(self, about: str, token: str) -> None:
        """Raise Refusal unless the form was made by a page about this object."""
        if not hmac.compare_digest(self.token(about).encode(), token.encode("utf-8", "replace")):
            raise Refusal(403, "wrong_token", "This form was not made by this page. Open the page anew.")


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form. Raises Refusal."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
        raise Refusal(415, "not_a_form", "This page takes forms only.")
    body = await bounded_body(request)
    try:
        return dict(parse_qsl(body.decode(), max_num_fields=FORM_FIELDS_MAX))
    except ValueError:
        raise Refusal(400, "invalid_request", "The form cannot be read.") from None


def amount(minor: int, currency: str) -> str:
    """An amount in words."""
    return str(Money.of_minor(minor, currency))


def period_of(price: Price) -> str:
    """How often a price is paid, in words."""
    if price.interval is None:
        return ""
    every = "per" if price.interval_count == 1 else f"every {price.interval_count}"
    return f"{every} {price.interval}{'s' if price.interval_count != 1 else ''}"


def minute(at: Instant) -> str:
    """An instant in words."""
    return f"{to_datetime(at):%-d %B %Y, %H:%M} UTC"
