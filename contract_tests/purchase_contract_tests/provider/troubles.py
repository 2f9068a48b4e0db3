"""Errors: what did not happen, what may have happened, and that no secret shows in either."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable

import pytest

from purchase_contract_tests.contract import promise
from purchase_contract_tests.provider.base import ProviderPromises
from purchase_contract_tests.provider.bench import ProviderBench, Trouble
from purchase_contract_tests.provider.sale import a_wish, only, prepare, sell, states
from purchase_core.errors import (
    AuthenticationFailed,
    OutcomeUnknown,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    PurchaseError,
    SignatureInvalid,
)
from purchase_core.facts.bodies import InvoiceSeen
from purchase_core.ports.provider import Capability, CustomerRequest, Provider, ProviderCheckout

EMAIL = "canary-7f3a@example.com"


async def trouble_with(
    bench: ProviderBench, kind: Trouble, error: type[ProviderError]
) -> ProviderCheckout | None:
    """Meet trouble while a checkout is opened, and tell what the provider has of it afterwards."""
    request = await prepare(bench.provider, a_wish(bench))
    with pytest.raises(error) as raised:
        async with bench.trouble(kind):
            await bench.provider.create_checkout(request, key="checkout:1")
    assert raised.value.outcome_unknown == (error is OutcomeUnknown)
    assert raised.value.retryable
    return await bench.provider.find_checkout(request.reference.attempt)


class Troubles(ProviderPromises):
    """The errors of awaited operations."""

    @promise
    async def a_key_that_is_not_accepted_is_told_apart(self, bench: ProviderBench) -> None:
        with pytest.raises(AuthenticationFailed):
            await bench.locked_out.ensure_customer(CustomerRequest("ana", EMAIL), key="a")
        with pytest.raises(AuthenticationFailed):
            await bench.locked_out.fetch("invoice", "in_1")

    @promise
    async def what_does_not_exist_is_refused(self, bench: ProviderBench) -> None:
        for kind in ("invoice", "subscription", "session"):
            for identifier in ("unknown", "../customers", "a b", "?", "x" * 255):
                with pytest.raises(ProviderRefused) as refused:
                    await bench.provider.fetch(kind, identifier)
                assert not refused.value.retryable

    @promise
    async def an_unreachable_provider_has_done_nothing(self, bench: ProviderBench) -> None:
        assert await trouble_with(bench, Trouble.UNREACHABLE, ProviderUnavailable) is None

    @promise
    async def f40_a_busy_provider_has_done_nothing(self, bench: ProviderBench) -> None:
        assert await trouble_with(bench, Trouble.BUSY, ProviderUnavailable) is None

    @promise
    async def f41_a_broken_answer_proves_nothing(self, bench: ProviderBench) -> None:
        await trouble_with(bench, Trouble.BROKEN, OutcomeUnknown)

    @promise
    async def f41_a_page_of_html_proves_nothing(self, bench: ProviderBench) -> None:
        await trouble_with(bench, Trouble.GARBLED, OutcomeUnknown)

    @promise
    async def f35_a_lost_answer_is_an_unknown_outcome(self, bench: ProviderBench) -> None:
        found = await trouble_with(bench, Trouble.LOST_ANSWER, OutcomeUnknown)
        assert found is not None
        await bench.pay(found)
        assert await bench.sent()

    @promise
    async def a_read_that_fails_has_changed_nothing(self, bench: ProviderBench) -> None:
        """Whatever goes wrong with it: it can be asked again, and there is no outcome to be unknown."""
        sale, facts = await sell(bench)
        invoice = only([one for one in states(facts, InvoiceSeen) if one.paid])
        reads = _reads(bench.provider, invoice, sale.wish.reference.attempt)
        for kind in (Trouble.UNREACHABLE, Trouble.BUSY, Trouble.BROKEN, Trouble.GARBLED):
            async with bench.trouble(kind):
                for what, read in reads.items():
                    with pytest.raises(ProviderUnavailable) as raised:
                        await read()
                    assert raised.value.retryable, what
                    assert not raised.value.outcome_unknown, what

    @promise
    async def t06_no_secret_and_no_address_shows(self, bench: ProviderBench) -> None:
        shown = [repr(one) for one in (bench.provider, bench.neighbour, bench.locked_out)]
        shown += [repr(vars(one)) for one in (bench.provider, bench.locked_out)]
        request = CustomerRequest("ana", EMAIL)
        shown.append(repr(request))
        for error in await _errors(bench, request):
            shown.append("".join(traceback.format_exception(error)))
            shown.append(repr(vars(error)))
        hidden = (*bench.confidential(), EMAIL)
        assert all(hidden)
        assert [text for text in hidden if any(text in one for one in shown)] == []


def _reads(
    provider: Provider, invoice: InvoiceSeen, attempt: str
) -> dict[str, Callable[[], Awaitable[object]]]:
    """Everything that is declared and only reads."""
    known: dict[str, tuple[Capability | None, Callable[[], Awaitable[object]]]] = {
        "fetch": (None, lambda: provider.fetch("invoice", invoice.id)),
        "find_checkout": (None, lambda: provider.find_checkout(attempt)),
        "find_refund": (Capability.REFUND, lambda: provider.find_refund(invoice.id, "command_1")),
        "events": (Capability.LIST_EVENTS, lambda: provider.events(cursor="")),
        "objects": (Capability.LIST_OBJECTS, lambda: provider.objects("invoice", cursor="")),
        "customers": (Capability.LIST_OBJECTS, lambda: provider.customers(cursor="")),
        "find_customer": (Capability.LIST_OBJECTS, lambda: provider.find_customer(invoice.customer)),
        "endpoints": (Capability.WEBHOOK_ENDPOINTS, provider.endpoints),
    }
    declared = provider.capabilities
    return {name: read for name, (needed, read) in known.items() if needed is None or needed in declared}


async def _errors(bench: ProviderBench, request: CustomerRequest) -> list[PurchaseError]:
    """An error of every kind, with as much that is confidential near it as there can be."""
    found: list[PurchaseError] = []
    body = EMAIL.encode() + b" ".join(text.encode() for text in bench.confidential())
    for headers in ((), [(name, body.decode()) for name in bench.provider.signature_headers]):
        try:
            bench.provider.verify(body, headers, now=bench.now())
        except SignatureInvalid as error:
            found.append(error)
    try:
        bench.provider.parse(body)
    except PurchaseError as error:
        found.append(error)
    try:
        await bench.locked_out.ensure_customer(request, key="locked out")
    except PurchaseError as error:
        found.append(error)
    for kind in Trouble:
        try:
            async with bench.trouble(kind):
                await bench.provider.ensure_customer(request, key=f"trouble {kind}")
        except PurchaseError as error:
            found.append(error)
    assert len(found) >= 4 + len(Trouble)
    return found
