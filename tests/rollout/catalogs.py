"""Catalogs that are rolled out in these tests, and what is told of a plan."""

from __future__ import annotations

from purchase_core import (
    Catalog,
    Money,
    credit_pack,
    credit_unit,
    feature,
    one_time,
    plan,
    quota,
    subscription,
)
from purchase_core.catalog.products import Product
from purchase_core.rollout.plan import Plan

export, api, ai = feature("export"), quota("api_calls"), credit_unit("ai")


def app(amount: str = "12.00", *, name: str = "App", limit: int = 100) -> Product:
    """What most tests sell: a free plan, one with a trial, one for teams."""
    return subscription(
        "app",
        name=name,
        plans=[
            plan("free", default=True, includes=[api(limit=5, reset="month")]),
            plan(
                "pro",
                name="Pro",
                prices=[Money(amount, "USD"), Money("11.00", "EUR")],
                every="month",
                trial_days=14,
                includes=[export(), api(limit=limit, reset="month")],
            ),
            plan("team", name="Team", price=Money("1500", "JPY"), every="year", quantity=(1, 50)),
        ],
    )


PACK = credit_pack("ai", plans=[plan("small", price=Money("5.00", "USD"), includes=[ai(amount=100)])])
BOOK = one_time("book", name="Book", plans=[plan("full", price=Money("20.00", "USD"))])
CATALOG = Catalog(app(), PACK, BOOK)


def told(found: Plan) -> list[tuple[str, str, str]]:
    """The steps in short."""
    return [(step.act, step.kind, step.offer) for step in found.steps]
