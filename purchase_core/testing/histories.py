"""Histories for Hypothesis: what a few sales to two customers leave behind.

Instants are few, so that states often claim the same one. Needs Hypothesis, which nothing else here does.
"""

from __future__ import annotations

import attrs
from hypothesis import strategies as st
from msgspec.structs import replace

from purchase_core.facts.bodies import InvoiceSeen
from purchase_core.facts.fact import Fact
from purchase_core.instants import Instant
from purchase_core.records.reference import Reference
from purchase_core.testing.sales import CONNECTIONS, Sale, again, later

OFFERS = ("app:pro", "app:team", "book:full", "tokens:small")
SALES_MAX = 3
TRIES_MAX = 2
RENEWALS_MAX = 2

SUBSCRIPTION_STATES = ("incomplete", "trialing", "active", "past_due", "unpaid", "paused", "canceled")
REFUND_STATES = ("pending", "succeeded", "failed", "canceled")
DISPUTE_STATES = ("open", "won", "lost")


@attrs.frozen
class History:
    """Facts, and the links of the customers that they are of; each link comes at some time."""

    facts: tuple[Fact, ...]
    links: tuple[Reference, ...]


instants: st.SearchStrategy[Instant] = st.builds(
    lambda days, seconds: later(days=days, seconds=seconds), st.integers(0, 2), st.integers(0, 2)
)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """One to SALES_MAX sales to alice and bob, each with tries, bills, refunds and disputes."""
    facts: list[Fact] = []
    links: dict[str, Reference] = {}
    for number in range(1, 1 + draw(st.integers(1, SALES_MAX))):
        sale = Sale(
            number,
            draw(st.sampled_from(("alice", "bob"))),
            draw(st.sampled_from(OFFERS)),
            quantity=draw(st.integers(1, 2)),
        )
        facts.append(sale.placed())
        for attempt in range(1, 1 + draw(st.integers(1, TRIES_MAX))):
            tried = attrs.evolve(
                sale,
                attempt=attempt,
                connection=draw(st.sampled_from(CONNECTIONS)),
                tagged=draw(st.booleans()),
            )
            facts += draw(tries(tried))
            links[tried.link.object] = tried.link
    return History(tuple(dict.fromkeys(facts)), tuple(links.values()))


@st.composite
def tries(draw: st.DrawFn, sale: Sale) -> list[Fact]:
    """What one try at a sale leaves behind: perhaps nothing but the attempt."""
    facts = [sale.tried(draw(st.sampled_from(("current", "withdrawn"))))]
    statuses = draw(st.lists(st.sampled_from(("open", "complete", "expired")), max_size=2))
    facts += [sale.session(status, at=draw(instants)) for status in statuses]
    first = [sale.invoice(status, draw(instants)) for status in draw(_some(("open", "paid", "void")))]
    facts += [draw(spoilt(one)) for one in first]
    if sale.version.product == "subscription":
        facts += draw(_subscribed(sale))
    if first:
        facts += draw(_money_back(sale, sale.invoice_id))
    return facts


@st.composite
def spoilt(draw: st.DrawFn, fact: Fact) -> Fact:
    """A bill, in one case of four another one than was ordered."""
    body = fact.body
    if not isinstance(body, InvoiceSeen) or draw(st.integers(0, 3)):
        return fact
    line = body.lines[0]
    wrongs = [
        replace(body, currency="USD"),
        replace(body, total=1, paid=1),
        replace(body, lines=(replace(line, unit_amount=1, amount=1),)),
        replace(body, lines=(replace(line, quantity=7),)),
    ]
    if body.intent:
        # Without our reference such a bill would be foreign, or of nobody that we could tell.
        wrongs += [
            replace(body, customer="cus_stranger"),
            replace(body, lines=(replace(line, price="price_unknown"),)),
            replace(body, lines=()),
        ]
    wrong = draw(st.sampled_from(wrongs))
    return again(fact, wrong, final=fact.final)


@st.composite
def _subscribed(draw: st.DrawFn, sale: Sale) -> list[Fact]:
    facts = [
        sale.subscription(status, draw(instants), period=draw(st.integers(0, 1)))
        for status in draw(_some(SUBSCRIPTION_STATES))
    ]
    for period in range(1, 1 + draw(st.integers(0, RENEWALS_MAX))):
        renewal = sale.renewal(period, at=draw(instants))
        facts.append(renewal)
        if draw(st.booleans()):
            facts += draw(_money_back(sale, f"{sale.invoice_id}_r{period}"))
    if draw(st.booleans()):
        facts.append(sale.change(draw(instants)))
    return facts


@st.composite
def _money_back(draw: st.DrawFn, sale: Sale, invoice: str) -> list[Fact]:
    facts: list[Fact] = []
    for name in "12"[: draw(st.integers(0, 2))]:
        amount = draw(st.sampled_from((1, 300, sale.due)))
        facts += [
            sale.refund(amount, status, draw(instants), name=name, of=invoice)
            for status in draw(_some(REFUND_STATES))
        ]
    if invoice == sale.invoice_id:
        facts += [
            sale.dispute(sale.due, status, draw(instants))
            for status in draw(st.lists(st.sampled_from(DISPUTE_STATES), max_size=2))
        ]
    return facts


def _some(states: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(states), min_size=1, max_size=3, unique=True)
