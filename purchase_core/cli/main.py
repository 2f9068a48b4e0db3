"""The entry point: a group whose commands are imported when they are called, and one place for errors."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from purchase_core.cli import exit_codes
from purchase_core.cli.output import Look, print_error, print_trouble, say, wants_color
from purchase_core.errors import PluginFailed, PluginIncompatible, PurchaseError
from purchase_core.plugins.installed import COMMAND, find_command, installed

COMMANDS = {
    "attention": "Everything that waits for a person, and what to do next.",
    "cases": "What a person should look at: money that does not match, and the like.",
    "catalog": "What the application sells, and bringing providers there.",
    "credits": "What a customer can spend, and what was spent.",
    "doctor": "Whether it is ready for customers, and what is stored is true.",
    "customers": "What a customer has, and may do.",
    "export": "Everything that is known of customers, as JSON lines.",
    "invoices": "A customer's bills, and giving their money back.",
    "metrics": "What waits, as numbers, and which of them are worth an alert.",
    "import": "Bring in customers and subscriptions of before, from a provider.",
    "migrate": "Bring the database's tables up to date.",
    "migrate-provider": "Move subscriptions from one provider to another.",
    "policy": "What purchases mean for rights, and what another policy would change.",
    "providers": "What the configured payment providers can do.",
    "receipts": "What a workflow did, and why.",
    "rebuild": "Make the projection anew from facts, or show what would differ.",
    "reconcile": "Ask providers what there is, and hold it against what is known.",
    "replay": "Read deliveries again with today's code.",
    "retention": "How long the bodies of events are kept, and emptying old ones.",
    "route": "Where checkouts go, and why; trying a policy before it is live.",
    "subscribers": "Who is told of what happens, and where they are stuck.",
    "runs": "What operations did, and how far they have come.",
    "usage": "How much of their quotas a customer has used.",
    "webhooks": "What arrived from providers, and how far it got.",
    "work": "Work off what waits, for as long as it runs.",
}

MODULES = {"import": "importing"}
"""Commands whose names are no names of modules."""

OFFERED = {
    ("d1", "purchase-d1"): "Cloudflare D1: its proxy Worker, and migrations as files",
    ("demo", "purchase-sandbox"): "A first sale, and a shop to try",
    ("sandbox", "purchase-sandbox"): "A payment provider for tests",
    ("serve", "purchase-console"): "The operator's console, on this machine",
}
"""What commands of our own distributions do, so that the list says it and imports none of them."""


class LazyGroup(click.Group):
    """Lists commands by name; imports one when it is called, or a plugin's when it is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Our own commands, then those of installed plugins."""
        return [*COMMANDS, *_theirs()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name. Raises PluginCollision or PluginFailed for a plugin's."""
        if cmd_name in COMMANDS:
            module = MODULES.get(cmd_name, cmd_name.replace("-", "_"))
            found: Any = import_module(f"purchase_core.cli.commands.{module}")
            return getattr(found, module)  # type: ignore[no-any-return]
        plugin = find_command(cmd_name, installed())
        if plugin is None:
            return None
        whose = f"command {cmd_name!r} of {plugin.distribution}"
        try:
            command = plugin.entry_point.load()
        except (PurchaseError, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise PluginFailed(f"{whose} cannot be loaded: {type(error).__name__}: {error}") from error
        if not isinstance(command, click.Command):
            raise PluginIncompatible(f"{whose} is no click command, but a {type(command).__name__}")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One line a command, without importing any."""
        theirs = {
            name: f"{OFFERED.get((name, homes), '')} (from {homes})".strip()
            for name, homes in _theirs().items()
        }
        with formatter.section("Commands"):
            formatter.write_dl(list({**COMMANDS, **theirs}.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command, or an error that names the nearest."""
        if self.get_command(ctx, args[0]) is None and not ctx.resilient_parsing:
            near = difflib.get_close_matches(args[0], self.list_commands(ctx), 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"No such command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)


def _theirs() -> dict[str, str]:
    """Commands of installed plugins, and the distributions that offer them."""
    found: dict[str, str] = {}
    for one in installed():
        word = one.name.removeprefix(COMMAND)
        if one.name.startswith(COMMAND) and word not in COMMANDS:
            found[word] = f"{found[word]} and {one.distribution}" if word in found else one.distribution
    return found


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    metavar="FILE",
    help="The configuration; else purchase.toml, or [tool.purchase] in pyproject.toml, in this folder.",
)
@click.option(
    "--app", metavar="MODULE:FACTORY", help="The application; else PURCHASE_APP, else `app` in FILE."
)
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Whether to colour; `auto` also hears NO_COLOR and FORCE_COLOR.",
)
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.version_option(package_name="purchase-core", prog_name="purchase")
@click.pass_context
def cli(context: click.Context, config: str | None, app: str | None, color: str, debug: bool) -> None:  # noqa: FBT001
    """Billing that an application embeds: catalog, checkout, webhooks, entitlements.

    \b
    Examples:
      purchase demo --headless                  a first sale; it needs nothing
      purchase catalog show                     what is sold
      purchase customers show user_1            what a customer may do
      purchase webhooks list --state pending    what has not been worked off
    """
    context.color = context.ensure_object(Look).color = wants_color(color)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command line, and exit with its code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    code = run(given)
    try:
        sys.stdout.flush()
    except OSError:
        # What is left cannot be written. The interpreter would try again, and end with a code of its own.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = code or exit_codes.FAILED
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run a command line and return its exit code; errors are shown, tracebacks only with `--debug`."""
    debug, as_json = "--debug" in arguments, "--json" in arguments
    look = Look(wants_color("auto"))
    try:
        result: object = cli.main(args=arguments, prog_name="purchase", standalone_mode=False, obj=look)
    except PurchaseError as error:
        if debug:
            raise
        print_error(error, as_json=as_json, color=look.color)
        return exit_codes.exit_code(error)
    except click.ClickException as error:
        usage = isinstance(error, click.UsageError)
        if as_json:
            code = "usage_error" if usage else "failed"
            print_trouble(code, error.format_message(), as_json=True, color=look.color)
        else:
            error.show()
        return exit_codes.USAGE if usage else exit_codes.FAILED
    except (click.Abort, KeyboardInterrupt):
        say("Interrupted.")
        return exit_codes.INTERRUPTED
    except Exception as error:
        if debug:
            raise
        _print_unforeseen(error, as_json=as_json, color=look.color)
        return exit_codes.FAILED
    return result if isinstance(result, int) else exit_codes.OK


def _print_unforeseen(error: Exception, *, as_json: bool, color: bool | None) -> None:
    """An error that no command has foreseen: its type, and what the system says, but not words of its own."""
    said = error.strerror if isinstance(error, OSError) else ""
    what = f"{type(error).__name__}: {said}" if said else type(error).__name__
    hint = "Run it again with --debug for the traceback."
    try:
        print_trouble("internal_error", what, hint, as_json=as_json, color=color)
    except OSError:  # it is stdout that cannot be written
        print_trouble("internal_error", what, hint, as_json=False, color=color)


if __name__ == "__main__":
    main()
