"""Who is let in, what they may do, and what a browser is told: nobody and nothing, unless it was said."""

from __future__ import annotations

import re
from collections.abc import Sequence

import httpx
import pytest

from purchase_console.app import Console
from purchase_console.forms import FORM_BYTES_MAX
from purchase_console.login import Login
from purchase_console.page import Action, View
from purchase_console.pages import PAGES
from purchase_core import console
from purchase_core.console import Operator, Role
from purchase_core.errors import InvalidArgument, PluginMissing
from purchase_core.ports.provider.pages import Scope
from tests.console.desk import ORIGIN, Desk, desk_of, form_in, troubled
from tests.console.scene import HOSTILE, PERSON
from tests.faults.shop import Shop, run

QUARANTINED = "/inbox/delivery_0000000000000000000000000000008f"
ROUTES: list[tuple[str, View | Action]] = []
for _page in PAGES:
    ROUTES += [(_page.path + one.path or "/", one) for one in _page.views]
    ROUTES += [(_page.path + one.path or "/", one) for one in _page.actions]
SECRETS_OF_THE_CONSOLE = ("Inbox", "invoice", "ana")


def filled(path: str) -> str:
    return re.sub(r"\{.*?\}", "delivery_0000000000000000000000000000008f", path)


def test_t09_every_route_refuses_whoever_lacks_its_role() -> None:
    async def work() -> None:
        async with troubled() as (_, desk):
            for path, one in ROUTES:
                ask = desk.client.post if isinstance(one, Action) else desk.client.get
                others = [set(), *({Role.VIEW, role} - {one.role} for role in Role), set(Role) - {Role.VIEW}]
                for roles in [None, *others]:
                    desk.operator = None if roles is None else Operator("olga", frozenset(roles))
                    answer = await ask(filled(path), headers={"origin": ORIGIN})
                    expected = 401 if roles is None else 403
                    assert answer.status_code == expected, (path, roles)
                    assert "invoice" not in answer.text
            assert await desk.runs() == []

    run(work)


def test_t09_whoever_was_not_let_in_is_told_nothing() -> None:
    async def work() -> None:
        async with troubled() as (_, desk):
            desk.operator = None
            for path in ("/", "/inbox", "/nowhere", "/cases/case?case=case:excess:invoice:sandbox:in_1"):
                page = (await desk.client.get(path)).text
                assert not [one for one in SECRETS_OF_THE_CONSOLE if one in page], path

    run(work)


