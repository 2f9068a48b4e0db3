"""`purchase credits` and `purchase usage`: what they show, what they ask, and how they end."""

from __future__ import annotations

import json

from msgspec.structs import replace

from purchase_core.cli.exit_codes import DIFFERENCES, FAILED, USAGE

from .conftest import App

GRANT = ("credits", "grant", "ana", "ai", "100", "--yes", "--json", "--key")


def test_a_wallet_is_granted_adjusted_shown_and_verified(app: App) -> None:
    """Each under a key, so that running it again does nothing more."""
    for _ in range(2):
        granted = app.run(*GRANT, "g1")
        assert (granted.code, json.loads(granted.out)["balance"]) == (0, 100)
    adjusted = app.run("credits", "adjust", "ana", "ai", "-30", "--reason", "an error", "--yes", "--json")
    assert (adjusted.code, json.loads(adjusted.out)["balance"]) == (0, 70)
    wallet = app.run("credits", "wallet", "ana", "ai", "--json")
    told = json.loads(wallet.out)
    assert (told["spendable"], told["live"], told["debt"], told["held"]) == (70, 70, 0, 0)
    assert [lot["left"] for lot in told["lots"]] == [70]
    history = app.run("credits", "history", "ana", "--json")
    moved = json.loads(history.out)["history"]
    assert [(one["kind"], one["reason"]) for one in moved] == [("grant", ""), ("adjust", "an error")]
    shown = app.run("credits", "history", "ana")
    assert "spent +30, lot -30" in " ".join(shown.out.split())
    assert "70" in app.run("credits", "wallet", "ana", "ai").out
    verified = app.run("credits", "verify", "ana", "nobody")
    assert (verified.code, verified.out.count("yes")) == (0, 2)


def test_it_asks_before_it_gives_and_wants_a_reason_to_adjust(app: App) -> None:
    """Where nobody can be asked, --yes must be said."""
    assert app.run("credits", "grant", "ana", "ai", "5").code == USAGE
    assert app.run("credits", "adjust", "ana", "ai", "5", "--yes").code == USAGE
    assert app.run("credits", "adjust", "ana", "ai", "5", "--reason", " ", "--yes").code == USAGE
    refused = app.run("credits", "adjust", "ana", "ai", "-5", "--reason", "x", "--yes", "--json")
    assert (refused.code, json.loads(refused.out)["error"]["code"]) == (FAILED, "exceeds_balance")
    assert not app.database.movements


def test_a_unit_that_no_offer_has_may_be_misspelt_and_that_is_said(app: App) -> None:
    """It is not refused: a unit may be the application's alone."""
    asked = app.run("credits", "wallet", "ana", "aii")
    assert "No offer of the catalog has 'aii': check the spelling." in asked.err
    given = app.run("credits", "grant", "ana", "aii", "5", "--yes")
    assert (given.code, "check the spelling" in given.err) == (0, True)
    assert "check the spelling" not in app.run("credits", "wallet", "ana", "aii").err
    assert "check the spelling" in app.run("credits", "adjust", "ana", "a", "5", "--reason", "x").err


def test_a_journal_that_was_meddled_with_does_not_verify(app: App) -> None:
    """Whoever changes an amount, takes a movement out, or writes another balance is found."""
    for key in ("g1", "g2"):
        app.run(*GRANT, key)
    movements, ledger = dict(app.database.movements), dict(app.database.ledger)
    app.run("credits", "adjust", "ana", "ai", "-30", "--reason", "an error", "--yes", "--key", "a")
    after = dict(app.database.movements)
    first = after["grant:g1"]
    forged = replace(first, legs=tuple(replace(leg, amount=leg.amount * 2) for leg in first.legs))
    for wrong in (
        {**after, "grant:g1": forged},
        {k: v for k, v in after.items() if k != "grant:g1"},
        movements,
    ):
        app.database.movements = wrong
        ended = app.run("credits", "verify", "ana")
        assert (ended.code, "no" in ended.out) == (DIFFERENCES, True)
        assert "customer:ana" in ended.err
    app.database.movements, app.database.ledger = after, ledger
    assert app.run("credits", "verify", "ana", "--json").code == DIFFERENCES


def test_quotas_are_shown_with_what_was_used(app: App) -> None:
    """In the window that is open."""
    assert "No quotas." in app.run("usage", "show", "ana").err
    told = app.run("usage", "show", "ana", "--json")
    assert json.loads(told.out)["usage"] == []
