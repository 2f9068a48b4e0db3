"""Opening: secrets reach adapters resolved and masked, or nothing opens."""

from __future__ import annotations

from typing import Any

import pytest

from purchase_core import Billing, Catalog
from purchase_core.errors import (
    ConfigurationError,
    SecretMissing,
)
from purchase_core.secret import Secret
from purchase_core.testing.plugins import MemoryPlugin
from purchase_core.testing.scripted import ScriptedProvider
from tests.openings import CANARY, ENVIRON, SCRIPTED, Order, config, opened, opening


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
