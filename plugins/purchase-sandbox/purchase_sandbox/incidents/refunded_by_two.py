"""Two operators hear of one complaint, and both give the money back: it goes back once."""

from __future__ import annotations

from .stage import PRICE, Stage
from .telling import must

TITLE = "A refund asked for by two operators"
REASON = "two days down"


def play(stage: Stage) -> None:
    """Play it. Raises StoryFailed."""
    stage.buy("ana")
    stage.deliver()
    stage.happens(
        "Ana complains of two days without service, by mail and by chat. Mia reads one, Noah the other."
    )
    stage.runs("invoices", "list", "ana", says=["12.00 USD"])
    (bill,) = stage.asks("invoices", "list", "ana")["invoices"]
    refund = ("invoices", "refund", "ana", bill["key"], "--amount", "3.00", "--reason", REASON)
    stage.runs(*refund, "--by", "mia", code=2, says=["say --yes"])
    must(not stage.side.refunds(), "no money moves unless somebody has said yes")
    stage.runs(*refund, "--by", "mia", "--yes", says=["Asked for. 3.00 USD"])
    stage.runs(
        *refund, "--by", "noah", "--yes", says=["Asked for already: 3.00 USD by mia", REASON, "--again"]
    )
    must(stage.side.refunds() == [300], "it was asked for twice, and goes back once")
    rest = ("invoices", "refund", "ana", bill["key"], "--amount", "9.01", "--reason", "all of it")
    stage.runs(*rest, "--by", "noah", "--yes", code=1, says=["cannot go back"])
    stage.side.advance(seconds=15 * 60)  # where somebody has to agree to a refund, they have
    stage.deliver()
    (bill,) = stage.asks("invoices", "list", "ana")["invoices"]
    must((bill["paid"], bill["refunded"], bill["refunding"]) == (PRICE, 300, 0), "3.00 of 12.00 went back")
    stage.runs("doctor", "--truth", says=["Nothing is wrong."])
    stage.now("3.00 USD went back, once. Noah knows who did it, when and why.", stage.side.refunds() == [300])
