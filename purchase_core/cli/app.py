"""Finding the application: `--app`, PURCHASE_APP, or `app` in the configuration; it is always said which."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import attrs
import click

from purchase_core.cli.output import say
from purchase_core.config.load import find_config, load_settings
from purchase_core.errors import ConfigurationError, PurchaseError, SchemaError, StoreMissing
from purchase_core.opening import Opening

if TYPE_CHECKING:
    from purchase_core.billing import Billing

VARIABLE = "PURCHASE_APP"


@attrs.frozen
class Application:
    """Which one it is, so that other processes of this folder can find it as well.

    `name` is MODULE:FACTORY, in `folder` or wherever else Python looks; `config` is a file, None for its own.
    """

    name: str
    folder: Path
    config: str | None

    def opening(self) -> Opening:
        """What its factory returns, not opened yet. Raises ConfigurationError."""
        opening = _load(self.name, self.folder)
        return opening.configured(self.config) if self.config else opening


def find_app(context: click.Context) -> Opening:
    """What the application's factory returns, not opened yet; with `--config`, from that file instead.

    Raises ConfigurationError.
    """
    return find_application(context).opening()


def find_application(context: click.Context) -> Application:
    """Which application is meant; it is said. Raises ConfigurationError."""
    options = context.find_root().params
    config, app = cast("str | None", options.get("config")), cast("str | None", options.get("app"))
    folder, origin = Path(), "--app"
    if not app:
        app, origin = os.environ.get(VARIABLE, ""), VARIABLE
    if not app:
        path = Path(config) if config else find_config(folder)
        settings = load_settings(path)
        app, origin, folder = settings.app, settings.source, settings.folder
    if not app:
        raise ConfigurationError(
            f"{origin} does not say which application this is",
            hint='Write app = "module:factory", where factory() returns Billing.open(...).',
        )
    say(f"Using {app} (from {origin})")
    return Application(app, folder, config)


@asynccontextmanager
async def looking(opening: Opening) -> AsyncIterator[Billing]:
    """The billing, to write nothing: beside a process that has the store for itself.

    Where there are no tables yet, nor a file for them, they are made, as by whoever opens a billing.
    """
    async with AsyncExitStack() as stack:
        try:
            billing = await stack.enter_async_context(opening.looking())
        except (SchemaError, StoreMissing):
            billing = await stack.enter_async_context(opening)
        yield billing


def _load(app: str, folder: Path) -> Opening:
    module_name, separator, attribute = app.partition(":")
    if not (separator and module_name and attribute):
        raise ConfigurationError(
            f"{app!r} is not of the form module:factory",
            hint="Write shop:billing, where billing() in shop.py returns Billing.open(...).",
        )
    if str(folder.resolve()) not in sys.path:
        sys.path.insert(0, str(folder.resolve()))
    hint = f"Try `python -c 'import {module_name}'` in {folder.resolve().name}/."
    try:
        found: object = importlib.import_module(module_name)
        hint = f"{module_name}.py needs a {attribute}() that returns Billing.open(...)."
        for name in attribute.split("."):
            found = getattr(found, name)
        opening = found() if callable(found) else found
    except (PurchaseError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a module may well end its process when it is imported
        raise ConfigurationError(
            f"{app} cannot be loaded: {type(error).__name__}: {error}", hint=hint
        ) from error
    if not isinstance(opening, Opening):
        raise ConfigurationError(
            f"{app} returned {type(opening).__name__}", hint="It must return what Billing.open(...) returns."
        )
    return opening
