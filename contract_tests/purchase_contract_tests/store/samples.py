"""Values that the promises are made of: plain, small, and different in every field."""

from __future__ import annotations

from purchase_core.catalog.grants import CreditGrant, FlagGrant
from purchase_core.catalog.versions import OfferVersion
from purchase_core.facts.bodies import (
    AttemptMade,
    Body,
    CreditsGranted,
    DisputeSeen,
    IntentPlaced,
    InvoiceLine,
    InvoiceSeen,
    Item,
    RefundSeen,
    SessionSeen,
    SubscriptionSeen,
)
from purchase_core.facts.cluster import Cluster, absorb
from purchase_core.facts.fact import Fact, RecordedFact, seen
from purchase_core.facts.rows import (
    CaseRow,
    DisputeRow,
    IntentRow,
    InvoiceRow,
    LotRow,
    PurchaseRow,
    RefundRow,
    Row,
    SubscriptionRow,
)
from purchase_core.instants import SECOND, Instant
from purchase_core.money import Money
from purchase_core.ports.batch import Batch
from purchase_core.records.command import PLANNED, Command, Stage
from purchase_core.records.delivery import Delivery
from purchase_core.records.effect import Effect
from purchase_core.records.lane import LaneStep
from purchase_core.records.ledger_rows import DrawnRow, LedgerRow, SpendingRow, UsageRow
from purchase_core.records.movement import Leg, Movement
from purchase_core.records.reference import PriceReference, Reference

NOW = Instant(1_790_000_000_123_456)
ANA, BEN = "customer:ana", "customer:ben"
WAITING = "object:subscription:acme:sub_9"


def later(seconds: int, since: Instant = NOW) -> Instant:
    """An instant some seconds after another."""
    return Instant(since + seconds * SECOND)


def step(lane: str = ANA, version: int = 0, document: bytes = b"{}", linked_to: str = "") -> LaneStep:
    """One lane's part of a batch."""
    return LaneStep(lane, version, document, linked_to)


# --- facts ---------------------------------------------------------------------------------------


def refund(
    identifier: str = "re_1", *, amount: int = 100, status: str = "pending", order: Instant = NOW
) -> Fact:
    """The smallest of facts."""
    return seen("acme", order, RefundSeen(identifier, "in_1", amount, "USD", status))


def recorded(fact: Fact, lane: str = ANA, *, at: Instant = NOW, cause: str = "delivery_1") -> RecordedFact:
    """A fact as it lies in the log."""
    return RecordedFact(fact, lane, at, cause)


def batch_of_facts(identifier: str, *facts: RecordedFact, version: int = 0) -> Batch:
    """A batch of some facts; it steps their lanes, each of which is at `version`."""
    lanes = sorted({one.lane for one in facts})
    return Batch(identifier, NOW, lanes=tuple(step(lane, version) for lane in lanes), facts=facts)


def body_of_each_kind() -> tuple[Body, ...]:
    """Every kind of body, with its optional fields filled in."""
    item = Item("price_1", 2, 1_200, "USD", "v1")
    line = InvoiceLine(
        "price_1", 2, 1_200, 2_300, "USD", NOW, later(60), proration=True, trial=True, version="v1"
    )
    return (
        IntentPlaced("intent_1", "ana", "app:pro", "v1", "subscription", 2, 1_200, "USD", 14, discounts=True),
        AttemptMade("attempt_1", "intent_1", "current", "acme", "price_1", "cus_1", "cs_1"),
        CreditsGranted("grant_1", "ana", "ai_credits", 500, later(60)),
        SessionSeen("cs_1", "complete", "paid", "cus_1", "intent_1", "sub_1", "in_1"),
        SubscriptionSeen(
            "sub_1", "active", "cus_1", (item,), NOW, later(60), NOW, later(1), later(2), later(3), "intent_1"
        ),
        InvoiceSeen(
            "in_1", "paid", "first", "cus_1", "USD", 2_400, 2_300, (line,), later(4), "sub_1", "intent_1"
        ),
        RefundSeen("re_1", "in_1", 100, "USD", "succeeded"),
        DisputeSeen("dp_1", "in_1", 200, "USD", "open"),
    )


def cluster(lane: str, *facts: Fact) -> Cluster:
    """The cluster of some facts, the first of which names the others or is named by them."""
    found = absorb((), facts[0], lane)
    for fact in facts[1:]:
        found = absorb((found,), fact, lane)
    return found


# --- rows ----------------------------------------------------------------------------------------


def case(
    key: str = "case_1", lane: str = ANA, *, about: str = "invoice:acme:in_1", detail: str = "paid 1, not 2"
) -> CaseRow:
    """A case: the row with the plainest columns."""
    return CaseRow(key, lane, "root_1", "mismatch", about, detail, "cus_1", 100, "USD", NOW, "open", "")


