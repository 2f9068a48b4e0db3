"""Where the dashboards of providers show what the console names."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from purchase_core.ports.provider import Provider

CASE = "case"


@attrs.frozen
class ProviderPages:
    """The dashboards of the open connections."""

    connections: Mapping[str, Provider]

    def url(self, key: str) -> str:
        """The page of an object, by its key (`subscription:stripe-eu:sub_1`); "" where there is none.

        By a case's key, that of what the case is about.
        What an adapter says is not trusted to be an address: it becomes a link only over https.
        """
        kind, _, rest = key.partition(":")
        if kind == CASE:  # case:mismatch:invoice:stripe-eu:in_1
            kind, _, rest = rest.partition(":")[2].partition(":")
        connection, _, provider_id = rest.partition(":")
        provider = self.connections.get(connection)
        url = provider.page_url(kind, provider_id) if provider else ""
        return url if url.startswith("https://") else ""
