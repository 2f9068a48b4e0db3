"""Money that goes back in the simulated provider: refunds, and what banks hold back."""

from __future__ import annotations

from purchase_core.instants import HOUR
from purchase_core.testing.simulation.provider.account import Account, Refusal
from purchase_core.testing.simulation.provider.objects import Bare, Dispute, Invoice, Refund

DECIDES_HOURS = 20


def refund(account: Account, invoice: Invoice, amount: int | None, metadata: dict[str, str]) -> Refund:
    """Pay back an invoice, or part of it. Raises Refusal."""
    book, approval = account.book, account.dialect.capabilities.refund_approval
    if invoice.status != "paid" or not invoice.paid:
        raise Refusal(f"{invoice.id} is {invoice.status}")
    left = invoice.paid - book.gone(invoice.id)
    wanted = left if amount is None else amount
    if approval and any(
        one.invoice == invoice.id and one.status == "pending" for one in book.refunds.values()
    ):
        raise Refusal("another refund of it waits for approval")
    if not 0 < wanted <= left:
        raise Refusal(f"{wanted} is not within what is left, {left}")
    pending = approval or account.asynchronous_refunds
    made = Refund(
        id=account.new("adj" if account.dialect.joint else "re"),
        at=0,
        metadata=metadata,
        invoice=invoice.id,
        amount=wanted,
        currency=invoice.currency,
        status="pending" if pending else "succeeded",
        decides_at=account.now() + DECIDES_HOURS * HOUR if pending else 0,
    )
    book.refunds[made.id] = made
    account.changed(made)
    _tell(account, "created", made)
    return made


def decide(account: Account, one: Refund, status: str) -> None:
    """What becomes of a refund: succeeded | rejected | failed. Raises Refusal."""
    allowed = {"pending": ("succeeded", "rejected", "failed", "canceled"), "succeeded": ("failed",)}
    if status not in allowed.get(one.status, ()):
        raise Refusal(f"{one.id} is {one.status}")
    one.status = status
    account.changed(one)
    _tell(account, "updated", one)


def dispute(account: Account, invoice: Invoice, amount: int) -> Dispute:
    """A bank holds money back: what is still there at most. Raises Refusal."""
    left = invoice.paid - account.book.gone(invoice.id)
    if invoice.status != "paid" or left <= 0:
        raise Refusal(f"nothing is left of {invoice.id}")
    made = Dispute(
        account.new("adj" if account.dialect.joint else "dp"),
        0,
        {},
        invoice.id,
        min(amount, left),
        invoice.currency,
        "open",
    )
    account.book.disputes[made.id] = made
    account.changed(made)
    _tell(account, "created", made)
    return made


def close(account: Account, one: Dispute, status: str) -> None:
    """A dispute is won or lost; a lost one can be opened again. Raises Refusal."""
    allowed = {"open": ("won", "lost"), "lost": ("open",)}
    if status not in allowed.get(one.status, ()):
        raise Refusal(f"{one.id} is {one.status}")
    one.status = status
    account.changed(one)
    _tell(account, "closed", one)


def _tell(account: Account, what: str, one: Refund | Dispute) -> None:
    if account.dialect.joint:
        account.tell(f"adjustment.{what}", one)
        return
    kind = "refund" if isinstance(one, Refund) else "dispute"
    account.tell(f"{kind}.{what}", Bare(one.id, one.at, {}, kind))