def row_of_each_table(lane: str = ANA, *, filled: bool = True) -> tuple[Row, ...]:
    """One row of every table; `filled`: with its optional columns."""
    some = later(86_400) if filled else None
    return (
        IntentRow(
            "i", lane, "r", "ana", "app:pro", "v1", "subscription", 2, 1_200, "USD", 14, "open",
            settled_by="", connection="acme", session="cs_1", placed_at=NOW,
        ),
        SubscriptionRow(
            "s", lane, "r", "acme", "sub_1", "cus_1", "intent_1", "active", bound=True, contested=False,
            version="v1", quantity=2, unit_amount=1_200, currency="USD", items='[["v1",2,"price_1",1200]]',
            started_at=NOW, period_start=later(1), period_end=later(60), trial_end=some, cancel_at=some,
            ended_at=some, collecting=False, resumes_at=some, next_items="", next_items_at=some,
            replaces="subscription:acme:sub_0", seen_at=later(1),
        ),
        InvoiceRow(
            "n", lane, "r", "acme", "in_1", "cus_1", "sub_1", "intent_1", "first", "paid", "matched",
            contested=True, currency="USD", total=2_400, paid=2_300, refunded=100, refunding=50, disputed=200,
            paid_at=some, due_at=some, action="pay", seen_at=later(1),
        ),
        RefundRow("f", lane, "r", "acme", "re_1", "in_1", "rcp_1", "pending", "USD", 100, NOW),
        DisputeRow("d", lane, "r", "acme", "dp_1", "in_1", "open", "USD", 200, NOW),
        PurchaseRow(
            "p", lane, "r", "acme", "intent_1", "one_time", "v1", 2, "USD", due=2_400, paid=2_300,
            refunded=1, disputed=2, lost=3, purchased_at=NOW,
        ),
        LotRow("l", lane, "r", "ai_credits", "v1", "in_1", 500, 20, NOW, some),
        CaseRow(
            "c", lane, "r", "mismatch", "invoice:acme:in_1", "paid 1, not 2", "cus_1", 100, "USD", NOW,
            "open", "",
        ),
    )  # fmt: skip


def ledger_row_of_each_table(lane: str = ANA, *, filled: bool = True) -> tuple[LedgerRow, ...]:
    """One row of every table of the ledger; `filled`: with its optional columns."""
    some = later(86_400) if filled else None
    return (
        SpendingRow("k1|l", lane, "ai_credits", "l", "reserve:k1", "reserve", 30, 20, some, NOW),
        DrawnRow("l", lane, "ai_credits", 50),
        UsageRow("u", lane, "api_calls", NOW, some, 7),
    )


# --- records -------------------------------------------------------------------------------------


def reference(
    identifier: str = "re_1", lane: str = ANA, root: str = "root_1", kind: str = "refund"
) -> Reference:
    """What a provider's identifier means to us."""
    return Reference(f"{kind}:acme:{identifier}", lane, root)


def price(
    identifier: str = "price_1",
    *,
    version: str = "v1",
    currency: str = "USD",
    age: int = 0,
    variant: str = "",
) -> PriceReference:
    """A price, made `age` seconds ago."""
    return PriceReference("acme", identifier, "app:pro", version, currency, later(-age), variant=variant)


def offer(name: str = "Pro", *, trial_days: int = 14) -> OfferVersion:
    """An offer version; the name is not part of its hash, the trial is."""
    return OfferVersion(
        offer="app:pro",
        product="subscription",
        name=name,
        group="app",
        prices=(Money("12.00", "USD"), Money("11.00", "EUR")),
        interval="month",
        interval_count=1,
        trial_days=trial_days,
        quantity_min=1,
        quantity_max=5,
        grants=(FlagGrant("export"), CreditGrant("ai_credits", 500, 365)),
    )


def command(
    key: str = "checkout:cart-42",
    identifier: str = "command_1",
    *,
    state: str = PLANNED,
    touched: Instant = NOW,
) -> Command:
    """A command with two stages and three documents."""
    return Command(
        key=key,
        id=identifier,
        kind="checkout",
        lane=ANA,
        fingerprint="f1",
        state=state,
        connection="acme",
        reference="intent_1",
        created_at=NOW,
        updated_at=touched,
        stages=(Stage("planned", NOW, "app:pro"), Stage("sent", later(1))),
        decision=b'{"to":"acme"}',
        request=b'{"offer":"app:pro"}',
        result=b'{"url":"/pay"}',
    )


def delivery(
    number: int = 1, *, connection: str = "acme", due: Instant = NOW, state: str = "pending"
) -> Delivery:
    """An inbox row; ids ascend with the number."""
    return Delivery(
        id=f"delivery_{number:06}",
        connection=connection,
        event_id=f"evt_{number}",
        event_type="invoice.paid",
        object="invoice:acme:in_1",
        occurred_at=later(-2),
        received_at=later(-1),
        headers=(("signature", "t=1,v1=00"), ("signature", "t=1,v1=11")),
        body=b'{"id":"evt"}',
        state=state,
        available_at=due,
    )


def effect(key: str = "sub_1:started", *, lane: str = ANA, version: int = 1, position: int = 0) -> Effect:
    """An outbox row."""
    return Effect(key, "subscription.started", lane, version, position, "sub_1", NOW)


def movement(key: str = "k1", lane: str = ANA, position: int = 1, *, amount: int = 30) -> Movement:
    """A movement of a lane's journal, filled in."""
    legs = (Leg("l", "lot", -amount), Leg("l", "spent", amount))
    return Movement(
        f"consume:{key}",
        lane,
        "consume",
        "ai_credits",
        later(position),
        legs,
        "delivery_1",
        "f1",
        '{"balance":20}',
        "a report",
        position,
        f"hash_{key}",
    )


def batch_of_everything(identifier: str = "batch_1") -> Batch:
    """A batch with something in every field but the drops and the settlements."""
    fact = refund()
    return Batch(
        id=identifier,
        at=NOW,
        lanes=(step(ANA, 0, b'{"a":1}'), step(WAITING, 0, b"", ANA)),
        facts=(recorded(fact),),
        clusters=(cluster(ANA, fact),),
        rows=row_of_each_table(),
        ledger=ledger_row_of_each_table(),
        movements=(movement(),),
        references=(reference(root=cluster(ANA, fact).root),),
        prices=(price(),),
        offers=(offer(),),
        command=command(),
        deliveries=(delivery(),),
        effects=(effect(),),
    )
