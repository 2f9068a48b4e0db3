"""Webhooks: signed, in order, tried again and given up; and chaos, the same for the same seed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import httpx
import pytest

from purchase_core.errors import InvalidArgument, SecretMissing, SignatureInvalid
from purchase_core.identifiers import SeededIds
from purchase_core.instants import DAY, SECOND, Instant
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_sandbox.account import making
from purchase_sandbox.account.account import RETRY_SECONDS, Account
from purchase_sandbox.account.refusal import Refusal
from purchase_sandbox.account.requests import MakeCustomer
from purchase_sandbox.sandbox import Sandbox
from purchase_sandbox.signature import FORM
from purchase_simulators.wire.chaos import API_FAULTS, CERTAIN_PPM, Chaos, Fault, parse_odds
from purchase_simulators.wire.deliveries import (
    Attempt,
    Deliveries,
    Delivery,
    Endpoint,
    State,
)
from purchase_simulators.wire.sender import WebhookSender

START = Instant(1_790_000_000_000_000)
NEW, OLD = Secret("whsec_new_0123456789abcdefghijklmn"), Secret("whsec_old_0123456789abcdefghijklmn")
HOOK = "http://127.0.0.1:9/hook"


class Receiver:
    """An endpoint of an application: what arrived, and what it answers."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response] | None = None) -> None:
        self.requests: list[httpx.Request] = []
        self._answer = answer or (lambda request: httpx.Response(200))

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._answer(request)

    @property
    def about(self) -> list[str]:
        return [json.loads(one.content)["data"]["object"]["metadata"]["name"] for one in self.requests]


class Rig:
    """A sandbox, and a sender that reaches a receiver."""

    def __init__(self, receiver: Receiver, chaos: Chaos | None = None, url: str = HOOK) -> None:
        self.clock = ManualClock(START)
        self.sandbox = Sandbox(clock=self.clock, ids=SeededIds(5), chaos=chaos)
        self.account: Account = self.sandbox.open_account()
        self.endpoint = self.deliveries.add(url, NEW)
        self.notices: list[tuple[State, int]] = []
        self.sender = WebhookSender(
            self.sandbox, transport=httpx.MockTransport(receiver.handle), notice=self._notice
        )

    @property
    def deliveries(self) -> Deliveries:
        return self.account.deliveries

    def happen(self, *names: str) -> None:
        for name in names:
            making.make_customer(self.account.book, MakeCustomer(metadata={"name": name}))

    def send(self) -> int:
        # Each stamp took a microsecond; what happened is due by now.
        self.clock.set_to(self.sandbox.clock.now())
        return asyncio.run(self.sender.send_due())

    def wait(self, seconds: int) -> int:
        self.clock.advance(seconds=seconds)
        return self.send()

    async def _notice(self, delivery: Delivery, endpoint: Endpoint, attempt: Attempt) -> None:
        self.notices.append((delivery.state, attempt.status))


def test_a_webhook_is_the_event_signed_with_the_endpoints_secret() -> None:
    receiver = Receiver()
    rig = Rig(receiver)
    rig.happen("ana")
    assert rig.send() == 1
    (request,) = receiver.requests
    assert (request.method, str(request.url)) == ("POST", HOOK)
    assert request.content == rig.account.book.events[0].body
    headers = [(name.lower(), value) for name, value in request.headers.items()]
    FORM.verify(request.content, headers, secrets=(NEW,), now=rig.clock.now())
    with pytest.raises(SignatureInvalid):
        FORM.verify(request.content, headers, secrets=(OLD,), now=rig.clock.now())


def test_events_arrive_in_order_and_once() -> None:
    receiver = Receiver()
    rig = Rig(receiver)
    names = [str(number) for number in range(30)]
    rig.happen(*names)
    assert rig.send() == 30
    assert receiver.about == names
    assert rig.send() == 0


def test_f21_while_a_secret_is_rotated_both_sign() -> None:
    receiver = Receiver()
    rig = Rig(receiver)
    rig.deliveries.rotate(rig.endpoint.id, OLD)
    rig.happen("ana")
    rig.send()
    rig.deliveries.retire(rig.endpoint.id)
    rig.happen("ben")
    rig.send()
    both, only = (request.headers[FORM.header] for request in receiver.requests)
    assert (both.count("v1="), only.count("v1=")) == (2, 1)
    for secret in (NEW, OLD):
        FORM.verify(
            receiver.requests[0].content, ((FORM.header, both),), secrets=(secret,), now=rig.clock.now()
        )
    FORM.verify(receiver.requests[1].content, ((FORM.header, only),), secrets=(OLD,), now=rig.clock.now())


