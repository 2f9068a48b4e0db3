"""Bugs of asking and calling: what is sent otherwise, what an answer is taken for, whose customer it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from adapter import test_paddle_client as client_tests
from adapter import test_paddle_page as page_tests
from purchase_core.errors import OutcomeUnknown, ProviderRefused
from purchase_core.instants import Instant
from purchase_core.ports.provider import CustomerRequest, ListedCustomer, OurReference, calling
from purchase_paddle import (
    adapter,
    catalog,
    changes,
    checkouts,
    client,
    customers,
    documents,
    endpoints,
    errors,
    reference,
    refunds,
)
from purchase_paddle.adapter import PaddleProvider
from purchase_paddle.page import CheckoutPage
from purchase_paddle.testing import PaddleHarness

from . import BUGS


def asks_otherwise(
    patch: pytest.MonkeyPatch, module: Any, name: str, change: Callable[[dict[str, Any]], Any]
) -> None:
    """Change the fields of a request."""
    genuine = getattr(module, name)

    def asked(*given: Any, **named: Any) -> Any:
        fields = genuine(*given, **named)
        change(fields)
        return fields

    patch.setattr(module, name, asked)


# --- customers -----------------------------------------------------------------------------------


@BUGS.caught_by("f100_a_customer_that_is_gone_is_told_apart")
def sells_to_the_archived(patch: pytest.MonkeyPatch) -> None:
    """Archived is a word like any other."""
    patch.setattr(customers, "ARCHIVED", "deleted")


@BUGS.caught_by("f100_who_has_an_e_mail_and_is_gone_is_not_sold_to")
def takes_whoever_has_the_address(patch: pytest.MonkeyPatch) -> None:
    """Somebody was quicker: it cannot be anything else."""

    async def found(_client: Any, customer: str) -> ListedCustomer:
        return ListedCustomer(customer)

    patch.setattr(customers, "found", found)


# --- requests ------------------------------------------------------------------------------------


@BUGS.caught_by("a_paid_purchase_is_told_whole")
def writes_no_reference(patch: pytest.MonkeyPatch) -> None:
    """custom_data holds where to go afterwards, and nothing of ours."""

    def strip(fields: dict[str, Any]) -> None:
        data = fields["custom_data"]
        fields["custom_data"] = {name: value for name, value in data.items() if name.endswith("_url")}

    asks_otherwise(patch, checkouts, "fields", strip)


@BUGS.caught_by("a_trial_is_confirmed_and_not_paid")
def makes_prices_without_trials(patch: pytest.MonkeyPatch) -> None:
    """A trial is thought to belong to the checkout, and is on no price."""
    asks_otherwise(patch, catalog, "price_fields", lambda fields: fields.update(trial_period=None))


@BUGS.caught_by("as_many_are_sold_as_the_price_allows")
def leaves_quantities_to_paddle(patch: pytest.MonkeyPatch) -> None:
    """How many may be bought is not said, and is a hundred."""
    asks_otherwise(
        patch, catalog, "price_fields", lambda fields: fields.update(quantity={"minimum": 1, "maximum": 100})
    )


@BUGS.caught_by("test_a_price_is_what_the_offer_says", client_tests.test_a_price_is_what_the_offer_says)
def forgets_countries(patch: pytest.MonkeyPatch) -> None:
    """A price costs the same everywhere."""
    asks_otherwise(patch, catalog, "price_fields", lambda fields: fields.update(unit_price_overrides=[]))
    patch.setattr(client_tests, "price_fields", catalog.price_fields)


@BUGS.caught_by("a_difference_can_wait_for_the_next_invoice")
def always_prorates_at_once(patch: pytest.MonkeyPatch) -> None:
    """Whatever was asked, the difference is charged now."""
    asks_otherwise(
        patch, changes, "fields", lambda fields: fields.update(proration_billing_mode="prorated_immediately")
    )


@BUGS.caught_by("a_difference_can_be_left_to_nobody")
def charges_the_whole_price(patch: pytest.MonkeyPatch) -> None:
    """A change is bought anew."""
    asks_otherwise(
        patch, changes, "fields", lambda fields: fields.update(proration_billing_mode="full_immediately")
    )


@BUGS.caught_by("what_is_not_paid_for_is_not_changed")
def changes_first_and_is_paid_later(patch: pytest.MonkeyPatch) -> None:
    """`apply_change`: the new rights come whether the card pays or not."""
    asks_otherwise(patch, changes, "fields", lambda fields: fields.update(on_payment_failure="apply_change"))


@BUGS.caught_by("what_is_resumed_goes_on_with_the_period_it_had")
def always_begins_anew(patch: pytest.MonkeyPatch) -> None:
    """Whoever goes on pays: Paddle's own default."""
    genuine = changes.resume_fields
    patch.setattr(changes, "resume_fields", lambda *, new_period: genuine(new_period=True))


