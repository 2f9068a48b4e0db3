"""The inbox: what arrived from providers, and how far it got; the body of one for who may reveal it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
from starlette.responses import Response

from purchase_console.page import Action, Page, View
from purchase_console.visit import Visit
from purchase_core.canonical import content_hash
from purchase_core.console import Role
from purchase_core.errors import WrongState
from purchase_core.records.delivery import DELIVERY_STATES, DONE, Delivery

SHOWN_ROWS = 50
SCANNED_ROWS = 1_000  # of one request, where the store has no index of what is meant
BODY_CHARACTERS_MAX = 200_000


class Wanted(NamedTuple):
    """Which deliveries are meant. "" means any."""

    state: str
    connection: str
    event_type: str

    def means(self, delivery: Delivery) -> bool:
        """Whether a delivery is one of them."""
        return (
            self.state in ("", delivery.state)
            and self.connection in ("", delivery.connection)
            and self.event_type in delivery.event_type
        )

    @property
    def indexed(self) -> str:
        """The state by which the store finds them. What is done has no index: nearly all is."""
        return "" if self.state == DONE else self.state


async def show(visit: Visit) -> Response:
    """Deliveries, newest first."""
    state = visit.query("state")
    wanted = Wanted(state if state in DELIVERY_STATES else "", visit.query("connection"), visit.query("type"))
    limit = SHOWN_ROWS if wanted == (wanted.indexed, "", "") else SCANNED_ROWS
    scanned = await visit.billing.webhooks.list(
        state=wanted.indexed, before_id=visit.query("before"), limit=limit
    )
    meant = [one for one in scanned if wanted.means(one)]
    shown = meant[:SHOWN_ROWS]
    full = len(scanned) == limit
    behind = shown[-1].id if len(meant) > SHOWN_ROWS else scanned[-1].id if full else ""
    return visit.page(
        "inbox.html",
        deliveries=shown,
        wanted=wanted,
        states=DELIVERY_STATES,
        connections=sorted(visit.billing.connections),
        behind=behind,
        scanned=len(scanned),
    )


async def one(visit: Visit) -> Response:
    """One delivery, without its body."""
    return await _shown(visit)


async def retry(visit: Visit) -> Response:
    """Have a quarantined delivery tried again, as it was seen."""
    delivery = await visit.billing.webhooks.show(visit.part("id"))
    deed = visit.deed("retry", delivery.id)

    async def work() -> Mapping[str, int]:
        _as_seen(delivery, deed.seen)
        return (await visit.billing.quarantine.retry([delivery], note=deed.by)).counts

    try:
        run = await visit.billing.deeds.once(deed, work)
    except WrongState as error:
        return await _shown(visit, refused=error)
    return visit.go(f"/inbox/{delivery.id}", run)


async def discard(visit: Visit) -> Response:
    """Give a quarantined delivery up, as it was seen, for a reason."""
    delivery = await visit.billing.webhooks.show(visit.part("id"))
    deed = visit.deed("discard", delivery.id, reasoned=True)

    async def work() -> Mapping[str, int]:
        _as_seen(delivery, deed.seen)
        quarantine = visit.billing.quarantine
        return (await quarantine.discard([delivery], by=deed.by, reason=deed.reason)).counts

    try:
        run = await visit.billing.deeds.once(deed, work)
    except WrongState as error:
        return await _shown(visit, refused=error)
    return visit.go(f"/inbox/{delivery.id}", run)


async def reveal(visit: Visit) -> Response:
    """Show the body. That somebody looked is kept before it is shown."""
    delivery = await visit.billing.webhooks.show(visit.part("id"))

    async def work() -> Mapping[str, int]:
        return {"revealed": 1}

    await visit.billing.deeds.once(visit.deed("reveal", delivery.id), work)
    return await _shown(visit, body=body_of(delivery))


async def _shown(visit: Visit, *, body: str | None = None, refused: WrongState | None = None) -> Response:
    delivery = await visit.billing.webhooks.show(visit.part("id"))
    return visit.page(
        "delivery.html",
        409 if refused else 200,
        delivery=delivery,
        version=version_of(delivery),
        body=body,
        refused=refused,
        done=await visit.done(),
    )


def version_of(delivery: Delivery) -> str:
    """What identifies a delivery as it is shown."""
    return content_hash(
        [delivery.state, delivery.reason, delivery.attempts, delivery.fence, delivery.available_at]
    )


def body_of(delivery: Delivery) -> str:
    """A body for reading: laid out where it is JSON, and cut where it is very long."""
    try:
        text = msgspec.json.format(delivery.body, indent=2).decode("utf-8", "replace")
    except msgspec.DecodeError:
        text = delivery.body.decode("utf-8", "replace")
    return text[:BODY_CHARACTERS_MAX]


def _as_seen(delivery: Delivery, seen: str) -> None:
    if version_of(delivery) != seen:
        raise WrongState(
            f"{delivery.id} has changed since it was looked at", hint="It is shown as it is now."
        )


PAGE = Page(
    "inbox",
    "Inbox",
    views=(View("", show), View("/{id}", one)),
    actions=(
        Action("/{id}/retry", retry, Role.REPLAY),
        Action("/{id}/discard", discard, Role.REPLAY),
        Action("/{id}/reveal", reveal, Role.REVEAL),
    ),
    key="i",
)
