"""`purchase d1`: the proxy Worker, migrations as files, and the probe."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click

from purchase_core.cli.output import say
from purchase_core.secret import resolve_secret

KEY_REFERENCE = "env:D1_TOKEN"

folder_argument = click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
prefix_option = click.option("--prefix", default="", metavar="PREFIX", help="Begins the name of every table.")


@click.group()
def d1() -> None:
    """Cloudflare D1: what is deployed beside a database.

    \b
    Examples:
      purchase d1 worker proxy/
      purchase d1 migrations migrations/ --prefix billing_
      purchase d1 probe --url https://purchase-d1.example.workers.dev
    """


@d1.command()
@folder_argument
@prefix_option
def worker(folder: Path, prefix: str) -> None:
    """Write the proxy Worker into FOLDER.

    It comes with its database's migrations, ready for `wrangler deploy`.

    \b
    Examples:
      purchase d1 worker proxy/
    """
    from purchase_d1.exporting import worker_files, write_files  # noqa: PLC0415  # commands are listed fast

    write_files(worker_files(prefix), folder)
    say(f"Wrote the Worker to {folder}. In there:")
    say("  wrangler d1 create purchase                     (put the id into wrangler.jsonc)")
    say("  wrangler d1 migrations apply purchase --remote")
    say("  wrangler secret put TOKEN                       (24 bytes or more)")
    say("  wrangler deploy")


@d1.command()
@folder_argument
@prefix_option
def migrations(folder: Path, prefix: str) -> None:
    """Write migrations into FOLDER, as plain SQL.

    `wrangler d1 migrations apply` takes them, and `purchase migrate` then has nothing to do.

    \b
    Examples:
      purchase d1 migrations migrations/
      purchase d1 migrations migrations/ --prefix billing_
    """
    from purchase_d1.exporting import migration_files, write_files  # noqa: PLC0415  # likewise

    contents = migration_files(prefix)
    write_files(contents, folder)
    say(f"Wrote {len(contents)} to {folder}.")


@d1.command()
@click.option(
    "--url", required=True, metavar="URL", help="Of the proxy Worker, or of the database in the API."
)
@click.option(
    "--token",
    default=KEY_REFERENCE,
    show_default=True,
    metavar="REFERENCE",
    help="Where the token is: env:NAME or file:PATH.",
)
@prefix_option
def probe(url: str, token: str, prefix: str) -> None:
    """Whether batches are transactions there.

    A batch that must fail is sent there and must leave nothing, and values must arrive as they were sent.

    \b
    Examples:
      purchase d1 probe --url https://purchase-d1.example.workers.dev
    """
    from purchase_d1.config import D1Config  # noqa: PLC0415  # likewise
    from purchase_d1.connect import connect  # noqa: PLC0415
    from purchase_d1.probing import Probed  # noqa: PLC0415
    from purchase_d1.probing import probe as ask  # noqa: PLC0415

    secret = resolve_secret("--token", token, environ=os.environ, folder=Path())
    transport = connect(D1Config(url, secret, prefix=prefix))

    async def asked() -> Probed:
        try:
            return await ask(transport, prefix)
        finally:
            await transport.aclose()

    asyncio.run(asked()).require()
    say("A batch that fails leaves nothing, and values arrive as they were sent.")
