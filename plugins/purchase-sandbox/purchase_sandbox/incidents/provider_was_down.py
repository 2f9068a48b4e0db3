"""No webhook for 72 hours, then a flood; a tenth never comes."""

from __future__ import annotations

from .stage import HOUR_SECONDS, PRICE, Stage
from .telling import must

TITLE = "The provider was down for 72 hours"


def play(stage: Stage) -> None:
    """Play it. Raises StoryFailed."""
    names = [f"user_{number}" for number in range(10)]
    stage.buy(*names[:-1])
    kept = stage.sent()
    stage.buy(names[-1])
    lost = stage.sent()
    stage.side.advance(seconds=72 * HOUR_SECONDS)
    kept += stage.sent()
    stage.happens(
        f"{len(names)} customers pay, and nothing is heard of it for 72 hours. Then {len(kept)} webhooks come"
        f" at once. {len(lost)} never come: the provider has given them up."
    )
    stage.deliver(kept)
    must(stage.has(*names) == [True] * 9 + [False], "of one customer nothing is known")
    stage.runs("reconcile", code=3, says=["missed", "missing"])
    stage.runs("reconcile", "--repair", "--note", "after the outage")
    stage.runs("reconcile", says=["Nothing differs."])
    stage.runs("doctor", "--truth", says=["Nothing is wrong."])
    must(all(stage.paid(name) == [PRICE] for name in names), "paid once")
    stage.now("Every customer has what they paid for, once.", *stage.has(*names))
