"""Webhook endpoints: made for the events that the adapter reads, in its API version, with a secret once."""

from __future__ import annotations

from purchase_contract_tests.contract import promise, requires
from purchase_contract_tests.provider.base import EMPTY_ACCOUNT, IDEMPOTENCY_KEYS, ProviderPromises
from purchase_contract_tests.provider.bench import ProviderBench
from purchase_contract_tests.provider.history import history
from purchase_core.errors import ProviderRefused
from purchase_core.ports.provider import WEBHOOK_SECRET_BYTES_MIN, Capability, WebhookEndpoint

URL = "https://shop.example/webhooks/first"
MANY = 12
OTHER_URL = "https://shop.example/webhooks/second"


async def as_many_as_fit(bench: ProviderBench) -> list[WebhookEndpoint]:
    """More endpoints than stand on a page, or until the provider takes no more."""
    made: list[WebhookEndpoint] = []
    while len(made) < MANY:
        try:
            one = await bench.provider.create_endpoint(f"{URL}/{len(made)}", key=f"endpoint:{len(made)}")
        except ProviderRefused:
            break
        made.append(one)
    return made


class Endpoints(ProviderPromises):
    """`endpoints` and `create_endpoint`."""

    @requires(EMPTY_ACCOUNT, Capability.WEBHOOK_ENDPOINTS)
    @promise
    async def an_endpoint_has_a_secret_when_it_is_made_and_never_again(self, bench: ProviderBench) -> None:
        made = await bench.provider.create_endpoint(URL, key="endpoint:1")
        assert (made.url, made.enabled) == (URL, True)
        assert made.secret is not None
        assert len(made.secret.reveal().encode()) >= WEBHOOK_SECRET_BYTES_MIN
        assert made.secret.reveal() not in repr(made)
        (listed,) = [one for one in await bench.provider.endpoints() if one.id == made.id]
        assert (listed.url, listed.events, listed.api_version) == (URL, made.events, made.api_version)
        assert listed.secret is None

    @requires(EMPTY_ACCOUNT, Capability.WEBHOOK_ENDPOINTS)
    @promise
    async def f31_every_endpoint_is_listed(self, bench: ProviderBench) -> None:
        known = {one.id for one in await bench.provider.endpoints()}
        made = [await bench.neighbour.create_endpoint(OTHER_URL, key="theirs"), *await as_many_as_fit(bench)]
        assert len(made) >= MANY // 2
        listed = [one.id for one in await bench.provider.endpoints()]
        assert len(listed) == len(set(listed))
        assert set(listed) - known == {one.id for one in made}
        assert len({one.secret.reveal() for one in made if one.secret}) == len(made)

    @requires(EMPTY_ACCOUNT, Capability.WEBHOOK_ENDPOINTS)
    @promise
    async def an_endpoint_gets_all_that_is_understood_in_our_version(self, bench: ProviderBench) -> None:
        provider = bench.provider
        made = await provider.create_endpoint(URL, key="endpoint:1")
        events = [provider.parse(body) for body in await history(bench)]
        understood = {event.type for event in events if not provider.normalise(event).ignored}
        assert understood
        assert understood - set(made.events) == set()
        assert {event.api_version for event in events} == {made.api_version}

    @requires(EMPTY_ACCOUNT, Capability.WEBHOOK_ENDPOINTS, IDEMPOTENCY_KEYS)
    @promise
    async def f38_the_same_key_makes_one_endpoint(self, bench: ProviderBench) -> None:
        made = [await bench.provider.create_endpoint(URL, key="endpoint:1") for _ in range(2)]
        assert made[0].id == made[1].id
        assert [one.id for one in await bench.provider.endpoints()].count(made[0].id) == 1
