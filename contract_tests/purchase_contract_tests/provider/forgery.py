"""Forgeries: whatever is made up, changed, misdirected or out of time is refused, and leaves no trace.

Each case goes the way of a real delivery: through an inbox with a store behind it. It must end in exactly the
error that is named for it, and the database must be afterwards what it was before.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from copy import copy
from unittest.mock import patch

import attrs

from purchase_contract_tests.contract import promise
from purchase_contract_tests.provider.base import ProviderPromises
from purchase_contract_tests.provider.bench import Key, ProviderBench, Webhook
from purchase_contract_tests.provider.damage import bad_json, changed_bodies, forged_headers
from purchase_contract_tests.provider.sale import open_sale
from purchase_core.errors import (
    BodyTooLarge,
    DeliveryRefused,
    MalformedBody,
    SignatureInvalid,
    UnknownConnection,
    WrongAccount,
)
from purchase_core.identifiers import SeededIds
from purchase_core.inbox.inbox import Inbox
from purchase_core.inbox.processing import Processor
from purchase_core.inbox.receive import HEADER_CHARACTERS_MAX, HEADER_COUNT_MAX, RawHeaders
from purchase_core.inbox.refusal_log import KIND as REFUSALS
from purchase_core.inbox.settings import InboxSettings
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider import SIGNATURE_WINDOW_SECONDS, Headers
from purchase_core.projection.offers import OfferShelf
from purchase_core.projection.recorder import Recorder
from purchase_core.testing.clocks import ManualClock
from purchase_core.testing.memory_store import MemoryDatabase, MemoryStore

CASES_MIN = 140
BODY_BYTES_MAX = 1_048_576
DAY_SECONDS = 86_400
CONFUSABLE = str.maketrans("aeiopstx", "\u0430\u0435\u0456\u043e\u0440\u0455\u0442\u0445")  # Cyrillic
HOSTILE_ENVIRONMENT = {
    "TEST_MODE": "1", "DEBUG": "1", "TESTING": "true", "PYTEST_CURRENT_TEST": "x", "ENVIRONMENT": "test",
    "PURCHASE_INSECURE": "1", "STRIPE_SKIP_SIGNATURE": "1", "PADDLE_TEST_MODE": "1", "WEBHOOK_SECRET": "",
}  # fmt: skip


@attrs.frozen
class Case:
    """A delivery that must be refused: what it is, what comes, and the error for it."""

    what: str
    body: bytes
    headers: RawHeaders
    error: type[DeliveryRefused] = SignatureInvalid
    connection: str = ""


class Post:
    """An inbox that takes the bench's deliveries, and a database that nothing must be written to."""

    def __init__(self, bench: ProviderBench, now: Instant) -> None:
        self.database = MemoryDatabase(schema_version=1)
        store, clock, ids = MemoryStore(self.database), ManualClock(now), SeededIds(1)
        recorder = Recorder(store, OfferShelf(store, ()), clock, ids, lambda batch: None)
        processor = Processor(store, recorder, clock, ids, lookups_max=1)
        self.name = bench.provider.connection.name
        settings = InboxSettings(mode="queue", body_bytes_max=BODY_BYTES_MAX)
        self._inbox = Inbox(store, processor, {self.name: bench.provider}, clock, ids, settings)

    async def delivers(self, webhook: Webhook) -> str:
        """How a delivery ended that must be taken."""
        return (await self._inbox.receive(self.name, webhook.body, webhook.headers)).status

    async def refuses(self, case: Case) -> str:
        """ "" if it is refused as it must be; else what happened instead."""
        before = self._contents()
        try:
            receipt = await self._inbox.receive(case.connection or self.name, case.body, case.headers)
        except DeliveryRefused as refused:
            if type(refused) is not case.error:
                return f"{case.what}: {type(refused).__name__} instead of {case.error.__name__}"
        else:
            return f"{case.what}: taken, and {receipt.status}"
        return "" if self._contents() == before else f"{case.what}: refused, and left a trace"

    def _contents(self) -> dict[str, object]:
        """All that is stored, but how many were refused: that is kept, of every delivery alike."""
        found = {one.name: copy(getattr(self.database, one.name)) for one in attrs.fields(MemoryDatabase)}
        found["runs"] = [one for one in self.database.runs.values() if one.kind != REFUSALS]
        del found["batches"]  # ids alone: whatever else a batch writes is in another table
        return found


