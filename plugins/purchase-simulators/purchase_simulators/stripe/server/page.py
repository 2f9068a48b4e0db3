"""Stripe's hosted pages: Checkout, an invoice, the customer portal. Plain forms, each with a token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TypeAlias, TypeVar
from urllib.parse import parse_qsl

import attrs
import jinja2
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from purchase_core.instants import SECOND, Instant, to_datetime
from purchase_core.money import Money
from purchase_simulators.stripe import invoicing, paying, portal
from purchase_simulators.stripe.account import Account
from purchase_simulators.stripe.cards import GOOD_CARD, MESSAGES, METHODS
from purchase_simulators.stripe.checkout import trial_of, with_totals
from purchase_simulators.stripe.customers import attach, new_method
from purchase_simulators.stripe.objects.catalog import Product
from purchase_simulators.stripe.objects.checkout import PortalSession, Session, SessionPlan
from purchase_simulators.stripe.objects.invoices import Invoice
from purchase_simulators.stripe.objects.subscriptions import Subscription
from purchase_simulators.stripe.objects.thing import Thing
from purchase_simulators.stripe.refusal import Refusal, missing
from purchase_simulators.stripe.simulator import StripeSimulator
from purchase_simulators.wire.pages import form_token, go, is_form_token, page_headers

FOLDER = Path(__file__).parent
FORM_BYTES_MAX = 8 * 1024
FORM_FIELDS_MAX = 10
DECLINED = 402


@attrs.frozen
class Shown:
    """A subscription, in words."""

    id: str
    name: str
    status: str
    ends: str


T = TypeVar("T", bound=Thing)
Page: TypeAlias = Callable[[Request], Awaitable[Response]]


class Pages:
    """The pages of all accounts of one simulator."""

    def __init__(self, simulator: StripeSimulator) -> None:
        self._simulator = simulator
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def routes(self) -> list[Route]:
        """The pages, and their style sheet."""
        return [
            Route("/c/pay/{id}", self._safely(self.checkout), methods=["GET", "POST"]),
            Route("/invoice/{id}", self._safely(self.invoice), methods=["GET", "POST"]),
            Route("/p/session/{id}", self._safely(self.portal), methods=["GET", "POST"]),
            Route("/static/stripe.css", _style, methods=["GET"]),
            Route("/static/icon.svg", _icon, methods=["GET"]),
            Route("/", self.home, methods=["GET"]),
        ]

    async def home(self, request: Request) -> Response:
        """For whoever opens the address: what this is."""
        return self._message(
            "A simulated Stripe", "Its API is under /v1, and its control panel under /sandbox."
        )

    # --- Checkout --------------------------------------------------------------------------------

    async def checkout(self, request: Request) -> Response:
        """To pay, to be asked by the bank, or to be told that it is over."""
        account, session = self._find(Session, request)
        if session.status != "open":
            return self._message("It is over", f"This checkout is {session.status}.", status=410)
        if request.method == "GET":
            return self._checkout(account, session)
        form = await self._form(request, session.id)
        with account.book.attempt():
            return self._act(account, session, form)

    def _act(self, account: Account, session: Session, form: dict[str, str]) -> Response:
        book, method = account.book, form.get("method", "")
        here, done = f"/c/pay/{session.id}", _done(session)
        match form.get("action"):
            case "back":
                return go(session.cancel_url or here)
            case "code":
                paying.apply_code(book, session.id, form.get("code", ""))
                return go(here)
            case "skip":
                paying.pay_without_method(book, session.id)
                return go(done)
            case "fail":
                paying.fail_challenge(book, session.id)
                return go(here)
            case "pay" if method in METHODS and METHODS[method].challenge:
                return self._render("challenge.html", total=_money(session), token=self._token(session.id),
                                    method=method, here=here, allowed=(done,))  # fmt: skip
            case "pay" | "approve":
                paying.pay(book, session.id, method, authenticated=form["action"] == "approve")
                return go(done)
            case _:
                raise Refusal(400, "The form has no such button.")

    def _checkout(self, account: Account, session: Session, problem: str = "") -> Response:
        book = account.book
        plan = book.get(SessionPlan, session.id)
        session = with_totals(book, session)
        recurring = [one for one in plan.items if one.price.recurring]
        later = ""
        if recurring and recurring[0].price.recurring:
            whole = sum(one.amount_subtotal for one in recurring)
            every = recurring[0].price.recurring
            each = (
                f"every {every.interval_count} {every.interval}s"
                if every.interval_count > 1
                else f"per {every.interval}"
            )
            later = f"then {Money.of_minor(whole, session.currency.upper())} {each}, until you cancel"
        return self._render(
            "checkout.html",
            items=[f"{one.quantity} × {one.description}" for one in plan.items],  # noqa: RUF001  # as people write it
            total=_money(session),
            later=later,
            problem=problem
            or MESSAGES.get(plan.problem, "The bank did not confirm that it is you." if plan.problem else ""),
            codes=bool(session.allow_promotion_codes),
            methods=tuple(METHODS.values()),
            chosen=GOOD_CARD,
            verb="Start trial" if trial_of(plan) else "Pay",
            skippable=session.payment_method_collection == "if_required" and not session.amount_total,
            cancel=bool(session.cancel_url),
            expires=_minute(session.expires_at),
            token=self._token(session.id),
            allowed=[one for one in (session.cancel_url, _done(session)) if one],
        )

    # --- an invoice, and the portal ----------------------------------------------------------------

    async def invoice(self, request: Request) -> Response:
        """To pay an open invoice."""
        account, invoice = self._find(Invoice, request)
        if request.method == "POST":
            form = await self._form(request, invoice.id)
            test = METHODS.get(form.get("method", ""), METHODS[GOOD_CARD])
            with account.book.attempt():
                invoicing.pay(account.book, invoice, test.token)
            return go(f"/invoice/{invoice.id}")
        if invoice.status != "open":
            return self._message("Invoice", f"This invoice is {invoice.status}.")
        return self._render(
            "checkout.html", items=[f"Invoice {invoice.number}"], later="", problem="", codes=False,
            total=str(Money.of_minor(invoice.amount_due, invoice.currency.upper())),
            methods=tuple(METHODS.values()), chosen=GOOD_CARD, verb="Pay", skippable=False, cancel=False,
            expires="it is paid", token=self._token(invoice.id),
        )  # fmt: skip

    async def portal(self, request: Request) -> Response:
        """A customer's subscriptions."""
        account, session = self._find(PortalSession, request)
        book = account.book
        if request.method == "POST":
            form = await self._form(request, session.id)
            subscription = book.get(Subscription, form.get("subscription", ""))
            if subscription.customer != session.customer:
                raise missing("subscription", subscription.id)
            with book.attempt():
                _of_portal(account, subscription, form.get("action", ""))
            return go(f"/p/session/{session.id}")
        shown = [
            Shown(one.id, book.get(Product, one.items.data[0].price.product).name, one.status,
                  _minute(one.cancel_at) if one.cancel_at else "")
            for one in book.all(Subscription)
            if one.customer == session.customer and one.status not in ("canceled", "incomplete_expired")
        ]  # fmt: skip
        return self._render("portal.html", subscriptions=shown, back=session.return_url or "",
                            token=self._token(session.id))  # fmt: skip

    # --- requests --------------------------------------------------------------------------------

    def _safely(self, page: Page) -> Page:
        async def endpoint(request: Request) -> Response:
            try:
                return await page(request)
            except Refusal as refusal:
                declined = refusal.status == DECLINED and request.url.path.startswith("/c/pay/")
                if declined:
                    return go(request.url.path)
                return self._message("That did not work", refusal.message, status=refusal.status)

        return endpoint

    def _find(self, kind: type[T], request: Request) -> tuple[Account, T]:
        self._simulator.catch_up()
        name = request.path_params["id"]
        for account in self._simulator.accounts.values():
            found = account.book.find(kind, name)
            if found is not None:
                return account, found
        raise missing(kind.noun, name)

    async def _form(self, request: Request, subject: str) -> dict[str, str]:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > FORM_BYTES_MAX:
                raise Refusal(413, "The form is too large.")
        try:
            form = dict(parse_qsl(body.decode(), max_num_fields=FORM_FIELDS_MAX))
        except ValueError:
            raise Refusal(400, "The form cannot be read.") from None
        if not is_form_token(self._simulator.page_secret, subject, form.get("token", "")):
            raise Refusal(403, "This form was not made by this page. Open it anew.")
        return form

    def _token(self, subject: str) -> str:
        return form_token(self._simulator.page_secret, subject)

    def _message(self, title: str, text: str, *, status: int = 200) -> Response:
        return self._render("message.html", title=title, text=text, link="", status=status)

    def _render(
        self, template: str, *, status: int = 200, allowed: Iterable[str] = (), **values: object
    ) -> Response:
        page = self._templates.get_template(template).render(**values)
        return Response(page, status, page_headers(allowed), "text/html")


