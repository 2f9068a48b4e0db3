"""A deploy cannot read bills any more; the next one can."""

from __future__ import annotations

from purchase_core.ports.provider import Event

from .stage import PRICE, Stage
from .telling import must

TITLE = "A deploy cannot read bills any more"


def play(stage: Stage) -> None:
    """Play it. Raises StoryFailed."""
    names = [f"user_{number}" for number in range(10)]
    stage.release = "2-broken"
    stage.buy(*names)
    with stage.broken(_is_bill):
        stage.deliver()
        stage.happens("Release 2-broken is deployed. It cannot read what the provider says of bills.")
        stage.runs("webhooks", "quarantine", says=["this release cannot read it", "no"])
        groups = stage.asks("webhooks", "quarantine")["groups"]
        must({one["cause"]["error"] for one in groups} == {"malformed_body"}, "one cause")
        must(not any(one["outdated"] for one in groups), "this code has judged them")
        count = sum(one["count"] for one in groups)
        must(count >= len(names), "a bill of each customer at least")
        stage.runs("attention", "--exit-code", code=3, says=["quarantine"])
    stage.release = "3-mended"
    stage.side.clock.advance(seconds=60)
    stage.happens(
        "Release 3-mended is deployed. Nobody need do anything more: a worker sees the new release."
    )
    must(all(one["outdated"] for one in stage.asks("webhooks", "quarantine")["groups"]), "other code has")
    stage.runs("work", "--once", says=[f"retried {count}"])
    stage.runs("attention", "--exit-code", says=["Nothing waits for you."])
    stage.runs("doctor", "--truth", says=["Nothing is wrong."])
    must(all(stage.paid(name) == [PRICE] for name in names), "paid once")
    stage.now("All of it was applied, once.", all(stage.has(*names)))


def _is_bill(event: Event) -> bool:
    return event.object.startswith("invoice:")
