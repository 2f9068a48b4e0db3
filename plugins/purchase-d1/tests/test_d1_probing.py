"""Nothing is written over HTTP before a batch that fails was seen to leave nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from purchase_contract_tests.store.samples import NOW, step
from purchase_core import Billing, Catalog
from purchase_core.doctor import Doctor
from purchase_core.errors import StoreUnavailable
from purchase_core.ports.batch import Batch
from purchase_core.records.finding import ERROR
from purchase_d1 import store as store_module
from purchase_d1.local import Address
from purchase_d1.probing import probe
from purchase_d1.running import Pace
from purchase_d1.store import D1Store
from purchase_d1.testing import FakeD1, FakeTransport, reached
from purchase_d1.transport import Answer, Refused, Transport, Unanswered
from purchase_sql.wire import Sent

PREFIX = "app_"
AT_ONCE = Pace(tries_max=2, first_seconds=0.0)
TABLES = "SELECT name FROM sqlite_master"


class OneByOne(FakeTransport):
    """Runs each statement by itself, as a service would that takes a list for a script."""

    async def batch(self, statements: Sequence[Sent]) -> Answer:
        return [(await super(OneByOne, self).batch([one]))[0] for one in statements]


class Deaf(FakeTransport):
    """Says that all went well, and does nothing."""

    async def batch(self, statements: Sequence[Sent]) -> Answer:
        return [await self._rows(text) for text, _ in statements]

    async def _rows(self, text: str) -> Sequence[Sequence[object]]:
        return [[0]] if "count(*)" in text else []


class Refusing(FakeTransport):
    """Refuses what has several statements, for a reason of its own."""

    async def batch(self, statements: Sequence[Sent]) -> Answer:
        if any("CREATE" in text for text, _ in statements):
            raise Refused("D1_ERROR: not authorized: SQLITE_AUTH")
        return await super().batch(statements)


class Rounding(FakeTransport):
    """Makes numbers of texts that look like some."""

    async def batch(self, statements: Sequence[Sent]) -> Answer:
        answer = await super().batch(statements)
        return [
            [[float(cell) if str(cell).isdigit() else cell for cell in row] for row in rows]
            for rows in answer
        ]


class Silent(FakeTransport):
    async def batch(self, statements: Sequence[Sent]) -> Answer:
        raise Unanswered("nobody answers", maybe_written=False)


UNSAFE: dict[type[FakeTransport], str] = {
    OneByOne: "left what it had written",
    Deaf: "did not, or for another reason",
    Refusing: "did not, or for another reason",
    Rounding: "do not arrive as they were sent",
}


def test_f85_the_engine_passes_and_keeps_nothing_of_the_probe(database: Address) -> None:
    async def run() -> None:
        async with reached(database) as line:
            assert (await probe(line, "probed_")).passed
            assert (await probe(line, "probed_")).passed
            (left,) = await line.batch([("SELECT name FROM sqlite_master WHERE name LIKE 'probed%'", ())])
            assert left == []

    asyncio.run(run())


def test_the_fake_passes() -> None:
    assert asyncio.run(probe(FakeTransport(FakeD1()), PREFIX)).passed


@pytest.mark.parametrize("kind", UNSAFE, ids=lambda kind: str(kind.__name__))
def test_f84_f85_where_the_probe_fails_nothing_is_written(kind: type[FakeTransport]) -> None:
    async def run() -> None:
        database = FakeD1()
        line = kind(database)
        found = await probe(line, PREFIX)
        assert UNSAFE[kind] in found.why
        assert database.batch([(TABLES, ())]) == [[]]
        async with D1Store(line, prefix=PREFIX, pace=AT_ONCE) as store:
            for writing in (
                store.migrate(),
                store.commit(Batch("batch_1", NOW, lanes=(step(),))),
                store.claim(now=NOW, lease_until=NOW, limit=1),
            ):
                with pytest.raises(StoreUnavailable, match="written safely") as refused:
                    await writing
                assert not refused.value.outcome_unknown
        assert database.batch([(TABLES, ())]) == [[]]

    asyncio.run(run())


CONFIG = """
[connections.main]
plugin = "sandbox"
mode = "test"
api_key = "env:KEY"
webhook_secrets = ["env:SIGNS"]
base_url = "http://127.0.0.1:9"

[store]
plugin = "d1"
url = "http://127.0.0.1:9"
token = "env:SIGNS"
"""


@pytest.mark.parametrize("kind", [FakeTransport, *UNSAFE], ids=lambda kind: str(kind.__name__))
def test_the_probe_is_a_check_of_the_doctor(
    kind: type[FakeTransport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "purchase.toml").write_text(CONFIG)
    database = FakeD1()
    asyncio.run(D1Store(FakeTransport(database)).migrate())
    monkeypatch.setattr(store_module, "connect", lambda config: kind(database))
    environ = {"KEY": "k" * 32, "SIGNS": "s" * 32}
    opening = Billing.open(catalog=Catalog(), config=tmp_path / "purchase.toml", environ=environ)
    found = asyncio.run(Doctor(opening).readiness(probe=False))
    told = [one for one in found if one.id == "d1.probe"]
    assert len(told) == (kind in UNSAFE)
    for one in told:
        assert (one.level, one.fix) == (ERROR, "Use the proxy Worker.")
        assert UNSAFE[kind] in one.message


def test_nobody_there_is_told_as_such() -> None:
    with pytest.raises(StoreUnavailable, match="nobody answers"):
        asyncio.run(probe(Silent(FakeD1()), PREFIX))


def test_a_process_probes_once_however_much_is_written_at_first() -> None:
    async def run() -> None:
        database = FakeD1()
        await D1Store(FakeTransport(database)).migrate()
        line = FakeTransport(database)
        async with D1Store(line) as store:
            batches = [
                Batch(f"batch_{number}", NOW, lanes=(step(f"customer:{number}"),)) for number in range(9)
            ]
            await asyncio.gather(*map(store.commit, batches))
        probing = [one for one in line.requests if any("probe" in text for text, _ in one)]
        assert len(probing) == 1

    asyncio.run(run())


def test_a_way_that_is_documented_to_be_atomic_is_not_probed() -> None:
    class Documented(FakeTransport):
        atomic = True

    async def run() -> list[Sequence[Sent]]:
        line = Documented(FakeD1())
        async with D1Store(line) as store:
            await store.migrate()
        return line.requests

    assert not [one for one in asyncio.run(run()) if any("probe" in text for text, _ in one)]


def test_reading_needs_no_probe() -> None:
    async def run() -> None:
        line: Transport = OneByOne(FakeD1())
        async with D1Store(line) as store:
            assert (await store.schema()).found == 0

    asyncio.run(run())
