"""A long story of one account, as far as its adapter declares, for the promises about reading."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from purchase_contract_tests.provider.bench import ProviderBench
from purchase_contract_tests.provider.sale import ONCE, Wish, a_wish, only, open_sale, states, understood
from purchase_core.facts.bodies import InvoiceSeen, RefundSeen, SubscriptionSeen
from purchase_core.ports.provider import Capability, ChangeRequest, OurReference, PauseRequest, RefundRequest

DAY_SECONDS = 86_400
PERIOD_SECONDS = 32 * DAY_SECONDS


async def history(bench: ProviderBench) -> list[bytes]:
    """The bodies of all events of sales, changes, pauses, dunning, refunds, disputes and endings."""
    bodies: list[bytes] = []
    declared = bench.provider.capabilities
    if Capability.SUBSCRIPTION_CHECKOUT in declared:
        bodies += await _subscription(bench)
    if Capability.ONE_TIME_CHECKOUT in declared:
        bodies += await _purchase(bench)
    if Capability.EXPIRE_CHECKOUT in declared:
        sale = await open_sale(bench, a_wish(bench, 3))
        await bench.provider.expire_checkout(sale.checkout.id, key="expire:history")
        bodies += await _sent(bench)
    return bodies


async def one_of_each_kind(bench: ProviderBench) -> list[bytes]:
    """Of all events of the story, the fullest about each kind of object."""
    found: dict[str, bytes] = {}
    for body in await history(bench):
        kind = bench.provider.parse(body).object.partition(":")[0]
        found[kind] = max(found.get(kind, b""), body, key=len)
    return list(found.values())


async def _subscription(bench: ProviderBench) -> list[bytes]:
    provider, declared = bench.provider, bench.provider.capabilities
    sale = await open_sale(bench, Wish(1))
    await bench.pay(sale.checkout)
    bodies = await _sent(bench)
    bought = only([one for one in await _states(bench, bodies) if isinstance(one, SubscriptionSeen)])
    if Capability.CHANGE_SUBSCRIPTION in declared:
        dearer = attrs.evolve(Wish(), amount=2_400)
        price = await provider.ensure_price(dearer.price_request(), key="price:history")
        await bench.advance(5 * DAY_SECONDS)
        await provider.change_subscription(ChangeRequest(bought.id, price, 1), key="change:history")
    if Capability.PAUSE in declared:
        await bench.advance(DAY_SECONDS)
        await provider.pause_subscription(PauseRequest(bought.id), key="pause:history")
        await bench.advance(DAY_SECONDS)
        await provider.resume_subscription(bought.id, new_period=False, key="resume:history")
    await bench.fail_payments(bought.id)
    await bench.advance(PERIOD_SECONDS)
    await bench.recover_payments(bought.id)
    if Capability.CANCEL_AT_PERIOD_END in declared:
        await bench.advance(DAY_SECONDS)
        await provider.cancel_subscription(bought.id, at_period_end=True, key="cancel:history")
        await bench.advance(PERIOD_SECONDS)
    elif Capability.CANCEL_NOW in declared:
        await provider.cancel_subscription(bought.id, at_period_end=False, key="cancel:history")
    return bodies + await _sent(bench)


async def _purchase(bench: ProviderBench) -> list[bytes]:
    declared = bench.provider.capabilities
    bodies: list[bytes] = []
    for number in (21, 22):
        sale = await open_sale(bench, attrs.evolve(ONCE, number=number))
        await bench.pay(sale.checkout)
        fresh = await _sent(bench)
        invoice = only([one for one in await _states(bench, fresh) if isinstance(one, InvoiceSeen)])
        bodies += fresh
        if number == 21 and Capability.REFUND in declared:
            reference = OurReference(command="command_history")
            answer = await bench.provider.refund(
                RefundRequest(invoice.id, None, reference), key="refund:history"
            )
            refund = only(states(answer, RefundSeen)).id
            if declared.refund_approval:
                await bench.decide_refund(refund, approved=True)
            await bench.advance(DAY_SECONDS)
            await bench.return_refund(refund)
        if number == 22 and Capability.DISPUTES in declared:
            for status in ("open", "won"):
                await bench.advance(DAY_SECONDS)
                await bench.dispute(invoice.id, status)
        bodies += await _sent(bench)
    return bodies


async def _sent(bench: ProviderBench) -> list[bytes]:
    return [webhook.body for webhook in await bench.sent()]


async def _states(bench: ProviderBench, bodies: Sequence[bytes]) -> list[object]:
    facts = [fact for body in bodies for fact in await understood(bench.provider, body)]
    return [*states(facts, SubscriptionSeen), *states(facts, InvoiceSeen)]
