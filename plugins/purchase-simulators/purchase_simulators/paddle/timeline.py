"""What time brings: trials end, subscriptions renew, payments are tried again, refunds are approved."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias, cast

from purchase_core.instants import Instant

from . import adjustments, renewing, subscriptions
from .book import Book
from .shapes import Document
from .stamps import read as read_instant

HAPPENINGS_MAX = 100_000
Happening: TypeAlias = tuple[Instant, str, Callable[[], object]]


def catch_up(book: Book) -> None:
    """Let everything happen that is due by now, each at its own time, in order."""
    now = book.clock.now()
    for _ in range(HAPPENINGS_MAX):
        waiting = [one for one in _due(book) if one[0] <= now]
        if not waiting:
            return
        at, _, happen = min(waiting, key=lambda one: one[:2])
        with book.at(at):
            happen()


def _due(book: Book) -> list[Happening]:
    found: list[Happening] = [
        (at, one, partial(adjustments.decide, book, one, approved=True)) for at, one in adjustments.due(book)
    ]
    for document in book.rows("sub"):
        found += _of_subscription(book, document)
    return found


def _of_subscription(book: Book, document: Document) -> list[Happening]:
    identifier, status, change = document["id"], document["status"], document["scheduled_change"]
    if status == "canceled":
        return []
    if change is not None:
        at = read_instant("effective_at", change["effective_at"])
        return [(at, identifier, partial(_change, book, document))]
    if status == "past_due":
        retries = cast("list[Instant]", book.note(identifier).get("retries", []))
        return [(retries[0], identifier, partial(renewing.retry, book, document))] if retries else []
    if status in ("active", "trialing"):
        at = read_instant("next_billed_at", document["next_billed_at"])
        return [(at, identifier, partial(renewing.renew, book, document))]
    return []


def _change(book: Book, document: Document) -> None:
    """A scheduled change comes true."""
    change = document["scheduled_change"]
    match change["action"]:
        case "cancel":
            subscriptions.end(book, document)
        case "pause":
            subscriptions.stop(book, document, change["resume_at"])
        case _:
            renewing.go_on(book, document)
