"""Every error that Purchase raises on purpose, in one tree.

    PurchaseError
    ├── UsageError                    the caller's mistake; nothing happened
    │   ├── InvalidArgument           (also a ValueError) a value is not acceptable
    │   │   ├── InvalidMoney          (also a TypeError) not an exact amount of a known currency
    │   │   └── InvalidText           text that a database would refuse or that is too long
    │   ├── CatalogInvalid            every problem of a catalog at once
    │   ├── UnknownOffer              no such offer in the catalog
    │   ├── OfferNotSellable          the offer exists, but there is nothing to pay for
    │   ├── NotFound                  no such object
    │   ├── WrongState                it exists, and is not in a state that allows this
    │   ├── ExceedsBalance            more than is left of a payment or a balance
    │   ├── IdempotencyConflict       same idempotency key, other arguments
    │   ├── CapabilityMissing         this provider or store cannot do it; says what to do instead
    │   ├── CheckoutVetoed            a plugin refused the checkout
    │   ├── NotSwitchable             a checkout that is paid, or may be, stays where it is
    │   ├── PlanInvalid               a catalog plan that cannot be applied: edited, foreign, stale, undecided
    │   └── RolloutBusy               another rollout is under way
    ├── ConfigurationError            the configuration cannot be used
    │   ├── SecretMissing             a secret is absent, empty, or too short
    │   ├── PolicyInvalid             every problem of a routing policy at once
    │   └── PluginError
    │       ├── PluginMissing         not installed
    │       ├── PluginCollision       two distributions offer the same name
    │       ├── PluginIncompatible    written for another API version
    │       └── PluginFailed          raised while it was loaded or opened
    ├── DeliveryRefused               a webhook delivery that was not accepted; nothing was stored
    │   ├── UnknownConnection         404
    │   ├── BodyTooLarge              413
    │   ├── SignatureInvalid          400: missing, malformed, too old, too new, or no match
    │   ├── MalformedBody             400: verified, but not what the provider documents
    │   └── WrongAccount              400: verified, but of another account or mode
    ├── NoRoute                       no connection can take this checkout; carries the reasons
    ├── StoreError
    │   ├── LaneConflict              the lane moved on: read again, decide again
    │   ├── KeyConflict               a unique key is taken by other content
    │   ├── LeaseLost                 another worker holds the row now
    │   ├── StoreUnavailable          busy, full or unreachable; see `outcome_unknown`
    │   ├── StoreMissing              the database is not there: not made yet, not mounted, or misspelled
    │   └── SchemaError               the tables are missing, older, or newer than this code
    └── ProviderError
        ├── ProviderRefused           the provider said no; nothing happened
        │   └── AuthenticationFailed  the key was refused
        ├── ProviderUnavailable       proved not to have happened; try again later
        │   └── NotYetAllowed         the provider will allow it, and does not yet
        └── OutcomeUnknown            it may or may not have happened; never send it blindly again

Each class says whether it is worth trying again (`retryable`) and whether the effect may have
happened all the same (`outcome_unknown`). Messages carry ids, never bodies and never secrets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


class PurchaseError(Exception):
    """Root of the tree. `hint` says what to do; it is shown after the message."""

    code: ClassVar[str] = "purchase_error"
    retryable: bool = False
    outcome_unknown: bool = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


# --- the caller's mistakes -------------------------------------------------------------------


class UsageError(PurchaseError):
    """The caller's mistake; nothing happened."""

    code = "usage_error"


class InvalidArgument(UsageError, ValueError):
    """A value is not acceptable."""

    code = "invalid_argument"


class InvalidMoney(InvalidArgument, TypeError):
    """Not an exact amount of a known currency."""

    code = "invalid_money"


class InvalidText(InvalidArgument):
    """Text that a database would refuse (NUL, lone surrogates), or that is too long."""

    code = "invalid_text"


class CatalogInvalid(UsageError):
    """Every problem of a catalog at once; `problems` holds one line each."""

    code = "catalog_invalid"

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"the catalog has {count} problem{'s' if count != 1 else ''}:\n{lines}")


class UnknownOffer(UsageError):
    """No such offer in the catalog."""

    code = "unknown_offer"


class OfferNotSellable(UsageError):
    """The offer exists, but there is nothing to pay for (a free plan)."""

    code = "offer_not_sellable"


class NotFound(UsageError):
    """No such object."""

    code = "not_found"


class WrongState(UsageError):
    """It exists, and is not in a state that allows this."""

    code = "wrong_state"


class ExceedsBalance(UsageError):
    """More than is left of a payment or a balance."""

    code = "exceeds_balance"


class IdempotencyConflict(UsageError):
    """The same idempotency key was used before, with other arguments."""

    code = "idempotency_conflict"


class CapabilityMissing(UsageError):
    """This provider or store cannot do it. The hint says what to do instead."""

    code = "capability_missing"


class CheckoutVetoed(UsageError):
    """A plugin refused the checkout, or failed while it was asked (fail closed)."""

    code = "checkout_vetoed"


class NotSwitchable(UsageError):
    """The checkout stays on its connection: it is paid, may be, or its page cannot be closed."""

    code = "not_switchable"


