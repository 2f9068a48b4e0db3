"""A console for tests: over a shop's billing, spoken to as a browser would."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from html import unescape

import httpx

from purchase_core.billing import Billing
from purchase_core.console import Operator, Role
from purchase_core.identifiers import RandomIds
from purchase_core.ports.provider.pages import Scope
from purchase_core.records.run import Run
from tests.console.scene import in_trouble
from tests.faults.shop import Shop

ORIGIN = "https://admin.example"
ALL = frozenset(Role)


class Desk:
    """A browser at the console. `operator` is who sits there; None is nobody."""

    def __init__(self, client: httpx.AsyncClient, billing: Billing) -> None:
        self.client = client
        self._billing = billing
        self.operator: Operator | None = None

    def auth(self, _scope: Scope) -> Operator | None:
        return self.operator

    async def runs(self) -> Sequence[Run]:
        """What was done, newest first."""
        return await self._billing.store.runs()

    async def get(self, path: str, status: int = 200) -> str:
        answer = await self.client.get(path)
        assert answer.status_code == status, (answer.status_code, answer.text)
        return answer.text

    async def post(
        self, path: str, fields: Mapping[str, str], status: int = 303, *, origin: str | None = ORIGIN
    ) -> httpx.Response:
        answer = await self.send(path, fields, origin=origin)
        assert answer.status_code == status, (answer.status_code, answer.text)
        return answer

    async def send(
        self, path: str, fields: Mapping[str, str], *, origin: str | None = ORIGIN
    ) -> httpx.Response:
        headers = {} if origin is None else {"origin": origin}
        return await self.client.post(path, data=dict(fields), headers=headers)


def form_in(page: str, action: str) -> dict[str, str]:
    """The hidden fields of the form on a page that goes to this path."""
    for found in re.findall(r"<form\b.*?</form>", page, re.DOTALL):
        if f'action="{action}"' in unescape(found):
            return {
                unescape(name): unescape(value)
                for name, value in re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', found)
            }
    message = f"no form that goes to {action}"
    raise AssertionError(message)


@asynccontextmanager
async def desk_of(
    billing: Billing, roles: Iterable[Role] = ALL, *, name: str = "olga", recent: bool = True
) -> AsyncIterator[Desk]:
    """A desk with an operator of these roles at it."""
    async with httpx.AsyncClient(base_url=ORIGIN) as client:
        desk = Desk(client, billing)
        desk.operator = Operator(name, frozenset(roles), recent)
        client._transport = httpx.ASGITransport(billing.console(auth=desk.auth), raise_app_exceptions=False)
        yield desk


@asynccontextmanager
async def troubled() -> AsyncIterator[tuple[Shop, Desk]]:
    """A shop in trouble, and somebody at its console who may do everything."""
    async with Shop(ids=RandomIds()) as shop:
        await in_trouble(shop)
        async with desk_of(shop.billing) as desk:
            yield shop, desk


HERE, WHY = "/customers/of/ana", "/customers/why/ana"


def words(page: str) -> str:
    """What a page says, without its markup."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())
