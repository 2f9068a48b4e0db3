"""Values that databases like to misread: every one of them is data, and comes back as it went in."""

from __future__ import annotations

import attrs
from msgspec.structs import replace

from purchase_contract_tests.contract import promise
from purchase_contract_tests.store.base import StorePromises
from purchase_contract_tests.store.samples import (
    ANA,
    NOW,
    case,
    command,
    delivery,
    effect,
    later,
    recorded,
    reference,
    refund,
    row_of_each_table,
    step,
)
from purchase_core.facts.bodies import RefundSeen
from purchase_core.facts.fact import seen
from purchase_core.facts.fold import canonical_hash
from purchase_core.facts.rows import CaseRow, IntentRow, LotRow
from purchase_core.instants import Instant
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Store
from purchase_core.records.lane import Lane

TEXTS = (
    "",
    "'; DROP TABLE lanes; --",
    '"quoted" `and` [bracketed]',
    "100%_\\",
    ":name ?1 $1 %s {x}",
    "line\nbreak\ttab\r",
    " spaces ",
    "Ünïcødé \u202e right to left \u202c",
    "🧾" * 20,
    "null",
    "0x00",
    "x" * 2_000,
)
LOOK_ALIKES = (
    "case",
    "Case",
    "CASE",
    "case ",
    " case",
    "café",
    "cafe\u0301",
    "cafe",
    "\uff43\uff41\uff53\uff45",
    "case\u200b",
    "1",
    "01",
    "1.0",
)
EVERY_BYTE = bytes(range(256))
WHOLE_MAX = 2**53 - 1  # exact in JSON everywhere


class HostileValues(StorePromises):
    """Text, bytes and numbers."""

    @promise
    async def t07_text_is_data(self, store: Store) -> None:
        for number, text in enumerate(TEXTS):
            lane, key = f"customer:{text}", f"{number}:{text}"
            fact = seen("acme", NOW, RefundSeen(text, "in_1", 1, "USD", text))
            batch = Batch(
                f"batch {key}",
                NOW,
                lanes=(step(lane),),
                facts=(recorded(fact, lane, cause=text),),
                rows=(case(key, lane, detail=text, about=f"refund:acme:{text}"),),
                references=(reference(text, lane, text),),
                command=attrs.evolve(command(key, f"id {key}"), fingerprint=text),
                deliveries=(replace(delivery(number), event_id=text, headers=((text, text),), reason=text),),
                effects=(replace(effect(key, lane=lane), about=text),),
            )
            await store.commit(batch)
            assert await store.committed(batch.id)
            assert await store.lane(lane) == Lane(lane, 1, b"{}")
            assert [one for _, one in await store.facts(lane)] == list(batch.facts)
            assert list(await store.rows(CaseRow, lane=lane)) == list(batch.rows)
            assert list(await store.references_of(lane, "refund")) == list(batch.references)
            assert await store.command(key) == batch.command
            assert await store.delivery("acme", text) == batch.deliveries[0]
            assert list(await store.effects(lane)) == list(batch.effects)
        assert len(await store.rows(CaseRow)) == len(TEXTS)

    @promise
    async def keys_that_look_alike_are_different_keys(self, store: Store) -> None:
        for number, text in enumerate(LOOK_ALIKES):
            batch = Batch(
                f"batch {text}",
                NOW,
                lanes=(step(text, 0, text.encode()),),
                rows=(case(text),),
                references=(reference(text),),
                command=command(text, f"command_{number}"),
                deliveries=(replace(delivery(number), event_id=text),),
                effects=(effect(text, version=number),),
            )
            await store.commit(batch)
        for number, text in enumerate(LOOK_ALIKES):
            assert (await store.lane(text)).document == text.encode()
            assert await store.command(text) == command(text, f"command_{number}")
            assert (await store.delivery("acme", text)) == replace(delivery(number), event_id=text)
        assert {row.key for row in await store.rows(CaseRow)} == set(LOOK_ALIKES)
        assert len(await store.references_of(ANA, "refund")) == len(LOOK_ALIKES)
        assert len(await store.effects(ANA)) == len(LOOK_ALIKES)

    @promise
    async def keys_ascend_by_code_point(self, store: Store) -> None:
        keys = ["Z", "_", "a", "aa", "b", "é", "\ufb01", "\U0001f9fe", "10", "9", "A b", "A-b"]
        await store.commit(Batch("batch_1", NOW, rows=tuple(case(key) for key in keys)))
        found = [row.key for row in await store.rows(CaseRow)]
        assert found == sorted(keys)
        for index, key in enumerate(found):
            assert [row.key for row in await store.rows(CaseRow, after_key=key)] == found[index + 1 :]

    @promise
    async def f29_bytes_are_kept_exactly(self, store: Store) -> None:
        for number, content in enumerate((EVERY_BYTE, b"", b"\x00", b"\xff\xfe", b'{"a":"\\u0000\\ud800"}')):
            lane = f"customer:{number}"
            documents = attrs.evolve(
                command(lane, lane), decision=content, request=content[::-1], result=content + content
            )
            body = replace(delivery(number), body=content)
            batch = Batch(
                f"batch_{number}", NOW, lanes=(step(lane, 0, content),), command=documents, deliveries=(body,)
            )
            await store.commit(batch)
            assert (await store.lane(lane)).document == content
            assert await store.command(lane) == documents
            assert await store.delivery_by_id(body.id) == body

    @promise
    async def numbers_keep_their_size_and_sign(self, store: Store) -> None:
        for number, value in enumerate((0, 1, -1, 2**31, -(2**31) - 1, WHOLE_MAX, -WHOLE_MAX)):
            moment = Instant(value)
            row = replace(case(f"case_{number}"), amount=value, opened_at=moment)
            lot = LotRow(f"lot_{number}", ANA, "r", "u", "v1", "in_1", value, 0, moment, moment)
            lane = f"customer:{number}"
            fact = recorded(refund(f"re_{number}", amount=value, order=moment), lane, at=moment)
            await store.commit(
                Batch(f"batch_{number}", moment, lanes=(step(lane),), rows=(row, lot), facts=(fact,))
            )
            assert (await store.rows(CaseRow))[-1] == row
            assert (await store.rows(LotRow))[-1] == lot
            assert [one for _, one in await store.facts(lane)] == [fact]

    @promise
    async def text_that_looks_like_something_else_stays_text(self, store: Store) -> None:
        intent = row_of_each_table()[0]
        assert isinstance(intent, IntentRow)
        rows = [
            replace(intent, key=text, customer=text, offer=text, status=text)
            for text in ("007", "1e3", "true", "NULL", "2026-01-01", "[]", "NaN", "-0")
        ]
        await store.commit(Batch("batch_1", later(1), rows=tuple(rows)))
        assert canonical_hash(await store.rows(IntentRow)) == canonical_hash(rows)
