"""Import: who the customers of before are, who is doubtful, and deciding that one by one."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from starlette.responses import Response

from purchase_console.page import Action, Page, View
from purchase_console.visit import Visit
from purchase_core.console import Role
from purchase_core.errors import InvalidArgument, NotFound
from purchase_core.importing.plan import summary
from purchase_core.operations.surveying import CustomerRules

SHOWN_MAX = 200


async def show(visit: Visit) -> Response:
    """Where an import could be from."""
    return visit.page(
        "importing.html", connections=sorted(visit.billing.connections), done=await visit.done()
    )


async def plan(visit: Visit) -> Response:
    """What an import of a connection would do. Looks at every customer there, and writes nothing."""
    connection, field = visit.field("connection"), visit.field("field", needed=False)
    found = await visit.billing.importing.plan(connection, CustomerRules(field=field))
    doubtful = [*found.doubts, *found.nobodys]
    options = ["--field", field] if field else []
    return visit.page(
        "imported.html",
        connection=connection,
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
    actions=(Action("/plan", plan, Role.REPLAY), Action("/decide", decide, Role.REPLAY)),
)
