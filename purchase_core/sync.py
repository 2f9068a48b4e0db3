"""Blocking: the same billing for applications without an event loop, such as Flask and Django.

    billing = BlockingBilling(opening)          # opening() returns Billing.open(...)
    checkout = billing.ask(lambda it: it.checkout.start(customer="user_1", ...))

One thread holds the event loop and the open billing; whoever asks waits for the answer. It opens when it is
first asked, once a process, so that servers which fork after loading the application may do so.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future
from types import TracebackType
from typing import Self, TypeVar

import attrs

from purchase_core.billing import Billing
from purchase_core.errors import UsageError
from purchase_core.opening import Opening
from purchase_core.ports.provider.pages import Message, Scope

T = TypeVar("T")
OPEN_SECONDS_MAX = 60.0


@attrs.frozen
class Answer:
    """What the endpoint answers to one request."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = attrs.field(repr=False)


@attrs.frozen
class _Running:
    """A process's loop, and the billing that is open in it."""

    process: int
    loop: asyncio.AbstractEventLoop
    billing: Billing
    stop: asyncio.Event
    thread: threading.Thread


class BlockingBilling:
    """A billing that threads may ask. `opening` makes what is opened: it is called once a process.

    Safe to use from any number of threads; not from a thread that runs an event loop (there, use Billing).
    """

    def __init__(self, opening: Callable[[], Opening]) -> None:
        self._opening = opening
        self._lock = threading.Lock()
        self._running: _Running | None = None

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(self, wish: Callable[[Billing], Awaitable[T]]) -> T:
        """What an operation comes to, waited for. Raises what it raises, and what opening raises.

        rights = billing.ask(lambda it: it.customers.entitlements("user_1"))
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self.submit(wish).result()
        raise UsageError("this thread runs an event loop", hint="Await Billing there, or `asked`.")

    async def asked(self, wish: Callable[[Billing], Awaitable[T]]) -> T:
        """The same for a coroutine of another event loop, which goes on meanwhile."""
        running = await asyncio.to_thread(self._open)
        return await asyncio.wrap_future(_submit(running, wish))

    def submit(self, wish: Callable[[Billing], Awaitable[T]]) -> Future[T]:
        """The same without waiting."""
        return _submit(self._open(), wish)

    def answer(
        self, method: str, path: str, headers: Iterable[tuple[str, str]], body: bytes, query: str = ""
    ) -> Answer:
        """What `billing.asgi()` answers. `path` begins behind where it is mounted; `body` is as it came."""
        return self.ask(lambda it: respond(it, method, path, headers, body, query))

    def close(self) -> None:
        """Close it, in this process. Asking again opens it again."""
        with self._lock:
            running, self._running = self._running, None
        if running is not None and running.process == os.getpid():
            running.loop.call_soon_threadsafe(running.stop.set)
            running.thread.join(OPEN_SECONDS_MAX)
            atexit.unregister(self.close)

    def _open(self) -> _Running:
        with self._lock:
            if self._running is None or self._running.process != os.getpid():
                ready: Future[_Running] = Future()
                thread = threading.Thread(target=self._serve, args=(ready,), name="purchase", daemon=True)
                thread.start()
                self._running = _opened(ready)
                atexit.register(self.close)
            return self._running

    def _serve(self, ready: Future[_Running]) -> None:
        async def main() -> None:
            try:
                async with self._opening() as billing:
                    if not ready.set_running_or_notify_cancel():
                        return  # nobody waits for it any more
                    stop, loop = asyncio.Event(), asyncio.get_running_loop()
                    ready.set_result(_Running(os.getpid(), loop, billing, stop, threading.current_thread()))
                    await stop.wait()
            except BaseException as error:
                if ready.done():
                    raise
                ready.set_exception(error)

        asyncio.run(main())


def _opened(ready: Future[_Running]) -> _Running:
    """What has opened. What takes too long is closed again, should it open after all."""
    try:
        return ready.result(OPEN_SECONDS_MAX)
    except TimeoutError:
        if ready.cancel():
            raise
        return ready.result()


def _submit(running: _Running, wish: Callable[[Billing], Awaitable[T]]) -> Future[T]:
    async def asked() -> T:
        return await wish(running.billing)

    return asyncio.run_coroutine_threadsafe(asked(), running.loop)


async def respond(
    billing: Billing, method: str, path: str, headers: Iterable[tuple[str, str]], body: bytes, query: str = ""
) -> Answer:
    """One request through the ASGI app."""
    scope: Scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
    }
    told: list[Message] = []
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        told.append(message)

    await billing.asgi()(scope, receive, send)
    start = next(one for one in told if one["type"] == "http.response.start")
    heads = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"])
    return Answer(start["status"], heads, b"".join(one.get("body", b"") for one in told))
