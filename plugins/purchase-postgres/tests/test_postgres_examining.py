"""What the doctor says of a server: all that endangers what is promised, and nothing of a sound one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from purchase_core.instants import SECOND, Instant, SystemClock
from purchase_core.records.finding import ERROR
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_postgres.config import PostgresConfig
from purchase_postgres.examining import Server, examined
from purchase_postgres.store import PostgresStore

NOW = Instant(1_790_000_000 * SECOND)
CONFIG = PostgresConfig(Secret("postgresql://x"))
SOUND = Server("on", "on", "on", "on", "on", "read committed", "off", False, "UTF8", 97, NOW)


def found_of(server: Server, config: PostgresConfig = CONFIG, *, took: int = 0) -> list[str]:
    return [one.id for one in examined(server, config, NOW, Instant(NOW + took))]


@pytest.mark.parametrize(
    "asked", [{}, {"synchronous_commit": "local"}, {"synchronous_commit": "remote_apply"}]
)
def test_of_a_sound_server_nothing_is_said(asked: dict[str, Any]) -> None:
    assert found_of(attrs.evolve(SOUND, **asked)) == []


@pytest.mark.parametrize(
    ("setting", "finding"),
    [
        ({"fsync": "off"}, "postgres.fsync"),
        ({"full_page_writes": "off"}, "postgres.full_page_writes"),
        ({"synchronous_commit": "off"}, "postgres.synchronous_commit"),
        ({"autovacuum": "off"}, "postgres.autovacuum"),
        ({"track_counts": "off"}, "postgres.autovacuum"),
        ({"isolation": "serializable"}, "postgres.isolation"),
        ({"read_only": "on"}, "postgres.read_only"),
        ({"replica": True}, "postgres.read_only"),
        ({"encoding": "SQL_ASCII"}, "postgres.encoding"),
        ({"connections": 15}, "postgres.connections"),
    ],
)
def test_what_endangers_a_promise_is_said(setting: dict[str, Any], finding: str) -> None:
    assert found_of(attrs.evolve(SOUND, **setting)) == [finding]


def test_two_processes_must_find_connections() -> None:
    assert found_of(attrs.evolve(SOUND, connections=16)) == []
    assert found_of(SOUND, attrs.evolve(CONFIG, pool_connections_max=49)) == ["postgres.connections"]


@pytest.mark.parametrize(
    ("off_seconds", "took_seconds", "said"),
    [
        (-5, 0, ""),
        (-6, 0, "6 s behind"),
        (5, 0, ""),
        (6, 0, "6 s ahead of"),
        (12, 8, ""),
        (14, 8, "6 s ahead"),
    ],
)
def test_a_clock_that_is_off_by_more_than_the_journey_is_said(
    off_seconds: int, took_seconds: int, said: str
) -> None:
    server = attrs.evolve(SOUND, now=Instant(NOW + off_seconds * SECOND))
    found = examined(server, CONFIG, NOW, Instant(NOW + took_seconds * SECOND))
    assert [said in one.message for one in found] == [True] * bool(said)


@contextmanager
def role_with(address: str, setting: str) -> Iterator[str]:
    """The address for a role whose connections begin with a setting."""
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS examined")
        connection.execute("CREATE ROLE examined LOGIN")
        connection.execute(f"ALTER ROLE examined SET {setting}")
        try:
            yield make_conninfo(address, user="examined")
        finally:
            connection.execute("DROP ROLE examined")


def told(address: str, clock: ManualClock | SystemClock | None = None) -> dict[str, str]:
    async def run() -> dict[str, str]:
        async with await PostgresStore.open(PostgresConfig(Secret(address)), clock=clock) as store:
            return {one.id: one.level for one in await store.examine()}

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("setting", "finding"),
    [
        ("synchronous_commit = off", "postgres.synchronous_commit"),
        ("default_transaction_isolation = 'serializable'", "postgres.isolation"),
        ("default_transaction_read_only = on", "postgres.read_only"),
    ],
)
def test_a_server_says_how_it_is_set_for_whoever_asks(server: str, setting: str, finding: str) -> None:
    before = told(server)
    assert finding not in before
    with role_with(server, setting) as address:
        assert told(address).keys() - before.keys() == {finding}


def test_a_server_of_the_tests_syncs_nothing_and_the_doctor_sees_it(server: str) -> None:
    with psycopg.connect(server) as connection:
        ((fsync,),) = connection.execute("SHOW fsync").fetchall()
    assert (told(server).get("postgres.fsync") == ERROR) is (fsync == "off")


def test_the_servers_clock_is_held_against_ours(server: str) -> None:
    assert "postgres.clock" not in told(server)
    assert "postgres.clock" in told(server, ManualClock(NOW))