def test_t09_whoever_asks_is_asked_about_each_time_and_a_failing_hook_lets_nobody_in() -> None:
    async def work() -> None:
        asked: list[str] = []

        async def auth(scope: Scope) -> Operator | None:
            asked.append(scope["path"])
            raise RuntimeError("the directory of " + PERSON)

        async with Shop() as shop:
            transport = httpx.ASGITransport(shop.billing.console(auth=auth), raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
                for path in ("/", "/inbox"):
                    answer = await client.get(path)
                    assert answer.status_code == 500
                    assert "Inbox" not in answer.text
                    assert PERSON not in answer.text
        assert asked == ["/", "/inbox"]

    run(work)


@pytest.mark.parametrize(
    ("origin", "token", "cookie"),
    [
        ("https://evil.example", "right", True),
        ("null", "right", True),
        (None, "right", True),
        ("http://admin.example", "right", True),
        ("https://admin.example.evil.example", "right", True),
        (ORIGIN, "", True),
        (ORIGIN, "wrong" * 10, True),
        (ORIGIN, "right", False),
    ],
)
def test_t09_a_form_is_taken_from_the_console_alone(origin: str | None, token: str, cookie: bool) -> None:
    async def work() -> None:
        async with troubled() as (shop, desk):
            path = f"{QUARANTINED}/retry"
            form = form_in(await desk.get(QUARANTINED), path)
            if token != "right":
                form["token"] = token
            if not cookie:
                desk.client.cookies.clear()
            await desk.post(path, form, 403, origin=origin)
            assert (await shop.billing.webhooks.show(QUARANTINED[7:])).state == "quarantined"
            assert await desk.runs() == []

    run(work)


def test_t09_the_policy_lets_nothing_run_but_the_consoles_own_files() -> None:
    async def work() -> None:
        async with troubled() as (_, desk):
            for path in ("/", "/inbox", "/nowhere", QUARANTINED):
                answer = await desk.client.get(path)
                policy = answer.headers["content-security-policy"]
                assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
                assert "unsafe" not in policy
                assert "frame-ancestors 'none'" in policy
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert answer.headers["cache-control"] == "no-store"
                assert not re.search(
                    r"<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=\"|<style|javascript:", answer.text
                )
                assert not re.search(r"(src|href)=\"(https?:)?//", answer.text)
            kept = answer.headers["set-cookie"].lower()
            assert "httponly" in kept
            assert "samesite=lax" in kept
            assert "secure" in kept

    run(work)


def test_t09_what_others_wrote_is_text_on_every_page() -> None:
    async def work() -> None:
        async with troubled() as (_, desk):
            for path in (
                "/",
                "/now",
                "/inbox",
                "/quarantine",
                "/inbox/delivery_000000000000000000000000000000a1",
            ):
                page = await desk.get(path)
                assert "onerror" in page, path
                assert "<img" not in page
                assert "<script>" not in page
                assert "1337" not in page, "it was taken for a template"
            for path in (
                "/cases/case?case=" + HOSTILE,
                f"/inbox?type={HOSTILE}",
                f"/cases?customer={HOSTILE}",
            ):
                answer = await desk.client.get(path)
                assert "<script>" not in answer.text
                assert "<img" not in answer.text

    run(work)


def test_t09_a_body_is_shown_to_whoever_may_reveal_it_and_that_is_kept() -> None:
    async def work() -> None:
        async with troubled() as (_, desk):
            path = f"{QUARANTINED}/reveal"
            for looked_at in ("/", "/inbox", QUARANTINED):
                assert PERSON not in await desk.get(looked_at)
            shown = (await desk.post(path, form_in(await desk.get(QUARANTINED), path), 200)).text
            assert PERSON in shown
            assert "<script>" not in shown
            (kept,) = await desk.runs()
            assert (kept.kind, kept.scope, kept.counts) == (
                "by-hand-reveal",
                QUARANTINED[7:],
                {"revealed": 1},
            )
            assert kept.note.startswith("olga (saw ")
            desk.operator = Operator("victor", frozenset({Role.VIEW}))
            assert "Show the body" not in await desk.get(QUARANTINED)

    run(work)


@pytest.mark.parametrize(
    "path",
    [
        "/inbox?before=" + "x" * 300, "/inbox?type=%00", "/cases?kind=" + "k" * 300, "/cases?after=%00",
        "/inbox/" + "d" * 300, "/?done=" + "r" * 300,
    ],
)  # fmt: skip
def test_t09_parameters_without_bounds_are_refused(path: str) -> None:
    async def work() -> None:
        async with Shop() as shop, desk_of(shop.billing) as desk:
            if path.startswith("/?"):
                await desk.get("/quarantine" + path[1:], 400)
            else:
                await desk.get(path, 400)

    run(work)


def test_t09_forms_without_bounds_are_refused() -> None:
    async def work() -> None:
        async with troubled() as (_, desk):
            path = f"{QUARANTINED}/retry"
            form = form_in(await desk.get(QUARANTINED), path)
            await desk.post(path, {**form, "more": "x" * FORM_BYTES_MAX}, 413)
            await desk.post(path, {**form, **{f"f{number}": "" for number in range(60)}}, 400)
            assert await desk.runs() == []

    run(work)


def test_t09_money_moves_for_nobody_who_signed_in_long_ago() -> None:
    async def work() -> None:
        async with Shop() as shop, desk_of(shop.billing, recent=False) as desk:
            token = form_token(await desk.get("/inbox"), desk)
            answer = await desk.post("/cases/settle", {"token": token}, 403)
            assert "sign in again" in answer.text

    run(work)


def form_token(_page: str, desk: Desk) -> str:
    return desk.client.cookies["purchase_console"]


def test_t09_an_operator_has_a_name_and_no_role_that_was_not_given() -> None:
    assert Operator("olga", frozenset()).roles == frozenset()
    for name in ("", " olga", "ol\nga", "\x00"):
        with pytest.raises(InvalidArgument):
            Operator(name, frozenset({Role.VIEW}))
    with pytest.raises(ValueError, match="admin"):
        Operator("olga", ["admin"])


def test_without_its_distribution_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "PACKAGE", "purchase_console_that_is_not_there")
    with pytest.raises(PluginMissing, match="the console is not installed") as found:
        console.open_console(object(), auth=lambda _: None)
    assert "purchase-core[console]" in found.value.hint


# --- the login of `purchase serve` -----------------------------------------------------------------


def test_t09_a_login_lets_one_browser_in_once_and_answers_to_this_machine_alone() -> None:
    async def work() -> None:
        async with Shop() as shop:
            login = Login(Operator("olga", frozenset(Role)))
            app = login.around(Console(shop.billing, auth=login), "127.0.0.1:8765")
            transport = httpx.ASGITransport(app)
            at: Sequence[httpx.AsyncClient] = [
                httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8765") for _ in range(2)
            ]
            olga, other = at
            assert (await olga.get("/")).status_code == 401
            for wrong in ("/login", "/login?token=", "/login?token=x"):
                assert (await olga.get(wrong)).status_code == 401
            path = login.path
            entered = await olga.get(path)
            assert (entered.status_code, entered.headers["location"]) == (303, "/")
            assert "samesite=strict" in entered.headers["set-cookie"].lower()
            assert (await olga.get("/")).status_code == 200
            assert (await other.get(path)).status_code == 401
            assert (await other.get("/")).status_code == 401
            assert login.path == ""
            rebound = await olga.get("/", headers={"host": "evil.example:8765"})
            assert rebound.status_code == 421

    run(work)
