"""A change that was not paid at once: it waits for a bank's question to be answered, or is given up.

Stripe keeps such a change as a pending update for up to 23 hours, with an open invoice; until that is paid,
the old items hold. A card that was declined is another matter: whoever asked is told so, and nothing stays
behind that a later payment could still change. Source: docs.stripe.com/billing/subscriptions/pending-updates.
"""

from __future__ import annotations

from msgspec import UnsetType

from purchase_core.errors import ProviderRefused
from purchase_core.ports.provider import Fetched, reading

from . import documents
from .client import StripeCalls, as_key
from .documents import name_of
from .looking import Looking
from .normalise import action_of

AUTHENTICATE = "authenticate"
NOT_PAID = "not_paid"


async def bill_of(
    calls: StripeCalls, looking: Looking, changed: documents.Subscription, key: str
) -> Fetched | None:
    """The bill that a pending change waits for; None if it does not wait any more.

    Raises ProviderRefused, with the bank's word for it, if the payment was declined; the change is given up.
    """
    fetched = await looking.fetch("invoice", name_of(changed.latest_invoice))
    bill = reading.read(fetched.body, documents.Invoice)
    if bill.status == "paid":
        return None  # the answer is an old one, under the same key
    if bill.status == "open":
        if action_of(bill) == AUTHENTICATE:
            return fetched
        try:
            await calls.write(
                "void an invoice",
                lambda stripe: stripe.v1.invoices.void_invoice_async(
                    bill.id, {}, {"idempotency_key": as_key(key, "void")}
                ),
                documents.Head,
            )
        except ProviderRefused:
            return None  # somebody has paid it meanwhile
    raise ProviderRefused(
        "the change was not paid for, and is not made",
        provider_code=_declined(bill) or NOT_PAID,
        hint="Ask for another payment method, and change it then.",
    )


def _declined(bill: documents.Invoice) -> str:
    payments = [] if isinstance(bill.payments, UnsetType) else bill.payments.data
    intents = [one.payment.payment_intent for one in payments]
    errors = [one.last_payment_error for one in intents if isinstance(one, documents.Intent)]
    return next((one.decline_code or one.code or "" for one in errors if one is not None), "")
