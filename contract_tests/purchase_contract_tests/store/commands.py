"""Commands: requests with an outward effect, one for a key."""

from __future__ import annotations

import attrs
import pytest

from purchase_contract_tests.contract import promise
from purchase_contract_tests.store.base import StorePromises
from purchase_contract_tests.store.samples import BEN, NOW, command, later
from purchase_core.errors import KeyConflict
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Store
from purchase_core.records.command import CONFIRMED, PLANNED, REFUSED, SENDING, UNKNOWN, Stage


class Commands(StorePromises):
    """`Batch.command` and the readers of commands."""

    @promise
    async def f37_a_command_key_is_taken_once(self, store: Store) -> None:
        await store.commit(Batch("batch_1", NOW, command=command(identifier="command_1")))
        with pytest.raises(KeyConflict) as conflict:
            await store.commit(Batch("batch_2", NOW, command=command(identifier="command_2")))
        assert conflict.value.kind == "command"
        assert await store.command(command().key) == command(identifier="command_1")
        assert await store.command_by_id("command_2") is None

    @promise
    async def f35_a_command_moves_on_under_its_own_id(self, store: Store) -> None:
        await store.commit(Batch("batch_1", NOW, command=command()))
        unknown = attrs.evolve(
            command(),
            state=UNKNOWN,
            updated_at=later(30),
            stages=(*command().stages, Stage("answer lost", later(30), "timeout")),
            decision=b"",
            result=b'{"url":"/other"}',
        )
        await store.commit(Batch("batch_2", NOW, command=unknown))
        assert await store.command(command().key) == unknown
        assert await store.command_by_id(command().id) == unknown

    @promise
    async def commands_that_have_not_ended_are_found_oldest_first(self, store: Store) -> None:
        states = (SENDING, PLANNED, CONFIRMED, UNKNOWN, REFUSED, PLANNED)
        ages = (20, 40, 50, 30, 60, 10)
        commands = [
            command(f"key_{number}", f"command_{number}", state=state, touched=later(-age))
            for number, (state, age) in enumerate(zip(states, ages, strict=True))
        ]
        for number, one in enumerate(commands):
            await store.commit(Batch(f"batch_{number}", NOW, command=one))
        kinds = [command().kind]
        found = await store.open_commands(kinds, before=later(-10), limit=10)
        assert list(found) == [commands[1], commands[3], commands[0]]
        assert list(await store.open_commands(kinds, before=NOW, limit=2)) == [commands[1], commands[3]]

    @promise
    async def commands_of_one_kind_do_not_hide_those_of_another(self, store: Store) -> None:
        waiting = [command(f"move_{number}", f"command_{number}", touched=later(-60)) for number in range(3)]
        waiting = [attrs.evolve(one, kind="move") for one in waiting]
        mine = command("refund_1", "command_9", touched=later(-20))
        for number, one in enumerate((*waiting, mine)):
            await store.commit(Batch(f"batch_{number}", NOW, command=one))
        assert list(await store.open_commands([mine.kind], before=NOW, limit=2)) == [mine]
        both = await store.open_commands([mine.kind, "move"], before=NOW, limit=10)
        assert list(both) == [*waiting, mine]
        assert list(await store.open_commands(["other"], before=NOW, limit=10)) == []

    @promise
    async def commands_of_a_lane_are_listed_by_their_keys(self, store: Store) -> None:
        mine = [
            command(f"{kind}:{number}", f"command_{kind}_{number}", state=state)
            for number, state in enumerate((CONFIRMED, SENDING))
            for kind in ("refund", "change")
        ]
        others = attrs.evolve(command("change:9", "command_9"), lane=BEN)
        for number, one in enumerate((*mine, others)):
            await store.commit(Batch(f"batch_{number}", NOW, command=one))
        expected = sorted(mine, key=lambda one: one.key)
        assert list(await store.commands_of(command().lane)) == expected
        assert list(await store.commands_of(command().lane, limit=2)) == expected[:2]
        assert list(await store.commands_of(command().lane, after_key=expected[1].key)) == expected[2:]
        assert list(await store.commands_of("customer:nobody")) == []

    @promise
    async def commands_are_listed_by_how_their_key_begins(self, store: Store) -> None:
        keys = ("move:a:3", "move:a:1", "move:a-b:1", "move:b:1", "move:a:2", "move:a", "movea:1")
        for number, key in enumerate(keys):
            one = command(key, f"command_{number}", state=(CONFIRMED, SENDING)[number % 2])
            await store.commit(Batch(f"batch_{number}", NOW, command=one))
        assert [one.key for one in await store.commands("move:a")] == ["move:a:1", "move:a:2", "move:a:3"]
        page = await store.commands("move:a", limit=2)
        assert [one.key for one in page] == ["move:a:1", "move:a:2"]
        assert [one.key for one in await store.commands("move:a", after_key=page[-1].key)] == ["move:a:3"]
        assert list(await store.commands("move:c")) == []
