"""The tiny provider keeps every promise of the provider contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from purchase_contract_tests.provider import ProviderBench, ProviderContract

from .tiny.adapter import TinyProvider
from .tiny.bench import TinyBench


class TestTinyProvider(ProviderContract):
    shown = False
    provider_type = TinyProvider

    @asynccontextmanager
    async def bench(self) -> AsyncIterator[ProviderBench]:
        yield TinyBench(TinyProvider)
