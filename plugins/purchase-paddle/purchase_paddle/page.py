"""The page that carries Paddle's checkout: an ASGI app for the address that `checkout_url` names.

`billing.asgi()` serves it at `/checkout/{connection}`. With a template of your own, mount it yourself:

    paddle, attempts = billing.connections["paddle-eu"], StoreAttempts(billing.store)
    app.mount("/pay", CheckoutPage(paddle, attempts=attempts, templates=Path("templates")))

Paddle's checkout is a script on a page of yours, which opens the transaction that `_ptxn` names. An open
transaction can be neither cancelled nor expired, so it is this page that refuses an attempt which was
superseded, and a transaction that is paid already. That withdraws it; it does not make it unpayable:
Paddle's recovery mails and a page that is open already still can, and such a payment becomes an excess that
is seen.

With `base_url` in the connection's configuration (a simulator), the page leads there, and loads no script.
Another template is a file `checkout.html` in a folder of yours; what it gets is what the one beside this
file uses.
"""

from __future__ import annotations

import secrets
from functools import cached_property
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import attrs
import jinja2

from purchase_core.errors import InvalidArgument, ProviderError, ProviderRefused
from purchase_core.ports.provider import Attempts, Provider
from purchase_core.ports.provider.pages import Receive, Scope, Send

from . import reference
from .adapter import PaddleProvider
from .checkouts import CANCEL_URL, CODES, SUCCESS_URL, YES
from .config import LIVE
from .documents import Transaction
from .normalise import PAID

PARAMETER = "_ptxn"
QUERY_BYTES_MAX = 4_096
TEMPLATE = "checkout.html"
PAYABLE = frozenset({"draft", "ready", "billed", "past_due"})
STATUS = {"open": 200, "over": 410, "superseded": 410, "unknown": 404, "later": 503}
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@attrs.frozen
class _Shown:
    """What the page shows. `to` is where it leads at once, "" for nowhere."""

    state: str
    to: str = ""
    back_url: str = ""
    transaction: str = ""
    success_url: str = ""
    codes: bool = False


class CheckoutPage:
    """The ASGI app. Without `attempts`, no attempt is ever superseded."""

    def __init__(
        self, provider: Provider, *, attempts: Attempts | None = None, templates: Path | None = None
    ) -> None:
        if not isinstance(provider, PaddleProvider):
            raise InvalidArgument(f"{provider.connection.name!r} is no connection to Paddle")
        self._provider = provider
        self._attempts = attempts
        self._templates = templates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        if scope["method"] not in ("GET", "HEAD"):
            await _respond(send, 405, b"", ((b"allow", b"GET, HEAD"),))
            return
        query = scope.get("query_string", b"")[:QUERY_BYTES_MAX].decode("latin-1")
        asked = dict(parse_qsl(query))
        shown = await self._look(asked.get(PARAMETER, ""))
        if shown.to:
            await _respond(send, 303, b"", ((b"location", shown.to.encode("ascii", "ignore")),))
            return
        nonce = secrets.token_urlsafe(16)
        body = self._rendered(shown, _locale(asked.get("locale", "")), nonce).encode()
        await _respond(send, STATUS[shown.state], body, _headers(nonce))

    async def _look(self, identifier: str) -> _Shown:
        try:
            found = await self._provider.transaction(identifier)
            ours = reference.ours(found.custom_data, self._provider.connection)
        except ProviderRefused:
            return _Shown("unknown")
        except ProviderError:
            return _Shown("later")
        data = found.custom_data if ours.attempt else None
        back, success = _url(data, CANCEL_URL), _url(data, SUCCESS_URL)
        if found.status in PAID:
            return _Shown("over", to=success, back_url=back)
        if found.status not in PAYABLE:
            return _Shown("over", back_url=back)
        if await self._is_superseded(found, ours.attempt):
            return _Shown("superseded", back_url=back)
        codes = (data or {}).get(CODES) == YES
        return _Shown("open", back_url=back, transaction=found.id, success_url=success, codes=codes)

    async def _is_superseded(self, found: Transaction, attempt: str) -> bool:
        """Only first payments have attempts: renewals that are past due are always payable."""
        first = found.subscription_id is None and bool(attempt)
        return first and self._attempts is not None and not await self._attempts.is_current(attempt)

    def _rendered(self, shown: _Shown, locale: str, nonce: str) -> str:
        config, mode = self._provider.config, self._provider.connection.mode
        pay_url = ""
        if config.base_url and shown.transaction:
            options = {"success": shown.success_url, "codes": YES if shown.codes else ""}
            query = urlencode({name: value for name, value in options.items() if value})
            pay_url = f"{config.base_url}/checkout/{shown.transaction}?{query}".removesuffix("?")
        settings = {
            "displayMode": "overlay",
            "showAddDiscounts": shown.codes,  # a discount that was not allowed would not match
            "allowLogout": False,  # another customer would not match
            **({"locale": locale} if locale else {}),
            **({"successUrl": shown.success_url} if shown.success_url else {}),
        }
        checkout = {
            "transaction": shown.transaction,
            "token": config.client_token,
            "sandbox": mode != LIVE,
            "settings": settings,
        }
        return self._template.render(
            state=shown.state,
            back_url=shown.back_url,
            pay_url=pay_url,
            locale=locale,
            nonce=nonce,
            checkout=checkout,
        )

    @cached_property
    def _template(self) -> jinja2.Template:
        folders: list[jinja2.BaseLoader] = [jinja2.PackageLoader("purchase_paddle", "templates")]
        if self._templates is not None:
            folders.insert(0, jinja2.FileSystemLoader(self._templates))
        return jinja2.Environment(loader=jinja2.ChoiceLoader(folders), autoescape=True).get_template(TEMPLATE)


def _url(data: dict[str, object] | None, name: str) -> str:
    """A URL that we wrote ourselves, if a browser can safely go there."""
    value = (data or {}).get(name)
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        return ""
    parts = urlsplit(value)
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    return value if safe and parts.hostname and not parts.username else ""


def _locale(text: str) -> str:
    """A language tag, if it is one."""
    return text if text and len(text) <= len("zh-Hant-TW") and text.replace("-", "").isalnum() else ""


def _headers(nonce: str) -> tuple[tuple[bytes, bytes], ...]:
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}' https://cdn.paddle.com; "
        f"style-src 'nonce-{nonce}' https://cdn.paddle.com; frame-src https://*.paddle.com; "
        "connect-src https://*.paddle.com; img-src https://*.paddle.com data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )
    return (
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-security-policy", policy.encode()),
        (b"referrer-policy", b"strict-origin"),
        (b"x-content-type-options", b"nosniff"),
    )


async def _respond(send: Send, status: int, body: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> None:
    fixed = [(b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *headers]})
    await send({"type": "http.response.body", "body": body})
