"""Reading a cluster: which payment answers the intent, which are too many, what went back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, TypeVar, cast

from msgspec.structs import replace

from purchase_core.facts.bodies import (
    AttemptMade,
    Body,
    DisputeSeen,
    IntentPlaced,
    InvoiceSeen,
    RefundAsked,
    RefundSeen,
    SessionSeen,
    SubscriptionSeen,
)
from purchase_core.facts.cluster import Cluster
from purchase_core.facts.fact import object_key
from purchase_core.facts.match import invoice_mismatch, trial_mismatch
from purchase_core.facts.register import Register
from purchase_core.instants import Instant
from purchase_core.values import Value

B = TypeVar("B", bound=Body)
MoneyGone: TypeAlias = RefundAsked | RefundSeen | DisputeSeen

UNNEEDED = "unneeded"
WAITING = "waiting"
MATCHED = "matched"
MISMATCHED = "mismatched"
EXCESS = "excess"

ENDED_SUBSCRIPTIONS = frozenset({"canceled", "incomplete_expired"})


class MoneyBack(Value, frozen=True):
    """Money of one invoice, in minor units of its currency.

    `refunded` has gone back, `refunding` is on its way (asked for, or pending at the provider), `disputed` is
    held by a bank until it decides, `lost` a bank has taken back.
    """

    refunded: int = 0
    refunding: int = 0
    disputed: int = 0
    lost: int = 0


NONE_BACK = MoneyBack()
_MONEY_BACK: dict[tuple[type[MoneyGone], str], str] = {
    (RefundAsked, "asked"): "refunding",
    (RefundSeen, "pending"): "refunding",
    (RefundSeen, "succeeded"): "refunded",
    (DisputeSeen, "open"): "disputed",
    (DisputeSeen, "lost"): "lost",
}


class Reading:
    """One cluster, understood. Everything is computed once, from the registers.

    A cluster has one intent; should forged or mixed-up metadata join two, the least key counts and the
    other stays open, so that no payment answers two.

    `intent` is the checkout intent, if it is known; `attempts` are those at it, on whatever connection.
    `invoices` are what was last seen of each, by key.
    `invoice_verdicts` say per invoice key how it stands to the intent, and what is wrong where it does not
    match; `subscription_verdicts` per subscription key whether it is bound, and what is wrong where not.
    `settling_invoice` is the key of the invoice that answers the intent, `settled_by` that of whatever does:
    a paid invoice, or a subscription whose trial is confirmed; "" for none. `gone_back` are the refunds and
    disputes that were seen. `registers` are all of them, by ascending key.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.registers = [cluster.registers[key] for key in sorted(cluster.registers)]
        self._seen: dict[type, list[tuple[Register, Body]]] = {}
        for one in self.registers:
            self._seen.setdefault(type(one.newest.body), []).append((one, one.newest.body))
        placed = self.of(IntentPlaced)
        self.intent = placed[0][1] if placed else None
        self.attempts = self._attempts()
        self.invoices = {one.object: seen for one, seen in self.of(InvoiceSeen)}
        self.invoice_verdicts = self._judge_invoices()
        matched = (key for key, (match, _) in self.invoice_verdicts.items() if match == MATCHED)
        self.settling_invoice = next(matched, "")
        self.subscription_verdicts = self._judge_subscriptions()
        self.settled_by = self._settled_by()
        self.gone_back: list[tuple[Register, RefundSeen | DisputeSeen]] = [
            *self.of(RefundSeen),
            *self.of(DisputeSeen),
        ]
        self._money_back = self._add_up_money_back()

    def of(self, body: type[B]) -> Sequence[tuple[Register, B]]:
        """The registers of one kind, with their newest bodies, by ascending key."""
        found: Sequence[Any] = self._seen.get(body, ())  # by the type of their bodies
        return found

    def _attempts(self) -> list[AttemptMade]:
        if self.intent is None:
            return []
        return [made for _, made in self.of(AttemptMade) if made.intent == self.intent.id]

    def _judge_invoices(self) -> dict[str, tuple[str, str]]:
        verdicts = {one.object: self._invoice_verdict(one, seen) for one, seen in self.of(InvoiceSeen)}
        if len(verdicts) < 2:  # noqa: PLR2004  # one is never too many
            return verdicts
        paid = [key for key, (match, _) in verdicts.items() if match == MATCHED]
        for key in sorted(paid, key=self._payment_order)[1:] if len(paid) > 1 else ():
            verdicts[key] = (EXCESS, "a second payment for one intent")
        return verdicts

    def _invoice_verdict(self, one: Register, invoice: InvoiceSeen) -> tuple[str, str]:
        if invoice.reason != "first" and not (invoice.reason == "manual" and self._paid_on_a_page(one)):
            return UNNEEDED, ""
        if self.intent is None and not self._names_intent(one):
            return UNNEEDED, ""
        if self.intent is None or invoice.status != "paid":
            return WAITING, ""
        wrong = invoice_mismatch(self.intent, self.attempts, one.object.split(":", 2)[1], invoice)
        return (MISMATCHED, wrong) if wrong else (MATCHED, "")

    def _paid_on_a_page(self, one: Register) -> bool:
        """Whether a checkout session says that this is its bill, whatever the bill says of itself.

        What was sold before us on such a page is a bill of its own to the provider, and an import orders it.
        """
        _, connection, identifier = one.object.split(":", 2)
        return self.intent is not None and any(
            page.invoice == identifier and session.object.split(":", 2)[1] == connection
            for session, page in self.of(SessionSeen)
        )

    def _names_intent(self, one: Register) -> bool:
        return any(name.startswith("intent:") for name in one.names)

    def _payment_order(self, key: str) -> tuple[Instant, str]:
        one = self.cluster.registers[key]
        return self.invoices[key].paid_at or one.first.order, key

    def _judge_subscriptions(self) -> dict[str, tuple[bool, str]]:
        """One subscription answers one intent: a second one would bill twice at the next renewal."""
        verdicts = {
            one.object: self._subscription_verdict(one, seen) for one, seen in self.of(SubscriptionSeen)
        }
        if self.intent is not None and len(verdicts) > 1:
            bound = [key for key, (is_bound, _) in verdicts.items() if is_bound]
            for key in sorted(bound, key=self._subscription_order)[1:]:
                verdicts[key] = (False, "a second subscription for one intent")
        return verdicts

    def _subscription_verdict(self, one: Register, subscription: SubscriptionSeen) -> tuple[bool, str]:
        if self.intent is None:
            return not self._names_intent(one), ""
        if self._paid_for(one.object):
            return True, ""
        connection = one.object.split(":", 2)[1]
        first = cast("SubscriptionSeen", one.first.body)
        wrongs = [
            trial_mismatch(self.intent, self.attempts, connection, seen) for seen in (first, subscription)
        ]
        if "" in wrongs:
            return True, ""
        return False, wrongs[1] if self.intent.trial_days else ""

    def _paid_for(self, subscription_key: str) -> bool:
        _, connection, identifier = subscription_key.split(":", 2)
        return any(
            match in (MATCHED, EXCESS)
            and key.split(":", 2)[1] == connection
            and self.invoices[key].subscription == identifier
            for key, (match, _) in self.invoice_verdicts.items()
        )

    def _subscription_order(self, key: str) -> tuple[bool, Instant, str]:
        one = self.cluster.registers[key]
        subscription = cast("SubscriptionSeen", one.newest.body)
        return subscription.status in ENDED_SUBSCRIPTIONS, subscription.started_at, key

    def _settled_by(self) -> str:
        if self.settling_invoice or self.intent is None:
            return self.settling_invoice
        return next((key for key, (bound, _) in self.subscription_verdicts.items() if bound), "")

    def money_back(self, invoice_key: str) -> MoneyBack:
        """What no longer is there, or may not be for long, of what was paid for an invoice."""
        return self._money_back.get(invoice_key, NONE_BACK)

    def kept(self, invoice_key: str) -> int:
        """What is still there of an invoice's payment, in minor units."""
        back = self.money_back(invoice_key)
        return self.invoices[invoice_key].paid - back.refunded - back.lost

    def unanswered_refunds(self) -> list[tuple[Register, RefundAsked]]:
        """Refunds that we asked for, and of which nothing was seen yet."""
        requests = self.of(RefundAsked)
        if not requests:
            return []
        answered = {seen.command for _, seen in self.of(RefundSeen)}
        return [(one, asked) for one, asked in requests if asked.id not in answered]

    def _add_up_money_back(self) -> dict[str, MoneyBack]:
        """Per invoice, in its own currency: other money cannot be added to it, and opens a case."""
        found: dict[str, MoneyBack] = {}
        told: list[tuple[Register, MoneyGone]] = [*self.gone_back, *self.unanswered_refunds()]
        for one, seen in told:
            key = invoice_of(one, seen)
            invoice = self.cluster.registers.get(key)
            name = _MONEY_BACK.get((type(seen), seen.status))
            if name and invoice and getattr(invoice.newest.body, "currency", "") == seen.currency:
                back = found.get(key, NONE_BACK)
                found[key] = replace(back, **{name: getattr(back, name) + seen.amount})
        return found


def invoice_of(one: Register, seen: MoneyGone) -> str:
    """Key of the invoice that a refund or dispute is of."""
    connection = seen.connection if isinstance(seen, RefundAsked) else one.object.split(":", 2)[1]
    return object_key("invoice", connection, seen.invoice)
