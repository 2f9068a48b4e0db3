"""Paddle's adapter keeps every promise of the provider contract, over HTTP on loopback."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from purchase_contract_tests.provider import ProviderBench, ProviderContract
from purchase_paddle.adapter import PaddleProvider

sys.path.insert(0, str(Path(__file__).parent))
from bench import PaddleBench


class TestPaddleProvider(ProviderContract):
    provider_type = PaddleProvider

    @asynccontextmanager
    async def bench(self) -> AsyncIterator[ProviderBench]:
        async with PaddleBench() as bench:
            yield bench
            if bench.conformance is not None:
                assert bench.conformance.problems == []
