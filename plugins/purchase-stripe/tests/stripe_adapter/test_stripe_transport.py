"""The transport: to the configured address alone, whatever an answer or the environment says."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from purchase_stripe.transport import BoundedClient

ADDRESS = "https://api.stripe.com/v1/customers/cus_1"


def client() -> BoundedClient:
    return BoundedClient(connect_seconds=1.0, call_seconds=1.0)


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest", "https://evil.example/", "//evil.example/"])
def test_t04_a_redirect_is_an_answer_and_nobody_is_called_there(url: str) -> None:
    called: list[str] = []

    def moved(request: httpx.Request) -> httpx.Response:
        called.append(str(request.url))
        return httpx.Response(307, headers={"location": url})

    async def run() -> int:
        asking = client()
        asking._http._transport = httpx.MockTransport(moved)
        _, status, _ = await asking.request_async("GET", ADDRESS, {"authorization": "Bearer sk_test"})
        await asking.close_async()
        return status

    assert asyncio.run(run()) == 307
    assert called == [ADDRESS]


def test_t15_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")
    asking = client()
    assert asking._http._mounts == {}
    assert asking._http.trust_env is False
    asyncio.run(asking.close_async())