def _of_portal(account: Account, subscription: Subscription, action: str) -> None:
    book = account.book
    match action:
        case "cancel":
            portal.portal_cancel(book, subscription)
        case "renew":
            taken_back = replace(subscription, cancel_at=None, cancel_at_period_end=False, canceled_at=None)
            book.changed("customer.subscription.updated", taken_back)
        case "card":
            card = attach(book, book.put(new_method(book, METHODS[GOOD_CARD], None)), subscription.customer)
            book.changed(
                "customer.subscription.updated", replace(subscription, default_payment_method=card.id)
            )
        case _:
            raise Refusal(400, "The form has no such button.")


async def _style(request: Request) -> Response:
    return FileResponse(FOLDER / "static" / "stripe.css", media_type="text/css")


async def _icon(request: Request) -> Response:
    return FileResponse(FOLDER / "static" / "icon.svg", media_type="image/svg+xml")


def _done(session: Session) -> str:
    return (session.success_url or "").replace("{CHECKOUT_SESSION_ID}", session.id)


def _money(session: Session) -> str:
    return str(Money.of_minor(session.amount_total, session.currency.upper()))


def _minute(seconds: int) -> str:
    return f"{to_datetime(Instant(seconds * SECOND)):%-d %B %Y, %H:%M} UTC"
