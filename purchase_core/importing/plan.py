"""The plan of an import: who would be linked, what is doubtful, which prices are known. A file to review."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from purchase_core.canonical import content_hash
from purchase_core.errors import PlanInvalid
from purchase_core.importing.pricing import Standing
from purchase_core.instants import Instant
from purchase_core.values import Value

FORMAT = 1
PLAN_BYTES_MAX = 512 * 1024 * 1024


class Account(Value, frozen=True):
    """The account that was looked at, and from where."""

    connection: str
    plugin: str
    account: str
    mode: str
    project: str
    environment: str


class Link(Value, frozen=True):
    """The provider's customer `theirs` is our customer `ours`. `by` says why that is certain."""

    theirs: str
    ours: str
    by: str


class Doubt(Value, frozen=True):
    """A customer at the provider who may be one of ours. Nothing is linked, nothing granted.

    `live` of their subscriptions have not ended; `candidates` are those of ours whom something speaks for.
    """

    theirs: str
    why: str
    candidates: tuple[str, ...]
    live: int


class UnknownPrice(Value, frozen=True):
    """A price that live subscriptions have, and no offer is known for. `likely`: offers it may be of."""

    price: str
    subscriptions: int
    likely: tuple[str, ...] = ()


class ImportPlan(Value, frozen=True):
    """A plan. `customers` counts them by how they were matched, `subscriptions` those that have not ended.

    `nobodys` are customers who have a live subscription and whom nothing speaks for; the other customers of
    nobody are only counted. `absent` are in the map, and not at the provider. `seal` is over all the rest.
    """

    account: Account
    made_at: Instant
    customers: Mapping[str, int]
    subscriptions: Mapping[str, int]
    prices: tuple[Standing, ...] = ()
    unknown_prices: tuple[UnknownPrice, ...] = ()
    links: tuple[Link, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    nobodys: tuple[Doubt, ...] = ()
    absent: tuple[str, ...] = ()
    requests: int = 0
    format: int = FORMAT
    seal: str = ""

    def sealed(self) -> ImportPlan:
        """The plan, with its seal."""
        return replace(self, seal=_seal(self))

    @property
    def version(self) -> str:
        """The same for plans that do the same, whenever they were made."""
        return content_hash(replace(self, made_at=Instant(0), requests=0, seal=""))

    def encode(self) -> bytes:
        """The plan as a file, for people to read too."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"


def decode_import(data: bytes) -> ImportPlan:
    """The plan in a file. Raises PlanInvalid if it is none, or is not as it was made."""
    if len(data) > PLAN_BYTES_MAX:
        raise PlanInvalid(f"a plan has at most {PLAN_BYTES_MAX} bytes", kind="unreadable")
    try:
        plan = msgspec.json.decode(data, type=ImportPlan, strict=True)
    except (msgspec.MsgspecError, RecursionError):
        hint = "`purchase import plan -o FILE` writes one."
        raise PlanInvalid("the file is no plan of an import", kind="unreadable", hint=hint) from None
    if plan.format != FORMAT:
        raise PlanInvalid(f"the plan is of format {plan.format}, not {FORMAT}", kind="unreadable")
    if plan.seal != _seal(plan):
        hint = "Plans are not edited: say more in the map, decide doubts, and make another."
        raise PlanInvalid("the plan was changed since it was made", kind="edited", hint=hint)
    return plan


def _seal(plan: ImportPlan) -> str:
    return content_hash(replace(plan, seal=""))


def summary(plan: ImportPlan) -> str:
    """One line: how much of what."""
    certain = {one.by: 0 for one in plan.links}
    for link in plan.links:
        certain[link.by] += 1
    linked = ", ".join(f"{count:,} by {by}" for by, count in sorted(certain.items())) or "none"
    prices = sum(not one.recorded for one in plan.prices)
    return (
        f"Plan: {len(plan.links):,} customers to link ({linked}), {len(plan.doubts):,} doubtful, "
        f"{len(plan.nobodys):,} of nobody with a live subscription; {prices:,} prices to record, "
        f"{len(plan.unknown_prices):,} unknown."
    )
