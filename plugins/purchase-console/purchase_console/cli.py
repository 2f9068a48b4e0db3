"""`purchase serve`."""

from __future__ import annotations

import socket

import click

from purchase_core.cli.app import find_app
from purchase_core.cli.asking import yourself
from purchase_core.cli.output import json_option, print_json, say
from purchase_core.cli.serving import run_until_stopped
from purchase_core.console import Operator, Role
from purchase_core.errors import ConfigurationError
from purchase_core.opening import Opening

HOST, PORT = "127.0.0.1", 8765


@click.command(short_help="The operator's console, on this machine.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=PORT, show_default=True, help="0 takes a free one."
)
@click.option("--read-only", is_flag=True, help="To look, and change nothing.")
@click.option("--name", default=yourself, show_default="you", help="Who you are, in receipts.")
@json_option
@click.pass_context
def serve(context: click.Context, *, port: int, read_only: bool, name: str, as_json: bool) -> None:
    """Serve the operator's console to this machine alone, until ^C.

    It prints an address that lets in one browser, once. For several operators, mount the console in the
    application (`billing.console`), behind its own sign-in.

    \b
    Examples:
      purchase serve
      purchase serve --port 9000 --read-only
    """
    operator = Operator(name, frozenset({Role.VIEW}) if read_only else frozenset(Role))
    run_until_stopped(_serve(find_app(context), port, operator, as_json=as_json))


async def _serve(opening: Opening, port: int, operator: Operator, *, as_json: bool) -> None:
    import uvicorn  # noqa: PLC0415  # help needs none of these

    from .app import Console  # noqa: PLC0415
    from .login import Login  # noqa: PLC0415

    with _listening(port) as listening:
        login, where = Login(operator), f"{HOST}:{listening.getsockname()[1]}"
        async with opening as billing:
            app = login.around(Console(billing, auth=login), where, where.replace(HOST, "localhost"))
            config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False)
            url = f"http://{where}{login.path}"
            if as_json:
                print_json({"url": url})
            else:
                say(f"Open {url}", head="The console is up.", fg="green")
                say("That address works once. ^C ends it.")
            await uvicorn.Server(config).serve(sockets=[listening])


def _listening(port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError as error:
        listening.close()
        raise ConfigurationError(
            f"port {port} of {HOST} cannot be had: {error.strerror}", hint="Name another: --port 0 takes any."
        ) from error
    return listening
