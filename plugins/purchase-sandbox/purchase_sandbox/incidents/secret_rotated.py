"""The webhook secret is rotated in the middle of a burst, and the application does not know the new one."""

from __future__ import annotations

from purchase_core.secret import Secret

from .stage import PRICE, Stage
from .telling import must

TITLE = "The secret was rotated in the middle of a burst"
NEW = Secret("whsec_incident_new_0123456789abcdefghijklmn")
REFUSED = {"signature_invalid"}


def play(stage: Stage) -> None:
    """Play it. Raises StoryFailed."""
    names = [f"user_{number}" for number in range(6)]
    old = stage.side.secret
    stage.buy(*names[:2])
    must(not REFUSED & set(stage.deliver()), "the old secret counts")
    stage.buy(*names[2:4])
    refused = stage.sent(NEW)
    must(set(stage.deliver(refused)) == REFUSED, "the new one is not known")
    stage.happens(
        f"In the middle of a burst, somebody rotates the secret at the provider. {len(refused)} webhooks that"
        " the new one signed are refused: the application believes nobody whom it does not know."
    )
    must(not any(stage.has(*names[2:4])), "nothing was believed")
    stage.runs("reconcile", code=3, says=["missed"])
    stage.secrets = [NEW, old]
    stage.happens("The configuration names both: webhook_secrets = [NEW, OLD]. It is deployed.")
    stage.runs("doctor", "--ready", says=["0 error"])
    again = refused[: len(refused) // 2]
    must(not REFUSED & set(stage.deliver(again)), "sent again, they are taken")
    stage.buy(*names[4:])
    late = stage.sent(old)
    must(not REFUSED & set(stage.deliver(late)), "what the old one signed is taken still")
    stage.happens(
        f"The provider sends {len(again)} of them again, and {len(late)} come late that the old secret"
        " signed: all are taken. The rest is never sent again."
    )
    stage.runs("reconcile", "--repair", "--note", "refused while the secret was rotated")
    stage.secrets = [NEW]
    stage.happens(
        "A day later the provider has ended the old secret. It is taken out of the list, and deployed."
    )
    stage.side.advance(days=1)
    must(set(stage.deliver(late)) == REFUSED, "the old secret is worth nothing any more")
    stage.runs("reconcile", says=["Nothing differs."])
    stage.runs("doctor", "--truth", says=["Nothing is wrong."])
    must(all(stage.paid(name) == [PRICE] for name in names), "paid once")
    stage.now(
        "Every customer has what they paid for, once, and whoever has the old secret is refused.",
        all(stage.has(*names)),
    )
