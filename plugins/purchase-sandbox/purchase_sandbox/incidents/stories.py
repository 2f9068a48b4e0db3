"""The stories: what went wrong, what the operator saw, what they did, and that all was well afterwards.

Each checks itself: StoryFailed says that the operator would not have got out of it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

import attrs

from purchase_core.errors import MalformedBody, OutcomeUnknown
from purchase_core.ports.provider import Event, Normalised
from purchase_sandbox.account.objects import Session
from purchase_sandbox.adapter import SandboxProvider
from purchase_sandbox.incidents.scene import Scene, must
from purchase_simulators.wire.chaos import CERTAIN_PPM, Fault

HOUR_SECONDS = 3_600
FEATURE = "export"


@attrs.frozen
class Story:
    """An incident. `number` is its name on the command line; `tell` plays it."""

    number: int
    title: str
    tell: Callable[[Scene], None]


def provider_was_down(scene: Scene) -> None:
    """No webhook for 72 hours, then a flood; a tenth never comes."""
    names = [f"user_{number}" for number in range(20)]
    scene.buy(*names)
    scene.harness.advance(seconds=72 * HOUR_SECONDS)
    sent = scene.harness.webhooks()
    lost = sent[::10]
    scene.tell(f"{len(sent)} webhooks were held back for 72 hours; {len(lost)} of them are never sent again.")
    scene.deliver([one for one in sent if one not in lost])
    found = scene.purchase("reconcile", "--json")
    must(found.code == 3, "it is told that something never arrived")
    must(scene.purchase("reconcile", "--repair", "--note", "after the outage").code == 0)
    must(scene.purchase("reconcile", "--json").code == 0, "nothing differs any more")
    must(all(scene.has(name, FEATURE) for name in names))
    must(scene.purchase("doctor", "--truth").code == 0)
    scene.tell("Every customer has what they paid for.")


def deploy_broke_the_adapter(scene: Scene) -> None:
    """A deploy cannot read bills any more; the next one can."""
    scene.release = "2-broken"
    scene.buy(*(f"user_{number}" for number in range(10)))
    with _broken(lambda event: event.type == "invoice.paid"):
        scene.deliver()
    groups = scene.purchase("webhooks", "quarantine", "--json").document["groups"]
    must([(one["count"], one["outdated"]) for one in groups] == [(10, False)])
    must(scene.purchase("attention", "--exit-code").code == 3)
    scene.tell("It is mended, and deployed. Nobody need do anything more.")
    scene.release = "3-mended"
    scene.clock.advance(seconds=60)
    must(scene.purchase("work", "--once", "--json").document["worked"]["retried"] == 10)
    must(scene.purchase("attention", "--exit-code").code == 0)
    must(all(scene.has(f"user_{number}", FEATURE) for number in range(10)))
    must(scene.purchase("doctor", "--truth").code == 0)


def paid_and_have_nothing(scene: Scene) -> None:
    """A customer has paid, and has nothing: found, explained, mended."""
    scene.buy("ana")
    scene.harness.webhooks()  # lost on the way
    scene.clock.advance(seconds=HOUR_SECONDS)
    told = scene.purchase("customers", "explain", "ana", FEATURE)
    must(told.code == 0)
    must(not scene.has("ana", FEATURE))
    found = scene.purchase("reconcile", "sandbox", "--json").document["passes"]
    missed = [one for each in found for one in each["found"]]
    must({"missed", "missing"} <= {one["what"] for one in missed})
    scene.tell("The provider has the payment. No webhook told of it.")
    must(scene.purchase("reconcile", "sandbox", "--repair", "--note", "ana's payment").code == 0)
    must(scene.has("ana", FEATURE))
    must(scene.purchase("customers", "activity", "ana").code == 0)


def database_was_restored(scene: Scene) -> None:
    """The database is that of an hour ago: what was sold since is not in it."""
    scene.buy("ana")
    scene.deliver()
    backup = scene.file.with_suffix(".backup")
    shutil.copy(scene.file, backup)
    scene.harness.advance(seconds=HOUR_SECONDS)
    scene.buy("ben")
    scene.deliver()
    for suffix in ("", "-wal", "-shm"):
        scene.file.with_name(scene.file.name + suffix).unlink(missing_ok=True)
    shutil.copy(backup, scene.file)
    scene.tell("The backup of an hour ago is in place. Ben's purchase is not in it.")
    must(not scene.has("ben", FEATURE))
    scene.tell("Reconcile reads what happened since from the provider.")
    must(scene.purchase("reconcile", "--repair", "--note", "restored a backup").code == 0)
    must(scene.purchase("reconcile").code == 0)
    must(scene.has("ana", FEATURE))
    # What Ben ordered went with the database, so that nothing is granted; but his money is seen.
    items = scene.purchase("attention", "--json").document["items"]
    must({(one["kind"], one["amount"]) for one in items} == {("case", 1_000)})
    must(scene.purchase("doctor", "--truth").code == 0)


def poison_event(scene: Scene) -> None:
    """One event can never be worked off; nobody else notices."""
    scene.buy("ana", "ben")
    sent = scene.harness.webhooks()
    poison = next(one for one in sent if b"checkout.session.created" in one.body)
    with _broken(lambda event: event.type == "checkout.session.created", ZeroDivisionError()):
        scene.deliver(sent)
        must(scene.has("ana", FEATURE))
        must(scene.has("ben", FEATURE))
        for _ in range(4):
            scene.clock.advance(seconds=2 * HOUR_SECONDS)
            scene.purchase("work", "--once")
        (group,) = scene.purchase("webhooks", "quarantine", "--json").document["groups"]
        must((group["count"], group["cause"]["error"]) == (2, "ZeroDivisionError"))
        discarding = (
            "--all",
            "--error",
            "ZeroDivisionError",
            "--because",
            "open checkouts mean nothing",
            "--yes",
        )
        must(scene.purchase("webhooks", "discard", *discarding).code == 0)
    must(scene.purchase("attention", "--exit-code").code == 0)
    must(scene.deliver([poison]) == ["duplicate"])


def unknown_for_ever(scene: Scene) -> None:
    """An answer was lost, and the provider does not say what became of it."""
    scene.buy("ana")
    scene.deliver()
    scene.harness.chaos.set(Fault.LOST_ANSWER, CERTAIN_PPM)
    with suppress(OutcomeUnknown):
        scene.buy("ana", cart="second")
    scene.harness.chaos.clear()
    scene.harness.chaos.set(Fault.BUSY, CERTAIN_PPM)
    for _ in range(3):
        scene.clock.advance(seconds=HOUR_SECONDS)
        scene.purchase("work", "--once")
    items = scene.purchase("attention", "--json").document["items"]
    outcomes = [one for one in items if one["kind"] == "outcome"]
    must(len(outcomes) == 1)
    must(scene.purchase(*outcomes[0]["next"].split()[1:]).code == 0)
    scene.tell("The provider is back. A worker asks again, under the same key.")
    scene.harness.chaos.clear()
    scene.clock.advance(seconds=HOUR_SECONDS)
    must(scene.purchase("work", "--once").code == 0)
    items = scene.purchase("attention", "--json").document["items"]
    must(not [one for one in items if one["kind"] == "outcome"])
    must(len(list(scene.harness.account.book.all(Session))) == 2, "one for each cart")


@contextmanager
def _broken(meant: Callable[[Event], bool], error: Exception | None = None) -> Iterator[None]:
    """While the block lasts, the adapter fails on some events."""
    original = SandboxProvider.normalise

    def normalise(self: SandboxProvider, event: Event) -> Normalised:
        if meant(event):
            raise error or MalformedBody("this release cannot read it")
        return original(self, event)

    SandboxProvider.normalise = normalise  # type: ignore[method-assign]
    try:
        yield
    finally:
        SandboxProvider.normalise = original  # type: ignore[method-assign]


STORIES: Mapping[int, Story] = {
    one.number: one
    for one in (
        Story(1, "The provider was down for 72 hours", provider_was_down),
        Story(2, "A deploy cannot read bills any more", deploy_broke_the_adapter),
        Story(4, "A customer has paid and has nothing", paid_and_have_nothing),
        Story(7, "The database is that of an hour ago", database_was_restored),
        Story(8, "A poison event", poison_event),
        Story(10, "Nobody knows whether it happened", unknown_for_ever),
    )
}
