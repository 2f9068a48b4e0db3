"""Reading what was verified: total, pure, and never more trusting than it must be."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import cast

import attrs
import msgspec

from purchase_contract_tests.contract import promise
from purchase_contract_tests.provider.base import ProviderPromises
from purchase_contract_tests.provider.bench import ProviderBench
from purchase_contract_tests.provider.damage import bad_json, damaged_documents, renamed, texts_in
from purchase_contract_tests.provider.history import history, one_of_each_kind
from purchase_contract_tests.provider.sale import open_sale, registers, understood
from purchase_core.errors import InvalidText, MalformedBody
from purchase_core.facts.fact import decode_body, encode_body
from purchase_core.ports.provider import Event, Normalised, Provider
from purchase_core.text import storable

CHARACTERS_MAX = 1_000_000
SHUFFLES = 10
HOSTILE_TEXTS = ("\u0000", "a\u0000b", "\ud800", "\udc00x")


async def event_bodies(bench: ProviderBench) -> list[bytes]:
    """The events of a sale."""
    await bench.pay((await open_sale(bench)).checkout)
    return [webhook.body for webhook in await bench.sent()]


def read(provider: Provider, body: bytes) -> tuple[Event, Normalised] | None:
    """What a body says; None if it is malformed. Anything else that is raised is an error of the adapter."""
    try:
        event = provider.parse(body)
        return event, provider.normalise(event)
    except MalformedBody:
        return None


def texts(value: object) -> Iterator[str]:
    """Every text in a value that a store would have to keep; an event's payload is not kept as such."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for one in value:
            yield from texts(one)
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from texts(getattr(value, name))
    elif attrs.has(type(value)):
        for field in attrs.fields(cast("type[attrs.AttrsInstance]", type(value))):
            if field.name != "payload":
                yield from texts(getattr(value, field.name))


class Parsing(ProviderPromises):
    """`parse` and `normalise`."""

    @promise
    async def an_event_says_what_it_is_and_whose(self, bench: ProviderBench) -> None:
        provider, started = bench.provider, bench.now()
        events = [provider.parse(body) for body in await event_bodies(bench)]
        assert events
        assert len({event.id for event in events}) == len(events)
        for event in events:
            kind, connection, identifier = event.object.split(":", 2)
            assert kind
            assert connection == provider.connection.name
            assert identifier
            assert event.type
            assert (event.account, event.mode) == (provider.account, provider.connection.mode)
            assert started <= event.occurred_at + 1_000_000  # whole seconds, at some providers
            assert event.occurred_at <= bench.now()

    @promise
    async def reading_is_pure(self, bench: ProviderBench) -> None:
        provider, bodies = bench.provider, await event_bodies(bench)
        first = [(provider.parse(body), provider.normalise(provider.parse(body))) for body in bodies]
        await bench.advance(3_600)
        again = [
            (provider.parse(body), provider.normalise(provider.parse(body))) for body in reversed(bodies)
        ]
        assert first == again[::-1]

    @promise
    async def an_event_means_facts_or_needs_or_nothing(self, bench: ProviderBench) -> None:
        for body in await event_bodies(bench):
            meaning = bench.provider.normalise(bench.provider.parse(body))
            known = (meaning.facts, meaning.needs, meaning.ignored)
            assert sum(map(bool, known)) == 1

    @promise
    async def f12_an_unknown_type_is_ignored_with_a_reason(self, bench: ProviderBench) -> None:
        for body in await event_bodies(bench):
            known = bench.provider.parse(body)
            event = bench.provider.parse(renamed(body, known.type, "never.heard.of"))
            meaning = bench.provider.normalise(event)
            assert meaning.ignored
            assert (meaning.facts, meaning.needs, meaning.claims) == ((), (), ())

    @promise
    async def f27_what_is_no_json_document_is_malformed(self, bench: ProviderBench) -> None:
        for body in await event_bodies(bench):
            believed = [what for what, bad in bad_json(body) if read(bench.provider, bad) is not None]
            assert believed == []

    @promise
    async def f30_a_damaged_event_is_malformed_or_understood(self, bench: ProviderBench) -> None:
        """Whatever is missing or of the wrong kind: nothing but MalformedBody, and never a made-up fact."""
        for body in await one_of_each_kind(bench):
            for what, damaged in damaged_documents(body):
                found = read(bench.provider, damaged)
                for fact in found[1].facts if found else ():
                    assert fact.body.id, what
                    assert fact.object.split(":", 2)[2] == fact.body.id, what
                    # Storing is strict: a text for an amount, or true for 1, would not come back.
                    assert decode_body(fact.kind, encode_body(fact.body)) == fact.body, what

    @promise
    async def f29_what_is_read_can_be_stored(self, bench: ProviderBench) -> None:
        for body in await one_of_each_kind(bench):
            for text in set(texts_in(body)):
                for hostile in HOSTILE_TEXTS:
                    found = read(bench.provider, renamed(body, text, hostile))
                    for kept in texts(found) if found else ():
                        assert _storable(kept), (text, kept)

    @promise
    async def f04_f14_a_long_story_is_the_same_in_any_order_and_told_twice(
        self, bench: ProviderBench
    ) -> None:
        bodies = await history(bench)
        facts = [fact for body in bodies for fact in await understood(bench.provider, body)]
        expected = registers(facts)
        assert {key.partition(":")[0] for key in expected} >= {"session", "invoice"}
        dice = random.Random(14)  # noqa: S311  # the same orders in every run
        for _ in range(SHUFFLES):
            doubled = [*facts, *dice.sample(facts, len(facts) // 2)]
            dice.shuffle(doubled)
            assert registers(doubled) == expected


def _storable(text: str) -> bool:
    try:
        storable("text", text, characters_max=CHARACTERS_MAX)
    except InvalidText:
        return False
    return True
