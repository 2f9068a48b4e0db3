"""Every example starts, sells something, and takes the raw bytes of webhooks at both slash forms."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import httpx
import pytest

from purchase_core.instants import SystemClock
from purchase_core.ports.provider.pages import AsgiApp, Message
from purchase_core.testing.clocks import ManualClock
from purchase_sandbox.testing import API_KEY, WEBHOOK_SECRET, SandboxHarness

EXAMPLES = Path(__file__).parents[2] / "examples"
HOST = "http://shop.example"
ASGI, WSGI = "asgi", "wsgi"
APPS = {
    "fastapi": ("fastapi_app", "app", ASGI, ""),
    "starlette": ("starlette_app", "app", ASGI, ""),
    "litestar": ("litestar_app", "app", ASGI, ""),
    "flask": ("flask_app", "app", WSGI, ""),
    "django": ("django_app", "application", WSGI, ""),
    "django-asgi": ("django_app", "asgi_application", ASGI, "/async"),
}
Call: TypeAlias = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
def examples(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[str], ModuleType]]:
    """Imports an example as its own folder would; forgets it afterwards."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setenv("SHOP_DATABASE", str(tmp_path / "shop.db"))
    monkeypatch.setenv("SANDBOX_API_KEY", API_KEY.reveal())
    monkeypatch.setenv("SANDBOX_WEBHOOK_SECRET", WEBHOOK_SECRET.reveal())
    found: list[ModuleType] = []

    def load(name: str) -> ModuleType:
        found.append(importlib.import_module(name))
        return found[-1]

    yield load
    for module in found:
        billing = getattr(module, "billing", None)
        if billing is not None:
            billing.close()
    for name in ("shop", *(one.__name__ for one in found if one.__name__ != "django_app")):
        sys.modules.pop(name, None)


@asynccontextmanager
async def living(app: AsgiApp) -> AsyncIterator[None]:
    """What a server does around an application: start it, and end it."""
    inbox: asyncio.Queue[Message] = asyncio.Queue()
    told: asyncio.Queue[Message] = asyncio.Queue()
    scope: dict[str, Any] = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    task = asyncio.create_task(_run(app(scope, inbox.get, told.put)))
    await inbox.put({"type": "lifespan.startup"})
    assert (await told.get())["type"] == "lifespan.startup.complete"
    yield
    await inbox.put({"type": "lifespan.shutdown"})
    await task


async def _run(awaitable: Awaitable[None]) -> None:
    await awaitable


@asynccontextmanager
async def caller(module: ModuleType, attribute: str, kind: str) -> AsyncIterator[Call]:
    """Requests to an example, through all of its framework."""
    app: Any = getattr(module, attribute)
    async with AsyncExitStack() as stack:
        if kind == ASGI:
            if attribute == "app":
                await stack.enter_async_context(living(app))
            client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOST)
            yield (await stack.enter_async_context(client)).request
            return
        blocking = stack.enter_context(httpx.Client(transport=httpx.WSGITransport(app), base_url=HOST))

        async def call(*arguments: Any, **options: Any) -> httpx.Response:
            return await asyncio.to_thread(blocking.request, *arguments, **options)

        yield call


@pytest.mark.parametrize("name", APPS)
def test_an_example_sells_and_takes_webhooks_at_both_slash_forms(
    examples: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    module, attribute, kind, mounted = APPS[name]

    async def scene() -> None:
        clock = ManualClock(SystemClock().now())
        async with SandboxHarness(clock, loopback=True) as sandbox:
            monkeypatch.setenv("SANDBOX_URL", sandbox.url)
            async with caller(examples(module), attribute, kind) as call:
                assert (await call("GET", "/export/ana")).json() == {"may": False}
                bought: Mapping[str, str] = (await call("POST", "/buy/ana")).json()
                await sandbox.pay(bought["session"])
                webhooks = sandbox.webhooks()
                assert len(webhooks) >= 2
                for number, one in enumerate(webhooks):
                    where = f"{mounted}/billing/webhooks/sandbox" + ("/" if number % 2 else "")
                    answer = await call("POST", where, content=one.body, headers=dict(one.headers))
                    assert (answer.status_code, answer.json()["status"]) in {(200, "done"), (200, "ignored")}
                assert (await call("GET", "/export/ana")).json() == {"may": True}
                first, where = webhooks[0], f"{mounted}/billing/webhooks/sandbox"
                altered = await call("POST", where, content=first.body + b" ", headers=dict(first.headers))
                assert (altered.status_code, altered.json()["error"]["code"]) == (400, "signature_invalid")
                for path in (where, f"{where}/"):
                    assert (await call("POST", path, content=b"{}")).status_code == 400
                    assert (await call("GET", path)).status_code == 405

    asyncio.run(scene())
