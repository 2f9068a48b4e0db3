"""The demo without people: a story, played in the terminal, with an exit code that can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import click

from purchase_core.cli.exit_codes import FAILED, OK
from purchase_core.cli.output import print_json, printable, say

from . import first_sale, life, rolling_out, several
from .playing import Step, Steps, StoryFailed
from .running import running
from .visitor import HttpVisitor, NotThere


async def play(story: str, names: Sequence[str], database: Path, *, as_json: bool) -> int:
    """Play a story (sale | life | catalog | routing) and tell it; 0 only if it went as it should."""
    tell = _silently if as_json else _told
    try:
        if story == "sale":
            return await _sale(names, database, tell, as_json=as_json)
        return await _on_the_pages(story, names, database, tell, as_json=as_json)
    except StoryFailed as failed:
        if as_json:
            key, code = ("sold", "sale_failed") if story == "sale" else ("played", "story_failed")
            print_json({key: False, "error": {"code": code, "message": str(failed)}})
        else:
            say(str(failed), head=f"The {'sale' if story == 'sale' else 'story'} failed:", fg="red")
        return FAILED


async def _sale(names: Sequence[str], database: Path, tell: Callable[[Step], None], *, as_json: bool) -> int:
    hearing = first_sale.Hearing("subscription.started")
    async with running(database, names, plugins=[hearing]) as demo:
        sale = await first_sale.play(demo, hearing, tell)
    if as_json:
        fields = {"sold": sale.sold, "receipt": sale.receipt, "milliseconds": sale.milliseconds}
        print_json({"providers": names, **fields, "steps": _documents(sale.steps)})
    elif sale.sold:
        say(f"The entitlement is there, after {sale.milliseconds} ms.", head="Sold.", fg="green")
    else:
        say("the entitlement is not there.", head="Not sold:", fg="red")
    return OK if sale.sold else FAILED


async def _on_the_pages(
    story: str, names: Sequence[str], database: Path, tell: Callable[[Step], None], *, as_json: bool
) -> int:
    steps = Steps(tell)
    async with running(database, names) as demo, HttpVisitor() as visitor:
        try:
            if story == "life":
                await life.live(life.Customer(visitor, demo.shop_url), steps)
            elif story == "catalog":
                await rolling_out.roll_out(demo, visitor, steps)
            else:
                await several.sell(demo, visitor, steps)
        except NotThere as error:
            raise StoryFailed(str(error)) from error
    if as_json:
        fields = {"story": story, "played": True, "milliseconds": steps.milliseconds}
        print_json({"providers": names, **fields, "steps": _documents(steps.done)})
    else:
        say(f"Everything was as it should be, after {steps.milliseconds} ms.", head="Played.", fg="green")
    return OK


def _told(step: Step) -> None:
    click.echo(f"{click.style(step.name, bold=True)}  {click.style(f'{step.milliseconds} ms', dim=True)}")
    for line in step.lines:
        click.echo(f"  {printable(line)}")


def _silently(step: Step) -> None:
    """Machines get all of it at the end."""


def _documents(steps: Sequence[Step]) -> list[dict[str, object]]:
    return [{"step": one.name, "lines": one.lines, "milliseconds": one.milliseconds} for one in steps]
