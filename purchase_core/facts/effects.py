"""Effects: what others may want to know of a change, each under a key that makes it happen once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from purchase_core.facts.rows import CaseRow, PurchaseRow, Row, SubscriptionRow
from purchase_core.records.lane import customer_of

RowsByKey = Mapping[tuple[type[Row], str], Row]


def effects_of(before: RowsByKey, after: RowsByKey) -> Iterator[tuple[str, str, str]]:
    """(key, name, about) for each thing that became true between two sets of rows of one cluster.

    What nobody owns has no effects but its cases: nobody could be told. All of them come with the owner.
    """
    for identity, row in after.items():
        known = before.get(identity)
        if not isinstance(row, CaseRow):
            if not customer_of(row.lane):
                continue
            if known is not None and not customer_of(known.lane):
                known = None
        for name, nonce in _became_true(known, row):
            yield f"{row.key}:{name}{nonce}", name, row.key


def _became_true(known: Row | None, row: Row) -> Iterator[tuple[str, str]]:
    match row:
        case SubscriptionRow():
            old = known if isinstance(known, SubscriptionRow) else None
            if row.bound and (old is None or not old.bound):
                yield "subscription.started", ""
            if row.ended_at is not None and (old is None or old.ended_at is None):
                yield "subscription.ended", ""
            if row.bound and old is not None and old.bound and row.period_start > old.period_start:
                yield "subscription.renewed", f":{row.period_start}"
        case PurchaseRow():
            old_purchase = known if isinstance(known, PurchaseRow) else None
            if old_purchase is None:
                yield "purchase.granted", ""
            if row.refunded > (old_purchase.refunded if old_purchase else 0):
                yield "purchase.refunded", f":{row.refunded}"
        case CaseRow():
            if known is None:
                yield f"case.{row.kind}", ""
        case _:
            pass
