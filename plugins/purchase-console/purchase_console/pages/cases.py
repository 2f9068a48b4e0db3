"""Cases: what is not as it was ordered, what would set it right, and doing it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from starlette.responses import Response

from purchase_console.page import Action, Page, View
from purchase_console.visit import Visit
from purchase_core.console import Role
from purchase_core.errors import InvalidArgument, NotFound, PurchaseError, WrongState
from purchase_core.facts.rows import CASE_STATUSES
from purchase_core.workflows.remedies import ADVICE

SHOWN_ROWS = 50


async def show(visit: Visit) -> Response:
    """Cases, by their keys."""
    kind, status = visit.query("kind"), visit.query("status") or "open"
    found = await visit.billing.cases.list(
        kind=kind if kind in ADVICE else "",
        customer=visit.query("customer"),
        status=status if status in CASE_STATUSES else "open",
        after=visit.query("after"),
        limit=SHOWN_ROWS,
    )
    return visit.page(
        "cases.html",
        cases=found,
        kind=kind,
        kinds=sorted(ADVICE),
        status=status,
        advice=ADVICE,
        behind=found[-1].key if len(found) == SHOWN_ROWS else "",
        done=await visit.done(),
    )


async def one(visit: Visit) -> Response:
    """One case, and what can be done about it."""
    return await _shown(visit, visit.query("case"))


async def settle(visit: Visit) -> Response:
    """Take the steps that were seen."""
    case = visit.field("case")
    deed = visit.deed("settle-case", case, reasoned=True)
    if visit.field("sure") != "yes":
        raise InvalidArgument("nothing was done", hint="Tick that it is meant: money goes back.")

    async def work() -> Mapping[str, int]:
        done = await visit.billing.cases.settle(case, seen=deed.seen)
        return Counter(one.state if not one.error else "failed" for one in done.taken)

    try:
        run = await visit.billing.deeds.once(deed, work)
    except (NotFound, WrongState) as error:
        return await _shown(visit, case, refused=error)
    return visit.go("/cases", run)


async def resolve(visit: Visit) -> Response:
    """Say that it is right as it is."""
    case = visit.field("case")
    deed = visit.deed("resolve-case", case, reasoned=True)

    async def work() -> Mapping[str, int]:
        await visit.billing.cases.resolve(case, reason=deed.reason, by=deed.by, seen=deed.seen)
        return {"resolved": 1}

    try:
        run = await visit.billing.deeds.once(deed, work)
    except (NotFound, WrongState) as error:
        return await _shown(visit, case, refused=error)
    return visit.go("/cases", run)


async def _shown(visit: Visit, case: str, *, refused: PurchaseError | None = None) -> Response:
    try:
        told = await visit.billing.cases.explain(case)
    except NotFound:
        if refused is None:
            raise
        return visit.page("gone.html", 409, case=case, refused=refused)
    return visit.page(
        "case.html", 409 if refused else 200, told=told, refused=refused, done=await visit.done()
    )


PAGE = Page(
    "cases",
    "Cases",
    views=(View("", show), View("/case", one)),
    actions=(
        Action("/settle", settle, Role.REFUND, money=True),
        Action("/resolve", resolve, Role.REFUND),
    ),
    key="s",
)
