"""The pages of the shop. They ask Purchase what is sold and what a customer may do, never a provider."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from purchase_core.billing import Billing
from purchase_core.errors import PurchaseError, UsageError
from purchase_core.identifiers import IdSource

from .laboratory import Laboratory
from .showing import AccountView, account_view, offers_view

FOLDER = Path(__file__).parent
COOKIE = "shop_customer"
CUSTOMER = re.compile(r"[A-Za-z0-9_.@-]{1,64}")
FORM_BYTES_MAX = 4_096
LOOKS_MAX = 16
LOOK_AGAIN_SECONDS = 0.05
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
        "form-action 'self' http://127.0.0.1:* http://localhost:*"  # where the checkout page is
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


class Shop:
    """The pages, over one billing.

    `url` is where the shop itself can be reached; with a `laboratory`, visitors can experiment.
    """

    def __init__(
        self, billing: Billing, ids: IdSource, *, url: str = "", laboratory: Laboratory | None = None
    ) -> None:
        self.url = url
        self._laboratory = laboratory
        self._billing = billing
        self._ids = ids
        self._billing_app = billing.asgi()
        self._templates = Jinja2Templates(directory=FOLDER / "templates")
        self.app = Starlette(
            routes=[
                Route("/", self.pricing),
                Route("/sign-in", self.sign_in, methods=["POST"]),
                Route("/buy", self.buy, methods=["POST"]),
                Route("/account", self.account),
                Route("/laboratory", self.experiment, methods=["POST"]),
                Mount("/static", StaticFiles(directory=FOLDER / "static")),
                *(
                    Route(path, self._billing_app)
                    for path in ("/webhooks/{connection}", "/checkout/{connection}")
                ),
            ],
            exception_handlers={PurchaseError: self.sorry, HTTPException: self.sorry},
        )

    async def pricing(self, request: Request) -> Response:
        """What is sold."""
        left = request.query_params.get("from") == "checkout"
        offers = offers_view(self._billing.catalog)
        # Whoever clicks twice gets the same checkout: the key is made with the page.
        return self._page(request, "pricing.html", offers=offers, cart=self._ids.new("cart"), left=left)

    async def sign_in(self, request: Request) -> Response:
        """Be somebody: the application owns its customers, and here that is a cookie."""
        form = await self._form(request)
        customer = form.get("customer", "")
        if not CUSTOMER.fullmatch(customer):
            raise HTTPException(400, "A customer is 1 to 64 letters, digits, or _ . @ -")
        answer = RedirectResponse("/account", 303)
        answer.set_cookie(COOKIE, customer, httponly=True, samesite="lax")
        return answer

    async def buy(self, request: Request) -> Response:
        """Start a checkout, and send the customer there."""
        form = await self._form(request)
        checkout = await self._billing.checkout.start(
            customer=customer_of(request),
            offer=form.get("offer", ""),
            email=email_of(customer_of(request)),
            success_url=f"{self.url}/account?from=checkout",
            cancel_url=f"{self.url}/?from=checkout",
            idempotency_key=f"{customer_of(request)}:{form.get('cart', '')}:{form.get('offer', '')}",
        )
        return RedirectResponse(checkout.url, 303)

    async def account(self, request: Request) -> Response:
        """What the customer owns."""
        returned = request.query_params.get("from") == "checkout"
        view = await self._view(customer_of(request), patient=returned)
        deliveries = await self._billing.webhooks.list(limit=12)
        return self._page(
            request,
            "account.html",
            account=view,
            waiting=returned and view.waiting,
            thanks=returned and not view.waiting and bool(view.lines),
            deliveries=deliveries,
            laboratory=self._laboratory,
        )

    async def _view(self, customer: str, *, patient: bool) -> AccountView:
        """What the customer has; after paying, once the provider has told of it, or soon."""
        for _ in range(LOOKS_MAX if patient else 1):
            snapshot = await self._billing.customers.snapshot(customer)
            view = account_view(snapshot, self._billing.catalog)
            if not (patient and view.waiting):
                break
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
        return view

    async def experiment(self, request: Request) -> Response:
        """Let time pass at the provider, or break something."""
        if self._laboratory is None:
            raise HTTPException(404, "This shop has no laboratory.")
        form = await self._form(request)
        await self._laboratory.run(form.get("experiment", ""))
        return RedirectResponse("/account", 303)

    async def sorry(self, request: Request, error: Exception) -> Response:
        """An error as a page, with what to do."""
        if isinstance(error, HTTPException):
            return self._page(request, "error.html", error.status_code, message=error.detail, hint="")
        message = error.message if isinstance(error, PurchaseError) else "Something went wrong."
        status = 400 if isinstance(error, UsageError) else 503
        return self._page(request, "error.html", status, message=message, hint=getattr(error, "hint", ""))

    async def _form(self, request: Request) -> dict[str, str]:
        """A small form of this very site. Raises HTTPException on anything else."""
        origin = request.headers.get("origin")
        if origin is not None and origin != f"{request.url.scheme}://{request.headers.get('host')}":
            raise HTTPException(403, "That form came from another site.")
        if int(request.headers.get("content-length") or 0) > FORM_BYTES_MAX:
            raise HTTPException(413, "That form is too large.")
        form = await request.form()
        return {name: value for name, value in form.items() if isinstance(value, str)}

    def _page(self, request: Request, template: str, status: int = 200, **values: object) -> Response:
        context = {"customer": customer_of(request), **values}
        return self._templates.TemplateResponse(request, template, context, status, HEADERS)


def customer_of(request: Request) -> str:
    """Who is signed in; `user_1` until somebody says otherwise."""
    found = request.cookies.get(COOKIE, "")
    return found if CUSTOMER.fullmatch(found) else "user_1"


def email_of(customer: str) -> str:
    """Where the shop's customers can be written to: it knows that, as applications do."""
    return customer if "@" in customer else f"{customer}@example.com"
