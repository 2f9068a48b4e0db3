"""The doctor: looks at everything in one go, and says what it found. Changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from purchase_core.billing import Billing
from purchase_core.config.settings import Settings
from purchase_core.errors import PurchaseError
from purchase_core.opening import Opening
from purchase_core.operations import readiness
from purchase_core.operations.sharing import Share
from purchase_core.operations.truth import Examined
from purchase_core.records.finding import ERROR, Finding
from purchase_core.secret import checked_webhook_secret


class Doctor:
    """Examines one application."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening

    async def readiness(self, *, probe: bool = True) -> list[Finding]:
        """Configuration, secrets, tables, providers, endpoints, what waits, and what plugins know.

        `probe`: whether an unsigned delivery is sent to the public address of each endpoint.
        """
        try:
            settings = self._opening.settings()
            registry = self._opening.registry(settings)
        except PurchaseError as error:
            return [readiness.failed(error)]
        found = [*readiness.configured(settings), *self._secrets(settings), *await self._store()]
        for problem in self._opening.problems(settings, registry):
            found += readiness.unusable(problem)
        if not any(one.level == ERROR for one in found):
            found += await self._opened(settings)
        if probe and settings.public_url:
            for name in settings.connections:
                found += await readiness.reached(settings.public_url, name)
        return found

    async def truth(
        self, shared: Callable[[Billing], Share[Examined]] | None = None
    ) -> AsyncIterator[tuple[int, list[Finding]]]:
        """How many facts were looked at, and what is wrong with what is stored of them.

        `shared`: how that is shared out among others; else this process looks at everything.
        """
        async with self._opening.reading() as billing:
            async for portion in billing.truth.examine(shared(billing) if shared else None):
                yield portion

    def _secrets(self, settings: Settings) -> list[Finding]:
        """Every reference that leads to no usable secret; each by its own."""
        resolve, found = self._opening.secrets(settings), []
        named = [
            (f"claim_secret of {settings.source}", settings.claim_secret, False),
            (f"metrics_token of {settings.source}", settings.metrics_token, False),
        ]
        for one in settings.connections.values():
            named.append((f"api_key of {one.name}", one.api_key, False))
            named += [(f"a webhook secret of {one.name}", item, True) for item in one.webhook_secrets]
        for what, reference, signs in named:
            if not reference:
                continue
            try:
                secret = resolve(what, reference)
                if signs:
                    checked_webhook_secret(what, secret)
            except PurchaseError as error:
                found.append(Finding("secret.missing", ERROR, error.message, what, fix=error.hint))
        return found

    async def _store(self) -> list[Finding]:
        try:
            async with self._opening.store(read_only=True) as store:
                return [*readiness.tables(await store.schema()), *await store.examine()]
        except PurchaseError as error:
            return [readiness.failed(error, "store")]

    async def _opened(self, settings: Settings) -> list[Finding]:
        try:
            async with self._opening.looking() as billing:
                return await self._living(settings, billing)
        except PurchaseError as error:
            return [readiness.failed(error)]

    async def _living(self, settings: Settings, billing: Billing) -> list[Finding]:
        found = [one async for one in readiness.waiting(billing.store, billing.clock)]
        found += [one async for one in readiness.refused(billing.webhooks.refusal_log)]
        found += [one async for one in readiness.kept(billing.retention)]
        for provider in billing.connections.values():
            found += await readiness.connected(provider, settings.public_url, billing.clock)
            found += await readiness.as_cataloged(billing.rollout, provider)
        return [*found, *await billing.examined_by_plugins()]