async def genuine(bench: ProviderBench) -> tuple[bytes, Instant]:
    """The body of something that the provider has sent, and a whole second of its time since."""
    await bench.pay((await open_sale(bench)).checkout)
    body = (await bench.sent())[0].body
    return body, Instant(-(-bench.now() // SECOND) * SECOND)


def cases(bench: ProviderBench, body: bytes, now: Instant) -> Iterator[Case]:
    """Every forgery of one genuine delivery."""
    signed = bench.sign(body, at=now)
    for what, headers in forged_headers(signed, bench.provider.signature_headers, now):
        yield Case(what, body, headers)
    yield from _keys(bench, body, now)
    yield from _names(bench, body, signed)
    for seconds in (SIGNATURE_WINDOW_SECONDS + 1, 600, 3_600, DAY_SECONDS, 4_000 * DAY_SECONDS):
        for at in (now + seconds * SECOND, now - seconds * SECOND):
            yield Case(f"signed {(at - now) // SECOND} s from now", body, bench.sign(body, at=Instant(at)))
    for what, changed in changed_bodies(body):
        if changed != body:
            yield Case(f"body: {what}", changed, signed)
    for what, bad in bad_json(body):
        headers = bench.sign(bad, at=now)
        yield Case(f"signed, and no document: {what}", bad, headers, MalformedBody)
    huge = body + b" " * (BODY_BYTES_MAX + 1 - len(body))
    yield Case("signed, and a byte too large", huge, bench.sign(huge, at=now), BodyTooLarge)
    yield Case("not signed, and a byte too large", huge, (), BodyTooLarge)
    yield Case("of a connection that there is not", body, signed, UnknownConnection, "no-such-connection")
    for what, misdirected in bench.misdirected(body).items():
        yield Case(what, misdirected, bench.sign(misdirected, at=now), WrongAccount)


def _keys(bench: ProviderBench, body: bytes, now: Instant) -> Iterator[Case]:
    """Whoever signs without a secret of this connection."""
    strangers = (Key.RETIRED, Key.OTHER, Key.EMPTY)
    for key in strangers:
        yield Case(f"signed with key {key}", body, bench.sign(body, at=now, keys=(key,)))
    yield Case("signed with three wrong keys", body, bench.sign(body, at=now, keys=strangers))
    yield Case("signed with no key", body, bench.sign(body, at=now, keys=()))
    yield Case("the signature of another body", body, bench.sign(b"{}", at=now))
    yield Case("the signature of no body", body, bench.sign(b"", at=now))


def _names(bench: ProviderBench, body: bytes, signed: Headers) -> Iterator[Case]:
    """Headers that are not where, or what, they must be."""
    names = bench.provider.signature_headers
    twice = [pair for pair in signed if pair[0] in names]
    yield Case("genuine, and twice", body, [*signed, *twice])
    yield Case("genuine, twice, in other letters", body, [*signed, *((n.upper(), v) for n, v in twice)])
    yield Case("genuine, and an empty one", body, [*signed, *((name, "") for name, _ in twice)])
    for name, value in twice:
        rest = [pair for pair in signed if pair[0] != name]
        yield Case(f"{name}: in Cyrillic", body, [*rest, (name.translate(CONFUSABLE), value)])
        yield Case(f"{name}: scheme in Cyrillic", body, [*rest, (name, value.translate(CONFUSABLE))])
        yield Case(f"{name}: with an underscore", body, [*rest, (name.replace("-", "_"), value)])
        yield Case(f"{name}: with a blank", body, [*rest, (f"{name} ", value)])
        yield Case(f"{name}: in UTF-16", body, [*rest, (name.encode(), value.encode("utf-16"))])
        yield Case(f"{name}: NUL behind", body, [*rest, (name, f"{value}\x00")])
        yield Case(f"{name}: line feed behind", body, [*rest, (name, f"{value}\n")])
        yield Case(f"{name}: a header folded in", body, [*rest, (name, f"{value}\r\nx-other: 1")])
        yield Case(f"{name}: too long", body, [*rest, (name, value + "0" * HEADER_CHARACTERS_MAX)])
    yield Case("among too many headers", body, [*((f"x-{n}", "") for n in range(HEADER_COUNT_MAX)), *signed])


async def _wrong(post: Post, forgeries: Sequence[Case]) -> list[str]:
    return [found for case in forgeries if (found := await post.refuses(case))]


class Forgery(ProviderPromises):
    """What only looks like a delivery of the provider's."""

    @promise
    async def t01_no_forgery_is_accepted_or_leaves_a_trace(self, bench: ProviderBench) -> None:
        body, now = await genuine(bench)
        forgeries = list(cases(bench, body, now))
        assert len({case.what for case in forgeries}) >= CASES_MIN
        post = Post(bench, now)
        assert await _wrong(post, forgeries) == []
        assert await post.delivers(Webhook(body, bench.sign(body, at=now))) == "pending"

    @promise
    async def t15_no_variable_of_the_environment_lets_a_forgery_in(self, bench: ProviderBench) -> None:
        body, now = await genuine(bench)
        with patch.dict(os.environ, HOSTILE_ENVIRONMENT):
            assert await _wrong(Post(bench, now), list(cases(bench, body, now))) == []

    @promise
    async def f20_the_edges_of_the_window_are_exact(self, bench: ProviderBench) -> None:
        """To the microsecond, on both sides: what is as old as the window is taken, what is older is not."""
        body, now = await genuine(bench)
        window = SIGNATURE_WINDOW_SECONDS * SECOND
        headers = bench.sign(body, at=now)
        for edge in (now - window, now, now + window):
            assert await Post(bench, Instant(edge)).delivers(Webhook(body, headers)) == "pending", edge - now
        for beyond in (now - window - 1, now + window + 1):
            late = Case(f"{beyond - now} us away", body, headers)
            assert await Post(bench, Instant(beyond)).refuses(late) == ""

    @promise
    async def f19_what_is_sent_again_in_other_letters_is_the_same_delivery(
        self, bench: ProviderBench
    ) -> None:
        """Headers have no case, and may be bytes: a replay within the window is one delivery."""
        body, now = await genuine(bench)
        signed, post = bench.sign(body, at=now), Post(bench, now)
        assert await post.delivers(Webhook(body, signed)) == "pending"
        again: list[RawHeaders] = [
            signed,
            [(name.title(), value) for name, value in signed],
            [(name.upper().encode(), value.encode()) for name, value in signed],
            bench.sign(body, at=Instant(now + SECOND)),
        ]
        for headers in again:
            assert await post.delivers(Webhook(body, headers)) == "duplicate"  # type: ignore[arg-type]
        assert len(post.database.deliveries) == 1