@BUGS.caught_by("a_pause_can_end_by_itself")
def pauses_for_ever(patch: pytest.MonkeyPatch) -> None:
    """When it goes on is not sent."""
    asks_otherwise(patch, changes, "pause_fields", lambda fields: fields.pop("resume_at", None))


@BUGS.caught_by("a_cancellation_at_the_end_of_the_period_keeps_it_until_then")
def cancels_at_once(patch: pytest.MonkeyPatch) -> None:
    """The end of the period is now."""
    genuine = PaddleProvider.cancel_subscription

    async def cancel(self: PaddleProvider, subscription: str, *, at_period_end: bool, key: str) -> Any:
        return await genuine(self, subscription, at_period_end=False, key=key)

    patch.setattr(PaddleProvider, "cancel_subscription", cancel)


@BUGS.caught_by("f55_refunds_in_part_are_refunds_of_their_own")
def refunds_the_first_line_only(patch: pytest.MonkeyPatch) -> None:
    """What was given back before is not looked at."""

    async def parts(_client: Any, _invoice: str, amount: int) -> list[dict[str, str]]:
        return [{"item_id": "txnitm_" + "0" * 26, "type": "partial", "amount": str(amount)}]

    patch.setattr(refunds, "_parts", parts)


@BUGS.caught_by("f36_a_refund_is_found_by_our_command")
def writes_no_command_on_refunds(patch: pytest.MonkeyPatch) -> None:
    """The reason says why, and not who asked."""
    genuine = reference.reason
    patch.setattr(reference, "reason", lambda why, command, connection: genuine(why, "", connection))


@BUGS.caught_by("an_endpoint_gets_all_that_is_understood_in_our_version")
def subscribes_to_payments(patch: pytest.MonkeyPatch) -> None:
    """An endpoint hears of what was paid."""
    patch.setattr(endpoints, "TYPES", frozenset({"transaction.completed"}))


# --- whose ---------------------------------------------------------------------------------------


@BUGS.caught_by("f101_what_one_buys_is_never_told_of_the_other")
def claims_for_whoever_came_first(patch: pytest.MonkeyPatch) -> None:
    """Whose it is, is whose the customer at Paddle was first."""
    genuine = checkouts.fields
    first: dict[str, str] = {}

    def fields(request: Any, connection: Any, config: Any) -> dict[str, object]:
        owner = first.setdefault(request.customer, request.reference.customer)
        ours = OurReference(request.reference.intent, request.reference.attempt, owner,
                            request.reference.version)  # fmt: skip
        found = genuine(request, connection, config)
        data: Any = found["custom_data"]
        return {**found, "custom_data": {**data, **ours.metadata(connection)}}

    patch.setattr(checkouts, "fields", fields)


@BUGS.caught_by("f101_each_finds_only_the_checkout_of_ones_own")
def finds_the_newest_of_the_customer(patch: pytest.MonkeyPatch) -> None:
    """A checkout is looked for by the customer at Paddle; the newest will be it."""

    async def find(paddle: Any, _connection: Any, _attempt: str) -> Any:
        query = [("origin", "api"), ("order_by", "id[DESC]")]
        rows = paddle.rows("/transactions", query, documents.Transaction, 30)
        return await anext(rows, None)

    patch.setattr(checkouts, "find", find)


