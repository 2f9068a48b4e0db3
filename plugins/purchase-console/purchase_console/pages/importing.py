"""Import: who the customers of before are, who is doubtful, and deciding that one by one."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from starlette.responses import Response

from purchase_console.going_on import begin
from purchase_console.page import Action, Page, View
from purchase_console.visit import Visit
from purchase_core.console import Role
from purchase_core.errors import InvalidArgument, NotFound, WrongState
from purchase_core.importing.plan import ImportPlan, summary
from purchase_core.operations.surveying import CustomerRules
from purchase_core.records.run import Run

SHOWN_MAX = 200


async def show(visit: Visit) -> Response:
    """Where an import could be from."""
    return visit.page(
        "importing.html", connections=sorted(visit.billing.connections), done=await visit.done()
    )


async def plan(visit: Visit) -> Response:
    """What an import of a connection would do. Looks at every customer there, and writes nothing."""
    return _shown(visit, await _planned(visit))


async def apply(visit: Visit) -> Response:
    """Do what the plan says that was seen, and read all that was sold: some of it, and then on."""
    found = await _planned(visit)
    deed = visit.deed("import", found.account.connection, reasoned=True)
    if visit.field("sure", needed=False) != "yes":
        raise InvalidArgument("nothing was done", hint="Tick that it is meant: a link is never taken back.")

    async def start(note: str) -> Run:
        if deed.seen != found.version:
            raise WrongState("the customers there are others by now", hint="Look again.")
        await visit.billing.importing.plans.keep(found)
        return await visit.billing.importing.begin(found, note=note)

    try:
        return await begin(visit, deed, start)
    except WrongState as error:
        return _shown(visit, found, error)


async def _planned(visit: Visit) -> ImportPlan:
    field = visit.field("field", needed=False)
    return await visit.billing.importing.plan(visit.field("connection"), CustomerRules(field=field))


def _shown(visit: Visit, found: ImportPlan, refused: WrongState | None = None) -> Response:
    connection, field = found.account.connection, visit.field("field", needed=False)
    doubtful = [*found.doubts, *found.nobodys]
    options = ["--field", field] if field else []
    return visit.page(
        "imported.html",
        409 if refused else 200,
        connection=connection,
        field=field,
        refused=refused,
        plan=found,
        summary=summary(found),
        doubtful=doubtful[:SHOWN_MAX],
        more=max(0, len(doubtful) - SHOWN_MAX),
        command=["import", "plan", connection, *options, "-o", "import.json"],
    )


async def decide(visit: Visit) -> Response:
    """Say whose a customer at the provider is; with nobody named, that it is nobody of ours."""
    connection, theirs = visit.field("connection"), visit.field("theirs")
    ours, nobody = visit.field("ours", needed=False), visit.field("sure", needed=False) == "yes"
    if connection not in visit.billing.connections:
        raise NotFound(f"no connection {connection!r}")
    if bool(ours) == nobody:
        raise InvalidArgument("nothing was decided", hint="Name your customer, or tick that it is nobody.")
    deed = visit.deed("decide-import", f"{connection} {theirs}", reasoned=True)

    async def work() -> Mapping[str, int]:
        await visit.billing.importing.decide(connection, theirs, ours, by=deed.by, reason=deed.reason)
        return {f"is {ours}" if ours else "is nobody": 1}

    run = await visit.billing.deeds.once(deed, work)
    return visit.go(f"/customers/of/{quote(ours, safe='')}" if ours else "/import", run)


PAGE = Page(
    "import",
    "",
    views=(View("", show),),
    actions=(
        Action("/plan", plan, Role.REPLAY),
        Action("/apply", apply, Role.REPLAY),
        Action("/decide", decide, Role.REPLAY),
    ),
)
