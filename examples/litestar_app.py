"""Litestar: `uvicorn litestar_app:app` in this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from litestar import Litestar, asgi, get, post
from litestar.params import FromPath
from litestar.types import Receive, Scope, Send
from shop import cart, opening

from purchase_core import Billing


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    async with opening() as billing:
        app.state.billing = billing
        yield


def billing_of(app: Litestar) -> Billing:
    return cast("Billing", app.state.billing)


@asgi("/billing", is_mount=True, copy_scope=True)
async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
    await billing_of(app).asgi()(scope, receive, send)


@post("/buy/{customer:str}")
async def buy(customer: FromPath[str]) -> dict[str, str]:
    checkout = await billing_of(app).checkout.start(**cart(customer))
    return {"url": checkout.url, "session": checkout.session}


@get("/export/{customer:str}")
async def export(customer: FromPath[str]) -> dict[str, bool]:
    rights = await billing_of(app).customers.entitlements(customer)
    return {"may": rights.has("export")}


app = Litestar([endpoint, buy, export], lifespan=[lifespan], logging_config=None)  # logging stays as it is
