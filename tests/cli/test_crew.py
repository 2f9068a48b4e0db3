"""Lanes shared out among processes: the same is found whatever their number, and none dies unnoticed."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from purchase_core.cli import crew as module
from purchase_core.cli.app import Application
from purchase_core.cli.crew import RANGES_AHEAD, Crew, Hand, cores
from purchase_core.cli.main import run
from purchase_core.errors import PurchaseError, StoreUnavailable
from purchase_core.identifiers import RandomIds
from purchase_core.operations import sharing
from purchase_core.operations.sharing import Range
from purchase_core.ports.batch import Batch
from purchase_core.ports.store import Store
from purchase_core.projection.offers import OfferShelf
from purchase_core.projection.recorder import Recorder
from purchase_core.projection.work import Work
from purchase_core.testing.clocks import ManualClock
from purchase_core.testing.memory_store import MemoryStore
from purchase_core.testing.sales import T0, VERSIONS, Sale, later, price_references
from purchase_sqlite.config import SqliteConfig
from purchase_sqlite.store import SqliteStore

CUSTOMERS = 9
SHOP = """
import multiprocessing, os, signal
from purchase_core import Billing, Catalog, feature, plan, subscription
from purchase_core.errors import StoreUnavailable

export = feature("export")
CATALOG = Catalog(subscription("app", plans=[plan("free", default=True, includes=[export()])]))
SQLITE = {"store": {"plugin": "sqlite", "path": "purchase.db"}}
ELSEWHERE = multiprocessing.parent_process() is not None

def billing():
    return Billing.open(catalog=CATALOG, config=SQLITE, environ={})

def dies():
    if ELSEWHERE:
        os.kill(os.getpid(), signal.SIGKILL)
    return billing()

def refused():
    if ELSEWHERE:
        raise StoreUnavailable("the database is busy", hint="Later.")
    return billing()

async def process(billing, first, last):
    return os.getpid()

async def dies_at_d(billing, first, last):
    if first == "d":
        os.kill(os.getpid(), signal.SIGKILL)
    return first

async def fails_at_d(billing, first, last):
    if first == "d":
        raise StoreUnavailable("the database is busy", hint="Later.")
    return first

async def never(billing, first, last):
    import asyncio
    await asyncio.Event().wait()
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of customers, of whom some rows are wrong, and the application over it, in this folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "crew_shop.py").write_text(SHOP)
    asyncio.run(_sell(tmp_path))
    connection = sqlite3.connect(tmp_path / "purchase.db")
    with connection:
        connection.execute("UPDATE intents SET status = 'open' WHERE customer IN ('user_2', 'user_7')")
        connection.execute(
            "UPDATE facts SET digest = 'x' WHERE lane = 'customer:user_4' AND kind = 'invoice'"
        )
        connection.execute("DELETE FROM object_references WHERE lane = 'customer:user_8'")
        connection.execute("DELETE FROM offer_versions")
    connection.close()
    return tmp_path


async def _sell(folder: Path) -> None:
    store = await SqliteStore.open(SqliteConfig("purchase.db"), folder=folder)
    await store.migrate()
    ids, clock = RandomIds(), ManualClock(later(days=40))
    await store.commit(Batch("batch_0", T0, prices=price_references(), offers=tuple(VERSIONS.values())))
    shelf = OfferShelf(store, VERSIONS.values())
    recorder = Recorder(store, shelf, clock, ids, lambda _batch: None)
    for number in range(1, CUSTOMERS + 1):
        sale = Sale(number, f"user_{number}")
        facts = (sale.placed(), sale.tried(), sale.session("open"), sale.invoice(), sale.subscription())
        await recorder.record(Work(facts), cause="event", addition=replace)
    await store.aclose()


