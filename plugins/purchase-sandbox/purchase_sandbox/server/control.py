"""The control panel for programs, `/sandbox/…`: what every simulator has, webhook endpoints and approval."""

from __future__ import annotations

from starlette.requests import Request
from starlette.routing import Route

from purchase_core.errors import InvalidArgument, SecretMissing
from purchase_core.secret import Secret
from purchase_sandbox.account.account import Account
from purchase_sandbox.account.refusal import invalid, missing
from purchase_sandbox.account.requests import Nothing, Text, Url, read
from purchase_sandbox.account.requests import Request as Body
from purchase_sandbox.played import PlayedSandbox
from purchase_sandbox.sandbox import Sandbox
from purchase_simulators.wire.deliveries import NotThere
from purchase_simulators.wire.keys import Answer
from purchase_simulators.wire.panel import panel_routes

from .answering import Handler, for_account, json_answer
from .endpoints import new_secret, shown

LOG_ROWS_MAX = 100


class SetApproval(Body, frozen=True):
    """POST /sandbox/approval."""

    refunds: bool


class AddEndpoint(Body, frozen=True):
    """POST /sandbox/webhooks. Without a secret, one is made, and shown once."""

    url: Url
    secret: Text = ""


class Rotate(Body, frozen=True):
    """POST /sandbox/webhooks/{id}/rotate."""

    secret: Text = ""


class Control:
    """Handlers over one sandbox. The API key says whose endpoints and events; the clock is everybody's."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def routes(self) -> list[Route]:
        """Everything under /sandbox."""
        table: list[tuple[str, str, Handler]] = [
            ("GET", "/sandbox/approval", self.show_approval),
            ("POST", "/sandbox/approval", self.set_approval),
            ("GET", "/sandbox/webhooks", self.list_endpoints),
            ("POST", "/sandbox/webhooks", self.add_endpoint),
            ("POST", "/sandbox/webhooks/{id}/rotate", self.rotate),
            ("POST", "/sandbox/webhooks/{id}/retire", self.retire),
            ("DELETE", "/sandbox/webhooks/{id}", self.remove_endpoint),
        ]
        return [
            *panel_routes(self._enter),
            *(
                Route(path, for_account(self._sandbox, handler), methods=[method])
                for method, path, handler in table
            ),
        ]

    def _enter(self, api_key: str) -> PlayedSandbox | None:
        account = self._sandbox.account_of(api_key)
        return PlayedSandbox(self._sandbox, account) if account else None

    # --- approval --------------------------------------------------------------------------------

    def show_approval(self, account: Account, request: Request, body: bytes) -> Answer:
        return json_answer({"refunds": account.book.refund_approval})

    def set_approval(self, account: Account, request: Request, body: bytes) -> Answer:
        account.book.refund_approval = read(body, SetApproval).refunds
        return self.show_approval(account, request, body)

    # --- webhooks --------------------------------------------------------------------------------

    def list_endpoints(self, account: Account, request: Request, body: bytes) -> Answer:
        return json_answer({"data": [shown(one) for one in account.deliveries.endpoints]})

    def add_endpoint(self, account: Account, request: Request, body: bytes) -> Answer:
        asked = read(body, AddEndpoint)
        secret, made = _secret(asked.secret)
        try:
            endpoint = account.deliveries.add(asked.url, secret)
        except (InvalidArgument, SecretMissing) as error:
            raise invalid(error.message) from None
        return json_answer(shown(endpoint) | made)

    def rotate(self, account: Account, request: Request, body: bytes) -> Answer:
        secret, made = _secret(read(body, Rotate).secret)
        try:
            endpoint = account.deliveries.rotate(request.path_params["id"], secret)
        except NotThere:
            raise missing("endpoint") from None
        except (InvalidArgument, SecretMissing) as error:
            raise invalid(error.message) from None
        return json_answer(shown(endpoint) | made)

    def retire(self, account: Account, request: Request, body: bytes) -> Answer:
        read(body, Nothing)
        try:
            return json_answer(shown(account.deliveries.retire(request.path_params["id"])))
        except NotThere:
            raise missing("endpoint") from None

    def remove_endpoint(self, account: Account, request: Request, body: bytes) -> Answer:
        try:
            return json_answer(shown(account.deliveries.remove(request.path_params["id"])))
        except NotThere:
            raise missing("endpoint") from None


def _secret(given: str) -> tuple[Secret, dict[str, object]]:
    """The secret to use, and what to show of it: only one that was made here, and only now."""
    if given:
        return Secret(given), {}
    made = new_secret()
    return Secret(made), {"secret": made}
