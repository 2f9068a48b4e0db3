"""The operator's desk in the demo: a folder from which every command reaches it, while it runs.

It holds what an application of one's own would have: `purchase.toml`, the module that it names, and secrets,
which nobody else can read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from purchase_core.instants import Instant, SystemClock

CONFIG, MODULE, CLOCK = "purchase.toml", "demo_shop.py", "clock"
APP = "demo_shop:billing"
SOURCE = '''"""The demo's shop, as commands open it. Your own says the same, without a clock."""

from pathlib import Path

from purchase_core import Billing
from purchase_sandbox.demo.catalog import CATALOG
from purchase_sandbox.demo.desk import DeskClock

HERE = Path(__file__).parent


def billing():
    return Billing.open(catalog=CATALOG, config=HERE / "purchase.toml", clock=DeskClock(HERE / "clock"))
'''


class DeskClock:
    """The demo's time in another process: the machine's, and what `tell_time` has written into a file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._base = SystemClock()

    def now(self) -> Instant:
        """The time that the demo has."""
        return Instant(self._base.now() + int(self._file.read_text()))


def furnish(folder: Path, configuration: Mapping[str, object], secrets: Mapping[str, str]) -> None:
    """Write it all. `configuration` refers to `secrets` as `env:NAME`; here each is a file of that name."""
    for name, value in secrets.items():
        _write(folder / name, value)
    _write(folder / CONFIG, _toml({"app": APP, **configuration}))
    _write(folder / MODULE, SOURCE)
    tell_time(folder, 0)


def tell_time(folder: Path, offset: int) -> None:
    """Have commands know by how many microseconds the demo is ahead. They see the old or the new one."""
    _write(folder / f"{CLOCK}.new", str(offset))
    (folder / f"{CLOCK}.new").replace(folder / CLOCK)


def _write(file: Path, text: str) -> None:
    file.touch(mode=0o600)
    file.write_text(text)


def _toml(table: Mapping[str, object], *names: str) -> str:
    """A table: its own keys, and then the tables in it under their headings."""
    inner = {name: one for name, one in table.items() if isinstance(one, Mapping)}
    own = [f"{name} = {_value(one)}" for name, one in table.items() if name not in inner]
    head = [f"[{'.'.join(names)}]"] if names and own else []
    return "\n".join([*head, *own, "", *(_toml(one, *names, name) for name, one in inner.items())])


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name} = {_value(one)}' for name, one in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    text = json.dumps(value)
    return text.replace('"env:', '"file:', 1)
