"""Bugs of what becomes of a subscription: changes and pauses."""

from __future__ import annotations

from typing import Any

import attrs
from msgspec.structs import replace

from planted.tiny.adapter import TinyProvider
from purchase_core.errors import ProviderRefused
from purchase_core.facts.bodies import SubscriptionSeen
from purchase_core.facts.fact import Fact
from purchase_core.ports.provider import (
    ChangePreview,
    ChangeRequest,
    PauseRequest,
    Proration,
)

from .otherwise import ChangesOtherwise, ReadsOtherwise

# --- subscriptions -------------------------------------------------------------------------------


class CancelsWhatIsOver(TinyProvider):
    """Cancelling twice is as good as once, and cancelling nothing too."""

    async def cancel_subscription(
        self, subscription: str, *, at_period_end: bool, key: str
    ) -> tuple[Fact, ...]:
        try:
            return await super().cancel_subscription(subscription, at_period_end=at_period_end, key=key)
        except ProviderRefused:
            return ()


class ForgetsQuantities(ChangesOtherwise):
    """A subscription is of one."""

    def asked(self, request: ChangeRequest) -> ChangeRequest:
        return attrs.evolve(request, quantity=1)


class NeverProrates(ChangesOtherwise):
    """The rest of the period is on the house."""

    def asked(self, request: ChangeRequest) -> ChangeRequest:
        return attrs.evolve(request, proration=Proration.NONE)


class AlwaysCharges(ChangesOtherwise):
    """Whatever was asked, the difference is charged now."""

    def asked(self, request: ChangeRequest) -> ChangeRequest:
        return attrs.evolve(request, proration=Proration.NOW)


class ChargesOnTheNextInvoice(ChangesOtherwise):
    """What nobody should pay for is on the next invoice."""

    def asked(self, request: ChangeRequest) -> ChangeRequest:
        later = request.proration is Proration.NONE
        return attrs.evolve(request, proration=Proration.NEXT_INVOICE) if later else request


class ChangesAtOnce(ChangesOtherwise):
    """At the end of the period is now, without proration."""

    def asked(self, request: ChangeRequest) -> ChangeRequest:
        if not request.at_period_end:
            return request
        return attrs.evolve(request, at_period_end=False, proration=Proration.NONE)


class ForgetsScheduledChanges(ReadsOtherwise):
    """A change counts when it has happened."""

    def changed(self, body: Any) -> Any:
        return (
            replace(body, next_items=(), next_items_at=None) if isinstance(body, SubscriptionSeen) else body
        )


class GivesAwayUpgrades(TinyProvider):
    """A card that does not pay is a reason to change without charging."""

    async def change_subscription(self, request: ChangeRequest, *, key: str) -> tuple[Fact, ...]:
        try:
            return await super().change_subscription(request, key=key)
        except ProviderRefused as refused:
            if refused.provider_code != "declined":
                raise
            free = attrs.evolve(request, proration=Proration.NONE)
            return await super().change_subscription(free, key=f"{key}:free")


class ChangesToTheOldPrice(TinyProvider):
    """A price that is not known is taken for the one that it has."""

    async def change_subscription(self, request: ChangeRequest, *, key: str) -> tuple[Fact, ...]:
        try:
            return await super().change_subscription(request, key=key)
        except ProviderRefused as refused:
            if refused.provider_code != "unknown_id":
                raise
            return ()


class ChangesUnderAKeyOfItsOwn(TinyProvider):
    """Each try has a key of its own, and is charged."""

    tries = 0

    def call(self, operation: str, request: dict[str, Any], key: str = "") -> dict[str, Any]:
        self.tries += 1
        return super().call(operation, request, f"{key}:{self.tries}" if key else "")


class PreviewsByChanging(TinyProvider):
    """The change is made, and made again the other way round."""

    async def preview_change(self, request: ChangeRequest) -> ChangePreview:
        shown = await super().preview_change(request)
        known = self.call("get", {"object": "subscription", "id": request.subscription})["items"][0]
        free = attrs.evolve(request, proration=Proration.NONE)
        await self.change_subscription(free, key="preview")
        back = attrs.evolve(free, price=known["price"], quantity=known["quantity"])
        await self.change_subscription(back, key="preview:back")
        return shown


class PreviewsTheWholePrice(TinyProvider):
    """What is due is the new price."""

    async def preview_change(self, request: ChangeRequest) -> ChangePreview:
        shown = await super().preview_change(request)
        return attrs.evolve(shown, due_now=shown.renewal)


class ForgetsPreviews(ChangesOtherwise):
    """What was shown is worked out anew."""

    def asked(self, request: ChangeRequest) -> ChangeRequest:
        return attrs.evolve(request, preview="")


class PreviewsWithoutCredit(TinyProvider):
    """What is left over for the buyer is not said."""

    async def preview_change(self, request: ChangeRequest) -> ChangePreview:
        return attrs.evolve(await super().preview_change(request), credit=0)


# --- pauses --------------------------------------------------------------------------------------


class PausesCollectionOnly(TinyProvider):
    """A pause is that nothing is charged."""

    async def pause_subscription(self, request: PauseRequest, *, key: str) -> tuple[Fact, ...]:
        return await super().pause_subscription(attrs.evolve(request, collection_only=True), key=key)


class PausesAltogether(TinyProvider):
    """A pause is a pause."""

    async def pause_subscription(self, request: PauseRequest, *, key: str) -> tuple[Fact, ...]:
        return await super().pause_subscription(attrs.evolve(request, collection_only=False), key=key)


class PausesCollectionForEver(TinyProvider):
    """When collection is to go on is not sent."""

    async def pause_subscription(self, request: PauseRequest, *, key: str) -> tuple[Fact, ...]:
        until = None if request.collection_only else request.resumes_at
        return await super().pause_subscription(attrs.evolve(request, resumes_at=until), key=key)


class PausesAtOnce(TinyProvider):
    """At the end of the period is now."""

    async def pause_subscription(self, request: PauseRequest, *, key: str) -> tuple[Fact, ...]:
        return await super().pause_subscription(attrs.evolve(request, at_period_end=False), key=key)


class PausesForEver(TinyProvider):
    """When it is to go on is not sent."""

    async def pause_subscription(self, request: PauseRequest, *, key: str) -> tuple[Fact, ...]:
        return await super().pause_subscription(attrs.evolve(request, resumes_at=None), key=key)


class AlwaysBeginsAnew(TinyProvider):
    """Whoever goes on pays."""

    async def resume_subscription(self, subscription: str, *, new_period: bool, key: str) -> tuple[Fact, ...]:
        return await super().resume_subscription(subscription, new_period=True, key=key)


class NeverBeginsAnew(TinyProvider):
    """Whoever goes on has what is left."""

    async def resume_subscription(self, subscription: str, *, new_period: bool, key: str) -> tuple[Fact, ...]:
        return await super().resume_subscription(subscription, new_period=False, key=key)
