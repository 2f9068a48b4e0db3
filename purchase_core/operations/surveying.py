"""The survey of an import: all customers and subscriptions of an account, page by page. Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import attrs
import msgspec

from purchase_core.errors import ProviderUnavailable, PurchaseError
from purchase_core.facts.bodies import SubscriptionSeen
from purchase_core.facts.fact import object_key
from purchase_core.facts.reading import ENDED_SUBSCRIPTIONS
from purchase_core.importing.mapping import CustomerMap, folded
from purchase_core.importing.matching import DOUBTFUL, LEFT, NOBODY, Evidence, Match, match
from purchase_core.importing.plan import Doubt, Link, UnknownPrice
from purchase_core.importing.pricing import Priced
from purchase_core.ports.paging import every_command, every_lane
from purchase_core.ports.provider import Fetched, ListedCustomer, OurReference, Provider
from purchase_core.ports.store import Question, Store, View
from purchase_core.records.lane import CUSTOMER, customer_lane, customer_of

DECISION = "import.decision"
PAGES_MAX = 10_000  # of one list, before it is given up
SHOWN_ABSENT_MAX = 1_000
UNREADABLE = "unreadable"

Tell = Callable[[str, int], None]
"""Is told of what is looked at, and of how many so far, after each page."""


def decision_key(connection: str, theirs: str) -> str:
    """The key of what was decided about a customer at a provider."""
    return f"{DECISION}:{connection}:{theirs}"


@attrs.frozen
class CustomerRules:
    """Who is who, as the operator says: a map, and the metadata field that holds our ids ("" = none)."""

    map: CustomerMap = attrs.Factory(CustomerMap)
    field: str = ""


class Survey:
    """What was found so far. `run` finds all of it."""

    def __init__(
        self, store: Store, provider: Provider, rules: CustomerRules, prices: Priced, tell: Tell
    ) -> None:
        self._store = store
        self._provider = provider
        self._rules = rules
        self._prices = prices
        self._tell = tell
        self._connection = provider.connection.name
        self._live: Counter[str] = Counter()
        self._claims: dict[str, set[str]] = {}
        self._unknown: Counter[str] = Counter()
        self._seen: set[str] = set()
        self._decisions: dict[str, str] = {}
        self._addresses: Mapping[str, frozenset[str]] | None = None
        self.customers: Counter[str] = Counter()
        self.subscriptions: Counter[str] = Counter()
        self.links: list[Link] = []
        self.doubts: list[Doubt] = []
        self.nobodys: list[Doubt] = []
        self.requests = 0

    async def run(self) -> None:
        """Look at everything. Raises ProviderError and StoreError."""
        async for command in every_command(self._store, f"{DECISION}:{self._connection}"):
            said = msgspec.json.decode(command.request, type=dict[str, str])
            self._decisions[command.fingerprint] = said["ours"]
        await self._subscriptions()
        cursor = ""
        for _ in range(PAGES_MAX):
            page = await self._provider.customers(cursor=cursor)
            await self._judge(page.customers)
            cursor = page.cursor
            self.requests += 1
            self._tell("customers", sum(self.customers.values()))
            if not cursor:
                return
        raise ProviderUnavailable(f"a list of more than {PAGES_MAX} pages of customers")

    def unknown_prices(self) -> tuple[UnknownPrice, ...]:
        """Prices of live subscriptions that no offer is known for, the most used first."""
        return tuple(
            UnknownPrice(price, count, self._prices.likely.get(price, ()))
            for price, count in sorted(self._unknown.items(), key=lambda one: (-one[1], one[0]))
        )

    def absent(self) -> tuple[str, ...]:
        """Customers that the map names, and that the provider does not list."""
        return tuple(sorted(set(self._rules.map.by_id) - self._seen)[:SHOWN_ABSENT_MAX])

    # --- subscriptions -----------------------------------------------------------------------

    async def _subscriptions(self) -> None:
        cursor, looked = "", 0
        for _ in range(PAGES_MAX):
            page = await self._provider.objects("subscription", cursor=cursor)
            for one in page.objects:
                self._subscription(one)
            cursor, looked = page.cursor, looked + len(page.objects)
            self.requests += 1
            self._tell("subscriptions", looked)
            if not cursor:
                return
        raise ProviderUnavailable(f"a list of more than {PAGES_MAX} pages of subscriptions")

    def _subscription(self, fetched: Fetched) -> None:
        try:
            meaning = self._provider.normalise(self._provider.parse_fetched(fetched))
        except PurchaseError:  # one that cannot be read is told of when it is applied
            self.subscriptions[UNREADABLE] += 1
            return
        for claim in meaning.claims:
            self._claims.setdefault(claim.provider_customer, set()).add(claim.customer)
        for fact in meaning.facts:
            body = fact.body
            if isinstance(body, SubscriptionSeen) and body.status not in ENDED_SUBSCRIPTIONS:
                self._live[body.customer] += 1
                self._unknown.update({one.price for one in body.items} - set(self._prices.certain))

    # --- customers ---------------------------------------------------------------------------

    async def _judge(self, customers: Sequence[ListedCustomer]) -> None:
        evidence = [(one, await self._evidence(one)) for one in customers]
        keys = {one.id: object_key("customer", self._connection, one.id) for one in customers}
        lanes = {customer_lane(name) for _, found in evidence for name in _named(found)}
        view = await self._store.look(Question(objects=tuple(keys.values()), lanes=tuple(lanes)))
        for one, found in evidence:
            self._note(one.id, match(_informed(found, keys[one.id], view)))

    async def _evidence(self, one: ListedCustomer) -> Evidence:
        rules = self._rules
        claim = OurReference.read(one.metadata, self._provider.connection).customer
        field = one.metadata.get(rules.field, "").strip() if rules.field else ""
        email = folded(one.email)
        emails = rules.map.by_email.get(email, frozenset()) if email else frozenset()
        if email:
            emails |= (await self._by_address()).get(email, frozenset())
        return Evidence(
            claims=tuple(sorted({claim, *self._claims.get(one.id, ())} - {""})),
            decided=self._decisions.get(one.id),
            mapped=tuple(sorted(rules.map.by_id.get(one.id, ()))),
            fields=(field,) if field else (),
            emails=tuple(sorted(emails)),
        )

    async def _by_address(self) -> Mapping[str, frozenset[str]]:
        """Our customers by the address that the application has told us of them."""
        if self._addresses is None:
            found: dict[str, frozenset[str]] = {}
            async for lane in every_lane(self._store, after=CUSTOMER):
                if not lane.lane.startswith(CUSTOMER):
                    break
                details = await self._store.details(customer_of(lane.lane))
                if details is not None:
                    said = msgspec.json.decode(details.body, type=dict[str, str])
                    if email := folded(said.get("email", "")):
                        found[email] = found.get(email, frozenset()) | {details.customer}
            self._addresses = found
        return self._addresses

    def _note(self, theirs: str, found: Match) -> None:
        self._seen.add(theirs)
        live = self._live[theirs]
        self.customers[found.by] += 1
        self.subscriptions[found.by] += live
        doubt = Doubt(theirs, found.why, found.candidates, live)
        if found.by == DOUBTFUL:
            self.doubts.append(doubt)
        elif found.by == NOBODY:
            if live:
                self.nobodys.append(msgspec.structs.replace(doubt, why="nothing says who it is"))
        elif found.by != LEFT:
            self.links.append(Link(theirs, found.ours, found.by))


def _named(evidence: Evidence) -> Iterable[str]:
    decided = (evidence.decided,) if evidence.decided else ()
    return {*evidence.claims, *evidence.mapped, *evidence.fields, *decided}


def _informed(evidence: Evidence, key: str, view: View) -> Evidence:
    """The evidence, with what is known here of the customers that it names, and of the link."""
    lanes = {name: view.lanes.get(customer_lane(name)) for name in _named(evidence)}
    linked = view.references.get(key)
    return msgspec.structs.replace(
        evidence,
        linked=None if linked is None else customer_of(linked.lane),
        known=frozenset(name for name, lane in lanes.items() if lane is not None and lane.version),
        erased=frozenset(name for name, lane in lanes.items() if lane is not None and lane.erased),
    )
