"""The plan of a rollout: what would be done at which provider, why, and whom it touches. A file to review."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from purchase_core.canonical import content_hash
from purchase_core.errors import PlanInvalid
from purchase_core.instants import Instant
from purchase_core.values import Value

FORMAT = 1
PLAN_BYTES_MAX = 32 * 1024 * 1024

Act: TypeAlias = Literal[
    "create", "replace", "reinstate", "adopt", "update", "link", "retire", "archive", "forget"
]
Kind: TypeAlias = Literal["product", "price"]

MEANINGS: dict[Act, str] = {
    "create": "made at the provider",
    "replace": "made at the provider, in the place of one that is retired",
    "reinstate": "an archived price is sold again",
    "adopt": "it is there already, made by hand or before the database was lost, and becomes ours",
    "update": "it is ours, and is not what the catalog says",
    "link": "it is there and ours, and only our own record of it is missing",
    "retire": "sold no more; whoever has it keeps it",
    "archive": "the offer is gone: sold no more; whoever has it keeps it",
    "forget": "our own record of it ends; the provider's object is not ours, or is gone",
}
"""What each act comes to."""


class Step(Value, frozen=True):
    """One thing to be done at one connection. `goal` names what it brings about, whatever is there already.

    `object` is the provider's id, where there is one. `fields` are those that are changed, `before` and
    `after` what they are in words. `drift`: the provider's side was changed by somebody else. `confidence`:
    how something that is adopted was recognised. `holders`: live agreements on what is replaced or archived.
    """

    goal: str
    act: Act
    kind: Kind
    connection: str
    offer: str
    version: str = ""
    currency: str = ""
    variant: str = ""
    object: str = ""
    fields: tuple[str, ...] = ()
    before: str = ""
    after: str = ""
    drift: bool = False
    confidence: str = ""
    holders: int = 0

    @property
    def moves_money(self) -> bool:
        """Whether somebody may be asked for another amount, or for none, after it."""
        return self.act not in ("link", "forget") and self.fields != ("name",)

    @property
    def settled(self) -> Step:
        """The step without what changes while shops are open: how many hold what."""
        return replace(self, holders=0)

    def is_rest_of(self, planned: Step) -> bool:
        """Whether it is what is left of a planned step after a kill: all of it, or only our record of it."""
        same = (self.goal, self.act, self.object) == (planned.goal, planned.act, planned.object)
        return same or (self.goal == planned.goal and self.act == "link")


class Choice(Value, frozen=True):
    """An answer to a question: the word for it, and what it means. `confidence` of what it takes for true."""

    answer: str
    meaning: str
    confidence: str = ""


class Doubt(Value, frozen=True):
    """A question that the plan cannot answer by itself, and is not applied without."""

    id: str
    connection: str
    offer: str
    question: str
    choices: tuple[Choice, ...]


class Notice(Value, frozen=True):
    """Something to know about one connection that is left as it is."""

    connection: str
    about: str
    text: str


class Account(Value, frozen=True):
    """A connection as it was when the plan was made, and what of it was looked at."""

    name: str
    plugin: str
    account: str
    mode: str
    products: int
    prices: int
    foreign: int
    requests: int


class Plan(Value, frozen=True):
    """A plan. `catalog` is the hash of what it leads to, `to` the stored version asked for ("" = the code).

    `answers` are those that were given to doubts. `seal` is over all the rest: a plan that was edited by hand
    has another.
    """

    project: str
    environment: str
    catalog: str
    made_at: Instant
    accounts: tuple[Account, ...]
    steps: tuple[Step, ...]
    doubts: tuple[Doubt, ...] = ()
    notices: tuple[Notice, ...] = ()
    answers: tuple[tuple[str, str], ...] = ()
    to: str = ""
    format: int = FORMAT
    seal: str = ""

    @property
    def id(self) -> str:
        """Identifies what it does and where, whenever it was made."""
        where = [(one.name, one.plugin, one.account, one.mode) for one in self.accounts]
        steps = [step.settled for step in self.steps]
        return content_hash(
            [self.project, self.environment, self.catalog, self.to, where, self.answers, steps]
        )

    @property
    def drift(self) -> bool:
        """Whether anybody else has changed what is ours."""
        return any(step.drift for step in self.steps)

    def sealed(self) -> Plan:
        """The plan, with its seal."""
        return replace(self, seal=_seal(self))

    def encode(self) -> bytes:
        """The plan as a file, for people to read too."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"


def decode_plan(data: bytes) -> Plan:
    """The plan in a file. Raises PlanInvalid if it is none, or is not as it was made."""
    if len(data) > PLAN_BYTES_MAX:
        raise PlanInvalid(f"a plan has at most {PLAN_BYTES_MAX} bytes", kind="unreadable")
    try:
        plan = msgspec.json.decode(data, type=Plan, strict=True)
    except (msgspec.MsgspecError, RecursionError):
        raise PlanInvalid(
            "the file is no plan", kind="unreadable", hint="`purchase catalog plan -o FILE` writes one."
        ) from None
    if plan.format != FORMAT:
        raise PlanInvalid(f"the plan is of format {plan.format}, not {FORMAT}", kind="unreadable")
    if plan.seal != _seal(plan):
        raise PlanInvalid(
            "the plan was changed since it was made",
            kind="edited",
            hint="Plans are not edited: change the catalog, or answer doubts, and make another.",
        )
    return plan


def _seal(plan: Plan) -> str:
    return content_hash(replace(plan, seal=""))
