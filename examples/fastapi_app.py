"""FastAPI: `uvicorn fastapi_app:app` in this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from shop import cart, opening


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with opening() as billing:
        app.state.billing = billing
        app.mount("/billing", billing.asgi())
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/buy/{customer}")
async def buy(customer: str) -> dict[str, str]:
    checkout = await app.state.billing.checkout.start(**cart(customer))
    return {"url": checkout.url, "session": checkout.session}


@app.get("/export/{customer}")
async def export(customer: str) -> dict[str, bool]:
    rights = await app.state.billing.customers.entitlements(customer)
    return {"may": rights.has("export")}
