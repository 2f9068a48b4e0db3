"""What the pages of the shop have in common: templates, headers, forms, and who is signed in."""

from __future__ import annotations

import re
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.templating import Jinja2Templates

FOLDER = Path(__file__).parent
COOKIE = "shop_customer"
CUSTOMER = re.compile(r"[A-Za-z0-9_.@-]{1,64}")
FORM_BYTES_MAX = 4_096
SEE_OTHER = 303
POLICY = (
    "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self' http://127.0.0.1:* http://localhost:*"  # where the checkout page is
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


class Rendering:
    """Makes pages. `links` are further pages in the head of each: addresses and names."""

    def __init__(self, links: tuple[tuple[str, str], ...]) -> None:
        self._links = links
        self._templates = Jinja2Templates(directory=FOLDER / "templates")

    def page(self, request: Request, template: str, status: int = 200, **values: object) -> Response:
        """A page of the shop."""
        context = {"customer": customer_of(request), "links": self._links, **values}
        return self._templates.TemplateResponse(request, template, context, status, HEADERS)


async def form_of(request: Request) -> dict[str, str]:
    """A small form of this very site. Raises HTTPException on anything else."""
    origin = request.headers.get("origin")
    if origin is not None and origin != f"{request.url.scheme}://{request.headers.get('host')}":
        raise HTTPException(403, "That form came from another site.")
    if int(request.headers.get("content-length") or 0) > FORM_BYTES_MAX:
        raise HTTPException(413, "That form is too large.")
    form = await request.form()
    return {name: value for name, value in form.items() if isinstance(value, str)}


def go(url: str) -> RedirectResponse:
    """Send the browser on."""
    return RedirectResponse(url, SEE_OTHER)


def customer_of(request: Request) -> str:
    """Who is signed in; `user_1` until somebody says otherwise."""
    found = request.cookies.get(COOKIE, "")
    return found if CUSTOMER.fullmatch(found) else "user_1"


def email_of(customer: str) -> str:
    """Where the shop's customers can be written to: it knows that, as applications do."""
    return customer if "@" in customer else f"{customer}@example.com"
