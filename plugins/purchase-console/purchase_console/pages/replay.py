"""Replay: what reading kept deliveries again would change; and then reading them."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

from starlette.responses import Response

from purchase_console.going_on import begin
from purchase_console.page import Action, Page
from purchase_console.visit import Visit
from purchase_core.canonical import content_hash
from purchase_core.console import Role
from purchase_core.errors import InvalidArgument
from purchase_core.instants import Instant, instant
from purchase_core.operations.replay import Replayed
from purchase_core.operations.replay_runs import KEPT, Plan
from purchase_core.records.run import Run

SHOWN_MAX = 200
FIELDS = ("connection", "type", "since", "until", "customer")


async def show(visit: Visit) -> Response:
    """What reading these deliveries again would change. Writes nothing."""
    plan = _plan(visit)
    run = visit.billing.replay_runs.start(plan)
    done: list[Replayed] = []
    async for _, some in visit.billing.replay_runs.run(run, dry_run=True):
        done += some
        if len(done) >= SHOWN_MAX:
            break
    fields = {name: visit.field(name, needed=False) for name in FIELDS}
    options = [word for name in FIELDS if fields[name] for word in (f"--{name}", fields[name])]
    return visit.page(
        "replayed.html",
        customer=plan.customer,
        done=done,
        full=len(done) >= SHOWN_MAX,
        command=["replay", *(options or ["--all"])],
        fields=fields,
        plan=content_hash(plan),
        back=f"/customers/of/{quote(plan.customer, safe='')}" if plan.customer else "/runs",
    )


async def read(visit: Visit) -> Response:
    """Read them again, and write what changed."""
    plan = _plan(visit)

    async def start(note: str) -> Run:
        return visit.billing.replay_runs.start(plan, note=note)

    return await begin(visit, visit.deed("replay", content_hash(plan), reasoned=True), start)


PAGE = Page(
    "replay",
    "",
    views=(),
    actions=(Action("", show, Role.REPLAY), Action("/read", read, Role.REPLAY)),
)


def _plan(visit: Visit) -> Plan:
    return Plan(
        KEPT,
        connection=visit.field("connection", needed=False),
        event_type=visit.field("type", needed=False),
        since=_moment(visit, "since"),
        until=_moment(visit, "until"),
        customer=visit.field("customer", needed=False),
    )


def _moment(visit: Visit, name: str) -> Instant | None:
    """A time of the form, which is UTC where it names no zone; None: any. Raises InvalidArgument."""
    written = visit.field(name, needed=False)
    if not written:
        return None
    try:
        found = datetime.fromisoformat(written)
        return instant(found if found.tzinfo else found.replace(tzinfo=UTC))
    except ValueError:
        raise InvalidArgument(f"{name}: not a time", hint="Write 2026-01-31T12:00.") from None
