"""What a plugin registers: frozen descriptors, each with a configuration type and a factory.

A descriptor is read without opening anything. Its `config` is an attrs class: the keys of the plugin's
table in `purchase.toml` become its arguments, unknown keys are errors, and a field of type `Secret` is
written there as a reference (`env:NAME`, `file:PATH`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Generic, TypeVar

import attrs

from purchase_core.identifiers import IdSource
from purchase_core.instants import Clock
from purchase_core.ports.provider import Capabilities, Connection, Provider
from purchase_core.ports.router import Router
from purchase_core.ports.store import Store
from purchase_core.records.effect import Effect
from purchase_core.secret import Secret

API_VERSION = 1
"""Of everything in this module, of the hooks and of the ports. A plugin says which one it was written for."""

C = TypeVar("C")


@attrs.frozen
class NoConfig:
    """The configuration of a plugin that has none."""


@attrs.frozen
class ProviderOpening(Generic[C]):
    """What a provider's factory gets. `api_key` and `webhook_secrets` are resolved and never print."""

    connection: Connection
    config: C
    api_key: Secret
    webhook_secrets: tuple[Secret, ...]
    clock: Clock
    ids: IdSource


@attrs.frozen
class StoreOpening(Generic[C]):
    """What a store's factory gets. `folder` is what relative paths in the configuration are relative to."""

    config: C
    folder: Path
    clock: Clock


@attrs.frozen
class ProviderPlugin(Generic[C]):
    """A kind of payment provider. `open` makes the adapter of one connection; it need not call anybody.

    `test_only`: it moves no money, and is refused on a live connection.
    """

    name: str
    capabilities: Capabilities
    config: type[C]
    open: Callable[[ProviderOpening[C]], Awaitable[Provider]]
    api_version: int = API_VERSION
    test_only: bool = False


@attrs.frozen
class StorePlugin(Generic[C]):
    """A kind of database.

    `sql`: the text of all migrations under a configuration, for people who run it themselves; it is asked for
    without connecting, and with a secret that is none. None: this store has no such text.
    """

    name: str
    config: type[C]
    open: Callable[[StoreOpening[C]], Awaitable[Store]]
    api_version: int = API_VERSION
    sql: Callable[[C], str] | None = None


@attrs.frozen
class RouterPlugin(Generic[C]):
    """A way to choose among connections. Routers are pure, so making one is too."""

    name: str
    config: type[C]
    make: Callable[[C], Router]
    api_version: int = API_VERSION


@attrs.frozen
class Subscriber:
    """Somebody who must be told of what happened: each time, in the order of each customer, at least once.

    `tell` is awaited with one effect; what it raises has it told again later. It may be told the same effect
    twice: `Effect.key` says that it is the same. `events` are names such as `purchase.granted`, or beginnings
    of names that end with a dot (`case.`); none: all. `seconds_max`: how long one effect may take.
    `lanes_at_once`: how many customers it is told of at one time.
    """

    name: str
    tell: Callable[[Effect], Awaitable[object]]
    events: tuple[str, ...] = ()
    seconds_max: float = 30.0
    lanes_at_once: int = 1
    api_version: int = API_VERSION

    def wants(self, effect: Effect) -> bool:
        """Whether it is to be told."""
        families = tuple(name for name in self.events if name.endswith("."))
        return not self.events or effect.name in self.events or effect.name.startswith(families)
