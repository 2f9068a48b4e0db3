"""Starlette: `uvicorn starlette_app:app` in this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shop import cart, opening
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with opening() as billing:
        app.state.billing = billing
        app.mount("/billing", billing.asgi())
        yield


async def buy(request: Request) -> JSONResponse:
    checkout = await request.app.state.billing.checkout.start(**cart(request.path_params["customer"]))
    return JSONResponse({"url": checkout.url, "session": checkout.session})


async def export(request: Request) -> JSONResponse:
    rights = await request.app.state.billing.customers.entitlements(request.path_params["customer"])
    return JSONResponse({"may": rights.has("export")})


app = Starlette(
    routes=[Route("/buy/{customer}", buy, methods=["POST"]), Route("/export/{customer}", export)],
    lifespan=lifespan,
)
