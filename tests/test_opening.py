"""Opening: all of it or nothing, in order, and closed again in reverse."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
from msgspec.structs import replace

from purchase_core import Billing, Catalog
from purchase_core.errors import (
    ConfigurationError,
    PluginFailed,
    PluginMissing,
    PolicyInvalid,
    ProviderUnavailable,
    PurchaseError,
    SchemaError,
    SecretMissing,
    StoreUnavailable,
    UsageError,
)
from purchase_core.opening import Opening
from purchase_core.plugins.descriptors import (
    RouterPlugin,
    StoreOpening,
)
from purchase_core.plugins.hookspecs import hookimpl
from purchase_core.ports.router import Candidate, Router, RouteRequest, RoutingDecision
from purchase_core.routing.router import PolicyRouter
from purchase_core.secret import Secret
from purchase_core.testing.memory_store import SCHEMA_VERSION, MemoryDatabase, MemoryStore
from purchase_core.testing.plugins import MemoryPlugin
from purchase_core.testing.scripted import ScriptedProvider

CANARY = "canary-4711"
ENVIRON = {"KEY": f"key-{CANARY}", "SECRET": f"whsec_{CANARY}-long-enough-to-be-believed"}
SCRIPTED: dict[str, object] = {
    "plugin": "scripted",
    "mode": "test",
    "api_key": "env:KEY",
    "webhook_secrets": ["env:SECRET"],
}


def config(*connections: str, **tables: object) -> dict[str, object]:
    return {
        "store": {"plugin": "memory"},
        "connections": {name: dict(SCRIPTED) for name in connections},
        **tables,
    }


def opening(
    settings: dict[str, object] | Path | str, *plugins: object, environ: dict[str, str] | None = None
) -> Opening:
    return Billing.open(
        catalog=Catalog(),
        config=settings,
        plugins=plugins or (MemoryPlugin(),),
        environ=ENVIRON if environ is None else environ,
    )


def opened(one: Opening) -> Billing:
    async def scene() -> Billing:
        async with one as billing:
            return billing

    return asyncio.run(scene())


class Order(MemoryPlugin):
    """Notes what is opened and closed, in order; `errors` are raised at the step of that name."""

    def __init__(
        self, *, database: MemoryDatabase | None = None, errors: dict[str, BaseException] | None = None
    ) -> None:
        super().__init__(database)
        self.steps: list[str] = []
        self.errors = dict(errors or {})

    def step(self, name: str) -> None:
        self.steps.append(name)
        if name in self.errors:
            raise self.errors[name]

    async def _open_store(self, opening: StoreOpening[Any]) -> MemoryStore:
        plugin = self

        class Store(MemoryStore):
            async def aclose(self) -> None:
                plugin.step("close store")
                await super().aclose()

        self.step("open store")
        return Store(self.database)

    async def _open_provider(self, opening: Any) -> ScriptedProvider:
        plugin = self

        class Noted(ScriptedProvider):
            async def aclose(self) -> None:
                plugin.step(f"close {self.connection.name}")

        self.step(f"open {opening.connection.name}")
        return Noted(opening.connection, opening.webhook_secrets)


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


# --- secrets ---------------------------------------------------------------------------------------


def test_secrets_reach_the_factory_resolved_and_masked() -> None:
    got: list[Any] = []

    class Keeps(MemoryPlugin):
        async def _open_provider(self, opening: Any) -> ScriptedProvider:
            got.append(opening)
            return await super()._open_provider(opening)

    opened(opening(config("one"), Keeps()))
    (found,) = got
    assert found.api_key == Secret(ENVIRON["KEY"])
    assert found.webhook_secrets == (Secret(ENVIRON["SECRET"]),)
    assert CANARY not in repr(found)


@pytest.mark.parametrize(
    "secret", ["", " ", "whsec_", "short", f"whsec_{CANARY}", "\n\n", "whsec_" + " " * 40], ids=repr
)
@pytest.mark.parametrize("place", [0, 1])
def test_f18_a_weak_webhook_secret_opens_nothing_whatever_the_adapter_checks(secret: str, place: int) -> None:
    references = ["env:SECRET", "env:OTHER"]
    environ = {**ENVIRON, ["SECRET", "OTHER"][place]: secret, ["OTHER", "SECRET"][place]: ENVIRON["SECRET"]}
    plugin = Order()
    settings = config(connections={"one": {**SCRIPTED, "webhook_secrets": references}})
    with pytest.raises(SecretMissing, match=r"\[connections\.one\] webhook_secrets") as told:
        opened(opening(settings, plugin, environ=environ))
    assert CANARY not in str(told.value)
    assert plugin.steps == ["open store", "close store"]


@pytest.mark.parametrize("missing", ["KEY", "SECRET"])
def test_a_secret_that_is_not_there_is_named_by_reference(missing: str) -> None:
    environ = {name: value for name, value in ENVIRON.items() if name != missing}
    with pytest.raises(SecretMissing, match=rf"\[connections\.one\] \w+: env:{missing} is not set"):
        opened(opening(config("one"), environ=environ))


@pytest.mark.parametrize(
    "variable", ["TEST_MODE", "DEBUG", "PURCHASE_INSECURE", "PURCHASE_TEST", "CI", "PYTEST_CURRENT_TEST"]
)
@pytest.mark.parametrize("value", ["1", "true", "live"])
def test_t15_no_environment_variable_weakens_a_check(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    live = config(connections={"one": {**SCRIPTED, "mode": "live"}})
    with pytest.raises(ConfigurationError, match="moves no money, so it cannot be live") as told:
        opened(opening(live))
    assert told.value.hint == 'Write mode = "test".'
    with pytest.raises(SecretMissing):
        opened(opening(config("one"), environ={"KEY": "key", "SECRET": "weak"}))
    with pytest.raises(SecretMissing):
        opened(opening(config("one"), environ={**ENVIRON, "SECRET": "", variable: value}))


def test_secrets_come_from_the_process_if_no_environment_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SecretMissing):
        opened(opening(config("one"), environ={}))
    given = Billing.open(catalog=Catalog(), config=config("one"), plugins=[MemoryPlugin()])
    assert list(opened(given).connections) == ["one"]


# --- plugins and routers ---------------------------------------------------------------------------


class Backwards(Router):
    name = "backwards"

    def decide(self, request: RouteRequest, candidates: tuple[Candidate, ...]) -> RoutingDecision:
        decision = PolicyRouter().decide(request, candidates)
        return replace(decision, order=decision.order[::-1])


@attrs.frozen
class BackwardsConfig:
    weight: int
    key: Secret | None = None


class BringsRouter:
    def __init__(self, make: Callable[[Any], Any]) -> None:
        self.make = make

    @hookimpl
    def purchase_register_routers(self) -> Sequence[RouterPlugin[Any]]:
        return [RouterPlugin("backwards", BackwardsConfig, self.make)]


def with_router(make: Callable[[Any], Any], **options: object) -> Opening:
    table = {"plugin": "backwards", **options}
    return opening(config("one", router=table), MemoryPlugin(), BringsRouter(make))


def test_a_plugins_router_is_made_from_its_table() -> None:
    made: list[BackwardsConfig] = []

    def make(given: BackwardsConfig) -> Router:
        made.append(given)
        return Backwards()

    opened(with_router(make, weight=7))
    assert made == [BackwardsConfig(7)]


@pytest.mark.parametrize(
    ("make", "options", "why"),
    [
        (lambda _config: Backwards(), {}, "lacks weight"),
        (lambda _config: Backwards(), {"weight": "7"}, "weight"),
        (lambda _config: Backwards(), {"weight": 7, "key": "env:KEY"}, "holds no secrets"),
        (lambda _config: 1 / 0, {"weight": 7}, "backwards failed: ZeroDivisionError"),
        (lambda _config: None, {"weight": 7}, "made a NoneType, which is no Router"),
    ],
)
def test_a_router_that_cannot_be_made_is_a_configuration_error(
    make: Callable[[Any], Any], options: dict[str, object], why: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf"configuration \[router\].*{re.escape(why)}"):
        opened(with_router(make, **options))


def test_the_built_in_router_knows_its_options_and_a_missing_one_is_named() -> None:
    with pytest.raises(PolicyInvalid, match="unknown key 'weight'"):
        opened(opening(config(router={"plugin": "policy", "weight": 1})))
    with pytest.raises(PluginMissing, match="'nowhere' is not installed"):
        opened(opening(config(router={"plugin": "nowhere"})))


@pytest.mark.parametrize("table", ["store", "connections"])
def test_a_plugin_of_another_kind_is_named(table: str) -> None:
    swapped: dict[str, object] = {
        "store": config(store={"plugin": "scripted"}),
        "connections": config(connections={"one": {**SCRIPTED, "plugin": "memory"}}),
    }
    with pytest.raises(PluginMissing, match=r"brings no (store|provider)"):
        opened(opening(swapped[table]))  # type: ignore[arg-type]


def test_a_listed_plugin_that_is_not_installed_stops_the_opening() -> None:
    plugin = Order()
    with pytest.raises(PluginMissing, match="'audit' is not installed") as told:
        opened(opening(config(plugins={"audit": "acme-audit"}), plugin))
    assert told.value.hint == "pip install acme-audit"
    assert plugin.steps == []


def test_another_file_can_be_used_instead(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text('[store]\nplugin = "memory"\n[reads]\nmax_stale_seconds = 7\n')
    one = opening(config("one"), MemoryPlugin())
    other = one.configured(tmp_path / "other.toml")
    assert (other.settings().source, other.settings().reads.max_stale_seconds) == ("other.toml", 7.0)
    assert one.settings().source == "configuration"
    assert opened(other).connections == {}


def test_every_error_of_opening_is_one_of_ours() -> None:
    bad: list[dict[str, object]] = [
        {},
        {"store": 1},
        {"store": {}},
        {"stor": {}},
        {"store": {"plugin": "memory", "x": 1}},
    ]
    for settings in bad:
        with pytest.raises(PurchaseError):
            opened(opening(settings))
