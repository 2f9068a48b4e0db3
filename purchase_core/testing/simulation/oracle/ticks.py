"""Ticks: what others must have been told of since time alone has made it so."""

from __future__ import annotations

from collections.abc import Iterator

from purchase_core.instants import DAY
from purchase_core.testing.simulation.oracle.rights import granted_until
from purchase_core.testing.simulation.oracle.truth import Truth
from purchase_core.testing.simulation.oracle.wallets import Wallets
from purchase_core.testing.simulation.provider.objects import ENDED

TRIAL_ENDING_DAYS, RECENT_DAYS = 3, 30


def told_by_time(truth: Truth, wallets: Wallets, now: int, slack: int) -> Iterator[str]:
    """Keys of effects. `slack`: what is so close to its instant that clocks may differ is left out."""
    for book in truth.books:
        for one in book.subscriptions.values():
            owned = truth.owner(book, one.metadata, one.payer) and truth.bound(book, one)
            if not owned or one.draft or one.status in ENDED:
                continue
            name = f"subscription:{book.name}:{one.id}"
            trial = one.trial_end
            soon = now + TRIAL_ENDING_DAYS * DAY - slack
            if one.status == "trialing" and trial is not None and now + slack < trial < soon:
                yield f"{name}:subscription.trial_ending:{trial}"
            end = granted_until(truth, book, one, truth.terms.versions[book.prices[one.price].version])
            if end is not None and _recent(end, now, slack):
                yield f"{name}:subscription.lapsed:{end}"
    for lot in wallets.lots.values():
        if lot.owner and lot.expires_at is not None and _recent(lot.expires_at, now, slack):
            yield f"{lot.key}:credits.expired"


def _recent(end: int, now: int, slack: int) -> bool:
    return now - RECENT_DAYS * DAY + slack < end < now - slack
