"""The customer portal: a session of the whole customer, with links for the subscription that is named."""

from __future__ import annotations

from purchase_core.errors import OutcomeUnknown
from purchase_core.ports.provider import PortalFlow, PortalRequest

from . import answers


def fields(request: PortalRequest) -> dict[str, object]:
    """What the session is opened for."""
    named = request.subscription and request.flow is not PortalFlow.OVERVIEW
    return {"subscription_ids": [request.subscription]} if named else {}


def page(session: answers.PortalSession, request: PortalRequest) -> str:
    """The page of a flow. A link is temporary, and lets in whoever has it."""
    if request.flow is PortalFlow.OVERVIEW:
        return session.urls.general.overview
    for links in session.urls.subscriptions:
        if links.id == request.subscription:
            cancel = request.flow is PortalFlow.CANCEL
            return links.cancel_subscription if cancel else links.update_subscription_payment_method
    raise OutcomeUnknown("portal-sessions: the session has no page for that subscription")