@pytest.mark.parametrize("secret", ["", " ", "whsec_", "short", "whsec_tooshort"])
def test_f18_an_endpoint_without_a_real_secret_is_refused(secret: str) -> None:
    rig = Rig(Receiver())
    with pytest.raises(SecretMissing):
        rig.deliveries.add(HOOK, Secret(secret))
    with pytest.raises(SecretMissing):
        rig.deliveries.rotate(rig.endpoint.id, Secret(secret))


@pytest.mark.parametrize("status", [500, 404, 307])
def test_what_is_not_accepted_is_tried_again_a_bounded_number_of_times(status: int) -> None:
    receiver = Receiver(
        lambda request: httpx.Response(status, headers={"location": "http://169.254.169.254/"})
    )
    rig = Rig(receiver)
    rig.happen("ana")
    assert rig.send() == 1
    for seconds in RETRY_SECONDS:
        assert rig.wait(seconds - 1) == 0
        assert rig.wait(1) == 1
    assert rig.wait(30 * 86_400) == 0
    assert len(receiver.requests) == 8
    assert {str(request.url) for request in receiver.requests} == {HOOK}
    (delivery,) = rig.deliveries.newest(10)
    assert (delivery.state, len(delivery.attempts)) == (State.FAILED, 8)
    assert rig.notices == [(State.WAITING, status)] * 7 + [(State.FAILED, status)]


def test_a_retry_that_is_accepted_is_the_last() -> None:
    answers = iter([httpx.Response(503), httpx.Response(204)])
    receiver = Receiver(lambda request: next(answers))
    rig = Rig(receiver)
    rig.happen("ana")
    rig.send()
    rig.wait(5)
    assert rig.wait(86_400) == 0
    (delivery,) = rig.deliveries.newest(10)
    assert (delivery.state, [one.status for one in delivery.attempts]) == (State.DELIVERED, [503, 204])


def test_a_retry_carries_the_same_event_and_a_fresh_signature() -> None:
    receiver = Receiver(lambda request: httpx.Response(500))
    rig = Rig(receiver)
    rig.happen("ana")
    rig.send()
    rig.wait(5)
    first, second = receiver.requests
    assert first.content == second.content
    assert first.headers[FORM.header] != second.headers[FORM.header]


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError, OSError])
def test_an_endpoint_that_cannot_be_reached_is_logged_and_waited_for(error: type[Exception]) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise error("canary-detail")

    rig = Rig(Receiver(refuse))
    rig.happen("ana")
    rig.send()
    (delivery,) = rig.deliveries.newest(10)
    (attempt,) = delivery.attempts
    assert (delivery.state, attempt.status, attempt.problem) == (State.WAITING, 0, error.__name__)


def test_one_endpoint_that_fails_does_not_hold_up_another() -> None:
    def one_of_two(request: httpx.Request) -> httpx.Response:
        return httpx.Response(500 if request.url.path == "/hook" else 200)

    receiver = Receiver(one_of_two)
    rig = Rig(receiver)
    rig.deliveries.add("http://127.0.0.1:9/other", OLD)
    rig.happen("a", "b", "c")
    rig.send()
    by_state = [(one.endpoint == rig.endpoint.id, one.state) for one in rig.deliveries.newest(10)]
    assert sorted(by_state) == [(False, State.DELIVERED)] * 3 + [(True, State.WAITING)] * 3
    assert [one.headers[FORM.header].count("v1=") for one in receiver.requests] == [1] * 6


def test_an_endpoint_hears_of_nothing_from_before_its_time_and_nothing_after() -> None:
    receiver = Receiver()
    rig = Rig(receiver)
    rig.happen("early")
    other = rig.deliveries.add("http://127.0.0.1:9/other", OLD)
    rig.happen("between")
    rig.send()
    rig.deliveries.remove(other.id)
    rig.happen("late")
    rig.send()
    heard = [
        name for name, one in zip(receiver.about, receiver.requests, strict=True) if one.url.path == "/other"
    ]
    assert heard == ["between"]


def test_an_endpoint_that_was_removed_gets_no_retries() -> None:
    receiver = Receiver(lambda request: httpx.Response(500))
    rig = Rig(receiver)
    rig.happen("ana")
    rig.send()
    rig.deliveries.remove(rig.endpoint.id)
    assert rig.wait(5) == 0
    assert [one.state for one in rig.deliveries.newest(10)] == [State.FAILED]


