"""Bugs of asking: what is sent otherwise than it was meant, and what it then does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from purchase_core.ports.provider import Connection, CustomerRequest, PriceRequest
from purchase_stripe import adapter, asking, changing, documents, looking, pending
from purchase_stripe.adapter import StripeProvider
from stripe_adapter import test_stripe_changes as change_tests
from stripe_adapter import test_stripe_commands as command_tests

from . import BUGS


def asks_otherwise(patch: pytest.MonkeyPatch, name: str, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the parameters of a call."""
    genuine = getattr(asking, name)

    def asked(*given: Any, **named: Any) -> Any:
        params = genuine(*given, **named)
        change(params)
        return params

    patch.setattr(asking, name, asked)


@BUGS.caught_by("f100_another_takes_the_place_of_a_customer_that_is_gone")
def asks_for_who_was_deleted_under_the_same_key(patch: pytest.MonkeyPatch) -> None:
    """A customer of ours has one key, for ever: for a day it gives back the one that is gone."""
    genuine = asking.reference

    def reference(connection: Connection, kind: str, *parts: str | int) -> str:
        return genuine(connection, kind, *(parts[:1] if kind == "customer" else parts))

    patch.setattr(asking, "reference", reference)


@BUGS.caught_by("f100_a_customer_that_is_gone_is_told_apart")
def believes_in_what_is_left_of_a_customer(patch: pytest.MonkeyPatch) -> None:
    """Whoever is shown is there, though it says `deleted`."""
    there = property(lambda _: False)
    patch.setattr(documents.Customer, "deleted", there)


@BUGS.caught_by("a_paid_subscription_is_told_whole")
def puts_the_reference_on_the_session_only(patch: pytest.MonkeyPatch) -> None:
    """Metadata spreads by itself, or so it was thought."""
    asks_otherwise(patch, "checkout_params", lambda params: params.get("subscription_data", {}).clear())


@BUGS.caught_by("a_paid_purchase_is_told_whole")
def makes_no_invoice_of_a_purchase(patch: pytest.MonkeyPatch) -> None:
    """A payment is enough: it has neither lines nor our reference."""
    asks_otherwise(patch, "checkout_params", lambda params: params.pop("invoice_creation", None))


@BUGS.caught_by("a_trial_is_confirmed_and_not_paid")
def forgets_trials(patch: pytest.MonkeyPatch) -> None:
    """The first period is paid for, trial or not."""
    asks_otherwise(
        patch,
        "checkout_params",
        lambda params: params.get("subscription_data", {}).pop("trial_period_days", 0),
    )


@BUGS.caught_by("a_trial_may_begin_without_a_card")
def always_asks_for_a_card(patch: pytest.MonkeyPatch) -> None:
    """A trial without a card is a trial."""
    asks_otherwise(patch, "checkout_params", lambda params: params.pop("payment_method_collection", None))


@BUGS.caught_by("a_quantity_is_sold_as_such")
def sells_one_at_a_time(patch: pytest.MonkeyPatch) -> None:
    """The quantity stays at home."""
    asks_otherwise(patch, "checkout_params", lambda params: params["line_items"][0].update(quantity=1))


@BUGS.caught_by("f45_a_checkout_ends_when_it_was_told_to")
def lets_checkouts_end_when_they_like(patch: pytest.MonkeyPatch) -> None:
    """When it ends is not sent."""
    asks_otherwise(patch, "checkout_params", lambda params: params.pop("expires_at", None))


@BUGS.caught_by("a_discount_lowers_what_is_due_and_not_the_price")
def forgets_discounts(patch: pytest.MonkeyPatch) -> None:
    """The discount is not sent."""
    asks_otherwise(patch, "checkout_params", lambda params: params.pop("discounts", None))


@BUGS.caught_by("f65_amounts_are_minor_units_of_their_currency")
def sends_hundredths(patch: pytest.MonkeyPatch) -> None:
    """A yen has a hundred parts, as everything has."""

    def hundredfold(params: dict[str, Any]) -> None:
        params["unit_amount"] *= 100 if params["currency"] == "jpy" else 1

    asks_otherwise(patch, "price_params", hundredfold)


@BUGS.caught_by("a_price_may_have_an_amount_in_another_currency")
def forgets_other_currencies(patch: pytest.MonkeyPatch) -> None:
    """A price has one amount."""
    asks_otherwise(patch, "price_params", lambda params: params.pop("currency_options", None))


@BUGS.caught_by("what_costs_more_is_charged_for_the_rest_of_the_period")
def ignores_how_to_prorate(patch: pytest.MonkeyPatch) -> None:
    """The difference always waits for the next invoice."""
    asks_otherwise(
        patch, "change_params", lambda params: params.update(proration_behavior="create_prorations")
    )


@BUGS.caught_by("a_difference_can_be_left_to_nobody")
def prorates_what_nobody_should_pay(patch: pytest.MonkeyPatch) -> None:
    """Whatever was asked, somebody pays the difference."""
    asks_otherwise(patch, "change_params", lambda params: params.update(proration_behavior="always_invoice"))


@BUGS.caught_by("what_is_not_paid_for_is_not_changed")
def changes_first_and_is_paid_later(patch: pytest.MonkeyPatch) -> None:
    """`allow_incomplete`, Stripe's default: the new rights come with an open bill."""
    asks_otherwise(patch, "change_params", lambda params: params.update(payment_behavior="allow_incomplete"))


