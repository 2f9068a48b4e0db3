"""`purchase sandbox`: a payment provider on this machine, and its clock, chaos and events by hand."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from purchase_core.cli.output import json_option, print_json, print_pairs, print_table, say, time_of
from purchase_core.instants import Instant
from purchase_core.secret import Secret, resolve_secret

from .local_providers import PROVIDERS

if TYPE_CHECKING:
    from .control_client import ControlClient

HOST, PORT = "127.0.0.1", 4242
URL = f"http://{HOST}:{PORT}"
KEY_REFERENCE = "env:PURCHASE_SANDBOX_KEY"
ROWS_SHOWN_MAX = 100

url_option = click.option(
    "--url", default=URL, show_default=True, metavar="URL", help="Where the sandbox listens."
)
key_option = click.option(
    "--api-key",
    default=KEY_REFERENCE,
    show_default=True,
    metavar="REFERENCE",
    help="Where the API key is: env:NAME or file:PATH.",
)


def _known_triggers(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """What the sandbox can be made to do, for completion; other providers can do nearly the same."""
    from .account.trigger import TRIGGERS  # noqa: PLC0415  # only when somebody presses Tab

    return [one for one in sorted(TRIGGERS) if one.startswith(incomplete)]


@click.group()
def sandbox() -> None:
    """A payment provider on this machine. No money moves.

    \b
    Examples:
      purchase sandbox serve --webhook-url http://127.0.0.1:8000/webhooks/sandbox
      purchase sandbox trigger payment.failed
      purchase sandbox advance 1month
      purchase sandbox chaos duplicate=0.2,lost_answer=0.05

    All but `serve` speak to one that is served, with its API key in PURCHASE_SANDBOX_KEY.
    """


@sandbox.command(short_help="Run a sandbox until ^C, and show what happens.")
@click.option(
    "--provider",
    type=click.Choice(PROVIDERS),
    default=PROVIDERS[0],
    show_default=True,
    help="Whom to play: the sandbox, or a provider on the wire.",
)
@click.option("--host", default=HOST, show_default=True, metavar="ADDRESS", help="Where to listen.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=PORT,
    show_default=True,
    metavar="PORT",
    help="0 takes a free one.",
)
@click.option(
    "--expose", is_flag=True, help="Listen on an address that others can reach, knowing what it means."
)
@click.option("--account", default="", metavar="ID", help="The account that is opened; else the usual one.")
@click.option(
    "--api-key", metavar="REFERENCE", help="env:NAME or file:PATH; else one is made, and shown this once."
)
@click.option("--webhook-url", metavar="URL", help="Where webhooks are sent.")
@click.option(
    "--webhook-secret",
    metavar="REFERENCE",
    help="env:NAME or file:PATH; else one is made, and shown this once.",
)
@click.option("--approve-refunds", is_flag=True, help="Refunds stay pending until somebody agrees to them.")
@click.option(
    "--seed", type=int, default=0, show_default=True, help="The same seed breaks the same things again."
)
@click.option(
    "--chaos",
    "odds",
    default="",
    metavar="FAULT=ODDS,…",
    help="What goes wrong, and how often: duplicate=0.2,drop=0.1.",
)
@click.option(
    "--specs",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Tell of what passes and is not as the provider's OpenAPI document in this folder says.",
)
@json_option
def serve(
    *,
    provider: str,
    host: str,
    port: int,
    expose: bool,
    account: str,
    api_key: str | None,
    webhook_url: str | None,
    webhook_secret: str | None,
    approve_refunds: bool,
    seed: int,
    odds: str,
    specs: Path | None,
    as_json: bool,
) -> None:
    """Run a sandbox until ^C. What happens is shown as it happens, with --json in one document a line.

    Everything is kept in memory only.

    \b
    Examples:
      purchase sandbox serve
      purchase sandbox serve --api-key env:PURCHASE_SANDBOX_KEY \\
          --webhook-url http://127.0.0.1:8000/webhooks/sandbox \\
          --webhook-secret env:SANDBOX_WEBHOOK_SECRET
      purchase sandbox serve --chaos duplicate=0.2,drop=0.1 --seed 7
      purchase sandbox serve --provider paddle --port 4243
      purchase sandbox serve --provider stripe --specs openapi/
    """
    from .serving import Serving, serve_for_ever  # noqa: PLC0415  # the server is imported when it serves

    serve_for_ever(
        Serving(
            host=host,
            port=port,
            expose=expose,
            account=account,
            api_key=_secret("--api-key", api_key),
            webhook_url=webhook_url or "",
            webhook_secret=_secret("--webhook-secret", webhook_secret),
            approve_refunds=approve_refunds,
            seed=seed,
            odds=odds,
            as_json=as_json,
            provider=provider,
            specs=specs,
        )
    )


@sandbox.command(short_help="Let time pass: trials end, subscriptions renew.")
@click.argument("span")
@url_option
@key_option
@json_option
def advance(*, span: str, url: str, api_key: str, as_json: bool) -> None:
    """Let time pass. Trials end and subscriptions renew on the way.

    \b
    Examples:
      purchase sandbox advance 1month
      purchase sandbox advance 14days
      purchase sandbox advance 90minutes
    """
    with _client(url, api_key) as client:
        found = client.post("/sandbox/clock", {"by": span})
    if as_json:
        print_json(found)
    else:
        click.echo(f"It is {found['time']} in the sandbox.")


@sandbox.command(short_help="Make something happen, as payment.failed.")
@click.argument("type_", metavar="[TYPE]", default="", shell_complete=_known_triggers)
@click.option("--object", "object_", default="", metavar="ID", help="Else the newest that fits.")
@url_option
@key_option
@json_option
def trigger(*, type_: str, object_: str, url: str, api_key: str, as_json: bool) -> None:
    """Make something happen. Without TYPE, list what can.

    \b
    Examples:
      purchase sandbox trigger
      purchase sandbox trigger payment.failed
      purchase sandbox trigger refund.created --object in_…
    """
    with _client(url, api_key) as client:
        if not type_:
            found = client.get("/sandbox/trigger")
        else:
            found = client.post("/sandbox/trigger", {"type": type_, "object": object_})
    if as_json:
        print_json({"triggers" if not type_ else "events": found["data"]})
    elif not type_:
        click.echo("\n".join(map(str, _list(found["data"]))))
    else:
        rows = [_texts(one, "id", "type", "object") for one in _list(found["data"])]
        print_table(["event", "type", "object"], rows, empty="Nothing happened.")


@sandbox.command()
@click.option(
    "--limit",
    type=click.IntRange(1, ROWS_SHOWN_MAX),
    default=20,
    show_default=True,
    help="How many at most.",
)
@url_option
@key_option
@json_option
def events(*, limit: int, url: str, api_key: str, as_json: bool) -> None:
    """The newest events, oldest first.

    \b
    Examples:
      purchase sandbox events
      purchase sandbox events --limit 100 --json
    """
    with _client(url, api_key) as client:
        found = _list(client.get(f"/sandbox/events?limit={limit}")["data"])
    if as_json:
        print_json({"events": found})
        return
    rows = [[time_of(_instant(one)), *_texts(one, "id", "type", "object")] for one in found]
    print_table(["created", "event", "type", "object"], rows, empty="Nothing has happened yet.")


@sandbox.command()
@click.argument("event")
@url_option
@key_option
@json_option
def redeliver(*, event: str, url: str, api_key: str, as_json: bool) -> None:
    """Send an event's webhooks once more.

    \b
    Examples:
      purchase sandbox redeliver evt_…    its id, as `events` lists it
    """
    with _client(url, api_key) as client:
        found = client.post(f"/sandbox/events/{event}/redeliver", {})
    if as_json:
        print_json({"deliveries": found["data"]})
    else:
        click.echo(f"Sent again to {len(_list(found['data']))} endpoints.")


@sandbox.command()
@url_option
@key_option
@json_option
def deliveries(*, url: str, api_key: str, as_json: bool) -> None:
    """Webhooks that were sent, newest first, and what came back.

    \b
    Examples:
      purchase sandbox deliveries
      purchase sandbox deliveries --json
    """
    with _client(url, api_key) as client:
        found = client.get("/sandbox/deliveries")
    if as_json:
        print_json({"deliveries": found["data"]})
        return
    rows = [[*_texts(one, "id", "type", "endpoint", "state"), _tries(one)] for one in _list(found["data"])]
    print_table(["delivery", "type", "endpoint", "state", "tries"], rows, empty="Nothing was sent yet.")


@sandbox.command(short_help="Break things, as duplicate=0.2,drop=0.1.")
@click.argument("odds", default="", metavar="[FAULT=ODDS,…]")
@url_option
@key_option
@json_option
def chaos(*, odds: str, url: str, api_key: str, as_json: bool) -> None:
    """Break things. Odds of 0 switch a fault off. Without any, show what there are.

    \b
    Examples:
      purchase sandbox chaos
      purchase sandbox chaos duplicate=0.2,drop=0.1
      purchase sandbox chaos drop=0

    \b
    Faults of webhooks:
      duplicate       sent twice
      reorder         overtaken by those of the next two seconds
      delay           sent half a minute late
      drop            never sent

    \b
    Faults of calls:
      unreachable     cut off before anything has happened
      busy            429, before anything has happened
      broken          500, before anything has happened
      broken_after    500, although a change has happened
      garbled         200 and a page of HTML, before anything has happened
      lost_answer     a change has happened, and then the connection is cut
    """
    with _client(url, api_key) as client:
        found = client.post("/sandbox/chaos", {"odds": odds}) if odds else client.get("/sandbox/chaos")
    if as_json:
        print_json(found)
        return
    now = found["odds"]
    pairs = [(str(fault), str(share)) for fault, share in now.items()] if isinstance(now, dict) else []
    print_pairs(pairs) if pairs else say("Nothing goes wrong.")


def _client(url: str, reference: str) -> ControlClient:
    from .control_client import ControlClient  # noqa: PLC0415  # httpx is imported when something is asked

    return ControlClient(url, _needed("--api-key", reference))


def _secret(name: str, reference: str | None) -> Secret | None:
    return _needed(name, reference) if reference else None


def _needed(name: str, reference: str) -> Secret:
    return resolve_secret(name, reference, environ=os.environ, folder=Path.cwd())


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _texts(value: object, *names: str) -> list[str]:
    return [str(value.get(name, "")) if isinstance(value, dict) else "" for name in names]


def _instant(event: object) -> Instant | None:
    created = event.get("created") if isinstance(event, dict) else None
    return Instant(created) if isinstance(created, int) else None


def _tries(delivery: object) -> str:
    tries: Sequence[object] = _list(delivery.get("attempts")) if isinstance(delivery, dict) else []
    return " ".join(
        _texts(one, "problem")[0] if _texts(one, "status") == ["0"] else _texts(one, "status")[0]
        for one in tries
    )
