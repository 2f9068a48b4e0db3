"""The blocking facade: threads ask, one loop answers, and each process has its own."""

from __future__ import annotations

import asyncio
import os
import re
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from purchase_core import sync
from purchase_core.errors import ConfigurationError, NotFound, UsageError
from purchase_core.sync import BlockingBilling
from tests.workflows.market import Market


def billing_of(market: Market) -> BlockingBilling:
    return BlockingBilling(market.opening)


def start(billing: BlockingBilling, key: str) -> Any:
    return billing.ask(
        lambda it: it.checkout.start(
            customer="ana", offer="app:pro", success_url="https://shop.example/yes",
            cancel_url="https://shop.example/no", idempotency_key=key,
        )
    )  # fmt: skip


def test_many_threads_ask_one_billing_and_each_gets_its_own_answer() -> None:
    market = Market()
    with billing_of(market) as billing, ThreadPoolExecutor(8) as pool:
        checkouts = list(pool.map(lambda number: start(billing, f"cart-{number % 4}"), range(32)))
    assert len({one.id for one in checkouts}) == 4
    assert len(market.memory.database.commands) == 4


def test_what_an_operation_raises_is_raised_and_the_next_one_goes_on() -> None:
    with billing_of(Market()) as billing:
        with pytest.raises(NotFound):
            billing.ask(lambda it: it.receipts.get("receipt_1"))
        assert start(billing, "cart-1").connection == "stripe"


def test_it_opens_when_it_is_asked_and_again_after_it_was_closed() -> None:
    market = Market()
    billing = billing_of(market)
    before = threading.active_count()
    first = start(billing, "cart-1")
    assert threading.active_count() > before
    billing.close()
    billing.close()
    assert start(billing, "cart-1") == first
    billing.close()


def test_what_cannot_be_opened_says_so_each_time() -> None:
    billing = BlockingBilling(lambda: Market(router={"share": {"stripe": 1}}).opening())
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="add up to 1"):
            start(billing, "cart-1")


def test_what_opens_too_late_is_closed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would go on for ever beside the one that is opened next."""
    monkeypatch.setattr(sync, "OPEN_SECONDS_MAX", 0.01)
    go, closed = threading.Event(), threading.Event()

    @asynccontextmanager
    async def slow() -> AsyncIterator[Any]:
        await asyncio.to_thread(go.wait)
        try:
            yield None
        finally:
            closed.set()

    opening: Any = slow
    with pytest.raises(TimeoutError):
        BlockingBilling(opening).ask(asyncio.sleep)  # type: ignore[arg-type]  # it is never asked
    go.set()
    assert closed.wait(60)


def test_a_thread_that_runs_a_loop_is_told_to_await_instead() -> None:
    async def scene() -> None:
        with billing_of(Market()) as billing:
            with pytest.raises(UsageError, match="event loop"):
                start(billing, "cart-1")
            rights = await billing.asked(lambda it: it.customers.entitlements("ana"))
            assert not rights.has("export")

    asyncio.run(scene())


def test_another_process_has_a_billing_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    market = Market()
    with billing_of(market) as billing:
        start(billing, "cart-1")
        threads = threading.active_count()
        monkeypatch.setattr(os, "getpid", lambda: -1)  # as after a fork: the thread is not there
        start(billing, "cart-1")
        assert threading.active_count() > threads


def test_requests_are_answered_as_over_asgi() -> None:
    with billing_of(Market()) as billing:
        answer = billing.answer("POST", "/webhooks/stripe", [("Content-Type", "application/json")], b"{}")
        assert answer.status == 400
        assert b"signature_invalid" in answer.body
        assert ("content-type", "application/json") in answer.headers
        assert billing.answer("GET", "/webhooks/stripe", [], b"").status == 405
        assert billing.answer("POST", "/elsewhere", [], b"").status == 404


def test_the_code_of_the_page_runs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "frameworks.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {"opening": Market().opening}
    exec(compile(code, "frameworks.md", "exec"), names)  # noqa: S102  # our own page
    assert not names["rights"].has("export")
    names["billing"].close()
    for example in re.findall(r"\.\./examples/(\w+\.py)", page):
        assert (Path(__file__).parents[2] / "examples" / example).exists()
