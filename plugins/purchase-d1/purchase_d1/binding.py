"""Over the binding of a Python Worker: `D1Store(BindingTransport(env.DB))`.

Runs in Pyodide, where there are no threads. Only text goes in, and results come out as JSON, so that no value
is a JavaScript object on its way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from purchase_d1.transport import Answer, Transport, Unanswered
from purchase_d1.troubles import failure
from purchase_sql.wire import Sent

TIMEOUT_SECONDS = 30.0


class Binding(Protocol):
    """What a Worker's environment holds for a D1 database: an object of JavaScript."""

    def prepare(self, text: str) -> Any:
        """A statement, to be bound."""
        ...

    async def batch(self, statements: Any) -> Any:
        """Run statements in one transaction."""
        ...


class BindingTransport(Transport):
    """A D1 database that is bound to this Worker."""

    atomic = True  # "Batched statements are SQL transactions" (D1 Database, Workers binding API)

    def __init__(self, database: Binding, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._database = database
        self._seconds = timeout_seconds
        self._closed = False

    async def batch(self, statements: Sequence[Sent]) -> Answer:
        """Run statements in one transaction, and return the rows of each."""
        import js  # noqa: PLC0415  # of Pyodide
        from pyodide.ffi import JsException  # noqa: PLC0415

        if self._closed:
            raise Unanswered("the store is closed", maybe_written=False, hint="", lasting=True)
        prepared = js.Array.new()
        for text, values in statements:
            statement = self._database.prepare(text)
            prepared.push(statement.bind(*values) if values else statement)
        try:
            async with asyncio.timeout(self._seconds):
                results = await self._database.batch(prepared)
        except TimeoutError:
            raise Unanswered("D1 did not answer in time", maybe_written=True) from None
        except JsException as error:
            raise failure(str(error)) from None
        found = [one["results"] for one in msgspec.json.decode(js.JSON.stringify(results))]
        return [[list(row.values()) for row in rows] for rows in found]

    async def aclose(self) -> None:
        """Nothing is open; but nothing more is sent."""
        self._closed = True
