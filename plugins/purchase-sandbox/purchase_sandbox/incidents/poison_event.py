"""One event can never be worked off; nobody else notices."""

from __future__ import annotations

from .stage import HOUR_SECONDS, Stage
from .telling import must

TITLE = "A poison event"
ERROR = "ZeroDivisionError"


def play(stage: Stage) -> None:
    """Play it. Raises StoryFailed."""
    names = ("ana", "ben")
    stage.buy(*names)
    sent = stage.sent()
    poison = [one for one in sent if f'"{stage.side.idle}"'.encode() in one.body]
    must(len(poison) >= len(names), "there is one of each customer")
    with stage.broken(lambda event: event.type == stage.side.idle, ZeroDivisionError()):
        stage.deliver(sent)
        stage.happens(f"Whatever is done with {stage.side.idle}, the adapter divides by zero.")
        must(all(stage.has(*names)), "nobody else notices")
        for _ in range(4):
            stage.side.clock.advance(seconds=2 * HOUR_SECONDS)
            stage.works()
        stage.runs("webhooks", "quarantine", says=[ERROR, stage.side.idle])
        (group,) = stage.asks("webhooks", "quarantine")["groups"]
        must((group["count"], group["cause"]["error"]) == (len(poison), ERROR), "tried, and put aside")
        chosen = ("--all", "--error", ERROR, "--because", "means nothing here")
        stage.runs("webhooks", "discard", *chosen, code=2, says=["say --yes"])
        stage.runs("webhooks", "discard", *chosen, "--yes", says=[f"{len(poison)} are given up"])
    stage.runs("attention", "--exit-code", says=["Nothing waits for you."])
    must(set(stage.deliver(poison)) == {"duplicate"}, "sent again, they are known")
    stage.now("Nobody had to wait, and what was given up says who did so, and why.", *stage.has(*names))
