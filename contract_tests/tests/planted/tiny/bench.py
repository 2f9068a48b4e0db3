"""The bench of a tiny provider."""

from __future__ import annotations

import hmac
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from hashlib import sha256
from typing import Any

from purchase_contract_tests.provider import Discount, Key, ProviderBench, Trouble, Webhook
from purchase_core.instants import SECOND, Instant
from purchase_core.ports.provider import Connection, Headers, ProviderCheckout
from purchase_core.secret import Secret

from .account import API_KEYS, TinyAccount
from .adapter import HEADER, READS, TinyProvider
from .ledger import Refusal

START = Instant(1_790_000_000_000_000)
SECRETS = {key: f"whsec_{key}_0123456789abcdefghijklmn" if key is not Key.EMPTY else "" for key in Key}
CODE = "SAVE"


class TinyBench(ProviderBench):
    """A fresh account, and three adapters for it."""

    def __init__(self, kind: type[TinyProvider]) -> None:
        self.account = TinyAccount(START, kind.capabilities)
        self.met: Trouble | None = None
        self._sent = 0
        self.provider = self._open(kind, "shop", API_KEYS[0])
        self.neighbour = self._open(kind, "neighbour", API_KEYS[1])
        self.locked_out = self._open(kind, "shop", "key-that-was-revoked-dead")

    def _open(self, kind: type[TinyProvider], project: str, api_key: str) -> TinyProvider:
        connection = Connection("tiny", "tiny", self.account.mode, project, "dev")
        secrets = [Secret(SECRETS[key]) for key in (Key.NEW, Key.OLD)]
        return kind(connection, self.account.id, self._send, Secret(api_key), secrets)

    def now(self) -> Instant:
        return self.account.now

    def sign(self, body: bytes, *, at: Instant, keys: Sequence[Key] = (Key.NEW,)) -> Headers:
        time = f"t={at // SECOND}"
        signed = f"{time};".encode() + body
        digests = [hmac.new(SECRETS[key].encode(), signed, sha256).hexdigest() for key in keys]
        return ((HEADER, f"{time};" + ",".join(f"v1={digest}" for digest in digests)),)

    def confidential(self) -> Sequence[str]:
        return (*API_KEYS, "key-that-was-revoked-dead", *(secret for secret in SECRETS.values() if secret))

    async def pay(self, checkout: ProviderCheckout) -> None:
        self.account.complete(self.account.get("session", checkout.id))

    async def sent(self) -> Sequence[Webhook]:
        fresh = [json.dumps(one, separators=(",", ":")).encode() for one in self.account.events[self._sent :]]
        self._sent += len(fresh)
        return [Webhook(one, self.sign(one, at=self.now())) for one in fresh]

    async def advance(self, seconds: int) -> None:
        self.account.advance(seconds)

    def misdirected(self, body: bytes) -> Mapping[str, bytes]:
        event = json.loads(body)
        return {
            "of another account": json.dumps(event | {"account": "acct_other"}).encode(),
            "live, on a connection for tests": json.dumps(event | {"mode": "live"}).encode(),
        }

    # --- by capability ---------------------------------------------------------------------------

    async def pay_slowly(self, checkout: ProviderCheckout, *, arrives: bool) -> None:
        self.account.begin_slowly(self.account.get("session", checkout.id), arrives=arrives)

    async def fail_payments(self, subscription: str) -> None:
        self.account.get("subscription", subscription)["card"] = "bad"

    async def recover_payments(self, subscription: str) -> None:
        self.account.mend_card(self.account.get("subscription", subscription))

    async def accept(self, checkout: ProviderCheckout) -> None:
        session = self.account.get("session", checkout.id)
        if not session["cardless"]:
            raise Refusal(402, "card_missing")
        self.account.complete(session, card="bad")

    async def discount(self, percent: int) -> Discount:
        return Discount(self.account.make("discount", "dsc", percent=percent, code=CODE)["id"], CODE)

    async def pay_with_code(self, checkout: ProviderCheckout, code: str) -> None:
        session = self.account.get("session", checkout.id)
        if not session["codes"]:
            raise Refusal(400, "no_codes")
        (discount,) = self.account.all("discount", code=code)
        self.account.complete(session, percent=discount["percent"])

    async def decide_refund(self, refund: str, *, approved: bool) -> None:
        self.account.settle_refund(refund, "succeeded" if approved else "rejected")

    async def return_refund(self, refund: str) -> None:
        self.account.settle_refund(refund, "failed")

    async def dispute(self, invoice: str, status: str) -> None:
        self.account.dispute(invoice, status)

    async def delete_customer(self, customer: str) -> None:
        self.account.delete_customer(customer)

    # --- troubles --------------------------------------------------------------------------------

    def trouble(self, kind: Trouble) -> AbstractAsyncContextManager[None]:
        return self._meeting(kind)

    @asynccontextmanager
    async def _meeting(self, kind: Trouble) -> AsyncIterator[None]:
        self.met = kind
        try:
            yield
        finally:
            self.met = None

    def _send(self, api_key: str, operation: str, request: dict[str, Any], key: str) -> tuple[int, bytes]:
        match self.met:
            case Trouble.UNREACHABLE:
                raise ConnectionRefusedError
            case Trouble.BUSY:
                return 429, b'{"code":"busy"}'
            case Trouble.BROKEN:
                return 500, b'{"code":"oops"}'
            case Trouble.GARBLED:
                return 200, b"<html>oops</html>"
            case Trouble.LOST_ANSWER if operation not in READS:
                self.account.call(api_key, operation, request, key)
                raise ConnectionResetError
        return self.account.call(api_key, operation, request, key)
