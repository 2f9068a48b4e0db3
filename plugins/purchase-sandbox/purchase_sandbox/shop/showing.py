"""What the pages show, as plain values: amounts with their currency, times in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import attrs

from purchase_core.catalog.catalog import Catalog
from purchase_core.catalog.grants import CreditGrant, Grant, LicenceGrant, QuotaGrant, name_of
from purchase_core.catalog.versions import OfferVersion
from purchase_core.facts.rows import SubscriptionRow
from purchase_core.instants import Instant, to_datetime
from purchase_core.money import Money
from purchase_core.ports.provider import Capability, ChangePreview
from purchase_core.reads.activity import Happening
from purchase_core.reads.customers import Snapshot
from purchase_core.reads.wallets import Wallet, WalletLot

SPENT_AT_ONCE = 100


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
class Action:
    """A button: what it does, to what, what it says, and what it is called where several say the same."""

    do: str
    what: str
    label: str
    name: str


@attrs.frozen
class Line:
    """One thing that a customer has: what it is, its state, what is worth knowing, and what can be done.

    `plans` are others that it can be changed to: offers and names; `key` is its row's.
    """

    title: str
    state: str
    detail: str
    good: bool = True
    key: str = ""
    actions: tuple[Action, ...] = ()
    plans: tuple[tuple[str, str], ...] = ()


@attrs.frozen
class AccountView:
    """The account page. `asked` is what waits for the customer; `unsure`, that a provider is asked again."""

    features: tuple[str, ...]
    allowances: tuple[str, ...]
    lines: tuple[Line, ...]
    invoices: tuple[Line, ...]
    asked: tuple[Line, ...]
    portals: tuple[Action, ...]
    units: tuple[str, ...]
    cases: tuple[str, ...]
    waiting: bool
    unsure: bool
    version: int


@attrs.frozen
class PreviewView:
    """What a change of plan would cost."""

    plan: str
    due_now: str
    credit: str
    later: str


@attrs.frozen
class ActivityLine:
    """One thing that happened."""

    when: str
    text: str


Can: TypeAlias = Callable[[str, Capability], bool]
"""Whether a connection's provider can do this."""


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


def account_view(snapshot: Snapshot, catalog: Catalog, can: Can) -> AccountView:
    """What a snapshot says, in words."""
    names = {version.hash: version.name for version in catalog.offers.values()}
    rights = snapshot.rights
    allowances = [f"{name}: {quota.limit:,} a {quota.reset}" for name, quota in sorted(rights.quotas.items())]
    allowances += [f"{unit}: {amount:,} left" for unit, amount in sorted(rights.credits.items())]
    allowances += [f"{name}: {count:,} seats" for name, count in sorted(rights.licences.items())]
    known = sorted({row.connection for row in snapshot.subscriptions if row.bound})
    return AccountView(
        features=tuple(sorted(rights.features)),
        allowances=tuple(allowances),
        lines=(*_subscriptions(snapshot, catalog, names, can), *_purchases(snapshot, names)),
        invoices=tuple(_invoices(snapshot, can)),
        asked=tuple(_asked(snapshot, can)),
        portals=tuple(
            Action("portal", one, f"Open {one}'s pages", f"Open {one}'s pages")
            for one in known
            if can(one, Capability.PORTAL)
        ),
        units=tuple(sorted(rights.credits)),
        cases=tuple(f"{case.kind}: {case.detail}" for case in snapshot.cases if case.kind != "contested"),
        waiting=_waits(snapshot),
        unsure=any(case.kind == "contested" and case.status == "open" for case in snapshot.cases),
        version=snapshot.version,
    )


def wallet_view(wallet: Wallet) -> Line:
    """A wallet in words, and a button that spends some of it."""
    told = [f"{lot.left:,} " + _until(lot) for lot in wallet.lots if lot.left]
    told += [f"{wallet.debt:,} owed: refunded after they were spent"] if wallet.debt else []
    spend = Action("spend", wallet.unit, f"Spend {SPENT_AT_ONCE}", f"Spend {SPENT_AT_ONCE} {wallet.unit}")
    return Line(
        title=wallet.unit,
        state=f"{wallet.spendable:,} to spend",
        detail="; ".join(told) or "all spent",
        good=not wallet.debt,
        actions=(spend,) if wallet.spendable >= SPENT_AT_ONCE else (),
    )


def _until(lot: WalletLot) -> str:
    return f"until {day(lot.expires_at)}" if lot.expires_at is not None else "for ever"


