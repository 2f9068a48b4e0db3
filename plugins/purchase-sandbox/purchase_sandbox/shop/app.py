"""The shop as an application: its pages, its webhook endpoint, and what goes wrong, as a page."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from purchase_core.billing import Billing
from purchase_core.errors import PurchaseError, UsageError
from purchase_core.identifiers import IdSource
from purchase_core.ports.provider.pages import AsgiApp

from .account import AccountPages
from .decisions import DecisionPages
from .laboratory import Laboratory
from .live import Feed, LivePages
from .rendering import COOKIE, CUSTOMER, FOLDER, Rendering, customer_of, email_of, form_of, go
from .showing import offers_view

LINKS = (("/", "Pricing"), ("/account", "Account"), ("/decisions", "Routing"), ("/live", "Live"))
CONSOLE = "/console"


class Shop:
    """The pages, over one billing. They ask Purchase what is sold and what a customer may do, no provider.

    `url` is where the shop itself can be reached. With a `laboratory`, visitors can experiment; with a
    `feed`, they can watch what happens; with a `console`, they can be its operator too.
    """

    def __init__(
        self,
        billing: Billing,
        ids: IdSource,
        *,
        url: str = "",
        laboratory: Laboratory | None = None,
        feed: Feed | None = None,
        console: AsgiApp | None = None,
    ) -> None:
        self.url = url
        self._laboratory = laboratory
        self._billing = billing
        self._ids = ids
        links = tuple(one for one in LINKS if feed or one[0] != "/live")
        self._rendering = Rendering((*links, (f"{CONSOLE}/", "Console")) if console else links)
        account = AccountPages(billing, ids, self._rendering, laboratory, url)
        served = billing.asgi()
        self.app = Starlette(
            routes=[
                Route("/", self.pricing),
                Route("/sign-in", self.sign_in, methods=["POST"]),
                Route("/buy", self.buy, methods=["POST"]),
                Route("/laboratory", self.experiment, methods=["POST"]),
                *account.routes(),
                *DecisionPages(billing, self._rendering).routes(),
                *(LivePages(feed, self._rendering).routes() if feed else ()),
                *([Mount(CONSOLE, console)] if console else ()),
                Mount("/static", StaticFiles(directory=FOLDER / "static")),
                Route("/webhooks/{connection}", served),
                Route("/checkout/{connection}", served),
            ],
            exception_handlers={PurchaseError: self.sorry, HTTPException: self.sorry},
        )

    async def pricing(self, request: Request) -> Response:
        """What is sold."""
        left = request.query_params.get("from") == "checkout"
        offers = offers_view(self._billing.catalog)
        # Whoever clicks twice gets the same checkout: the key is made with the page.
        cart = self._ids.new("cart")
        return self._rendering.page(request, "pricing.html", offers=offers, cart=cart, left=left)

    async def sign_in(self, request: Request) -> Response:
        """Be somebody: the application owns its customers, and here that is a cookie."""
        customer = (await form_of(request)).get("customer", "")
        if not CUSTOMER.fullmatch(customer):
            raise HTTPException(400, "A customer is 1 to 64 letters, digits, or _ . @ -")
        answer = go("/account")
        answer.set_cookie(COOKIE, customer, httponly=True, samesite="lax")
        return answer

    async def buy(self, request: Request) -> Response:
        """Start a checkout, and send the customer there."""
        form, customer = await form_of(request), customer_of(request)
        checkout = await self._billing.checkout.start(
            customer=customer,
            offer=form.get("offer", ""),
            email=email_of(customer),
            success_url=f"{self.url}/account?from=checkout",
            cancel_url=f"{self.url}/?from=checkout",
            idempotency_key=f"{customer}:{form.get('cart', '')}:{form.get('offer', '')}",
        )
        return go(checkout.url)

    async def experiment(self, request: Request) -> Response:
        """Let time pass, or break something."""
        if self._laboratory is None:
            raise HTTPException(404, "This shop has no laboratory.")
        await self._laboratory.run((await form_of(request)).get("experiment", ""))
        return go("/account")

    async def sorry(self, request: Request, error: Exception) -> Response:
        """An error as a page, with what to do."""
        if isinstance(error, HTTPException):
            return self._rendering.page(
                request, "error.html", error.status_code, message=error.detail, hint=""
            )
        message = error.message if isinstance(error, PurchaseError) else "Something went wrong."
        status = 400 if isinstance(error, UsageError) else 503
        hint = getattr(error, "hint", "")
        return self._rendering.page(request, "error.html", status, message=message, hint=hint)
