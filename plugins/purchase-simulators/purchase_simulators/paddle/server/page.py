"""The checkout that takes the place of Paddle's own, at `/checkout/{transaction}`: pay, be declined, go away.

The page of the application that carries a checkout sends the buyer here, instead of opening Paddle's overlay;
`/checkout?_ptxn=…`, the default payment link, leads here too. With `success` in its address, a paid buyer is
sent on; only to where the checkout page itself lives.
"""

from __future__ import annotations

from functools import cache
from urllib.parse import quote, urlsplit

import jinja2
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from purchase_simulators.paddle import paying
from purchase_simulators.paddle.amounts import TAX_RATES
from purchase_simulators.paddle.cards import CARDS, GOOD_CARD
from purchase_simulators.paddle.refusal import Refusal
from purchase_simulators.paddle.shapes import Document
from purchase_simulators.paddle.simulator import Account, PaddleSimulator

COUNTRIES = ("US", *TAX_RATES)
SEE_OTHER = 303
SAFE_HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self' *",
}


def routes(simulator: PaddleSimulator) -> list[Route]:
    """The page, and what its form does."""

    async def show(request: Request) -> Response:
        return _page(*_found(simulator, request), codes=request.query_params.get("codes") == "yes")

    async def pay(request: Request) -> Response:
        account, document = _found(simulator, request)
        if account is None or document is None:
            return _page(None, None)
        form = await request.form()
        codes = request.query_params.get("codes") == "yes"
        card = str(form.get("card", GOOD_CARD))
        try:
            paid = paying.checkout(
                account.book,
                document["id"],
                card if card in CARDS else GOOD_CARD,
                email=str(form.get("email", "buyer@example.com")),
                country=str(form.get("country", "US")),
                code=str(form.get("code", "")) if codes else "",
            )
        except Refusal as refusal:
            return _page(account, document, refusal.detail, status=refusal.status, codes=codes)
        if paid["status"] in ("paid", "completed"):
            to = _onwards(account, request.query_params.get("success", ""))
            return RedirectResponse(to, SEE_OTHER) if to else _page(account, paid)
        code = paid["payments"][0]["error_code"]
        problem = f"The payment was not taken: {code}." if code else "The payment is on its way."
        return _page(account, paid, problem, codes=codes)

    async def forward(request: Request) -> Response:
        return RedirectResponse(
            f"checkout/{quote(request.query_params.get('_ptxn', ''), safe='')}", SEE_OTHER
        )

    return [
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
        body = _template().render(
            title="There is no such checkout", lines=[], tax="0", total="0", currency=""
        )
        return Response(body, 404, SAFE_HEADERS, "text/html")
    totals = document["details"]["totals"]
    lines = [
        {"quantity": row["quantity"], "name": row["product"]["name"], "total": row["totals"]["total"]}
        for row in document["details"]["line_items"]
    ]
    body = _template().render(
        title="Checkout",
        lines=lines,
        tax=totals["tax"],
        total=totals["balance"],
        currency=totals["currency_code"],
        payable=document["status"] in paying.PAYABLE,
        ask_email=not document["customer_id"],
        ask_country=not document["address_id"],
        ask_code=codes and not document["discount_id"],
        countries=COUNTRIES,
        cards=list(CARDS.values()),
        problem=problem,
        over=f"This checkout is {document['status']}.",
    )
    return Response(body, status, SAFE_HEADERS, "text/html")


def _onwards(account: Account, url: str) -> str:
    """Where a buyer may be sent: nowhere but to a domain that the account has approved."""
    parts = urlsplit(url)
    good = parts.scheme in ("http", "https") and parts.hostname in account.book.settings.approved_domains
    return url if good and not parts.username else ""


@cache
def _template() -> jinja2.Template:
    loader = jinja2.PackageLoader("purchase_simulators.paddle.server", "templates")
    return jinja2.Environment(loader=loader, autoescape=True).get_template("checkout.html")
