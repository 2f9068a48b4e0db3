"""The hosted checkout page: where a buyer pays with a test card, declines, or walks away.

Plain forms, no script. Every form carries a token that is bound to its session, so that no other site can
pay or decline on a buyer's behalf.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qsl

import attrs
import jinja2
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from purchase_core.instants import to_datetime
from purchase_core.money import Money
from purchase_sandbox.account import checkout
from purchase_sandbox.account.account import Account
from purchase_sandbox.account.cards import AUTHENTICATION_FAILED, CARDS, GOOD_CARD, MESSAGES
from purchase_sandbox.account.objects import Price, Session
from purchase_sandbox.account.refusal import Refusal
from purchase_sandbox.sandbox import Sandbox
from purchase_simulators.wire.pages import go, page_headers

from .answering import bounded_body

FORM_FIELDS_MAX = 10
FOLDER = Path(__file__).parent
AUTHENTICATION_REQUIRED = "authentication_required"
CHALLENGE_CARD = "challenge"


@attrs.frozen
class Summary:
    """What the page says of the purchase, in words."""

    product: str
    quantity: int
    unit: str
    period: str
    today: str
    later: str


class CheckoutPages:
    """The pages of all sessions of one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def routes(self) -> list[Route]:
        """The pages, and what they load: a style sheet and an icon."""
        return [
            Route("/checkout/{id}", self.show, methods=["GET"]),
            Route("/checkout/{id}", self.act, methods=["POST"]),
            Route("/checkout/{id}/3ds", self.challenge, methods=["GET"]),
            Route("/static/checkout.css", _style, methods=["GET"]),
            Route("/static/icon.svg", _icon, methods=["GET"]),
            Route("/", self.home, methods=["GET"]),
        ]

    async def home(self, request: Request) -> Response:
        """For whoever opens the provider's address: what this is."""
        return self._render("home.html")

    async def show(self, request: Request) -> Response:
        """The page of a session: to pay, or to say that it is over."""
        try:
            account, session = self._find(request)
        except Refusal as refusal:
            return self._problem(refusal)
        if session.status != "open":
            return self._over(session)
        return self._page(account, session)

    async def challenge(self, request: Request) -> Response:
        """The bank's page: is it really you?"""
        try:
            account, session = self._find(request)
        except Refusal as refusal:
            return self._problem(refusal)
        if session.status != "open":
            return self._over(session)
        return self._page(account, session, challenge=True)

    async def act(self, request: Request) -> Response:
        """A button was pressed."""
        try:
            account, session = self._find(request)
            form = await _form(request)
            self._check_token(session, form.get("token", ""))
            if session.status != "open":
                return self._over(session, status=409)
            return self._answer(account, session, form)
        except Refusal as refusal:
            return self._problem(refusal)

    def _answer(self, account: Account, session: Session, form: Mapping[str, str]) -> Response:
        here = f"/checkout/{session.id}"
        match form.get("action", ""):
            case "abandon":
                return go(session.cancel_url)
            case "decline":
                checkout.decline(account.book, session.id, "card_declined")
                return go(here)
            case "fail":
                checkout.decline(account.book, session.id, AUTHENTICATION_FAILED)
                return go(here)
            case "approve":
                account.pay(session.id, CHALLENGE_CARD, authenticated=True)
                return go(session.success_url)
            case "pay":
                return self._pay(account, session, form.get("card", ""))
            case _:
                raise Refusal(400, "unknown_action", "the form has no such button")

    def _pay(self, account: Account, session: Session, card: str) -> Response:
        try:
            account.pay(session.id, card)
        except Refusal as refusal:
            if refusal.code == AUTHENTICATION_REQUIRED:
                return go(f"/checkout/{session.id}/3ds")
            if refusal.code in MESSAGES:
                return go(f"/checkout/{session.id}")
            raise
        return go(session.success_url)

    # --- pages -----------------------------------------------------------------------------------

    def _page(self, account: Account, session: Session, *, challenge: bool = False) -> Response:
        price = account.book.get(Price, session.price)
        return self._render(
            "challenge.html" if challenge else "checkout.html",
            session=session,
            allowed=(session.success_url, session.cancel_url),
            account=account.id,
            summary=_summary(session, price),
            cards=tuple(CARDS.values()),
            chosen=GOOD_CARD,
            problem=MESSAGES.get(session.last_error or "", ""),
            token=self._token(session),
            expires=_minute(session),
        )

    def _over(self, session: Session, *, status: int = 200) -> Response:
        return self._render("over.html", session=session, status=status)

    def _problem(self, refusal: Refusal) -> Response:
        return self._render("problem.html", refusal=refusal, status=refusal.status)

    def _render(
        self, template: str, *, status: int = 200, allowed: tuple[str, ...] = (), **values: object
    ) -> Response:
        page = self._templates.get_template(template).render(**values)
        return Response(page, status, page_headers(allowed), "text/html")

    # --- requests --------------------------------------------------------------------------------

    def _find(self, request: Request) -> tuple[Account, Session]:
        self._sandbox.catch_up()
        identifier = request.path_params["id"]
        account = self._sandbox.account_of_session(identifier)
        if account is None:
            raise Refusal(404, "not_found", "There is no such checkout.")
        return account, account.book.get(Session, identifier)

    def _token(self, session: Session) -> str:
        return hmac.new(self._sandbox.page_secret, session.id.encode(), sha256).hexdigest()

    def _check_token(self, session: Session, token: str) -> None:
        if not hmac.compare_digest(self._token(session).encode(), token.encode("utf-8", "replace")):
            raise Refusal(403, "wrong_token", "This form was not made by this page. Open the checkout anew.")


async def _form(request: Request) -> dict[str, str]:
    if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
        raise Refusal(415, "not_a_form", "This page takes forms only.")
    body = await bounded_body(request)
    try:
        return dict(parse_qsl(body.decode(), max_num_fields=FORM_FIELDS_MAX))
    except ValueError:
        raise Refusal(400, "invalid_request", "The form cannot be read.") from None


async def _style(request: Request) -> Response:
    return FileResponse(FOLDER / "static" / "checkout.css", media_type="text/css")


async def _icon(request: Request) -> Response:
    return FileResponse(FOLDER / "static" / "icon.svg", media_type="image/svg+xml")


def _summary(session: Session, price: Price) -> Summary:
    unit = Money.of_minor(price.unit_amount, price.currency)
    total = unit * session.quantity
    period = _period(price)
    recurring = f"{total} {period}".strip()
    if session.trial_days:
        free = Money.of_minor(0, price.currency)
        days = f"{session.trial_days} day{'s' if session.trial_days != 1 else ''}"
        return Summary(
            price.product_name,
            session.quantity,
            str(unit),
            period,
            str(free),
            f"{days} free, then {recurring}",
        )
    later = f"then {recurring}, until you cancel" if price.interval else ""
    return Summary(price.product_name, session.quantity, str(unit), period, str(total), later)


def _period(price: Price) -> str:
    if price.interval is None:
        return ""
    every = "per" if price.interval_count == 1 else f"every {price.interval_count}"
    return f"{every} {price.interval}{'s' if price.interval_count != 1 else ''}"


def _minute(session: Session) -> str:
    return f"{to_datetime(session.expires_at):%-d %B %Y, %H:%M} UTC"
