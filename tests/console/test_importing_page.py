"""The page of imports: it looks at who is who, writes nothing, and has a person decide."""

from __future__ import annotations

from purchase_core.console import Role
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