@BUGS.caught_by("f101_two_customers_of_one_e_mail_share_the_providers")
def takes_a_known_e_mail_for_a_mistake(patch: pytest.MonkeyPatch) -> None:
    """409 `customer_already_exists` is a refusal, and the second customer cannot buy."""

    async def customer(paddle: Any, connection: Any, request: CustomerRequest) -> str:
        mine = OurReference(customer=request.customer).metadata(connection)
        fields = {"email": request.email, "custom_data": mine}
        made = await paddle.write("POST", "/customers", fields, documents.Customer)
        return str(made.id)

    patch.setattr(customers, "customer", customer)


@BUGS.caught_by("t10_another_project_does_not_find_it")
def finds_the_checkouts_of_others(patch: pytest.MonkeyPatch) -> None:
    """An attempt is an attempt, whatever project it is of."""
    genuine = reference.ours

    def ours(data: Any, connection: Any) -> Any:
        known = OurReference().metadata(connection)
        return genuine({**(data or {}), **known}, connection)

    patch.setattr(reference, "ours", ours)


@BUGS.caught_by(
    "test_f44_an_attempt_that_was_superseded_is_refused",
    lambda: page_tests.test_f44_an_attempt_that_was_superseded_is_refused(PaddleHarness),
)
def shows_attempts_that_were_superseded(patch: pytest.MonkeyPatch) -> None:
    """The page opens whatever transaction it is asked for."""

    async def superseded(self: CheckoutPage, found: Any, attempt: str) -> bool:
        return False

    patch.setattr(CheckoutPage, "_is_superseded", superseded)


# --- answers -------------------------------------------------------------------------------------


@BUGS.caught_by("f35_a_lost_answer_is_an_unknown_outcome")
def takes_lost_answers_for_refusals(patch: pytest.MonkeyPatch) -> None:
    """What was not answered has not happened."""
    patch.setattr(calling, "unclear", lambda operation, what, *, write: ProviderRefused(operation))


@BUGS.caught_by("f40_a_busy_provider_has_done_nothing")
def takes_429_for_unknown(patch: pytest.MonkeyPatch) -> None:
    """Who is busy may have done it all the same."""
    patch.setattr(errors, "BUSY", 0)
    genuine = errors.refusal

    def refusal(operation: str, status: int, *given: Any, **named: Any) -> Any:
        return OutcomeUnknown(operation) if status == 429 else genuine(operation, status, *given, **named)

    patch.setattr(errors, "refusal", refusal)


@BUGS.caught_by("a_key_that_is_not_accepted_is_told_apart")
def takes_a_wrong_key_for_a_refusal(patch: pytest.MonkeyPatch) -> None:
    """403 is a refusal like any other."""
    patch.setattr(errors, "KEY_REFUSED", ())


@BUGS.caught_by(
    "test_f35_a_change_is_sent_once_and_a_read_again",
    client_tests.test_f35_a_change_is_sent_once_and_a_read_again,
)
def sends_changes_again(patch: pytest.MonkeyPatch) -> None:
    """What was not answered is sent again; Paddle keeps no keys, and does it twice."""
    genuine = client.PaddleClient.write

    async def write(self: client.PaddleClient, *given: Any, **named: Any) -> Any:
        try:
            return await genuine(self, *given, **named)
        except OutcomeUnknown:
            return await genuine(self, *given, **named)

    patch.setattr(client.PaddleClient, "write", write)


@BUGS.caught_by("f31_every_endpoint_is_listed")
def stops_after_the_first_page(patch: pytest.MonkeyPatch) -> None:
    """`has_more` is passed over."""
    patch.setattr(endpoints, "PER_PAGE", 10)
    patch.setattr(client, "PAGES_MAX", 1)


@BUGS.caught_by("i03_what_is_fetched_agrees_with_what_was_told")
def dates_what_it_fetched_to_the_beginning(patch: pytest.MonkeyPatch) -> None:
    """What was fetched is older than anything that was told."""
    genuine = adapter._fetched
    patch.setattr(adapter, "_fetched", lambda kind, body, as_of: _older(genuine(kind, body, as_of)))


def _older(fetched: Any) -> Any:
    return type(fetched)(fetched.kind, fetched.id, Instant(0), fetched.body)
