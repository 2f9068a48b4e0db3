"""What a bad month leaves: deliveries in quarantine, cases, payments of nobody, outcomes that nobody knows.

Written as rows, since nothing but their number and shape matters here: no page asks how they came about.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from purchase_core.instants import MINUTE, Clock, Instant
from purchase_core.records.delivery import PENDING, QUARANTINED

QUARANTINED_ROWS, PENDING_ROWS = 100_000, 20_000
CASES, HOT_CASES, UNMATCHED = 10_000, 1_000, 10_000
UNKNOWN_OUTCOMES, STUCK_REFUNDS, STUCK_LANES = 5_000, 2_000, 10_000
COPIED = ("deliveries", "commands")
CAUSES = tuple(
    (event_type, f"{error}: {detail}", code)
    for event_type in ("invoice.paid", "subscription.updated", "refund.updated", "dispute.created")
    for error, detail in (
        ("malformed_body", "field `total` of object {} is no integer"),
        ("KeyError", "of object {}"),
        ("lane_conflict", "lane of {} kept moving for 25 tries"),
    )
    for code in ("1.4.0", "1.5.0")
)


def flood(path: Path, customers: Sequence[str], clock: Clock) -> None:
    """Add all that to a file, spread over these customers; the first of them has HOT_CASES cases."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        alike = {name: _first(connection.execute(f"SELECT * FROM {name} LIMIT 1")) for name in COPIED}  # noqa: S608
        with connection:
            for table, row in waiting(customers, clock.now(), alike):
                places = ", ".join("?" for _ in row)
                connection.execute(f"INSERT INTO {table} VALUES ({places})", row)  # noqa: S608


def waiting(
    customers: Sequence[str], now: Instant, alike: Mapping[str, Mapping[str, object]]
) -> Iterator[tuple[str, Sequence[object]]]:
    """(table, row) of all that. `alike`: a row of each table of COPIED, which the others are like."""
    for name, changes in (("deliveries", _deliveries(now)), ("commands", _commands(now))):
        for one in changes:
            yield name, tuple({**alike[name], **one}.values())
    for case in _cases(customers, now):
        yield "cases", case
        yield "object_references", (case[4], case[1], case[2])
    yield "subscribers", ("ledger",)
    for refund in _refunds(customers, now):
        yield "refunds", refund
    for mailbox in _mailboxes(now):
        yield "mailboxes", mailbox


def _first(found: sqlite3.Cursor) -> dict[str, object]:
    return dict(zip((name for name, *_ in found.description), found.fetchone(), strict=True))


def _deliveries(now: Instant) -> Iterator[dict[str, object]]:
    for number in range(QUARANTINED_ROWS + PENDING_ROWS):
        event_type, reason, code = CAUSES[number % len(CAUSES)]
        at = now - (QUARANTINED_ROWS + PENDING_ROWS - number) * MINUTE // 10
        waits = number >= QUARANTINED_ROWS
        yield {
            "id": f"delivery_ff{number:030x}",  # the newest that there are
            "event_id": f"evt_waiting_{number}",
            "event_type": event_type,
            "object": f"invoice:sandbox:in_{number}",
            "occurred_at": at,
            "received_at": at,
            "state": PENDING if waits else QUARANTINED,
            "reason": "provider_unavailable: nobody answers" if waits else reason.format(number),
            "attempts": 8,
            "available_at": at,
            "code": code,
        }


def _commands(now: Instant) -> Iterator[dict[str, object]]:
    for number in range(UNKNOWN_OUTCOMES):
        at = now - (UNKNOWN_OUTCOMES - number) * MINUTE
        yield {
            "key": f"checkout.start:waiting_{number}",
            "id": f"receipt_waiting_{number}",
            "state": "unknown",
            "created_at": at,
            "updated_at": at,
        }


def _cases(customers: Sequence[str], now: Instant) -> Iterator[tuple[object, ...]]:
    for number in range(CASES + UNMATCHED):
        about = f"invoice:sandbox:in_waiting_{number}"
        customer = customers[0] if number < HOT_CASES else customers[number % len(customers)]
        mine = number < CASES
        kind = ("mismatch", "excess", "overreturned")[number % 3] if mine else "unmatched"
        lane = f"customer:{customer}" if mine else f"object:{about}"
        at, amount = now - number * MINUTE, 100 + number % 5_000
        detail = f"paid {amount}, and nobody ordered that"
        yield (
            f"case:{kind}:{about}",
            lane,
            about,
            kind,
            about,
            detail,
            "cus_1",
            amount,
            "USD",
            at,
            "open",
            "",
        )


def _refunds(customers: Sequence[str], now: Instant) -> Iterator[tuple[object, ...]]:
    for number in range(STUCK_REFUNDS):
        provider_id, lane = f"re_waiting_{number}", f"customer:{customers[number % len(customers)]}"
        key, invoice = f"refund:sandbox:{provider_id}", f"in_waiting_{number}"
        yield key, lane, key, "sandbox", provider_id, invoice, "", "failed", "USD", 100 + number, now


def _mailboxes(now: Instant) -> Iterator[tuple[object, ...]]:
    for number in range(STUCK_LANES):
        state = "stuck" if number % 2 else "waiting"
        yield (
            "ledger",
            f"customer:waiting_{number}",
            0,
            1,
            state,
            10,
            now - number * MINUTE,
            "TimeoutError",
            1,
            None,
        )
