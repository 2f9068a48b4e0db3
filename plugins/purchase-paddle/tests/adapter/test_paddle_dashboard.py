"""Where Paddle's dashboard shows an object: the live one and the sandbox's are two hosts."""

from __future__ import annotations

import asyncio

import pytest

from purchase_core.identifiers import SeededIds
from purchase_core.instants import Instant
from purchase_core.plugins.descriptors import ProviderOpening
from purchase_core.ports.provider import Connection
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_paddle.config import PaddleConfig
from purchase_paddle.plugin import open_provider

NOTIFIED = Secret("pdl_ntfset_01hv8x29nsh54c2pgt0hnq0zkx_abcdefghijklmnop")


def page_of(mode: str, kind: str, provider_id: str, base_url: str = "") -> str:
    connection, config = Connection("paddle", "paddle", mode, "shop", "dev"), PaddleConfig(base_url=base_url)
    key = Secret("pdl_live_apikey_x" if mode == "live" else "pdl_sdbx_apikey_x")
    opening = ProviderOpening(connection, config, key, (NOTIFIED,), ManualClock(Instant(0)), SeededIds(1))

    async def work() -> str:
        provider = await open_provider(opening)
        try:
            return provider.page_url(kind, provider_id)
        finally:
            await provider.aclose()

    return asyncio.run(work())


@pytest.mark.parametrize(
    ("kind", "provider_id", "path"),
    [
        ("customer", "ctm_01hv", "customers-v2/ctm_01hv"),
        ("subscription", "sub_01hv", "subscriptions-v2/sub_01hv"),
        ("invoice", "txn_01hv", "transactions-v2/txn_01hv"),
        ("session", "txn_01hv", "transactions-v2/txn_01hv"),
        ("product", "pro_01hv", "products-v2/pro_01hv"),
    ],
)
def test_an_object_has_a_page_in_its_mode(kind: str, provider_id: str, path: str) -> None:
    assert page_of("live", kind, provider_id) == f"https://vendors.paddle.com/{path}"
    assert page_of("test", kind, provider_id) == f"https://sandbox-vendors.paddle.com/{path}"


@pytest.mark.parametrize(
    ("kind", "provider_id"),
    [
        ("refund", "adj_01hv"),
        ("dispute", "adj_01hv"),
        ("event", "evt_01hv"),
        ("price", "pri_01hv"),
        ("customer", "sub_01hv"),
        ("customer", "ctm_01hv/../../settings"),
        ("customer", "javascript:alert(1)"),
    ],
)
def test_what_has_no_page_is_shown_nowhere(kind: str, provider_id: str) -> None:
    assert page_of("live", kind, provider_id) == ""


def test_a_simulator_has_no_dashboard() -> None:
    assert page_of("test", "customer", "ctm_01hv", "http://127.0.0.1:4243") == ""
