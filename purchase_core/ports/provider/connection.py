"""A connection to a provider account, and our reference, which travels in the provider's metadata."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from purchase_core.values import Value


@attrs.frozen
class Connection:
    """A configured provider account. Its name is what URLs and routing candidates say."""

    name: str
    plugin: str
    mode: str  # test | live
    project: str
    environment: str


PROJECT = "purchase_project"
ENVIRONMENT = "purchase_environment"
INTENT = "purchase_intent"
ATTEMPT = "purchase_attempt"
CUSTOMER = "purchase_customer"
OFFER_VERSION = "purchase_offer_version"
COMMAND = "purchase_command"
OFFER = "purchase_offer"
VARIANT = "purchase_variant"


class OurReference(Value, frozen=True):
    """What we write into the provider's metadata, under names of our own, and read back.

    Only a reference with our project and environment counts (`OurReference.read`).
    """

    intent: str = ""
    attempt: str = ""
    customer: str = ""
    version: str = ""
    command: str = ""
    offer: str = ""
    variant: str = ""

    def metadata(self, connection: Connection) -> dict[str, str]:
        """The metadata to send. Ours; an application's own metadata never overrides it."""
        values = {
            PROJECT: connection.project,
            ENVIRONMENT: connection.environment,
            INTENT: self.intent,
            ATTEMPT: self.attempt,
            CUSTOMER: self.customer,
            OFFER_VERSION: self.version,
            COMMAND: self.command,
            OFFER: self.offer,
            VARIANT: self.variant,
        }
        return {name: value for name, value in values.items() if value}

    @classmethod
    def read(cls, metadata: Mapping[str, object] | None, connection: Connection) -> OurReference:
        """The reference in some metadata; empty where it is absent, another project's, or not text."""
        found = metadata or {}
        if found.get(PROJECT) != connection.project or found.get(ENVIRONMENT) != connection.environment:
            return cls()

        def text(name: str) -> str:
            value = found.get(name)
            return value if isinstance(value, str) else ""

        return cls(text(INTENT), text(ATTEMPT), text(CUSTOMER), text(OFFER_VERSION), text(COMMAND))
