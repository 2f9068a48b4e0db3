"""The README's code runs as it stands there, on real parts."""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from starlette.applications import Starlette

from purchase_core import Billing
from purchase_core.access.rights import Rights
from purchase_core.inbox.inbox import DeliveryReceipt
from purchase_core.reads.customers import Snapshot
from purchase_core.secret import Secret
from purchase_core.workflows.checkout import Checkout
from purchase_sandbox.account import making
from purchase_sandbox.account.account import Account
from purchase_sandbox.account.cards import GOOD_CARD
from purchase_sandbox.account.requests import MakeCustomer
from purchase_sandbox.demo.catalog import CATALOG
from purchase_sandbox.sandbox import Sandbox
from purchase_sandbox.server.running import SandboxServer
from purchase_sandbox.signature import FORM

ROOT = Path(__file__).parents[1]
FENCED = re.compile(r"```.*?```", re.DOTALL)
PAGES = ("*.md", "docs/**/*.md", "plugins/*/*.md", "contract_tests/*.md")
PICTURE_BYTES_MAX = 80_000
API_KEY, WEBHOOK_SECRET = "sk_readme_0123456789abcdef", "whsec_readme_0123456789abcdefghijkl"


def blocks(language: str) -> list[str]:
    """The README's code blocks in a language."""
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def test_the_two_commands_come_first() -> None:
    first = re.findall(r"```\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[0]
    commands = [line.split("#")[0].split() for line in first.splitlines()]
    assert ["python", "dev.py", "demo"] in commands
    assert ["python", "dev.py", "test"] in commands


def test_its_picture_is_a_small_one() -> None:
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text())
    content = (ROOT / picture).read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) < PICTURE_BYTES_MAX


def test_every_link_in_our_documents_leads_somewhere() -> None:
    pages = [page for pattern in PAGES for page in ROOT.glob(pattern)]
    assert len(pages) > len(PAGES)
    for page in pages:
        prose = FENCED.sub("", page.read_text())
        for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", prose):
            path, _, heading = link.partition("#")
            target = page.parent / path if path else page
            assert target.exists(), f"{page.relative_to(ROOT)} links to {link}"
            if heading:
                headings = re.findall(r"^#+ (.+)$", FENCED.sub("", target.read_text()), re.MULTILINE)
                assert heading in map(slug, headings), f"{page.relative_to(ROOT)} links to {link}"


def slug(heading: str) -> str:
    """What a heading is linked to by."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w -]", "", words).replace(" ", "-")


class Names(dict[str, object]):
    """The names that the ten lines use. A webhook is there once the checkout is: its customer pays first."""

    def __init__(self, account: Account) -> None:
        super().__init__()
        self.account = account

    def __missing__(self, name: str) -> object:
        if name == "raw_bytes":
            self.account.pay(cast("Checkout", self["checkout"]).session, GOOD_CARD)
            return self.told("subscription.created")
        if name == "headers":
            body = cast("bytes", self.told("subscription.created"))
            at = self.account.clock.now()
            return FORM.headers(body, at=at, secrets=(Secret(WEBHOOK_SECRET),))
        raise KeyError(name)

    def told(self, type_: str) -> object:
        """The body of the event of this type."""
        return next(event.body for event in self.account.book.events if event.type == type_)


def test_the_ten_lines_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SANDBOX_API_KEY", API_KEY)
    monkeypatch.setenv("SANDBOX_WEBHOOK_SECRET", WEBHOOK_SECRET)
    names = asyncio.run(sell(blocks("python")[0], tmp_path / "purchase.toml"))
    checkout, receipt = cast("Checkout", names["checkout"]), cast("DeliveryReceipt", names["receipt"])
    snapshot, rights = cast("Snapshot", names["snapshot"]), cast("Rights", names["rights"])
    assert (checkout.offer, checkout.connection) == ("app:pro_monthly", "sandbox")
    assert (receipt.event_type, receipt.status) == ("subscription.created", "done")
    assert [(row.status, row.bound) for row in snapshot.subscriptions] == [("trialing", True)]
    assert rights.has("export")
    assert rights.limit("api_calls") == 100_000
    assert (tmp_path / "purchase.db").exists()


async def sell(source: str, config: Path) -> Names:
    """Run the ten lines against a sandbox, whose address the configuration has to name."""
    sandbox = Sandbox()
    account = sandbox.open_account(api_keys=(Secret(API_KEY),))
    async with SandboxServer(sandbox, deliver=False) as server:
        address = f'plugin = "sandbox"\nbase_url = "{server.url}"'
        config.write_text(blocks("toml")[0].replace('plugin = "sandbox"', address))
        names = Names(account)
        code = compile(source, "README.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        await cast("Coroutine[Any, Any, None]", eval(code, {}, names))  # noqa: S307  # our own README
    return names


def test_the_lines_for_a_framework_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SANDBOX_API_KEY", API_KEY)
    monkeypatch.setenv("SANDBOX_WEBHOOK_SECRET", WEBHOOK_SECRET)
    (tmp_path / "purchase.toml").write_text(blocks("toml")[0])
    names: dict[str, Any] = {
        "Billing": Billing,
        "asynccontextmanager": asynccontextmanager,
        "catalog": CATALOG,
    }
    exec(compile(blocks("python")[1], "README.md", "exec"), names)  # noqa: S102  # our own README
    assert asyncio.run(deliver(Starlette(lifespan=names["lifespan"]))) == [200, 400]


async def deliver(app: Starlette) -> list[int]:
    """How the application answers a webhook that was signed, and one that was not."""
    account = Sandbox().open_account()
    making.make_customer(account.book, MakeCustomer())
    body = account.book.events[0].body
    signed = FORM.headers(body, at=account.clock.now(), secrets=(Secret(WEBHOOK_SECRET),))
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport) as provider:
        url = "http://shop.example/billing/webhooks/sandbox"
        return [
            (await provider.post(url, content=body, headers=list(headers))).status_code
            for headers in (signed, ())
        ]
