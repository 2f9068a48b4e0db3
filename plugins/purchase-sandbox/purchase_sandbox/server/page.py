"""The hosted checkout page: where a buyer pays with a test card, declines, or walks away."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from purchase_core.money import Money
from purchase_sandbox.account import checkout
from purchase_sandbox.account.account import Account
from purchase_sandbox.account.cards import AUTHENTICATION_FAILED, CARDS, GOOD_CARD, MESSAGES, NO_CARD
from purchase_sandbox.account.objects import Price, Session
from purchase_sandbox.account.refusal import Refusal
from purchase_sandbox.sandbox import Sandbox
from purchase_simulators.wire.pages import go

from .rendering import FOLDER, Rendering, form_of, minute, period_of

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
        self._rendering = Rendering(sandbox.page_secret)

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
        return self._rendering.page("home.html")

    async def show(self, request: Request) -> Response:
        """The page of a session: to pay, or to say that it is over."""
        try:
            account, session = self._find(request)
        except Refusal as refusal:
            return self._rendering.problem(refusal)
        if session.status != "open":
            return self._over(session)
        return self._page(account, session)

    async def challenge(self, request: Request) -> Response:
        """The bank's page: is it really you?"""
        try:
            account, session = self._find(request)
        except Refusal as refusal:
            return self._rendering.problem(refusal)
        if session.status != "open":
            return self._over(session)
        try:
            return self._page(account, session, challenge=True, code=request.query_params.get("code", ""))
        except Refusal as refusal:
            return self._rendering.problem(refusal)

    async def act(self, request: Request) -> Response:
        """A button was pressed."""
        try:
            account, session = self._find(request)
            form = await form_of(request)
            self._rendering.check_token(session.id, form.get("token", ""))
            if session.status != "open":
                return self._over(session, status=409)
            return self._answer(account, session, form)
        except Refusal as refusal:
            return self._rendering.problem(refusal)

    def _answer(self, account: Account, session: Session, form: Mapping[str, str]) -> Response:
        here, code = f"/checkout/{session.id}", form.get("code", "").strip().upper()
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
                account.pay(session.id, CHALLENGE_CARD, authenticated=True, code=code)
                return go(session.success_url)
            case "pay":
                return self._pay(account, session, form.get("card", ""), code)
            case "accept":
                return self._pay(account, session, NO_CARD, "")
            case _:
                raise Refusal(400, "unknown_action", "the form has no such button")

    def _pay(self, account: Account, session: Session, card: str, code: str) -> Response:
        try:
            account.pay(session.id, card, code=code)
        except Refusal as refusal:
            if refusal.code == checkout.UNKNOWN_CODE:
                return self._page(account, session, problem="There is no such code.")
            if refusal.code == AUTHENTICATION_REQUIRED:
                return go(f"/checkout/{session.id}/3ds{f'?code={code}' if code else ''}")
            if refusal.code in MESSAGES:
                return go(f"/checkout/{session.id}")
            raise
        return go(session.success_url)

    # --- pages -----------------------------------------------------------------------------------

    def _page(
        self,
        account: Account,
        session: Session,
        *,
        challenge: bool = False,
        problem: str = "",
        code: str = "",
    ) -> Response:
        price = account.book.get(Price, session.price)
        percent_off = checkout.share_off(account.book, session, code)
        return self._rendering.page(
            "challenge.html" if challenge else "checkout.html",
            session=session,
            allowed=(session.success_url, session.cancel_url),
            account=account.id,
            summary=_summary(session, price, percent_off),
            code=code,
            cards=tuple(CARDS.values()),
            chosen=GOOD_CARD,
            problem=problem or MESSAGES.get(session.last_error or "", ""),
            token=self._rendering.token(session.id),
            expires=minute(session.expires_at),
        )

    def _over(self, session: Session, *, status: int = 200) -> Response:
        return self._rendering.page("over.html", session=session, status=status)

    # --- requests --------------------------------------------------------------------------------

    def _find(self, request: Request) -> tuple[Account, Session]:
        self._sandbox.catch_up()
        identifier = request.path_params["id"]
        account = self._sandbox.account_of_session(identifier)
        if account is None:
            raise Refusal(404, "not_found", "There is no such checkout.")
        return account, account.book.get(Session, identifier)


async def _style(request: Request) -> Response:
    return FileResponse(FOLDER / "static" / "checkout.css", media_type="text/css")


async def _icon(request: Request) -> Response:
    return FileResponse(FOLDER / "static" / "icon.svg", media_type="image/svg+xml")


def _summary(session: Session, price: Price, percent_off: int) -> Summary:
    unit = Money.of_minor(price.unit_amount, price.currency)
    total = unit * session.quantity
    due = Money.of_minor(total.minor * (100 - percent_off) // 100, price.currency)
    period = period_of(price)
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
    return Summary(price.product_name, session.quantity, str(unit), period, str(due), later)
