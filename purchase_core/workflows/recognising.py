"""Recognising: whether a session that somebody found at a provider is that of one of our attempts."""

from __future__ import annotations

from purchase_core.facts.bodies import AttemptMade, SessionSeen
from purchase_core.facts.fact import intent_key
from purchase_core.ports.provider import Provider, ProviderCheckout
from purchase_core.ports.store import Question, Store
from purchase_core.workflows.observing import observe
from purchase_core.workflows.order import Order


async def recognised(store: Store, provider: Provider, order: Order, session: str) -> ProviderCheckout | None:
    """The session of an id, if it is of the order's intent, and of no other attempt that is known.

    Its address is not among what it shows: "". Raises a ProviderError.
    """
    facts = await observe(provider, "session", session)
    ours = any(isinstance(one.body, SessionSeen) and one.body.intent == order.intent for one in facts)
    if not ours or session in await _of_other_attempts(store, order):
        return None
    return ProviderCheckout(session, "", None, facts)


async def _of_other_attempts(store: Store, order: Order) -> set[str]:
    view = await store.look(Question(objects=(intent_key(order.intent),)))
    seen = [one.newest.body for each in view.clusters.values() for one in each.registers.values()]
    made = [body for body in seen if isinstance(body, AttemptMade)]
    return {one.session for one in made if (one.intent, one.id) != (order.intent, order.attempt)}
