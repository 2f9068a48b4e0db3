"""Receipts: what a checkout or a command did, stage by stage, and what followed."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import attrs
from starlette.responses import Response

from purchase_console.lines import Line, line_of
from purchase_console.page import Action, Page, View
from purchase_console.visit import Visit
from purchase_core.console import Role
from purchase_core.errors import InvalidArgument, NotFound, ProviderError, PurchaseError, WrongState
from purchase_core.facts.fact import intent_key
from purchase_core.facts.rows import IntentRow
from purchase_core.instants import Instant
from purchase_core.operations.outcomes import Word
from purchase_core.ports.store import Question
from purchase_core.records.command import CONFIRMED, OPEN_STATES, REFUSED, SENDING, Command
from purchase_core.records.lane import customer_of
from purchase_core.workflows.rollout_log import APPLY

ROWS = 50
HAPPENED, DID_NOT = "happened", "did-not"


@attrs.frozen
class Begun:
    """A checkout, as its line in the list, and its customer."""

    line: Line
    intent: str
    customer: str


async def show(visit: Visit) -> Response:
    """What has not ended, and every checkout in the order in which it was begun."""
    if visit.query("id"):
        return visit.go(f"/receipts/{quote(visit.query('id').strip(), safe='')}")
    billing, after = visit.billing, visit.query("after")
    rows = await billing.store.rows(IntentRow, after_key=after, limit=ROWS)
    return visit.page(
        "receipts.html",
        open=await _open(visit),
        checkouts=[Begun(line_of(row), row.key.split(":", 2)[2], row.customer) for row in rows],
        after=after,
        more=rows[-1].key if len(rows) == ROWS else "",
    )


async def one(visit: Visit) -> Response:
    """One receipt."""
    return await _shown(visit)


async def ask(visit: Visit) -> Response:
    """Ask the provider now what became of a command that nobody knows the outcome of."""
    command = await visit.billing.outcomes.get(visit.part("id"))
    deed = visit.deed("ask", command.id)

    async def work() -> Mapping[str, int]:
        return {"known now" if await visit.billing.outcomes.ask(command.id) else "not known yet": 1}

    try:
        run = await visit.billing.deeds.once(deed, work)
    except WrongState as error:
        return await _shown(visit, refused=error)
    return visit.go(f"/receipts/{quote(command.id, safe='')}", run)


async def decide(visit: Visit) -> Response:
    """Record what somebody has found out: that it happened, as which object, or that it did not."""
    found = visit.field("happened", needed=visit.field("what") == HAPPENED)
    if visit.field("what") not in (HAPPENED, DID_NOT) or (visit.field("what") == HAPPENED) != bool(found):
        raise InvalidArgument("nothing was done", hint="Say what it is there, or that it did not happen.")
    deed = visit.deed("decide-outcome", visit.part("id"), reasoned=True)
    word = Word(found, deed.by, deed.reason, insists=visit.field("insists", needed=False) == "yes")
    try:
        run = await visit.billing.outcomes.decide(deed.about, word, seen=deed.seen, key=deed.key)
    except (WrongState, ProviderError) as error:
        return await _shown(visit, refused=error)
    return visit.go(f"/receipts/{quote(deed.about, safe='')}", run)


async def of_checkout(visit: Visit) -> Response:
    """The receipt of a checkout: of the command that placed it. Raises NotFound."""
    store, key = visit.billing.store, intent_key(visit.part("intent"))
    view = await store.look(Question(objects=(key,)))
    if key in view.references:
        for recorded in await store.facts_about(view.references[key].root):
            if recorded.fact.object == key and await store.command_by_id(recorded.cause):
                return visit.go(f"/receipts/{quote(recorded.cause, safe='')}")
    raise NotFound(f"no receipt of checkout {visit.part('intent')!r}")


PAGE = Page(
    "receipts",
    "Receipts",
    views=(View("", show), View("/of/{intent}", of_checkout), View("/{id}", one)),
    actions=(
        Action("/{id}/ask", ask, Role.REPLAY),
        Action("/{id}/decide", decide, Role.REFUND, money=True),
    ),
    key="r",
)


async def _shown(visit: Visit, *, refused: PurchaseError | None = None) -> Response:
    receipt = await visit.billing.receipts.get(visit.part("id"))
    outcomes, command = visit.billing.outcomes, await visit.billing.store.command_by_id(receipt.id)
    return visit.page(
        "receipt.html",
        409 if refused else 200,
        receipt=receipt,
        tone={CONFIRMED: "good", REFUSED: "bad"}.get(receipt.state, ""),
        open=receipt.state in OPEN_STATES and receipt.kind in outcomes.kinds,
        decidable=command is not None and outcomes.may_be_decided(command),
        by_hand=command is not None and command.is_by_hand,
        goes_on=receipt.kind == APPLY and receipt.state == SENDING,
        refused=refused,
        done=await visit.done(),
    )


async def _open(visit: Visit) -> list[tuple[Command, str]]:
    """Commands that are not known to have ended, oldest first, each with its customer."""
    billing = visit.billing
    now = Instant(billing.clock.now() + 1)
    found = await billing.store.open_commands(billing.outcomes.kinds, before=now, limit=ROWS)
    return [(each, customer_of(each.lane)) for each in found]
