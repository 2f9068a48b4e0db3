"""Paddle's adapter keeps every promise of the provider contract, over HTTP on loopback."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import ClassVar

import pytest

from purchase_contract_tests.provider import ProviderBench, ProviderContract
from purchase_paddle.adapter import PaddleProvider
from purchase_simulators.paddle.conformance import PaddleDocument

from .bench import opened


class TestPaddleProvider(ProviderContract):
    provider_type = PaddleProvider
    document: ClassVar[PaddleDocument | None] = None

    @pytest.fixture(autouse=True)
    def _document(self, openapi: PaddleDocument | None) -> None:
        type(self).document = openapi

    def bench(self) -> AbstractAsyncContextManager[ProviderBench]:
        return opened(self.document)