@pytest.fixture
def lane_by_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shares out every lane for itself, but for the first."""
    monkeypatch.setattr(sharing, "LANES_AT_ONCE", 1)
    monkeypatch.setattr(module, "RANGES_ALONE", 1)


@pytest.mark.usefixtures("shop", "lane_by_lane")
@pytest.mark.parametrize("command", [("doctor", "--truth"), ("rebuild", "--shadow", "--diff")])
def test_whatever_the_number_of_processes_the_same_is_found_in_the_same_order(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    def told(jobs: int) -> tuple[int, str]:
        code = run(["--app", "crew_shop:billing", *command, "--jobs", str(jobs), "--json"])
        return code, capsys.readouterr().out

    code, out = told(1)
    assert code == 3
    found = json.loads(out)
    assert found["facts"] == CUSTOMERS * 5
    assert len(found.get("lanes", found.get("findings"))) > 3
    assert told(3) == (code, out)


@pytest.mark.usefixtures("shop", "lane_by_lane")
@pytest.mark.parametrize(
    ("command", "factory", "code", "said"),
    [(("doctor", "--truth"), "dies", 1, "died"), (("rebuild", "--shadow"), "refused", 75, "is busy")],
)
def test_where_one_cannot_do_its_share_nothing_is_said_to_be_well(
    command: tuple[str, ...], factory: str, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--app", f"crew_shop:{factory}", *command, "--jobs", "2"]) == code
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.out == ""


LETTERS = [(one, one) for one in "abcdefg"]


async def over_letters(shop: Path, look: str, *, jobs: int = 2, seen: list[Any] | None = None) -> list[Any]:
    """What comes of these ranges, with a function of the application; `seen` keeps it should one fail."""
    crew_shop = import_module("crew_shop")

    told = [] if seen is None else seen
    with Crew(Application("crew_shop:billing", shop, None), getattr(crew_shop, look), jobs) as crew:
        async with crew_shop.billing().reading() as billing:
            async for _, answer in crew.over(billing)(given(LETTERS)):
                told.append(answer)
    return told


async def given(ranges: list[Range]) -> AsyncIterator[Range]:
    for one in ranges:
        yield one


@pytest.mark.usefixtures("lane_by_lane")
def test_there_are_as_many_processes_as_asked_for_and_each_has_its_turn(shop: Path) -> None:
    mine, *theirs = asyncio.run(over_letters(shop, "process", jobs=3))
    assert len({mine, *theirs}) == 4
    assert theirs[:3] == theirs[3:]


@pytest.mark.usefixtures("lane_by_lane")
def test_one_that_is_killed_in_its_work_is_an_error_behind_what_came_before(shop: Path) -> None:
    seen: list[str] = []
    with pytest.raises(PurchaseError, match=r"died \(exit code -9\)"):
        asyncio.run(over_letters(shop, "dies_at_d", seen=seen))
    assert seen == ["a", "b", "c"]


@pytest.mark.usefixtures("lane_by_lane")
def test_what_one_raises_is_raised_here_behind_what_came_before(shop: Path) -> None:
    seen: list[str] = []
    with pytest.raises(StoreUnavailable, match="the database is busy") as raised:
        asyncio.run(over_letters(shop, "fails_at_d", seen=seen))
    assert (raised.value.hint, raised.value.retryable, seen) == ("Later.", True, ["a", "b", "c"])


def test_who_is_interrupted_waits_for_nobody(shop: Path) -> None:
    crew_shop = import_module("crew_shop")

    async def interrupted() -> None:
        hand: Hand[str] = Hand(Application("crew_shop:billing", shop, None), crew_shop.never)
        hand.ask(("a", "a"))
        waiting = asyncio.create_task(hand.answer())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        hand.process.join(60)
        assert hand.process.exitcode == -signal.SIGTERM
        hand.dismiss(at_once=True)

    asyncio.run(interrupted())


class Scripted:
    """Stands for a process: answers at once, and counts what it was asked and has not told."""

    made = 0
    asked: list[Range]

    def __init__(self, *_: object) -> None:
        Scripted.made += 1
        self.asked = []

    def ask(self, one: Range) -> None:
        self.asked.append(one)
        assert len(self.asked) <= RANGES_AHEAD

    async def answer(self) -> str:
        return self.asked.pop(0)[0]

    def dismiss(self, *, at_once: bool) -> None:
        assert not at_once
        assert self.asked == []


@pytest.mark.parametrize(("jobs", "count", "made"), [(1, 9, 0), (3, 1, 0), (3, 2, 1), (3, 9, 3), (3, 99, 3)])
@pytest.mark.usefixtures("lane_by_lane")
def test_no_more_is_in_hand_than_can_be_held_and_none_is_begun_for_nothing(
    shop: Path, monkeypatch: pytest.MonkeyPatch, jobs: int, count: int, made: int
) -> None:
    monkeypatch.setattr(module, "Hand", Scripted)
    Scripted.made = 0
    ranges = [(f"{number:03}", "") for number in range(count)]
    told = asyncio.run(scripted(shop, jobs, ranges, lambda store: store))
    assert told == [first for first, _ in ranges]
    assert Scripted.made == made


def test_a_store_of_this_process_is_looked_at_by_this_one(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "Hand", Scripted)
    Scripted.made = 0
    ranges = [(f"{number:03}", "") for number in range(99)]
    assert len(asyncio.run(scripted(shop, 3, ranges, lambda _: MemoryStore()))) == 99
    assert Scripted.made == 0


async def scripted(shop: Path, jobs: int, ranges: list[Range], store: Callable[[Store], Store]) -> list[str]:
    crew_shop = import_module("crew_shop")

    async def look(_billing: object, first: str, _last: str) -> str:
        return first

    with Crew(Application("crew_shop:billing", shop, None), look, jobs) as crew:
        async with crew_shop.billing().reading() as billing:
            billing.store = store(billing.store)
            return [told async for _, told in crew.over(billing)(given(ranges))]


def test_a_rebuild_that_writes_is_one_process(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rebuild", "--yes", "--jobs", "2"]) == 2
    assert "--jobs goes with --shadow" in capsys.readouterr().err
    assert cores() >= 1
