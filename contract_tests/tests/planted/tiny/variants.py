"""Tiny providers of other makes: each trait on its own, and all that a merchant of record comes with."""

from __future__ import annotations

import attrs

from purchase_core.ports.provider import Capability

from .adapter import TinyProvider

DECLARED = TinyProvider.capabilities


class TinyWithUniqueEmails(TinyProvider):
    """A customer has one e-mail address, and an address one customer."""

    capabilities = attrs.evolve(DECLARED, unique_emails=True)


class TinyWithoutKeys(TinyProvider):
    """There are no idempotency keys: what was lost is looked for."""

    capabilities = attrs.evolve(DECLARED, key_lifetime_seconds=0)


class TinyWithApproval(TinyProvider):
    """Somebody has to agree to every refund."""

    capabilities = attrs.evolve(DECLARED, refund_approval=True)


class TinyWithPriceTrials(TinyProvider):
    """A trial belongs to a price."""

    capabilities = attrs.evolve(DECLARED, price_trials=True)


class TinyWithDelays(TinyProvider):
    """Money may come days later."""

    capabilities = attrs.evolve(DECLARED, delayed_payments=True)


class TinyMerchant(TinyProvider):
    """A merchant of record, with all of this at once, and fewer options."""

    capabilities = attrs.evolve(
        DECLARED,
        declared=(DECLARED.declared | {Capability.COUNTRY_OVERRIDES})
        - {
            Capability.CURRENCY_OVERRIDES,
            Capability.GUEST_CHECKOUT,
            Capability.TRIAL_WITHOUT_CARD,
            Capability.CHECKOUT_EXPIRY,
            Capability.EXPIRE_CHECKOUT,
            Capability.CHANGE_AT_PERIOD_END,
            Capability.PAUSE_COLLECTION,
            Capability.PAUSE_COLLECTION_UNTIL,
            Capability.DISPUTE_LOSSES,
            Capability.PORTAL_CHANGE,
            Capability.PORTAL_RETURN,
        },
        key_lifetime_seconds=0,
        refund_approval=True,
        unique_emails=True,
        merchant_of_record=True,
        price_trials=True,
    )


VARIANTS: tuple[type[TinyProvider], ...] = (
    TinyProvider,
    TinyWithUniqueEmails,
    TinyWithoutKeys,
    TinyWithApproval,
    TinyWithPriceTrials,
    TinyWithDelays,
    TinyMerchant,
)
