"""The public surface, and what importing it costs: nothing that is opened, nothing heavy, no thread."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import purchase_core

ROOT = Path(purchase_core.__file__).parent
HEAVY = (
    "sqlite3", "aiosqlite", "sqlalchemy", "greenlet", "httpx", "httpcore", "h11", "requests", "ssl",
    "http.client", "http.server", "stripe", "starlette", "fastapi", "flask", "django", "uvicorn", "jinja2",
    "click", "rich", "multiprocessing", "subprocess", "concurrent.futures.process",
    "concurrent.futures.thread", "pytest", "hypothesis", "purchase_core.testing", "purchase_core.cli",
)  # fmt: skip
# asyncio itself loads these, whatever of it is used.
WITH_ASYNCIO = {"ssl", "subprocess", "concurrent.futures.process", "concurrent.futures.thread"}


def in_a_new_process(code: str) -> Any:
    """What the code prints as JSON, run by a Python that has imported nothing yet."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603  # our own
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def modules(*leave_out: str) -> list[str]:
    paths = (path.relative_to(ROOT.parent).with_suffix("") for path in sorted(ROOT.rglob("*.py")))
    names = (".".join(path.parts).removesuffix(".__init__") for path in paths)
    return [name for name in names if not name.startswith(tuple(f"purchase_core.{one}" for one in leave_out))]


# --- names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", purchase_core.__all__)
def test_every_public_name_is_there_documented_and_the_same_each_time(name: str) -> None:
    found = getattr(purchase_core, name)
    assert found.__doc__
    assert getattr(purchase_core, name) is found


def test_the_list_is_sorted_whole_and_what_completion_shows() -> None:
    assert sorted(purchase_core.__all__) == purchase_core.__all__ == dir(purchase_core)
    assert set(purchase_core._HOMES) == set(purchase_core.__all__)


@pytest.mark.parametrize("name", ["Store", "billing_", "Purchase", "__wrapped__"])
def test_what_is_not_public_is_an_attribute_error(name: str) -> None:
    with pytest.raises(AttributeError, match=f"module 'purchase_core' has no attribute '{name}'"):
        getattr(purchase_core, name)


def test_a_billing_has_what_the_readme_promises() -> None:
    from purchase_core.billing import Billing, Parts  # noqa: PLC0415

    assert callable(Billing.open)
    assert {"catalog", "config"} <= set(Billing.open.__annotations__)
    assert callable(Billing.asgi)
    assert Parts.__doc__
    source = (ROOT / "billing.py").read_text()
    for name in ("checkout", "webhooks", "customers", "receipts"):
        assert f"self.{name} = " in source


# --- what importing costs --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("import purchase_core", set()),
        ("from purchase_core import Catalog, Money, feature, plan, quota, subscription, credit_unit", set()),
        ("from purchase_core import Billing", WITH_ASYNCIO),
        ("import purchase_core.asgi", WITH_ASYNCIO),
        ("from purchase_core.plugins import hookspecs", set()),
    ],
)
def test_importing_loads_no_driver_no_sdk_and_starts_no_thread(code: str, allowed: set[str]) -> None:
    loaded, threads = in_a_new_process(
        f"import json, sys, threading\nbefore = set(sys.modules)\n{code}\n"
        "print(json.dumps([sorted(set(sys.modules) - before), threading.active_count()]))"
    )
    assert [name for name in HEAVY if name in loaded and name not in allowed] == []
    assert threads == 1


def test_a_catalog_loads_no_event_loop() -> None:
    code = "import json, sys, purchase_core.catalog.catalog; print(json.dumps('asyncio' in sys.modules))"
    assert in_a_new_process(code) is False


def test_the_help_of_the_command_line_loads_little() -> None:
    code = (
        "import json, sys\nfrom purchase_core.cli.main import run\n"
        "sys.stdout, kept = sys.stderr, sys.stdout\nrun(['--help'])\nsys.stdout = kept\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    loaded = in_a_new_process(code)
    assert not {"asyncio", "msgspec", "attr", "pluggy", "sqlite3", "ssl", "purchase_core.billing"} & set(
        loaded
    )


# --- where little is allowed -----------------------------------------------------------------------

LIMITED = """
import asyncio, json, sys, threading
from importlib import import_module

BLOCKED = {"sqlite3", "_sqlite3", "greenlet", "multiprocessing", "sqlalchemy", "httpx", "click"}
LATER = {"ssl", "_ssl", "subprocess", "_posixsubprocess"}  # asyncio has asked for these already

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED | LATER:
            raise ModuleNotFoundError(f"{name} is not there")

for name in list(sys.modules):
    if name.partition(".")[0] in BLOCKED | LATER:
        sys.modules[name] = None
sys.meta_path.insert(0, Blocked())

def no_threads(self):
    raise RuntimeError("no threads here")
threading.Thread.start = no_threads

for name in MODULES:
    import_module(name)

from purchase_core import Billing, Catalog, feature, plan, subscription
from purchase_core.testing.plugins import MemoryPlugin

export = feature("export")
catalog = Catalog(subscription("app", plans=[plan("free", default=True, includes=[export()])]))

async def scene():
    config = {"store": {"plugin": "memory"}, "connections": {"shop": {
        "plugin": "scripted", "mode": "test", "api_key": "env:KEY", "webhook_secrets": ["env:SECRET"]}}}
    environ = {"KEY": "key", "SECRET": "whsec_" + "a" * 32}
    memory = MemoryPlugin()
    async with Billing.open(catalog=catalog, config=config, plugins=[memory], environ=environ) as billing:
        rights = await billing.customers.entitlements("user_1")
        body, headers = memory.providers["shop"].signed(b'{"id": "evt_1"}', now=billing.webhooks._clock.now())
        receipt = await billing.webhooks.receive("shop", body, headers)
        return [sorted(rights.features), receipt.status]

print(json.dumps(asyncio.run(scene())))
"""


def test_a_billing_answers_where_there_are_no_threads_no_sockets_and_no_sqlite() -> None:
    names = modules("cli", "frameworks", "sync", "testing")
    assert len(names) > 50
    found = in_a_new_process(LIMITED.replace("MODULES", repr(names)))
    assert found == [["export"], "ignored"]
