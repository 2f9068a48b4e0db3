"""Opening: all of it or nothing, in order, and closed again in reverse."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from purchase_core import Billing
from purchase_core.errors import (
    PluginFailed,
    ProviderUnavailable,
    SchemaError,
    StoreUnavailable,
    UsageError,
)
from purchase_core.opening import Opening
from purchase_core.plugins.descriptors import (
    StoreOpening,
)
from purchase_core.testing.memory_store import SCHEMA_VERSION, MemoryDatabase, MemoryStore
from purchase_core.testing.plugins import MemoryPlugin
from purchase_core.testing.scripted import ScriptedProvider
from tests.openings import CANARY, Order, config, opened, opening

BOOM = ValueError(f"boom {CANARY}")


# --- in order --------------------------------------------------------------------------------------


def test_the_store_opens_first_and_closes_last() -> None:
    plugin = Order()
    opened(opening(config("one", "two"), plugin))
    assert plugin.steps == ["open store", "open one", "open two", "close two", "close one", "close store"]


@pytest.mark.parametrize(
    ("step", "steps"),
    [
        ("open store", ["open store"]),
        ("open one", ["open store", "open one", "close store"]),
        ("open two", ["open store", "open one", "open two", "close one", "close store"]),
    ],
)
def test_what_was_opened_before_a_failure_is_closed(step: str, steps: list[str]) -> None:
    plugin = Order(errors={step: BOOM})
    with pytest.raises(PluginFailed, match="failed to open: ValueError") as told:
        opened(opening(config("one", "two"), plugin))
    assert plugin.steps == steps
    assert CANARY not in str(told.value)
    assert told.value.__cause__ is BOOM


@pytest.mark.parametrize("step", ["open store", "open one"])
def test_a_module_that_is_not_there_is_named_with_how_it_is_installed(step: str) -> None:
    plugin = Order(errors={step: ModuleNotFoundError("No module named 'driver'", name="driver")})
    with pytest.raises(PluginFailed, match="failed to open: there is no driver") as told:
        opened(opening(config("one"), plugin))
    assert told.value.hint == "Install the distribution that brings it."


def test_all_is_closed_although_closing_one_fails() -> None:
    plugin = Order(errors={"close two": BOOM})
    with pytest.raises(ValueError, match="boom"):
        opened(opening(config("one", "two"), plugin))
    assert plugin.steps[-3:] == ["close two", "close one", "close store"]


def test_all_is_closed_after_an_error_inside_which_is_passed_on() -> None:
    plugin = Order()

    async def scene() -> None:
        async with opening(config("one"), plugin):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        asyncio.run(scene())
    assert plugin.steps == ["open store", "open one", "close one", "close store"]


@pytest.mark.parametrize(
    "error",
    [SystemExit(CANARY), BaseException(CANARY), GeneratorExit(), asyncio.CancelledError(), MemoryError()],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("step", ["open store", "open one"])
def test_f102_whatever_opening_raises_is_the_plugins_failure(error: BaseException, step: str) -> None:
    with pytest.raises(PluginFailed, match=type(error).__name__) as told:
        opened(opening(config("one"), Order(errors={step: error})))
    assert CANARY not in str(told.value)


@pytest.mark.parametrize(
    "error", [ProviderUnavailable("busy"), StoreUnavailable("full"), KeyboardInterrupt()]
)
def test_an_error_of_ours_or_a_persons_is_passed_on(error: BaseException) -> None:
    with pytest.raises(type(error)) as told:
        opened(opening(config("one"), Order(errors={"open one": error})))
    assert told.value is error


def test_our_own_cancellation_while_opening_is_passed_on_and_closes() -> None:
    class Hangs(Order):
        async def _open_provider(self, opening: Any) -> ScriptedProvider:
            self.step("open one")
            return await asyncio.Event().wait()  # type: ignore[return-value]

    plugin = Hangs()

    async def scene() -> bool:
        task = asyncio.create_task(opening(config("one"), plugin).__aenter__())
        while "open one" not in plugin.steps:
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(scene())
    assert plugin.steps == ["open store", "open one", "close store"]


@pytest.mark.parametrize("step", ["store", "provider"])
def test_a_factory_that_makes_something_else_is_refused(step: str) -> None:
    async def nothing(_opening: Any) -> Any:
        return None

    plugin = MemoryPlugin()
    vars(plugin)[f"_open_{step}"] = nothing
    with pytest.raises(PluginFailed, match=f"opened a NoneType, which is no {step.title()}"):
        opened(opening(config("one"), plugin))


# --- once, and beside others -----------------------------------------------------------------------


def test_one_opening_is_open_once_at_a_time_and_again_later() -> None:
    one = opening(config("one"))

    async def scene() -> int:
        async with one as first:
            with pytest.raises(UsageError, match="open already"):
                await one.__aenter__()
            assert await first.store.schema()
        async with one as second:
            assert second is not first
        return 1

    assert asyncio.run(scene()) == 1


def test_an_opening_that_failed_can_be_tried_again() -> None:
    plugin = Order(errors={"open one": BOOM})
    one = opening(config("one"), plugin)
    with pytest.raises(PluginFailed):
        opened(one)
    plugin.errors.clear()
    assert list(opened(one).connections) == ["one"]


def test_billings_beside_each_other_share_nothing() -> None:
    async def scene() -> tuple[Billing, Billing]:
        plugins = MemoryPlugin(), MemoryPlugin()
        async with opening(config("one"), plugins[0]) as one:
            async with opening(config("one", "two"), plugins[1]) as two:
                assert list(one.connections) == ["one"]
                assert list(two.connections) == ["one", "two"]
                assert one.connections["one"] is not two.connections["one"]
            assert plugins[1].providers["one"].closed
            assert not plugins[0].providers["one"].closed
            assert await one.store.schema()
            rights = await one.customers.entitlements("user_1")
            assert not rights.features
            return one, two

    asyncio.run(scene())


def test_making_an_opening_reads_and_opens_nothing(tmp_path: Path) -> None:
    opening(tmp_path / "absent.toml")
    plugin = Order()
    opening(config("one"), plugin)
    assert plugin.steps == []


# --- tables ----------------------------------------------------------------------------------------


def test_an_empty_database_gets_its_tables() -> None:
    database = MemoryDatabase()
    opened(opening(config(), MemoryPlugin(database)))
    assert database.schema_version == SCHEMA_VERSION


def test_newer_tables_are_refused_and_left_alone() -> None:
    database = MemoryDatabase(SCHEMA_VERSION + 1)
    plugin = Order(database=database)
    with pytest.raises(SchemaError, match=f"version {SCHEMA_VERSION + 1}, newer than this code's") as told:
        opened(opening(config(), plugin))
    assert "Upgrade" in told.value.hint
    assert database.schema_version == SCHEMA_VERSION + 1
    assert plugin.steps == ["open store", "close store"]


def test_older_tables_are_not_migrated_by_opening(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("purchase_core.testing.memory_store.SCHEMA_VERSION", 5)
    database = MemoryDatabase(4)
    with pytest.raises(SchemaError, match="are at version 4; this code needs 5") as told:
        opened(opening(config(), MemoryPlugin(database)))
    assert told.value.hint == "Run `purchase migrate`."
    assert database.schema_version == 4


# --- reading ---------------------------------------------------------------------------------------


def read(one: Opening) -> Billing:
    async def scene() -> Billing:
        async with one.reading() as billing:
            assert await billing.webhooks.list() == []
            return billing

    return asyncio.run(scene())


def test_reading_needs_no_secret_and_opens_no_connection() -> None:
    plugin = Order(database=MemoryDatabase(SCHEMA_VERSION))
    assert read(opening(config("one"), plugin, environ={})).connections == {}
    assert plugin.steps == ["open store", "close store"]


def test_reading_makes_no_tables() -> None:
    database = MemoryDatabase()
    with pytest.raises(SchemaError, match="the tables are missing") as told:
        read(opening(config(), MemoryPlugin(database)))
    assert told.value.hint == "Run `purchase migrate`."
    assert database.schema_version == 0


def test_reading_asks_the_store_to_open_read_only() -> None:
    asked: list[bool] = []

    class Asked(MemoryPlugin):
        async def _open_store(self, opening: StoreOpening[Any]) -> MemoryStore:
            asked.append(opening.config.read_only)
            return await super()._open_store(opening)

    plugin = Asked(MemoryDatabase(SCHEMA_VERSION))
    read(opening(config(), plugin))
    opened(opening(config(), plugin))
    assert asked == [True, False]


def test_the_store_alone_opens_whatever_its_tables() -> None:
    async def scene(one: Opening) -> int:
        async with one.store() as store:
            return (await store.schema()).found

    for version in (0, SCHEMA_VERSION, SCHEMA_VERSION + 1):
        plugin = Order(database=MemoryDatabase(version))
        assert asyncio.run(scene(opening(config("one"), plugin, environ={}))) == version
        assert plugin.steps == ["open store", "close store"]
