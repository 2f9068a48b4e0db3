"""Checkout sessions: opened by the application, paid on the hosted page, expired by anybody or by time."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import attrs

from purchase_core.instants import SECOND, Instant
from purchase_core.money import MINOR_MAX

from .billing import bill_session
from .book import Book
from .cards import AUTHENTICATION_FAILED, CARDS, NO_CARD
from .objects import Customer, Discount, Price, Session
from .refusal import Refusal, invalid, wrong_state
from .requests import EXPIRY_SECONDS_MAX, EXPIRY_SECONDS_MIN, MakeSession
from .subscriptions import subscribe

_HOST = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")
UNKNOWN_CODE = "unknown_code"
MODES = ("subscription", "payment")


def open_session(book: Book, request: MakeSession, page: str) -> Session:
    """Open a checkout page. `page` is the address of this sandbox's pages, to which the id is added."""
    price = book.get(Price, request.price)
    if not price.active:
        raise invalid("the price is archived")
    if request.customer:
        book.get(Customer, request.customer)
    if request.discount:
        book.get(Discount, request.discount)
    if request.mode not in MODES or (request.mode == "subscription") != (price.interval is not None):
        raise invalid("mode must be subscription for a price with an interval, and payment for one without")
    if not request.trial_days and not request.card_required:
        raise invalid("only a trial can begin without a card")
    if request.trial_days and request.mode != "subscription":
        raise invalid("only a subscription has a trial")
    if price.unit_amount * request.quantity > MINOR_MAX:
        raise invalid("the total is too large")
    for url in (request.success_url, request.cancel_url):
        check_url(url)
    identifier = book.new_id("cs")
    session = Session(
        id=identifier,
        url=page + identifier,
        mode=request.mode,
        price=price.id,
        quantity=request.quantity,
        trial_days=request.trial_days,
        card_required=request.card_required,
        customer=request.customer,
        email=request.email,
        discount=request.discount,
        promotion_codes=request.promotion_codes,
        locale=request.locale,
        success_url=request.success_url.replace("{CHECKOUT_SESSION_ID}", identifier),
        cancel_url=request.cancel_url.replace("{CHECKOUT_SESSION_ID}", identifier),
        expires_at=_expiry(book.clock.now(), request.expires_at),
        metadata=request.metadata,
    )
    return book.tell("checkout.session.created", session)


def expire_session(book: Book, identifier: str, at: Instant | None = None) -> Session:
    """Make an open session unpayable. Raises Refusal if it is paid or expired."""
    session = _open(book, identifier)
    return book.tell("checkout.session.expired", attrs.evolve(session, status="expired"), at)


def pay(book: Book, identifier: str, card: str, *, authenticated: bool = False, code: str = "") -> Session:
    """The buyer pays with a test card. Raises Refusal (402) if the card does not pay.

    A card with a challenge pays once the buyer is `authenticated`. `code` is a promotion code.
    """
    session = _open(book, identifier)
    percent_off = share_off(book, session, code)
    if card == NO_CARD and not session.card_required:
        return _complete(book, session, card, percent_off)
    if card not in CARDS:
        raise invalid("no such test card")
    chosen = CARDS[card]
    if chosen.challenge and not authenticated:
        raise Refusal(402, "authentication_required", "the card asks for 3-D Secure")
    if chosen.refusal:
        raise decline(book, identifier, chosen.refusal)
    return _complete(book, session, card, percent_off)


def _complete(book: Book, session: Session, card: str, percent_off: int) -> Session:
    price = book.get(Price, session.price)
    at = book.clock.now()
    if not session.customer:
        guest = book.tell(
            "customer.created", Customer(id=book.new_id("cus"), email=session.email, metadata={}), at
        )
        session = attrs.evolve(session, customer=guest.id)
    subscription = subscribe(book, session, price, card, at) if session.mode == "subscription" else None
    invoice = bill_session(book, session, price, subscription, percent_off, at)
    if subscription:
        subscription = book.tell(
            "subscription.created", attrs.evolve(subscription, latest_invoice=invoice.id), at
        )
    complete = attrs.evolve(
        session,
        status="complete",
        payment_status="no_payment_required" if session.trial_days else "paid",
        subscription=subscription.id if subscription else None,
        invoice=invoice.id,
        last_error=None,
    )
    return book.tell("checkout.session.completed", complete, at)


def decline(book: Book, identifier: str, code: str = AUTHENTICATION_FAILED) -> Refusal:
    """Note that a card did not pay, and return the refusal. The session stays open."""
    session = _open(book, identifier)
    book.tell("checkout.session.payment_failed", attrs.evolve(session, last_error=code))
    return Refusal(402, code, "the card did not pay")


def _open(book: Book, identifier: str) -> Session:
    session = book.get(Session, identifier)
    if session.status != "open":
        raise wrong_state(f"the session is {session.status}")
    return session


def share_off(book: Book, session: Session, code: str) -> int:
    """The percentage that is let off: for the code that was typed, or by the session's own discount.

    Raises Refusal if there is no such code, or the page takes none.
    """
    if code:
        if not session.promotion_codes:
            raise invalid("this page takes no codes")
        for one in book.all(Discount):
            if one.code == code:
                return one.percent_off
        raise Refusal(400, UNKNOWN_CODE, "there is no such code")
    return book.get(Discount, session.discount).percent_off if session.discount else 0


def _expiry(now: Instant, asked: int | None) -> Instant:
    ends = now + EXPIRY_SECONDS_MAX * SECOND if asked is None else asked
    if not EXPIRY_SECONDS_MIN * SECOND <= ends - now <= EXPIRY_SECONDS_MAX * SECOND:
        raise invalid("a session is open for a minute at least and a day at most")
    return Instant(ends)


def check_url(url: str) -> None:
    """Refuse an address that a browser should not be sent to."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise invalid("an address cannot be read") from None
    # The host is written into a security policy, so only characters of hosts may stand there.
    web = parts.scheme in ("http", "https") and _HOST.fullmatch(parts.netloc)
    if not web or not url.isprintable() or " " in url or "\\" in url:
        raise invalid("an address to return to must be one of a web page")
