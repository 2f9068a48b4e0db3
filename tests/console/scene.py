"""A shop in trouble: money that came twice, deliveries that fail, and values that would like to be markup."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from purchase_core.instants import HOUR, MINUTE, Instant
from purchase_core.ports.batch import Batch
from purchase_core.ports.provider import CheckoutRequest, OurReference
from purchase_core.records.delivery import DONE, IGNORED, PENDING, QUARANTINED, Delivery
from purchase_sandbox.account.objects import Session
from tests.faults.shop import CANCEL, SUCCESS, Shop

HOSTILE = "\"'><img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>{{191*7}}"
BODY = b'{"customer": "ana@example.com", "note": "</pre><script>document.title=\'owned\'</script>"}'
PERSON = "ana@example.com"


def delivery(number: int, at: Instant, state: str, reason: str = "", **changed: str) -> Delivery:
    """An inbox row; ids ascend with the number."""
    row = Delivery(
        f"delivery_{number:032x}", "sandbox", f"evt_{number}", "invoice.paid", "invoice:sandbox:in_1",
        at, at, (), BODY, state=state, reason=reason, attempts=1, available_at=at, code="c1",
    )  # fmt: skip
    return replace(row, **changed)


async def keep(shop: Shop, rows: Sequence[Delivery]) -> None:
    """Put rows into the inbox as they are."""
    now = shop.billing.clock.now()
    await shop.billing.store.commit(Batch(f"kept {rows[0].id}", now, deliveries=tuple(rows)))


async def in_trouble(shop: Shop) -> None:
    """Everything that the console shows, at once."""
    await paid_twice(shop)
    now = shop.billing.clock.now()
    rows = []
    for number in range(1, 160):
        state, reason = DONE, ""
        if number % 7 == 0:
            state, reason = IGNORED, "foreign: not of this project"
        if number % 11 == 0:
            state, reason = QUARANTINED, "malformed_body: $.data.object.amount is missing"
        if number % 53 == 0:
            state, reason = QUARANTINED, HOSTILE
        if number > 150:
            state, reason = PENDING, "provider_unavailable: 503"
        at = Instant(now - 20 * HOUR + number * 7 * MINUTE)
        rows.append(delivery(number, at, state, reason))
    hostile = {"event_type": HOSTILE, "object": HOSTILE, "connection": HOSTILE, "code": HOSTILE}
    rows.append(delivery(161, now, QUARANTINED, HOSTILE, event_id=HOSTILE, **hostile))
    await keep(shop, rows)


async def paid_twice(shop: Shop) -> None:
    """Ana pays one order on two pages, as two tabs leave them behind."""
    checkout = await shop.start(offer="app:pro")
    (page,) = shop.made(Session)
    reference = OurReference(intent=checkout.id, attempt="attempt_of_the_other_tab", customer="ana")
    request = CheckoutRequest(
        page.mode, page.price, page.quantity, page.customer or "", SUCCESS, CANCEL, reference
    )
    other = await shop.provider.create_checkout(request, key="the other tab")
    await shop.harness.pay(checkout.session)
    shop.advance(seconds=30)
    await shop.harness.pay(other.id)
    await shop.deliver()