class PlanInvalid(UsageError):
    """A plan of the catalog that cannot be applied; nothing was done.

    `kind`: unreadable | edited | elsewhere (of another project, environment or account) | stale (the catalog,
    a provider or our own records have moved since) | undecided (it holds doubts).
    """

    code = "plan_invalid"

    def __init__(self, message: str, *, kind: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.kind = kind


class RolloutBusy(UsageError):
    """Another rollout is under way, or was, and may be still; nothing was done."""

    code = "rollout_busy"
    retryable = True


# --- configuration ---------------------------------------------------------------------------


class ConfigurationError(PurchaseError):
    """The configuration cannot be used."""

    code = "configuration_error"


class SecretMissing(ConfigurationError):
    """A secret is absent, empty or too short. Names the reference, never the value."""

    code = "secret_missing"


class PolicyInvalid(ConfigurationError):
    """Every problem of a routing policy at once; `problems` holds one line each."""

    code = "policy_invalid"

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"the routing policy has {count} problem{'s' if count != 1 else ''}:\n{lines}")


class PluginError(ConfigurationError):
    """Something is wrong with a plugin."""

    code = "plugin_error"


class PluginMissing(PluginError):
    """The configuration names a plugin that is not installed."""

    code = "plugin_missing"


class PluginCollision(PluginError):
    """Two distributions offer the same name; the message names both."""

    code = "plugin_collision"


class PluginIncompatible(PluginError):
    """The plugin was written for another version of the plugin API."""

    code = "plugin_incompatible"


class PluginFailed(PluginError):
    """The plugin raised while it was loaded, opened or asked to decide, or decided what it must not."""

    code = "plugin_failed"


# --- webhook deliveries ----------------------------------------------------------------------


class DeliveryRefused(PurchaseError):
    """A webhook delivery that was not accepted. Nothing was stored."""

    code = "delivery_refused"
    http_status: ClassVar[int] = 400


class UnknownConnection(DeliveryRefused):
    """No connection of that name is configured."""

    code = "unknown_connection"
    http_status = 404


class BodyTooLarge(DeliveryRefused):
    """The body is larger than the limit."""

    code = "body_too_large"
    http_status = 413


class SignatureInvalid(DeliveryRefused):
    """The signature is missing, malformed, outside the time window, or matches no live secret."""

    code = "signature_invalid"


class MalformedBody(DeliveryRefused):
    """The body is not the JSON that the provider documents."""

    code = "malformed_body"


class WrongAccount(DeliveryRefused):
    """The event belongs to another account or mode than the connection's."""

    code = "wrong_account"


# --- routing ---------------------------------------------------------------------------------


class NoRoute(PurchaseError):
    """No connection can take this checkout; `reasons` says why, one line a candidate.

    `kind`: no_candidate | none_fits | all_unhealthy (worth trying again) | policy_changed.
    """

    code = "no_route"

    def __init__(self, reasons: Sequence[str], *, kind: str = "", hint: str = "") -> None:
        self.reasons = tuple(reasons)
        self.kind = kind
        self.retryable = kind == "all_unhealthy"
        super().__init__(
            "no connection can take this checkout: " + ("; ".join(reasons) or "none is configured"), hint=hint
        )


# --- storage ---------------------------------------------------------------------------------


class StoreError(PurchaseError):
    """Something about the application's database."""

    code = "store_error"


class LaneConflict(StoreError):
    """A lane moved on since it was read: read again, decide again."""

    code = "lane_conflict"
    retryable = True


class KeyConflict(StoreError):
    """A unique key is taken by other content. `kind` is what it is a key of."""

    code = "key_conflict"

    def __init__(self, kind: str, key: str) -> None:
        self.kind = kind
        self.key = key
        super().__init__(f"{kind} {key!r} exists already with other content")


class LeaseLost(StoreError):
    """Another worker holds the row now; this one's work was not committed."""

    code = "lease_lost"


class StoreUnavailable(StoreError):
    """The database is busy, full or unreachable.

    `outcome_unknown` is true where the commit may have happened: look for the batch id first.
    """

    code = "store_unavailable"
    retryable = True

    def __init__(self, message: str, *, outcome_unknown: bool = False, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.outcome_unknown = outcome_unknown


class StoreMissing(StoreError):
    """The database is not there: it was not made yet, is not mounted, or its address is wrong."""

    code = "store_missing"


class SchemaError(StoreError):
    """The tables are missing, older, or newer than this code knows."""

    code = "schema_error"


# --- providers -------------------------------------------------------------------------------


class ProviderError(PurchaseError):
    """Something about a payment provider. `provider_code` is the provider's own word for it."""

    code = "provider_error"

    def __init__(self, message: str, *, provider_code: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.provider_code = provider_code


class ProviderRefused(ProviderError):
    """The provider said no; nothing happened."""

    code = "provider_refused"


class AuthenticationFailed(ProviderRefused):
    """The provider refused the key."""

    code = "authentication_failed"


class ProviderUnavailable(ProviderError):
    """Proved not to have happened (refused connection, 429 before any effect); try again later."""

    code = "provider_unavailable"
    retryable = True

    def __init__(
        self,
        message: str,
        *,
        provider_code: str = "",
        retry_after_seconds: float | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message, provider_code=provider_code, hint=hint)
        self.retry_after_seconds = retry_after_seconds


class NotYetAllowed(ProviderUnavailable):
    """The provider will allow it once something else is over, and does not yet; nothing happened."""

    code = "not_yet_allowed"


class OutcomeUnknown(ProviderError):
    """It may or may not have happened: resolve by the same key, by look-up, or by a webhook."""

    code = "outcome_unknown"
    retryable = True
    outcome_unknown = True
