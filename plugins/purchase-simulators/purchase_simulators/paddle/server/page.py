"""The checkout that takes the place of Paddle's own, at `/checkout/{transaction}`: pay, be declined, go away.

The page of the application that carries a checkout sends the buyer here, instead of opening Paddle's overlay;
`/checkout?_ptxn=…`, the default payment link, leads here too. With `success` in its address, a paid buyer is
sent on; only to where the checkout page itself lives.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from purchase_core.money import Money
from purchase_simulators.paddle import paying
from purchase_simulators.paddle.amounts import TAX_RATES
from purchase_simulators.paddle.cards import AUTHENTICATION_FAILED, CARDS, GOOD_CARD, MESSAGES
from purchase_simulators.paddle.refusal import Refusal
from purchase_simulators.paddle.shapes import Document
from purchase_simulators.paddle.simulator import Account, PaddleSimulator

from .rendering import SEE_OTHER, STYLE, rendered

COUNTRIES = ("US", *TAX_RATES)


def routes(simulator: PaddleSimulator) -> list[Route]:
    """The page, and what its form does."""

    async def home(request: Request) -> Response:
        text = "Its API is at the root of this address, and what only a simulator has under /simulator."
        return rendered("message.html", title="A simulated Paddle", text=text)

    async def style(request: Request) -> Response:
        return FileResponse(STYLE, media_type="text/css")

    async def show(request: Request) -> Response:
        return _page(*_found(simulator, request), codes=request.query_params.get("codes") == "yes")

    async def pay(request: Request) -> Response:
        account, document = _found(simulator, request)
        if account is None or document is None:
            return _page(None, None)
        form = {name: str(value) for name, value in (await request.form()).items()}
        card = CARDS.get(form.get("card", ""), CARDS[GOOD_CARD])
        if card.challenge and form.get("action") not in ("approve", "fail"):
            return _challenge(document, form)
        codes = request.query_params.get("codes") == "yes"
        try:
            paid = paying.checkout(
                account.book,
                document["id"],
                card.name,
                email=form.get("email", "buyer@example.com"),
                country=form.get("country", "US"),
                code=form.get("code", "") if codes else "",
                refusal=AUTHENTICATION_FAILED if form.get("action") == "fail" else "",
            )
        except Refusal as refusal:
            return _page(account, document, refusal.detail, status=refusal.status, codes=codes)
        if paid["status"] in ("paid", "completed"):
            to = _onwards(account, request.query_params.get("success", ""))
            return RedirectResponse(to, SEE_OTHER) if to else _page(account, paid)
        code = paid["payments"][0]["error_code"]
        problem = f"{MESSAGES[code]} Choose another card." if code else "The payment is on its way."
        return _page(account, paid, problem, codes=codes)

    async def forward(request: Request) -> Response:
        return RedirectResponse(
            f"checkout/{quote(request.query_params.get('_ptxn', ''), safe='')}", SEE_OTHER
        )

    return [
        Route("/", home, methods=["GET"]),
        Route("/static/paddle.css", style, methods=["GET"]),
        Route("/checkout", forward, methods=["GET"]),
        Route("/checkout/{id}", show, methods=["GET"]),
        Route("/checkout/{id}", pay, methods=["POST"]),
    ]


def _found(simulator: PaddleSimulator, request: Request) -> tuple[Account | None, Document | None]:
    simulator.catch_up()
    for account in simulator.accounts.values():
        for document in account.book.rows("txn"):
            if document["id"] == request.path_params["id"]:
                return account, document
    return None, None


def _page(
    account: Account | None,
    document: Document | None,
    problem: str = "",
    status: int = 200,
    *,
    codes: bool = False,
) -> Response:
    if account is None or document is None:
        text = "Please go back to the shop, and begin there."
        return rendered("message.html", 404, title="There is no such checkout", text=text)
    totals, currency = document["details"]["totals"], document["currency_code"]
    lines = [
        {
            "quantity": row["quantity"],
            "name": row["product"]["name"],
            "total": _money(row["totals"]["total"], currency),
        }
        for row in document["details"]["line_items"]
    ]
    due, trial = _money(totals["balance"], currency), _trial(document)
    return rendered(
        "checkout.html",
        status,
        title="Checkout",
        lines=lines,
        tax=_money(totals["tax"], currency),
        total=due,
        later=f"{trial} free, then as the price says, until you cancel." if trial else "",
        verb="Start trial" if trial else f"Pay {due}",
        payable=document["status"] in paying.PAYABLE,
        ask_email=not document["customer_id"],
        ask_country=not document["address_id"],
        ask_code=codes and not document["discount_id"],
        countries=COUNTRIES,
        cards=list(CARDS.values()),
        problem=problem,
        over=f"This checkout is {document['status']}.",
    )


def _challenge(document: Document, form: Mapping[str, str]) -> Response:
    total = _money(document["details"]["totals"]["balance"], document["currency_code"])
    kept = [(name, value) for name, value in form.items() if name != "action"]
    return rendered("challenge.html", title="Is it really you?", total=total, kept=kept)


def _money(minor: str, currency: str) -> str:
    return str(Money.of_minor(int(minor), currency))


def _trial(document: Document) -> str:
    """How long nothing is due, where the price begins with a trial."""
    periods = [item["price"]["trial_period"] for item in document["items"] if item["price"]["trial_period"]]
    if not periods or document["subscription_id"]:
        return ""
    frequency, interval = periods[0]["frequency"], periods[0]["interval"]
    return f"{frequency} {interval}{'s' if frequency != 1 else ''}"


def _onwards(account: Account, url: str) -> str:
    """Where a buyer may be sent: nowhere but to a domain that the account has approved."""
    parts = urlsplit(url)
    good = parts.scheme in ("http", "https") and parts.hostname in account.book.settings.approved_domains
    return url if good and not parts.username else ""