def test_f16_an_event_can_be_sent_again_days_later() -> None:
    receiver = Receiver()
    rig = Rig(receiver)
    rig.happen("ana", "ben")
    rig.send()
    rig.clock.advance(days=40)
    event = rig.account.book.events[0]
    rig.deliveries.redeliver(event.id)
    assert rig.send() == 1
    assert receiver.requests[-1].content == event.body
    with pytest.raises(Refusal):
        rig.deliveries.redeliver("evt_none")


def test_signatures_are_timed_by_the_receivers_clock_not_by_the_advanced_one() -> None:
    receiver = Receiver()
    rig = Rig(receiver)
    rig.sandbox.advance(365 * DAY)
    rig.happen("ana")
    asyncio.run(rig.sender.send_due())
    rig.sandbox.signing_clock = rig.sandbox.clock
    rig.happen("ben")
    asyncio.run(rig.sender.send_due())
    times = [int(one.headers[FORM.header].split(",")[0].removeprefix("t=")) for one in receiver.requests]
    assert times == [START // SECOND, START // SECOND + 365 * 86_400]


@pytest.mark.parametrize(
    "url", ["", "ftp://127.0.0.1/", "javascript:alert(1)", "/hook", "http://a b/", "http://a/\n"]
)
def test_an_endpoint_is_the_address_of_a_page(url: str) -> None:
    with pytest.raises(InvalidArgument):
        Rig(Receiver(), url=url)


# --- chaos -------------------------------------------------------------------------------------


def test_chaos_drops_doubles_delays_and_reorders() -> None:
    for fault, expected in (
        (Fault.DROP, []),
        (Fault.DUPLICATE, ["ana", "ana"]),
        (Fault.DELAY, ["ana"]),
        (Fault.REORDER, ["ana"]),
    ):
        receiver = Receiver()
        rig = Rig(receiver, Chaos(1, {fault: CERTAIN_PPM}))
        rig.happen("ana")
        rig.send()
        at_once = len(receiver.requests)
        rig.wait(60)
        assert receiver.about == expected
        assert at_once == (2 if fault is Fault.DUPLICATE else 0)
    assert [one.state for one in Rig(Receiver()).deliveries.newest(1)] == []


def test_reordered_webhooks_are_overtaken() -> None:
    chaos = Chaos(1, {Fault.REORDER: CERTAIN_PPM})
    receiver = Receiver()
    rig = Rig(receiver, chaos)
    rig.happen("first")
    rig.send()
    chaos.clear()
    rig.happen("second")
    rig.send()
    rig.wait(2)
    assert receiver.about == ["second", "first"]


def arrivals(seed: int, odds: dict[Fault, int]) -> list[str]:
    receiver = Receiver()
    rig = Rig(receiver, Chaos(seed, odds))
    for number in range(40):
        rig.happen(str(number))
        rig.wait(1)
    rig.wait(60)
    return receiver.about


HALF = {Fault.DROP: 200_000, Fault.DUPLICATE: 300_000, Fault.REORDER: 300_000, Fault.DELAY: 100_000}


def test_the_same_seed_does_the_same_and_another_does_not() -> None:
    assert arrivals(7, HALF) == arrivals(7, HALF)
    assert arrivals(7, HALF) != arrivals(8, HALF)
    assert arrivals(7, {}) == [str(number) for number in range(40)]


def test_odds_are_about_kept() -> None:
    chaos = Chaos(3, {Fault.DROP: 250_000})
    struck = sum(chaos.strikes(Fault.DROP) for _ in range(4_000))
    assert 900 < struck < 1_100


def test_one_fault_does_not_change_the_luck_of_another() -> None:
    alone, together = Chaos(9, {Fault.BUSY: 500_000}), Chaos(9, {Fault.BUSY: 500_000, Fault.GARBLED: 500_000})
    of_alone = [alone.of_call() is Fault.BUSY for _ in range(200)]
    of_both = [together.of_call() is Fault.BUSY for _ in range(200)]
    assert of_alone == of_both  # busy comes before garbled where both strike
    assert API_FAULTS.index(Fault.BUSY) < API_FAULTS.index(Fault.GARBLED)


def test_odds_are_read_without_floats() -> None:
    assert parse_odds("duplicate=0.2, drop=1,busy=0") == {
        Fault.DUPLICATE: 200_000,
        Fault.DROP: CERTAIN_PPM,
        Fault.BUSY: 0,
    }
    assert parse_odds("") == {}
    for wrong in (
        "duplicate",
        "duplicate=",
        "duplicate=x",
        "duplicate=1.1",
        "duplicate=-0.1",
        "sneeze=0.5",
        "drop=NaN",
    ):
        with pytest.raises(InvalidArgument):
            parse_odds(wrong)
