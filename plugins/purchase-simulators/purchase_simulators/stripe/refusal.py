"""How Stripe says no: https://docs.stripe.com/api/errors."""

from __future__ import annotations

import msgspec

INVALID_REQUEST = "invalid_request_error"
CARD = "card_error"
IDEMPOTENCY = "idempotency_error"
RATE_LIMIT = "invalid_request_error"  # with the code `rate_limit`
API = "api_error"


class Refusal(Exception):  # an answer to a request, not a mistake of this code
    """An answer that says no. `keeps`: what was done until then stays, as a declined charge does."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = INVALID_REQUEST,
        code: str = "",
        param: str = "",
        decline_code: str = "",
        about: dict[str, object] | None = None,
        keeps: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.code = code
        self.param = param
        self.decline_code = decline_code
        self.about = about or {}
        self.keeps = keeps

    def body(self, request_id: str) -> bytes:
        """The JSON of the answer."""
        said: dict[str, object] = {"type": self.kind, "message": self.message}
        if self.code:
            said["code"] = self.code
            said["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        if self.param:
            said["param"] = self.param
        if self.decline_code:
            said["decline_code"] = self.decline_code
        said |= self.about
        said["request_log_url"] = f"https://dashboard.stripe.com/test/logs/{request_id}"
        return msgspec.json.encode({"error": said})


def invalid(message: str, param: str = "", code: str = "") -> Refusal:
    """The request makes no sense."""
    return Refusal(400, message, param=param, code=code)


def missing(noun: str, identifier: str, param: str = "id") -> Refusal:
    """The request names something that the account does not hold."""
    return Refusal(
        404 if param == "id" else 400,
        f"No such {noun}: '{identifier}'",
        code="resource_missing",
        param=param,
    )


def wrong_state(message: str, code: str = "", param: str = "") -> Refusal:
    """The object is not in a state that allows it."""
    return Refusal(400, message, code=code, param=param)