@BUGS.caught_by(
    "test_a_change_that_a_bank_asks_about_is_made_when_the_customer_has_answered",
    change_tests.test_a_change_that_a_bank_asks_about_is_made_when_the_customer_has_answered,
)
def refuses_whoever_a_bank_asks(patch: pytest.MonkeyPatch) -> None:
    """A change that must be authenticated is one whose card was declined, and is given up."""
    patch.setattr(pending, "AUTHENTICATE", "never")


@BUGS.caught_by("what_was_previewed_is_what_is_charged")
def works_out_anew_what_was_shown(patch: pytest.MonkeyPatch) -> None:
    """The instant of the preview is not sent with the change."""
    asks_otherwise(patch, "change_params", lambda params: params.pop("proration_date", None))


@BUGS.caught_by("a_change_shows_in_the_items")
def adds_an_item_instead_of_changing_it(patch: pytest.MonkeyPatch) -> None:
    """The item's id is left out, so that there are two."""
    asks_otherwise(patch, "change_params", lambda params: params["items"][0].pop("id"))


@BUGS.caught_by("a_cancellation_at_the_end_of_the_period_keeps_it_until_then")
def cancels_at_once(patch: pytest.MonkeyPatch) -> None:
    """The end of the period is now."""
    patch.setattr(changing.Changing, "cancel_at_period_end", changing.Changing.cancel_now)


@BUGS.caught_by(
    "test_a_cancellation_of_the_portal_is_seen_and_taken_back",
    change_tests.test_a_cancellation_of_the_portal_is_seen_and_taken_back,
)
def takes_back_the_flag_only(patch: pytest.MonkeyPatch) -> None:
    """A cancellation of the portal stays: it was an instant, and not the flag."""

    async def uncancel(self: changing.Changing, name: str, key: str) -> Any:
        return await self._update(name, {"cancel_at_period_end": False}, key)

    patch.setattr(changing.Changing, "uncancel", uncancel)


@BUGS.caught_by("f55_refunds_in_part_are_refunds_of_their_own")
def refunds_the_whole(patch: pytest.MonkeyPatch) -> None:
    """The amount of a refund is not sent, and all that is left goes back."""
    asks_otherwise(patch, "refund_params", lambda params: params.pop("amount", None))


@BUGS.caught_by("f36_a_refund_is_found_by_our_command")
def writes_no_command_on_refunds(patch: pytest.MonkeyPatch) -> None:
    """Who asked for a refund is nowhere to be found."""
    asks_otherwise(patch, "refund_params", lambda params: params.update(metadata={}))


@BUGS.caught_by("an_endpoint_gets_all_that_is_understood_in_our_version")
def leaves_the_version_to_the_account(patch: pytest.MonkeyPatch) -> None:
    """An endpoint has the version that the account was made with."""
    asks_otherwise(patch, "endpoint_params", lambda params: params.pop("api_version"))


@BUGS.caught_by(
    "test_the_portal_opens_where_it_is_asked_to", command_tests.test_the_portal_opens_where_it_is_asked_to
)
def always_opens_the_overview(patch: pytest.MonkeyPatch) -> None:
    """Whatever somebody came for, there is a page with everything."""
    asks_otherwise(patch, "portal_params", lambda params: params.pop("flow_data", None))


@BUGS.caught_by("f101_a_customer_is_never_found_by_an_e_mail")
def finds_customers_by_their_e_mail(patch: pytest.MonkeyPatch) -> None:
    """Whoever has the same address is the same customer."""
    genuine = StripeProvider.ensure_customer

    async def ensure(self: StripeProvider, request: CustomerRequest, *, key: str) -> str:
        page, _ = await self._calls.page(
            "list customers", lambda one: one.v1.customers.list_async({"email": request.email})
        )
        return looking._head(page.data[0]).id if page.data else await genuine(self, request, key=key)

    patch.setattr(StripeProvider, "ensure_customer", ensure)


@BUGS.caught_by("another_version_or_currency_is_another_price")
def knows_one_price_an_offer(patch: pytest.MonkeyPatch) -> None:
    """A price is looked for by what it is called."""
    genuine = asking.reference

    def reference(connection: Any, kind: str, *parts: Any) -> str:
        return genuine(connection, kind, *([] if kind == "price" else parts))

    patch.setattr(asking, "reference", reference)


@BUGS.caught_by("t10_another_project_has_prices_of_its_own")
def shares_prices_between_projects(patch: pytest.MonkeyPatch) -> None:
    """The account is ours alone."""

    def reference(_connection: Any, kind: str, *parts: Any) -> str:
        return f"purchase_{kind}_{abs(hash((kind, *parts)))}"

    patch.setattr(asking, "reference", reference)


@BUGS.caught_by("a_price_is_made_once_for_what_it_sells")
def makes_prices_again(patch: pytest.MonkeyPatch) -> None:
    """A price that is there is not looked for."""

    async def nothing(self: looking.Looking, lookup: str) -> str:
        return ""

    genuine = StripeProvider.ensure_price

    async def ensure(self: StripeProvider, request: PriceRequest, *, key: str) -> str:
        return await genuine(self, request, key=f"{key}:{id(object())}")

    patch.setattr(looking.Looking, "price", nothing)
    patch.setattr(StripeProvider, "ensure_price", ensure)
    asks_otherwise(patch, "price_params", lambda params: params.pop("lookup_key"))


@BUGS.caught_by("f38_the_same_key_opens_the_same_checkout")
def sends_no_key(patch: pytest.MonkeyPatch) -> None:
    """Every try has a key of its own."""
    made = iter(range(10**9))
    patch.setattr(adapter, "as_key", lambda key, part="": f"{key}:{part}:{next(made)}")
