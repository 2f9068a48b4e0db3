"""Bugs of customers that are gone: found all the same, made again, or thought gone while they are there."""

from __future__ import annotations

import attrs

from planted.tiny.adapter import TinyProvider
from planted.tiny.variants import TinyWithUniqueEmails
from purchase_core.errors import ProviderError
from purchase_core.ports.provider import CustomerPage, CustomerRequest, ListedCustomer


class FindsWhoIsGone(TinyProvider):
    """Whoever was a customer once is one."""

    async def find_customer(self, customer: str) -> ListedCustomer | None:
        return await super().find_customer(customer) or ListedCustomer(customer)


class TakesTroubleForAbsence(TinyProvider):
    """Whoever cannot be asked for is gone."""

    async def find_customer(self, customer: str) -> ListedCustomer | None:
        try:
            return await super().find_customer(customer)
        except ProviderError:
            return None


class FindsCustomersWithoutTheirMetadata(TinyProvider):
    """Whose a customer is, is not told of one."""

    async def find_customer(self, customer: str) -> ListedCustomer | None:
        found = await super().find_customer(customer)
        return attrs.evolve(found, metadata={}) if found else None


class GivesBackWhoIsGone(TinyProvider):
    """One customer of ours is one of the provider's, for ever."""

    made: dict[str, str] | None = None

    async def ensure_customer(self, request: CustomerRequest, *, key: str) -> str:
        self.made = {} if self.made is None else self.made
        if request.customer not in self.made:
            self.made[request.customer] = await super().ensure_customer(request, key=key)
        return self.made[request.customer]


class SellsToWhoIsArchived(TinyWithUniqueEmails):
    """Who has the address is the customer, archived or not."""

    async def ensure_customer(self, request: CustomerRequest, *, key: str) -> str:
        for one in (await self.customers(cursor="")).customers:
            if one.email == request.email:
                return one.id
        return await super().ensure_customer(request, key=key)


class ListsWhoIsArchivedAsThere(TinyWithUniqueEmails):
    """A list tells of nobody that they were put aside."""

    async def customers(self, *, cursor: str, limit: int = 100) -> CustomerPage:
        page = await super().customers(cursor=cursor, limit=limit)
        return attrs.evolve(page, customers=tuple(attrs.evolve(one, gone=False) for one in page.customers))
