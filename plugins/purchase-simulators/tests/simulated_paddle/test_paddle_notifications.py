"""Events, notifications and their signatures: PROVIDERS notes, each named after what it says."""

from __future__ import annotations

import asyncio
import hmac
import json
from hashlib import sha256

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from purchase_core.errors import InvalidArgument
from purchase_core.instants import SECOND
from purchase_simulators.paddle.notifications import RETRIES_MAX, RETRY_SECONDS
from purchase_simulators.paddle.sender import NotificationSender
from purchase_simulators.paddle.server.running import PaddleServer
from purchase_simulators.paddle.shapes import Document
from purchase_simulators.paddle.simulator import PaddleSimulator
from purchase_simulators.paddle.testing import API_KEY, Desk
from purchase_simulators.wire.chaos import CERTAIN_PPM, Chaos, Fault

DESTINATION = "https://shop.example/billing/webhooks/paddle"
EVENTS = ["customer.created", "transaction.completed"]


class Shop:
    """An application that is told things, and answers what it likes."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.got: list[tuple[bytes, str]] = []

    async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        request = Request(scope, receive)
        self.got.append((await request.body(), request.headers["paddle-signature"]))
        await Response("ok", self.status)(scope, receive, send)

    def ids(self, name: str) -> list[str]:
        return [json.loads(body)[name] for body, _ in self.got]


def destination(desk: Desk, **fields: object) -> Document:
    body = {"description": "shop", "type": "url", "destination": DESTINATION, "subscribed_events": EVENTS}
    found: Document = desk.post("/notification-settings", body | fields)
    return found


def deliver(desk: Desk, shop: Shop) -> int:
    async def send() -> int:
        sender = NotificationSender(desk.simulator, transport=httpx.ASGITransport(shop))
        try:
            return await sender.send_due()
        finally:
            await sender.aclose()

    return asyncio.run(send())


def test_a_destination_has_a_secret_that_can_be_read_again(desk: Desk) -> None:
    """api-reference/notification-settings (endpoint_secret_key)."""
    made = destination(desk)
    letters = made["id"].removeprefix("ntfset_")
    assert made["endpoint_secret_key"].startswith(f"pdl_ntfset_{letters}_")
    assert desk.get(f"/notification-settings/{made['id']}") == made
    assert [one["name"] for one in made["subscribed_events"]] == EVENTS


def test_destinations_are_checked_changed_and_removed(desk: Desk) -> None:
    wrong = {"description": "x", "type": "url", "destination": "ftp://shop", "subscribed_events": EVENTS}
    assert desk.refused("POST", "/notification-settings", wrong).code == "url_notification_setting_incorrect"
    unknown = wrong | {"destination": DESTINATION, "subscribed_events": ["fish.caught"]}
    assert desk.refused("POST", "/notification-settings", unknown).code == "invalid_field"
    made = destination(desk)
    assert desk.patch(f"/notification-settings/{made['id']}", {"active": False})["active"] is False
    assert [one["id"] for one in desk.get("/notification-settings?active=false")] == [made["id"]]
    assert desk.call("DELETE", f"/notification-settings/{made['id']}").status_code == 204
    assert desk.refused("GET", f"/notification-settings/{made['id']}").status == 404


def test_at_most_ten_are_active(desk: Desk) -> None:
    for _ in range(10):
        destination(desk)
    body = {"description": "x", "type": "url", "destination": DESTINATION, "subscribed_events": EVENTS}
    assert desk.refused("POST", "/notification-settings", body).code == (
        "notification_maximum_active_settings_reached"
    )


def test_a_webhook_is_signed_over_time_and_raw_body(desk: Desk) -> None:
    """webhooks/signature-verification: ts=…;h1=…, HMAC-SHA256 of "ts:body"."""
    made, shop = destination(desk), Shop()
    desk.customer()
    assert deliver(desk, shop) == 1
    ((body, header),) = shop.got
    time, digest = (part.partition("=")[2] for part in header.split(";"))
    assert int(time) == desk.clock.now() // SECOND
    key = made["endpoint_secret_key"].encode()
    assert digest == hmac.digest(key, f"{time}:".encode() + body, sha256).hex()
    event = json.loads(body)
    assert set(event) == {"event_id", "event_type", "occurred_at", "notification_id", "data"}
    assert event["event_type"] == "customer.created"


def test_one_event_gives_one_notification_a_destination(desk: Desk) -> None:
    """webhooks/how-webhooks-work: dedupe on event_id, not on notification_id."""
    destination(desk)
    destination(desk)
    shop = Shop()
    desk.customer()
    deliver(desk, shop)
    assert len(set(shop.ids("event_id"))) == 1
    assert len(set(shop.ids("notification_id"))) == 2


def test_only_subscribed_events_and_platform_traffic_go_out(desk: Desk) -> None:
    destination(desk, subscribed_events=["transaction.completed"])
    destination(desk, traffic_source="simulation")
    destination(desk, active=True)
    shop = Shop()
    desk.customer()
    deliver(desk, shop)
    assert len(shop.got) == 1


def test_anything_but_2xx_is_tried_again_for_three_days(desk: Desk) -> None:
    """webhooks/respond-to-webhooks: up to 60 retries over 3 days, then failed."""
    assert RETRIES_MAX == len(RETRY_SECONDS) == 60
    assert 2.9 < sum(RETRY_SECONDS) / 86_400 < 3.1
    destination(desk)
    shop = Shop(500)
    desk.customer()
    deliver(desk, shop)
    (seen,) = desk.get("/notifications?status=needs_retry")
    assert (seen["times_attempted"], bool(seen["retry_at"])) == (1, True)
    for seconds in RETRY_SECONDS:
        desk.advance(seconds=seconds)
        deliver(desk, shop)
    (failed,) = desk.get("/notifications?status=failed")
    assert failed["times_attempted"] == 61
    assert len(set(shop.ids("notification_id"))) == 1
    desk.advance(days=30)
    assert deliver(desk, shop) == 0


def test_a_delivered_notification_says_so_and_has_logs(desk: Desk) -> None:
    destination(desk)
    shop = Shop(503)
    desk.customer()
    deliver(desk, shop)
    shop.status = 200
    desk.advance(seconds=RETRY_SECONDS[0])
    deliver(desk, shop)
    (seen,) = desk.get("/notifications?status=delivered")
    assert (seen["origin"], seen["times_attempted"], seen["retry_at"]) == ("event", 2, None)
    logs = desk.get(f"/notifications/{seen['id']}/logs")
    assert sorted(one["response_code"] for one in logs) == [200, 503]


def test_a_replay_is_a_new_notification_of_the_same_event(desk: Desk) -> None:
    """api-reference/notifications/replay: a new ntf_ id; errors/notifications/…invalid_origin_type."""
    destination(desk)
    shop = Shop()
    desk.customer()
    (waiting,) = desk.get("/notifications")
    assert desk.refused("POST", f"/notifications/{waiting['id']}/replay").code == "notification_cannot_replay"
    deliver(desk, shop)
    again = desk.post(f"/notifications/{waiting['id']}/replay")["notification_id"]
    assert again != waiting["id"]
    deliver(desk, shop)
    one, two = (json.loads(body) for body, _ in shop.got)
    assert one["event_id"] == two["event_id"]
    assert {k: v for k, v in one.items() if k != "notification_id"} == {
        k: v for k, v in two.items() if k != "notification_id"
    }
    refused = desk.refused("POST", f"/notifications/{again}/replay")
    assert refused.code == "notification_replay_invalid_origin_type"


def test_events_are_listed_newest_first_or_oldest_first(desk: Desk) -> None:
    """GET /events."""
    for number in range(3):
        desk.customer(f"c{number}@example.com")
    newest = desk.get("/events")
    oldest = desk.get("/events?order_by=id[ASC]&per_page=2")
    assert [one["data"]["email"] for one in newest] == [f"c{n}@example.com" for n in (2, 1, 0)]
    assert [one["data"]["email"] for one in oldest] == ["c0@example.com", "c1@example.com"]
    rest = desk.get(f"/events?order_by=id[ASC]&after={oldest[-1]['event_id']}")
    assert [one["data"]["email"] for one in rest] == ["c2@example.com"]
    times = [one["occurred_at"] for one in newest]
    assert times == sorted(times, reverse=True)
    assert all("notification_id" not in one for one in newest)


@pytest.mark.parametrize(
    ("fault", "count"), [(Fault.DUPLICATE, 2), (Fault.DROP, 0), (Fault.DELAY, 0), (Fault.REORDER, 0)]
)
def test_chaos_with_webhooks(fault: Fault, count: int) -> None:
    with Desk(chaos=Chaos(1, {fault: CERTAIN_PPM})) as own:
        destination(own)
        shop = Shop()
        own.customer()
        deliver(own, shop)
        if fault is Fault.DUPLICATE:
            deliver(own, shop)
        assert len(shop.got) == count
        own.advance(seconds=31)
        deliver(own, shop)
        assert len(shop.got) == (0 if fault is Fault.DROP else max(count, 1))


@pytest.mark.parametrize(
    ("fault", "status", "made"),
    [
        (Fault.BUSY, 429, False),
        (Fault.BROKEN, 500, False),
        (Fault.BROKEN_AFTER, 500, True),
        (Fault.GARBLED, 200, False),
        (Fault.LOST_ANSWER, 0, True),
        (Fault.UNREACHABLE, 0, False),
    ],
)
def test_chaos_with_calls(fault: Fault, status: int, made: bool) -> None:
    """Whatever is answered, it has happened or it has not."""

    async def scenario() -> None:
        simulator = PaddleSimulator(seed=1)
        account = simulator.open_account("a", [API_KEY])
        headers = {"authorization": f"Bearer {API_KEY.reveal()}"}
        async with PaddleServer(simulator) as server, httpx.AsyncClient(base_url=server.url) as http:
            simulator.chaos.set(fault, CERTAIN_PPM)
            if status:
                answer = await http.post("/customers", json={"email": "a@b.example"}, headers=headers)
                assert answer.status_code == status
                assert (fault is Fault.BUSY) == ("retry-after" in answer.headers)
            else:
                with pytest.raises(httpx.HTTPError):
                    await http.post("/customers", json={"email": "a@b.example"}, headers=headers)
            simulator.chaos.clear()
        assert bool(account.book.rows("ctm")) == made

    asyncio.run(scenario())


def test_it_listens_on_loopback_only() -> None:
    with pytest.raises(InvalidArgument, match=r"0\.0\.0\.0"):
        PaddleServer(PaddleSimulator(), host="0.0.0.0")  # noqa: S104  # that is what is refused


def test_whatever_is_answered_carries_the_simulators_time(desk: Desk) -> None:
    desk.advance(days=400)
    date = desk.call("GET", "/event-types").headers["date"]
    assert date.endswith("GMT")
    assert "2027" in date


def test_events_and_notifications_are_kept_for_ninety_days(desk: Desk) -> None:
    """api-reference/events and /notifications: those of the last 90 days."""
    destination(desk)
    desk.customer()
    desk.advance(days=89)
    desk.customer("ben@example.com")
    assert len(desk.get("/events")) == len(desk.get("/notifications")) == 2
    desk.advance(days=2)
    assert [one["data"]["email"] for one in desk.get("/events")] == ["ben@example.com"]
    assert len(desk.get("/notifications")) == 1


def test_events_are_filtered_by_type_and_time(desk: Desk) -> None:
    """GET /events: event_type, from, to."""
    desk.price()
    desk.advance(days=1)
    desk.customer()
    kinds = [one["event_type"] for one in desk.get("/events?event_type=customer.created,price.created")]
    assert kinds == ["customer.created", "price.created"]
    newest = desk.get("/events?per_page=1")[0]["occurred_at"]
    assert [one["event_type"] for one in desk.get(f"/events?from={newest}")] == ["customer.created"]
    assert "customer.created" not in [one["event_type"] for one in desk.get(f"/events?to={newest}")]


def test_notifications_are_listed_by_status_and_time(desk: Desk) -> None:
    """GET /notifications: status, from, to; not_attempted, needs_retry, delivered, failed."""
    destination(desk)
    desk.customer()
    at = desk.get("/events")[0]["occurred_at"]
    assert len(desk.get(f"/notifications?status=not_attempted&from={at}")) == 1
    assert desk.get(f"/notifications?status=not_attempted&to={at}") == []
    assert desk.get("/notifications?status=failed") == []
    deliver(desk, Shop())
    assert [one["status"] for one in desk.get("/notifications?status=delivered")] == ["delivered"]


def test_only_subscription_created_names_its_transaction_and_no_event_has_links(desk: Desk) -> None:
    """webhooks/subscriptions/subscription-created: `transaction_id`; `management_urls` never."""
    bought = desk.subscribed()
    desk.patch(f"/subscriptions/{bought['id']}", {"custom_data": {"a": "b"}})
    told = [one for one in desk.events() if one.type.startswith("subscription.")]
    assert {one.type for one in told if "transaction_id" in one.data} == {"subscription.created"}
    assert not any("management_urls" in one.data for one in told)
    assert desk.get(f"/subscriptions/{bought['id']}")["management_urls"]["cancel"]


def test_simulations_are_paddles_alone(desk: Desk) -> None:
    """api-reference/simulations: they send made-up webhooks from Paddle itself; here events are real."""
    for path in ("/simulations", "/simulation-types"):
        assert desk.call("GET", path).status_code == 404


def test_a_destination_can_listen_to_all_that_billing_needs(desk: Desk) -> None:
    """webhooks/overview: transactions, subscriptions, adjustments, customers, the catalog, saved cards."""
    about = {
        "transaction": "created ready billed paid completed canceled past_due payment_failed revised updated",
        "subscription": "created activated trialing updated past_due paused resumed canceled imported",
        "adjustment": "created updated",
        "customer": "created updated imported",
        "product": "created updated imported",
        "price": "created updated imported",
        "discount": "created updated imported",
        "payment_method": "saved deleted",
    }
    types = sorted(f"{name}.{one}" for name, ones in about.items() for one in ones.split())
    body = {"description": "all", "type": "url", "destination": DESTINATION, "subscribed_events": types}
    made = desk.post("/notification-settings", body)
    assert sorted(one["name"] for one in made["subscribed_events"]) == types
