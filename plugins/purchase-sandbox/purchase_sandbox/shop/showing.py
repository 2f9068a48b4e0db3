"""What the pages show, as plain values: amounts with their currency, times in words."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from purchase_core.catalog.catalog import Catalog
from purchase_core.catalog.grants import CreditGrant, Grant, LicenceGrant, QuotaGrant, name_of
from purchase_core.catalog.versions import OfferVersion
from purchase_core.instants import Instant, to_datetime
from purchase_core.money import Money
from purchase_core.reads.customers import Snapshot


@attrs.frozen
class OfferCard:
    """One offer on the pricing page."""

    id: str
    name: str
    price: str
    rhythm: str
    trial: str
    includes: tuple[str, ...]
    sellable: bool


@attrs.frozen
class Line:
    """One thing that a customer has: what it is, its state, and what is worth knowing."""

    title: str
    state: str
    detail: str
    good: bool = True


@attrs.frozen
class AccountView:
    """The account page."""

    features: tuple[str, ...]
    allowances: tuple[str, ...]
    lines: tuple[Line, ...]
    invoices: tuple[Line, ...]
    cases: tuple[str, ...]
    waiting: bool
    version: int


def offers_view(catalog: Catalog) -> list[OfferCard]:
    """Every offer, in the order of declaration."""
    return [
        OfferCard(
            id=offer,
            name=version.name,
            price=" / ".join(map(str, version.prices)) or "Free",
            rhythm=_rhythm(version),
            trial=f"{version.trial_days} days free" if version.trial_days else "",
            includes=tuple(map(describe, version.grants)),
            sellable=bool(version.prices),
        )
        for offer, version in catalog.offers.items()
    ]


def account_view(snapshot: Snapshot, catalog: Catalog) -> AccountView:
    """What a snapshot says, in words."""
    names = {version.hash: version.name for version in catalog.offers.values()}
    rights = snapshot.rights
    allowances = [f"{name}: {quota.limit:,} a {quota.reset}" for name, quota in sorted(rights.quotas.items())]
    allowances += [f"{unit}: {amount:,} left" for unit, amount in sorted(rights.credits.items())]
    allowances += [f"{name}: {count:,} seats" for name, count in sorted(rights.licences.items())]
    return AccountView(
        features=tuple(sorted(rights.features)),
        allowances=tuple(allowances),
        lines=(*_subscriptions(snapshot, names), *_purchases(snapshot, names)),
        invoices=tuple(_invoices(snapshot)),
        cases=tuple(f"{case.kind}: {case.detail}" for case in snapshot.cases),
        waiting=_waits(snapshot),
        version=snapshot.version,
    )


def describe(grant: Grant) -> str:
    """A grant in words."""
    name = name_of(grant).replace("_", " ")
    match grant:
        case QuotaGrant():
            return f"{grant.limit:,} {name}" + ("" if grant.reset == "never" else f" a {grant.reset}")
        case CreditGrant():
            until = f", good for {grant.expires_days} days" if grant.expires_days else ""
            return f"{grant.amount:,} {name}{until}"
        case LicenceGrant():
            return f"{grant.count:,} {name}"
        case _:
            return name


def _waits(snapshot: Snapshot) -> bool:
    """Whether more is to be heard of what was set out to be bought last: its payment, or its subscription."""
    # Earlier ones may have been left, and stay open for long.
    intent = max(snapshot.intents, key=lambda row: (row.placed_at, row.key), default=None)
    if intent is None:
        return False
    if intent.status == "settled" and intent.product == "subscription":
        return all(f"intent:own:{row.intent}" != intent.key for row in snapshot.subscriptions)
    return intent.status == "open"


def _subscriptions(snapshot: Snapshot, names: dict[str, str]) -> Sequence[Line]:
    found = []
    for row in snapshot.subscriptions:
        until = f"until {day(row.period_end)}"
        if row.ended_at is not None:
            until = f"ended {day(row.ended_at)}"
        elif row.cancel_at is not None:
            until = f"ends {day(row.cancel_at)}"
        price = Money.of_minor(row.unit_amount * row.quantity, row.currency) if row.currency else ""
        good = row.bound and row.status in ("active", "trialing")
        found.append(Line(names.get(row.version, "Subscription"), row.status, f"{price}, {until}", good))
    return found


def _purchases(snapshot: Snapshot, names: dict[str, str]) -> Sequence[Line]:
    return [
        Line(
            names.get(row.version, row.product),
            "refunded" if row.refunded >= row.paid else "yours",
            f"{Money.of_minor(row.paid, row.currency)} paid {day(row.purchased_at)}",
            row.refunded < row.paid,
        )
        for row in snapshot.purchases
    ]


def _invoices(snapshot: Snapshot) -> Sequence[Line]:
    return [
        Line(row.provider_id, row.status, str(Money.of_minor(row.total, row.currency)), row.status == "paid")
        for row in sorted(snapshot.invoices, key=lambda row: -row.seen_at)
    ]


def _rhythm(version: OfferVersion) -> str:
    if not version.prices:
        return "for everybody"
    if not version.interval:
        return "once"
    return (
        f"a {version.interval}"
        if version.interval_count == 1
        else f"every {version.interval_count} {version.interval}s"
    )


def day(moment: Instant) -> str:
    """A day for people: 31 January 2026."""
    when = to_datetime(moment)
    return f"{when.day} {when:%B %Y}"


def moment(at: Instant) -> str:
    """A moment for people: 31 January 2026, 12:30 UTC."""
    return f"{day(at)}, {to_datetime(at):%H:%M} UTC"
