"""How Paddle says no: `{error: {type, code, detail, documentation_url, errors?}, meta}`.

Source: developer.paddle.com/errors. The codes and status codes are Paddle's.
"""

from __future__ import annotations

from .shapes import Document

DOCUMENTATION = "https://developer.paddle.com/errors"
REQUEST_ERROR, API_ERROR = "request_error", "api_error"

_GROUPS = (
    "adjustment",
    "subscription",
    "transaction",
    "customer",
    "discount",
    "notification",
    "price",
    "product",
)


class Refusal(Exception):
    """An answer that says no. `retry_after_seconds` for 429."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: tuple[tuple[str, str], ...] = (),
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status, self.code, self.detail = status, code, detail
        self.errors, self.retry_after_seconds = errors, retry_after_seconds

    def document(self) -> Document:
        """The error object."""
        group = self.code.split("_", 1)[0]
        page = f"{group}s" if group in _GROUPS else "shared"
        rate = self.code == "too_many_requests"
        error: Document = {
            "type": API_ERROR if rate or self.status >= 500 else REQUEST_ERROR,  # noqa: PLR2004
            "code": self.code,
            "detail": self.detail,
            "documentation_url": f"{DOCUMENTATION}/{page}/{self.code}",
        }
        if self.errors:
            error["errors"] = [{"field": name, "message": message} for name, message in self.errors]
        return error


def bad(code: str, detail: str) -> Refusal:
    """400: the request cannot be carried out."""
    return Refusal(400, code, detail)


def field(name: str, message: str) -> Refusal:
    """400: a field is missing or not acceptable."""
    return Refusal(400, "invalid_field", "Request does not pass validation.", errors=((name, message),))


def missing(identifier: str) -> Refusal:
    """404: there is no such entity."""
    return Refusal(404, "not_found", f"Entity {identifier} not found")


def conflict(code: str, detail: str) -> Refusal:
    """409: it stands against something that is there."""
    return Refusal(409, code, detail)
