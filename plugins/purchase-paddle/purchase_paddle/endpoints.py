"""Webhook destinations: notification settings, for the events that this adapter reads."""

from __future__ import annotations

from purchase_core.ports.provider import Connection, WebhookEndpoint
from purchase_core.secret import Secret

from . import answers
from .client import PaddleClient
from .config import API_VERSION
from .normalise import TYPES

PATH = "/notification-settings"
PER_PAGE = 200
URL = "url"


async def listed(client: PaddleClient) -> tuple[WebhookEndpoint, ...]:
    """Every destination that is an address. Their secrets could be read again, and are not."""
    every = client.rows(PATH, [("order_by", "id[ASC]")], answers.NotificationSetting, PER_PAGE)
    return tuple([_endpoint(one) async for one in every if one.type == URL])


async def create(client: PaddleClient, url: str, connection: Connection) -> WebhookEndpoint:
    """A destination for real traffic: what Paddle's simulator sends does not go there."""
    fields = {
        "description": f"Purchase: {connection.name}",
        "type": URL,
        "destination": url,
        "subscribed_events": sorted(TYPES),
        "traffic_source": "platform",
        "api_version": int(API_VERSION),
    }
    made = await client.write("POST", PATH, fields, answers.NotificationSetting)
    return _endpoint(made, Secret(made.endpoint_secret_key))


def _endpoint(one: answers.NotificationSetting, secret: Secret | None = None) -> WebhookEndpoint:
    events = tuple(sorted(event.name for event in one.subscribed_events))
    return WebhookEndpoint(one.id, one.destination, one.active, events, str(one.api_version), secret)
