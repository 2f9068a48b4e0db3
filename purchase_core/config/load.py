"""From `purchase.toml`, or `[tool.purchase]` in `pyproject.toml`, to settings. One file wins, unmerged."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import attrs

from purchase_core.access.policy import AccessPolicy, AccessRules
from purchase_core.config.policies import read_policy
from purchase_core.config.settings import (
    DEFAULT_ENVIRONMENT,
    DEFAULT_PROJECT,
    ConnectionSettings,
    ReadsSettings,
    ReconcileSettings,
    RetentionSettings,
    RouterSettings,
    Settings,
    StoreSettings,
)
from purchase_core.config.tables import Table, read_table, refuse_unknown, sub_table, text
from purchase_core.errors import ConfigurationError
from purchase_core.inbox.settings import InboxSettings
from purchase_core.outbox.settings import SubscriberSettings, TickSettings
from purchase_core.routing.failover import FailoverPolicy
from purchase_core.routing.policy import Policy
from purchase_core.secret import Secret
from purchase_core.workflows.trials import CheckoutPolicy

T = TypeVar("T")

FILE = "purchase.toml"
PYPROJECT = "pyproject.toml"
FILE_BYTES_MAX = 1_048_576
MODES = ("test", "live")
NUMBER_MAX = 2_147_483_647

_KEYS = (
    "app", "project", "environment", "connections", "store", "router", "shadow", "failover", "inbox",
    "access", "checkout", "reads", "subscribers", "tick", "reconcile", "retention", "plugins",
    "claim_secret", "metrics_token", "release", "public_url",
)  # fmt: skip
_CONNECTION_KEYS = ("plugin", "mode", "api_key", "webhook_secrets")
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,47}", re.ASCII)


def load_policy(path: str | Path) -> Policy:
    """The routing policy of a TOML file: the keys of [router], at its top or under that heading.

    Raises ConfigurationError, or PolicyInvalid with every problem.
    """
    table = _parse(Path(path))
    found = table.get("router", table)
    if not isinstance(found, Mapping):
        raise ConfigurationError(f"{Path(path).name}: 'router' must be a table")
    return read_policy(_without_plugin(found), where=Path(path).name)


def load_access(path: str | Path) -> AccessPolicy:
    """The access policy of a TOML file: the keys of [access], at its top or under that heading.

    Raises ConfigurationError.
    """
    table = _parse(Path(path))
    return _access(table if "access" in table else {"access": table}, Path(path).name)


def find_config(folder: Path) -> Path:
    """The configuration of a folder. Raises ConfigurationError where there is none."""
    for name in (FILE, PYPROJECT):
        path = folder / name
        if path.is_file() and (name == FILE or "purchase" in _tool(_parse(path))):
            return path
    raise ConfigurationError(
        f"no {FILE} and no [tool.purchase] in {PYPROJECT} in {folder.resolve().name or folder}",
        hint="Give the file with --config, or make one: the README shows the shortest.",
    )


def load_settings(config: str | Path | Mapping[str, object], *, folder: Path | None = None) -> Settings:
    """The settings of a file, or of a table that was made in code. Raises ConfigurationError."""
    if isinstance(config, Mapping):
        return read_settings(config, source="configuration", folder=folder or Path.cwd())
    path = Path(config)
    parsed = _parse(path)
    if path.name == PYPROJECT:
        table = _tool(parsed).get("purchase")
        if not isinstance(table, Mapping):
            raise ConfigurationError(f"{path.name} has no table [tool.purchase]")
        parsed = dict(table)
    return read_settings(parsed, source=path.name, folder=path.resolve().parent)


def read_settings(table: Table, *, source: str, folder: Path) -> Settings:
    """The settings of one table, checked as far as that goes without plugins."""
    refuse_unknown(table, _KEYS, where=source)
    connections = sub_table(table, "connections", where=source)
    return Settings(
        source=source,
        folder=folder,
        app=text(table, "app", where=source, default=""),
        project=_namespace(table, "project", DEFAULT_PROJECT, source),
        environment=_namespace(table, "environment", DEFAULT_ENVIRONMENT, source),
        connections={name: _connection(name, connections, source) for name in connections},
        store=_store(table, source),
        router=_router(table, "router", source),
        shadow=_router(table, "shadow", source) if "shadow" in table else None,
        failover=_section(FailoverPolicy, table, "failover", source, least=1),
        inbox=_section(InboxSettings, table, "inbox", source, least=1),
        access=_access(table, source),
        reads=_section(ReadsSettings, table, "reads", source),
        checkout=_section(CheckoutPolicy, table, "checkout", source),
        subscribers=_section(SubscriberSettings, table, "subscribers", source, least=1),
        tick=_section(TickSettings, table, "tick", source),
        reconcile=_section(ReconcileSettings, table, "reconcile", source),
        retention=_section(RetentionSettings, table, "retention", source),
        plugins=_plugins(table, source),
        claim_secret=text(table, "claim_secret", where=source, default=""),
        metrics_token=text(table, "metrics_token", where=source, default=""),
        release=text(table, "release", where=source, default=""),
        public_url=text(table, "public_url", where=source, default=""),
    )


def _access(table: Table, source: str) -> AccessPolicy:
    """The rules of all products, and of single ones: what those leave out is as for all."""
    where = f"{source} [access]"
    access = dict(sub_table(table, "access", where=source))
    products = sub_table(access, "products", where=where)
    access.pop("products", None)
    rules = _checked(AccessRules, access, where)
    return AccessPolicy(
        **attrs.asdict(rules),
        products={
            name: _checked(
                AccessRules,
                {**access, **sub_table(products, name, where=where)},
                f"{source} [access.products.{name}]",
            )
            for name in products
        },
    )


def _connection(name: str, connections: Table, source: str) -> ConnectionSettings:
    where = f"{source} [connections.{name}]"
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{where}: not a connection's name", hint="Lower-case a-z, 0-9, _ and -, beginning with a letter."
        )
    table = sub_table(connections, name, where=source)
    mode = text(table, "mode", where=where)
    if mode not in MODES:
        raise ConfigurationError(f"{where}: mode must be {' or '.join(MODES)}")
    secrets = table.get("webhook_secrets")
    if (
        not isinstance(secrets, list | tuple)
        or not secrets
        or not all(isinstance(one, str) for one in secrets)
    ):
        raise ConfigurationError(
            f"{where}: webhook_secrets must be a list of references",
            hint='Write webhook_secrets = ["env:NAME"]; without one, no webhook can be believed.',
        )
    return ConnectionSettings(
        name=name,
        plugin=text(table, "plugin", where=where),
        mode=mode,
        api_key=text(table, "api_key", where=where),
        webhook_secrets=tuple(secrets),
        options={key: value for key, value in table.items() if key not in _CONNECTION_KEYS},
    )


def _store(table: Table, source: str) -> StoreSettings:
    where = f"{source} [store]"
    store = sub_table(table, "store", where=source)
    if not store:
        raise ConfigurationError(
            f"{source} lacks [store]", hint='For one file: plugin = "sqlite", path = "purchase.db".'
        )
    return StoreSettings(text(store, "plugin", where=where), _without_plugin(store))


def _router(table: Table, key: str, source: str) -> RouterSettings:
    router = sub_table(table, key, where=source)
    plugin = text(router, "plugin", where=f"{source} [{key}]", default="policy")
    return RouterSettings(plugin, _without_plugin(router))


def _plugins(table: Table, source: str) -> dict[str, str]:
    where = f"{source} [plugins]"
    plugins = sub_table(table, "plugins", where=source)
    return {name: text(plugins, name, where=where) for name in plugins}


def _section(kind: type[T], table: Table, key: str, source: str, *, least: int = 0) -> T:
    return _checked(kind, sub_table(table, key, where=source), f"{source} [{key}]", least=least)


def _checked(kind: type[T], table: Table, where: str, *, least: int = 0) -> T:
    """A section whose numbers are within bounds."""
    found = read_table(kind, table, where=where, secret=_no_secret)
    for name, value in attrs.asdict(cast("attrs.AttrsInstance", found)).items():
        if (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and not least <= value <= NUMBER_MAX
        ):
            raise ConfigurationError(f"{where}: {name} must be at least {least}, and at most {NUMBER_MAX}")
    return found


def _no_secret(where: str, _reference: str) -> Secret:
    raise ConfigurationError(f"{where} holds no secrets")


def _namespace(table: Table, key: str, default: str, source: str) -> str:
    found = text(table, key, where=source, default=default)
    if not _NAME.fullmatch(found):
        raise ConfigurationError(
            f"{source}: {key} must be lower-case a-z, 0-9, _ and -, beginning with a letter"
        )
    return found


def _without_plugin(table: Table) -> dict[str, object]:
    return {key: value for key, value in table.items() if key != "plugin"}


def _parse(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "that is no path"
        raise ConfigurationError(
            f"{path.name} cannot be read: {why}", hint="Check the path, and who may read the file."
        ) from None
    if len(content) > FILE_BYTES_MAX:
        raise ConfigurationError(f"{path.name} is larger than {FILE_BYTES_MAX} bytes")
    try:
        return tomllib.loads(content.decode())
    except RecursionError:
        raise ConfigurationError(f"{path.name} is nested too deeply") from None
    except ValueError as error:  # TOML, UTF-8, and numbers too long to be read
        raise ConfigurationError(f"{path.name} is not valid TOML: {error}") from None


def _tool(parsed: Mapping[str, Any]) -> Mapping[str, Any]:
    found = parsed.get("tool", {})
    return found if isinstance(found, Mapping) else {}
