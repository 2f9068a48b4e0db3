"""How an account says no."""

from __future__ import annotations

INVALID = "invalid_request"


class Refusal(Exception):  # an answer to a request, not a mistake of this code
    """A request that was understood and refused. `code` is for programs, `message` for people."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def invalid(message: str) -> Refusal:
    """The request makes no sense."""
    return Refusal(400, INVALID, message)


def missing(what: str) -> Refusal:
    """The request names something that the account does not hold."""
    return Refusal(404, "not_found", f"no such {what}")


def wrong_state(message: str) -> Refusal:
    """The object is not in a state that allows it."""
    return Refusal(400, "wrong_state", message)
