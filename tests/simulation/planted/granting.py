"""Bugs in rights: periods, grace, pauses, policies, caches."""

from __future__ import annotations

from typing import Any

import attrs
from msgspec.structs import replace

from purchase_core.access import evaluate as evaluating
from purchase_core.access import live
from purchase_core.facts.rows import InvoiceRow
from purchase_core.instants import DAY, Instant
from purchase_core.reads import customers
from purchase_core.reads.customers import Customers
from purchase_core.reads.rights_cache import NEVER

from .planting import Planter, bug


def _subscription(to: Planter, change: Any) -> None:
    """`granted_until` looks at a changed subscription."""
    original = evaluating.granted_until

    def changed(subscription: Any, rules: Any, since: Any = None) -> Any:
        return original(*change(subscription, rules, since))

    to.everywhere(original, changed)


@bug
def grants_what_is_not_bound(to: Planter) -> None:
    """A subscription grants before what was paid for it is known to be right."""
    _subscription(to, lambda one, rules, since: (replace(one, bound=True), rules, since))


@bug
def grants_for_ever_when_past_due(to: Planter) -> None:
    """Whoever does not pay keeps everything."""
    _subscription(
        to, lambda one, rules, since: (one, rules, Instant(since + 999 * DAY) if since is not None else None)
    )


@bug
def counts_grace_from_the_period(to: Planter) -> None:
    """Grace begins with the period, and not with the first bill that was not paid."""
    _subscription(to, lambda one, rules, since: (one, rules, None))


@bug
def forgets_what_is_cancelled(to: Planter) -> None:
    """A subscription that is about to end grants beyond its end."""
    _subscription(to, lambda one, rules, since: (replace(one, cancel_at=None), rules, since))


@bug
def ends_at_once_when_cancelled(to: Planter) -> None:
    """A subscription that will end with its period grants nothing any more."""
    _subscription(
        to,
        lambda one, rules, since: (
            replace(one, cancel_at=one.period_start if one.cancel_at else None), rules, since
        ),
    )  # fmt: skip


@bug
def grants_during_pauses(to: Planter) -> None:
    """A pause takes nothing, whatever the policy says."""
    _subscription(
        to,
        lambda one, rules, since: (
            replace(one, status="active" if one.status == "paused" else one.status), rules, since
        ),
    )  # fmt: skip


@bug
def minds_no_collection(to: Planter) -> None:
    """Whoever is not charged for a while has everything, whatever the policy says."""
    _subscription(to, lambda one, rules, since: (replace(one, collecting=True), rules, since))


@bug
def gives_no_slack(to: Planter) -> None:
    """A renewal whose news is on the way has ended already."""
    _subscription(
        to,
        lambda one, rules, since: (
            replace(one, period_end=Instant(one.period_end - DAY)) if one.status == "active" else one,
            rules,
            since,
        ),
    )  # fmt: skip


@bug
def gives_trials_away(to: Planter) -> None:
    """A trial grants nothing."""
    _subscription(
        to,
        lambda one, rules, since: (replace(one, bound=one.bound and one.status != "trialing"), rules, since),
    )


@bug
def adds_default_plans_always(to: Planter) -> None:
    """What everybody has comes on top of what was bought."""

    def always(live_: Any, policy: Any, offers: Any, defaults: Any, at: Any) -> Any:
        return original(live_, policy, offers, [attrs.evolve(one, group="nobody's") for one in defaults], at)

    original = evaluating.evaluate
    to.everywhere(original, always)


@bug
def spends_expired_credits(to: Planter) -> None:
    """Credits count for ever."""

    def for_ever(live_: Any, at: Any, ends: Any) -> Any:
        lots = {key: replace(lot, expires_at=Instant(2**62)) for key, lot in live_.lots.items()}
        return original(replace(live_, lots=lots), at, ends)

    original = evaluating._credits
    to.put(evaluating, "_credits", for_ever)


@bug
def shows_debt_as_credits(to: Planter) -> None:
    """What refunds ask back is not taken off what is left of other credits."""

    def apart(purse: Any, at: Any, ends: Any) -> Any:
        return {unit: purse.live(unit, at) for unit in original(purse, at, ends)}

    original = evaluating._credits
    to.put(evaluating, "_credits", apart)


@bug
def revokes_on_any_refund(to: Planter) -> None:
    """A refund of some of the money takes everything, whatever the policy says."""

    def revoking(live_: Any, policy: Any, offers: Any, defaults: Any, at: Any) -> Any:
        return original(replace(live_, partly_refunded={}), policy, offers, defaults, at)

    original = evaluating.evaluate
    to.everywhere(original, revoking)


@bug
def revokes_on_no_refund(to: Planter) -> None:
    """Money that goes back takes nothing."""
    to.put(live, "_is_whole", lambda row: True)


@bug
def adds_seats_up_wrongly(to: Planter) -> None:
    """Several of something grant as much as one."""
    held = evaluating._Held
    to.put(evaluating, "_Held", lambda version, count, _, *rest: held(version, count, 1, *rest))


@bug
def forgets_other_purchases(to: Planter) -> None:
    """Whoever buys the same thing twice has it once."""

    def once(live_: Any, row: Any, sign: int) -> None:
        live_.owned[row.version] = live.Owned(1, row.quantity)

    to.put(live, "_count", once)


@bug
def keeps_old_rows_in_the_document(to: Planter) -> None:
    """What is not there any more stays in the live document."""
    original = live._take_out

    def keeping(document: Any, row: Any) -> None:
        if not isinstance(row, InvoiceRow):
            original(document, row)

    to.put(live, "_take_out", keeping)


@bug
def remembers_rights_too_long(to: Planter) -> None:
    """Rights that were asked for stay as they were until something happens."""
    to.put(customers, "_end", lambda rights: NEVER)


@bug
def remembers_rights_of_other_processes(to: Planter) -> None:
    """What another process has written is not noticed."""
    original = Customers._read_rights

    async def remembering(self: Any, customer: str, entry: Any, now: Any) -> Any:
        if entry is not None and now - entry.rights.at < DAY:
            return entry.rights
        return await original(self, customer, entry, now)

    to.put(Customers, "_read_rights", remembering)
