"""The page of imports: it looks at who is who, writes nothing, and has a person decide."""

from __future__ import annotations

from unittest.mock import patch

import pytest

from purchase_console import going_on
from purchase_core.console import Role
from purchase_core.errors import NotFound, PlanInvalid, WrongState
from purchase_core.operations import import_plans
from purchase_core.operations.surveying import CustomerRules
from purchase_core.records.run import FINISHED
from tests.console.desk import desk_of, form_in, words
from tests.importing.before import Before, applied, catalog
from tests.rollout.street import Street, run


def test_who_is_doubtful_is_seen_and_decided_by_somebody_for_a_reason() -> None:
    async def work(street: Street) -> None:
        past = Before(street, "sandbox")
        await past.make(("ana", "eve"))
        async with street.opening(catalog({"sandbox": past.today})) as billing:
            async with desk_of(billing, {Role.VIEW}) as desk:
                assert "/import/plan" not in await desk.get("/import")
            async with desk_of(billing, {Role.VIEW, Role.REPLAY}) as desk:
                assert 'href="/import"' in await desk.get("/runs")
                fields = form_in(await desk.get("/import"), "/import/plan")
                page = (await desk.post("/import/plan", fields, 200)).text
                assert "0 customers to link (none), 0 doubtful, 2 of nobody" in words(page)
                assert "purchase import plan sandbox -o import.json" in words(page)
                assert not street.memory.database.references, "a plan writes nothing"
                await applied(billing, await billing.importing.plan("sandbox", past.map()))
                form = {**form_in(page, "/import/decide"), "reason": "she wrote to us"}
                theirs = {name: {**form, "theirs": past.theirs[name]} for name in ("ana", "eve")}
                for wrong in ({}, {"ours": "ana", "sure": "yes"}, {"ours": "ana", "reason": ""}):
                    await desk.post("/import/decide", {**theirs["ana"], **wrong}, 400)
                await desk.post("/import/decide", {**theirs["ana"], "ours": "ana", "connection": "x"}, 404)
                answer = await desk.post("/import/decide", {**theirs["ana"], "ours": "ana"})
                told = words(await desk.get(answer.headers["location"]))
                assert "Decide import: 1 is ana" in told
                assert (await billing.customers.entitlements("ana")).has("export"), "what waited is theirs"
                nobody = {**theirs["eve"], "key": "run_2", "sure": "yes"}
                answer = await desk.post("/import/decide", nobody)
                assert "1 is nobody" in words(await desk.get(answer.headers["location"]))
                late = {**theirs["ana"], "key": "run_3", "ours": "zoe"}
                assert "is linked to customer" in words((await desk.post("/import/decide", late, 400)).text)
                page = (await desk.post("/import/plan", {**fields, "field": "user_id"}, 200)).text
                assert "Nobody is doubtful" in words(page)
                assert "--field user_id" in words(page)

    run(work, ["sandbox"])


def test_what_a_plan_says_is_done_as_it_was_seen_in_steps_by_whoever_goes_on() -> None:
    async def work(street: Street) -> None:
        past = Before(street, "sandbox")
        await past.make(("ana", "ben", "eve"))
        async with street.opening(catalog({"sandbox": past.today})) as billing:
            for ours in ("ana", "ben"):
                await billing.importing.decide(
                    "sandbox", past.theirs[ours], ours, by="olga", reason="she wrote"
                )
            street.memory.database.references.clear()
            async with desk_of(billing, {Role.VIEW, Role.REPLAY}) as desk:
                fields = form_in(await desk.get("/import"), "/import/plan")
                page = (await desk.post("/import/plan", fields, 200)).text
                assert "2 customers to link" in words(page)
                form = {**form_in(page, "/import/apply"), "reason": "the move"}
                await desk.post("/import/apply", form, 400)
                other = {**form, "sure": "yes", "key": "run_1", "seen": "another"}
                assert "others by now" in words((await desk.post("/import/apply", other, 409)).text)
                assert not street.memory.database.references
                with patch.object(going_on, "PORTIONS_AT_ONCE", 1):
                    answer = await desk.post("/import/apply", {**form, "sure": "yes"})
                    again = await desk.post("/import/apply", {**form, "sure": "yes"})
                    where = answer.headers["location"]
                    shown = await desk.get(where)
                    assert ">running</span>" in shown
                    run_id = where.rpartition("/")[2]
                    assert f"purchase import apply --resume {run_id}" in words(shown)
                    assert again.headers["location"].startswith("/runs?done="), "sent twice, begun once"
                    await desk.post(f"{where}/go-on", form_in(shown, f"{where}/go-on"))
                run, plan = await billing.importing.resumed(run_id)
                assert run.note == "olga: the move"
                async for noted, _ in billing.importing.run(run, plan):
                    run = noted
                assert run.state == FINISHED
                assert run.counts["linked"] == 2
                assert (await billing.customers.entitlements("ana")).has("export")
                assert not (await billing.customers.entitlements("eve")).has("export")
                with pytest.raises(WrongState):
                    await billing.importing.resumed(run_id)

    run(work, ["sandbox"])


def test_a_plan_that_is_too_large_to_be_kept_is_for_a_file() -> None:
    async def work(street: Street) -> None:
        past = Before(street, "sandbox")
        await past.make(("ana",))
        async with street.opening(catalog({"sandbox": past.today})) as billing:
            plan = await billing.importing.plan("sandbox", CustomerRules())
            with (
                patch.object(import_plans, "KEPT_BYTES_MAX", 10),
                pytest.raises(PlanInvalid, match="not kept"),
            ):
                await billing.importing.plans.keep(plan)
            with pytest.raises(NotFound, match="in a file"):
                await billing.importing.plans.get(plan.seal)

    run(work, ["sandbox"])
