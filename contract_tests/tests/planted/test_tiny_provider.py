"""The tiny providers keep every promise of the provider contract that they declare."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

from purchase_contract_tests.provider import ProviderBench, ProviderContract

from .tiny import variants
from .tiny.adapter import TinyProvider
from .tiny.bench import TinyBench


class TestTinyProvider(ProviderContract):
    shown = False
    provider_type: ClassVar[type[TinyProvider]] = TinyProvider

    @asynccontextmanager
    async def bench(self) -> AsyncIterator[ProviderBench]:
        yield TinyBench(self.provider_type)


class TestTinyMerchant(TestTinyProvider):
    provider_type = variants.TinyMerchant
