"""Webhooks: what the provider sent is accepted, what anybody else made is not."""

from __future__ import annotations

import random
import string

from purchase_contract_tests.contract import promise
from purchase_contract_tests.provider.base import ProviderPromises
from purchase_contract_tests.provider.bench import Key, ProviderBench
from purchase_contract_tests.provider.sale import open_sale
from purchase_core.errors import SignatureInvalid
from purchase_core.instants import Instant
from purchase_core.ports.provider import Headers, Provider

GARBAGE_HEADERS = 300


def accepted(provider: Provider, body: bytes, headers: Headers, now: Instant) -> bool:
    """Whether the signature holds. Anything but SignatureInvalid is an error of the adapter."""
    try:
        provider.verify(body, headers, now=now)
    except SignatureInvalid:
        return False
    return True


class Webhooks(ProviderPromises):
    """`verify`."""

    @promise
    async def what_the_provider_sends_is_accepted(self, bench: ProviderBench) -> None:
        await bench.pay((await open_sale(bench)).checkout)
        webhooks = await bench.sent()
        assert webhooks
        for webhook in webhooks:
            assert accepted(bench.provider, webhook.body, webhook.headers, bench.now())

    @promise
    async def f21_every_live_secret_counts_and_no_retired_one(self, bench: ProviderBench) -> None:
        body, now = b'{"id":"evt_1"}', bench.now()
        good = (
            (Key.NEW,),
            (Key.OLD,),
            (Key.RETIRED, Key.NEW),
            (Key.OLD, Key.OTHER),
            (Key.OTHER, Key.RETIRED, Key.OLD),
        )
        for keys in good:
            assert accepted(bench.provider, body, bench.sign(body, at=now, keys=keys), now), keys
        for keys in ((Key.RETIRED,), (Key.OTHER,), (Key.RETIRED, Key.OTHER)):
            assert not accepted(bench.provider, body, bench.sign(body, at=now, keys=keys), now), keys

    @promise
    async def f19_what_is_kept_of_the_headers_is_enough(self, bench: ProviderBench) -> None:
        body, now = b'{"id":"evt_1"}', bench.now()
        headers = [("host", "shop.example"), *bench.sign(body, at=now), ("x-other", "v1=00")]
        kept = [pair for pair in headers if pair[0] in bench.provider.signature_headers]
        assert accepted(bench.provider, body, headers, now)
        assert accepted(bench.provider, body, kept, now)

    @promise
    async def f28_garbage_is_refused_and_nothing_else_happens(self, bench: ProviderBench) -> None:
        dice = random.Random(28)  # noqa: S311  # the same garbage in every run
        alphabet = string.printable + "é\u0661\uff10\udcff\x00" + "=,;:" * 20 + "tv1sh" * 10
        body, now = b'{"id":"evt_1"}', bench.now()
        genuine = dict(bench.sign(body, at=now))
        for _ in range(GARBAGE_HEADERS):
            headers = [
                (name, _garbled(genuine.get(name, ""), dice, alphabet))
                for name in bench.provider.signature_headers
            ]
            if dict(headers) != genuine:
                assert not accepted(bench.provider, body, headers, now), headers

    @promise
    async def f26_a_body_of_any_size_is_judged(self, bench: ProviderBench) -> None:
        now = bench.now()
        for body in (b"", b"\x00", b"\xff" * (1024 * 1024)):
            assert accepted(bench.provider, body, bench.sign(body, at=now), now)
            assert not accepted(bench.provider, body + b"!", bench.sign(body, at=now), now)


def _garbled(value: str, dice: random.Random, alphabet: str) -> str:
    """The value with a stretch of it replaced, in a place that matters to the signature."""
    start = dice.randrange(len(value) + 1)
    length = dice.randrange(1, 12)
    return value[:start] + "".join(dice.choices(alphabet, k=dice.randrange(8))) + value[start + length :]
