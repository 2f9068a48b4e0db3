"""What the world and a worker say to each other, a line of JSON each."""

from __future__ import annotations

import msgspec


class Start(msgspec.Struct):
    """How a worker begins. `life` counts the processes of one run.

    `harm` is done by the worker itself, at the `at`-th statement that begins with `verb`; `counts` is a file
    for how many there are of each.
    """

    socket: str
    store: str
    place: str
    provider: str
    now: int
    life: int
    commands: list[str]
    bug: str = ""
    harm: str = ""
    verb: str = ""
    at: int = 0
    counts: str = ""


class Webhook(msgspec.Struct):
    """A delivery."""

    body: bytes
    headers: list[tuple[str, str]]


class Told(msgspec.Struct, omit_defaults=True):
    """One step: prepare | open | checkout | receive | refund | spend | work | picture | close."""

    step: str
    now: int = 0
    key: str = ""
    customer: str = ""
    offer: str = ""
    amount: int = 0
    door: str = "inline"
    kind: str = ""
    webhooks: list[Webhook] = []


class Picture(msgspec.Struct):
    """All that a store tells. `spent`: what each request for credits has moved. `wrong`: contradictions."""

    rows: str
    effects: list[str]
    deliveries: dict[str, str]
    commands: dict[str, str]
    spent: dict[str, str]
    wrong: list[str]


class Answer(msgspec.Struct, omit_defaults=True):
    """What came of a step, or (`receipt` >= 0) of one delivery within it. `odd`: no error of ours."""

    said: str = ""
    state: str = ""
    receipt: int = -1
    error: str = ""
    text: str = ""
    unknown: bool = False
    of_store: bool = False
    odd: bool = False
    picture: Picture | None = None
