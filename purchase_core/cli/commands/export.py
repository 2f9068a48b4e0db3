"""`purchase export`."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, BinaryIO

import attrs
import click
import msgspec

from purchase_core.cli.app import find_app
from purchase_core.cli.output import json_option, json_text, print_json, say
from purchase_core.errors import InvalidArgument, WrongState
from purchase_core.opening import Opening
from purchase_core.operations.export import Line

STDOUT = "-"
OURS_ALONE = 0o600
PROGRESS_LINES = 100_000
TAIL_BYTES = 1 << 16
LINE_ENDS = 2  # of the last line, and of the one before it


@click.command(short_help="Everything that is known of customers, as JSON lines.")
@click.argument("file", default=STDOUT, metavar="[FILE|-]")
@click.option("--customer", default="", metavar="ID", help="Only this customer, details included.")
@click.option("--after", default="", metavar="LANE", help="Behind this lane, to go on.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@json_option
@click.pass_context
def export(
    context: click.Context, /, *, file: str, customer: str, after: str, force: bool, as_json: bool
) -> None:
    """Write everything that is known of customers as JSON lines, beside the running application.

    Left out: the catalog and its prices, commands and runs, which are the application's own, and bodies of
    deliveries, which are the provider's (`purchase retention show` tells of them).

    A FILE is only for its owner to read, and gets its name when it is whole; until then it is FILE.part.

    \b
    Examples:
      purchase export customers.jsonl
      purchase export customers.jsonl --after customer:user_1
      purchase export --customer user_1
      purchase export user_1.jsonl --customer user_1 --force --json
    """
    if customer and after:
        raise click.UsageError("--after is for all customers; --customer names one.")
    if as_json and file == STDOUT:
        raise click.UsageError("--json tells of a FILE; on stdout are the lines themselves.")
    opening = find_app(context)
    written = _Written(sys.stdout.buffer, quiet=as_json, whole=after)
    if file == STDOUT:
        try:
            asyncio.run(_export(opening, written, customer=customer, after=after))
        finally:
            written.stream.flush()
            _tell_how_to_go_on(written, file, customer)
    else:
        _to_file(Path(file), opening, written, customer=customer, after=after, force=force)
    if as_json:
        print_json({"file": file, "customer": customer, "lines": written.lines, "types": written.types})
    else:
        say(f"{written.lines:,} lines")


@attrs.define
class _Written:
    """How far it has come. `whole` is the last owner of whom all is written, up to `size` of the file."""

    stream: IO[bytes]
    quiet: bool
    whole: str
    lines: int = 0
    types: dict[str, int] = attrs.Factory(dict)
    owner: str = ""
    size: int = 0
    written: int = 0
    ended: bool = False

    def add(self, line: Line) -> None:
        """Write one line."""
        if line.owner != self.owner:
            self.whole, self.owner, self.size = self.owner or self.whole, line.owner, self.written
        encoded = f"{json_text(attrs.asdict(line, recurse=False))}\n".encode()
        self.stream.write(encoded)
        self.written += len(encoded)
        self.lines += 1
        self.types[line.type] = self.types.get(line.type, 0) + 1
        if not self.quiet and self.lines % PROGRESS_LINES == 0:
            say(f"{self.lines:,} lines, at {line.owner}")


async def _export(opening: Opening, written: _Written, *, customer: str, after: str) -> None:
    async with opening.reading() as billing:
        lines: AsyncIterator[Line] = (
            billing.export.customer(customer) if customer else billing.export.everything(after=after)
        )
        async for line in lines:
            written.add(line)
    written.ended = True


def _to_file(
    file: Path, opening: Opening, written: _Written, *, customer: str, after: str, force: bool
) -> None:
    """Write what is behind a lane to FILE.part, then give it its name. Raises WrongState, InvalidArgument."""
    if file.is_dir():
        raise InvalidArgument(f"{file} is a folder", hint="Name a file in it.")
    if file.exists() and not force:
        raise WrongState(f"{file} is there already", hint="Name another file, or add --force.")
    part = file.with_name(f"{file.name}.part")
    with _resumed(part, after) if after else _created(part, force=force) as stream:
        written.stream, written.written = stream, stream.tell()
        written.size = written.written
        try:
            asyncio.run(_export(opening, written, customer=customer, after=after))
            stream.flush()
            os.fsync(stream.fileno())
        finally:
            if not written.ended:
                stream.truncate(written.size)  # of the last owner only some may be there
                if not written.size:
                    part.unlink()
                _tell_how_to_go_on(written, str(file), customer)
    part.replace(file)


def _created(part: Path, *, force: bool) -> BinaryIO:
    try:
        if force:
            part.unlink(missing_ok=True)
        return os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OURS_ALONE), "wb")
    except FileExistsError:
        hint = "Go on with --after LANE if one was cut off, or begin anew with --force."
        raise WrongState(f"{part} is there: an export is running, or was cut off", hint=hint) from None
    except OSError as error:
        raise InvalidArgument(f"cannot write {part}: {error.strerror}") from None


def _resumed(part: Path, after: str) -> BinaryIO:
    """The file, at its end. Refused if its last line is of another owner: something would be missing."""
    try:
        stream = part.open("r+b")
    except OSError as error:
        raise InvalidArgument(f"cannot go on with {part}: {error.strerror}") from None
    if _last_owner(stream) != after:
        stream.close()
        hint = "Name the lane that it was cut off behind, or begin anew with --force."
        raise InvalidArgument(f"{part} does not end with {after!r}", hint=hint)
    stream.seek(0, os.SEEK_END)
    return stream


def _last_owner(stream: BinaryIO) -> str:
    """The owner in the last line; "" if that is not a whole one."""
    end, tail, wanted = stream.seek(0, os.SEEK_END), b"", TAIL_BYTES
    while len(tail) < end and tail.count(b"\n") < LINE_ENDS:
        stream.seek(max(0, end - wanted))
        tail, wanted = stream.read(), wanted * 2
    if not tail.endswith(b"\n"):
        return ""
    try:
        return str(msgspec.json.decode(tail.splitlines()[-1])["owner"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return ""


def _tell_how_to_go_on(written: _Written, file: str, customer: str) -> None:
    if written.whole and not written.ended and not customer:
        say(f"To go on: purchase export {shlex.quote(file)} --after {shlex.quote(written.whole)}")