def activity_view(found: Sequence[Happening]) -> list[ActivityLine]:
    """A timeline in words, the newest first; what only says again what was said of an object last, once."""
    said: dict[str, str] = {}
    lines = []
    for one in found:
        is_object = ":" in one.about  # of credits and quotas, the same once more is twice as much
        if not is_object or said.get(one.about) != one.text:
            said[one.about] = one.text
            lines.append(ActivityLine(moment(one.at), one.text))
    return lines[::-1]


def preview_view(found: ChangePreview, version: OfferVersion) -> PreviewView:
    """What a change of plan would cost, in words."""
    renewal = Money.of_minor(found.renewal, found.currency)
    when = f" on {day(found.renews_at)}" if found.renews_at is not None else ""
    return PreviewView(
        plan=version.name,
        due_now=str(Money.of_minor(found.due_now, found.currency)),
        credit=str(Money.of_minor(found.credit, found.currency)) if found.credit else "",
        later=f"then {renewal}{when}",
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


def _subscriptions(snapshot: Snapshot, catalog: Catalog, names: dict[str, str], can: Can) -> Sequence[Line]:
    found = []
    for row in snapshot.subscriptions:
        until = f"until {day(row.period_end)}"
        if row.ended_at is not None:
            until = f"ended {day(row.ended_at)}"
        elif row.cancel_at is not None:
            until = f"ends {day(row.cancel_at)}"
        price = Money.of_minor(row.unit_amount * row.quantity, row.currency) if row.currency else ""
        name = names.get(row.version, "Subscription")
        live = row.bound and row.status in ("active", "trialing", "past_due", "paused")
        found.append(
            Line(
                name,
                row.status,
                f"{price}, {until}",
                row.bound and row.status in ("active", "trialing"),
                row.key,
                tuple(_of_subscription(row, name, can)) if live else (),
                _other_plans(row, catalog, can) if live and row.status == "active" else (),
            )
        )
    return found


def _of_subscription(row: SubscriptionRow, name: str, can: Can) -> Iterator[Action]:
    def able(capability: Capability) -> bool:
        return can(row.connection, capability)

    if row.cancel_at is not None:
        if able(Capability.UNCANCEL):
            yield Action("keep", row.key, "Keep it", f"Keep {name}")
        return
    if able(Capability.CANCEL_AT_PERIOD_END):
        yield Action("cancel", row.key, "Cancel", f"Cancel {name}")
    if row.status == "paused":
        yield Action("resume", row.key, "Resume", f"Resume {name}")
    elif row.status == "active" and able(Capability.PAUSE):
        yield Action("pause", row.key, "Pause", f"Pause {name}")


def _other_plans(row: SubscriptionRow, catalog: Catalog, can: Can) -> tuple[tuple[str, str], ...]:
    if not can(row.connection, Capability.CHANGE_SUBSCRIPTION) or row.cancel_at is not None:
        return ()
    return tuple(
        (offer, f"{version.name}, {price} {_rhythm(version)}")
        for offer, version in catalog.offers.items()
        for price in version.prices
        if version.product == "subscription" and version.hash != row.version
        if price.currency == row.currency
    )


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


def _invoices(snapshot: Snapshot, can: Can) -> Iterator[Line]:
    for row in sorted(snapshot.invoices, key=lambda row: (-row.seen_at, row.key)):
        total, left = Money.of_minor(row.total, row.currency), row.paid - row.refunded - row.refunding
        state, detail = row.status, str(total)
        if row.refunded:
            state = "refunded" if row.refunded >= row.paid else "partly refunded"
        if row.refunding:
            detail += f", {Money.of_minor(row.refunding, row.currency)} on the way back"
        actions: list[Action] = []
        if left > 0 and not row.disputed and can(row.connection, Capability.REFUND):
            back = Money.of_minor(left, row.currency)
            actions.append(Action("refund", row.key, "Refund", f"Refund {back} of {row.provider_id}"))
        good = row.status == "paid" and not row.refunded
        yield Line(row.provider_id, state, detail, good, row.key, tuple(actions))


def _asked(snapshot: Snapshot, can: Can) -> Iterator[Line]:
    """Bills that only the customer can have paid."""
    connections = {row.key: row.connection for row in snapshot.invoices}
    for one in snapshot.action_required:
        amount = Money.of_minor(one.amount, one.currency)
        payable = can(connections[one.invoice], Capability.INVOICE_LINKS)
        actions = (Action("pay", one.invoice, f"Pay {amount}", f"Pay {amount}"),) if payable else ()
        words = one.kind.replace("_", " ")
        since = f" since {day(one.since)}" if one.since is not None else ""
        told = f"{amount} could not be charged{since}: {words}."
        yield Line(told, one.kind, "", good=False, key=one.invoice, actions=actions)


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
