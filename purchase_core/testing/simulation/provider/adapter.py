"""The simulated provider's adapter: the port, over an account in memory and a line that fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container, Sequence
from typing import TypeVar, cast

import msgspec

from purchase_core.errors import MalformedBody, ProviderRefused
from purchase_core.facts.fact import Fact
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider import (
    ChangeRequest,
    CheckoutRequest,
    Connection,
    CustomerRequest,
    Event,
    EventPage,
    Fetched,
    Headers,
    ListedCustomer,
    Normalised,
    ObjectPage,
    OurReference,
    PauseRequest,
    PriceRequest,
    Proration,
    Provider,
    ProviderCheckout,
    RefundRequest,
    SignatureForm,
)
from purchase_core.secret import Secret
from purchase_core.testing.simulation.provider import changing, money, selling
from purchase_core.testing.simulation.provider.account import Account, Refusal
from purchase_core.testing.simulation.provider.billing import catch_up
from purchase_core.testing.simulation.provider.line import Line
from purchase_core.testing.simulation.provider.objects import Document, Price, Session, Subscription, Told
from purchase_core.testing.simulation.provider.reading import FETCHED, fact_of, meaning

T = TypeVar("T")

PAGE_MAX = 1
FORM = SignatureForm("simulated-signature", time_name="t", scheme="v1", separator=",", joint=".")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Told).decode


class SimulatedProvider(Provider):
    """A connection of one process to a simulated account."""

    signature_headers = (FORM.header,)

    def __init__(
        self,
        connection: Connection,
        account: Account,
        secrets: Sequence[Secret],
        line: Line,
        poisoned: Container[str] = (),
    ) -> None:
        super().__init__(connection, account.name)
        self.plugin = account.dialect.name  # type: ignore[misc]  # one class, as many plugins as dialects
        self.capabilities = account.capabilities  # type: ignore[misc]
        self.the_account = account
        self._secrets = tuple(secrets)
        self._line = line
        self._poisoned = poisoned

    # --- pure ----------------------------------------------------------------------------------

    def verify(self, body: bytes, headers: Headers, *, now: Instant) -> None:
        """Prove the signature."""
        FORM.verify(body, headers, secrets=self._secrets, now=now)

    def parse(self, body: bytes) -> Event:
        """Read an event. Raises MalformedBody."""
        try:
            told = _decode(body)
        except msgspec.MsgspecError:
            raise MalformedBody("not an event of the simulated provider") from None
        first = told.objects[0] if told.objects else None
        kind = "" if first is None else first.__struct_config__.tag
        about = f"{kind}:{self.connection.name}:{first.id}" if first else ""
        return Event(told.id, told.type, about, Instant(told.created), told.account, told.mode, "1", told)

    def parse_fetched(self, fetched: Fetched) -> Event:
        """Read an object that was fetched."""
        return self.parse(fetched.body)

    def normalise(self, event: Event) -> Normalised:
        """What it means. Raises RuntimeError for an event that nobody can understand now."""
        if event.id in self._poisoned:
            raise RuntimeError("this adapter cannot understand the event")
        return meaning(cast("Told", event.payload), self.connection, self.the_account.dialect)

    # --- awaited -------------------------------------------------------------------------------

    async def fetch(self, kind: str, object_id: str) -> Fetched:
        """An object as it is now."""
        started = self._floor(self.the_account.now())
        things = getattr(self.the_account.book, f"{kind}s")

        def found() -> Fetched:
            self.the_account.found(things, object_id)
            return self._fetched(kind, object_id, started)

        return await self._ask("fetch", found)

    def _fetched(self, kind: str, object_id: str, started: int) -> Fetched:
        account = self.the_account
        kinds: tuple[str, ...] = (kind,)
        if account.dialect.joint and kind in ("session", "invoice"):  # one object, with one id
            kinds = (kind, "session" if kind == "invoice" else "invoice")
        found = (getattr(account.book, f"{one}s").get(object_id) for one in kinds)
        shown = [one for one in found if one is not None]
        told = Told(f"fetched:{object_id}", FETCHED, started, account.name, account.mode, shown)
        return Fetched(kind, object_id, Instant(started), _encode(told))

    async def events(self, *, cursor: str, limit: int = PAGE_MAX) -> EventPage:
        """What has happened, a few events at a time; the cursor is the last one's number."""
        account = self.the_account

        def page() -> EventPage:
            start = int(cursor or 0)
            end = start + min(limit, PAGE_MAX)
            more = str(end) if end < len(account.events) else ""
            return EventPage(tuple(one.body for one in account.events[start:end]), more)

        return await self._ask("events", page)

    async def objects(self, kind: str, *, cursor: str, limit: int = PAGE_MAX) -> ObjectPage:
        """All there is of a kind, a few at a time."""
        started = self._floor(self.the_account.now())

        def page() -> ObjectPage:
            things = getattr(self.the_account.book, f"{kind}s")
            names = [name for name, one in things.items() if not getattr(one, "draft", False)]
            start = int(cursor or 0)
            end = start + min(limit, PAGE_MAX)
            shown = tuple(self._fetched(kind, name, started) for name in names[start:end])
            return ObjectPage(shown, str(end) if end < len(names) else "")

        return await self._ask("objects", page)

    async def ensure_customer(self, request: CustomerRequest, *, key: str) -> str:
        """The payer of one of our customers."""
        account = self.the_account

        def effect() -> str:
            known = selling.known_payer(account, request.customer, request.email)
            if known is not None:
                return known.id
            return account.once(
                key, request, lambda: selling.new_payer(account, request.customer, request.email).id
            )

        return await self._ask("ensure_customer", effect)

    async def find_customer(self, customer: str) -> ListedCustomer | None:
        """Nobody is ever deleted here."""
        return ListedCustomer(customer)

    async def ensure_price(self, request: PriceRequest, *, key: str) -> str:
        """The price of an offer version."""
        account = self.the_account
        wanted = Price(
            "",
            request.version,
            request.unit_amount,
            request.currency,
            request.interval,
            request.interval_count,
            request.trial_days,
        )

        def made() -> str:
            self._agree("ensure_price")
            return selling.price_of(account, wanted)

        return await self._ask("ensure_price", lambda: account.once(key, request, made))

    async def create_checkout(self, request: CheckoutRequest, *, key: str) -> ProviderCheckout:
        """A page."""
        account, started = self.the_account, self.the_account.now()

        def effect() -> ProviderCheckout:
            return account.once(key, request, lambda: self._checkout(self._opened(request), started))

        return await self._told_of(self._ask("create_checkout", effect))

    def _opened(self, request: CheckoutRequest) -> Session:
        self._agree("create_checkout")
        session = Session(
            id="",
            at=0,
            metadata=request.reference.metadata(self.connection),
            mode=request.mode,
            price=request.price,
            quantity=request.quantity,
            payer=request.customer,
            trial_days=request.trial_days,
            opened_at=0,
            expires_at=request.expires_at,
        )
        opened = selling.open_session(self.the_account, session)
        self.the_account.unheard.add(opened.id)
        return opened

    async def find_checkout(self, attempt: str) -> ProviderCheckout | None:
        """The page that carries our attempt, if it can be found yet."""
        started = self.the_account.now()

        def found() -> ProviderCheckout | None:
            for session in self.the_account.book.sessions.values():
                mine = OurReference.read(session.metadata, self.connection).attempt == attempt
                if mine and self._visible(session.opened_at):
                    return self._checkout(session, started)
            return None

        return await self._told_of(self._ask("find_checkout", found))

    async def expire_checkout(self, session: str, *, key: str) -> tuple[Fact, ...]:
        """Close a page."""
        account = self.the_account
        account.to_close.add(session)
        return await self._change(
            "expire_checkout",
            session,
            account.book.sessions,
            key,
            (),
            lambda one: selling.expire(account, one),
        )

    async def cancel_subscription(
        self, subscription: str, *, at_period_end: bool, key: str
    ) -> tuple[Fact, ...]:
        """End a subscription."""

        def act(one: Subscription) -> None:
            changing.cancel(self.the_account, one, at_period_end=at_period_end)

        return await self._subscription("cancel_subscription", subscription, key, at_period_end, act)

    async def uncancel_subscription(self, subscription: str, *, key: str) -> tuple[Fact, ...]:
        """Take an end back."""

        def act(one: Subscription) -> None:
            changing.uncancel(self.the_account, one)

        return await self._subscription("uncancel_subscription", subscription, key, (), act)

    async def change_subscription(self, request: ChangeRequest, *, key: str) -> tuple[Fact, ...]:
        """Change a subscription."""

        def act(one: Subscription) -> None:
            changing.change(
                self.the_account,
                one,
                request.price,
                request.quantity,
                prorate=request.proration is Proration.NOW,
                at_period_end=request.at_period_end,
            )

        what = (request.quantity, request.proration, request.at_period_end)
        return await self._subscription("change_subscription", request.subscription, key, what, act)

    async def pause_subscription(self, request: PauseRequest, *, key: str) -> tuple[Fact, ...]:
        """Pause a subscription."""

        def act(one: Subscription) -> None:
            changing.pause(self.the_account, one, collection_only=request.collection_only)

        what = request.collection_only
        return await self._subscription("pause_subscription", request.subscription, key, what, act)

    async def resume_subscription(self, subscription: str, *, new_period: bool, key: str) -> tuple[Fact, ...]:
        """Go on with a subscription."""

        def act(one: Subscription) -> None:
            changing.resume(self.the_account, one, new_period=new_period)

        return await self._subscription("resume_subscription", subscription, key, new_period, act)

    async def refund(self, request: RefundRequest, *, key: str) -> tuple[Fact, ...]:
        """Pay back an invoice."""
        account, started = self.the_account, self.the_account.now()

        def made() -> tuple[Fact, ...]:
            invoice = account.found(account.book.invoices, request.invoice)
            self._agree("refund")
            account.asked.append(("refund", request.invoice, request.amount))
            metadata = request.reference.metadata(self.connection)
            if (request.amount or 0) + account.book.ours(request.invoice) > invoice.paid:
                account.book.overdrawn.append(request.invoice)
            return (self._shown(money.refund(account, invoice, request.amount, metadata), started),)

        return await self._ask("refund", lambda: account.once(key, request, made))

    async def find_refund(self, invoice: str, command: str) -> tuple[Fact, ...]:
        """The refund that carries our command, if it can be found yet."""
        started = self.the_account.now()

        def found() -> tuple[Fact, ...]:
            return tuple(
                self._shown(one, started)
                for one in self.the_account.book.refunds.values()
                if one.invoice == invoice
                and OurReference.read(one.metadata, self.connection).command == command
                and self._visible(one.at)
            )

        return await self._ask("find_refund", found)

    async def aclose(self) -> None:
        """Nothing is held."""

    # --- behind them ---------------------------------------------------------------------------

    async def _ask(self, operation: str, effect: Callable[[], T]) -> T:
        await self._line.before(operation)
        self.the_account.calls += 1
        catch_up(self.the_account)
        try:
            answer = effect()
        except Refusal as refusal:
            await self._line.after(operation)
            raise ProviderRefused(str(refusal), provider_code=refusal.code) from None
        await self._line.after(operation)
        return answer

    def _agree(self, operation: str) -> None:
        """Raise Refusal where the provider will not do it today."""
        if self._line.refuses(operation):
            raise Refusal(f"{operation}: not today", code="not_today")

    async def _subscription(
        self, operation: str, name: str, key: str, request: object, act: Callable[[Subscription], None]
    ) -> tuple[Fact, ...]:
        return await self._change(operation, name, self.the_account.book.subscriptions, key, request, act)

    async def _change(
        self,
        operation: str,
        name: str,
        things: dict[str, T],
        key: str,
        request: object,
        act: Callable[[T], None],
    ) -> tuple[Fact, ...]:
        account, started = self.the_account, self.the_account.now()

        def effect() -> tuple[Fact, ...]:
            self._agree(operation)
            account.asked.append((operation, name, request))
            thing: T = account.found(things, name)
            act(thing)
            return (self._shown(cast("Document", thing), started),)

        return await self._ask(operation, lambda: account.once(key, (operation, name, request), effect))

    def _shown(self, document: Document, started: int) -> Fact:
        """The fact of an answer: as of when it was asked for, where the object does not say it itself."""
        ours = OurReference.read(document.metadata, self.connection)
        exact = self.the_account.dialect.resolution == 1
        as_of = None if exact else self._floor(started)
        return fact_of(document, ours, as_of, self.connection, self.the_account.dialect)

    async def _told_of(self, asked: Awaitable[T]) -> T:
        """An answer that tells of a page: where it is lost, nobody was told."""
        answer = await asked
        if isinstance(answer, ProviderCheckout):
            self.the_account.unheard.discard(answer.id)
        return answer

    def _checkout(self, session: Session, started: int) -> ProviderCheckout:
        ends = None if session.expires_at is None else Instant(session.expires_at)
        facts = (self._shown(session, started),)
        return ProviderCheckout(session.id, f"https://pay.example/{session.id}", ends, facts)

    def _floor(self, moment: int) -> int:
        step = self.the_account.dialect.resolution
        return moment // step * step

    def _visible(self, since: int) -> bool:
        account = self.the_account
        return account.now() - since >= account.lag_seconds * SECOND
