"""What is installed is only listed; what is asked for comes from where it must, or is refused by name."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint

import pytest

from purchase_core import Billing, Catalog
from purchase_core.errors import PluginCollision, PluginFailed, PluginMissing
from purchase_core.plugins.installed import (
    EXTRAS,
    Installed,
    find_command,
    find_plugin,
    home_of,
    installed,
    is_plugin_name,
)
from purchase_core.plugins.registry import Registry
from purchase_core.testing.plugins import MemoryPlugin

Install = Callable[[str, Mapping[str, str], Mapping[str, str]], None]

HOSTILE = "raise SystemExit('imported')"


def listed(name: str, distribution: str) -> Installed:
    return Installed(name, distribution, "1.0", EntryPoint(name, "nowhere", "purchase"))


# --- listing ---------------------------------------------------------------------------------------


def test_t12_listing_tells_the_distribution_and_imports_nothing(install: Install) -> None:
    install(
        "evil-tools", {"stripe": "evil_module", "command.demo": "evil_module:run"}, {"evil_module": HOSTILE}
    )
    before = set(sys.modules)
    found = {(one.name, one.distribution, one.version) for one in installed()}
    assert {("stripe", "evil-tools", "1.0"), ("command.demo", "evil-tools", "1.0")} <= found
    assert "evil_module" not in sys.modules
    assert not {name for name in set(sys.modules) - before if name.startswith("purchase_s")}


def test_t12_a_hostile_distribution_under_our_name_is_never_imported(install: Install) -> None:
    install("evil-tools", {"stripe": "evil_module"}, {"evil_module": HOSTILE})
    with pytest.raises(
        PluginMissing, match=r"must come from purchase-stripe.*evil-tools, which was not loaded"
    ) as told:
        Registry(listed=[one for one in installed() if one.distribution == "evil-tools"]).load("stripe")
    assert told.value.hint == 'pip install "purchase-core[stripe]"'
    assert "evil_module" not in sys.modules


def test_t12_no_pin_moves_a_reserved_name_elsewhere() -> None:
    offered = [listed("stripe", "evil-tools")]
    with pytest.raises(PluginMissing, match="must come from purchase-stripe"):
        find_plugin("stripe", offered, {"stripe": "evil-tools"})


def test_t12_of_two_the_reserved_name_is_its_own_distributions() -> None:
    offered = [listed("stripe", "evil-tools"), listed("stripe", "purchase_stripe")]
    assert find_plugin("stripe", offered, {}).distribution == "purchase_stripe"


def test_listing_is_sorted_and_the_same_each_time() -> None:
    found = [(one.name, one.distribution) for one in installed()]
    assert found == sorted(found)
    assert found == [(one.name, one.distribution) for one in installed()]


# --- finding ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("extra", EXTRAS)
def test_a_missing_plugin_of_ours_is_an_extra_to_install(extra: str) -> None:
    assert home_of(extra) == f"purchase-{extra}"
    with pytest.raises(PluginMissing, match=f"plugin '{extra}' is not installed") as told:
        find_plugin(extra, [], {})
    assert told.value.hint == f'pip install "purchase-core[{extra}]"'


def test_a_missing_plugin_of_others_names_its_pin_if_there_is_one() -> None:
    with pytest.raises(PluginMissing, match="not installed") as pinned:
        find_plugin("acme", [], {"acme": "acme-billing"})
    assert pinned.value.hint == "pip install acme-billing"
    with pytest.raises(PluginMissing) as free:
        find_plugin("acme", [], {})
    assert free.value.hint == "Install the distribution that brings it."


@pytest.mark.parametrize(
    ("written", "meant"), [("sqlit", "sqlite"), ("postgresql", "postgres"), ("acmee", "acme")]
)
def test_the_nearest_plugin_is_named_where_one_is_near(written: str, meant: str) -> None:
    with pytest.raises(PluginMissing, match="is not installed") as told:
        find_plugin(
            written, iter([listed("acme", "acme-billing"), listed("command.acmee", "acme-billing")]), {}
        )
    assert told.value.hint == f"Did you mean {meant!r}?"


def test_f104_two_distributions_of_one_name_are_refused_and_both_are_named() -> None:
    offered = [listed("acme", "acme-billing"), listed("acme", "other-billing")]
    with pytest.raises(PluginCollision, match="'acme' is offered by acme-billing and other-billing") as told:
        find_plugin("acme", offered, {})
    assert "[plugins]" in told.value.hint


@pytest.mark.parametrize("pin", ["acme-billing", "Acme_Billing", "acme.billing", "ACME--billing"])
def test_a_pin_decides_however_it_is_spelled(pin: str) -> None:
    offered = [listed("acme", "acme-billing"), listed("acme", "other-billing")]
    assert find_plugin("acme", offered, {"acme": pin}).distribution == "acme-billing"


def test_a_pinned_plugin_comes_from_nowhere_else() -> None:
    with pytest.raises(PluginMissing, match="must come from acme-billing; it is offered by other-billing"):
        find_plugin("acme", [listed("acme", "other-billing")], {"acme": "acme-billing"})


LOOK_ALIKES = [
    "ѕtripe",  # noqa: RUF001  # Cyrillic dze
    "stripе",  # noqa: RUF001  # Cyrillic ie
    "ｓtripe",  # noqa: RUF001  # full width
    "strıpe",  # noqa: RUF001  # dotless i
    "str\u200bipe",
    "stripe\u0301",
    "stripe\n",
    " stripe",
    "Stripe",
    "STRIPE",
    "",
    "-stripe",
    "1stripe",
    "stripe.eu",
    "command.demo",
    "../stripe",
    "stripe:evil",
    "s" * 49,
    "s" * 1_000_000,
]


@pytest.mark.parametrize("name", LOOK_ALIKES, ids=range(len(LOOK_ALIKES)))
def test_f104_a_look_alike_is_no_name_even_if_it_is_installed(name: str) -> None:
    assert not is_plugin_name(name)
    with pytest.raises(PluginMissing, match="cannot be a plugin's name") as told:
        find_plugin(name, [listed(name, "evil-tools")], {})
    assert len(str(told.value)) < 1_000


def test_f104_names_that_differ_in_one_character_are_different_names() -> None:
    with pytest.raises(PluginMissing):
        find_plugin("acme", [listed("acme-", "evil-tools"), listed("acm", "evil-tools")], {})


# --- an application that starts --------------------------------------------------------------------


def start(plugin: str, pins: Mapping[str, str] | None = None) -> None:
    """Open an application with one connection, and close it."""
    one = {"plugin": plugin, "mode": "test", "api_key": "env:KEY", "webhook_secrets": ["env:SECRET"]}
    config = {"store": {"plugin": "memory"}, "connections": {"one": one}, "plugins": dict(pins or {})}
    environ = {"KEY": "key", "SECRET": "whsec_long-enough-to-be-believed"}

    async def scene() -> None:
        memory = MemoryPlugin()
        async with Billing.open(catalog=Catalog(), config=config, plugins=[memory], environ=environ):
            assert list(memory.providers) == ["one"]

    asyncio.run(scene())


def test_t12_an_application_imports_nothing_that_it_does_not_name(install: Install) -> None:
    """Not even what is installed under a name that it uses, where it has handed over its own."""
    names = ["memory", "scripted", "first", "sandbox", "sqlite", "stripe", "acme", "purchase", "command.demo"]
    install("evil-tools", dict.fromkeys(names, "evil_module"), {"evil_module": HOSTILE})
    start("scripted")
    assert "evil_module" not in sys.modules


def test_f104_an_application_does_not_start_where_two_distributions_offer_what_it_names(
    install: Install,
) -> None:
    for word in ("one", "two"):
        install(f"dist-{word}", {"acme": f"plugin_{word}"}, {f"plugin_{word}": HOSTILE})
    with pytest.raises(PluginCollision, match="plugin 'acme' is offered by dist-one and dist-two"):
        start("acme")
    assert not {"plugin_one", "plugin_two"} & set(sys.modules)
    with pytest.raises(PluginFailed, match=r"'acme' \(dist-two 1.0\) cannot be imported"):
        start("acme", {"acme": "dist-two"})
    assert "plugin_one" not in sys.modules


# --- commands --------------------------------------------------------------------------------------


def test_a_command_is_found_by_its_word_only() -> None:
    offered = [listed("command.shop", "acme-billing"), listed("shop", "other")]
    found = find_command("shop", offered)
    assert found is not None
    assert found.distribution == "acme-billing"
    assert find_command("sho", offered) is None


def test_f104_two_distributions_of_one_command_are_refused() -> None:
    offered = [listed("command.shop", "acme-billing"), listed("command.shop", "other")]
    with pytest.raises(PluginCollision, match="command 'shop' is offered by acme-billing and other"):
        find_command("shop", offered)


def test_t12_the_demo_is_ours_whoever_else_offers_one() -> None:
    assert find_command("demo", [listed("command.demo", "evil-tools")]) is None
    offered = [listed("command.demo", "evil-tools"), listed("command.demo", "purchase-sandbox")]
    found = find_command("demo", offered)
    assert found is not None
    assert found.distribution == "purchase-sandbox"
