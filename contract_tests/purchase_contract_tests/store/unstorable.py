"""What not every database can keep: it is kept exactly, or refused with a typed error; never changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress

import attrs
from msgspec.structs import replace

from purchase_contract_tests.contract import promise
from purchase_contract_tests.store.base import StorePromises
from purchase_contract_tests.store.hostile_values import LOOK_ALIKES, TEXTS
from purchase_contract_tests.store.samples import (
    NOW,
    case,
    cluster,
    command,
    delivery,
    effect,
    offer,
    price,
    reference,
    refund,
    step,
)
from purchase_core.errors import InvalidArgument, InvalidText
from purchase_core.facts.rows import CaseRow
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Question, Store

BROKEN_TEXTS = ("\x00", "a\x00b", "\ud800", "a\udfffb", "\ude00\ud83d")
LARGE_NUMBERS = (
    2**53, 2**53 + 1, -(2**53) - 1, 2**62 + 1, 2**63 - 1, -(2**63), 2**63, -(2**63) - 1, 2**64 + 1, 10**30,
)  # fmt: skip
PLANES = range(17)
ASTRAL = "".join(
    chr(plane << 16 | place) for plane in PLANES for place in (0x41, 0x1234, 0xFDD0, 0xFFFD, 0xFFFE, 0xFFFF)
)
EDGES = "\x01\x1f\x7f\x80\x9f\u07ff\u0800\u2028\ud7ff\ue000\ufeff\U00010000\U0010ffff"


class Unstorable(StorePromises):
    """NUL, lone surrogates, integers beyond 53 and 64 bits, every plane of Unicode."""

    @promise
    async def f29_text_is_kept_whole_or_refused_whole(self, store: Store) -> None:
        for number, text in enumerate(BROKEN_TEXTS):
            for batch in _batches_with(text, number):
                (guard,) = batch.lanes
                try:
                    await store.commit(batch)
                except InvalidText:
                    assert (await store.lane(guard.lane)).version == 0
                else:
                    assert await store.committed(batch.id)
                    await _assert_kept(store, batch)

    @promise
    async def f29_asking_for_what_cannot_be_is_no_fault(self, store: Store) -> None:
        await store.commit(Batch("batch_1", NOW, lanes=(step("a"),), references=(reference("a"),)))
        for text in BROKEN_TEXTS:
            asked: tuple[Callable[[str], Awaitable[object]], ...] = (
                store.committed,
                store.command,
                store.command_by_id,
                store.delivery_by_id,
                lambda one: store.delivery("acme", one),
                lambda one: store.references_of(one, "refund"),
                store.effects,
                store.facts,
                store.facts_about,
                lambda one: store.rows(CaseRow, lane=one),
                lambda one: store.offers([one]),
                lambda one: store.price_for("acme", one, "USD"),
            )
            for question in asked:
                with suppress(InvalidText):
                    assert not await question(text)
            with suppress(InvalidText):
                assert (await store.lane(text)).version == 0
            with suppress(InvalidText):
                view = await store.look(Question((f"refund:acme:{text}",), (("acme", text),), (text,)))
                assert not any((view.references, view.prices, view.lanes))

    @promise
    async def a_number_is_kept_exactly_or_refused(self, store: Store) -> None:
        for number, value in enumerate(LARGE_NUMBERS):
            row = replace(case(f"case_{number:02}"), amount=value)
            batch = Batch(f"batch_{number}", NOW, lanes=(step(f"customer:{number}"),), rows=(row,))
            try:
                await store.commit(batch)
            except InvalidArgument:
                assert not await store.committed(batch.id)
                assert (await store.lane(f"customer:{number}")).version == 0
            else:
                kept = (await store.rows(CaseRow))[-1]
                assert (kept, type(kept.amount)) == (row, int)

    @promise
    async def f29_every_plane_of_unicode_is_kept(self, store: Store) -> None:
        for number, text in enumerate((ASTRAL, EDGES)):
            batch = Batch(
                f"batch {text}",
                NOW,
                lanes=(step(text, 0, text.encode()),),
                rows=(case(f"{number}{text}", text, detail=text),),
                references=(reference(text, text, text),),
                command=attrs.evolve(command(text, f"id {text}"), reference=text),
                deliveries=(replace(delivery(number), event_id=text, headers=((text, text),), reason=text),),
                effects=(effect(text, lane=text),),
            )
            await store.commit(batch)
            assert await store.committed(batch.id)
            await _assert_kept(store, batch)
            view = await store.look(Question((f"refund:acme:{text}",), lanes=(text,)))
            assert dict(view.references) == {batch.references[0].object: batch.references[0]}
            assert view.lanes[text].document == text.encode()

    @promise
    async def a_question_may_name_anything(self, store: Store) -> None:
        names = dict.fromkeys((*TEXTS, *LOOK_ALIKES, EDGES, "a,b", "a','b", '["a","b"]', "\\u0041", "a:b"))
        references = tuple(
            reference(text, f"customer:{number}", f"root {text}") for number, text in enumerate(names)
        )
        lanes = tuple(step(one.lane, 0, one.object.encode()) for one in references)
        clusters = tuple(replace(cluster(one.lane, refund()), root=one.root) for one in references)
        prices = tuple(price(text, version=f"v{number}") for number, text in enumerate(names))
        await store.commit(
            Batch(
                "batch_1",
                NOW,
                lanes=lanes,
                references=references,
                clusters=clusters,
                prices=prices,
                offers=(offer(),),
            )
        )
        for number, one in enumerate(references):
            sold = prices[number]
            view = await store.look(Question((one.object,), ((sold.connection, sold.price),)))
            assert list(view.references.values()) == [one]
            assert [lane.document for lane in view.lanes.values()] == [one.object.encode()]
            assert list(view.clusters) == [one.root]
            assert list(view.prices.values()) == [sold]
        everything = Question(tuple(one.object for one in references))
        assert len((await store.look(everything)).references) == len(names)
        assert list(await store.offers([*names, offer().hash])) == [offer().hash]


def _batches_with(text: str, number: int) -> Iterator[Batch]:
    """Batches that hold a text in one place each. The lane that each steps tells whether it was written."""
    places: tuple[Callable[[str], Batch], ...] = (
        lambda key: Batch(f"{key} {text}", NOW),
        lambda key: Batch(key, NOW, rows=(case(f"{key} {text}"),)),
        lambda key: Batch(key, NOW, rows=(case(key, detail=text),)),
        lambda key: Batch(key, NOW, references=(reference(f"{key}{text}", key),)),
        lambda key: Batch(key, NOW, command=attrs.evolve(command(key, f"id {key}"), fingerprint=text)),
        lambda key: Batch(key, NOW, deliveries=(replace(delivery(_id(key)), event_id=text),)),
        lambda key: Batch(key, NOW, deliveries=(replace(delivery(_id(key)), headers=(("name", text),)),)),
        lambda key: Batch(key, NOW, effects=(replace(effect(key, lane=key), about=text),)),
    )
    for place, batch_with in enumerate(places):
        key = f"{number}_{place}"
        yield replace(batch_with(key), lanes=(step(key),))


def _id(key: str) -> int:
    return int(key.replace("_", ""))


async def _assert_kept(store: Store, batch: Batch) -> None:
    """Everything that these batches write comes back as it was."""
    lane = batch.lanes[0].lane
    rows = {row.key: row for row in await store.rows(CaseRow)}
    assert [rows.get(row.key) for row in batch.rows] == list(batch.rows)
    assert list(await store.references_of(lane, "refund")) == list(batch.references)
    assert list(await store.effects(lane)) == list(batch.effects)
    for one in batch.deliveries:
        assert await store.delivery("acme", one.event_id) == one
    if batch.command is not None:
        assert await store.command(batch.command.key) == batch.command
