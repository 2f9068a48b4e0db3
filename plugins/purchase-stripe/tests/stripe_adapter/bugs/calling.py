"""Bugs of calling: what an answer, or none, is taken for; and lists that end too soon."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import stripe

from purchase_core.errors import OutcomeUnknown, ProviderError, ProviderRefused, ProviderUnavailable
from purchase_core.instants import Instant
from purchase_core.ports.provider import EventPage, calling
from purchase_stripe import client, errors, looking

from . import BUGS

Change = Callable[[str, ProviderError, "stripe.StripeError | None", bool], ProviderError]


def errs_otherwise(patch: pytest.MonkeyPatch, change: Change) -> None:
    """Change which error comes of an answer."""
    of_stripe, unclear = errors.of_stripe, calling.unclear

    def told(operation: str, error: stripe.StripeError, *, write: bool) -> ProviderError:
        return change(operation, of_stripe(operation, error, write=write), error, write)

    def unsaid(operation: str, what: str, *, write: bool) -> Any:
        return change(operation, unclear(operation, what, write=write), None, write)

    patch.setattr(errors, "of_stripe", told)
    patch.setattr(calling, "unclear", unsaid)


@BUGS.caught_by("f35_a_lost_answer_is_an_unknown_outcome")
def takes_lost_answers_for_refusals(patch: pytest.MonkeyPatch) -> None:
    """What was not answered has not happened."""

    def change(operation: str, ours: ProviderError, _theirs: object, _write: bool) -> ProviderError:
        return ProviderRefused(operation) if isinstance(ours, OutcomeUnknown) else ours

    errs_otherwise(patch, change)


@BUGS.caught_by("f41_a_broken_answer_proves_nothing")
def takes_500_for_a_refusal(patch: pytest.MonkeyPatch) -> None:
    """A server that breaks has done nothing."""

    def change(operation: str, ours: ProviderError, theirs: Any, _write: bool) -> ProviderError:
        return ProviderRefused(operation) if theirs is not None and theirs.http_status == 500 else ours

    errs_otherwise(patch, change)


@BUGS.caught_by("f40_a_busy_provider_has_done_nothing")
def takes_429_for_unknown(patch: pytest.MonkeyPatch) -> None:
    """Who is busy may have done it all the same."""

    def change(operation: str, ours: ProviderError, theirs: Any, write: bool) -> ProviderError:
        return (
            OutcomeUnknown(operation) if write and theirs is not None and theirs.http_status == 429 else ours
        )

    errs_otherwise(patch, change)


@BUGS.caught_by("an_unreachable_provider_has_done_nothing")
def takes_what_was_never_sent_for_unknown(patch: pytest.MonkeyPatch) -> None:
    """Every trouble of the network is the same."""
    patch.setattr(errors, "UNSENT", ())


@BUGS.caught_by("a_key_that_is_not_accepted_is_told_apart")
def takes_a_wrong_key_for_a_refusal(patch: pytest.MonkeyPatch) -> None:
    """401 is a refusal like any other."""
    patch.setattr(errors, "KEY_REFUSED", ())


@BUGS.caught_by("a_read_that_fails_has_changed_nothing")
def takes_failed_reads_for_unknown(patch: pytest.MonkeyPatch) -> None:
    """Whatever was not answered may have happened, though it was only asked."""

    def change(operation: str, ours: ProviderError, _theirs: object, write: bool) -> ProviderError:
        return OutcomeUnknown(operation) if isinstance(ours, ProviderUnavailable) and not write else ours

    errs_otherwise(patch, change)


@BUGS.caught_by("t06_no_secret_and_no_address_shows")
def quotes_what_stripe_says(patch: pytest.MonkeyPatch) -> None:
    """Stripe's own words explain it best; they hold parts of keys, and what was sent."""

    def change(operation: str, ours: ProviderError, theirs: Any, _write: bool) -> ProviderError:
        if theirs is not None:
            ours.args = (f"{operation}: {theirs.http_body} {theirs.headers}", *ours.args[1:])
            ours.message = str(ours.args[0]) + " canary-7f3a@example.com"
        return ours

    errs_otherwise(patch, change)


@BUGS.caught_by("f31_every_endpoint_is_listed")
def stops_after_the_first_page(patch: pytest.MonkeyPatch) -> None:
    """`has_more` of a list is passed over."""
    patch.setattr(looking, "PAGE", 10)
    genuine = client.StripeCalls.page

    async def page(self: client.StripeCalls, operation: str, make: Any) -> Any:
        found, as_of = await genuine(self, operation, make)
        if operation == "list webhook endpoints":
            found = type(found)(data=found.data, has_more=False)
        return found, as_of

    patch.setattr(client.StripeCalls, "page", page)


@BUGS.caught_by("f07_events_that_never_arrived_can_be_listed")
def lists_the_newest_events_first(patch: pytest.MonkeyPatch) -> None:
    """A page is handed on as it came."""
    genuine = looking.Looking.events

    async def events(self: looking.Looking, cursor: str, limit: int) -> EventPage:
        found = await genuine(self, cursor, limit)
        return EventPage(tuple(reversed(found.bodies)), found.cursor)

    patch.setattr(looking.Looking, "events", events)


@BUGS.caught_by("i03_what_is_fetched_agrees_with_what_was_told")
def dates_what_it_fetched_to_the_beginning(patch: pytest.MonkeyPatch) -> None:
    """The time of an answer is not looked at, and what was fetched is older than anything."""
    patch.setattr(client.StripeCalls, "_as_of", lambda self, date, started: Instant(0))


@BUGS.caught_by("t10_another_project_does_not_find_it")
def finds_the_checkouts_of_others(patch: pytest.MonkeyPatch) -> None:
    """An attempt is looked for by its own name, whoever opened it."""
    genuine = looking.Looking.session

    async def session(self: looking.Looking, wanted: Any) -> Any:
        return await genuine(self, {name: value for name, value in wanted.items() if "attempt" in name})

    patch.setattr(looking.Looking, "session", session)
